"""Seek points of any content, any compressor, any split: what comes out at each is what came out there."""

from __future__ import annotations

import itertools
import random
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.layer import seekpoints
from orlop.layer.deflate import MemberInflater
from orlop.layer.inflate import Inflater
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.seekpoints import SeekPoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orlop.layer.points import Point

    Recipe = list[tuple[Callable[[random.Random, int], bytes], int, int]]

KIB = 1024


@pytest.fixture(autouse=True, scope="module")
def close_together() -> Iterator[None]:
    """Points in small data, so that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seekpoints, "LEAST_SPACING", 24 * KIB)
        patch.setattr(seekpoints, "LEAST_SIZE", 0)
        patch.setattr(seekpoints, "STRETCH", 96 * KIB)
        patch.setattr(seekpoints, "_STEP", 8 * KIB)
        patch.setattr(seekpoints, "_PROOF", 4 * KIB)
        patch.setattr(seekpoints, "_NATURAL_APART", KIB)
        yield


def words(draw: random.Random, size: int) -> bytes:
    some = [draw.randbytes(draw.randint(2, 60)) for _ in range(200)]
    return b"".join(draw.choices(some, k=size // 30))[:size]


def noise(draw: random.Random, size: int) -> bytes:
    return draw.randbytes(size)


def repeats(draw: random.Random, size: int) -> bytes:
    one = draw.randbytes(draw.choice([1, 2, 3, 100, 5000]))
    return (one * (size // len(one) + 1))[:size]


def packed_itself(draw: random.Random, size: int) -> bytes:
    """Deflate data inside deflate data: headers that are none of the outer's."""
    return zlib.compress(words(draw, size), draw.choice([0, 1, 6]))


def markers(draw: random.Random, size: int) -> bytes:
    """What looks like lengths of stored blocks."""
    return b"".join(
        length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little") + draw.randbytes(draw.randint(0, 40))
        for length in draw.choices(range(65536), k=size // 24)
    )


KINDS = [words, noise, repeats, packed_itself, markers]
SIZES = [1, 300, 40 * KIB, 120 * KIB, 250 * KIB]
recipes = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(SIZES), st.integers(0, 2**32)), min_size=1, max_size=5
)


def made(recipe: Recipe) -> bytes:
    return b"".join(make(random.Random(seed), size) for make, size, seed in recipe)


def by_zlib(level: int, strategy: int, flush_each: int) -> Callable[[bytes], bytes]:
    def pack(content: bytes) -> bytes:
        maker = zlib.compressobj(level, zlib.DEFLATED, 31, 8, strategy)
        if not flush_each:
            return maker.compress(content) + maker.flush()
        # As pigz and Go's writers do: an empty stored block now and then.
        parts = [
            maker.compress(content[at : at + flush_each]) + maker.flush(zlib.Z_SYNC_FLUSH)
            for at in range(0, len(content), flush_each)
        ]
        return b"".join(parts) + maker.flush()

    return pack


def by_isal(level: int) -> Callable[[bytes], bytes]:
    igzip = pytest.importorskip("isal.igzip")
    return lambda content: igzip.compress(content, level)


STRATEGIES = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED, zlib.Z_FILTERED]
compressors = st.one_of(
    st.builds(by_zlib, st.sampled_from([0, 1, 6, 9]), st.sampled_from(STRATEGIES), st.sampled_from([0, 0, 20 * KIB])),
    st.builds(by_isal, st.sampled_from([0, 1, 2, 3])),
)


def points_of(data: bytes, chunk: int) -> Sequence[Point]:
    inflater = Inflater("a layer")
    points = SeekPoints(inflater, len(data))
    try:
        for at in range(0, len(data), chunk):
            for part in points.parts(data[at : at + chunk]):
                for piece in inflater.feed(part):
                    points.piece(piece)
        inflater.finish()
        return points.finish()
    finally:
        points.close()


def read_from(data: bytes, point: Point, chunk: int) -> bytes:
    inflater: Inflater | MemberInflater = Inflater("a layer")
    if point.window is not None:
        inflater = MemberInflater("a layer", point, limits=DEFAULT_LIMITS)
    starts = range(point.bits // 8, len(data), chunk)
    return b"".join(piece for at in starts for piece in inflater.feed(data[at : at + chunk]))


@settings(deadline=None, max_examples=80)
@given(
    members=st.lists(st.tuples(recipes, compressors), min_size=1, max_size=2),
    fed=st.integers(1000, 300 * KIB),
    read=st.integers(100, 300 * KIB),
)
def test_what_comes_out_at_every_point_is_what_came_out_there(
    members: list[tuple[Recipe, Callable[[bytes], bytes]]], fed: int, read: int
) -> None:
    contents = [made(recipe) for recipe, _ in members]
    data = b"".join(pack(content) for content, (_, pack) in zip(contents, members, strict=True))
    content = b"".join(contents)
    points = points_of(data, fed)
    assert points[0].bits == 0
    for before, after in itertools.pairwise(points):
        assert before.bits < after.bits
        assert before.unpacked <= after.unpacked
    for point in points:
        # Told without a comparison of megabytes when it fails.
        assert (read_from(data, point, read) == content[point.unpacked :]) is True
