"""One file out of a layer: only the bytes that it takes, from a place where reading can start on to the file's end."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, IntegrityError, LimitError, TruncatedError
from orlop.layer.inflate import Inflater
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.points import Point
from orlop.layer.sinks import Sink, SparseSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.layer.chunks import Chunk
    from orlop.layer.deflate import MemberInflater
    from orlop.layer.entry import Entry
    from orlop.layer.index import LayerIndex
    from orlop.layer.limits import Limits

# A decoder may want some bytes more than hold what it gives.
_SLACK = 64
_MARGIN = 128 * 1024


class FileReader(ABC):
    """Takes a layer's bytes as stored, from ``start`` up to and without ``stop``, and gives one file's content.

    start, stop: what to open of the layer; None and 0 is all of it, for a file whose hash is not known, so that the layer's
    own digest covers it. likely: where the file ends if the layer is packed there as tightly as around; asking first up to
    there halves what is sent. Call ``finish`` when the file is ``complete`` or the input ended.
    """

    start: int
    stop: int | None
    likely: int | None = None

    def __init__(self, what: str, entry: Entry) -> None:
        self.what, self._entry = what, entry
        self.complete = not entry.size
        self._kept = _Pieces()

    @property
    def spans(self) -> list[tuple[int, int | None]]:
        """The parts of the layer to open one after the other, until the file is complete."""
        if self.likely is None:
            return [(self.start, self.stop)]
        return [(self.start, self.likely), (self.likely, self.stop)]

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes as stored, and yield what they give of the file, as it is asked for. Raises IntegrityError."""
        yield from self._kept.take()
        for _ in self._steps(chunk):
            yield from self._kept.take()

    @abstractmethod
    def _steps(self, chunk: bytes) -> Iterator[None]:
        """Take a chunk, a little with each step."""

    def finish(self) -> None:
        """End the file. Raises TruncatedError, DigestMismatchError."""
        entry, kept = self._entry, self._kept
        if not self.complete:
            raise TruncatedError(self.what, entry.size, kept.size)
        actual = kept.hash.digest()
        if entry.sha256 and actual != entry.sha256:
            raise DigestMismatchError(self.what, f"sha256:{entry.sha256.hex()}", f"sha256:{actual.hex()}")


def file_reader(what: str, index: LayerIndex, entry: Entry, *, limits: Limits = DEFAULT_LIMITS) -> FileReader:
    """Return the reader of a file of the layer. Raises LimitError for one that is too large, with its holes."""
    if entry.size > limits.unpacked:
        raise LimitError(what, "unpacked bytes", limits.unpacked)
    if index.chunks is not None:
        return _ChunkReader(what, entry, index.chunks.of(entry.offset), limits)
    return _ArchiveReader(what, index, entry, limits)


class _Pieces(Sink):
    """Keeps what came until it is taken, counted and hashed."""

    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()
        self._waiting: list[bytes] = []

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        self.hash.update(piece)
        self._waiting.append(piece)

    def close(self) -> None:
        pass

    def take(self) -> list[bytes]:
        pieces, self._waiting = self._waiting, []
        return pieces


