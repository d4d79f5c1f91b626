"""The scanner against Python's tarfile on generated archives, and against damage of every kind."""

from __future__ import annotations

import contextlib
import io
import itertools
import tarfile
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from orlop.errors import OrlopError
from orlop.layer.entry import clean, escapes
from orlop.layer.limits import Limits
from orlop.layer.sinks import Collector
from orlop.layer.tarheader import is_header
from orlop.layer.tarscan import Scanner

if TYPE_CHECKING:
    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
LIMITS = Limits(header=8192, entries=1000)
# No slash at the ends and no NUL: tarfile strips the one and cuts at the other when it reads.
LETTER = st.characters(codec="utf-8", exclude_characters="\0/")
PART = st.text(LETTER, min_size=1, max_size=12) | st.text("ab", min_size=90, max_size=160)
NAME = st.lists(PART, min_size=1, max_size=5).map("/".join)
SHORT = st.text("abcdefgh.", min_size=1, max_size=40)
CUTS = st.lists(st.integers(0, 1 << 16), max_size=12)


@st.composite
def archives(draw: st.DrawFn) -> tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]]:
    """An archive of one format, and what was put in."""
    form = draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    ustar, pax = form == tarfile.USTAR_FORMAT, form == tarfile.PAX_FORMAT
    number = st.integers(0, 0o7777777) if ustar else st.integers(0, 2**40)
    members = []
    for _ in range(draw(st.integers(0, 5))):
        info = tarfile.TarInfo(draw(SHORT if ustar else NAME))
        info.type = draw(st.sampled_from(sorted(KINDS)))
        content = draw(st.binary(max_size=1500)) if info.type == tarfile.REGTYPE else b""
        info.size = len(content)
        info.mode = draw(st.integers(0, 0o7777))
        info.uid, info.gid = draw(number), draw(number)
        info.uname, info.gname = draw(st.text("user", max_size=8)), draw(st.text("größe", max_size=8 if ustar else 20))
        info.mtime = draw(st.integers(0, 2**33 - 1))
        if pax and draw(st.booleans()):
            info.mtime += draw(st.sampled_from([0.5, 0.25, 0.125]))
        if info.type in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
            info.linkname = draw(SHORT if ustar else NAME)
        if info.type in {tarfile.CHRTYPE, tarfile.BLKTYPE}:
            info.devmajor, info.devminor = draw(st.integers(0, 255)), draw(st.integers(0, 255))
        if pax and draw(st.booleans()):
            info.pax_headers = {"SCHILY.xattr.user.x": draw(st.text(LETTER, max_size=20)), "comment": "c"}
        members.append((info, content))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue(), members


def scan(data: bytes, cuts: list[int], limits: Limits = LIMITS) -> tuple[list[Entry], dict[int, bytes | None]]:
    kept: dict[int, Collector] = {}

    def wanted(entry: Entry) -> Sink:
        kept[entry.offset] = Collector(entry.path, 1 << 20)
        return kept[entry.offset]

    scanner = Scanner("an archive", wanted=wanted, limits=limits)
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    found = [entry for start, end in itertools.pairwise(places) for entry in scanner.feed(data[start:end])]
    scanner.finish()
    return found, {offset: collector.data for offset, collector in kept.items()}


@given(archives(), CUTS)
def test_what_is_written_is_found_with_all_of_its_fields(
    made: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], cuts: list[int]
) -> None:
    data, members = made
    found, contents = scan(data, cuts)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        read = tar.getmembers()
    assert len(found) == len(members) == len(read)
    for entry, (info, content), other in zip(found, members, read, strict=True):
        assert entry.kind == KINDS[info.type]
        assert entry.path == clean(info.name)
        assert (entry.mode, entry.uid, entry.gid) == (info.mode, info.uid, info.gid)
        assert (entry.uname, entry.gname) == (other.uname, other.gname)
        assert entry.mtime == info.mtime
        assert (entry.size, entry.link) == (len(content), info.linkname)
        assert (entry.major, entry.minor) == (other.devmajor, other.devminor)
        assert (entry.offset, entry.data_offset) == (other.offset, other.offset_data)
        assert contents.get(entry.offset, b"") == content
        stated = info.pax_headers.get("SCHILY.xattr.user.x", "")
        assert dict(entry.xattrs) == ({"user.x": stated.encode()} if stated else {})


