"""Answers what an inquiry wants, through sources: one HEAD for each tag, one GET for each document (Q1, Q4).

One Engine belongs to one run and is shared by all its checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orlop.errors import LimitError, ManifestNotFoundError, OrlopError, RepositoryNotFoundError
from orlop.freshness.asking import ChainMatch
from orlop.freshness.once import Once
from orlop.freshness.values import Absent, BaseName
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.reference import Reference, Repository, Tag

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orlop.content.base import Located, Resolved, Source
    from orlop.freshness.asking import Answer, Steps, Want
    from orlop.freshness.notebook import Notebook
    from orlop.freshness.values import PlatformImage
    from orlop.model.descriptor import Descriptor
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.manifest import Manifest
    from orlop.runtime import Runtime

T = TypeVar("T")

DOCUMENTS_ROOM = 64 * 1024 * 1024
"""Bytes of manifests and configs that a run keeps at hand; the cache, if there is one, keeps more."""
NAMES_ROOM = 100_000
"""Tags whose digests a run keeps in mind."""
TAGS_LIMIT = 100_000
"""Most tags of a repository that are looked at."""


class Place(NamedTuple):
    """Where a name is. key: of the repository or the local place, for telling places apart."""

    key: str
    source: Source
    name: Tag | Digest
    base: BaseName


class Trace:
    """What the answers to one inquiry hung on, beside documents that never change.

    places: names that can move, with the digest that each had. grows: whether something was asked that others may add to
    without any digest changing: referrers, known bases, tags. trouble: whether something could not be read. missed: whether something
    was not there.
    """

    __slots__ = ("grows", "missed", "places", "trouble")

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self.grows = self.trouble = self.missed = False

    def add(self, other: Trace) -> None:
        """Take over what another one hung on."""
        self.places.update(other.places)
        self.grows |= other.grows
        self.trouble |= other.trouble
        self.missed |= other.missed

    def note(self, absent: Absent) -> None:
        """Take note of what could not be had."""
        if absent.is_gone:
            self.missed = True
        elif absent.kind == "unreadable":
            self.trouble = True


class Engine:
    """Asks sources. open_: leads from a name to its source, as the client's ``open``. notebook: what earlier runs saw."""

    def __init__(
        self,
        open_: Callable[[str | Reference], Awaitable[Located]],
        runtime: Runtime,
        notebook: Notebook,
    ) -> None:
        self._open, self._runtime, self.notebook = open_, runtime, notebook
        self.shelf: dict[object, PlatformImage] = {}
        """What inquiries made of documents, for one another."""
        self._places: dict[BaseName, Place] = {}
        self._sources: dict[Repository, Source] = {}
        self._names: Once[Resolved] = Once(runtime, NAMES_ROOM)
        self._manifests: Once[Manifest] = Once(runtime, DOCUMENTS_ROOM, lambda manifest: manifest.size)
        self._configs: Once[ImageConfig] = Once(runtime, DOCUMENTS_ROOM, lambda config: len(config.raw))
        self._tags: Once[tuple[str, ...]] = Once(runtime, TAGS_LIMIT, len)

    # --- places and names ----------------------------------------------------------------------------

    async def place(self, base: BaseName) -> Place:
        """Return where a name leads. Raises what ``open`` raises; a registry is not asked yet."""
        known = self._places.get(base)
        if known is not None:
            return known
        if base.repository is None:
            at = await self._open(base.text)
            made = Place(base.text, at.source, at.name, base)
        else:
            source = self._sources.get(base.repository)
            if source is None:
                at = await self._open(Reference(base.repository, base.tag, base.digest))
                source = self._sources.setdefault(base.repository, at.source)
            made = Place(str(base.repository), source, base.digest or base.tag or Tag("latest"), base)
        if len(self._places) < NAMES_ROOM:
            self._places[base] = made
        return made

    async def resolve(self, place: Place) -> Resolved | Absent:
        """Return what a name points to now: one HEAD for all who ask in this run."""
        name = place.name

        async def ask() -> Resolved:
            try:
                return await place.source.resolve(name)
            except ManifestNotFoundError:
                if isinstance(name, Tag):
                    await self._need_repository(place)
                raise

        return await self._names.get(f"{place.key} {name.value}", ask)

    @staticmethod
    async def _need_repository(place: Place) -> None:
        """Raise RepositoryNotFoundError where it is more than a tag that is gone (V9), which a HEAD's answer cannot tell."""
        try:
            async for _ in place.source.tags(limit=1):
                break
        except RepositoryNotFoundError:
            raise
        except OrlopError:
            pass  # a list that is not to be had says nothing

    async def manifest(self, place: Place, digest: Digest) -> Manifest | Absent:
        """Return the manifest of a digest."""
        found = self._manifests.known(digest.value)
        if found is not None and not isinstance(found, Absent):
            return found
        # What one place does not have, another may.
        key = f"{place.key} {digest.value}"
        missing = self._manifests.known(key)
        if missing is not None:
            return missing

        async def fetch() -> Manifest:
            return await place.source.manifest(digest)

        made = await self._manifests.get(digest.value, fetch)
        if isinstance(made, Absent):
            self._manifests.drop(digest.value, made)
            self._manifests.keep(key, made)
        return made

    async def named(self, place: Place) -> tuple[Digest, Manifest] | Absent:
        """Return what a name points to now, and its manifest."""
        resolved = await self.resolve(place)
        if isinstance(resolved, Absent):
            return resolved
        digest = resolved.descriptor.digest
        manifest = await self.manifest(place, digest)
        if isinstance(manifest, Absent):
            return manifest
        return manifest.digest, manifest

    # --- wants ---------------------------------------------------------------------------------------

    async def run(self, steps: Steps[T], home: Place, trace: Trace) -> T:
        """Return the result of a computation that asks. home: where the image is that it is about."""
        answer: Answer | None = None
        try:
            while True:
                want = steps.send(answer)  # type: ignore[arg-type]  # a generator's first value is None
                answer = await self._answer(want, home, trace)
                if isinstance(answer, Absent):
                    trace.note(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _answer(self, want: Want, home: Place, trace: Trace) -> Answer:
        if want.kind == "chain":
            trace.grows = True
            return self._chain(want)
        try:
            place = home if want.place is None else await self.place(want.place)
        except OrlopError as error:
            return Absent.of(error)
        if want.kind == "manifest":
            digest = want.descriptor.digest if want.descriptor is not None else want.digest
            if digest is not None:
                return await self.manifest(place, digest)
            found = await self.named(place)
            if isinstance(found, Absent):
                return found
            trace.places[str(place.base)] = found[0].value
            return found[1]
        if want.kind == "config":
            return await self._config(place, want)
        if want.kind == "blob":
            try:
                return await self._bytes(place.source, want)
            except OrlopError as error:
                return Absent.of(error)
        trace.grows = True
        if want.kind == "referrers":
            return await self._referrers(place, want)
        return await self._family(place, want)

    async def _config(self, place: Place, want: Want) -> ImageConfig | Absent:
        descriptor = _descriptor(want)

        async def fetch() -> ImageConfig:
            raw = await self._bytes(place.source, want)
            return parse_config(raw, descriptor.media_type, expected=descriptor.digest)

        return await self._configs.get(descriptor.digest.value, fetch)

    @staticmethod
    async def _bytes(source: Source, want: Want) -> bytes:
        descriptor = _descriptor(want)
        parts: list[bytes] = []
        size = 0
        async with source.open(descriptor) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > want.limit:
                    raise LimitError(f"blob {descriptor.digest}", "limit", want.limit)
                parts.append(chunk)
        return b"".join(parts)

    @staticmethod
    async def _referrers(place: Place, want: Want) -> tuple[Descriptor, ...] | Absent:
        if want.digest is None:  # pragma: no cover  # referrers are of a digest
            raise TypeError
        found: list[Descriptor] = []
        try:
            async for entry in place.source.referrers(want.digest):
                found.append(entry)
                if len(found) >= want.limit:
                    break
        except OrlopError as error:
            return Absent.of(error)
        return tuple(found)

    def _chain(self, want: Want) -> tuple[ChainMatch, ...]:
        made = []
        for known in self.notebook.bases([digest.value for digest in want.chain]):
            repository = Repository.parse(known.repository)
            tag = Tag(known.tag) if known.tag else None
            base = BaseName(str(Reference(repository, tag)), repository, tag)
            made.append(ChainMatch(base, known.layers, Digest(known.platform_digest)))
        return tuple(made)

    # --- other tags ----------------------------------------------------------------------------------

    async def tags(self, place: Place) -> tuple[str, ...] | Absent:
        """Return all tags of the place's repository: asked once in a run, kept only when whole (T10)."""

        async def fetch() -> tuple[str, ...]:
            found = [tag.value async for tag in place.source.tags(limit=TAGS_LIMIT)]
            if len(found) < TAGS_LIMIT:
                self.notebook.keep_tags(place.key, found)
            return tuple(found)

        found = await self._tags.get(place.key, fetch)
        if isinstance(found, Absent):
            kept = self.notebook.kept_tags(place.key)
            if kept is not None:
                return tuple(kept)
        return found

    async def _family(self, place: Place, want: Want) -> tuple[BaseName, ...] | Absent:
        """Return digests that the tag was seen at, then tags of its family (C5)."""
        from orlop.freshness.families import walk

        base = place.base
        if base.repository is None or base.tag is None:
            return ()
        seen = self.notebook.history(str(base.repository), base.tag.value, platform_text(want.platform))
        names = [base.pinned(Digest(span.platform_digest)) for span in reversed(seen)]
        tags = await self.tags(place)
        if isinstance(tags, Absent):
            return tuple(dict.fromkeys(names)) or tags
        for text in walk(base.tag.value, tags, want.limit):
            reference = Reference(base.repository, Tag(text))
            names.append(BaseName(str(reference), base.repository, reference.tag))
        return tuple(dict.fromkeys(names))[: want.limit]


def platform_text(platform: object) -> str:
    """Return how a platform is written where it is kept; "" for none."""
    return "" if platform is None else str(platform)


def _descriptor(want: Want) -> Descriptor:
    if want.descriptor is None:  # pragma: no cover  # blobs and configs have one
        raise TypeError
    return want.descriptor
