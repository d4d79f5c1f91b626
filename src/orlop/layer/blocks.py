"""Finding where deflate blocks begin in packed bytes, by what their headers look like.

Decoders tell no block boundaries, so headers are looked for: all bit positions of a slice at once, on integers as wide as
the slice, for the few that could be one; the code of code lengths, which has to be complete, for what is left. What is
found is only likely, and is tried by inflating from it (``orlop.layer.seekpoints``). Rule: RFC 1951, 3.2.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SLICE = 8 * 1024
"""Bytes that are searched at once."""

_HEAD = 11  # bytes that a header's fixed part and its code of code lengths may reach over, from its first bit's byte on
_ANY_BIT = bytes([0]) + bytes([1]) * 255


def _spaces() -> list[int]:
    """Return, for four lengths of 3 bits each, the share of the code space that they take, in 128ths."""
    each = [0, 64, 32, 16, 8, 4, 2, 1]
    two = [each[low] + each[high] for high in range(8) for low in range(8)]
    return [two[low] + two[high] for high in range(64) for low in range(64)]


_SPACES = _spaces()
_CODES = [(1 << 3 * (count + 4)) - 1 for count in range(16)]


def dynamic_blocks(data: bytes, start: int, stop: int, *, usual: bool = True) -> Iterator[int]:
    """Yield the likely first bits of blocks with codes of their own, as bit offsets in ``data``, from byte ``start`` to ``stop``.

    Not all are found: only what compressors write for ordinary content, with more than 24 codes of distances and 11 of code
    lengths, and not the last block of a stream. usual: and with more than 272 codes of literals and lengths, all 30 codes of
    distances, and no short codes for the lengths 4 and 5: nine of ten blocks of a Debian image, looked for in a fifth of the time.
    """
    part = data[start : stop + _HEAD + 1]
    size = min(stop, len(data) - _HEAD) - start
    if size <= 0:
        return
    x = int.from_bytes(part, "little")
    # From the first bit: 0 for "not the last", 0 and 1 for the type; 5 bits for literals, 5 for distances, 4 for lengths.
    # Shifts are what takes time, so two ones in a row are looked for at once.
    after = x >> 1
    both = x & after
    if usual:
        zeros = x | after | x >> 9
        ones = x >> 2 & both >> 7 & x >> 10 & both >> 11 & x >> 16 & x >> 46 & x >> 52
    else:
        zeros = x | after | both >> 9
        ones = x >> 2 & both >> 11 & x >> 16
    found = ((ones | zeros) ^ zeros).to_bytes(len(part), "little")
    somewhere = found.translate(_ANY_BIT)  # which can be searched by C
    at = somewhere.find(1, 0, size)
    while at >= 0:
        flag = found[at]
        word = int.from_bytes(part[at : at + _HEAD], "little")
        while flag:
            bit = (flag & -flag).bit_length() - 1
            flag &= flag - 1
            head = word >> bit
            if head >> 4 & 15 == 15:  # more codes of literals and lengths than there are
                continue
            # There are twelve codes at least; most are out after four, eight or all of these.
            space = _SPACES[head >> 17 & 4095] + _SPACES[head >> 29 & 4095]
            if space <= 128:
                space += _SPACES[head >> 41 & 4095]
                if space <= 128:
                    codes = head >> 17 & _CODES[head >> 13 & 15]
                    if space + _SPACES[codes >> 36 & 4095] + _SPACES[codes >> 48] == 128:
                        yield (start + at) * 8 + bit
        at = somewhere.find(1, at + 1, size)


def stored_blocks(data: bytes, start: int, stop: int) -> Iterator[int]:
    """Yield where a stored block's length may stand, as byte offsets in ``data``: it is followed by its complement."""
    part = data[start : stop + 3]
    x = int.from_bytes(part, "little")
    same = (x ^ x >> 16).to_bytes(len(part), "little")
    at = same.find(b"\xff\xff", 0, len(part) - 2)
    while at >= 0:
        yield start + at
        at = same.find(b"\xff\xff", at + 1, len(part) - 2)
