"""An index: its entries by number, its places, and its bytes, which are good or none."""

from __future__ import annotations

import hashlib

import pytest

from orlop.layer import columns
from orlop.layer.chunks import Chunk, Chunks
from orlop.layer.columns import BLOCK_ENTRIES
from orlop.layer.entry import FILE, NO_XATTRS, Entry
from orlop.layer.index import IndexBuilder, LayerIndex, dump, load, load_parts
from orlop.layer.overlay import LayerTree
from orlop.layer.points import Point, Points
from orlop.model.digest import Digest

DIGEST = Digest.of(b"layer")
COUNT = 2 * BLOCK_ENTRIES + 5


def entry(number: int) -> Entry:
    return Entry(
        f"f{number}", FILE, 0o644, 0, 0, "", "", 1, 0, "", 0, 0, NO_XATTRS, number, number, 1, None, f"f{number}"
    )


def index(count: int = COUNT, chunks: Chunks | None = None) -> LayerIndex:
    builder = IndexBuilder()
    for number in range(count):
        builder.add(entry(number))
    points = Points([Point(0, 0), Point(81, 1000, b"window"), Point(160, 2000, b"", stored=True), Point(800, 5000)])
    return LayerIndex(DIGEST, Digest.of(b"archive"), "gzip", 1000, 9000, builder.finish(), points, chunks)


def test_entries_are_found_by_number_from_either_end_and_in_slices() -> None:
    entries = index().entries
    assert len(entries) == COUNT
    assert [entries[0], entries[COUNT - 1], entries[-1]] == [entry(0), entry(COUNT - 1), entry(COUNT - 1)]
    assert entries[BLOCK_ENTRIES - 1 : BLOCK_ENTRIES + 1] == [entry(BLOCK_ENTRIES - 1), entry(BLOCK_ENTRIES)]
    assert list(entries) == [entry(number) for number in range(COUNT)]
    for wrong in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError):
            entries[wrong]


def test_a_block_stays_packed_until_one_of_its_entries_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    back = load(dump(index()), DIGEST)
    assert back is not None
    unpacked: list[bytes] = []
    unpack = columns.unpack

    def noted(block: bytes) -> list[Entry]:
        unpacked.append(block)
        return unpack(block)

    monkeypatch.setattr(columns, "unpack", noted)
    tree = LayerTree("a layer")
    tree.extend(back.entries)
    assert not unpacked
    assert list(tree.root.children) == [f"f{number}" for number in range(COUNT)]
    for number in (0, BLOCK_ENTRIES - 1, COUNT - 1):
        assert tree.look(f"f{number}").entry == entry(number)
    assert len(unpacked) == 2


@pytest.mark.parametrize(
    ("at", "before", "after"), [(0, 0, 0), (999, 0, 1000), (1000, 1000, 1000), (4999, 2000, 5000), (9000, 5000, None)]
)
def test_the_places_around_an_offset_are_told(at: int, before: int, after: int | None) -> None:
    one = index()
    assert one.before(at).unpacked == before
    following = one.after(at)
    assert (following.unpacked if following else None) == after


def test_without_any_place_reading_starts_at_the_beginning() -> None:
    one = index()._replace(points=Points())
    assert (one.before(500), one.after(500)) == (Point(0, 0), None)


@pytest.mark.parametrize(
    "chunks", [None, Chunks([]), Chunks([(3, Chunk(1, 2, 3, 4, b"h" * 32)), (3, Chunk(5, 5, 0, 1, b""))])]
)
@pytest.mark.parametrize("count", [0, 1, COUNT])
def test_an_index_comes_back_as_it_was(count: int, chunks: Chunks | None) -> None:
    one = index(count, chunks)
    back = load(dump(one), DIGEST)
    assert back is not None
    assert list(back.entries) == list(one.entries)
    assert (list(back.chunks) if back.chunks is not None else None) == (list(chunks) if chunks is not None else None)
    assert back._replace(entries=one.entries, chunks=chunks) == one


def test_a_layer_that_was_not_read_through_has_no_archive() -> None:
    one = index()._replace(diff_id=None, unpacked_size=None)
    back = load(dump(one), DIGEST)
    assert back is not None
    assert (back.diff_id, back.unpacked_size) == (None, None)


def test_damaged_bytes_are_as_good_as_none_and_damaged_places_as_good_as_no_place() -> None:
    one = index(3)
    data = dump(one)
    end = len(data) - len(one.points.dump())
    assert load(data, DIGEST) is not None
    for at in range(len(data)):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]):
            back = load(damaged, DIGEST)
            if at < end:
                assert back is None
            else:
                assert back is not None
                assert list(back.entries) == list(one.entries)
                assert back.points == ()
    longer = load(data + b"x", DIGEST)
    assert longer is not None
    assert longer.points == ()


@pytest.mark.parametrize("count", [0, 3, 40 * BLOCK_ENTRIES])
def test_the_places_are_read_when_they_are_asked_for(count: int) -> None:
    one = index(count)
    data = dump(one)
    end = len(data) - len(one.points.dump())
    read: list[tuple[int, int]] = []

    def get(start: int, size: int) -> bytes:
        found = data[start : start + size]
        read.append((start, start + len(found)))
        return found

    back = load_parts(get, DIGEST)
    assert back is not None
    assert list(back.entries) == list(one.entries)
    assert max(stop for _, stop in read) <= max(end, 65_536)
    before = len(read)
    unread = [back.points.unread]
    assert back.points == one.points
    unread.append(back.points.unread)
    assert unread == [True, False]
    assert len(back.points) == len(one.points)
    assert read[before:] == [(end, len(data))]
    assert load_parts(lambda start, _: data[start:] if not start else None, DIGEST) is not None


def test_places_that_are_gone_by_then_are_none() -> None:
    data = dump(index(3))
    there = True
    back = load_parts(lambda start, size: data[start : start + size] if there else None, DIGEST)
    assert back is not None
    there = False
    assert back.points == ()


def test_the_index_of_another_layer_is_none() -> None:
    assert load(dump(index(3)), Digest.of(b"other")) is None


@pytest.mark.parametrize(
    "head", [b"{}", b"[]", b"{", b"\xff", b'{"digest": "%s"}' % str(DIGEST).encode(), b"[" * 100_000]
)
def test_bytes_with_a_right_checksum_and_a_wrong_form_are_none(head: bytes) -> None:
    body = b"orlopi2\n" + len(head).to_bytes(8, "little") + head
    assert load(body + hashlib.sha256(body).digest(), DIGEST) is None
