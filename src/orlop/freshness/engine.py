"""Answers what an inquiry wants, through sources: one HEAD for each tag, one GET for each document (Q1, Q4).

One Engine belongs to one run and is shared by all its checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orlop.content.base import Resolved
from orlop.errors import LimitError, ManifestNotFoundError, OrlopError, RateLimitedError, RepositoryNotFoundError
from orlop.freshness.asking import ChainMatch
from orlop.freshness.once import Once
from orlop.freshness.values import Absent, BaseName, platform_text
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import parse_manifest
from orlop.model.reference import Reference, Repository, Tag

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from orlop.content.base import Located, Source
    from orlop.freshness.asking import Answer, Steps, Want
    from orlop.freshness.notebook import Notebook
    from orlop.freshness.values import PlatformImage
    from orlop.model.descriptor import Descriptor
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.manifest import Manifest
    from orlop.runtime import Runtime

T = TypeVar("T")

DOCUMENTS_ROOM = 64 * 1024 * 1024
"""Bytes of manifests, and of configs, that a run keeps at hand; the cache, if there is one, keeps more."""
BASES_ROOM = 1024
"""Manifests that a run keeps parsed. What one image alone has is not worth that memory."""
RESERVE = 0.2
"""The part of a registry's quota that a list of images leaves alone (Q5)."""
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
    was not there. stated: of stale images' bases, by platform digest, when they say that they were made.
    """

    __slots__ = ("grows", "missed", "places", "stated", "trouble")

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        self.stated: dict[str, list[tuple[str, float]]] = {}
        self.grows = self.trouble = self.missed = False

    def add(self, other: Trace) -> None:
        """Take over what another one hung on."""
        self.places.update(other.places)
        self.stated.update(other.stated)
        self.grows |= other.grows
        self.trouble |= other.trouble
        self.missed |= other.missed

    def note(self, absent: Absent) -> None:
        """Take note of what could not be had."""
        if absent.is_gone:
            self.missed = True
        elif absent.kind == "unreadable":
            self.trouble = True


class Quota(NamedTuple):
    """What a registry grants: ``limit`` requests for manifests in a while, ``remaining`` of them now; None where it does not say.

    counts: whether it counts them at all.
    """

    limit: int | None = None
    remaining: int | None = None
    counts: bool = False

    def is_short(self, reserve: float) -> bool:
        """Whether no more is left than this part, which is kept for others."""
        return self.limit is not None and self.remaining is not None and self.remaining <= self.limit * reserve


NO_QUOTA = Quota()


class Engine:
    """Asks sources. open_: leads from a name to its source, as the client's ``open``. notebook: what earlier runs saw.

    quota: what the registry of a repository grants, as far as it said. reserve: the part of it that is left alone, 0 for none.
    """

    def __init__(
        self,
        open_: Callable[[str | Reference], Awaitable[Located]],
        runtime: Runtime,
        notebook: Notebook,
        quota: Callable[[Repository], Quota] = lambda _: NO_QUOTA,
        *,
        reserve: float = RESERVE,
    ) -> None:
        self._reserve = reserve
        self._open, self._runtime, self.notebook, self._quota = open_, runtime, notebook, quota
        self.shelf: dict[object, PlatformImage] = {}
        """What inquiries made of documents, for one another."""
        self._places: dict[BaseName, Place] = {}
        self._sources: dict[Repository, Source] = {}
        self._names: Once[Resolved] = Once(runtime, NAMES_ROOM)
        self._raw: Once[tuple[str, bytes]] = Once(runtime, DOCUMENTS_ROOM, lambda document: len(document[1]))
        self._bases: Once[Manifest] = Once(runtime, BASES_ROOM)
        self._arrived: dict[str, Manifest] = {}
        self._first: dict[str, Place] = {}
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

    async def resolve(self, place: Place, *, known: bool = False) -> Resolved | Absent:
        """Return what a name points to now: one request for all who ask in this run. known: an earlier run saw what it points to."""
        key = f"{place.key} {place.name.value}"
        return self._names.known(key) or await self._names.get(key, lambda: self._asked(place, known=known))

    def seen(self, base: BaseName) -> Mapping[str, str]:
        """Return what the registry said beside the digest of a tag, where it was asked in this run."""
        place = self._places.get(base)
        found = None if place is None else self._names.known(f"{place.key} {place.name.value}")
        return found.seen if isinstance(found, Resolved) else {}

    async def _asked(self, place: Place, *, known: bool) -> Resolved:
        try:
            if known or not self._may_fetch(place):
                return await place.source.resolve(place.name)
            manifest = await place.source.manifest(place.name)
        except ManifestNotFoundError:
            if isinstance(place.name, Tag):
                await self._need_repository(place)
            raise
        self._keep(manifest)
        return Resolved(manifest.descriptor)

    def _may_fetch(self, place: Place) -> bool:
        """Whether a name is fetched without a HEAD before: no run has seen it, so that its manifest is most likely new as well.

        Not where manifests are counted (Q2), nor for further names of one repository, which may be of one digest (Q4).
        """
        base = place.base
        return (
            base.repository is not None
            and base.tag is not None
            and base.digest is None
            and self.notebook.keeps
            and (place.key in self._first or len(self._first) < NAMES_ROOM)
            and self._first.setdefault(place.key, place) is place
            and not self._quota(base.repository).counts
            and not self.notebook.knows(str(base.repository), base.tag.value)
        )

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

    # --- documents -----------------------------------------------------------------------------------

    def _keep(self, manifest: Manifest) -> None:
        key = manifest.digest.value
        self._raw.keep(key, (manifest.media_type, manifest.raw))
        if len(self._arrived) < BASES_ROOM:
            self._arrived[key] = manifest

    async def manifest(self, place: Place, digest: Digest, *, shared: bool) -> Manifest | Absent:
        """Return the manifest of a digest: one GET in this run. shared: many will ask for it, so that it is worth to stay parsed."""
        key = digest.value
        found = self._bases.known(key)
        if found is not None:
            return found
        fetched = self._arrived.pop(key, None)
        if fetched is None:
            # What one place does not have, another may.
            missing = self._raw.known(f"{place.key} {key}")
            if isinstance(missing, Absent):
                return missing

            async def fetch() -> tuple[str, bytes]:
                nonlocal fetched
                first = self._first.get(place.key)
                if first is not None and first is not place:
                    await self.resolve(first)  # it may be on its way with this very manifest
                    there = self._raw.known(key)
                    if there is not None and not isinstance(there, Absent):
                        return there
                self._check_quota(place)
                fetched = await place.source.manifest(digest)
                return fetched.media_type, fetched.raw

            stored = await self._raw.get(key, fetch)
            if isinstance(stored, Absent):
                self._raw.drop(key, stored)
                self._raw.keep(f"{place.key} {key}", stored)
                return stored
            if fetched is None:
                fetched = parse_manifest(stored[1], stored[0], expected=digest)
        if shared:
            self._bases.keep(key, fetched)
        return fetched

    async def named(self, place: Place, *, shared: bool) -> Manifest | Absent:
        """Return the manifest that a name points to now."""
        if isinstance(place.name, Digest):
            return await self.manifest(place, place.name, shared=shared)
        resolved = await self.resolve(place)
        if isinstance(resolved, Absent):
            return resolved
        manifest = await self.manifest(place, resolved.descriptor.digest, shared=shared)
        if not isinstance(manifest, Absent) or manifest.kind != "not-found":
            return manifest
        return await self._unlike(place)

    async def _unlike(self, place: Place) -> Manifest | Absent:
        """Return what a GET of a name answers where HEAD names a digest that is not there. The run goes on with that."""
        key = f"{place.key} {place.name.value}"

        async def fetch() -> tuple[str, bytes]:
            manifest = await place.source.manifest(place.name)
            self._keep(manifest)
            self._names.keep(key, Resolved(manifest.descriptor))
            return manifest.media_type, manifest.raw

        stored = await self._raw.get(key, fetch)
        return stored if isinstance(stored, Absent) else parse_manifest(stored[1], stored[0])

    def _check_quota(self, place: Place) -> None:
        """Raise RateLimitedError where the registry has little left to grant, which is for others (Q5)."""
        repository = place.base.repository
        if repository is None or not self._reserve:
            return
        quota = self._quota(repository)
        if quota.is_short(self._reserve):
            reason = f"{quota.remaining} of {quota.limit} requests are left, and kept for others"
            raise RateLimitedError("GET", place.key, 429, (), reason)

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
            return self._chain(want, home)
        try:
            place = home if want.place is None else await self.place(want.place)
        except OrlopError as error:
            return Absent.of(error)
        if want.kind == "manifest":
            shared = want.place is not None
            digest = want.descriptor.digest if want.descriptor is not None else want.digest
            if digest is not None:
                return await self.manifest(place, digest, shared=shared)
            found = await self.named(place, shared=shared)
            if not isinstance(found, Absent):
                trace.places[place.base.text] = found.digest.value
            return found
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

    def _chain(self, want: Want, home: Place) -> tuple[ChainMatch, ...]:
        """Return known bases (E10), but for the image's own name: what it was before is no base of it."""
        made = []
        own = home.base
        for known in self.notebook.bases([digest.value for digest in want.chain]):
            repository = Repository.parse(known.repository)
            tag = Tag(known.tag) if known.tag else None
            if repository == own.repository and tag == own.tag:
                continue
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


def _descriptor(want: Want) -> Descriptor:
    if want.descriptor is None:  # pragma: no cover  # blobs and configs have one
        raise TypeError
    return want.descriptor
