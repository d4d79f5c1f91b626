"""Count and hash what streams by, and refuse what is short, long or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, SizeMismatchError, TruncatedError
from orlop.model.digest import Hasher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.model.digest import Digest


class Verifier:
    """Checks bytes against a digest and, when it is known, a size in bytes."""

    __slots__ = ("_hasher", "digest", "received", "size", "what")

    def __init__(self, what: str, digest: Digest, size: int | None) -> None:
        self.what, self.digest, self.size = what, digest, size
        self.received = 0
        self._hasher = Hasher(digest.algorithm)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises SizeMismatchError as soon as there are too many."""
        self.received += len(chunk)
        if self.size is not None and self.received > self.size:
            raise SizeMismatchError(self.what, self.size, self.received)
        self._hasher.update(chunk)

    def finish(self) -> None:
        """End the stream. Raises TruncatedError for too few bytes, DigestMismatchError for other ones."""
        if self.size is not None and self.received < self.size:
            raise TruncatedError(self.what, self.size, self.received)
        actual = self._hasher.digest()
        if actual != self.digest:
            raise DigestMismatchError(self.what, str(self.digest), str(actual))


async def verified(stream: AsyncIterator[bytes], what: str, digest: Digest, size: int | None) -> AsyncIterator[bytes]:
    """Yield the stream's chunks; raise IntegrityError's kinds instead of ending when it was not the content."""
    check = Verifier(what, digest, size)
    async for chunk in stream:
        check.feed(chunk)
        yield chunk
    check.finish()
