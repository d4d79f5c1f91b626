"""The records of ``rpmdb.sqlite`` (RPM since 4.16)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_STEPS = 50_000  # virtual machine instructions between two looks at the count; reading a record takes about ten
_LOOKS_LIMIT = 400
_JOURNAL = Struct(">IIIIIIII")
_FRAME = Struct(">IIIIII")


def headers(data: bytes, path: str, journal: bytes = b"") -> Iterator[bytes]:
    """Yield every header of the database. Raises InvalidDocumentError.

    The table has to be a plain one: a view of that name, or a trigger, could make the library work without end.
    """
    import sqlite3

    def wrong(reason: object) -> InvalidDocumentError:
        return InvalidDocumentError(f"/{path}", f"SQLite: {reason}")

    looks, left = 0, len(data) + len(journal)

    def enough() -> bool:
        nonlocal looks
        looks += 1
        return looks > _LOOKS_LIMIT

    connection = sqlite3.connect(":memory:")
    connection.text_factory = bytes  # nothing says that names in a damaged schema are UTF-8
    try:
        connection.deserialize(_settled(data, journal))
        connection.set_progress_handler(enough, _STEPS)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cell_size_check=ON")
        if not _plain(connection):
            raise wrong("it has no table Packages")
        for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum"):
            if not isinstance(blob, bytes):
                raise wrong("a record is no blob")
            left -= len(blob)
            if left < 0:
                raise wrong("its records share pages")
            yield blob
    except (sqlite3.Error, ValueError, OverflowError, MemoryError) as error:
        raise wrong(error) from error
    finally:
        connection.close()


def _plain(connection: sqlite3.Connection) -> bool:
    query = "SELECT type, sql FROM sqlite_master WHERE name = 'Packages' COLLATE NOCASE"
    found = connection.execute(query).fetchall()
    return len(found) == 1 and found[0][0] == b"table" and b"VIRTUAL" not in bytes(found[0][1] or b"").upper()


def _settled(data: bytes, journal: bytes) -> bytes:
    """Return the database with the committed pages of its journal in place, and marked as one that needs none.

    Rule: sqlite.org/fileformat2.html, "The Write-Ahead Log"; salts tell which frames belong to it.
    """
    found = bytearray(data)
    if len(journal) > _JOURNAL.size:
        magic, _, size, _, first, second, _, _ = _JOURNAL.unpack_from(journal)
        waiting: dict[int, int] = {}
        if magic in {0x377F0682, 0x377F0683} and 512 <= size <= 65536:
            for at in range(_JOURNAL.size, len(journal) - _FRAME.size - size + 1, _FRAME.size + size):
                page, pages, one, two, _, _ = _FRAME.unpack_from(journal, at)
                if (one, two) != (first, second) or not page:
                    break
                waiting[page] = at + _FRAME.size
                if pages:
                    _write(found, journal, waiting, pages, size)
                    waiting = {}
    if len(found) > 19:
        found[18:20] = (
            b"\1\1"  # file format versions: 2 is for databases with a journal, which one in memory cannot have
        )
    return bytes(found)


def _write(found: bytearray, journal: bytes, waiting: dict[int, int], pages: int, size: int) -> None:
    if pages * size > len(found) + len(journal):
        return  # larger than both together: no honest journal says so
    found.extend(bytes(max(pages * size - len(found), 0)))
    del found[pages * size :]
    for page, at in waiting.items():
        if page <= pages:
            found[(page - 1) * size : page * size] = journal[at : at + size]
