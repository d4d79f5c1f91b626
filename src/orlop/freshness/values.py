"""The nouns of the up-to-date check: images, bases, evidence, verdicts. All frozen, none does I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from orlop.errors import (
    InputError,
    IntegrityError,
    LimitError,
    NotFoundError,
    RepositoryNotFoundError,
)
from orlop.model.reference import Reference, is_locator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.errors import OrlopError
    from orlop.freshness.report import About
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.manifest import Index, Manifest
    from orlop.model.platform import Platform
    from orlop.model.reference import Repository, Tag

RULES = 1
"""Version of the rules. A remembered verdict of another version is decided again."""

FRESH: Final = "fresh"
STALE: Final = "stale"
UNKNOWN: Final = "unknown"
State = Literal["fresh", "stale", "unknown"]

SAME_BASE = "same-base"
SAME_CONTENT = "same-content"
NO_BASE = "no-base"
LAYERS = "layers"
METADATA = "metadata"
RETAGGED_AWAY = "base-retagged-away"
UPSTREAM = "upstream"
NO_EVIDENCE = "no-evidence"
NOT_BASED = "not-based"
PLATFORM_MISSING = "platform-missing-in-base"
SQUASHED = "squashed"
BASE_UNREADABLE = "base-unreadable"
EMPTY_BASE = "empty-base"
REWRITTEN = "rewritten-layers"
CONFLICT = "conflict"

REASONS: Mapping[str, State] = {
    **dict.fromkeys((SAME_BASE, SAME_CONTENT, NO_BASE), "fresh"),
    **dict.fromkeys((LAYERS, METADATA, RETAGGED_AWAY, UPSTREAM), "stale"),
    **dict.fromkeys((NO_EVIDENCE, NOT_BASED, PLATFORM_MISSING, SQUASHED, BASE_UNREADABLE), "unknown"),
    **dict.fromkeys((EMPTY_BASE, REWRITTEN, CONFLICT), "unknown"),
}
"""Every reason code, and the state that it is a reason of."""

EvidenceKind = Literal["given", "provenance", "annotation", "label", "buildpacks", "chain-index", "observed", "history"]
"""Where a base is known from, strongest first; ``observed`` is a tag or digest of the base's family that was found to fit."""

Binding = Literal["confirmed", "claimed", "contradicted", "unchecked"]
"""confirmed: what it names was read and its layers are a prefix. claimed: what it names is not served any more, or layers say nothing.
contradicted: read, and no prefix. unchecked: not looked at."""

AbsentKind = Literal["not-found", "no-repository", "unreadable", "too-large", "invalid", "platform-missing"]

SCRATCH = "scratch"

_NO_ANNOTATIONS: Mapping[str, str] = MappingProxyType({})


class LayerRef(NamedTuple):
    """One layer, bottom first in its image. size: in bytes as stored, -1 where it is not stated."""

    digest: Digest
    diff_id: Digest | None = None
    size: int = -1
    media_type: str = ""
    annotations: Mapping[str, str] = _NO_ANNOTATIONS

    def __hash__(self) -> int:
        return hash((self.digest, self.size))


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """What is known of one platform of one image.

    platform: None where neither index nor config says. config: None where it was not read. entry: its descriptor in the
    index; index: that index. place: where its documents are, None for the place of the image that is asked about.
    Made by ``images.image_of``.
    """

    digest: Digest
    platform: Platform | None = None
    layers: tuple[LayerRef, ...] = ()
    config: ImageConfig | None = field(default=None, repr=False)
    manifest: Manifest | None = field(default=None, repr=False)
    entry: Descriptor | None = field(default=None, repr=False)
    index: Index | None = field(default=None, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    place: BaseName | None = None

    @property
    def digests(self) -> frozenset[Digest]:
        """The digests that a name of it may resolve to: its manifest's, and its index's."""
        return frozenset((self.digest,) if self.index is None else (self.digest, self.index.digest))

    @property
    def layer_digests(self) -> tuple[Digest, ...]:
        """The layers' digests as stored, bottom first."""
        return tuple([layer.digest for layer in self.layers])

    @property
    def diff_ids(self) -> tuple[Digest, ...] | None:
        """The digests of the unpacked layers, bottom first; None unless every one is known."""
        known = tuple([layer.diff_id for layer in self.layers if layer.diff_id is not None])
        return known if len(known) == len(self.layers) else None


@dataclass(frozen=True, slots=True)
class Absent:
    """What was asked for and is not there, and why; ``error`` decides the exit status."""

    kind: AbsentKind
    detail: str = ""
    error: OrlopError | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, error: OrlopError) -> Absent:
        """Return what the error means for a verdict."""
        kind: AbsentKind = "unreadable"
        if isinstance(error, RepositoryNotFoundError):
            kind = "no-repository"
        elif isinstance(error, NotFoundError):
            kind = "not-found"
        elif isinstance(error, LimitError):
            kind = "too-large"
        elif isinstance(error, IntegrityError | InputError):
            kind = "invalid"
        return cls(kind, str(error), error)

    @property
    def is_gone(self) -> bool:
        """Whether the place answered that it does not have it."""
        return self.kind in {"not-found", "no-repository"}


