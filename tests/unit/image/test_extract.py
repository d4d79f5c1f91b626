"""Files of an image on the disk as they are in the image."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from tests.unit.image.filetrees import (
    MTIME_NS,
    Case,
    Member,
    archive,
    file,
    folder,
    hardlink,
    layer,
    listing,
    packed,
    symlink,
)

from orlop.errors import InputError, NotFoundError
from orlop.image.extract import Rules, save_layers
from orlop.layer import folders
from orlop.layer.attributes import Attributes, Notes
from orlop.layer.extract import Writer, fold, windows_refuses
from orlop.layer.folders import Folder
from orlop.layer.stage import Stage
from orlop.threads import step

if TYPE_CHECKING:
    from pathlib import Path

USER = Rules(keep_owner=False)


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "to"


@pytest.fixture(params=["by handle", "by path"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to write: in open folders, and by paths where a system has no such calls."""
    if request.param == "by path":
        monkeypatch.setattr(folders, "BY_HANDLE", False)


@pytest.mark.usefixtures("ways")
def test_files_folders_and_links_are_as_in_the_image(to: Path) -> None:
    found = Case(
        layer(
            folder("etc", mode=0o750),
            file("etc/passwd", b"root", mode=0o640),
            symlink("etc/link", "/etc/passwd"),
            file("empty", b""),
            Member("pipe", "fifo", mode=0o600),
        )
    ).extract(to)
    assert listing(to) == ["empty", "etc", "etc/link", "etc/passwd", "pipe"]
    assert (to / "etc" / "passwd").read_bytes() == b"root"
    assert stat.S_IMODE((to / "etc").stat().st_mode) == 0o750
    assert stat.S_IMODE((to / "etc" / "passwd").stat().st_mode) == 0o640
    assert os.readlink(to / "etc" / "link") == "/etc/passwd"
    for path in ("etc", "etc/passwd", "etc/link", "empty", "pipe"):
        assert (to / path).lstat().st_mtime_ns == MTIME_NS, path
    assert (found.files, found.folders, found.symlinks, found.others, found.bytes) == (2, 1, 1, 1, 4)
    assert found.notes == ()


@pytest.mark.usefixtures("ways")
def test_layers_are_merged(to: Path) -> None:
    Case(
        layer(file("a", b"1"), file("b", b"1"), file("d/x"), file("d/y"), file("o/x"), file("gone/deep/x")),
        layer(file("b", b"2"), file("d/.wh.x", b""), file("o/.wh..wh..opq", b""), file("o/z"), file(".wh.gone", b"")),
        layer(file("c", b"3")),
    ).extract(to)
    assert listing(to) == ["a", "b", "c", "d", "d/y", "o", "o/z"]
    assert (to / "b").read_bytes() == b"2"


def test_each_layer_is_read_once(to: Path) -> None:
    layers = [layer(file(f"f{n}", os.urandom(5000)), file("same", b"%d" % n)) for n in range(4)]
    case = Case(*layers)
    case.extract(to)
    assert sorted(case.source.opened) == sorted((blob.descriptor.digest, 0) for blob in layers)


def test_a_layer_that_is_there_twice_is_read_once_where_nothing_of_it_is_seen_twice(to: Path) -> None:
    twice = layer(file("a", b"1"))
    case = Case(twice, layer(file("b")), twice)
    case.extract(to)
    assert [digest for digest, _ in case.source.opened].count(twice.descriptor.digest) == 1
    assert listing(to) == ["a", "b"]


def test_a_layer_that_is_there_twice_with_a_removal_between(to: Path) -> None:
    twice = layer(file("a", b"1"), file("b", b"2"))
    Case(twice, layer(file(".wh.a", b""), hardlink("c", "b")), twice).extract(to)
    assert listing(to) == ["a", "b", "c"]
    assert [(to / name).read_bytes() for name in ("a", "b", "c")] == [b"1", b"2", b"2"]


