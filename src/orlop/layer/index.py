"""What is known of a layer once it was read: its members with the hashes of their contents, and where reading can start.

Kept in few bytes, in memory as in a file: entries in blocks (``orlop.layer.columns``) that are unpacked one at a time.
"""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import repeat
from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from orlop.layer import columns
from orlop.layer.columns import BLOCK_ENTRIES
from orlop.layer.entry import Outlined, Rows
from orlop.layer.points import Point, Points
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orlop.layer.chunks import Chunks
    from orlop.layer.entry import Entry, Told

_MAGIC = b"orlopi2\n"
_LENGTH = Struct("<Q")
_SUM = 32
_FIRST = 64 * 1024  # bytes that are read to know how many there are
_HEAD_LIMIT = 16 * 1024 * 1024
# Blocks that wait unpacked for whoever asked for the layer to be read: some 10 MiB.
_FRESH = 16


_unpacked = attrgetter("unpacked")

NO_POINTS = Points()
"""Of a layer that has to be read from its beginning."""


class _Block(Rows):
    """One block, unpacked at the first look."""

    __slots__ = ("_entries", "_packed")

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._entries: list[Entry] | None = None

    def __getitem__(self, at: int) -> Entry:
        if self._entries is None:
            self._entries = columns.unpack(self._packed)
        return self._entries[at]


class Entries(Outlined):
    """The members of a layer in the archive's order; one block of them is unpacked at a time.

    fresh: blocks as they were before they were packed, by number, which are let go of when they were read once.
    """

    def __init__(self, blocks: Sequence[bytes], count: int, fresh: dict[int, list[Entry]] | None = None) -> None:
        self.blocks = tuple(blocks)
        self._count = count
        self._kept: tuple[int, list[Entry]] = (-1, [])
        self._fresh = fresh or {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | list[Entry]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._count))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        at %= self._count
        return self._block(at // BLOCK_ENTRIES)[at % BLOCK_ENTRIES]

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self.blocks)):
            yield from self._block(number)

    def outlines(self) -> Iterator[tuple[str, str, Told]]:
        """Yield each member's path and kind, and it; a block that is not unpacked stays so until one of its is looked at."""
        for number, packed in enumerate(self.blocks):
            if number in self._fresh or number == self._kept[0]:
                for entry in self._block(number):
                    yield entry.path, entry.kind, entry
            else:
                paths, kinds = columns.outline(packed)
                yield from zip(paths, kinds, zip(repeat(_Block(packed)), range(len(kinds))), strict=False)

    def _block(self, number: int) -> list[Entry]:
        kept, entries = self._kept  # one tuple, so that threads see both or neither
        if kept != number:
            entries = self._fresh.pop(number, []) or columns.unpack(self.blocks[number])
            self._kept = (number, entries)
        return entries


class LayerIndex(NamedTuple):
    """One layer, read.

    kind: ``gzip``, ``zstd`` or ``tar``. digest, packed_size: of the bytes as stored. diff_id, unpacked_size: of the archive
    inside, None where the layer was not read: a table of contents told its entries (``orlop.layer.toc``), and ``chunks`` where
    the files are; such entries have their number for an ``offset``, and no ``data_offset`` (-1). entries: its members, files
    with their ``sha256``. points: where reading can start, in ascending order.
    """

    digest: Digest
    diff_id: Digest | None
    kind: str
    packed_size: int
    unpacked_size: int | None
    entries: Entries
    points: Points = NO_POINTS
    chunks: Chunks | None = None

    def before(self, unpacked: int) -> Point:
        """Return the last place at or before an offset of the archive."""
        from bisect import bisect_right

        at = bisect_right(self.points, unpacked, key=_unpacked)
        return self.points[at - 1] if at else Point(0, 0)

    def after(self, unpacked: int) -> Point | None:
        """Return the first place at or after an offset of the archive."""
        from bisect import bisect_left

        at = bisect_left(self.points, unpacked, key=_unpacked)
        return self.points[at] if at < len(self.points) else None


