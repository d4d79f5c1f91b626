"""Inflating from the middle of a gzip member: at a deflate block's first bit, with the 32 KiB of output that go before.

zlib begins at a byte. To begin at a bit, blocks without output are put before: an empty block of fixed codes takes 10 bits,
one of its own codes can be made to take 91, and of these the right number ends on any bit. Rule: RFC 1951, 3.2.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from orlop.errors import IntegrityError
from orlop.layer.inflate import PIECE, Inflater

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.layer.limits import Limits
    from orlop.layer.points import Point

WINDOW = 32 * 1024
"""How far deflate's matches reach back."""

_TRAILER = 8  # a member's checksum and size


def _bits(*fields: tuple[int, int]) -> list[int]:
    """Return the bits of (value, width) fields, lowest first."""
    return [value >> at & 1 for value, width in fields for at in range(width)]


def _fillers() -> list[tuple[bytes, int]]:
    """Return, for each number of bits from 0 to 7, whole bytes and the bits that follow them: blocks without output."""
    fixed = _bits((0, 1), (1, 2), (0, 7))
    # 257 literal and 2 distance codes, told by 18 lengths of code lengths, all 0 but those of "zeros" (18, the first) and
    # of "length 1" (1, the last). Codes: 0 is "length 1", 1 is "zeros", whose 7 bits count from 11.
    lengths = _bits(*[(1 if at in {2, 17} else 0, 3) for at in range(18)])
    codes = _bits((1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1), (0, 1), (0, 1))
    own = [*_bits((0, 1), (2, 2), (0, 5), (1, 5), (14, 4)), *lengths, *codes, 0]
    made = []
    for count in range(8):
        bits = own[:] if count % 2 else []
        while len(bits) % 8 != count:
            bits += fixed
        whole = sum(bit << at for at, bit in enumerate(bits)).to_bytes(len(bits) // 8 + 1, "little")
        made.append((whole[:-1], whole[-1]))
    return made


_FILLERS = _fillers()


def aligned(data: bytes, bit: int) -> bytes:
    """Return bytes to inflate that begin with the bit ``bit`` (0 to 7) of the first byte."""
    whole, rest = _FILLERS[bit]
    if not bit:
        return data
    return b"".join((whole, bytes((rest | data[0] >> bit << bit,)), memoryview(data)[1:]))


STORED = b"\0"
"""What stands before the length of a stored block: its type, padded to a byte."""


class MemberInflater:
    """Unpacks from a point inside a gzip member on, through the members that follow.

    what: names the layer in a message. Exhaust what ``feed`` gives before the next call, unless no call follows.
    """

    def __init__(self, what: str, point: Point, *, limits: Limits) -> None:
        self.what = what
        self._inner = zlib.decompressobj(-15, zdict=zlib.decompress(point.window or b""))
        self._bit: int | None = point.bits % 8
        self._stored = point.stored
        self._limits = limits
        self._trailer = _TRAILER
        self._following: Inflater | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes as stored, and yield what they give, at most ``PIECE`` bytes at once. Raises IntegrityError."""
        if self._bit is not None and chunk:
            chunk = STORED + chunk if self._stored else aligned(chunk, self._bit)
            self._bit = None
        inner = self._inner
        try:
            over = inner.eof
            while not over:
                piece = inner.decompress(chunk, PIECE)
                over = inner.eof
                chunk = inner.unused_data if over else inner.unconsumed_tail
                if piece:
                    yield piece
                elif not chunk:
                    break
        except zlib.error as error:
            raise IntegrityError(self.what, f"its gzip data is damaged: {error}") from error
        if chunk:
            taken = min(self._trailer, len(chunk))
            self._trailer -= taken
            if taken < len(chunk):
                if self._following is None:
                    self._following = Inflater(self.what, limits=self._limits)
                yield from self._following.feed(chunk[taken:])