class _Plain:
    """Stands for an inflater where nothing is packed."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class _ArchiveReader(FileReader):
    """Reads out of the archive, by the offset that the file has in it."""

    def __init__(self, what: str, index: LayerIndex, entry: Entry, limits: Limits) -> None:
        super().__init__(what, entry)
        first, end = entry.data_offset, entry.data_offset + entry.stored
        point, self.stop = Point(0, 0), None
        self._inflater: _Plain | Inflater | MemberInflater  # imported where it is needed
        if entry.sha256 or not entry.size:
            if index.kind == "tar":
                point = Point(first * 8, first)
                self.stop = end
            else:
                point = index.before(first)
                self.stop, self.likely = _reach(index, point, end)
        if index.kind == "tar":
            self._inflater = _Plain()
        elif point.window is not None:
            from orlop.layer.deflate import MemberInflater

            self._inflater = MemberInflater(what, point, limits=limits)
        else:
            self._inflater = Inflater(what, limits=limits)
        self.start = point.bits // 8
        self._skip, self._left = first - point.unpacked, entry.stored
        self._sink: Sink = self._kept if entry.sparse is None else SparseSink(self._kept, entry.sparse, entry.size)
        if not self._left:
            self._end()

    def _steps(self, chunk: bytes) -> Iterator[None]:
        for piece in self._inflater.feed(chunk) if not self.complete else ():
            if self._skip >= len(piece):
                self._skip -= len(piece)
                continue
            part = piece[self._skip : self._skip + self._left]
            self._skip = 0
            self._sink.write(part)
            self._left -= len(part)
            if not self._left:
                self._end()
            yield
            if self.complete:
                return

    def _end(self) -> None:
        self._sink.close()
        self.complete = True


def _reach(index: LayerIndex, point: Point, end: int) -> tuple[int, int | None]:
    """Return up to where the layer is needed for what comes out from a point to ``end``: at most, and likely."""
    after = index.after(end)
    stop, unpacked = index.packed_size, index.unpacked_size
    if after is not None:
        stop, unpacked = min(after.bits // 8 + _SLACK, stop), after.unpacked
    start = point.bits // 8
    span = (unpacked or 0) - point.unpacked
    if span <= 0:
        return stop, None
    likely = start + (stop - start) * (end - point.unpacked) // span * 9 // 8 + _MARGIN
    return stop, likely if likely < start + (stop - start) * 3 // 4 else None


class _ChunkReader(FileReader):
    """Reads the pieces that a table of contents tells of; some may be packed together, which are inflated once."""

    def __init__(self, what: str, entry: Entry, chunks: list[Chunk], limits: Limits) -> None:
        super().__init__(what, entry)
        packed = [chunk for chunk in chunks if chunk.end > chunk.start]
        if sum(chunk.size for chunk in chunks) != entry.size or not all(map(_follows, packed, packed[1:])):
            raise IntegrityError(what, "its pieces are in no order")
        self.start, self.stop = (packed[0].start, packed[-1].end) if packed else (0, 0)
        self._at = self.start
        self._waiting = chunks[::-1]
        self._limits = limits
        self._inflater = Inflater(what, limits=limits)
        self._inflated = 0
        self._done = 0
        self._hash = hashlib.sha256()
        self._give_zeros()

    def _steps(self, chunk: bytes) -> Iterator[None]:
        begin, self._at = self._at, self._at + len(chunk)
        while not self.complete:
            piece = self._waiting[-1]
            part = chunk[max(piece.start - begin, 0) : max(piece.end - begin, 0)]
            for given in self._inflater.feed(part):
                self._take(given, piece.start)
                yield
                if self.complete or self._waiting[-1].start != piece.start:
                    break
            else:
                if piece.end <= self._at:
                    raise TruncatedError(self.what, piece.size, self._done)
                return
            self._inflater, self._inflated = Inflater(self.what, limits=self._limits), 0

    def _take(self, given: bytes, start: int) -> None:
        """Take what came out of the bytes at ``start`` for all the pieces that are packed there."""
        before = self._inflated
        self._inflated += len(given)
        while not self.complete and self._waiting[-1].start == start:
            piece = self._waiting[-1]
            part = given[max(piece.inner + self._done - before, 0) : max(piece.inner + piece.size - before, 0)]
            self._hash.update(part)
            self._kept.write(part)
            self._done += len(part)
            if self._done < piece.size:
                return
            self._end(piece)

    def _end(self, piece: Chunk) -> None:
        if piece.sha256 and self._hash.digest() != piece.sha256:
            expected, actual = piece.sha256.hex(), self._hash.hexdigest()
            raise DigestMismatchError(f"a piece of {self.what}", f"sha256:{expected}", f"sha256:{actual}")
        self._waiting.pop()
        self._done, self._hash = 0, hashlib.sha256()
        self._give_zeros()

    def _give_zeros(self) -> None:
        """Give the next pieces that are stored nowhere."""
        while self._waiting and self._waiting[-1].end == self._waiting[-1].start:
            self._kept.hole(self._waiting.pop().size)
        self.complete = not self._waiting


def _follows(before: Chunk, after: Chunk) -> bool:
    if before.start == after.start:
        return before.end == after.end and before.inner + before.size <= after.inner
    return before.end <= after.start
