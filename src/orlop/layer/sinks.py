"""Where the content of a member goes while its layer streams by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from orlop.errors import LimitError

if TYPE_CHECKING:
    from orlop.layer.pax import Pieces

_ZEROS = bytes(64 * 1024)


class Sink(ABC):
    """Takes the content of one member, in order."""

    @abstractmethod
    def write(self, piece: bytes) -> None:
        """Take the next bytes; never more than what was fed at once."""

    def hole(self, size: int) -> None:
        """Take ``size`` zeros of a sparse file: written out here, skipped by a sink that can seek."""
        for _ in range(size // len(_ZEROS)):
            self.write(_ZEROS)
        if size % len(_ZEROS):
            self.write(_ZEROS[: size % len(_ZEROS)])

    @abstractmethod
    def close(self) -> None:
        """End the content, which is complete. Not called when the archive turns out to be damaged before."""


class Collector(Sink):
    """Keeps the content in memory. ``data`` is None until it is complete. Raises LimitError over ``limit`` bytes."""

    def __init__(self, what: str, limit: int) -> None:
        self.data: bytes | None = None
        self._what, self._limit = what, limit
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Keep the bytes. Raises LimitError."""
        self._size += len(piece)
        if self._size > self._limit:
            raise LimitError(self._what, "bytes of a file", self._limit)
        self._parts.append(piece)

    def close(self) -> None:
        """Make ``data`` of what came."""
        self.data = b"".join(self._parts)


class SparseSink(Sink):
    """Puts the holes between the pieces of a sparse file, for the sink that it feeds."""

    def __init__(self, inner: Sink, pieces: Pieces, size: int) -> None:
        self._inner, self._size = inner, size
        self._pieces = iter(pieces)
        self._at = self._left = 0

    def write(self, piece: bytes) -> None:
        """Pass the bytes on, with the holes before them."""
        while piece:
            if not self._left:
                offset, self._left = next(self._pieces)
                if offset > self._at:
                    self._inner.hole(offset - self._at)
                self._at = offset
            part = piece[: self._left]
            self._inner.write(part)
            self._at += len(part)
            self._left -= len(part)
            piece = piece[len(part) :]

    def close(self) -> None:
        """Pass on the hole at the end."""
        if self._size > self._at:
            self._inner.hole(self._size - self._at)
        self._inner.close()
