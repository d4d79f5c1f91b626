"""The files of two images: every kind of change, what hides what, and which layers are read for it."""

from __future__ import annotations

import tarfile
from typing import Any

import pytest
from tests.unit.image.compare.made import (
    DEVICE,
    FOLDER,
    HARD,
    LINK,
    Watched,
    changes,
    files,
    member,
    tar,
)

from orlop.errors import BlobNotFoundError, InputError, IntegrityError, LimitError, UnsupportedError
from orlop.image.compare.files import Scope, scope_of
from orlop.image.compare.semantic import SEMANTIC, Ignore
from orlop.testing.builders import image, index
from orlop.testing.layers import archive_layer

PLAIN = member("a", b"one")


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        (member("a", b"two"), "content"),
        (member("a", b"one more"), "content"),
        (member("a", b"one", mode=0o4755), "mode"),
        (member("a", b"one", uid=7), "owner"),
        (member("a", b"one", gid=7), "owner"),
        (member("a", b"one", mtime=1), "time"),
        (member("a", b"one", pax_headers={"SCHILY.xattr.user.x": "1"}), "xattr"),
        (member("a", type=FOLDER), "type"),
        (member("a", type=LINK, linkname="b"), "type"),
        (member("a", b"two", mode=0o600, uid=1, mtime=5), "content mode owner time"),
    ],
)
def test_a_file_that_changed_says_in_what(other: Any, kinds: str) -> None:
    assert changes([tar(PLAIN)], [tar(other)]) == {"a": kinds}
    assert changes([tar(other)], [tar(PLAIN)]) == {"a": kinds}


def test_a_link_that_leads_elsewhere_changed_its_link() -> None:
    one, other = (member("a", type=LINK, linkname=name) for name in "xy")
    assert changes([tar(one)], [tar(other)]) == {"a": "link"}


def test_the_mode_of_a_link_counts_for_nothing() -> None:
    one, other = (member("a", type=LINK, linkname="x", mode=mode) for mode in (0o777, 0o644))
    assert changes([tar(one)], [tar(other)]) == {}


def test_a_device_of_other_numbers_changed_its_device() -> None:
    one, other = (member("a", type=DEVICE, devmajor=1, devminor=minor) for minor in (3, 5))
    assert changes([tar(one)], [tar(other)]) == {"a": "device"}


def test_what_one_image_alone_has_is_added_or_removed_with_all_in_it() -> None:
    less, more = tar("a"), tar("a", "d/", "d/x", "d/y/", "d/y/z")
    assert changes([less], [more]) == dict.fromkeys(["d", "d/x", "d/y", "d/y/z"], "added")
    assert changes([more], [less]) == dict.fromkeys(["d", "d/x", "d/y", "d/y/z"], "removed")


def test_paths_come_in_order_folders_before_what_is_in_them() -> None:
    found = changes([tar()], [tar("b", "a/", "a/z", "a-b", "a/c/", "a/c/d")])
    assert list(found) == ["a", "a/c", "a/c/d", "a/z", "a-b", "b"]


def test_a_file_in_the_place_of_a_folder_removes_what_was_in_it() -> None:
    assert changes([tar("d/", "d/x")], [tar("d")]) == {"d": "type mode", "d/x": "removed"}


def test_an_image_does_not_differ_from_itself_and_nothing_is_read() -> None:
    place = Watched()
    layers = [tar("a"), tar("b")]
    found = files(layers, layers, place)
    assert found.equal
    assert place.layers_read(*layers) == [False, False]


# --- what layers hide --------------------------------------------------------------------------

BASE = tar("etc/", member("etc/a", b"a"), member("etc/b", b"b"), "usr/", "usr/lib/", "usr/lib/x")


def test_a_whiteout_removes_a_path() -> None:
    assert changes([BASE], [BASE, tar("etc/.wh.a")]) == {"etc/a": "removed"}


def test_a_whiteout_of_a_folder_removes_all_in_it() -> None:
    assert changes([BASE], [BASE, tar(".wh.usr")]) == dict.fromkeys(["usr", "usr/lib", "usr/lib/x"], "removed")


def test_a_whiteout_of_what_is_not_there_is_no_difference() -> None:
    assert changes([BASE], [BASE, tar(".wh.nothing")]) == {}


def test_an_opaque_folder_hides_what_was_below_it() -> None:
    target = [BASE, tar("etc/", "etc/.wh..wh..opq", member("etc/a", b"a"))]
    assert changes([BASE], target) == {"etc/b": "removed"}


def test_the_same_files_in_other_layers_are_the_same() -> None:
    parts = tar("etc/", member("etc/a", b"a"), member("etc/b", b"b")), tar("usr/", "usr/lib/", "usr/lib/x")
    assert changes([BASE], list(parts)) == {}


