"""Nothing is written outside the folder, and nothing half, whatever the layers say."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from tests.unit.image.filetrees import Case, Member, archive, file, folder, hardlink, layer, listing, packed, symlink

from orlop.errors import (
    DigestMismatchError,
    InputError,
    IntegrityError,
    LimitError,
    NotFoundError,
    OrlopError,
    StorageError,
    TruncatedError,
)
from orlop.image.extract import Rules
from orlop.layer.folders import Folder
from orlop.layer.limits import Limits
from orlop.model.digest import Digest
from orlop.model.mediatype import OCI_LAYER_GZIP
from orlop.testing.layers import archive_layer

if TYPE_CHECKING:
    from pathlib import Path

USER = Rules(keep_owner=False)
FORCE = Rules(keep_owner=False, force=True)
SECRET = b"the user's own"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the one that is written to, with a file that must not change."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_bytes(SECRET)
    return path


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "to"


def unharmed(outside: Path) -> bool:
    return listing(outside) == ["secret"] and (outside / "secret").read_bytes() == SECRET


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../outside/evil", "../../outside/evil", "a/../../outside/evil", "./../outside/evil"])
def test_a_name_with_two_dots_stays_inside(to: Path, outside: Path, name: str) -> None:
    Case(layer(file(name))).extract(to)
    assert unharmed(outside)
    assert (to / "outside" / "evil").read_bytes() == b"x"


def test_an_absolute_name_is_below_the_folder(to: Path, outside: Path) -> None:
    Case(layer(file(f"{outside}/secret"), file("//etc//x"))).extract(to)
    assert unharmed(outside)
    assert (to / "etc" / "x").exists()
    assert (to / str(outside).lstrip("/") / "secret").read_bytes() == b"x"


def test_names_of_the_folder_itself_change_nothing(to: Path) -> None:
    Case(layer(folder("./"), folder("/"), folder("a/.."), file("b"))).extract(to)
    assert listing(to) == ["b"]


# --- links -----------------------------------------------------------------------------------------


def test_a_link_that_leads_out_is_made_and_not_followed(to: Path, outside: Path) -> None:
    Case(layer(symlink("out", str(outside)), symlink("up", "../outside"), file("out/evil"), file("up/evil"))).extract(
        to
    )
    assert unharmed(outside)
    assert os.readlink(to / "out") == str(outside)
    assert os.readlink(to / "up") == "../outside"


def test_a_link_of_a_lower_layer_is_not_followed(to: Path, outside: Path) -> None:
    Case(layer(symlink("out", str(outside))), layer(file("out/evil"), file("out/secret"))).extract(to)
    assert unharmed(outside)
    assert not (to / "out").is_symlink()
    assert listing(to) == ["out", "out/evil", "out/secret"]


def test_a_file_under_the_name_of_a_link_takes_its_place(to: Path, outside: Path) -> None:
    Case(layer(symlink("x", f"{outside}/secret"), file("x", b"1")), layer(file("x", b"2"))).extract(to)
    assert unharmed(outside)
    assert (to / "x").read_bytes() == b"2"


@pytest.mark.parametrize("target", ["../outside/secret", "/secret", "../../outside/secret"])
def test_a_hard_link_reaches_nothing_of_this_machine(to: Path, outside: Path, target: str) -> None:
    found = Case(layer(hardlink("stolen", target), file("a"))).extract(to)
    assert unharmed(outside)
    assert listing(to) == ["a"]
    assert [note.path for note in found.notes] == ["stolen"]
    assert (outside / "secret").stat().st_nlink == 1


def test_a_hard_link_by_its_absolute_path_is_looked_up_in_the_image(to: Path, outside: Path) -> None:
    Case(layer(hardlink("stolen", str(outside / "secret")))).extract(to)
    assert listing(to) == []


def test_a_hard_link_through_a_link_that_leads_out_reaches_nothing(to: Path, outside: Path) -> None:
    Case(layer(symlink("out", str(outside)), hardlink("stolen", "out/secret"))).extract(to)
    assert unharmed(outside)
    assert listing(to) == ["out"]


def test_a_hard_link_to_a_link_that_leads_out_is_that_link(to: Path, outside: Path) -> None:
    Case(layer(symlink("out", f"{outside}/secret"), hardlink("again", "out"))).extract(to)
    assert os.readlink(to / "again") == f"{outside}/secret"
    assert (outside / "secret").stat().st_nlink == 1


def test_links_in_a_circle_are_made_as_they_are(to: Path) -> None:
    case = Case(layer(symlink("a", "b"), symlink("b", "a"), symlink("self", "self/x")))
    case.extract(to)
    assert os.readlink(to / "a") == "b"
    assert os.readlink(to / "self") == "self/x"
    for path in ("/a", "/self", "/self/x"):
        with pytest.raises(NotFoundError):
            case.read(path)


def test_a_file_below_links_in_a_circle_stays_inside(to: Path) -> None:
    Case(layer(symlink("a", "b"), symlink("b", "a"), file("a/inner"))).extract(to)
    assert (to / "a" / "inner").read_bytes() == b"x"


def test_a_folder_that_became_a_link_hides_what_was_in_it(to: Path, outside: Path) -> None:
    Case(
        layer(folder("d"), file("d/secret", b"lower"), file("d/more")),
        layer(symlink("d", str(outside))),
        layer(file("e")),
    ).extract(to)
    assert unharmed(outside)
    assert listing(to) == ["d", "e"]


# --- devices, setuid --------------------------------------------------------------------------------


def test_devices_are_left_out_for_an_ordinary_user(to: Path) -> None:
    found = Case(layer(Member("null", "char", major=1, minor=3), Member("disk", "block", major=8), file("a"))).extract(
        to
    )
    assert listing(to) == ["a"]
    assert sorted(note.path for note in found.notes) == ["disk", "null"]
    assert found.skipped == 2


def test_a_pipe_is_made(to: Path) -> None:
    Case(layer(Member("pipe", "fifo"))).extract(to)
    assert stat.S_ISFIFO((to / "pipe").lstat().st_mode)


def test_setuid_and_setgid_are_dropped_for_an_ordinary_user(to: Path) -> None:
    Case(layer(file("su", mode=0o6755), folder("shared", mode=0o2775), folder("tmp", mode=0o1777))).extract(to)
    assert stat.S_IMODE((to / "su").stat().st_mode) == 0o755
    assert stat.S_IMODE((to / "shared").stat().st_mode) == 0o775
    assert stat.S_IMODE((to / "tmp").stat().st_mode) == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps owners")
def test_root_keeps_owners_setuid_and_devices(to: Path) -> None:
    found = Case(
        layer(
            folder("d", uid=7, gid=8),
            file("d/su", mode=0o4755, uid=1, gid=2),
            symlink("l", "x", uid=3, gid=4),
            Member("null", "char", major=1, minor=3, mode=0o666),
        )
    ).extract(to, rules=Rules())
    assert ((to / "d").stat().st_uid, (to / "d").stat().st_gid) == (7, 8)
    su, link = (to / "d" / "su").stat(), (to / "l").lstat()
    assert (su.st_uid, su.st_gid, stat.S_IMODE(su.st_mode)) == (1, 2, 0o4755)
    assert (link.st_uid, link.st_gid) == (3, 4)
    if not found.notes:  # some sandboxes keep even root from making devices
        null = (to / "null").stat()
        assert (stat.S_ISCHR(null.st_mode), os.major(null.st_rdev), os.minor(null.st_rdev)) == (True, 1, 3)


# --- too much ----------------------------------------------------------------------------------------


def test_more_bytes_than_the_limit_leave_nothing(to: Path) -> None:
    case = Case(layer(file("a", b"1"), file("zeros", bytes(3_000_000))))
    with pytest.raises(LimitError) as caught:
        case.extract(to, rules=Rules(keep_owner=False, limit=1_000_000))
    assert caught.value.limit == 1_000_000
    assert not to.exists()


def test_the_limit_holds_for_an_image_whose_layers_are_known(to: Path) -> None:
    case = Case(layer(file("zeros", bytes(3_000_000))))
    case.tree()
    case.source.opened.clear()
    with pytest.raises(LimitError):
        case.extract(to, rules=Rules(keep_owner=False, limit=1_000_000))
    assert case.source.opened == []


def test_zeros_without_end_are_stopped(to: Path) -> None:
    case = Case(layer(file("zeros", bytes(5_000_000))), limits=Limits(unpacked=1_000_000))
    with pytest.raises(LimitError):
        case.extract(to)
    assert not to.exists()


def test_a_ratio_that_no_honest_layer_has_is_stopped(to: Path) -> None:
    case = Case(layer(file("zeros", bytes(5_000_000))), limits=Limits(ratio_from=1_000_000, ratio=100))
    with pytest.raises(LimitError):
        case.extract(to)


@pytest.mark.parametrize("limits", [Limits(entries=50), Limits(nodes=50)])
def test_too_many_entries_leave_nothing(to: Path, limits: Limits) -> None:
    case = Case(layer(*(file(f"f{n}") for n in range(100))), limits=limits)
    with pytest.raises(LimitError):
        case.extract(to)
    assert not to.exists()


# --- damage ------------------------------------------------------------------------------------------

GOOD = archive(file("a", os.urandom(20_000)), file("b", os.urandom(20_000)))


def damaged(how: str) -> tuple[Case, type[OrlopError]]:
    blob = packed(GOOD)
    if how == "tar cut short":
        return Case(packed(GOOD[:30_000])), TruncatedError
    if how == "tar without an end":
        members = -(-len(GOOD.rstrip(b"\0")) // 512) * 512
        return Case(packed(GOOD[:members], diff_id=Digest.of(GOOD))), TruncatedError
    if how == "gzip cut short":
        return Case(archive_layer(blob.data[:-9000], media_type=OCI_LAYER_GZIP, diff_id=blob.diff_id)), IntegrityError
    if how == "garbage after the gzip":
        return Case(
            archive_layer(blob.data + b"garbage", media_type=OCI_LAYER_GZIP, diff_id=blob.diff_id)
        ), IntegrityError
    if how == "garbage after the tar":
        return Case(packed(GOOD + b"garbage" * 100)), IntegrityError
    if how == "wrong diff_id":
        return Case(packed(GOOD, diff_id=Digest.of(b"other"))), DigestMismatchError
    case = Case(blob)
    case.source.blobs[blob.descriptor.digest] = packed(GOOD.replace(b"ustar", b"ustaR")).data
    return case, IntegrityError


@pytest.mark.parametrize(
    "how",
    [
        "tar cut short",
        "tar without an end",
        "gzip cut short",
        "garbage after the gzip",
        "garbage after the tar",
        "wrong diff_id",
        "other bytes than the digest's",
    ],
)
def test_a_damaged_layer_leaves_nothing(to: Path, how: str) -> None:
    case, error = damaged(how)
    with pytest.raises(error):
        case.extract(to)
    assert not to.exists()


def test_a_damaged_layer_leaves_an_empty_folder_empty(to: Path) -> None:
    to.mkdir()
    case, error = damaged("tar cut short")
    with pytest.raises(error):
        case.extract(to)
    assert listing(to) == []


def test_a_damaged_upper_layer_leaves_nothing_of_the_lower(to: Path) -> None:
    with pytest.raises(TruncatedError):
        Case(layer(file("lower")), packed(GOOD[:30_000])).extract(to)
    assert not to.exists()


# --- whiteouts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh...", "./.wh.."])
def test_a_whiteout_of_the_root_or_of_two_dots_is_refused(to: Path, outside: Path, name: str) -> None:
    with pytest.raises(IntegrityError):
        Case(layer(file("keep")), layer(file(name, b""))).extract(to)
    assert unharmed(outside)
    assert not to.exists()


def test_a_whiteout_with_two_dots_before_it_stays_inside(to: Path, outside: Path) -> None:
    Case(layer(file("outside/secret")), layer(file("../outside/.wh.secret", b""), file("b"))).extract(to)
    assert unharmed(outside)
    assert listing(to) == ["b", "outside"]


def test_an_opaque_root_hides_the_layers_below(to: Path) -> None:
    Case(layer(file("a")), layer(file(".wh..wh..opq", b""), file("b"))).extract(to)
    assert listing(to) == ["b"]


def test_a_whiteout_and_the_path_itself_in_one_layer(to: Path) -> None:
    for members in ((file("d/.wh.x", b""), file("d/x", b"new")), (file("d/x", b"new"), file("d/.wh.x", b""))):
        path = to / str(len(listing(to)) if to.exists() else 0)
        Case(layer(file("d/x", b"old"), file("d/y")), layer(*members)).extract(path)
        assert (path / "d" / "x").read_bytes() == b"new"
        assert (path / "d" / "y").exists()


# --- what is there already ----------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused_before_anything_is_read(to: Path) -> None:
    to.mkdir()
    (to / "mine").write_bytes(SECRET)
    case = Case(layer(file("mine")))
    with pytest.raises(InputError, match="not empty"):
        case.extract(to)
    assert case.source.opened == []
    assert (to / "mine").read_bytes() == SECRET


@pytest.mark.parametrize("what", ["file", "link to nothing"])
def test_what_is_no_folder_is_refused(to: Path, what: str) -> None:
    if what == "file":
        to.write_bytes(SECRET)
    else:
        to.symlink_to("nowhere")
    with pytest.raises(InputError):
        Case(layer(file("a"))).extract(to, rules=FORCE)


def test_force_merges_folders_and_replaces_files(to: Path) -> None:
    (to / "etc").mkdir(parents=True)
    (to / "etc" / "mine").write_bytes(SECRET)
    (to / "etc" / "both").write_bytes(SECRET)
    Case(layer(file("etc/both", b"image"), symlink("etc/link", "both"))).extract(to, rules=FORCE)
    assert (to / "etc" / "mine").read_bytes() == SECRET
    assert (to / "etc" / "both").read_bytes() == b"image"
    assert listing(to) == ["etc", "etc/both", "etc/link", "etc/mine"]


def test_force_follows_no_link_that_is_there(to: Path, outside: Path) -> None:
    to.mkdir()
    (to / "d").symlink_to(outside)
    (to / "f").symlink_to(outside / "secret")
    (to / "l").symlink_to(outside)
    Case(layer(file("d/secret", b"image"), file("f", b"image"), symlink("l", "f"))).extract(to, rules=FORCE)
    assert unharmed(outside)
    assert (to / "d" / "secret").read_bytes() == b"image"
    assert not (to / "f").is_symlink()
    assert os.readlink(to / "l") == "f"


def test_force_does_not_write_through_a_hard_link_that_is_there(to: Path, outside: Path) -> None:
    to.mkdir()
    os.link(outside / "secret", to / "f")
    Case(layer(file("f", b"image"))).extract(to, rules=FORCE)
    assert unharmed(outside)


def test_force_removes_no_folder_with_something_in_it(to: Path) -> None:
    (to / "f").mkdir(parents=True)
    (to / "f" / "mine").write_bytes(SECRET)
    with pytest.raises(StorageError, match="not empty"):
        Case(layer(file("f"))).extract(to, rules=FORCE)
    assert listing(to) == ["f", "f/mine"]


def test_force_puts_a_file_in_the_place_of_an_empty_folder(to: Path) -> None:
    (to / "f").mkdir(parents=True)
    Case(layer(file("f"))).extract(to, rules=FORCE)
    assert (to / "f").read_bytes() == b"x"


def test_a_link_in_the_place_of_a_folder_that_was_just_made_is_not_followed(
    to: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Folder.make

    def swap(self: Folder, name: str | bytes, mode: int = 0o700) -> None:
        made(self, name, mode)
        if os.fsdecode(name) == "d":
            os.rmdir(to / "d")
            (to / "d").symlink_to(outside)

    monkeypatch.setattr(Folder, "make", swap)
    with pytest.raises(StorageError):
        Case(layer(file("d/secret"))).extract(to)
    assert unharmed(outside)


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OrlopError):
        Case(layer(file("a"))).extract(tmp_path / "file" / "to")
