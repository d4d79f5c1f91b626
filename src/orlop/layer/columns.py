"""Entries as columns: a block of them in few bytes, and back at the speed of C.

A block is the length of what is deflated, that, and the hashes end to end, which nothing makes smaller. Numbers are
little-endian words as wide as the largest of a column needs, texts are joined by NUL, and a column that is the same in every
row is there once. What few entries have (extended attributes, maps of sparse files) follows as JSON by row.
"""

from __future__ import annotations

import json
import sys
import zlib
from contextlib import suppress
from struct import Struct, error
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

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
    entry_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

BLOCK_ENTRIES = 1024
"""Entries of one block."""

BLOCK_LIMIT = 256 * 1024 * 1024
"""Most bytes of one block, unpacked: 1,024 entries of the longest names that are taken."""

_KINDS = (FILE, DIRECTORY, SYMLINK, HARDLINK, CHARACTER, BLOCK_DEVICE, FIFO)
_NUMBER = {kind: number for number, kind in enumerate(_KINDS)}
_TEXTS = ("path", "uname", "gname", "link")
_NUMBERS = ("mode", "uid", "gid", "size", "mtime_ns", "major", "minor", "offset", "data_offset", "stored")
_WIDTHS = {"B": 1, "H": 2, "I": 4, "q": 8}
_LENGTH = Struct("<Q")
_SAME = Struct("<q")
_HASH = Struct("32s")
_FAULTS = (zlib.error, error, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def pack(entries: Sequence[Entry]) -> bytes:
    """Return the bytes of a block."""
    from orlop.layer.decoders import zlib_compress  # what only reads an index does without the decoders

    columns = dict(zip(Entry._fields, zip(*entries, strict=True), strict=True))
    parts = [_LENGTH.pack(len(entries)), bytes([_NUMBER[kind] for kind in columns["kind"]])]
    parts += [_numbers(columns[name]) for name in _NUMBERS]
    for name in _TEXTS:
        text = _texts(columns[name])
        parts += [_LENGTH.pack(len(text)), text]
    raw = _raw(columns)
    parts += [_LENGTH.pack(len(raw)), raw, bytes(map(len, columns["sha256"]))]
    rare = {
        str(row): [{name: value.hex() for name, value in one.xattrs.items()}, one.sparse]
        for row, one in enumerate(entries)
        if one.xattrs or one.sparse is not None
    }
    parts.append(json.dumps(rare).encode() if rare else b"")
    deflated = zlib_compress(b"".join(parts))
    return b"".join([_LENGTH.pack(len(deflated)), deflated, *columns["sha256"]])


def unpack(block: bytes) -> list[Entry]:
    """Return the entries of a block. Raises ValueError for bytes that are none."""
    try:
        return _unpacked(block)
    except _FAULTS as wrong:
        raise ValueError(f"not a block of entries: {wrong}") from wrong


def outline(block: bytes) -> tuple[Sequence[str], list[str]]:
    """Return the paths and the kinds of a block's entries, in a quarter of the time. Raises ValueError for bytes that are none."""
    try:
        data = _Data(block)
        kinds = data.kinds()
        for _ in _NUMBERS:
            data.number()
        return _from_texts(data.text(), data.count), kinds
    except _FAULTS as wrong:
        raise ValueError(f"not a block of entries: {wrong}") from wrong


class _Data:
    """What is deflated of a block, taken from its beginning on. count: its entries. end: of it in the block."""

    def __init__(self, block: bytes) -> None:
        inflater = zlib.decompressobj()
        self.end = _LENGTH.size + _LENGTH.unpack_from(block)[0]
        self._data = memoryview(inflater.decompress(block[_LENGTH.size : self.end], BLOCK_LIMIT))
        if not inflater.eof:
            raise ValueError("not a block of entries: it does not end")
        (self.count,) = _LENGTH.unpack_from(self._data)
        if not 0 < self.count <= BLOCK_ENTRIES:
            raise ValueError("not a block of entries: their count is wrong")
        self._at = _LENGTH.size

    def take(self, size: int) -> memoryview:
        """Return the next bytes."""
        self._at += size
        if self._at > len(self._data):
            raise ValueError("not a block of entries: it is too short")
        return self._data[self._at - size : self._at]

    def kinds(self) -> list[str]:
        return [_KINDS[number] for number in self.take(self.count)]

    def number(self) -> tuple[str, memoryview]:
        """Return the next column of numbers: its code, and its bytes."""
        code = chr(self.take(1)[0])
        return code, self.take(_SAME.size if code == "=" else _WIDTHS[code] * self.count)

    def text(self) -> bytes:
        return bytes(self.take(_LENGTH.unpack(self.take(_LENGTH.size))[0]))

    def rest(self) -> bytes:
        return bytes(self._data[self._at :])


def _unpacked(block: bytes) -> list[Entry]:
    data = _Data(block)
    count, end = data.count, data.end
    columns: dict[str, Iterable[Any]] = {}
    kinds = columns["kind"] = data.kinds()
    for name in _NUMBERS:
        code, column = data.number()
        columns[name] = _SAME.unpack(column) * count if code == "=" else _from_numbers(code, column)
    for name in _TEXTS:
        columns[name] = _from_texts(data.text(), count)
    columns["raw"] = _from_raw(data.text(), columns["path"], kinds)
    sizes = bytes(data.take(count))
    if sizes.count(0) + sizes.count(32) != count or sizes.count(32) * 32 != len(block) - end:
        raise ValueError("not a block of entries: a hash of another size")
    hashes = _HASH.iter_unpack(memoryview(block)[end:])
    columns["sha256"] = [next(hashes)[0] if size else b"" for size in sizes]
    xattrs: list[Any] = [NO_XATTRS] * count
    sparse: list[Any] = [None] * count
    rare = data.rest()
    if rare:
        for row, (attributes, pieces) in json.loads(rare).items():
            if attributes:
                found = {name: bytes.fromhex(value) for name, value in attributes.items()}
                xattrs[int(row)] = MappingProxyType(found)
            if pieces is not None:
                sparse[int(row)] = tuple((int(offset), int(length)) for offset, length in pieces)
    columns["xattrs"], columns["sparse"] = xattrs, sparse
    return list(map(entry_of, zip(*(columns[name] for name in Entry._fields), strict=True)))


def _numbers(values: Sequence[int]) -> bytes:
    least, most = min(values), max(values)
    if least == most:
        return b"=" + _SAME.pack(most)
    code = "q" if least < 0 else next((code for code, width in _WIDTHS.items() if most >> 8 * width == 0), "q")
    from array import array  # what only reads an index does without

    column = array(code, values)
    if sys.byteorder == "big":
        column.byteswap()
    return code.encode() + column.tobytes()


def _from_numbers(code: str, data: memoryview) -> list[int]:
    if sys.byteorder == "little":
        return data.cast(cast("Literal['B', 'H', 'I', 'q']", code)).tolist()
    from array import array

    column = array(code)
    column.frombytes(data)
    column.byteswap()
    return column.tolist()


def _texts(values: Sequence[str]) -> bytes:
    same = values.count(values[0]) == len(values)
    joined = values[0] if same else "\0".join(values)
    if same or joined.count("\0") == len(values) - 1:
        with suppress(UnicodeEncodeError):
            return (b"=" if same else b"\0") + joined.encode("utf-8", "surrogateescape")
    return (
        b"j" + json.dumps(values).encode()
    )  # a text with a NUL in it, or half a surrogate pair out of a JSON document


def _from_texts(data: bytes, count: int) -> Sequence[str]:
    code, rest = data[:1], data[1:]
    if code == b"=":
        return [rest.decode("utf-8", "surrogateescape")] * count
    if code == b"j":
        values: list[str] = json.loads(rest)
        right = isinstance(values, list) and all(isinstance(one, str) for one in values)
    else:
        values, right = rest.decode("utf-8", "surrogateescape").split("\0"), True
    if not right or len(values) != count:
        raise ValueError("not a block of entries: a column of texts is none")
    return values


def _raw(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return the paths as written: mostly what a tool makes of the cleaned ones, by one rule for all."""
    for prefix in ("./", ""):
        if tuple(_written(prefix, columns["path"], columns["kind"])) == columns["raw"]:
            return b"/" + prefix.encode()
    return _texts(columns["raw"])


def _from_raw(data: bytes, paths: Iterable[str], kinds: Sequence[str]) -> Sequence[str]:
    return _written(data[1:].decode(), paths, kinds) if data[:1] == b"/" else _from_texts(data, len(kinds))


def _written(prefix: str, paths: Iterable[str], kinds: Iterable[str]) -> list[str]:
    return [
        f"{prefix}{path}/" if kind == DIRECTORY and path else prefix + path
        for path, kind in zip(paths, kinds, strict=True)
    ]
