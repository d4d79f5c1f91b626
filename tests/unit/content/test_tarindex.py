"""Where the members of a tar lie: every form of name, links, and archives that are damaged or mean harm."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.content import tarindex
from orlop.content.reader import HeldReader
from orlop.content.tarindex import TarIndex
from orlop.errors import IntegrityError, LimitError, TruncatedError
from orlop.testing.archives import tar
from orlop.testing.layers import Folder, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.testing.layers import File


def content(data: bytes, path: str) -> bytes | None:
    """Return a member's bytes, as the index finds them."""
    member = TarIndex(HeldReader(data), "x.tar").find(path)
    return None if member is None else data[member.offset : member.offset + member.size]


def made(files: Mapping[str, bytes | File | Folder | Link]) -> bytes:
    return tar(files)


def written(members: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


LONG = "/".join(["d" * 60] * 6) + "/ü.json"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_in_every_form(form: int) -> None:
    data = written([(tarfile.TarInfo("a/b"), b"one"), (tarfile.TarInfo("c"), b"x" * 1000)], form)
    assert content(data, "a/b") == b"one"
    assert content(data, "c") == b"x" * 1000
    assert content(data, "a") is None


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_long_targets_are_whole(form: int) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, LONG
    assert content(written([(tarfile.TarInfo(LONG), b"one"), (link, b"")], form), "link") == b"one"


def test_a_long_name_in_two_parts_is_whole() -> None:
    name = "d" * 90 + "/" + "f" * 90
    assert content(written([(tarfile.TarInfo(name), b"one")], tarfile.USTAR_FORMAT), name) == b"one"


@pytest.mark.parametrize("name", ["a/b", "./a/b", "/a/b", "a//b", "././a/./b"])
def test_names_that_mean_the_same_are_the_same(name: str) -> None:
    assert content(made({name: b"one"}), "a/b") == b"one"
    assert content(made({"a/b": b"one"}), name) == b"one"


def test_of_two_members_of_one_name_the_later_counts() -> None:
    assert content(written([(tarfile.TarInfo("a"), b"one"), (tarfile.TarInfo("./a"), b"two")]), "a") == b"two"


def test_a_name_that_is_not_utf_8_does_no_harm() -> None:
    data = written([(tarfile.TarInfo("a"), b"one")]).replace(b"a\0", b"\xff\0", 1)
    block = bytearray(data[:512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    assert content(bytes(block) + data[512:], "\udcff") == b"one"


def test_a_size_over_eight_gib_is_read_in_either_form() -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        info = tarfile.TarInfo("big")
        info.size = 9 * 1024**3
        header = info.tobuf(form)
        with pytest.raises(TruncatedError, match=str(info.size + len(header))):
            TarIndex(HeldReader(header), "x.tar")


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ({"b/layer.tar": Link("../a/layer.tar")}, "b/layer.tar"),
        ({"b/layer.tar": Link("a/layer.tar", hard=True)}, "b/layer.tar"),
        ({"b/layer.tar": Link("/a/layer.tar", hard=True)}, "b/layer.tar"),
        ({"b": Link("a")}, "b/layer.tar"),
        ({"c": Link("b"), "b": Link("./a")}, "c/layer.tar"),
        ({"b/x": Link("../a/../a/layer.tar")}, "b/x"),
    ],
)
def test_links_are_followed_inside_the_archive(link: dict[str, Link], path: str) -> None:
    assert content(made({"a": Folder(), "a/layer.tar": b"one", **link}), path) == b"one"


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "../b/../../x"])
def test_a_link_that_leaves_the_archive_is_refused(target: str) -> None:
    data = made({"a/layer.tar": Link(target), "etc/passwd": b"x", "x": b"y"})
    with pytest.raises(IntegrityError, match="leaves the archive"):
        content(data, "a/layer.tar")


def test_a_hard_link_that_leaves_the_archive_is_refused() -> None:
    with pytest.raises(IntegrityError, match="leaves the archive"):
        content(made({"a": Link("../x", hard=True)}), "a")


