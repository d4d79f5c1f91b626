"""Tables of contents: what they say of members and pieces, and what is refused in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import InvalidDocumentError
from orlop.layer.chunks import Chunk, Chunks
from orlop.layer.limits import DEFAULT_LIMITS, Limits
from orlop.layer.toc import Table, chunked_position, estargz_offset, parse_table
from orlop.model.digest import Digest

HASH = Digest.of(b"content")
END = 10_000


def parse(*rows: dict[str, Any], limits: Limits = DEFAULT_LIMITS, **top: Any) -> Table:
    document = {"version": 1, "entries": list(rows), **top}
    return parse_table(json.dumps(document).encode(), "a table", END, limits)


def reg(**fields: Any) -> dict[str, Any]:
    return {"name": "a", "type": "reg", "size": 10, "offset": 100, "digest": str(HASH), **fields}


def test_a_file_is_told_with_its_hash_and_its_one_piece() -> None:
    table = parse(reg(mode=0o104755, uid=1, gid=2, userName="u", groupName="g", xattrs={"user.x": "AAE="}))
    entry = table.entries[0]
    assert (entry.path, entry.kind, entry.size, entry.mode, entry.uid, entry.gid) == ("a", "file", 10, 0o4755, 1, 2)
    assert (entry.uname, entry.gname, dict(entry.xattrs)) == ("u", "g", {"user.x": b"\0\1"})
    assert (entry.sha256.hex(), entry.offset, entry.data_offset) == (HASH.hex, 0, -1)
    assert table.chunks.of(0) == [Chunk(100, END, 0, 10, b"")]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("dir", "dir"),
        ("symlink", "symlink"),
        ("hardlink", "hardlink"),
        ("char", "char"),
        ("block", "block"),
        ("fifo", "fifo"),
    ],
)
def test_what_is_no_file_has_no_content(kind: str, expected: str) -> None:
    table = parse({"name": "./d/", "type": kind, "linkName": "t", "devMajor": 5, "devMinor": 6})
    entry = table.entries[0]
    assert (entry.path, entry.raw, entry.kind, entry.size, entry.sha256) == ("d", "./d/", expected, 0, b"")
    assert entry.link == ("t" if "link" in kind else "")
    assert (entry.major, entry.minor, len(table.chunks)) == (5, 6, 0)


def test_an_empty_file_has_the_hash_of_nothing_and_no_piece() -> None:
    table = parse({"name": "a", "type": "reg"})
    assert table.entries[0].sha256.hex() == Digest.of(b"").hex
    assert table.chunks.of(0) == []


def test_pieces_end_where_the_next_ones_begin() -> None:
    table = parse(
        reg(size=30, chunkSize=10, chunkDigest=str(HASH)),
        {"name": "a", "type": "chunk", "offset": 200, "chunkOffset": 10, "chunkSize": 10},
        {"name": "a", "type": "chunk", "offset": 300, "chunkOffset": 20},
        reg(name="b", offset=400),
    )
    sha256 = bytes.fromhex(HASH.hex)
    assert table.chunks.of(0) == [
        Chunk(100, 200, 0, 10, sha256),
        Chunk(200, 300, 0, 10, b""),
        Chunk(300, 400, 0, 10, b""),
    ]
    assert table.chunks.of(1) == [Chunk(400, END, 0, 10, b"")]


def test_the_end_that_the_first_piece_states_is_the_files() -> None:
    table = parse(
        reg(size=20, chunkSize=10, endOffset=250),
        {"name": "a", "type": "chunk", "offset": 200, "chunkOffset": 10, "chunkSize": 10},
    )
    assert [(chunk.start, chunk.end) for chunk in table.chunks.of(0)] == [(100, 200), (200, 250)]


def test_pieces_may_be_packed_together_or_nowhere() -> None:
    table = parse(
        reg(size=30, chunkSize=10),
        {"name": "a", "type": "chunk", "offset": 100, "innerOffset": 10, "chunkOffset": 10, "chunkSize": 10},
        {"name": "a", "type": "chunk", "chunkType": "zeros", "chunkOffset": 20, "chunkSize": 10},
    )
    assert [tuple(chunk)[:4] for chunk in table.chunks.of(0)] == [(100, END, 0, 10), (100, END, 10, 10), (0, 0, 0, 10)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("2024-02-29T12:00:00.5+01:00", 1_709_204_400_500_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_times_are_exact(text: str, expected: int) -> None:
    assert parse({"name": "a", "type": "dir", "modtime": text}).entries[0].mtime_ns == expected


@pytest.mark.parametrize(
    "rows",
    [
        [{"type": "reg"}],
        [{"name": "a"}],
        [{"name": 1, "type": "dir"}],
        [{"name": "a\0b", "type": "dir"}],
        [{"name": "a", "type": "door"}],
        [{"name": "a", "type": "dir", "uid": "0"}],
        [{"name": "a", "type": "dir", "modtime": "yesterday"}],
        [{"name": "a", "type": "dir", "modtime": "0001-01-01T00:00:00Z"}],
        [{"name": "a", "type": "dir", "xattrs": {"a": "!"}}],
        [{"name": "a", "type": "dir", "xattrs": ["a"]}],
        [{"name": "a", "type": "chunk"}],
        [reg(size=-1)],
        [reg(size=2**64)],
        [reg(offset=END)],
        [reg(endOffset=100)],
        [reg(chunkSize=5)],
        [reg(chunkSize=11)],
        [reg(chunkSize=5), {"name": "b", "type": "chunk", "chunkOffset": 5, "offset": 200}],
        [reg(chunkSize=5), {"name": "a", "type": "chunk", "chunkOffset": 6, "offset": 200}],
        [reg(chunkSize=5), {"name": "a", "type": "chunk", "chunkOffset": 5, "chunkSize": 6, "offset": 200}],
        ["a"],
        [None],
    ],
)
def test_a_table_that_cannot_be_right_is_refused(rows: list[Any]) -> None:
    with pytest.raises(InvalidDocumentError):
        parse(*rows)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b'{"version": 1}', b'{"version": 2, "entries": []}', b'{"version": 1, "entries": {}}']
)
def test_a_document_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        parse_table(raw, "a table", END, DEFAULT_LIMITS)


def test_more_entries_or_longer_names_than_the_limits_allow_are_refused() -> None:
    rows = [{"name": "abc", "type": "dir"}] * 3
    assert len(parse(*rows).entries) == 3
    for limits in (Limits(entries=2), Limits(path=2)):
        with pytest.raises(InvalidDocumentError):
            parse(*rows, limits=limits)


def test_a_footer_tells_where_the_table_is() -> None:
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0" + b"00000000000004d2STARGZ" + b"\1\0\0\xff\xff" + bytes(8)
    assert estargz_offset(footer) == 1234
    for wrong in (footer[1:], footer.replace(b"STARGZ", b"STARGX"), b"", footer.replace(b"4d2", b"4D2")):
        assert estargz_offset(wrong) is None


@pytest.mark.parametrize("prefix", ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."])
def test_annotations_tell_where_the_table_is(prefix: str) -> None:
    found = chunked_position({f"{prefix}manifest-position": "1:22:333:1", f"{prefix}manifest-checksum": "d"})
    assert found == (1, 22, 333, "d")


@pytest.mark.parametrize("position", ["1:2:3", "1:2:3:2", "-1:2:3:1", "1:2:3:1x", "a:b:c:1", "1" * 19 + ":2:3:1"])
def test_annotations_of_another_form_tell_nothing(position: str) -> None:
    prefix = "io.github.containers.zstd-chunked."
    assert chunked_position({f"{prefix}manifest-position": position, f"{prefix}manifest-checksum": "d"}) is None
    assert chunked_position({f"{prefix}manifest-position": "1:2:3:1"}) is None


@pytest.mark.parametrize("data", [b"", b"x", b"x\x9c\x03\x00\x00\x00\x00\x01"[:5]])
def test_bytes_that_are_no_pieces_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a table of pieces"):
        Chunks.load(data)