def dump(index: LayerIndex) -> bytes:
    """Return the index as bytes, which end with their own checksum."""
    chunks = index.chunks.dump() if index.chunks is not None else b""
    head = {
        "digest": str(index.digest),
        "diff_id": str(index.diff_id) if index.diff_id else None,
        "kind": index.kind,
        "packed_size": index.packed_size,
        "unpacked_size": index.unpacked_size,
        "count": len(index.entries),
        "blocks": [len(block) for block in index.entries.blocks],
        "chunks": len(chunks) if index.chunks is not None else None,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    body = b"".join([_MAGIC, _LENGTH.pack(len(text)), text, *index.entries.blocks, chunks])
    return b"".join([body, hashlib.sha256(body).digest(), index.points.dump()])


def load(data: bytes, digest: Digest) -> LayerIndex | None:
    """Return the index of a layer that the bytes are; None for damaged bytes, another version's or another layer's."""
    return load_parts(lambda start, size: data[start : start + size], digest)


def load_parts(read: Callable[[int, int], bytes | None], digest: Digest) -> LayerIndex | None:
    """Return the same of bytes that are kept elsewhere.

    read: returns those from an offset on, at most so many; what is dear of them, the places, is read when it is asked for.
    """
    start = len(_MAGIC) + _LENGTH.size
    data = read(0, _FIRST) or b""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < start:
        return None
    try:
        (length,) = _LENGTH.unpack_from(data, len(_MAGIC))
        if length > _HEAD_LIMIT:
            return None
        at = start + length
        if len(data) < at:
            data += read(len(data), at - len(data)) or b""
        head: dict[str, Any] = json.loads(data[start:at])
        sizes: list[int] = head["blocks"]
        end = at + sum(sizes) + (head["chunks"] or 0)
        if len(data) < end + _SUM:
            data += read(len(data), end + _SUM - len(data)) or b""
        whole = memoryview(data)
        if hashlib.sha256(whole[:end]).digest() != data[end : end + _SUM] or head["digest"] != str(digest):
            return None
        blocks = []
        for size in sizes:
            blocks.append(data[at : at + size])
            at += size
        chunks = _chunks(data[at:end]) if head["chunks"] is not None else None
        count = head["count"]
        if len(blocks) != -(-count // BLOCK_ENTRIES):
            return None
        return LayerIndex(
            digest,
            Digest(head["diff_id"]) if head["diff_id"] else None,
            head["kind"],
            head["packed_size"],
            head["unpacked_size"],
            Entries(blocks, count),
            Points.load(lambda: read(end + _SUM, sys.maxsize) or b""),
            chunks,
        )
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None


def _chunks(data: bytes) -> Chunks:
    from orlop.layer.chunks import Chunks  # few layers have them

    return Chunks.load(data)


class IndexBuilder:
    """Packs entries as they come."""

    def __init__(self) -> None:
        self.count = 0
        self._blocks: list[bytes] = []
        self._waiting: list[Entry] = []
        self._fresh: dict[int, list[Entry]] = {}

    def add(self, entry: Entry) -> None:
        """Take the next member."""
        self.extend((entry,))

    def extend(self, entries: Iterable[Entry]) -> None:
        """Take the next members."""
        self._waiting += entries
        while len(self._waiting) >= BLOCK_ENTRIES:
            self._pack()

    def finish(self) -> Entries:
        """Return the members."""
        if self._waiting:
            self._pack()
        return Entries(self._blocks, self.count, self._fresh)

    def _pack(self) -> None:
        entries, self._waiting = self._waiting[:BLOCK_ENTRIES], self._waiting[BLOCK_ENTRIES:]
        self.count += len(entries)
        if len(self._blocks) < _FRESH:
            self._fresh[len(self._blocks)] = entries
        self._blocks.append(columns.pack(entries))
