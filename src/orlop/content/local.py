"""What all local places share: entries with names, blobs by digest, and a Source made of the two.

A place lists its entries and opens a blob, both blocking; looking names up, reading manifests, streaming with
verification, tags and referrers are here.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.content.base import Resolved, Source
from orlop.content.names import only, standing, tag_of, tagged, wanted
from orlop.content.verify import verified
from orlop.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidManifestError,
    LimitError,
    ManifestNotFoundError,
    SizeMismatchError,
    TruncatedError,
)
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import MANIFEST_LIMIT, Index, parse_manifest
from orlop.model.mediatype import is_manifest
from orlop.model.reference import Tag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from orlop.content.base import ByteStream
    from orlop.content.names import Entry
    from orlop.content.reader import Reader
    from orlop.model.manifest import Manifest
    from orlop.runtime import Runtime

CHUNK = 256 * 1024
"""Bytes of a blob that are read at once: few enough to be in a core's cache while they are hashed and inflated."""
WALK_LIMIT = 100_000
"""Manifests of one place that are looked through for referrers."""

_NO_MANIFEST = "the content of this digest is no manifest"


class Place(Source):
    """What a locator names: a Source which gives its names a meaning, and is closed in the end."""

    @abstractmethod
    async def settle(self, name: str = "") -> Tag | Digest:
        """Return what a name of a locator means; the only image's without a name.

        Raises InputError when several are meant, ManifestNotFoundError for none.
        """

    @abstractmethod
    async def size_of(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes, None where that is not known before it is read. Raises BlobNotFoundError."""

    def close(self) -> None:
        """Let go of open files."""
        return


class LocalSource(Place):
    """A place on this machine whose index lists descriptors.

    name: what to call it. runtime: runs what blocks. manifest_limit: the largest manifest, in bytes.
    """

    def __init__(self, name: str, runtime: Runtime, manifest_limit: int = MANIFEST_LIMIT) -> None:
        self._name, self._runtime, self._manifest_limit = name, runtime, manifest_limit
        self._walked: tuple[Sequence[Entry], list[tuple[Digest, Descriptor]]] | None = None

    @property
    def name(self) -> str:
        """The locator of the place."""
        return self._name

    @abstractmethod
    def listed(self) -> Sequence[Entry]:
        """Return what the place's index lists, now; blocking."""

    @abstractmethod
    def _blob(self, digest: Digest) -> Reader:
        """Open a blob, blocking; nothing is verified. Raises BlobNotFoundError."""

    # --- names ---------------------------------------------------------------------------------

    async def entries(self) -> Sequence[Entry]:
        """Return what the place's index lists, with the names as they are written there."""
        return await self._runtime.run(self.listed)

    async def names(self) -> AsyncIterator[str]:
        """See Source. An entry with two names gives the longer one, an entry without any none."""
        for name in dict.fromkeys(entry.name for entry in await self._runtime.run(self._named) if entry.names):
            yield name

    def _named(self) -> Sequence[Entry]:
        """Return entries of which the names count, and the digests only tell one from another."""
        return self.listed()

    async def settle(self, name: str = "") -> Digest:
        """See Place."""
        return await self._runtime.run(self._settle, name)

    def _settle(self, name: str) -> Digest:
        entries = self.listed()
        if not name and len({entry.descriptor.digest for entry in entries}) > 1:
            entries = [entry for entry in standing(entries) if entry.names or not self._refers(entry)] or entries
        return wanted(entries, name, self._name).descriptor.digest

    def _refers(self, entry: Entry) -> bool:
        """Whether it is about another manifest."""
        try:
            return self._read(entry.descriptor.digest).subject is not None
        except (IntegrityError, ManifestNotFoundError, LimitError):
            return False

    def _entry(self, name: Tag | Digest) -> Entry:
        entries = self.listed()
        if isinstance(name, Tag):
            return tagged(entries, name, self._name)
        return only([entry for entry in entries if entry.descriptor.digest == name], str(name), self._name)

    async def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """Yield the tags: names that are tags, and the tags of names that are whole references, in order of the index."""
        texts: dict[str, None] = {}
        for entry in await self._runtime.run(self._named):
            texts.update(dict.fromkeys(tag_of(own) for own in entry.names))
        texts.pop("", None)
        known = list(texts)
        start = known.index(after) + 1 if after in texts else 0
        for text in known[start : None if limit is None else start + limit]:
            yield Tag(text)

    # --- manifests -----------------------------------------------------------------------------

    async def resolve(self, name: Tag | Digest) -> Resolved:
        """See Source. ``seen`` says ``names``, as the place writes them."""
        return await self._runtime.run(self._resolve, name)

    def _resolve(self, name: Tag | Digest) -> Resolved:
        try:
            entry = self._entry(name)
        except ManifestNotFoundError:
            if isinstance(name, Tag):
                raise
            found = self._read(name)
            return Resolved(Descriptor(found.media_type, found.digest, len(found.raw)))
        described = entry.descriptor
        seen = {"names": ", ".join(entry.names)} if entry.names else {}
        if not is_manifest(described.media_type):
            described = self._read(described.digest, described.media_type).descriptor
        return Resolved(Descriptor(described.media_type, described.digest, described.size), seen)

    async def manifest(self, name: Tag | Digest) -> Manifest:
        """See Source."""
        return await self._runtime.run(self._manifest, name)

    def _manifest(self, name: Tag | Digest) -> Manifest:
        try:
            described = self._entry(name).descriptor
        except ManifestNotFoundError:
            if isinstance(name, Tag):
                raise
            return self._read(name)
        return self._read(described.digest, described.media_type)

    def _read(self, digest: Digest, media_type: str | None = None) -> Manifest:
        """Return a manifest. media_type: what an index says it is; None for one that was asked by digest alone."""
        what = f"manifest {digest} of {self._name}"
        try:
            reader = self._blob(digest)
        except BlobNotFoundError as error:
            reason = error.reason if media_type is None else "the index lists it, and its content is not there"
            raise ManifestNotFoundError(str(digest), self._name, reason) from None
        try:
            raw = reader.whole(self._manifest_limit, what)
        finally:
            reader.close()
        stated = media_type if media_type and is_manifest(media_type) else ""  # tools have written other types there
        try:
            found = parse_manifest(raw, stated, expected=digest, limit=self._manifest_limit, what=what)
        except InvalidManifestError:
            if media_type is not None:
                raise
            raise ManifestNotFoundError(str(digest), self._name, _NO_MANIFEST) from None
        if media_type is None and found.kind == "unknown" and "mediaType" not in found.document:
            raise ManifestNotFoundError(str(digest), self._name, _NO_MANIFEST)
        return found

    # --- blobs ---------------------------------------------------------------------------------

    async def has(self, what: Descriptor) -> bool:
        """See Source."""
        return await self._runtime.run(self._has, what)

    def _has(self, what: Descriptor) -> bool:
        try:
            reader = self._blob(what.digest)
        except BlobNotFoundError:
            return False
        reader.close()
        return reader.size == what.size

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[ByteStream]:
        """See Source."""
        digest = what if isinstance(what, Digest) else what.digest
        reader = await self._runtime.run(self._blob, digest)
        try:
            named = f"blob {digest} of {self._name}"
            if isinstance(what, Descriptor) and what.size >= 0 and what.size != reader.size:
                kind = TruncatedError if reader.size < what.size else SizeMismatchError
                raise kind(named, what.size, reader.size)
            end = reader.size if stop is None else min(stop, reader.size)
            chunks = self._chunks(reader, named, start, end)
            yield verified(chunks, named, digest, reader.size) if start == 0 and end == reader.size else chunks
        finally:
            reader.close()

    async def _chunks(self, reader: Reader, what: str, start: int, stop: int) -> ByteStream:
        while start < stop:
            data = await self._runtime.run(reader.read, start, min(CHUNK, stop - start))
            if not data:
                raise TruncatedError(what, stop, start)
            start += len(data)
            yield data

    async def size_of(self, digest: Digest) -> int:
        """See Place."""
        reader = await self._runtime.run(self._blob, digest)
        reader.close()
        return reader.size

    # --- referrers -----------------------------------------------------------------------------

    async def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """See Source. Looked for in the index and in the indexes below it, and in the fallback tag that tools write.

        Rule: image-spec 1.1, image-layout.md; distribution-spec 1.1, "Referrers Tag Schema".
        """
        for found in await self._runtime.run(self._referrers, subject):
            if artifact_type is None or found.artifact_type == artifact_type:
                yield found

    def _referrers(self, subject: Digest) -> list[Descriptor]:
        entries = self._roots()
        if self._walked is None or self._walked[0] != entries:
            pairs = ((manifest.subject, manifest) for manifest in self.walk(entries))
            self._walked = (entries, [(about.digest, _referrer(one)) for about, one in pairs if about is not None])
        found = {one.digest: one for about, one in self._walked[1] if about == subject}
        fallback = f"{subject.algorithm}-{subject.hex}"
        for entry in entries:
            if fallback in entry.names:
                listed = self._read(entry.descriptor.digest, entry.descriptor.media_type)
                for child in listed.children() if isinstance(listed, Index) else ():
                    found.setdefault(child.digest, child)
        return list(found.values())

    def _roots(self) -> Sequence[Entry]:
        """Return the entries that every manifest of the place is reached from."""
        return self.listed()

    def walk(self, entries: Sequence[Entry]) -> Iterator[Manifest]:
        """Yield every manifest that the entries lead to and that is here and sound, each once."""
        waiting = [entry.descriptor for entry in entries][::-1]
        seen: set[Digest] = set()
        while waiting:
            described = waiting.pop()
            if described.digest in seen:
                continue
            seen.add(described.digest)
            if len(seen) > WALK_LIMIT:
                raise LimitError(self._name, "manifests looked through", WALK_LIMIT)
            try:
                manifest = self._read(described.digest, described.media_type)
                manifest.validate()
            except (ManifestNotFoundError, IntegrityError):
                continue  # a part of an image, or damaged: whoever asks for that very manifest is told
            if isinstance(manifest, Index):
                waiting += manifest.children()
            yield manifest


def _referrer(manifest: Manifest) -> Descriptor:
    """Return the manifest as a list of referrers names it (distribution-spec 1.1, "Listing Referrers")."""
    size, artifact_type = len(manifest.raw), manifest.referrer_type
    return Descriptor(manifest.media_type, manifest.digest, size, manifest.annotations, artifact_type=artifact_type)
