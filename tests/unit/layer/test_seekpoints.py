"""Where reading can start inside gzip data: headers found, blocks proven, and any bit to begin with."""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import zlib

import pytest

from orlop.errors import IntegrityError
from orlop.layer import seekpoints
from orlop.layer.blocks import dynamic_blocks, stored_blocks
from orlop.layer.deflate import WINDOW, MemberInflater, aligned
from orlop.layer.inflate import Inflater
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.points import Point
from orlop.layer.seekpoints import SeekPoints, Stretch, find

WORDS = [bytes(random.Random(n).choices(b"etaoinshrdlu", k=3 + n % 7)) for n in range(900)]


def text(size: int, seed: int = 1) -> bytes:
    """Content that compresses as that of ordinary layers does."""
    draw = random.Random(seed)
    made = b" ".join(draw.choices(WORDS, k=size // 5))
    return made[:size]


def prose(size: int, seed: int = 1) -> bytes:
    """Content that says the same again in places, at length."""
    draw = random.Random(seed)
    said = [text(draw.randrange(40, 400), n) for n in range(300)]
    made = b""
    while len(made) < size:
        made += draw.choice(said) if draw.random() < 0.1 else text(200, draw.randrange(1 << 30))
    return made[:size]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def packed(content: bytes, level: int = 6) -> bytes:
    maker = zlib.compressobj(level, zlib.DEFLATED, 31)
    return maker.compress(content) + maker.flush()


def points_of(
    monkeypatch: pytest.MonkeyPatch, data: bytes, chunk: int = 50_000, spacing: int = 64 * 1024
) -> list[Point]:
    """Return the points that a pass over small data finds."""
    monkeypatch.setattr(seekpoints, "LEAST_SPACING", spacing)
    monkeypatch.setattr(seekpoints, "LEAST_SIZE", 0)
    monkeypatch.setattr(seekpoints, "STRETCH", 160 * 1024)
    inflater = Inflater("a layer")
    points = SeekPoints(inflater, len(data))
    for at in range(0, len(data), chunk):
        for part in points.parts(data[at : at + chunk]):
            for piece in inflater.feed(part):
                points.piece(piece)
    inflater.finish()
    return list(points.finish())


def read_from(data: bytes, point: Point, chunk: int = 10_000) -> bytes:
    begin = point.bits // 8
    if point.window is None:
        inflater: Inflater | MemberInflater = Inflater("a layer")
    else:
        inflater = MemberInflater("a layer", point, limits=DEFAULT_LIMITS)
    return b"".join(piece for at in range(begin, len(data), chunk) for piece in inflater.feed(data[at : at + chunk]))


# --- beginning at a bit ------------------------------------------------------------------------


@pytest.mark.parametrize("bit", range(8))
def test_inflating_begins_at_any_bit(bit: int) -> None:
    maker = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = maker.compress(b"so it is, " * 20) + maker.flush()
    moved = (int.from_bytes(plain, "little") << bit | (1 << bit) - 1).to_bytes(len(plain) + 1, "little")
    assert zlib.decompressobj(-15).decompress(aligned(moved, bit)) == b"so it is, " * 20


# --- headers -----------------------------------------------------------------------------------


def test_a_stored_blocks_length_is_found() -> None:
    content = noise(100_000)
    data = packed(content)
    found = [at for at in stored_blocks(data, 0, len(data)) if zlib_agrees(b"\0" + data[at:], content)]
    assert len(found) >= 2


def test_the_headers_of_ordinary_blocks_are_found() -> None:
    data = packed(text(1_000_000))
    found = [bit for bit in dynamic_blocks(data, 0, len(data), usual=False) if zlib_accepts(data, bit)]
    assert len(found) >= 5


def test_slices_find_what_the_whole_does() -> None:
    data = packed(prose(800_000))
    for usual in (True, False):
        whole = list(dynamic_blocks(data, 0, len(data), usual=usual))
        assert len([bit for bit in whole if zlib_accepts(data, bit)]) >= 3
        parts = [dynamic_blocks(data, at, at + 1000, usual=usual) for at in range(0, len(data), 1000)]
        assert whole == [bit for part in parts for bit in part]


def zlib_agrees(data: bytes, content: bytes) -> bool:
    try:
        return zlib.decompressobj(-15).decompress(data, 5000) in content
    except zlib.error:
        return False


def zlib_accepts(data: bytes, bit: int) -> bool:
    try:
        return (
            len(zlib.decompressobj(-15, zdict=bytes(WINDOW)).decompress(aligned(data[bit // 8 :], bit % 8), 50_000))
            > 40_000
        )
    except zlib.error:
        return False


# --- points ------------------------------------------------------------------------------------

MIXED = text(900_000) + noise(200_000) + bytes(300_000) + text(900_000, 2) + noise(300_000, 2) + text(400_000, 3)


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("chunk", [7_777, 50_000, 10_000_000])
def test_what_comes_out_at_every_point_is_what_came_out_there(
    monkeypatch: pytest.MonkeyPatch, level: int, chunk: int
) -> None:
    data = packed(MIXED, level)
    points = points_of(monkeypatch, data, chunk)
    assert len(points) >= 4
    assert points == sorted(points, key=lambda point: point.bits)
    for point in points:
        assert read_from(data, point) == MIXED[point.unpacked :]


def test_what_pigz_wrote_has_points(monkeypatch: pytest.MonkeyPatch) -> None:
    pigz = shutil.which("pigz")
    if pigz is None:
        pytest.skip("pigz is not installed")
    data = subprocess.run([pigz, "-c"], input=MIXED, capture_output=True, check=True).stdout
    points = points_of(monkeypatch, data)
    assert len(points) >= 4
    assert all(read_from(data, point) == MIXED[point.unpacked :] for point in points)


def test_the_same_layer_has_the_same_points_however_it_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(MIXED)
    assert points_of(monkeypatch, data, 20_000) == points_of(monkeypatch, data, 333_333)


def test_nothing_but_zeros_has_no_point_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(bytes(200_000_000))
    assert points_of(monkeypatch, data, spacing=16 * 1024) == [Point(0, 0)]


def test_a_small_layer_has_its_beginning_alone() -> None:
    data = packed(MIXED)
    inflater = Inflater("a layer")
    points = SeekPoints(inflater, len(data))
    for part in points.parts(data):
        for piece in inflater.feed(part):
            points.piece(piece)
    assert points.finish() == (Point(0, 0),)


def test_members_are_points_of_themselves_and_those_close_together_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [text(30_000, seed) for seed in range(40)] + [text(900_000, 50), noise(900_000)]
    data = b"".join(map(packed, parts))
    content = b"".join(parts)
    points = points_of(monkeypatch, data)
    assert [point.window is None for point in points[:2]] == [True, True]
    apart = [after.bits - before.bits for before, after in itertools.pairwise(points)]
    assert min(apart) >= 128 * 1024 * 8
    assert all(read_from(data, point) == content[point.unpacked :] for point in points)


def test_reading_goes_on_through_the_members_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = MIXED, text(50_000, 9)
    data = packed(first) + packed(second) + bytes(1000)
    inside = [point for point in points_of(monkeypatch, data) if point.window is not None]
    assert inside
    for chunk in (1, 5_000, 10_000_000):
        assert read_from(data, inside[-1], chunk) == (first + second)[inside[-1].unpacked :]


def test_a_layer_that_is_not_gzip_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    from orlop.testing.layers import layer

    blob = layer({"a": MIXED}, compression="zstd")
    assert points_of(monkeypatch, blob.data) == [Point(0, 0)]
    blob = layer({"a": MIXED}, compression="")
    assert points_of(monkeypatch, blob.data) == [Point(0, 0)]


def test_damage_behind_a_point_is_an_integrity_error(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(MIXED)
    point = next(point for point in points_of(monkeypatch, data) if point.bits % 8)
    at = point.bits // 8 + 3000
    damaged = data[:at] + noise(200_000, 4) + data[at + 200_000 :]
    with pytest.raises(IntegrityError, match="gzip data is damaged"):
        read_from(damaged, point)


def test_a_header_inside_stored_content_is_no_point() -> None:
    # The content looks like a stored block itself, and agrees with everything up to its pretended end.
    inner = noise(20_000) + (50_000).to_bytes(2, "little") + (50_000 ^ 0xFFFF).to_bytes(2, "little") + noise(300_000, 3)
    stored = zlib.compress(inner, 0)[2:-4]
    start = WINDOW
    before = noise(WINDOW, 5)
    cuts = [(start + at, WINDOW + inflated(stored[:at])) for at in range(0, len(stored), 32 * 1024)]
    output = before + inner[: cuts[-1][1] - WINDOW]
    point = find(Stretch(start, stored[: cuts[-1][0] - start], cuts, 0, [output]))
    assert point is not None
    assert point.stored
    rest = MemberInflater("it", point, limits=DEFAULT_LIMITS)
    whole = b"".join(rest.feed(stored[point.bits // 8 - start :]))
    assert whole == inner[point.unpacked - WINDOW :]


def inflated(data: bytes) -> int:
    return len(zlib.decompressobj(-15).decompress(data))


def test_a_compressor_whose_blocks_are_not_found_costs_few_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Stretch] = []
    monkeypatch.setattr(seekpoints, "find", lambda stretch, _=0: searched.append(stretch))
    points = points_of(monkeypatch, packed(noise(6_000_000)), spacing=64 * 1024)
    assert points == [Point(0, 0)]
    assert 3 <= len({stretch.start for stretch in searched}) <= 10
