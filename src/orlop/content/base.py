"""The seam: where content comes from and goes to, keyed by descriptor.

A ``Source`` is one repository's worth of content, wherever it lives: in a registry, in memory, in a
directory. A ``Target`` also takes content. A ``Namespace`` holds many repositories. Every
implementation passes ``orlop.testing.contract``.

Accelerations answer "no" by default (``has``, ``mount_from``); abilities that are missing raise UnsupportedError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from orlop.errors import ReadOnlyError, UnsupportedError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.locator import Locator
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Reference, RepositoryName, Tag

ByteStream = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name points to now. ``seen``: what the place said beside it (last-modified, etag, rate limits)."""

    descriptor: Descriptor
    seen: Mapping[str, str] = field(default_factory=dict)


class Located:
    """Where the text of a reference leads.

    source: the repository, or the place that a locator names. name: a tag or a digest to ask it for. reference: the text
    as it was parsed; ``with_digest`` pins either kind.
    """

    __slots__ = ("name", "reference", "source")

    def __init__(self, source: Source, name: Tag | Digest, reference: Reference | Locator) -> None:
        self.source, self.name, self.reference = source, name, reference

    @property
    def text(self) -> str:
        """The reference, for messages."""
        return str(self.reference)


class Pushed(Enum):
    """How content came to be there."""

    SENT = "sent"
    MOUNTED = "mounted"
    PRESENT = "present"


class Content(ABC):
    """Bytes that can be read again, since an upload may have to be sent again."""

    @abstractmethod
    def open(self, *, start: int = 0) -> AbstractAsyncContextManager[ByteStream]:
        """Open the bytes from ``start`` on."""


class Source(ABC):
    """One repository's worth of content, to read."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What to call this place in a message: ``docker.io/library/debian``, ``oci:dir``."""

    @abstractmethod
    async def resolve(self, name: Tag | Digest) -> Resolved:
        """Return what the name points to, without its content. Raises ManifestNotFoundError."""

    @abstractmethod
    async def manifest(self, name: Tag | Digest) -> Manifest:
        """Return the manifest, its digest checked. Raises ManifestNotFoundError, DigestMismatchError."""

    @abstractmethod
    def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[ByteStream]:
        """Open content as a stream of chunks: bytes ``start`` up to and without ``stop``.

        A stream from 0 to the end is verified: it raises DigestMismatchError, SizeMismatchError or
        TruncatedError instead of ending. A part is not covered by the digest. Raises BlobNotFoundError.
        """

    @abstractmethod
    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """Yield the tags, in the order of the place, at most ``limit`` of them, after the tag ``after``."""

    async def names(self) -> AsyncIterator[str]:
        """Yield the names as the place writes them: tags, or in layouts and archives whole references as well."""
        async for tag in self.tags():
            yield tag.value

    async def has(self, what: Descriptor) -> bool:
        """Whether the content is there; False when that is not known cheaply."""
        return False

    async def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """Yield the manifests whose ``subject`` is this digest."""
        for entry in self._no_referrers():
            yield entry

    def _no_referrers(self) -> tuple[Descriptor, ...]:
        raise UnsupportedError("listing referrers", self.name)


class Target(Source):
    """One repository's worth of content, to read and write."""

    @abstractmethod
    async def push(
        self,
        what: Descriptor,
        content: Content,
        *,
        tags: Sequence[Tag] = (),
        mount_from: Sequence[RepositoryName] = (),
    ) -> Pushed:
        """Store content under its digest, and point ``tags`` at it when it is a manifest.

        content: exactly ``what.size`` bytes. Pushing what is there succeeds. Raises DigestMismatchError
        or SizeMismatchError if the bytes are others, leaving nothing behind.
        Rule: distribution-spec 1.1, "Push".
        """

    async def point(self, tags: Sequence[Tag], at: Descriptor) -> None:
        """Make the tags name a manifest that is there."""
        raise ReadOnlyError("moving a tag", self.name)

    async def remove(self, name: Tag | Digest) -> None:
        """Remove a tag, or a digest with every tag on it."""
        raise ReadOnlyError("deleting", self.name)


class Namespace(ABC):
    """Many repositories: a registry, a server's disk."""

    @abstractmethod
    def repositories(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[RepositoryName]:
        """Yield the names of the repositories, in the order of the place."""

    @abstractmethod
    def repository(self, name: RepositoryName) -> Target:
        """Return the repository of this name; nothing is asked and nothing is made."""
