"""Where the contents of a layer's files are, each piece packed on its own, as a table of contents tells."""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNKS_LIMIT = 4_000_000
"""Most pieces of one layer's files."""

_ROW = 72
_NO_HASH = bytes(32)


class Chunk(NamedTuple):
    """A piece of a file's content.

    start, end: the bytes of the layer as stored that it is in, alone or with others; equal for a piece of zeros, which is
    stored nowhere. inner: where it begins in what they give. size: its bytes. sha256: of them, b"" where it is not stated.
    """

    start: int
    end: int
    inner: int
    size: int
    sha256: bytes


class Chunks:
    """All pieces of a layer by the ``offset`` of the entry that they belong to, in order."""

    def __init__(self, rows: Iterable[tuple[int, Chunk]]) -> None:
        self._numbers = [array("q") for _ in range(5)]
        hashes = []
        for owner, chunk in rows:
            for column, value in zip(self._numbers, (owner, *chunk[:4]), strict=True):
                column.append(value)
            hashes.append(chunk.sha256 or _NO_HASH)
        self._hashes = b"".join(hashes)

    def __len__(self) -> int:
        return len(self._numbers[0])

    def __iter__(self) -> Iterator[tuple[int, Chunk]]:
        for at in range(len(self)):
            yield self._row(at)

    def of(self, owner: int) -> list[Chunk]:
        """Return the pieces of one entry."""
        owners = self._numbers[0]
        return [self._row(at)[1] for at in range(bisect_left(owners, owner), bisect_right(owners, owner))]

    def _row(self, at: int) -> tuple[int, Chunk]:
        owner, start, end, inner, size = (column[at] for column in self._numbers)
        value = self._hashes[at * 32 : at * 32 + 32]
        return owner, Chunk(start, end, inner, size, b"" if value == _NO_HASH else value)

    def dump(self) -> bytes:
        """Return the bytes that ``load`` takes."""
        return zlib.compress(b"".join([*map(_swapped, self._numbers), self._hashes]), 6)

    @classmethod
    def load(cls, data: bytes) -> Chunks:
        """Return what was dumped. Raises ValueError for other bytes."""
        inflater = zlib.decompressobj()
        try:
            whole = inflater.decompress(data, CHUNKS_LIMIT * _ROW)
        except zlib.error as error:
            raise ValueError(f"not a table of pieces: {error}") from error
        if not inflater.eof or len(whole) % _ROW:
            raise ValueError("not a table of pieces")
        width = len(whole) // _ROW * 8
        made = cls(())
        for at, column in enumerate(made._numbers):
            column.frombytes(whole[at * width : at * width + width])
            if sys.byteorder == "big":
                column.byteswap()
        made._hashes = whole[5 * width :]
        return made


def _swapped(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
