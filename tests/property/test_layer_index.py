"""Indexes of any entries come back as they were; damaged ones are as good as none; tables of any form never crash."""

from __future__ import annotations

import contextlib
import json
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidDocumentError
from orlop.layer.chunks import Chunk, Chunks
from orlop.layer.columns import unpack
from orlop.layer.entry import DIRECTORY, FILE, HARDLINK, SYMLINK, Entry
from orlop.layer.index import IndexBuilder, LayerIndex, dump, load
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.points import Point, Points
from orlop.layer.toc import parse_table
from orlop.model.digest import Digest

DIGEST = Digest.of(b"layer")
numbers = st.integers(-(2**63) + 1, 2**63 - 1)
texts = st.text(st.characters(), max_size=12)
sparse = st.none() | st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
xattrs = st.dictionaries(texts, st.binary(max_size=8), max_size=2).map(MappingProxyType)
entries = st.builds(
    Entry,
    path=texts,
    kind=st.sampled_from([FILE, DIRECTORY, SYMLINK, HARDLINK]),
    mode=st.integers(0, 0o7777),
    uid=numbers,
    gid=numbers,
    uname=texts,
    gname=texts,
    size=numbers,
    mtime_ns=numbers,
    link=texts,
    major=numbers,
    minor=numbers,
    xattrs=xattrs,
    offset=numbers,
    data_offset=numbers,
    stored=numbers,
    sparse=sparse,
    raw=texts,
    sha256=st.just(b"") | st.binary(min_size=32, max_size=32),
)
points = st.builds(
    Point, st.integers(0, 2**40), st.integers(0, 2**50), st.none() | st.binary(max_size=9), st.booleans()
)
chunks = st.builds(Chunk, *[st.integers(0, 2**50)] * 4, st.just(b"") | st.binary(min_size=32, max_size=32).filter(any))


@st.composite
def indexes(draw: st.DrawFn) -> LayerIndex:
    builder = IndexBuilder()
    for entry in draw(st.lists(entries, max_size=20)):
        builder.add(entry)
    rows = sorted(draw(st.lists(st.tuples(st.integers(0, 9), chunks), max_size=5)), key=lambda row: row[0])
    table = Chunks(rows) if draw(st.booleans()) else None
    diff_id = draw(st.sampled_from([None, Digest.of(b"a"), Digest.of(b"a", "sha512")]))
    return LayerIndex(
        DIGEST, diff_id, "gzip", 5, None, builder.finish(), Points(draw(st.lists(points, max_size=4))), table
    )


@given(indexes())
def test_an_index_comes_back_as_it_was(index: LayerIndex) -> None:
    back = load(dump(index), DIGEST)
    assert back is not None
    outlines = list(back.entries.outlines())
    assert [(path, kind) for path, kind, _ in outlines] == [(one.path, one.kind) for one in index.entries]
    assert [one if isinstance(one, Entry) else one[0][one[1]] for _, _, one in outlines] == list(index.entries)
    assert list(back.entries) == list(index.entries)
    assert list(back.chunks or ()) == list(index.chunks or ())
    assert back._replace(entries=index.entries, chunks=index.chunks) == index


@given(indexes(), st.integers(0), st.integers(1, 255), st.booleans())
def test_a_damaged_index_is_as_good_as_none(index: LayerIndex, at: int, change: int, cut: bool) -> None:
    data = bytearray(dump(index))
    at %= len(data)
    data[at] ^= change
    back = load(bytes(data[:at] if cut else data), DIGEST)
    if at < len(data) - len(index.points.dump()):
        assert back is None
    else:  # entries are all there, and no place is known
        assert back is not None
        assert back.points == ()


@given(st.binary(max_size=300))
def test_any_bytes_are_no_index_and_no_block(data: bytes) -> None:
    assert load(data, DIGEST) is None
    with contextlib.suppress(ValueError):
        unpack(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = ["name", "type", "linkName", "mode", "size", "uid", "modtime", "xattrs", "digest", "offset", "endOffset"]
keys += ["innerOffset", "chunkSize", "chunkOffset", "chunkDigest", "chunkType", "devMajor"]
right = {
    "name": st.just("a"),
    "type": st.sampled_from(["reg", "chunk", "dir", "symlink"]),
    "size": st.integers(0, 5),
    "offset": st.integers(0, 99),
    "endOffset": st.integers(0, 99),
    "chunkSize": st.integers(0, 5),
    "chunkOffset": st.integers(0, 5),
}
rows = st.fixed_dictionaries(
    {"name": right["name"], "type": right["type"]},
    optional={key: right.get(key, values) | values for key in keys[2:]},
)


@given(st.lists(rows, max_size=5) | values)
def test_a_table_of_any_form_is_taken_or_refused(made: object) -> None:
    raw = json.dumps({"version": 1, "entries": made}).encode()
    try:
        table = parse_table(raw, "a table", 100, DEFAULT_LIMITS)
    except InvalidDocumentError:
        return
    for entry in table.entries:
        pieces = table.chunks.of(entry.offset)
        assert sum(piece.size for piece in pieces) == entry.size
        assert all(0 <= piece.start <= piece.end <= 100 or piece.start == piece.end for piece in pieces)
