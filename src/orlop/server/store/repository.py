"""One repository of the store, as a ``Target`` and as what the server needs beyond that."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.content.base import Pushed, Resolved, Target
from orlop.content.verify import verified
from orlop.errors import (
    BlobNotFoundError,
    LimitError,
    ManifestNotFoundError,
    NotFoundError,
    RepositoryNotFoundError,
    SizeMismatchError,
)
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import parse_manifest
from orlop.model.mediatype import is_foreign, is_manifest
from orlop.model.reference import Tag

from .metadata import Referrer, StoredManifest
from .pages import PAGE, paged
from .trouble import storage_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orlop.content.base import ByteStream, Content
    from orlop.model.manifest import Manifest
    from orlop.model.reference import RepositoryName

    from .blobs import BlobReader
    from .store import Store
    from .uploads import Upload

CHUNK = 1024 * 1024
"""How much of a blob is read at once, in bytes."""

_FALLBACK_TAG = re.compile(r"(sha256|sha512)-[0-9a-f]{64}\Z", re.ASCII)


class StoredRepository(Target):
    """One repository of a store."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name

    @property
    def name(self) -> str:
        """The repository's name, without a registry."""
        return self._name

    # --- manifests ------------------------------------------------------------------------------

    def stored(self, name: Tag | Digest) -> StoredManifest:
        """Return the manifest as it was pushed. Raises ManifestNotFoundError."""
        text = str(name)
        found = self._store.metadata.manifest(self._name, text)
        if found is None:
            raise ManifestNotFoundError(text, self._name)
        return found

    async def resolve(self, name: Tag | Digest) -> Resolved:
        """Return what the name points to. Raises ManifestNotFoundError."""
        found = self.stored(name)
        return Resolved(Descriptor(found.media_type, Digest(found.digest), len(found.body)))

    async def manifest(self, name: Tag | Digest) -> Manifest:
        """Return the manifest. Raises ManifestNotFoundError, DigestMismatchError."""
        found = self.stored(name)
        digest = Digest(found.digest)
        return parse_manifest(found.body, found.media_type, expected=digest, limit=self._store.manifest_limit)

    async def put(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Store a manifest and point the tags at it, in one transaction.

        Raises InvalidManifestError; BlobNotFoundError or ManifestNotFoundError when the repository does not hold what
        the manifest names. Nothing is stored then.
        """
        await self._store.work(f"storing a manifest in {self._name}", self.put_now, manifest, tags)

    def put_now(self, manifest: Manifest, tags: Sequence[Tag] = ()) -> None:
        """Do what ``put`` does, blocking."""
        manifest.validate()
        blobs, manifests = self._needed(manifest)
        missing = self._store.metadata.put_manifest(
            self._name,
            StoredManifest(manifest.digest.value, manifest.media_type, manifest.raw),
            tags=[str(tag) for tag in tags],
            referrers=_referrers(manifest, tags),
            blobs=blobs,
            manifests=manifests,
        )
        if missing is not None:
            kind = ManifestNotFoundError if missing in manifests else BlobNotFoundError
            raise kind(missing, self._name, "the manifest names it, and it was not pushed")

    def _needed(self, manifest: Manifest) -> tuple[list[str], list[str]]:
        """Return the blobs and the manifests that have to be here before the manifest."""
        blobs: list[str] = []
        manifests: list[str] = []
        for child in manifest.children():
            if is_manifest(child.media_type):
                manifests.append(str(child.digest))
            elif not child.urls and not is_foreign(child.media_type):  # foreign layers are fetched from elsewhere
                blobs.append(str(child.digest))
        if manifest.kind == "index" and self._store.allow_missing_children:
            return [], []
        return blobs, manifests

    # --- blobs ----------------------------------------------------------------------------------

    async def blob(self, digest: Digest) -> BlobReader:
        """Open a blob of the repository; the caller closes it. Raises BlobNotFoundError."""
        if self._store.metadata.linked(self._name, str(digest)) is None:
            raise BlobNotFoundError(str(digest), self._name)
        return await self._store.work(f"reading {digest}", self._store.blobs.open, digest)

    async def has(self, what: Descriptor) -> bool:
        """Whether the content is there."""
        metadata, digest = self._store.metadata, str(what.digest)
        if is_manifest(what.media_type):
            return metadata.manifest(self._name, digest) is not None
        return metadata.linked(self._name, digest) is not None

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[ByteStream]:
        """See Source. Manifests can be opened too."""
        digest = what if isinstance(what, Digest) else what.digest
        if isinstance(what, Descriptor) and is_manifest(what.media_type):
            body = self.stored(digest).body
            yield _once(body[start:stop])
            return
        reader = await self.blob(digest)
        try:
            if isinstance(what, Descriptor) and what.size != reader.size:
                raise SizeMismatchError(f"blob {digest}", what.size, reader.size)
            chunks = self._chunks(reader, start, reader.size if stop is None else min(stop, reader.size))
            whole = start == 0 and (stop is None or stop >= reader.size)
            yield verified(chunks, f"blob {digest}", digest, reader.size) if whole else chunks
        finally:
            reader.close()

    async def _chunks(self, reader: BlobReader, start: int, stop: int) -> ByteStream:
        while start < stop:
            data = await self._store.work("reading a blob", reader.read, start, min(CHUNK, stop - start))
            if not data:
                return
            start += len(data)
            yield data

    async def mount(self, digest: Digest, sources: Sequence[RepositoryName] | None) -> bool:
        """Take a blob over from another repository of the store; return whether one had it.

        sources: where to look; None is everywhere.
        """
        metadata, text = self._store.metadata, str(digest)
        if sources is None:
            size = metadata.linked_anywhere(text)
        else:
            sizes = (metadata.linked(str(source), text) for source in sources)
            size = next((size for size in sizes if size is not None), None)
        if size is None:
            return False
        await self._store.work(f"mounting {digest}", metadata.link, self._name, text, size)
        return True

    # --- what a Target does ---------------------------------------------------------------------

    async def push(
        self,
        what: Descriptor,
        content: Content,
        *,
        tags: Sequence[Tag] = (),
        mount_from: Sequence[RepositoryName] = (),
    ) -> Pushed:
        """See Target."""
        if is_manifest(what.media_type):
            return await self._push_manifest(what, content, tags)
        if self._store.metadata.linked(self._name, str(what.digest)) is not None:
            return Pushed.PRESENT
        if await self.mount(what.digest, mount_from):
            return Pushed.MOUNTED
        upload = self._store.uploads.whole(self._name, algorithm=what.digest.algorithm)
        try:
            await self._fill(upload, what, content)
        except BaseException:
            upload.undo()
            raise
        await self._store.work(f"storing {what.digest}", upload.commit, what.digest)
        return Pushed.SENT

    async def _fill(self, upload: Upload, what: Descriptor, content: Content) -> None:
        async with content.open() as stream:
            async for data in stream:
                await self._store.work(f"storing {what.digest}", upload.write, data)
                if upload.size > what.size:
                    break
        if upload.size != what.size:
            raise SizeMismatchError(f"blob {what.digest}", what.size, upload.size)

    async def _push_manifest(self, what: Descriptor, content: Content, tags: Sequence[Tag]) -> Pushed:
        if what.size > self._store.manifest_limit:
            raise LimitError(f"manifest {what.digest}", "manifest_limit", self._store.manifest_limit)
        body = bytearray()
        async with content.open() as stream:
            async for data in stream:
                body += data
                if len(body) > what.size:
                    break
        if len(body) != what.size:
            raise SizeMismatchError(f"manifest {what.digest}", what.size, len(body))
        manifest = parse_manifest(bytes(body), what.media_type, expected=what.digest, limit=self._store.manifest_limit)
        present = self._store.metadata.manifest(self._name, str(what.digest)) is not None
        await self.put(manifest, tags)
        return Pushed.PRESENT if present else Pushed.SENT

    async def point(self, tags: Sequence[Tag], at: Descriptor) -> None:
        """Make the tags name a manifest that is there. Raises ManifestNotFoundError."""
        await self.put(await self.manifest(at.digest), tags)

    async def remove(self, name: Tag | Digest) -> None:
        """Remove a tag; or a manifest with every tag on it, or a blob, by digest. Raises NotFoundError."""
        metadata = self._store.metadata
        try:
            await self.remove_manifest(name)
        except NotFoundError:
            removed = isinstance(name, Digest) and await self._store.work(
                f"removing {name}", metadata.unlink, self._name, str(name)
            )
            if not removed:
                raise

    async def remove_manifest(self, name: Tag | Digest) -> None:
        """Remove a tag, or a manifest with every tag on it. Raises ManifestNotFoundError."""
        metadata = self._store.metadata
        remove = metadata.remove_manifest if isinstance(name, Digest) else metadata.remove_tag
        if not await self._store.work(f"removing {name}", remove, self._name, str(name)):
            raise ManifestNotFoundError(str(name), self._name)

    async def remove_blob(self, digest: Digest) -> None:
        """Remove a blob from this repository; others keep it. Raises BlobNotFoundError."""
        unlink = self._store.metadata.unlink
        if not await self._store.work(f"removing {digest}", unlink, self._name, str(digest)):
            raise BlobNotFoundError(str(digest), self._name)

    # --- lists ----------------------------------------------------------------------------------

    async def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """Yield the tags, in bytewise order. Raises RepositoryNotFoundError."""
        async for name in paged(self.tag_page, after, limit):
            yield Tag(name)

    def tag_page(self, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` tags after ``after``. Raises RepositoryNotFoundError."""
        with storage_errors(f"listing tags of {self._name}"):
            found = self._store.metadata.tags(self._name, after, limit)
            if not found and not self._store.metadata.has_repository(self._name):
                raise RepositoryNotFoundError(self._name, "this store")
            return found

    async def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """Yield the manifests whose ``subject`` is this digest, by digest."""
        after = ""
        while page := self.referrer_page(subject, artifact_type, after, PAGE):
            for _, text in page:
                yield Descriptor.from_json(json.loads(text), "referrer")
            after = page[-1][0]

    def referrer_page(
        self, subject: Digest, artifact_type: str | None, after: str, limit: int
    ) -> list[tuple[str, str]]:
        """Return up to ``limit`` pairs of digest and descriptor (JSON text) after the digest ``after``."""
        with storage_errors(f"listing referrers in {self._name}"):
            return self._store.metadata.referrers(self._name, str(subject), artifact_type, after, limit)

    # --- uploads --------------------------------------------------------------------------------

    def add_now(self, data: bytes, algorithm: str = "sha256") -> Digest:
        """Store bytes as a blob, blocking, and return its digest."""
        digest = Digest.of(data, algorithm)
        if self._store.metadata.linked(self._name, digest.value) is None:
            upload = self.whole_upload(algorithm)
            with storage_errors(f"storing {digest}"):
                upload.write(data)
                upload.commit(digest)
        return digest

    async def begin_upload(self) -> str:
        """Start an upload, and return its session."""
        return await self._store.work("starting an upload", self._store.uploads.begin, self._name)

    async def append(self, session: str, algorithm: str = "sha256") -> Upload:
        """Take the upload to add a chunk. Raises UploadNotFoundError, RegistryError when it is taken."""
        return self._store.uploads.append(self._name, session, algorithm=algorithm)

    def upload_status(self, session: str) -> int:
        """Return how many bytes the upload holds. Raises UploadNotFoundError."""
        return self._store.uploads.status(self._name, session)

    def whole_upload(self, algorithm: str) -> Upload:
        """Take an upload that is written and committed by one request."""
        return self._store.uploads.whole(self._name, algorithm=algorithm)

    async def cancel_upload(self, session: str) -> None:
        """End the upload and drop its bytes. Raises UploadNotFoundError."""
        await self._store.work("cancelling an upload", self._store.uploads.cancel, self._name, session)


def _referrers(manifest: Manifest, tags: Sequence[Tag]) -> list[Referrer]:
    """Return the entries that the manifest adds to referrers lists: its own, and those that a fallback tag lists."""
    found: list[Referrer] = []
    subject = manifest.subject
    if subject is not None:
        digest, artifact_type = manifest.digest.value, manifest.referrer_type
        entry: dict[str, object] = {"mediaType": manifest.media_type, "digest": digest, "size": manifest.size}
        if artifact_type:
            entry["artifactType"] = artifact_type
        if manifest.annotations:
            entry["annotations"] = dict(manifest.annotations)
        found.append(Referrer(subject.digest.value, digest, artifact_type, _compact(entry)))
    if manifest.kind == "index":
        for tag in tags:
            if not _FALLBACK_TAG.match(str(tag)):
                continue
            listed = str(tag).replace("-", ":", 1)
            found.extend(
                Referrer(listed, str(child.digest), child.artifact_type, _compact(child.to_json()), str(tag))
                for child in manifest.children()
            )
    return found


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


async def _once(data: bytes) -> ByteStream:
    yield data