def test_links_in_a_circle_are_refused() -> None:
    for links in (
        {"a": Link("b"), "b": Link("a")},
        {"a": Link("a")},
        {"a": Link("a/b")},
        {"a": Link("a", hard=True)},
    ):
        with pytest.raises(IntegrityError, match="lead in a circle"):
            content(made(links), "a")


def test_a_link_to_nothing_is_nothing() -> None:
    assert content(made({"a": Link("b")}), "a") is None


def test_a_folder_or_a_device_is_no_file() -> None:
    device = tarfile.TarInfo("dev")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
    data = written([(device, b""), (tarfile.TarInfo("after"), b"one")])
    assert content(data, "dev") is None
    assert content(data, "after") == b"one"
    assert content(made({"d": Folder()}), "d") is None


# --- damage and harm -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "a/../../b", "..", "a/.."])
def test_a_name_that_climbs_out_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError, match="leaves the archive"):
        TarIndex(HeldReader(made({"ok": b"", name: b"x"})), "x.tar")


def test_an_archive_that_is_cut_is_truncated_or_knows_that_it_may_be() -> None:
    data = made({"a": b"x" * 700, LONG: b"y" * 100})
    end = len(data.rstrip(b"\0"))
    for length in range(1, end, 7):
        try:
            index = TarIndex(HeldReader(data[:length]), "x.tar")
        except TruncatedError:
            continue
        assert not index.whole
    assert TarIndex(HeldReader(data), "x.tar").whole


@pytest.mark.parametrize("data", [b"x" * 512, b"PK\3\4" + bytes(600), b"\x7fELF" + bytes(1020)])
def test_what_is_no_tar_says_so(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="no tar archive"):
        TarIndex(HeldReader(data), "x.tar")


def test_a_damaged_header_is_found() -> None:
    data = bytearray(made({"a": b"x", "b": b"y"}))
    data[1024 + 5] ^= 1
    with pytest.raises(IntegrityError, match="damaged"):
        TarIndex(HeldReader(bytes(data)), "x.tar")


def test_a_negative_size_is_refused() -> None:
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(IntegrityError, match="negative"):
        TarIndex(HeldReader(bytes(header)), "x.tar")


@pytest.mark.parametrize("record", [b"9 path=\n", b"x path=a\n", b"999 path=a\n", b"8 pathab\n", b"\xb21 path=ab\n"])
def test_a_damaged_extended_header_is_refused(record: bytes) -> None:
    extended = tarfile.TarInfo("x")
    extended.type = tarfile.XHDTYPE
    with pytest.raises(IntegrityError):
        TarIndex(HeldReader(written([(extended, record), (tarfile.TarInfo("a"), b"")])), "x.tar")


def test_a_pax_size_that_is_no_number_is_refused() -> None:
    extended = tarfile.TarInfo("x")
    extended.type = tarfile.XHDTYPE
    with pytest.raises(IntegrityError, match="no number"):
        TarIndex(HeldReader(written([(extended, b"11 size=-1\n"), (tarfile.TarInfo("a"), b"")])), "x.tar")


def test_a_global_header_names_no_member() -> None:
    extended = tarfile.TarInfo("x")
    extended.type = tarfile.XGLTYPE
    data = written([(extended, b"13 path=evil\n"), (tarfile.TarInfo("a"), b"one")])
    assert content(data, "a") == b"one"
    assert content(data, "evil") is None


def test_a_sparse_file_is_not_taken_for_its_data() -> None:
    sparse = tarfile.TarInfo("s")
    sparse.type = tarfile.GNUTYPE_SPARSE
    data = written([(sparse, b"x" * 600), (tarfile.TarInfo("a"), b"one")])
    assert content(data, "s") is None
    assert content(data, "a") == b"one"


def test_an_extended_header_over_the_limit_is_refused() -> None:
    extended = tarfile.TarInfo("x")
    extended.type = tarfile.XHDTYPE
    with pytest.raises(LimitError, match="bytes of an extended header"):
        TarIndex(HeldReader(written([(extended, b"x" * (tarindex.HEADER_LIMIT + 1))])), "x.tar")


def test_more_members_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarindex, "MEMBER_LIMIT", 3)
    with pytest.raises(LimitError, match="members of an archive"):
        TarIndex(HeldReader(made({str(n): b"" for n in range(4)})), "x.tar")
