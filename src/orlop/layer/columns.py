"""Entries as columns: a block of them in few bytes, and back at the speed of C.

A block is deflated. In it are numbers as little-endian 64-bit words, texts joined by NUL, hashes end to end. What
few entries have (extended attributes, maps of sparse files) follows as JSON by row.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from contextlib import suppress
from functools import partial
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orlop.layer.entry import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARDLINK,
    NO_XATTRS,
    SYMLINK,
    Entry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLOCK_ENTRIES = 1024
"""Entries of one block."""

BLOCK_LIMIT = 256 * 1024 * 1024
"""Most bytes of one block, unpacked: 1,024 entries of the longest names that are taken."""

_KINDS = (FILE, DIRECTORY, SYMLINK, HARDLINK, CHARACTER, BLOCK_DEVICE, FIFO)
_NUMBER = {kind: number for number, kind in enumerate(_KINDS)}
_TEXTS = ("path", "uname", "gname", "link", "raw")
_NUMBERS = ("mode", "uid", "gid", "size", "mtime_ns", "major", "minor", "offset", "data_offset", "stored")
_AT = {name: at for at, name in enumerate(Entry._fields)}
_LENGTH = Struct("<Q")
_HASH = Struct("32s")
_LEVEL = 3


def pack(entries: Sequence[Entry]) -> bytes:
    """Return the bytes of a block."""
    columns = list(zip(*entries, strict=True))
    parts = [_LENGTH.pack(len(entries)), bytes([_NUMBER[kind] for kind in columns[_AT["kind"]]])]
    parts += [_numbers(columns[_AT[name]]) for name in _NUMBERS]
    for name in _TEXTS:
        text = _texts(columns[_AT[name]])
        parts += [_LENGTH.pack(len(text)), text]
    hashes = columns[_AT["sha256"]]
    parts += [bytes(map(len, hashes)), b"".join(hashes)]
    rare = {
        str(row): [{name: value.hex() for name, value in one.xattrs.items()}, one.sparse]
        for row, one in enumerate(entries)
        if one.xattrs or one.sparse is not None
    }
    parts.append(json.dumps(rare).encode() if rare else b"")
    return zlib.compress(b"".join(parts), _LEVEL)


def unpack(block: bytes) -> list[Entry]:
    """Return the entries of a block. Raises ValueError for bytes that are none."""
    try:
        return _unpacked(block)
    except (zlib.error, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a block of entries: {error}") from error


def _unpacked(block: bytes) -> list[Entry]:
    inflater = zlib.decompressobj()
    data = memoryview(inflater.decompress(block, BLOCK_LIMIT))
    if not inflater.eof:
        raise ValueError("not a block of entries: it does not end")
    count = _LENGTH.unpack_from(data)[0] if len(data) >= 8 else 0
    if not 0 < count <= BLOCK_ENTRIES:
        raise ValueError("not a block of entries: their count is wrong")
    at = 8
    columns: dict[str, Iterable[Any]] = {}

    def take(size: int) -> memoryview:
        nonlocal at
        at += size
        if at > len(data):
            raise ValueError("not a block of entries: it is too short")
        return data[at - size : at]

    columns["kind"] = [_KINDS[number] for number in take(count)]
    for name in _NUMBERS:
        columns[name] = _from_numbers(take(count * 8))
    for name in _TEXTS:
        texts = _from_texts(bytes(take(_LENGTH.unpack(take(8))[0])))
        if len(texts) != count:
            raise ValueError("not a block of entries: a column is too short")
        columns[name] = texts
    sizes = bytes(take(count))
    if sizes.count(0) + sizes.count(32) != count:
        raise ValueError("not a block of entries: a hash of another size")
    hashes = _HASH.iter_unpack(take(sizes.count(32) * 32))
    columns["sha256"] = [next(hashes)[0] if size else b"" for size in sizes]
    xattrs: list[Any] = [NO_XATTRS] * count
    sparse: list[Any] = [None] * count
    if at < len(data):
        for row, (attributes, pieces) in json.loads(bytes(data[at:])).items():
            if attributes:
                found = {name: bytes.fromhex(value) for name, value in attributes.items()}
                xattrs[int(row)] = MappingProxyType(found)
            if pieces is not None:
                sparse[int(row)] = tuple((int(offset), int(length)) for offset, length in pieces)
    columns["xattrs"], columns["sparse"] = xattrs, sparse
    # Entry._make is Python; this is not.
    return list(map(partial(tuple.__new__, Entry), zip(*(columns[name] for name in Entry._fields), strict=True)))


def _numbers(values: Sequence[int]) -> bytes:
    column = array("q", values)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _from_numbers(data: memoryview) -> list[int]:
    column = array("q")
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column.tolist()


def _texts(values: Sequence[str]) -> bytes:
    joined = "\0".join(values)
    if joined.count("\0") == len(values) - 1:
        with suppress(UnicodeEncodeError):
            return b"\0" + joined.encode("utf-8", "surrogateescape")
    return (
        b"\1" + json.dumps(values).encode()
    )  # a text with a NUL in it, or half a surrogate pair out of a JSON document


def _from_texts(data: bytes) -> list[str]:
    if data[:1] == b"\0":
        return data[1:].decode("utf-8", "surrogateescape").split("\0")
    values = json.loads(data[1:])
    if data[:1] != b"\1" or not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ValueError("not a block of entries: a column of texts is none")
    return values
