"""Extended headers and the maps of sparse files.

Rule: POSIX.1-2017, pax, "pax Extended Header"; GNU tar, "Storing Sparse Files" (old GNU, PAX 0.0, 0.1, 1.0).
"""

from __future__ import annotations

import binascii
import re
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from orlop.layer.entry import NO_XATTRS
from orlop.layer.tarheader import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Pieces = tuple[tuple[int, int], ...]

_SECONDS = re.compile(rb"(-?)([0-9]{1,19})(?:\.([0-9]*))?\Z")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_SCHILY = "SCHILY.xattr."
_LIBARCHIVE = "LIBARCHIVE.xattr."
_OLD_PAIR = Struct("12s12s")


def records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the records ``LENGTH KEY=VALUE`` and newline, in order. Raises ValueError."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space]
        if space < 0 or not digits.isdigit():
            raise ValueError("a record without a length")
        end = at + int(digits)
        equals = data.find(b"=", space, end)
        if end > len(data) or equals <= space + 1 or data[end - 1 : end] != b"\n":
            raise ValueError("a record that is not of its length")
        yield text(data[space + 1 : equals]), data[equals + 1 : end - 1]
        at = end


def text(value: bytes) -> str:
    """Return a name as text; bytes that are not UTF-8 become surrogates."""
    return value.decode("utf-8", "surrogateescape")


def name(value: bytes) -> str:
    """Return a path. Raises ValueError for one that no file system takes."""
    if b"\0" in value:
        raise ValueError("a name with a NUL in it")
    return text(value)


def whole(value: bytes) -> int:
    """Return a size, an offset or an id. Raises ValueError."""
    if not value.isdigit() or len(value) > 19:
        raise ValueError(f"{value[:24]!r} where a number is due")
    number = int(value)
    if number > SIZE_LIMIT:
        raise ValueError("a number over 63 bits")
    return number


def signed(value: bytes) -> int:
    """Return a number that may be below zero. Raises ValueError."""
    return -whole(value[1:]) if value.startswith(b"-") else whole(value)


def nanoseconds(value: bytes) -> int:
    """Return a time in seconds, with or without a fraction, in nanoseconds; more digits are cut. Raises ValueError."""
    match = _SECONDS.match(value)
    if match is None:
        raise ValueError(f"{value[:24]!r} where a time is due")
    minus, seconds, fraction = match.groups()
    total = int(seconds) * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))
    return -total if minus else total


def xattrs(values: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the extended attributes that the records hold, by name. star's form wins over libarchive's. Raises ValueError."""
    found: dict[str, bytes] = {}
    for key, value in values.items():
        if key.startswith(_LIBARCHIVE):
            attribute = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), key[len(_LIBARCHIVE) :])
            try:
                decoded = binascii.a2b_base64(value + b"=" * (-len(value) % 4))
            except binascii.Error:
                raise ValueError("an extended attribute that is not base64") from None
            found.setdefault(attribute, decoded)
        elif key.startswith(_SCHILY):
            found[key[len(_SCHILY) :]] = value
    return MappingProxyType(found) if found else NO_XATTRS


def sparse_pieces(numbers: list[int], size: int, stored: int) -> Pieces:
    """Return the map that the numbers are: offset and length in turn.

    Raises ValueError unless the pieces ascend, stay within ``size`` and sum to ``stored``.
    """
    if len(numbers) % 2:
        raise ValueError("a sparse map of an odd length")
    pieces = []
    end = total = 0
    for offset, length in zip(numbers[::2], numbers[1::2], strict=True):
        if offset < end:
            raise ValueError("a sparse map whose pieces overlap")
        end = offset + length
        total += length
        if length:
            pieces.append((offset, length))
    if end > size:
        raise ValueError("a sparse map that leads beyond the file")
    if total != stored:
        raise ValueError("a sparse map of another size than its content")
    return tuple(pieces)


def old_sparse_numbers(area: bytes, count: int) -> list[int]:
    """Return the numbers of ``count`` pairs of the old GNU form; an empty pair ends them. Raises ValueError."""
    numbers: list[int] = []
    for at in range(count):
        offset, length = _OLD_PAIR.unpack_from(area, at * 24)
        if not offset[0] or not length[0]:
            break
        numbers += [binary(offset), binary(length)]
    return numbers


def binary(field: bytes) -> int:
    """Return an octal or base-256 number that is not below zero. Raises ValueError."""
    value = (
        int.from_bytes(field[1:], "big") if field[0] & 0x80 else int(field.partition(b"\0")[0].strip(b" ") or b"0", 8)
    )
    if not 0 <= value <= SIZE_LIMIT:
        raise ValueError("a number out of range in a sparse map")
    return value


class MapReader:
    """Reads a PAX 1.0 map, which stands before the content, a block at a time."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.taken = 0
        """Bytes of the map so far, whole blocks."""
        self._rest = b""
        self._due = -1

    def feed(self, block: bytes) -> bool:
        """Take the next block; return whether the map is complete. Raises ValueError."""
        self.taken += len(block)
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            if self._due < 0:
                self._due = 2 * whole(line)
            elif len(self.numbers) < self._due:
                self.numbers.append(whole(line))
        if self._due < 0 or len(self.numbers) < self._due:
            if len(self._rest) > 20:
                raise ValueError("a sparse map that holds no numbers")
            return False
        return True
