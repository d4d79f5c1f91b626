"""The records of ``Packages.db``, RPM's own database (SUSE)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = Struct("<4sIIII")
_SLOT = Struct("<4sIII")
_BLOB = Struct("<4sIII")
_TAIL = Struct("<II4s")
_PAGE, _BLOCK, _START = 4096, 16, 32


def headers(data: bytes, path: str) -> Iterator[bytes]:
    """Yield every header of the database. Raises InvalidDocumentError.

    Rule: rpm, lib/backend/ndb/rpmpkg.c: a header, slots of (magic, package, block, blocks), blobs between head and tail.
    """

    def wrong(reason: str) -> InvalidDocumentError:
        return InvalidDocumentError(f"/{path}", reason)

    if len(data) < _PAGE:
        raise wrong("it is shorter than its first page")
    magic, version, _, pages, _ = _HEADER.unpack_from(data)
    if magic != b"RpmP" or version != 0:
        raise wrong("it is no ndb database of version 0")
    if not 0 < pages * _PAGE <= len(data):
        raise wrong("its slots end behind the file")
    left = len(data)
    for magic, package, block, blocks in _SLOT.iter_unpack(data[_START : pages * _PAGE]):
        if magic != b"Slot":
            raise wrong("a slot is damaged")
        if not block:
            continue
        start, end = block * _BLOCK, (block + blocks) * _BLOCK
        left -= end - start
        if start < pages * _PAGE or end > len(data) or end - start < _BLOB.size + _TAIL.size:
            raise wrong("a slot points to no record")
        if left < 0:
            raise wrong("its records overlap")
        magic, owner, _, size = _BLOB.unpack_from(data, start)
        tail_size, tail = _TAIL.unpack_from(data, end - _TAIL.size)[1:]
        if (magic, owner, tail, tail_size) != (b"BlbS", package, b"BlbE", size):
            raise wrong("a record is damaged")
        if start + _BLOB.size + size > end - _TAIL.size:
            raise wrong("a record is longer than its blocks")
        yield data[start + _BLOB.size : start + _BLOB.size + size]
