"""The merged files of an image as one archive."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.image.filetrees import Case, Member, archive, file, folder, hardlink, layer, packed, symlink

from orlop.errors import IntegrityError, LimitError, NotFoundError, StorageError, TruncatedError
from orlop.image.export import export, into_file
from orlop.layer.tarscan import Scanner
from orlop.layer.tarwrite import TarWriter, header
from orlop.threads import step

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.layer.entry import Entry


def exported(case: Case, folder: Path, **options: Any) -> bytes:
    parts: list[bytes] = []
    step(export(case.store, case.image, parts.append, folder=str(folder), **options))
    assert os.listdir(folder) == []
    return b"".join(parts)


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as tar:
        return tar.getmembers()


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        found = {}
        for info in tar.getmembers():
            opened = tar.extractfile(info) if info.isreg() or info.islnk() else None
            if opened is not None:
                found[info.name] = opened.read()
        return found


def layered() -> Case:
    return Case(
        layer(folder("./"), folder("etc", mode=0o750), file("etc/a", b"1"), file("etc/b", b"1"), symlink("l", "etc/b")),
        layer(file("etc/b", b"22"), file("etc/.wh.a", b""), hardlink("h", "etc/b"), file("empty", b""), file("new/x")),
        layer(hardlink("aaa", "etc/b"), hardlink("empty2", "empty")),
    )


def test_it_holds_the_merged_tree(tmp_path: Path) -> None:
    data = exported(layered(), tmp_path)
    assert contents(data) == {"etc/b": b"22", "h": b"22", "aaa": b"22", "empty": b"", "empty2": b"", "new/x": b"x"}
    found = {info.name: info for info in members(data)}
    assert found["etc"].mode == 0o750
    assert found["l"].linkname == "etc/b"
    # A folder that no layer states is not in it, as crane export has it.
    assert "new" not in found
    assert found["."].isdir()


def test_a_file_comes_before_its_further_names(tmp_path: Path) -> None:
    found = members(exported(layered(), tmp_path))
    seen: set[str] = set()
    for info in found:
        if info.islnk():
            assert info.linkname in seen
        seen.add(info.name)
    assert sum(info.islnk() for info in found) == 3


def test_it_is_the_same_whether_the_layers_were_read_before_or_not(tmp_path: Path) -> None:
    case = layered()
    first = exported(case, tmp_path)
    case.source.opened.clear()
    assert exported(case, tmp_path) == first
    assert exported(layered(), tmp_path) == first


def test_layers_that_are_not_known_are_read_once(tmp_path: Path) -> None:
    case = layered()
    exported(case, tmp_path)
    assert len(case.source.opened) == 3


def test_a_part_of_it(tmp_path: Path) -> None:
    case = layered()
    assert [info.name for info in members(exported(case, tmp_path, paths=["/l", "/new"]))] == ["l", "new/x"]
    found = members(exported(case, tmp_path, paths=["/l"], follow=True))
    assert [info.name for info in found] == ["etc", "l", "etc/b"]
    assert [info.name for info in members(exported(case, tmp_path, layer=0))] == [".", "etc", "l", "etc/a", "etc/b"]
    with pytest.raises(NotFoundError):
        exported(case, tmp_path, paths=["/none"])


def test_more_bytes_than_the_limit_write_nothing(tmp_path: Path) -> None:
    case = Case(layer(file("a", bytes(2000))))
    for _ in range(2):  # before and after the layer is known
        parts: list[bytes] = []
        with pytest.raises(LimitError):
            step(export(case.store, case.image, parts.append, folder=str(tmp_path), limit=1000))
        assert parts == []
        case.tree()


def test_the_holes_of_a_sparse_file_count_as_they_are_written_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("sparse")
        info.pax_headers = {"GNU.sparse.map": "", "GNU.sparse.size": str(2**60), "GNU.sparse.name": "sparse"}
        tar.addfile(info)
    case = Case(packed(out.getvalue()))
    case.tree()
    with pytest.raises(LimitError):
        exported(case, tmp_path)


def test_a_damaged_layer_writes_nothing_where_it_was_never_read(tmp_path: Path) -> None:
    case = Case(packed(archive(file("a", os.urandom(20_000)))[:10_000]))
    parts: list[bytes] = []
    with pytest.raises(TruncatedError):
        step(export(case.store, case.image, parts.append, folder=str(tmp_path)))
    assert parts == []
    assert os.listdir(tmp_path) == []


def test_a_layer_that_changed_since_it_was_read_leaves_an_archive_without_an_end(tmp_path: Path) -> None:
    case = Case(layer(file("a", os.urandom(20_000))))
    case.tree()
    [digest] = case.source.blobs
    case.source.blobs[digest] = layer(file("a", os.urandom(20_000))).data
    parts: list[bytes] = []
    with pytest.raises(IntegrityError):
        step(export(case.store, case.image, parts.append, folder=str(tmp_path)))
    assert not b"".join(parts).endswith(bytes(1024))


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"old")

    async def fail() -> None:
        async with into_file(str(path)) as write:
            write(b"half")
            raise StorageError("x", "no")

    with pytest.raises(StorageError):
        step(fail())
    assert os.listdir(tmp_path) == ["a.tar"]
    assert path.read_bytes() == b"old"


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    async def write() -> None:
        async with into_file(str(tmp_path / "none" / "a.tar")):
            pass

    with pytest.raises(StorageError):
        step(write())


@pytest.mark.parametrize(
    "member",
    [
        folder("d", mode=0o1777),
        folder(""),
        file("a" * 100),
        file("a" * 101),
        file("/".join(["b" * 60] * 4)),
        file("c" * 255 + "/" + "d" * 90),
        file("n\udcff"),
        file("ünïcode"),
        symlink("l", "t" * 200),
        hardlink("h", "x/" * 90 + "y"),
        Member("dev", "char", major=5, minor=2**24),
        Member("disk", "block", major=8, minor=1),
        Member("pipe", "fifo"),
        file("owned", uid=2**31, gid=2**22, uname="u" * 40, gname="g"),
        file("fraction", mtime_ns=1_234_567_891_234_567_890),
        file("before", mtime_ns=-1_500_000_000),
        file("attributes", xattrs={"user.a": b"=\n\0", "security.capability": bytes(20)}),
    ],
    ids=lambda member: f"{member.entry.kind} {member.entry.path[:12]!r}",
)
def test_what_is_written_is_read_again(member: Member) -> None:
    parts: list[bytes] = []
    writer = TarWriter(parts.append)
    if member.data:
        sink = writer.file(member.entry, member.entry.path)
        sink.write(member.data)
        sink.close()
    else:
        writer.add(member.entry, member.entry.path)
    writer.end()
    scanner = Scanner("test")
    [read] = scanner.feed(b"".join(parts))
    scanner.finish()

    def known(entry: Entry) -> dict[str, Any]:
        said = entry._asdict()
        return {key: value for key, value in said.items() if key not in {"offset", "data_offset", "raw", "xattrs"}}

    assert known(read) == known(member.entry)
    assert dict(read.xattrs) == dict(member.entry.xattrs)


def test_headers_are_as_tarfile_and_posix_want_them() -> None:
    block = header(file("a", b"x").entry, "a")
    assert len(block) == 512
    info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    assert (info.name, info.size, info.mode, info.type) == ("a", 1, 0o644, tarfile.REGTYPE)


def test_what_is_no_file_is_written_to_and_a_link_is_followed(tmp_path: Path) -> None:
    async def write(path: Path) -> None:
        async with into_file(str(path)) as into:
            into(b"whole")

    (tmp_path / "null").symlink_to(os.devnull)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("null", "link"):
        step(write(tmp_path / name))
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "file").read_bytes() == b"whole"
