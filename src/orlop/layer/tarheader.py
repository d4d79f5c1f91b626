"""One 512-byte header of a tar archive: checked, and taken apart.

Rule: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format"; star(5) for its prefix field.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple
from zlib import adler32

from orlop.errors import IntegrityError

BLOCK = 512
SIZE_LIMIT = 2**63 - 1

_FIELDS = Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_ADLER = 65521
NUMBERS_KEPT = 4096
"""Most fields that are remembered with what they say."""


class Header(NamedTuple):
    """The fields of a header, names as bytes."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    type: bytes
    link: bytes
    uname: bytes
    gname: bytes
    major: int
    minor: int


def is_header(block: bytes) -> bool:
    """Whether the block's checksum is right."""
    try:
        stated = _number(block[148:156])
    except ValueError:
        return False
    if sums_to(block, stated):
        return True
    rest = block[:148] + block[156:]
    unsigned = sum(rest) + 256
    return stated in {unsigned, unsigned - 256 * sum(byte > 127 for byte in rest)}  # Sun's signed sum


def sums_to(data: bytes, stated: int, at: int = 0) -> bool:
    """Whether the header at an offset has a checksum, told where it is not large, as that of the header of a text name."""
    # The field itself counts as eight spaces. Adler-32's lower half is one more than the sum of the bytes, modulo 65521:
    # exact for a sum below that.
    field = sum(data[at + 148 : at + 156])
    return stated < 60_000 and adler32(data[at : at + BLOCK]) & 0xFFFF == (stated - 255 + field) % _ADLER


def parse(block: bytes, what: str, at: int) -> Header:
    """Return the fields of a header block. at: its offset, for messages. Raises IntegrityError: damaged, or not a number where one is due."""
    if not is_header(block):
        raise IntegrityError(what, f"the tar header at {at} is damaged")
    name, mode, uid, gid, size, mtime, _, kind, link, magic, version, uname, gname, major, minor, prefix = (
        _FIELDS.unpack(block)
    )
    name = _cut(name)
    try:
        if magic == b"ustar\0":
            if prefix[0]:
                # star keeps times behind a shorter prefix, and says so at the end of the block.
                head = _cut(prefix[:131] if block[508:] == b"tar\0" else prefix)
                name = head + b"/" + name
        elif magic == b"ustar " and version == b" \0":
            if prefix[0] and kind != b"S":
                name = _with_old_go_prefix(name, prefix)
        else:
            uname = gname = b""
            major = minor = b""
        return Header(
            name,
            _often(mode),
            _often(uid),
            _often(gid),
            _number(size),
            _number(mtime),
            kind,
            _cut(link),
            _cut(uname),
            _cut(gname),
            _often(major),
            _often(minor),
        )
    except ValueError as error:
        raise IntegrityError(what, f"the tar header at {at} has {error}") from None


def _with_old_go_prefix(name: bytes, prefix: bytes) -> bytes:
    """Return the name under the prefix where there is one: GNU's format has times there.

    Go before 1.8, and so Docker of that age, wrote a prefix into headers that it marked as GNU's.
    """
    try:
        _number(prefix[:12])
        _number(prefix[12:24])
    except ValueError:
        head = _cut(prefix)
        return head + b"/" + name if head.isascii() else name
    return name


def _cut(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


_kept: dict[bytes, int] = {}


def _often(field: bytes) -> int:
    """Return the number of a field that has few values in an archive."""
    value = _kept.get(field)
    if value is None:
        value = _number(field)
        if len(_kept) >= NUMBERS_KEPT:
            _kept.clear()
        _kept[field] = value
    return value


def _number(field: bytes) -> int:
    """Return an octal or a base-256 number; an empty field is 0. Raises ValueError."""
    text = field.strip(b" \0")
    if text.isdigit():
        try:
            return int(text, 8)
        except ValueError:
            pass
    elif not text:
        return 0
    elif field[0] & 0x80:
        value = int.from_bytes(field, "big")
        bits = len(field) * 8
        # The first bit marks the form; the second is the sign (GNU tar, "Extensions": two's complement).
        value = value - (1 << bits) if field[0] & 0x40 else value - (1 << (bits - 1))
        if not -SIZE_LIMIT <= value <= SIZE_LIMIT:
            raise ValueError("a number over 63 bits")
        return value
    elif b"\0" in text:
        return _number(_cut(text))  # what follows the first NUL is leftover
    raise ValueError(f"{text[:24]!r} where a number is due")
