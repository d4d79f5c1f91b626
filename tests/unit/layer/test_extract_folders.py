"""Folders that are held open, and the stage where contents wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.unit.image.filetrees import file

from orlop.errors import IntegrityError, LimitError, StorageError
from orlop.layer import folders
from orlop.layer.attributes import NOTES_LIMIT, Attributes, Notes
from orlop.layer.extract import check_part, chosen, is_folded
from orlop.layer.folders import Descent, Folder
from orlop.layer.leftovers import abandon, live
from orlop.layer.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Folder]:
    with Folder.open(str(tmp_path)) as opened:
        yield opened


def staged(root: Folder, *, limit: int = 10_000_000) -> Stage:
    return Stage(root, Attributes(Notes(), keep_owner=False), what="test", limit=limit)


def test_a_closed_folder_means_no_other(root: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root.make(b"d")
    inner = root.enter(b"d")
    inner.close()
    inner.close()
    for act in (lambda: inner.make(b"x"), lambda: inner.create(b"x"), lambda: inner.remove(b"d")):
        with pytest.raises(OSError):
            act()
    assert os.listdir(tmp_path) == ["d"]


def test_no_link_is_entered(root: Folder, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError):
        root.enter(b"link")


def test_no_link_is_entered_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "BY_HANDLE", False)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    root = Folder.open(str(tmp_path))
    assert root.enter("real").path == str(tmp_path / "real")
    with pytest.raises(OSError):
        root.enter("link")


def test_a_descent_comes_back_to_folders_that_it_closed(root: Folder) -> None:
    descent = Descent(root, kept_open=3)
    for level in range(20):
        descent.here.make(b"d")
        os.close(descent.here.create(b"down%d" % level))
        descent.down(b"d")
    for level in range(20):
        descent.up()
        assert sorted(descent.here.names()) == [b"d", b"down%d" % (19 - level)]
        os.close(descent.here.create(b"up"))
    descent.close()
    assert root.stat(b"up") is not None


def test_a_descent_notices_that_a_folder_was_moved(root: Folder, tmp_path: Path) -> None:
    descent = Descent(root, kept_open=1)
    for _ in range(4):
        descent.here.make(b"d")
        descent.down(b"d")
    (tmp_path / "d/d/d/d").rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="moved"):
        descent.up()
    descent.close()


def test_contents_wait_in_a_folder_that_only_the_user_may_enter(root: Folder, tmp_path: Path) -> None:
    stage = staged(root)
    sink = stage.sink((0, 512), file("a").entry._replace(size=6, stored=6))
    sink.write(b"abc")
    sink.write(b"def")
    assert (0, 512) not in stage
    sink.close()
    assert (0, 512) in stage
    stage.settle()
    [name] = os.listdir(tmp_path)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / name / "0-200").read_bytes() == b"abcdef"
    stage.close()
    stage.close()
    assert os.listdir(tmp_path) == []


def test_what_was_begun_goes_as_well(root: Folder, tmp_path: Path) -> None:
    stage = staged(root)
    stage.sink((0, 0), file("a").entry).write(bytes(1_000_000))
    stage.close()
    assert os.listdir(tmp_path) == []


def test_a_stage_that_was_given_up_takes_no_more(root: Folder, tmp_path: Path) -> None:
    stage = staged(root)
    sink = stage.sink((0, 0), file("a").entry)
    assert stage in live
    abandon()
    assert stage not in live
    with pytest.raises(StorageError):
        sink.close()
    assert os.listdir(tmp_path) == []


def test_a_stage_takes_no_more_than_its_limit(root: Folder) -> None:
    stage = staged(root, limit=10)
    stage.sink((0, 0), file("a", bytes(10)).entry)
    with pytest.raises(LimitError):
        stage.sink((0, 1), file("b", bytes(1)).entry)
    stage.close()


def test_a_file_larger_than_the_disk_takes_is_a_storage_error(root: Folder) -> None:
    stage = staged(root)
    sink = stage.sink((0, 0), file("a").entry._replace(size=2**62, stored=0))
    sink.hole(2**62)
    with pytest.raises(StorageError, match="/a cannot be written"):
        sink.close()
        stage.settle()
    stage.close()


def test_the_disk_tells_whether_it_knows_case(root: Folder, tmp_path: Path) -> None:
    stage = staged(root)
    (tmp_path / "probe").write_bytes(b"")
    assert is_folded(stage) == (tmp_path / "PROBE").exists()
    stage.close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_what_is_no_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError):
        check_part(name)


def test_paths_choose_all_below_them() -> None:
    assert chosen(["a/b", "c"]) == {"a": {"b": None}, "c": None}
    assert chosen(["a/b", "a"]) == {"a": None}
    assert chosen(["a", "a/b"]) == {"a": None}
    assert chosen(["a", ""]) is None


def test_notes_are_counted_and_some_kept() -> None:
    notes = Notes()
    for number in range(NOTES_LIMIT + 5):
        notes.add(str(number), "x")
    assert (notes.count, len(notes.kept)) == (NOTES_LIMIT + 5, NOTES_LIMIT)
