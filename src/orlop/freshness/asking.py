"""What a decision wants to read, as data: the decision yields a Want and is sent the Answer.

::

    steps = inquire(image)
    answer = None
    while True:
        want = steps.send(answer)     # StopIteration.value is the outcome
        answer = fetched(want)        # or Absent.of(error)

Whoever answers need not remember: each Want is yielded once in an inquiry, and may be answered from any store.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar

from orlop.errors import OrlopError
from orlop.freshness.values import Absent, BaseName
from orlop.model.descriptor import Descriptor
from orlop.model.imageconfig import ImageConfig, parse_config
from orlop.model.manifest import Manifest

if TYPE_CHECKING:
    from orlop.freshness.values import PlatformImage
    from orlop.model.digest import Digest
    from orlop.model.platform import Platform

SHELF = 4096
"""Most images that the inquiries of one run share."""
CONFIG_LIMIT = 16 * 1024 * 1024
"""Most bytes of an image config."""


class Want(NamedTuple):
    """One document or list, and where it is.

    kind and the answer to it, Absent for each where it cannot be had:

    - ``manifest``: a Manifest; of ``descriptor`` where there is one, else of ``digest``, else of what ``place`` names by its tag (or,
      being no registry, by its text).
    - ``config``: the ImageConfig of ``descriptor``.
    - ``blob``: the bytes of ``descriptor``, ``limit`` at most.
    - ``referrers``: the Descriptors that refer to ``digest``, as a tuple, the first ``limit``.
    - ``family``: BaseNames of ``place``'s repository that the image may have been built on, as a tuple: digests that its tag was seen at, newest
      first, then tags of its family from the newest down; ``limit`` at most.
    - ``chain``: ChainMatches among ``chain``, as a tuple, the longest first.

    place: None is where the image is that the inquiry is about. platform: which one of an index matters.
    """

    kind: Literal["manifest", "config", "blob", "referrers", "family", "chain"]
    place: BaseName | None = None
    digest: Digest | None = None
    descriptor: Descriptor | None = None
    platform: Platform | None = None
    limit: int = 0
    chain: tuple[Digest, ...] = ()

    def __hash__(self) -> int:
        # Descriptors and platforms take long to hash, and tell little that the digest does not.
        digest = self.descriptor.digest if self.descriptor is not None else self.digest
        return hash((self.kind, self.place, digest))


class ChainMatch(NamedTuple):
    """A known base whose layers are the image's first ``depth`` ones. digest: of the base's platform manifest, where known."""

    base: BaseName
    depth: int
    digest: Digest | None = None


Answer: TypeAlias = (
    "Manifest | ImageConfig | bytes | tuple[Descriptor, ...] | tuple[BaseName, ...] | tuple[ChainMatch, ...] | Absent"
)
T = TypeVar("T")
Steps: TypeAlias = Generator[Want, "Answer", T]
"""A computation that asks, and returns a T."""


class Desk:
    """Asks once for each thing, and knows what was answered. One belongs to one inquiry.

    shelf: what was made of documents and holds for every inquiry, shared by those of one run; bounded by SHELF.
    """

    def __init__(self, shelf: dict[object, PlatformImage] | None = None) -> None:
        self._answers: dict[Want, Answer] = {}
        self._shelf = {} if shelf is None else shelf

    def shelved(self, key: object) -> PlatformImage | None:
        """Return what was made of the documents that the key names, or None."""
        return self._shelf.get(key)

    def shelve(self, key: object, image: PlatformImage) -> PlatformImage:
        """Keep for others what was made of documents: images with their place, which many are built on."""
        if len(self._shelf) < SHELF:
            self._shelf[key] = image
        return image

    def manifest(
        self, place: BaseName | None, digest: Digest | None = None, descriptor: Descriptor | None = None
    ) -> Steps[Manifest | Absent]:
        """Return a manifest. Raises TypeError for an answer of another kind, as all of these do."""
        answer = yield from self._ask(Want("manifest", place, digest, descriptor))
        if isinstance(answer, Manifest | Absent):
            return answer
        raise _wrong("manifest", answer)

    def config(self, place: BaseName | None, descriptor: Descriptor) -> Steps[ImageConfig | Absent]:
        """Return an image's config, out of its descriptor where that carries it."""
        if descriptor.data is not None:
            try:
                return parse_config(descriptor.data, descriptor.media_type, expected=descriptor.digest)
            except OrlopError as error:
                return Absent.of(error)
        if descriptor.size > CONFIG_LIMIT:
            return Absent("too-large", f"the config has {descriptor.size} bytes")
        answer = yield from self._ask(Want("config", place, descriptor=descriptor, limit=CONFIG_LIMIT))
        if isinstance(answer, ImageConfig | Absent):
            return answer
        raise _wrong("config", answer)

    def blob(self, place: BaseName | None, descriptor: Descriptor, limit: int) -> Steps[bytes | Absent]:
        """Return a blob's bytes, out of its descriptor where that carries them."""
        if descriptor.size > limit:
            return Absent("too-large", f"it has {descriptor.size} bytes, more than {limit}")
        if descriptor.data is not None:
            try:
                return descriptor.content() or b""
            except OrlopError as error:
                return Absent.of(error)
        answer = yield from self._ask(Want("blob", place, descriptor=descriptor, limit=limit))
        if isinstance(answer, bytes | Absent):
            return answer
        raise _wrong("blob", answer)

    def referrers(self, place: BaseName | None, digest: Digest, limit: int) -> Steps[tuple[Descriptor, ...]]:
        """Return what refers to a manifest; nothing where that cannot be learnt."""
        answer = yield from self._ask(Want("referrers", place, digest, limit=limit))
        return () if isinstance(answer, Absent) else _each(Descriptor, "referrers", answer)[:limit]

    def family(self, base: BaseName, platform: Platform | None, limit: int) -> Steps[tuple[BaseName, ...]]:
        """Return other names in a base's repository, the likeliest first; nothing where that cannot be learnt."""
        answer = yield from self._ask(Want("family", base, platform=platform, limit=limit))
        return () if isinstance(answer, Absent) else _each(BaseName, "family", answer)[:limit]

    def chain(self, chain: tuple[Digest, ...]) -> Steps[tuple[ChainMatch, ...]]:
        """Return known bases by their chain ids, the longest first."""
        answer = yield from self._ask(Want("chain", chain=chain))
        found = () if isinstance(answer, Absent) else _each(ChainMatch, "chain", answer)
        return tuple(sorted(found, key=lambda match: -match.depth))

    def _ask(self, want: Want) -> Steps[Answer]:
        if want not in self._answers:
            self._answers[want] = yield want
        return self._answers[want]


def _each(kind: type[T], what: str, answer: Answer) -> tuple[T, ...]:
    if not isinstance(answer, tuple) or not all(isinstance(item, kind) for item in answer):
        raise _wrong(what, answer)
    return tuple(item for item in answer if isinstance(item, kind))


def _wrong(what: str, answer: Answer) -> TypeError:
    return TypeError(f"a {what} was asked for, and the answer is a {type(answer).__name__}")


def unanswered(steps: Steps[T]) -> T:
    """Return the result of a computation to which nothing can be fetched: every Want is answered with Absent."""
    try:
        next(steps)
        while True:
            steps.send(Absent("not-found", "it was not handed in"))
    except StopIteration as done:
        result: T = done.value
        return result
