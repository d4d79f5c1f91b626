"""Bytes that can be read at any place: of a file, of a part of one, of memory. All of it blocks."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod

from orlop.errors import LimitError, StorageError, TruncatedError


class Reader(ABC):
    """Open bytes. ``size`` is in bytes; threads may share one; ``close`` may be called more than once."""

    size: int

    @abstractmethod
    def read(self, start: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``start`` on, and at least one before the end. Raises StorageError."""

    def close(self) -> None:
        """Let go of the bytes."""
        return

    def whole(self, limit: int, what: str) -> bytes:
        """Return all bytes. Raises LimitError for more than ``limit``, TruncatedError when the file ends early."""
        if self.size > limit:
            raise LimitError(what, "limit", limit)
        parts: list[bytes] = []
        at = 0
        while at < self.size and (piece := self.read(at, self.size - at)):
            parts.append(piece)
            at += len(piece)
        if at < self.size:
            raise TruncatedError(what, self.size, at)
        return b"".join(parts)


class HeldReader(Reader):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, length: int) -> bytes:
        """See Reader."""
        return self._data[start : start + length]


class FileReader(Reader):
    """A file that belongs to this reader. Raises OSError when it cannot be opened.

    path: of the file. descriptor: of it, where it is open already; the path then only names it.
    """

    def __init__(self, path: str, descriptor: int | None = None) -> None:
        self.path = path
        if descriptor is None:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        """See Reader."""
        try:
            return os.pread(self._descriptor, length, start)
        except OSError as error:
            raise StorageError(self.path, f"cannot be read: {error.strerror or error}") from error

    def close(self) -> None:
        """See Reader."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class PartReader(Reader):
    """A part of other bytes, which stay open when this is closed."""

    def __init__(self, behind: Reader, start: int, size: int) -> None:
        self._behind, self._start, self.size = behind, start, size

    def read(self, start: int, length: int) -> bytes:
        """See Reader."""
        if start >= self.size:
            return b""
        return self._behind.read(self._start + start, min(length, self.size - start))