def test_what_upper_layers_hide_is_not_written(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    sink = Stage.sink

    def note(self: Stage, key: tuple[int, int], entry: object) -> object:
        written.append(entry.path)  # type: ignore[attr-defined]
        return sink(self, key, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(Stage, "sink", note)
    Case(
        layer(file("a", b"1"), file("d/x"), file("o/x"), file("kept")),
        layer(file("a", b"2"), file(".wh.d", b""), file("o/.wh..wh..opq", b""), file("o/y")),
    ).extract(to)
    assert sorted(written) == ["a", "kept", "o/y"]


def test_layers_that_are_known_and_hold_nothing_wanted_are_not_read(to: Path) -> None:
    lower, upper = layer(file("a", b"1")), layer(file("a", b"2"))
    case = Case(lower, upper)
    case.tree()
    case.source.opened.clear()
    case.extract(to)
    assert {digest for digest, _ in case.source.opened} == {upper.descriptor.digest}


def test_hard_links_are_one_file_also_across_layers(to: Path) -> None:
    found = Case(layer(file("a", b"1")), layer(hardlink("b", "a")), layer(hardlink("d/c", "/b"))).extract(to)
    assert len({(to / name).stat().st_ino for name in ("a", "b", "d/c")}) == 1
    assert (to / "a").stat().st_nlink == 3
    assert (found.files, found.hard_links) == (1, 2)


def test_a_hard_link_keeps_what_it_was_made_from_when_an_upper_layer_replaces_that(to: Path) -> None:
    Case(layer(file("a", b"old")), layer(hardlink("b", "a")), layer(file("a", b"new"))).extract(to)
    assert ((to / "a").read_bytes(), (to / "b").read_bytes()) == (b"new", b"old")


def test_a_hard_link_keeps_what_it_was_made_from_when_an_upper_layer_removes_that(to: Path) -> None:
    Case(layer(file("a", b"old")), layer(hardlink("b", "a")), layer(file(".wh.a", b""))).extract(to)
    assert listing(to) == ["b"]
    assert (to / "b").read_bytes() == b"old"


def test_a_hard_link_to_a_file_that_its_own_layer_removes(to: Path) -> None:
    Case(layer(file("a", b"old")), layer(file(".wh.a", b""), hardlink("b", "a"))).extract(to)
    assert (to / "b").read_bytes() == b"old"


def test_a_name_that_is_twice_in_one_layer_is_its_last(to: Path) -> None:
    Case(layer(file("a", b"1"), hardlink("b", "a"), file("a", b"2"))).extract(to)
    assert ((to / "a").read_bytes(), (to / "b").read_bytes()) == (b"2", b"1")


def test_a_file_through_a_link_of_its_own_layer_is_where_the_link_leads(to: Path) -> None:
    Case(layer(folder("usr/lib"), symlink("lib", "usr/lib"), file("lib/x", b"1"))).extract(to)
    assert (to / "usr" / "lib" / "x").read_bytes() == b"1"
    assert os.readlink(to / "lib") == "usr/lib"


def test_such_a_file_is_read_also_where_an_upper_layer_has_the_name_that_it_was_written_with(to: Path) -> None:
    Case(layer(symlink("lib", "usr/lib"), file("lib/x", b"1")), layer(file("lib/x", b"2"))).extract(to)
    assert ((to / "usr" / "lib" / "x").read_bytes(), (to / "lib" / "x").read_bytes()) == (b"1", b"2")


def test_names_that_are_not_utf_8_keep_their_bytes(to: Path) -> None:
    raw = b"caf\xe9/\xff\xfe"
    Case(layer(file(raw.decode("utf-8", "surrogateescape"), b"1"), symlink("l", "\udcff"))).extract(to)
    assert os.listdir(os.fsencode(to / "caf\udce9")) == [b"\xff\xfe"]
    assert os.readlink(os.fsencode(to / "l")) == b"\xff"


def test_a_folder_that_no_layer_states_is_for_all_to_read(to: Path) -> None:
    Case(layer(file("a/b/c"))).extract(to)
    assert stat.S_IMODE((to / "a" / "b").stat().st_mode) == 0o755


def test_the_folder_gets_the_roots_attributes_where_it_was_made(to: Path, tmp_path: Path) -> None:
    case = Case(layer(folder("./", mode=0o711), file("a")))
    case.extract(to)
    assert stat.S_IMODE(to.stat().st_mode) == 0o711
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    case.extract(mine)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700


def test_a_folder_that_may_not_be_written_is_filled_before(to: Path) -> None:
    Case(layer(folder("d", mode=0o555), file("d/x"), folder("d/e", mode=0o500), file("d/e/y"))).extract(to)
    assert listing(to) == ["d", "d/e", "d/e/y", "d/x"]
    assert stat.S_IMODE((to / "d").stat().st_mode) == 0o555
    for path in ("d", "d/e"):
        (to / path).chmod(0o755)


def test_a_tree_deeper_than_folders_may_be_open(to: Path) -> None:
    path = "/".join(["d"] * 300)
    Case(layer(file(f"{path}/x"), file("d/d/y"), file(f"{path}/d/z"))).extract(to)
    assert (to / path / "x").exists()
    assert (to / "d" / "d" / "y").exists()


def test_sparse_files_have_their_holes(to: Path) -> None:
    import io
    import tarfile

    size, data = 50_000_000, b"end"
    records = {"GNU.sparse.map": f"{size - 3},3", "GNU.sparse.size": str(size), "GNU.sparse.name": "sparse"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("./GNUSparseFile/sparse")
        info.size, info.pax_headers = len(data), records
        tar.addfile(info, io.BytesIO(data))
    Case(packed(out.getvalue())).extract(to)
    made = (to / "sparse").stat()
    assert made.st_size == size
    assert made.st_blocks * 512 < 1_000_000
    with (to / "sparse").open("rb") as opened:
        opened.seek(size - 5)
        assert opened.read() == b"\0\0end"


def test_extended_attributes_are_kept_or_told(to: Path) -> None:
    found = Case(layer(file("a", xattrs={"user.note": b"\0x", "trusted.overlay.opaque": b"y"}))).extract(to)
    if found.notes:
        assert "user.note" in found.notes[0].reason
    else:
        assert os.getxattr(to / "a", "user.note") == b"\0x"
        assert os.listxattr(to / "a") == ["user.note"]


def test_times_beyond_what_calls_take_are_bounded(to: Path) -> None:
    Case(layer(file("old", mtime_ns=-1), file("far", mtime_ns=4_000_000_000_000_000_000))).extract(to)
    assert listing(to) == ["far", "old"]


# --- some paths -------------------------------------------------------------------------------------


def filesystem() -> Case:
    return Case(
        layer(
            symlink("bin", "usr/bin"),
            file("usr/bin/dash", b"dash"),
            symlink("usr/bin/sh", "dash"),
            file("etc/a", b"a"),
            file("etc/sub/b", b"b"),
            file("etcetera", b"no"),
        )
    )


def test_a_path_is_written_with_the_folders_above_it(to: Path) -> None:
    filesystem().extract(to, "/etc")
    assert listing(to) == ["etc", "etc/a", "etc/sub", "etc/sub/b"]


def test_links_on_the_way_to_a_path_are_followed(to: Path) -> None:
    filesystem().extract(to, "/bin/sh")
    assert listing(to) == ["usr", "usr/bin", "usr/bin/sh"]
    assert os.readlink(to / "usr/bin/sh") == "dash"


def test_follow_takes_what_a_path_leads_to_as_well(to: Path) -> None:
    filesystem().extract(to, "bin/sh", follow=True)
    assert (to / "usr/bin/sh").read_bytes() == b"dash"


def test_a_path_that_is_not_there_leaves_nothing(to: Path) -> None:
    with pytest.raises(NotFoundError):
        filesystem().extract(to, "/etc/a", "/none")
    assert not to.exists()


def test_one_layer_alone(to: Path) -> None:
    case = Case(layer(file("a")), layer(file("b"), file(".wh.a", b"")))
    case.extract(to, layer=1)
    assert listing(to) == ["b"]
    with pytest.raises(InputError, match="its layers are 0 to 1"):
        case.extract(to / "more", layer=2)


def test_one_small_file_of_a_known_layer_is_read_by_itself(to: Path) -> None:
    import gzip

    members = [gzip.compress(archive(file(f"f{n}", os.urandom(50_000)))[:-1024]) for n in range(20)]
    members.append(gzip.compress(bytes(1024)))
    from orlop.model.digest import Digest
    from orlop.model.mediatype import OCI_LAYER_GZIP
    from orlop.testing.layers import archive_layer

    inner = b"".join(gzip.decompress(member) for member in members)
    blob = archive_layer(b"".join(members), media_type=OCI_LAYER_GZIP, diff_id=Digest.of(inner))
    case = Case(blob)
    case.tree()
    case.source.opened.clear()
    case.extract(to, "/f19")
    [(_, start)] = case.source.opened
    assert start > len(blob.data) // 2
    assert listing(to) == ["f19"]


# --- layers into folders -----------------------------------------------------------------------------


def three() -> Case:
    return Case(layer(file("a")), layer(file("b"), file(".wh.a", b""), file("d/.wh..wh..opq", b"")), layer(file("c")))


def test_layers_are_saved_merged(to: Path) -> None:
    step(save_layers(three().store, three().image, str(to), rules=USER))
    assert listing(to) == ["b", "c", "d"]


def test_layers_are_saved_merged_up_to_one(to: Path) -> None:
    case = three()
    step(save_layers(case.store, case.image, str(to), layer=0, rules=USER))
    assert listing(to) == ["a"]


def test_layers_are_saved_each_for_itself_with_what_they_take_away(to: Path) -> None:
    case = three()
    saved = step(save_layers(case.store, case.image, str(to), squash=False, rules=USER))
    names = [f"layer{n}-{one.descriptor.digest.hex[:12]}" for n, one in enumerate(case.image.layers)]
    assert sorted(path.name for path in to.iterdir()) == names
    assert [one.to for one in saved] == [str(to / name) for name in names]
    assert listing(to / names[1]) == [".wh.a", "b", "d", "d/.wh..wh..opq"]


def test_one_layer_is_saved_by_itself(to: Path) -> None:
    case = three()
    step(save_layers(case.store, case.image, str(to), squash=False, layer=2, rules=USER))
    assert [path.name[:7] for path in to.iterdir()] == ["layer2-"]


# --- disks that are different --------------------------------------------------------------------------


def written(to: Path, case: Case, **options: bool) -> Notes:
    """Write a tree with a Writer's own options."""
    from orlop.image.gather import Wanted, fetch

    to.mkdir()
    notes = Notes()
    with Folder.open(str(to)) as root:
        stage = Stage(root, Attributes(notes, keep_owner=False), what="test", limit=10_000_000)
        tree = case.tree()
        wanted = Wanted(tree, None)
        step(fetch(tree, wanted, stage))

        def inodes(place: object) -> object:
            inode = tree.inode_of(place)  # type: ignore[arg-type]
            return None if inode is None else (inode.key, inode.entry)

        Writer(root, stage, inodes=inodes, **options).write(tree.root)  # type: ignore[arg-type]
        stage.close()
    return notes


def test_names_that_differ_only_in_case_are_both_there_where_the_disk_tells_them_apart(to: Path) -> None:
    found = Case(layer(file("Readme", b"1"), file("README", b"2"))).extract(to)
    if not found.notes:
        assert listing(to) == ["README", "Readme"]


def test_of_names_that_are_one_on_this_disk_the_first_is_written_and_the_others_told(to: Path) -> None:
    case = Case(
        layer(file("Readme", b"1"), file("README", b"2"), file("D/x"), file("d/y"), file("e\u0301"), file("\xe9"))
    )
    notes = written(to, case, folded=True)
    assert listing(to) == ["D", "D/x", "README", "e\u0301"]
    assert sorted(note.path for note in notes.kept) == ["Readme", "d", "\xe9"]


def test_names_that_windows_cannot_have_are_told(to: Path) -> None:
    case = Case(layer(file("ok.txt"), file("a:b"), file("con"), file("aux.c"), file("dot."), file("..\\..\\evil")))
    notes = written(to, case, windows=True)
    assert listing(to) == ["ok.txt"]
    assert len(notes.kept) == 5


@pytest.mark.parametrize("name", ["a\\b", "a:stream", "NUL", "com1.txt", "x ", "x.", "\x01", "lpt9", "nul .txt"])
def test_windows_refuses(name: str) -> None:
    assert windows_refuses(name)


def test_folding_knows_more_than_ascii() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("É") == fold("e\u0301")


def test_a_name_longer_than_the_disk_takes_is_told(to: Path) -> None:
    found = Case(layer(file("n" * 300), file("a"), file(f"{'d' * 300}/x"))).extract(to)
    assert listing(to) == ["a"]
    assert found.skipped == 2


def test_where_there_are_no_hard_links_files_are_copied(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "not permitted")

    monkeypatch.setattr(Folder, "link", refuse)
    Case(layer(file("a", b"1", mode=0o600), hardlink("b", "a"))).extract(to)
    assert (to / "b").read_bytes() == b"1"
    assert stat.S_IMODE((to / "b").stat().st_mode) == 0o600
    assert listing(to) == ["a", "b"]
