"""The records of ``Packages``, a hash database of Berkeley DB (RPM before 4.16)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = 0x00061561
_HASHES = frozenset({2, 13})  # P_HASH_UNSORTED, P_HASH
_OVERFLOW = 7
_ON_PAGE, _OFF_PAGE = 1, 3  # H_KEYDATA, H_OFFPAGE
_HEAD = 26  # bytes of a page's header


def headers(data: bytes, path: str) -> Iterator[bytes]:
    """Yield every header of the database. Raises InvalidDocumentError.

    Rule: Berkeley DB, dbinc/db_page.h; rpm, lib/backend/bdb_ro.c. Pages are read one after the other, since what a bucket does
    not hold is on no hash page. The record under key 0 is a counter.
    """

    def wrong(reason: str) -> InvalidDocumentError:
        return InvalidDocumentError(f"/{path}", reason)

    if len(data) < 512:
        raise wrong("it is no database")
    order = next((o for o in "<>" if Struct(f"{o}I").unpack_from(data, 12)[0] == _MAGIC), "")
    if not order:
        raise wrong("it is no hash database of Berkeley DB")
    short, pair, long = Struct(f"{order}H"), Struct(f"{order}II"), Struct(f"{order}I")
    (size,) = long.unpack_from(data, 20)
    (last,) = long.unpack_from(data, 32)
    if size < 512 or size > 65536 or size & (size - 1):
        raise wrong("its page size cannot be")
    if (last + 1) * size > len(data):
        raise wrong("it is cut short")
    left = last  # a page belongs to one record, so that many steps are enough, whatever circles there are

    def overflow(number: int, length: int) -> bytes:
        """Return a value that has pages of its own."""
        nonlocal left
        parts, missing = [], length
        while missing:
            left -= 1
            if left < 0:
                raise wrong("its records share pages")
            start = number * size
            if not 0 < number <= last or data[start + 25] != _OVERFLOW:
                raise wrong("a record points to no page of its own")
            (used,) = short.unpack_from(data, start + 22)
            if not 0 < used <= min(size - _HEAD, missing):
                raise wrong("a page of a record has a wrong length")
            parts.append(data[start + _HEAD : start + _HEAD + used])
            missing -= used
            (number,) = long.unpack_from(data, start + 16)
        return b"".join(parts)

    for page in range(1, last + 1):
        start = page * size
        if data[start + 25] not in _HASHES:
            continue
        (count,) = short.unpack_from(data, start + 20)
        if count > (size - _HEAD) // 2:
            raise wrong("a page has more items than room")
        places = [short.unpack_from(data, start + _HEAD + 2 * at)[0] for at in range(count)]
        ends = [size, *places]
        for at in range(1, count, 2):
            place, end, key, key_end = places[at], ends[at], places[at - 1], ends[at - 1]
            if not _HEAD <= place < end <= size or not _HEAD <= key < key_end <= size:
                raise wrong("an item lies outside its page")
            if not any(data[start + key + 1 : start + key_end]):
                continue
            kind = data[start + place]
            if kind == _OFF_PAGE and end - place >= 12:
                yield overflow(*pair.unpack_from(data, start + place + 4))
            elif kind == _ON_PAGE:
                yield data[start + place + 1 : start + end]
            else:
                raise wrong("an item is of an unknown kind")