def test_a_file_that_is_written_again_the_same_is_no_difference() -> None:
    assert changes([BASE], [BASE, tar("etc/", member("etc/a", b"a"))]) == {}


def test_a_folder_that_no_layer_states_has_no_mode_to_compare() -> None:
    assert changes([tar("d/", "d/x")], [tar("d/x")]) == {}


# --- hard links --------------------------------------------------------------------------------


def hard(path: str, to: str) -> Any:
    return member(path, type=HARD, linkname=to)


def test_a_hard_link_is_the_file_that_it_stands_for() -> None:
    one, other = (tar(member("a", data), hard("b", "a")) for data in (b"1", b"2"))
    assert changes([one], [other]) == {"a": "content", "b": "content"}


def test_two_names_of_one_file_differ_from_two_files() -> None:
    assert changes([tar(member("a", b"1"), hard("b", "a"))], [tar(member("a", b"1"), member("b", b"1"))]) == {
        "b": "link"
    }


def test_which_of_two_names_is_the_link_makes_no_difference() -> None:
    assert changes([tar(member("a", b"1"), hard("b", "a"))], [tar(member("b", b"1"), hard("a", "b"))]) == {}


def test_a_hard_link_to_a_file_of_a_shared_layer_makes_that_layer_be_read() -> None:
    place = Watched()
    base = tar(member("a", b"1"))
    found = changes([base, tar(hard("b", "a"))], [base, tar(member("b", b"2"))], place=place)
    assert found == {"b": "content"}
    assert place.layers_read(base) == [True]


def test_a_hard_link_keeps_what_an_upper_layer_replaced() -> None:
    base = [tar(member("a", b"1"), hard("b", "a")), tar(member("a", b"2"))]
    assert changes(base, [tar(member("a", b"2"), member("b", b"1"))]) == {}


def test_a_hard_link_to_nothing_is_compared_by_its_target() -> None:
    assert changes([tar(hard("b", "x"))], [tar(hard("b", "y"))]) == {"b": "link"}
    assert changes([tar(hard("b", "x"))], [tar(hard("b", "x"), "c")]) == {"c": "added"}


def test_hard_links_in_a_circle_end() -> None:
    assert changes([tar(hard("a", "b"), hard("b", "a"))], [tar(hard("a", "b"), hard("b", "a"), "c")]) == {"c": "added"}


# --- which layers are read ---------------------------------------------------------------------


def test_layers_that_both_begin_with_are_not_read_where_the_upper_ones_decide() -> None:
    place = Watched()
    upper = [tar("etc/", member("etc/a", data), ".wh.usr") for data in (b"1", b"2")]
    assert changes([BASE, upper[0]], [BASE, upper[1]], place=place) == {"etc/a": "content"}
    assert place.layers_read(BASE, *upper) == [False, True, True]


def test_a_shared_layer_is_read_where_only_one_image_has_a_path_anew() -> None:
    place = Watched()
    upper = tar("etc/", member("etc/a", b"new"))
    assert changes([BASE, tar("x")], [BASE, tar("x"), upper], place=place) == {"etc/a": "content"}
    assert place.layers_read(BASE) == [True]


def test_of_shared_layers_only_those_from_the_top_down_to_the_one_that_decides_are_read() -> None:
    place = Watched()
    lowest, middle = tar("etc/", "etc/other"), tar("etc/", member("etc/a", b"old"))
    found = changes([lowest, middle, tar("x")], [lowest, middle, tar("x", member("etc/a", b"new"))], place=place)
    assert found == {"etc/a": "content"}
    assert place.layers_read(lowest, middle) == [False, True]


def test_a_path_that_is_ignored_makes_no_layer_be_read() -> None:
    place = Watched()
    base, target = [BASE, tar("x")], [BASE, tar("x", "new")]
    assert changes(base, target, place=place, ignore=Ignore(paths=("new",))) == {}
    assert place.layers_read(BASE) == [False]


def test_a_shared_layer_that_is_nowhere_is_not_missed_where_nothing_asks_for_it() -> None:
    foreign = archive_layer(
        b"", media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls=("https://x",)
    )
    assert changes([foreign, tar(member("a", b"1"))], [foreign, tar(member("a", b"2"))]) == {"a": "content"}
    with pytest.raises(UnsupportedError, match="https://x"):
        changes([foreign, tar("a")], [foreign, tar("a", "b")])


def test_a_layer_of_both_images_is_read_once() -> None:
    place = Watched()
    same = tar("s")
    changes([tar("a"), same], [tar("b"), same], place=place)
    assert place.opened.count(same.descriptor.digest) == 1


# --- layers up to one, and one alone -----------------------------------------------------------

