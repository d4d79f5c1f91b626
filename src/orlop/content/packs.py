"""Many small cache entries in one file: making a file costs a hundred times what appending to one does.

A pack holds the entries' bytes one after another, then an index of 44-byte rows sorted by digest (32 bytes of sha256,
8 of offset, 4 of size, big-endian), then the count of rows in 8 bytes and 8 bytes of magic. It is written beside and
renamed, and never changed: processes need no lock. Entries are hashed when they are read, by the cache.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAGIC = b"orlopk1\n"
_ROW = 44
_TAIL = 16
_MOST_ROWS = 4_000_000
_MOST_PACKS = 16
# After so many questions a table of all rows is quicker than a search in each pack.
_FEW = 16


class Pack:
    """One pack, its index in memory. Raises OSError, ValueError for a file that is none."""

    def __init__(self, path: str) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self.size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, _TAIL, max(0, self.size - _TAIL))
            self.count = int.from_bytes(tail[:8], "big")
            length = self.count * _ROW
            if tail[8:] != _MAGIC or self.count > _MOST_ROWS or length + _TAIL > self.size:
                raise ValueError(f"{path} is not a pack")
            self.rows = os.pread(descriptor, length, self.size - _TAIL - length)
        finally:
            os.close(descriptor)

    def find(self, key: bytes) -> int | None:
        """Return the row of a digest, by bisection."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.rows[middle * _ROW : middle * _ROW + 32] < key:
                low = middle + 1
            else:
                high = middle
        return low if low < self.count and self.rows[low * _ROW : low * _ROW + 32] == key else None

    def read(self, row: int) -> bytes:
        """Return the bytes of an entry, as they are in the file."""
        at = row * _ROW + 32
        offset, size = int.from_bytes(self.rows[at : at + 8], "big"), int.from_bytes(self.rows[at + 8 : at + 12], "big")
        if offset + size > self.size:
            raise ValueError(f"{self.path} is damaged")
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return os.pread(descriptor, size, offset)
        finally:
            os.close(descriptor)


class Packs:
    """The packs of a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._packs: list[Pack] | None = None
        self._table: dict[bytes, tuple[Pack, int]] | None = None
        self._asked = 0

    def get(self, key: bytes) -> tuple[bytes, str] | None:
        """Return an entry's bytes and the path of its pack, or None."""
        if self._packs is None:
            self._packs = self._open()
        if not self._packs:
            return None
        self._asked += 1
        if self._table is None and self._asked > _FEW:
            self._table = {p.rows[n * _ROW : n * _ROW + 32]: (p, n) for p in self._packs for n in range(p.count)}
        found = self._table.get(key) if self._table is not None else self._search(key)
        if found is None:
            return None
        pack, row = found
        with suppress(OSError, ValueError):
            return pack.read(row), pack.path
        return None

    def _search(self, key: bytes) -> tuple[Pack, int] | None:
        for pack in self._packs or ():
            row = pack.find(key)
            if row is not None:
                return pack, row
        return None

    def _open(self) -> list[Pack]:
        packs = []
        for path in self.paths():
            try:
                packs.append(Pack(path))
            except ValueError:
                with suppress(OSError):
                    os.unlink(path)
            except OSError:
                continue  # another process has just replaced it
        return packs

    def paths(self) -> list[str]:
        """Return the paths of the packs, in no order."""
        try:
            return [os.path.join(self.folder, name) for name in os.listdir(self.folder) if name.endswith(".pack")]
        except OSError:
            return []

    def write(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Write a new pack of (digest, bytes); when there are many packs, into one with the smallest of them.

        Raises OSError.
        """
        merged = dict(entries)
        old = sorted(self._open(), key=lambda pack: pack.size)[:_MOST_PACKS] if len(self.paths()) >= _MOST_PACKS else []
        for pack in old:
            for row in range(pack.count):
                with suppress(OSError, ValueError):
                    merged.setdefault(pack.rows[row * _ROW : row * _ROW + 32], pack.read(row))
        self._store(merged)
        for pack in old:
            with suppress(OSError):
                os.unlink(pack.path)
        self.forget()

    def _store(self, entries: dict[bytes, bytes]) -> None:
        os.makedirs(self.folder, exist_ok=True)
        name = f"{os.getpid():x}-{os.urandom(6).hex()}"
        part = os.path.join(self.folder, f"{name}.part")
        rows, offset = [], 0
        try:
            with open(part, "xb") as file:
                for key, data in sorted(entries.items()):
                    file.write(data)
                    rows.append(key + offset.to_bytes(8, "big") + len(data).to_bytes(4, "big"))
                    offset += len(data)
                file.write(b"".join(rows) + len(rows).to_bytes(8, "big") + _MAGIC)
            os.replace(part, os.path.join(self.folder, f"{name}.pack"))
        except OSError:
            with suppress(OSError):
                os.unlink(part)
            raise

    def forget(self) -> None:
        """Look at the folder again when next asked."""
        self._packs = self._table = None

    def count(self) -> int:
        """Return how many entries there are in all packs."""
        return sum(pack.count for pack in self._open())
