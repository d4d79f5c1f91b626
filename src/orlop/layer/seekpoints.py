"""Places inside a plain gzip layer where reading can start, found and proven while the layer streams by once.

At about every hundredth of the layer a stretch is kept: its packed bytes, and what came out of them. A block that begins in
it is looked for, inflated, and compared with what came out; only what agrees for many kilobytes is a point.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from orlop.layer.aside import Aside
from orlop.layer.blocks import SLICE, dynamic_blocks, stored_blocks
from orlop.layer.decoders import GZIP_FAULTS, raw_decoder, zlib_compress
from orlop.layer.deflate import STORED, WINDOW, aligned
from orlop.layer.points import Point, Points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.layer.inflate import Inflater

MIB = 1024 * 1024
LEAST_SPACING = MIB
"""Bytes as stored between two points of a layer of less than 120 MiB."""

POINTS = 120
"""Points of a larger one: a stretch between two, with the search for a block, is under a hundredth of it."""

LEAST_SIZE = 4 * MIB
"""A smaller layer is read from its beginning."""

STRETCH = 288 * 1024
"""Packed bytes that are kept to look for a block in."""

# Packed bytes after which the count of what came out is known: where a block mostly begins, and behind.
_STEP, _FAR_STEP = 32 * 1024, 96 * 1024
_OUTPUT_LIMIT = 4 * MIB  # what may come out of a stretch, and as much again of its last step
_PROOF = 8 * 1024  # least packed bytes behind a block that have to come out as they did
# Decoders may give a byte or two only with the next input.
_HELD_BACK = 4
_REPEATS = 1024
_NEAR = 96 * 1024  # packed bytes in which a block mostly begins
_PATIENCE = 8  # a third miss in a row is answered by leaving out one stretch, the next by two, ...
_NATURAL_APART = 128 * 1024


class Stretch(NamedTuple):
    """A part of the layer: packed bytes from ``start`` on; ``cuts``, where in them how much had come out, each offset from
    the layer's beginning; ``pieces``, what came out from the offset ``base`` on, at least a window before the first cut.
    """

    start: int
    data: bytes
    cuts: list[tuple[int, int]]
    base: int
    pieces: list[bytes]

    def output(self, start: int, end: int) -> bytes:
        """Return what came out between two offsets, from ``base`` on where the first one is before it."""
        start, end = max(start - self.base, 0), end - self.base
        found = []
        for piece in self.pieces:
            if start < len(piece):
                found.append(piece[start:end])
            start, end = max(start - len(piece), 0), end - len(piece)
            if end <= 0:
                break
        return b"".join(found)


class Parts(NamedTuple):
    """A stretch as it came: ``packed`` in parts, one for each cut but the first; the ``pieces`` that came out from ``base`` on."""

    packed: list[bytes]
    cuts: list[tuple[int, int]]
    base: int
    pieces: list[bytes]

    def joined(self, most: int) -> Stretch:
        """Return the first ``most`` packed bytes as one."""
        cuts = [cut for cut in self.cuts if cut[0] <= self.cuts[0][0] + most]
        return Stretch(cuts[0][0], b"".join(self.packed[: len(cuts) - 1]), cuts, self.base, self.pieces)


def find(stretch: Stretch, begin: int = 0) -> Point | None:
    """Return the first block of the stretch that can be proven, None if there is none. begin: packed bytes to leave out."""
    starts = range(begin, len(stretch.data) - _PROOF, SLICE)
    for first in starts:
        for at in stored_blocks(stretch.data, first, first + SLICE):
            point = _proven(stretch, at * 8, stored=True)
            if point is not None:
                return point
        for bit in dynamic_blocks(stretch.data, first, first + SLICE):
            point = _proven(stretch, bit, stored=False)
            if point is not None:
                return point
    for first in starts:
        for bit in dynamic_blocks(stretch.data, first, first + SLICE, usual=False):
            point = _proven(stretch, bit, stored=False)
            if point is not None:
                return point
    return None


def _proven(stretch: Stretch, bit: int, *, stored: bool) -> Point | None:
    """Return the point at a bit of the stretch if inflating from there gives what came out there."""
    proof = stretch.start + bit // 8 + _PROOF
    if stored:
        # Inside a real stored block anything agrees, so that it has to agree beyond the end of this one.
        proof += int.from_bytes(stretch.data[bit // 8 : bit // 8 + 2], "little")
    cut = next((cut for cut in stretch.cuts if cut[0] >= proof), None)
    if cut is None:
        return None
    most = cut[1] - stretch.cuts[0][1]
    data = stretch.data[bit // 8 : cut[0] - stretch.start]
    data = STORED + data if stored else aligned(data, bit % 8)
    # How much comes out does not depend on the window; that tells which window it is.
    length = len(_inflated(data, bytes(WINDOW), most) or b"")
    if not length:
        return None
    for held in range(_HELD_BACK):
        at = cut[1] - length + held
        if at < stretch.base:
            continue
        window, output = stretch.output(at - WINDOW, at), stretch.output(at, cut[1])
        if (_inflated(data, window, most) or b"")[: len(output)] == output:
            # What repeats itself may agree in a wrong place as well.
            if output.find(output[:_REPEATS], 1, 2 * _REPEATS) >= 0:
                return None
            return Point(stretch.start * 8 + bit, at, zlib_compress(window), stored)
    return None


def _inflated(data: bytes, window: bytes, most: int) -> bytes | None:
    inflater = raw_decoder(window)
    try:
        output = inflater.decompress(data, most + _HELD_BACK)
    except GZIP_FAULTS:
        return None
    return None if inflater.eof or inflater.unconsumed_tail else output


class SeekPoints:
    """Watches one layer being inflated. size: its bytes as stored.

    For each chunk: inflate the ``parts`` of it, and tell each ``piece`` that came out; in the end ``finish`` or ``close``.
    hand: called with what is to be searched; it has ``search`` called with each before ``finish``. None: the search has a
    thread of its own, and few stretches wait for it.
    """

    def __init__(self, inflater: Inflater, size: int, hand: Callable[[Parts], object] | None = None) -> None:
        self._inflater = inflater
        self._spacing = max(LEAST_SPACING, size // POINTS)
        self._active = size >= LEAST_SIZE
        self._target = self._spacing
        self._recent: deque[bytes] = deque()  # what came out last, at least a window of it
        self._recent_size = 0
        self._packed: list[bytes] = []
        self._cuts: list[tuple[int, int]] = []
        self._starts = 0
        self._found: list[Point] = []
        self._misses = self._pause = 0
        self._aside: Aside[Parts] = Aside(self.search, "seek points", ahead=2, alone_from=0)
        self._hand = hand or self._aside.put

    def parts(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the chunk, cut where it has to be known how much came out. Inflate each part before asking for the next."""
        if not self._active:
            yield chunk
            return
        at = 0
        while at < len(chunk):
            begin = self._inflater.packed_size
            to_target = self._target - begin
            if to_target > 0:
                size = to_target
            else:
                if not self._cuts:
                    self._begin()
                size = self._to_cut(begin - self._cuts[0][0])
            taken = chunk[at : at + size]
            at += len(taken)
            if self._cuts:
                self._packed.append(taken)
            yield taken
            if self._cuts:
                self._cut()
            if self._inflater.kind not in {"", "gzip"}:
                self._stop()
                yield chunk[at:]
                return

    def piece(self, piece: bytes) -> None:
        """Take note of what came out."""
        if self._active:
            self._recent.append(piece)
            self._recent_size += len(piece)
            if self._cuts and self._recent_size > 2 * _OUTPUT_LIMIT:
                self._drop(self._cuts[0][0])
            if not self._cuts:
                while self._recent_size - len(self._recent[0]) >= WINDOW:
                    self._recent_size -= len(self._recent.popleft())

    @staticmethod
    def _to_cut(size: int) -> int:
        """Return how many bytes it is from so many of a stretch to its next cut."""
        step = _STEP - size % _STEP if size < _NEAR else _FAR_STEP - (size - _NEAR) % _FAR_STEP
        return min(step, STRETCH - size)

    def _begin(self) -> None:
        self._cuts = [(self._inflater.packed_size, self._inflater.unpacked_size)]
        self._starts = len(self._inflater.starts)

    def _cut(self) -> None:
        """After a part of a stretch: note how much came out, and end the stretch where it is long enough."""
        inflater = self._inflater
        if len(inflater.starts) != self._starts:
            # A member begins here by itself, which needs no search.
            self._drop(inflater.starts[-1][0])
            return
        self._cuts.append((inflater.packed_size, inflater.unpacked_size))
        start = self._cuts[0]
        if inflater.packed_size - start[0] < STRETCH and inflater.unpacked_size - start[1] < _OUTPUT_LIMIT:
            return
        base = inflater.unpacked_size - self._recent_size
        self._hand(Parts(self._packed, self._cuts, base, list(self._recent)))
        self._drop(start[0])

    def _drop(self, last: int) -> None:
        self._cuts, self._packed = [], []
        self._target = max(last + self._spacing, self._inflater.packed_size)

    def _stop(self) -> None:
        self._active = False
        self._recent.clear()

    def search(self, parts: Parts) -> None:
        """Look for a point in what was handed over."""
        if self._pause:
            self._pause -= 1
            return
        point = find(parts.joined(_NEAR)) or find(parts.joined(2 * STRETCH), _NEAR - 2 * _PROOF)
        if point is not None:
            self._found.append(point)
            self._misses = 0
            return
        # Where the compressor writes blocks that are not found, looking everywhere would cost more than the layer.
        self._misses += 1
        self._pause = (1 << self._misses) // _PATIENCE

    def finish(self) -> Points:
        """Return all points in ascending order, with those where members or frames begin."""
        self._aside.finish()
        points: list[Point] = []
        natural = [Point(packed * 8, unpacked) for packed, unpacked in self._inflater.starts]
        for point in sorted([*natural, *self._found], key=lambda point: point.bits):
            if not points or point.bits - points[-1].bits >= _NATURAL_APART * 8:
                points.append(point)
        return Points(points)

    def close(self) -> None:
        """End the thread."""
        self._aside.close()
