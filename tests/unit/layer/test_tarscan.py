"""The members of an archive: every format, every way of cutting the stream, damage that must not pass in silence."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import IntegrityError, LimitError, TruncatedError
from orlop.layer.limits import Limits
from orlop.layer.sinks import Collector
from orlop.layer.tarheader import is_header
from orlop.layer.tarscan import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
END = bytes(1024)


def member(name: str = "file", data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def archive(
    *members: tuple[tarfile.TarInfo, bytes], form: str = "pax", pax_headers: dict[str, str] | None = None
) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=FORMATS[form], pax_headers=pax_headers) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return made.getvalue()


def header(edit: Callable[[bytearray], object] = lambda _: None, **fields: Any) -> bytes:
    """One header block, changed by ``edit`` before its checksum is made right."""
    info, _ = member(**fields)
    return checked(info.tobuf(tarfile.USTAR_FORMAT)[:512], edit)


def checked(block: bytes, edit: Callable[[bytearray], object] = lambda _: None) -> bytes:
    changed = bytearray(block)
    edit(changed)
    changed[148:156] = b"        "
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def put(at: int, value: bytes) -> Callable[[bytearray], None]:
    def edit(block: bytearray) -> None:
        block[at : at + len(value)] = value

    return edit


def extended(kind: bytes, data: bytes) -> bytes:
    return header(put(156, kind), name="ext", data=data) + data + bytes(-len(data) % 512)


def records(*pairs: tuple[str, bytes]) -> bytes:
    out = b""
    for key, value in pairs:
        body = b" " + key.encode() + b"=" + value + b"\n"
        size = len(body) + 1
        while len(b"%d" % size) + len(body) != size:
            size = len(b"%d" % size) + len(body)
        out += b"%d" % size + body
    return out


def scan(data: bytes, step: int = 100_000, **options: Any) -> list[Entry]:
    scanner = Scanner("an archive", **options)
    found = [entry for at in range(0, len(data), step) for entry in scanner.feed(data[at : at + step])]
    scanner.finish()
    assert scanner.count == len(found)
    return found


def contents(data: bytes, step: int = 100_000) -> dict[str, bytes | None]:
    kept: dict[str, Collector] = {}

    def wanted(entry: Entry) -> Sink:
        kept[entry.path] = Collector(entry.path, 1 << 25)
        return kept[entry.path]

    scan(data, step, wanted=wanted)
    return {path: collector.data for path, collector in kept.items()}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("step", [1, 511, 512, 513, 100_000])
def test_a_file_has_all_of_its_fields_in_each_format(form: str, step: int) -> None:
    fields = {"mode": 0o4755, "uid": 1000, "gid": 2000, "uname": "me", "gname": "us", "mtime": 1_700_000_000}
    data = archive(member("a"), member("dir/file", b"x" * 700, **fields), form=form)
    first, entry = scan(data, step)
    assert first.path == "a"
    assert entry.path == entry.raw == "dir/file"
    assert (entry.kind, entry.mode, entry.uid, entry.gid, entry.uname, entry.gname) == (
        "file",
        0o4755,
        1000,
        2000,
        "me",
        "us",
    )
    assert (entry.size, entry.stored, entry.sparse, entry.link) == (700, 700, None, "")
    assert entry.mtime_ns == 1_700_000_000 * 10**9
    assert entry.offset == 512
    assert data[entry.data_offset :].startswith(b"x" * 700)


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_names_and_links_of_any_length_come_whole(form: str) -> None:
    name, link = "d/" * 200 + "ü" * 300, "t/" * 300
    data = archive(member(name, b"content"), member("link", type=tarfile.SYMTYPE, linkname=link), form=form)
    for step in (1, 700, 100_000):
        file, entry = scan(data, step)
        assert file.path == name
        assert entry.link == link
    assert file.offset == 0
    assert data[file.data_offset :].startswith(b"content")
    assert entry.offset == file.data_offset + 512


def test_the_prefix_of_ustar_is_part_of_the_name() -> None:
    name = "p" * 100 + "/" + "n" * 90
    assert [entry.path for entry in scan(archive(member(name), form="ustar"))] == [name]


@pytest.mark.parametrize(
    ("flag", "kind"),
    [
        (tarfile.REGTYPE, "file"),
        (tarfile.CONTTYPE, "file"),
        (tarfile.AREGTYPE, "file"),
        (tarfile.DIRTYPE, "dir"),
        (tarfile.SYMTYPE, "symlink"),
        (tarfile.LNKTYPE, "hardlink"),
        (tarfile.CHRTYPE, "char"),
        (tarfile.BLKTYPE, "block"),
        (tarfile.FIFOTYPE, "fifo"),
        (b"D", "dir"),
        (b"Z", "file"),
    ],
)
def test_each_type_has_its_kind(flag: bytes, kind: str) -> None:
    assert [entry.kind for entry in scan(archive(member(type=flag, linkname="x")))] == [kind]


def test_a_slash_at_the_end_makes_an_old_style_file_a_folder() -> None:
    assert [entry.kind for entry in scan(header(put(0, b"dir/\0")) + END)] == ["dir"]


def test_devices_have_their_numbers() -> None:
    (entry,) = scan(archive(member(type=tarfile.CHRTYPE, devmajor=5, devminor=1)))
    assert (entry.major, entry.minor) == (5, 1)


def test_paths_are_cleaned_and_kept_as_written() -> None:
    names = ["./", "./a", "/abs", "b//c/./d", "../../up", "x/../y", "z/"]
    found = scan(archive(*(member(name) for name in names), form="ustar"))
    assert [entry.path for entry in found] == ["", "a", "abs", "b/c/d", "up", "y", "z"]
    assert found[3].raw == "b//c/./d"


def test_names_that_are_not_utf8_survive_as_surrogates() -> None:
    (entry,) = scan(header(put(0, b"caf\xe9\0")) + END)
    assert entry.path.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_a_number_may_be_in_base_256() -> None:
    (entry,) = scan(archive(member(uid=2**40, mtime=-5), form="gnu"))
    assert (entry.uid, entry.mtime_ns) == (2**40, -5 * 10**9)


def test_a_time_keeps_its_fraction_exactly() -> None:
    times = [b"1700000000.123456789", b"-1.5", b"3", b"0.1234567891234"]
    found = []
    for time in times:
        found += scan(extended(b"x", records(("mtime", time))) + header() + END)
    assert [entry.mtime_ns for entry in found] == [1_700_000_000_123_456_789, -1_500_000_000, 3 * 10**9, 123_456_789]
    assert found[1].mtime == -1.5


def test_extended_attributes_come_with_their_bytes() -> None:
    data = records(
        ("SCHILY.xattr.security.capability", b"\x01\0\0\x02\n="),
        ("LIBARCHIVE.xattr.user.a%20b", b"aGVsbG8"),
    )
    (entry,) = scan(extended(b"x", data) + header() + END)
    assert entry.xattrs == {"security.capability": b"\x01\0\0\x02\n=", "user.a b": b"hello"}


def test_pax_overrides_every_field_of_the_header() -> None:
    said = records(("path", b"new"), ("size", b"3"), ("uid", b"7"), ("gid", b"-8"), ("uname", b"u"), ("gname", b"g"))
    (entry,) = scan(extended(b"x", said) + header() + b"abc" + bytes(509) + END)
    assert (entry.path, entry.size, entry.uid, entry.gid, entry.uname, entry.gname) == ("new", 3, 7, -8, "u", "g")


def test_a_global_header_holds_until_a_local_one_says_otherwise() -> None:
    data = (
        extended(b"g", records(("uname", b"everyone"), ("comment", b"x")))
        + header(name="a")
        + extended(b"x", records(("uname", b"one")))
        + header(name="b")
        + extended(b"x", records(("uname", b"")))
        + header(name="c", uname="own")
        + header(name="d")
        + extended(b"g", records(("uname", b"")))
        + header(name="e", uname="own")
    )
    assert [entry.uname for entry in scan(data + END, 300)] == ["everyone", "one", "own", "everyone", "own"]


def test_links_and_folders_have_no_content_whatever_their_size_says() -> None:
    data = header(name="a", type=tarfile.LNKTYPE, linkname="x", data=b"claimed") + header(name="b") + END
    assert [(entry.path, entry.size) for entry in scan(data)] == [("a", 0), ("b", 0)]


def test_content_of_types_that_are_no_members_is_passed_over() -> None:
    data = header(put(156, b"V"), name="label", data=b"1" * 600) + b"1" * 1024 + header(name="b") + END
    assert [entry.path for entry in scan(data, 100)] == ["b"]


def test_go_before_1_8_put_prefixes_into_headers_of_gnu() -> None:
    def edit(block: bytearray) -> None:
        block[257:265] = b"ustar  \0"
        block[345:351] = b"prefix"

    def times(block: bytearray) -> None:
        block[257:265] = b"ustar  \0"
        block[345:369] = b"00000000017\0" * 2

    assert [entry.path for entry in scan(header(edit) + header(times) + END)] == ["prefix/file", "file"]


def test_a_v7_header_has_neither_prefix_nor_names() -> None:
    def edit(block: bytearray) -> None:
        block[257:500] = b"\xff" * 243

    (entry,) = scan(header(edit) + END)
    assert (entry.path, entry.uname, entry.major) == ("file", "", 0)


def test_suns_signed_checksum_is_right_as_well() -> None:
    block = bytearray(header(put(0, b"caf\xe9\0")))
    signed = sum(byte if byte < 128 else byte - 256 for byte in block[:148] + block[156:]) + 256
    block[148:156] = b"%06o\0 " % signed
    assert is_header(bytes(block))


@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_contents_arrive_whole_and_for_wanted_files_alone(step: int) -> None:
    data = archive(member("a", b"1" * 3000), member("empty"), member("skipped", b"2" * 600), member("b", b"3" * 512))
    kept: dict[str, Collector] = {}

    def wanted(entry: Entry) -> Sink | None:
        if entry.path == "skipped":
            return None
        return kept.setdefault(entry.path, Collector(entry.path, 3000))

    scan(data, step, wanted=wanted)
    assert {path: sink.data for path, sink in kept.items()} == {"a": b"1" * 3000, "empty": b"", "b": b"3" * 512}


def test_a_sink_may_refuse_what_is_too_much() -> None:
    data = archive(member("a", b"1" * 3000))
    with pytest.raises(LimitError):
        scan(data, wanted=lambda entry: Collector(entry.path, 2999))


def test_an_error_of_a_sink_is_its_own() -> None:
    def wanted(entry: Entry) -> Sink:
        raise ValueError(entry.path)

    with pytest.raises(ValueError, match=r"\Afile\Z"):
        scan(archive(member("file", b"x")), wanted=wanted)


# --- sparse files ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["gnu", "0.0", "0.1", "1.0"])
@pytest.mark.parametrize("step", [77, 512, 100_000])
def test_sparse_files_of_gnu_tar_are_filled_with_their_holes(version: str, step: int, tmp_path: Path) -> None:
    tar = shutil.which("tar")
    if tar is None or b"GNU tar" not in subprocess.run([tar, "--version"], capture_output=True, check=True).stdout:
        pytest.skip("GNU tar is not here")
    expected = {}
    for name, pieces, size in (("few", 2, 400_000), ("many", 40, 2_000_000), ("hole", 0, 300_000), ("plain", 1, 10)):
        with (tmp_path / name).open("wb") as file:
            for number in range(pieces):
                file.seek(number * (size // pieces))
                file.write(bytes([65 + number % 26]) * min(4096, size // pieces))
            file.truncate(size)
        expected[name] = (tmp_path / name).read_bytes()
    form = ["--format=gnu"] if version == "gnu" else ["--format=pax", f"--sparse-version={version}"]
    command = [tar, *form, "--sparse", "-cf", "-", "-C", str(tmp_path), *expected]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    assert contents(data, step) == expected
    assert {entry.path: entry.size for entry in scan(data, step)} == {
        path: len(text) for path, text in expected.items()
    }


SPARSE = (("GNU.sparse.name", b"real"), ("GNU.sparse.size", b"20"))


@pytest.mark.parametrize(
    "pairs",
    [
        [("GNU.sparse.map", b"0,2,10,3")],
        [
            ("GNU.sparse.offset", b"0"),
            ("GNU.sparse.numbytes", b"2"),
            ("GNU.sparse.offset", b"10"),
            ("GNU.sparse.numbytes", b"3"),
        ],
    ],
)
def test_a_sparse_map_in_the_records_is_read(pairs: list[tuple[str, bytes]]) -> None:
    data = extended(b"x", records(*SPARSE, *pairs)) + header(data=b"abcde") + b"abcde" + bytes(507) + END
    assert contents(data) == {"real": b"ab" + bytes(8) + b"cde" + bytes(7)}


@pytest.mark.parametrize(
    "numbers",
    [
        b"0,2,10",
        b"0,2,1,3",
        b"0,2,18,3",
        b"0,2,10,4",
        b"0,x",
        b"-1,5",
        b"0,99999999999999999999",
        b"",
    ],
)
def test_a_sparse_map_that_cannot_be_right_is_refused(numbers: bytes) -> None:
    said = records(*SPARSE, ("GNU.sparse.map", numbers))
    with pytest.raises(IntegrityError):
        scan(extended(b"x", said) + header(data=b"abcde") + b"abcde" + bytes(507) + END)


@pytest.mark.parametrize("text", [b"", b"2\n0\n", b"x\n", b"1\n0\nfive\n", b"9" * 30, b"999999999\n0\n"])
def test_a_map_before_the_content_that_cannot_be_right_is_refused(text: bytes) -> None:
    said = records(("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"20"))
    content = text + bytes(512 - len(text))
    with pytest.raises(IntegrityError):
        scan(extended(b"x", said) + header(data=content) + content + END)


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 124, 148, 156, 300, 511])
def test_a_damaged_header_is_refused_and_its_place_named(at: int) -> None:
    data = bytearray(archive(member("a", b"x"), member("b", b"y")))
    data[1024 + at] ^= 0x55
    with pytest.raises(IntegrityError, match="header at 1024 is damaged"):
        scan(bytes(data))


def test_an_archive_that_is_cut_anywhere_is_refused() -> None:
    data = archive(member("a" * 150, b"x" * 600), member("b"))
    end = len(data.rstrip(b"\0")) // 512 * 512 + 512
    for length in range(end):
        with pytest.raises(IntegrityError):
            scan(data[:length])


def test_an_archive_that_is_cut_between_members_says_that_its_end_is_missing() -> None:
    with pytest.raises(TruncatedError):
        scan(archive(member("a"), member("b"))[:1024])


@pytest.mark.parametrize("step", [1, 100_000])
def test_an_archive_whose_digest_is_proven_may_end_behind_a_member(step: int) -> None:
    data = archive(member("a", b"x" * 600), member("b"))
    whole = len(data.rstrip(b"\0")) // 512 * 512 + 512
    scanner = Scanner("an archive")
    found = [entry.path for at in range(0, whole, step) for entry in scanner.feed(data[:whole][at : at + step])]
    scanner.finish(proven=True)
    assert found == ["a", "b"]


def test_a_proven_digest_excuses_no_cut_within_a_member() -> None:
    data = archive(member("a" * 150, b"x" * 600))
    for length in range(1, len(data.rstrip(b"\0"))):
        scanner = Scanner("an archive")
        with pytest.raises(IntegrityError):  # either may tell
            scanner.feed(data[:length])
            scanner.finish(proven=True)


@pytest.mark.parametrize("padding", [0, 1, 300, 423])
def test_a_proven_digest_excuses_padding_that_was_not_written(padding: int) -> None:
    data = archive(member("a", b"x" * 600))
    cut = data[: len(data.rstrip(b"\0")) + padding]
    scanner = Scanner("an archive")
    assert [entry.path for entry in scanner.feed(cut)] == ["a"]
    scanner.finish(proven=True)
    scanner = Scanner("an archive")
    scanner.feed(cut)
    with pytest.raises(TruncatedError):
        scanner.finish()


def test_one_block_of_zeros_is_end_enough() -> None:
    assert len(scan(header() + bytes(512))) == 1


@pytest.mark.parametrize("tail", [b"x", b"x" * 512, bytes(600) + b"x", header(name="hidden")])
@pytest.mark.parametrize("step", [1, 100_000])
def test_what_follows_the_end_is_refused(tail: bytes, step: int) -> None:
    with pytest.raises(IntegrityError, match="something follows its end"):
        scan(header() + END + tail, step)


@pytest.mark.parametrize("step", [1, 100_000])
def test_the_contents_of_an_estargz_behind_the_end_are_no_member_and_no_fault(step: int) -> None:
    contents = header(name="stargz.index.json", data=b"{}") + b"{}" + bytes(510)
    assert [entry.path for entry in scan(header() + END + contents + END, step)] == ["file"]
    with pytest.raises(IntegrityError):
        scan(header() + END + contents + END + contents + END, step)
    with pytest.raises(TruncatedError):
        scan(header() + END + contents[:600], step)


@pytest.mark.parametrize(
    "data",
    [
        extended(b"x", b"not a record"),
        extended(b"x", b"99 path=x\n"),
        extended(b"x", b"9 path=xx\n"),
        extended(b"x", b"7 =ab\nx"),
        extended(b"x", records(("size", b"-1"))),
        extended(b"x", records(("size", b"9" * 5000))),
        extended(b"x", records(("mtime", b"now"))),
        extended(b"x", records(("path", b"a\0b"))),
        extended(b"x", records(("LIBARCHIVE.xattr.a", b"a"))),
    ],
)
def test_an_extended_header_that_cannot_be_right_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        scan(data + header() + END)


def test_an_extended_header_without_a_member_is_refused() -> None:
    with pytest.raises(IntegrityError, match="ends after an extended header"):
        scan(extended(b"x", records(("path", b"x"))) + END)


@pytest.mark.parametrize("value", [b"9" * 11, b"1_0", b"0x1", b"-7", b"\x80" + b"\xff" * 11, b"\xff" * 12])
def test_a_size_that_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(IntegrityError):
        scan(header(put(124, value)) + END)


def test_more_entries_than_the_limit_are_refused() -> None:
    with pytest.raises(LimitError, match="entries"):
        scan(header() * 5 + END, limits=Limits(entries=4))


@pytest.mark.parametrize(
    "data",
    [
        extended(b"x", records(("comment", b"x" * 3000))),
        extended(b"x", records(("comment", b"x" * 1500))) * 2,
        extended(b"g", records(("comment", b"x" * 1500))) * 2,
        extended(b"L", b"x" * 3000),
        header(put(156, b"L"), name="a", data=b"")[:124] + header(put(124, b"77777777777\0"))[124:136] + bytes(376),
    ],
)
def test_extended_headers_over_the_limit_are_refused(data: bytes) -> None:
    if not is_header(data[:512]):
        data = checked(data[:512], put(156, b"L"))
    with pytest.raises(LimitError, match="extended header"):
        scan(data + header() + END, limits=Limits(header=2048))


def test_a_path_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitError, match="characters of a path"):
        scan(archive(member("x" * 300)), limits=Limits(path=299))


def test_a_sparse_map_over_the_limit_is_refused() -> None:
    said = records(("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"20"))
    content = b"9999\n" + b"0\n" * 3000
    with pytest.raises(LimitError, match="sparse map"):
        scan(extended(b"x", said) + header(data=content) + content, limits=Limits(header=2048))