@dataclass(frozen=True, slots=True)
class BaseName:
    """What an image was, or is said to be, built on.

    text: its whole name, or the locator. repository: None for a place that is no registry (``oci:DIR``) and for ``scratch``. digest: what
    it was pinned to, of an index or of a platform. assumed: what was left open where it was written: ``registry``, ``tag``.
    """

    text: str
    repository: Repository | None = None
    tag: Tag | None = None
    digest: Digest | None = None
    assumed: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str) -> BaseName:
        """Return the base that a text names: a reference, a locator, or ``scratch``.

        A text without a registry means docker.io, one without tag and digest ``latest``; ``assumed`` says so.
        Raises InvalidReferenceError.
        """
        return _parsed(text)

    @property
    def is_scratch(self) -> bool:
        """Whether it says that there is no base."""
        return self.repository is None and self.text == SCRATCH

    @property
    def is_tracked(self) -> bool:
        """Whether it can move: a tag, or a place that is no registry. A digest alone cannot."""
        return self.tag is not None or (self.repository is None and not self.is_scratch)

    @property
    def moving(self) -> BaseName:
        """The same without its digest: what to ask for to learn what it is now."""
        return _moving(self) if self.digest else self

    def pinned(self, digest: Digest) -> BaseName:
        """Return the same repository at this digest: what to ask for to learn what it was."""
        return _pinned(self, digest)

    def same_place(self, other: BaseName) -> bool:
        """Whether both are in one repository, or are one place that is no registry."""
        if self.repository is None or other.repository is None:
            return self.repository is other.repository and self.text == other.text
        return self.repository == other.repository

    def _text(self, digest: Digest | None) -> str:
        if self.repository is None:
            return self.text
        return str(Reference(self.repository, self.tag, digest))

    def __str__(self) -> str:
        return _named(self)

    def __hash__(self) -> int:
        # Of all fields it would take ten times as long, and every question about a base is looked up by it.
        return hash(self.text)


@lru_cache(maxsize=1024)
def platform_text(platform: Platform | None) -> str:
    """Return how a platform is written where it is kept; "" for none."""
    return "" if platform is None else str(platform)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> BaseName:
    if text in _SCRATCH or is_locator(text):
        return BaseName(SCRATCH if text in _SCRATCH else text)
    reference = Reference.parse(text)
    assumed = []
    first, slash, _ = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        assumed.append("registry")
    if reference.digest is None and ":" not in text.rpartition("/")[2]:
        assumed.append("tag")
    return BaseName(str(reference), reference.repository, reference.tag, reference.digest, tuple(assumed))


@lru_cache(maxsize=4096)
def _moving(base: BaseName) -> BaseName:
    return replace(base, text=base._text(None), digest=None)  # noqa: SLF001  # its own module's


@lru_cache(maxsize=4096)
def _pinned(base: BaseName, digest: Digest) -> BaseName:
    return replace(base, text=base._text(digest), digest=digest)  # noqa: SLF001  # its own module's


@lru_cache(maxsize=4096)
def _named(base: BaseName) -> str:
    return base._text(base.digest)  # noqa: SLF001  # its own module's


_SCRATCH = frozenset({SCRATCH, "docker.io/library/scratch"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason to believe in a base.

    base: None where what was found names none, ``note`` says why. depth: how many of the image's layers are the base's, where
    that is known. then: the platform manifest that the image was built on, once that is known.
    """

    kind: EvidenceKind
    base: BaseName | None = None
    binding: Binding = "unchecked"
    note: str = ""
    depth: int | None = None
    then: Digest | None = None


@dataclass(frozen=True, slots=True)
class BuildInput:
    """An image that took part in the build and is not the base: a stage, a ``COPY --from``, a frontend.

    state: "" unless it was asked for. now_digest: what its name resolves to now, index or platform, where it was asked.
    """

    base: BaseName
    platform: Platform | None = None
    role: Literal["stage", "frontend"] = "stage"
    state: State | Literal[""] = ""
    now_digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide. min_age and what it needs are judged elsewhere; here are the rules' own switches.

    ignore_metadata: layers alone decide. inputs: read provenance for its build inputs even where the base is known. through: a
    stale ancestor makes the image stale. family_limit: most tags of a base's family that are tried.
    """

    ignore_metadata: bool = False
    inputs: bool = False
    through: bool = False
    family_limit: int = 50


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one platform, with its reason and the evidence used.

    state and reason: as REASONS has them. base: what was compared with, by its tag. then_digest: the platform manifest (or, where
    that is not served, the digest that is claimed) it was built on; now_digest: the platform manifest that the base is now.
    upstream: the state of the nearest stale or unknown ancestor below the base, "" where none was asked. waiting_until: seconds since 1970, for a newer base
    that is too young to count. others: the verdicts on further bases that were given. absent: what could not be read.
    """

    state: State
    reason: str
    platform: Platform | None = None
    digest: Digest | None = None
    base: BaseName | None = None
    then_digest: Digest | None = None
    now_digest: Digest | None = None
    evidence: tuple[Evidence, ...] = ()
    upstream: State | Literal[""] = ""
    detail: str = ""
    hint: str = ""
    waiting_until: float | None = None
    build_inputs: tuple[BuildInput, ...] = ()
    others: tuple[Verdict, ...] = ()
    ancestors: tuple[Verdict, ...] = ()
    absent: Absent | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether it follows from the digests of image and base alone, so that it may be remembered under RULES."""
        return self.reason in _LASTING and self.digest is not None and self.now_digest is not None


_LASTING = frozenset({SAME_BASE, SAME_CONTENT, LAYERS, METADATA, EMPTY_BASE})


@dataclass(frozen=True, slots=True)
class Report:
    """The answer for one image as it was named.

    state: all platforms folded. error: what could not be asked, which decides the exit status. about: what else is known of each
    platform, in the order of ``platforms``.
    """

    subject: str
    digest: Digest | None
    state: State
    platforms: tuple[Verdict, ...] = ()
    error: OrlopError | None = field(default=None, compare=False)
    about: tuple[About, ...] = ()