LAYERS = [tar("a"), tar("b", ".wh.a"), tar("c")]


def test_layers_up_to_one_are_compared() -> None:
    assert changes(LAYERS, LAYERS, scope=Scope(0, 1)) == {"a": "removed", "b": "added"}
    assert changes(LAYERS, LAYERS, scope=Scope(1, None)) == {"c": "added"}


def test_a_layer_alone_tells_what_it_takes_away() -> None:
    assert changes(LAYERS, LAYERS, scope=Scope(0, 1, alone=True)) == {"a": "whiteout", "b": "added"}
    assert changes(LAYERS, LAYERS, scope=Scope(1, 2, alone=True)) == {"a": "removed", "b": "removed", "c": "added"}


def test_an_opaque_mark_on_one_side_is_a_difference_of_a_layer() -> None:
    found = changes([tar("d/", "d/x")], [tar("d/", "d/.wh..wh..opq", "d/x")], scope=Scope(0, 0, alone=True))
    assert found == {"d": "whiteout"}


def test_a_layer_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="its layers are 0 to 2"):
        changes(LAYERS, LAYERS, scope=Scope(3, None))


def test_choices_of_layers_that_do_not_go_together_are_refused() -> None:
    assert scope_of(layer=2) == Scope(2, 2, alone=True)
    assert scope_of(base_layer=1, target_layer=2) == Scope(1, 2, alone=True)
    assert scope_of(base_upto=1) == Scope(1, None)
    with pytest.raises(InputError, match="two different questions"):
        scope_of(layer=1, base_upto=2)
    with pytest.raises(InputError, match="name both"):
        scope_of(base_layer=1)


def archive(one: Any, other: Any, ignore: Ignore = Ignore()) -> tuple[str, ...]:  # noqa: B008
    (found,) = files([one], [other], scope=Scope(0, 0, alone=True), ignore=ignore).platforms
    return found.archive


def test_members_in_another_order_are_told_of_a_layer_alone() -> None:
    one, other = tar("a", "b"), tar("b", "a")
    assert archive(one, other) == ("order",)
    assert archive(one, other, Ignore(file_order=True)) == ()
    assert changes([one], [other]) == {}


def test_names_that_are_written_in_another_way_are_told_of_a_layer_alone() -> None:
    one, other = tar("d/", "d/a"), tar("./d/", "./d/a")
    assert archive(one, other) == ("names",)
    assert archive(one, other, Ignore(canonical_paths=True)) == ()
    assert changes([one], [other]) == {}


def test_another_form_of_the_same_archive_is_told_of_a_layer_alone() -> None:
    one, other = tar("a", form=tarfile.GNU_FORMAT), tar("a", form=tarfile.USTAR_FORMAT)
    assert archive(one, other) == ("format",)
    assert archive(one, other, SEMANTIC) == ()


def test_names_of_owners_count_in_a_layer_alone() -> None:
    one, other = tar(member("a", uname="x")), tar(member("a", uname="y"))
    assert changes([one], [other], scope=Scope(0, 0, alone=True)) == {"a": "owner"}
    assert changes([one], [other]) == {}


# --- what does not count -----------------------------------------------------------------------


def test_times_do_not_count_where_they_are_ignored() -> None:
    one, other = tar(member("a", mtime=1), member("b", b"1")), tar(member("a", mtime=2), member("b", b"2", mtime=3))
    assert changes([one], [other], ignore=Ignore(file_timestamps=True)) == {"b": "content"}
    assert changes([one], [other], ignore=SEMANTIC) == {"b": "content"}


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.pyc", {"usr/b", "var", "var/log", "var/log/c"}),
        ("/var", {"usr/a.pyc", "usr/b"}),
        ("var/", {"usr/a.pyc", "usr/b"}),
        ("var/**", {"usr/a.pyc", "usr/b", "var"}),
        ("var/*/c", {"usr/a.pyc", "usr/b", "var", "var/log"}),
        ("**/c", {"usr/a.pyc", "usr/b", "var", "var/log"}),
        ("usr/?", {"usr/a.pyc", "var", "var/log", "var/log/c"}),
        ("usr/[ab]*", {"var", "var/log", "var/log/c"}),
        ("usr/[!a]", {"usr/a.pyc", "var", "var/log", "var/log/c"}),
        ("lo", {"usr/a.pyc", "usr/b", "var", "var/log", "var/log/c"}),
        ("*", set()),
        ("[", {"usr/a.pyc", "usr/b", "var", "var/log", "var/log/c"}),
    ],
)
def test_a_pattern_leaves_paths_out_with_all_below_them(pattern: str, left: set[str]) -> None:
    target = tar("usr/", "usr/a.pyc", "usr/b", "var/", "var/log/", "var/log/c")
    assert set(changes([tar("usr/")], [target], ignore=Ignore(paths=(pattern,)))) == left