@given(archives(), st.data())
def test_a_damaged_archive_gives_an_orlop_error_or_an_end(
    made: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], more: st.DataObject
) -> None:
    data = bytearray(made[0])
    for _ in range(more.draw(st.integers(1, 4))):
        at = more.draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + more.draw(st.integers(0, 600))] = more.draw(st.binary(max_size=600))
    with contextlib.suppress(OrlopError):
        scan(bytes(data), more.draw(CUTS))


@given(archives(), st.data())
def test_a_header_whose_fields_are_nonsense_under_a_right_checksum_gives_an_orlop_error_or_an_end(
    made: tuple[bytes, list[tuple[tarfile.TarInfo, bytes]]], more: st.DataObject
) -> None:
    data = bytearray(made[0])
    for start in range(0, len(data), 512):
        block = data[start : start + 512]
        if is_header(bytes(block)) and more.draw(st.booleans()):
            for _ in range(more.draw(st.integers(1, 5))):
                at = more.draw(st.sampled_from([0, 100, 108, 116, 124, 136, 156, 157, 257, 329, 345, 386, 482, 483]))
                new = more.draw(
                    st.binary(max_size=14) | st.sampled_from([b"S", b"x", b"g", b"L", b"K", b"00000001000\0"])
                )
                block[at : at + len(new)] = new
            block = block[:512]
            block[148:156] = b"        "
            block[148:156] = b"%06o\0 " % sum(block)
            data[start : start + 512] = block
    with contextlib.suppress(OrlopError):
        scan(bytes(data), more.draw(CUTS))


KEYS = st.sampled_from(
    [
        "path",
        "linkpath",
        "size",
        "mtime",
        "uid",
        "uname",
        "LIBARCHIVE.xattr.a",
        "GNU.sparse.map",
        "GNU.sparse.size",
        "GNU.sparse.name",
        "GNU.sparse.major",
        "GNU.sparse.offset",
        "GNU.sparse.numbytes",
        "GNU.sparse.realsize",
    ]
)
VALUES = st.binary(max_size=12) | st.sampled_from([b"0", b"1", b"0,0", b"0,512", b"512", b"1.5", b"99999999999"])


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8), st.binary(max_size=700), st.sampled_from(b"xg"), CUTS)
@example([("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"9")], b"1\n0\n0\n" + bytes(506), ord("x"), [])
def test_any_extended_header_gives_an_orlop_error_or_an_end(
    pairs: list[tuple[str, bytes]], content: bytes, kind: int, cuts: list[int]
) -> None:
    data = b""
    for key, value in pairs:
        body = b" " + key.encode() + b"=" + value + b"\n"
        size = len(body) + 2 if len(body) + 2 < 100 else len(body) + 3
        data += b"%d" % size + body if size >= 10 else body
    out = b""
    for name, flag, inside in (("ext", bytes([kind]), data), ("file", b"0", content)):
        info: Any = tarfile.TarInfo(name)
        info.type, info.size = flag, len(inside)
        out += info.tobuf(tarfile.USTAR_FORMAT)[:512] + inside + bytes(-len(inside) % 512)
    with contextlib.suppress(OrlopError):
        scan(out + bytes(1024), cuts)


@given(st.text("ab./", max_size=30))
def test_a_cleaned_path_is_clean_and_leads_out_of_nothing(path: str) -> None:
    cleaned = clean(path)
    assert clean(cleaned) == cleaned
    assert not escapes(cleaned)
    assert not cleaned.startswith("/")
    assert not {"", ".", ".."} & set(cleaned.split("/")) or cleaned == ""
