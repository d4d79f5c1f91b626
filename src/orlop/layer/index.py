"""What is known of a layer once it was read: its members with the hashes of their contents, and where reading can start.

Kept in few bytes, in memory as in a file: entries in blocks (``orlop.layer.columns``) that are unpacked one at a time.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from orlop.layer import columns
from orlop.layer.chunks import Chunks
from orlop.layer.columns import BLOCK_ENTRIES
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.layer.entry import Entry

_MAGIC = b"orlopi1\n"
_LENGTH = Struct("<Q")
_SUM = 32


class Point(NamedTuple):
    """A place where reading can start.

    bits: its offset in the layer as stored, in bits; what is no multiple of 8 is inside a deflate stream. unpacked: offset
    of the bytes that come out there. window: None where a gzip member or a zstd frame begins, or in a plain archive; else
    inside a deflate stream, whose preceding 32 KiB of output it holds, deflated. stored: a stored deflate block's length
    begins there, past its three bits of header.
    """

    bits: int
    unpacked: int
    window: bytes | None = None
    stored: bool = False


_unpacked = attrgetter("unpacked")


class Entries(Sequence["Entry"]):
    """The members of a layer in the archive's order; one block of them is unpacked at a time."""

    def __init__(self, blocks: Sequence[bytes], count: int) -> None:
        self.blocks = tuple(blocks)
        self._count = count
        self._kept: tuple[int, list[Entry]] = (-1, [])

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

    def _block(self, number: int) -> list[Entry]:
        kept, entries = self._kept  # one tuple, so that threads see both or neither
        if kept != number:
            entries = columns.unpack(self.blocks[number])
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
    points: tuple[Point, ...] = ()
    chunks: Chunks | None = None

    def before(self, unpacked: int) -> Point:
        """Return the last place at or before an offset of the archive."""
        at = bisect_right(self.points, unpacked, key=_unpacked)
        return self.points[at - 1] if at else Point(0, 0)

    def after(self, unpacked: int) -> Point | None:
        """Return the first place at or after an offset of the archive."""
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
        "points": [
            [point.bits, point.unpacked, -1 if point.window is None else len(point.window), point.stored]
            for point in index.points
        ],
        "chunks": len(chunks) if index.chunks is not None else None,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    windows = [point.window for point in index.points if point.window is not None]
    body = b"".join([_MAGIC, _LENGTH.pack(len(text)), text, *index.entries.blocks, *windows, chunks])
    return body + hashlib.sha256(body).digest()


def load(data: bytes, digest: Digest) -> LayerIndex | None:
    """Return the index of a layer that the bytes are; None for damaged bytes, another version's or another layer's."""
    body = memoryview(data)[:-_SUM]
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(body).digest() != data[-_SUM:]:
        return None
    try:
        return _loaded(body, digest)
    except (ValueError, LookupError, TypeError, RecursionError):  # written by a program that is not this one
        return None


def _loaded(body: memoryview, digest: Digest) -> LayerIndex | None:
    at = len(_MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(body[len(_MAGIC) : at])
    head: dict[str, Any] = json.loads(bytes(body[at : at + length]))
    at += length
    if head["digest"] != str(digest):
        return None

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(body):
            raise ValueError("it is too short")
        return bytes(body[at - size : at])

    blocks = [take(size) for size in head["blocks"]]
    points = tuple(
        Point(bits, unpacked, None if size < 0 else take(size), stored)
        for bits, unpacked, size, stored in head["points"]
    )
    chunks = Chunks.load(take(head["chunks"])) if head["chunks"] is not None else None
    count = head["count"]
    if len(blocks) != -(-count // BLOCK_ENTRIES) or at != len(body):
        raise ValueError("its parts are not all there")
    diff_id = Digest(head["diff_id"]) if head["diff_id"] else None
    entries = Entries(blocks, count)
    sizes = head["packed_size"], head["unpacked_size"]
    return LayerIndex(digest, diff_id, head["kind"], *sizes, entries, points, chunks)


class IndexBuilder:
    """Packs entries as they come."""

    def __init__(self) -> None:
        self.count = 0
        self._blocks: list[bytes] = []
        self._waiting: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Take the next member."""
        self.count += 1
        self._waiting.append(entry)
        if len(self._waiting) == BLOCK_ENTRIES:
            self._blocks.append(columns.pack(self._waiting))
            self._waiting = []

    def finish(self) -> Entries:
        """Return the members."""
        if self._waiting:
            self._blocks.append(columns.pack(self._waiting))
            self._waiting = []
        return Entries(self._blocks, self.count)