@pytest.mark.parametrize("pattern", ["[z-a]", "a/[9-0]b"])
def test_a_pattern_that_is_none_is_refused_before_anything_is_read(pattern: str) -> None:
    place = Watched()
    one, other = tar("a"), tar("b")
    with pytest.raises(InputError, match="not a pattern of paths"):
        changes([one], [other], place=place, ignore=Ignore(paths=(pattern,)))
    assert place.layers_read(one, other) == [False, False]


# --- whole indexes -----------------------------------------------------------------------------


def test_two_indexes_are_compared_platform_by_platform_and_missing_ones_are_told() -> None:
    one = index(
        [image([tar("a")]), image([tar("a")], platform="linux/arm64"), image([tar("a")], platform="linux/s390x")]
    )
    other = index(
        [image([tar("a")], platform="linux/arm64"), image([tar("b")]), image([tar("a")], platform="linux/riscv64")]
    )
    found = files(one, other)
    assert not found.equal
    assert [(p.platform, p.equal, p.base is None, p.target is None, len(p.changes)) for p in found.platforms] == [
        ("linux/amd64", False, False, False, 2),
        ("linux/arm64/v8", True, False, False, 0),
        ("linux/s390x", False, False, True, 0),
        ("linux/riscv64", False, True, False, 0),
    ]


# --- bad input ---------------------------------------------------------------------------------


def test_names_that_are_not_utf_8_are_compared_byte_by_byte() -> None:
    one, other = tar(member("caf\udce9", b"1")), tar(member("caf\udce9", b"2"), member("caf\u00e9", b"1"))
    found = files([one], [other])
    assert {one.path for one in found.platforms[0].changes} == {"caf\udce9", "caf\u00e9"}
    document: Any = found.to_json()
    told = {one["path"]: one.get("path_base64") for one in document["platforms"][0]["changes"]}
    assert told == {"/caf\ufffd": "L2NhZuk=", "/caf\u00e9": None}


def test_names_that_differ_only_in_case_are_two_names() -> None:
    assert changes([tar("README")], [tar("readme")]) == {"README": "removed", "readme": "added"}


def test_links_that_lead_in_a_circle_are_links() -> None:
    loop = [member("a", type=LINK, linkname="b"), member("b", type=LINK, linkname="a")]
    assert changes([tar(*loop)], [tar(*loop, hard("c", "a/x"))]) == {"c": "added"}


def test_a_name_that_climbs_out_is_one_inside() -> None:
    assert changes([tar("a")], [tar("a", "../../etc/passwd")]) == {"etc": "added", "etc/passwd": "added"}


def test_a_whiteout_that_names_no_path_is_refused() -> None:
    with pytest.raises(IntegrityError, match="names no path"):
        changes([tar("a")], [tar("a", ".wh...")])


def test_very_deep_folders_are_walked_without_recursion() -> None:
    deep = "/".join(["d"] * 5000)
    (found,) = files([tar(deep)], [tar(member(deep, b"1"))]).platforms
    assert [(one.path, one.kinds) for one in found.changes] == [(deep, ("content",))]


def test_a_layer_that_is_not_there_is_said_so() -> None:
    place = Watched()
    one, other = image([tar("a")]), image([tar("b")])
    place.put(other, "x")
    missing = other.layers[0].descriptor.digest
    real = place.repository.open

    def gone(what: Any, **options: Any) -> Any:
        if getattr(what, "digest", what) == missing:
            raise BlobNotFoundError(missing.value, "here")
        return real(what, **options)

    place.repository.open = gone  # type: ignore[method-assign]
    with pytest.raises(BlobNotFoundError):
        files(one, other, place)


def test_more_paths_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from tests.unit.image.compare import made

    from orlop.image import layers
    from orlop.layer.limits import DEFAULT_LIMITS

    monkeypatch.setattr(
        made,
        "LayerStore",
        lambda source, runtime: layers.LayerStore(source, runtime, limits=replace(DEFAULT_LIMITS, nodes=3)),
    )
    with pytest.raises(LimitError, match="paths"):
        changes([tar("a")], [tar("a", "b", "c", "d")])


def test_contents_without_a_hash_are_read_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from orlop.layer import pipeline

    monkeypatch.setattr(pipeline.Contents, "_hashed", lambda self, entry, view, start, end: entry)
    same, other = member("same", b"x" * 10, mtime=1), member("other", b"x" * 10)
    one = tar(member("same", b"x" * 10), other)
    assert changes([one], [tar(same, member("other", b"y" * 10))]) == {"same": "time", "other": "content"}
