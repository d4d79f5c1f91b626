"""Whiteouts, opaque folders, and the tree that layers make together."""

from __future__ import annotations

import pytest

from orlop.errors import IntegrityError, LimitError
from orlop.layer.entry import Entry, clean
from orlop.layer.limits import Limits
from orlop.layer.overlay import Hidden, LayerTree, MergedTree, implied
from orlop.layer.paths import follow


def entry(text: str) -> Entry:
    """``name`` is a file, ``name/`` a folder, ``name -> target`` a link."""
    name, _, link = text.partition(" -> ")
    kind = "symlink" if link else "dir" if name.endswith("/") else "file"
    return implied(clean(name))._replace(kind=kind, link=link, raw=name)


def tree(*members: str, limits: Limits | None = None) -> LayerTree:
    made = LayerTree("a layer", limits=limits or Limits())
    for one in members:
        made.add(entry(one))
    return made


def merged(*layers: list[str], keep_hidden: bool = False) -> MergedTree:
    made = MergedTree(keep_hidden=keep_hidden)
    for members in layers:
        made.apply(tree(*members))
    return made


def paths(*layers: list[str]) -> dict[str, int]:
    """The paths of the merged tree, and the layer of each; what is no folder only."""
    return {found.path: found.layer for found in merged(*layers).walk() if found.entry.kind != "dir"}


def test_the_tree_names_the_layer_that_each_path_came_from() -> None:
    assert paths(["a/x", "b"], ["a/y", "b"]) == {"a/x": 0, "a/y": 1, "b": 1}


def test_walking_gives_folders_before_what_is_in_them_in_order() -> None:
    walked = [found.path for found in merged(["b/z", "b/a", "a", "c/"]).walk()]
    assert walked == ["a", "b", "b/a", "b/z", "c"]
    assert [found.path for found in merged(["b/z", "b/a", "a"]).walk("b")] == ["b/a", "b/z"]
    assert list(merged(["a"]).walk("nowhere")) == []


def test_a_whiteout_removes_a_file_of_the_layers_below() -> None:
    assert paths(["a", "b"], [".wh.a"]) == {"b": 0}


def test_a_whiteout_removes_a_folder_with_all_in_it() -> None:
    assert paths(["d/x", "d/e/y", "b"], [".wh.d"]) == {"b": 0}


@pytest.mark.parametrize("upper", [[".wh.a", "a"], ["a", ".wh.a"]])
def test_a_whiteout_does_not_hide_its_own_layer_wherever_it_stands(upper: list[str]) -> None:
    assert paths(["a"], upper) == {"a": 1}


@pytest.mark.parametrize("upper", [[".wh.d", "d/", "d/new"], ["d/", "d/new", ".wh.d"]])
def test_a_whiteout_beside_a_new_folder_of_that_name_makes_it_a_fresh_one(upper: list[str]) -> None:
    assert paths(["d/old"], upper) == {"d/new": 1}


@pytest.mark.parametrize("upper", [["d/.wh..wh..opq", "d/new"], ["d/new", "d/.wh..wh..opq"]])
def test_an_opaque_folder_hides_what_is_below_and_keeps_its_own(upper: list[str]) -> None:
    assert paths(["d/old", "d/e/old", "x"], upper) == {"d/new": 1, "x": 0}


def test_an_opaque_root_hides_all_that_is_below() -> None:
    assert paths(["a", "b/c"], [".wh..wh..opq", "d"]) == {"d": 1}


def test_what_was_removed_can_come_back() -> None:
    assert paths(["d/a"], [".wh.d"], ["d/b"]) == {"d/b": 2}


def test_a_whiteout_of_nothing_is_no_fault() -> None:
    assert paths(["a"], [".wh.b", "c/.wh.d"]) == {"a": 0}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh."])
def test_a_whiteout_of_the_root_or_of_dots_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError, match="names no path"):
        tree(name)


def test_files_of_aufs_itself_are_no_part_of_the_image() -> None:
    assert paths([".wh..wh.aufs", ".wh..wh.plnk/", ".wh..wh.plnk/12.34", "a"]) == {"a": 0}


def test_a_file_takes_the_place_of_a_folder() -> None:
    assert paths(["d/x", "d/y"], ["d"]) == {"d": 1}


def test_a_folder_takes_the_place_of_a_file() -> None:
    assert paths(["d"], ["d/x"]) == {"d/x": 1}


def test_a_folder_takes_the_place_of_a_link() -> None:
    assert paths(["d -> e", "e/y"], ["d/x"]) == {"d/x": 1, "e/y": 0}


def test_folders_merge_and_the_upper_one_says_whose_they_are() -> None:
    made = merged(["d/", "d/x"], ["d/", "d/y"], ["d/z"])
    found = made.find("d")
    assert found is not None
    assert found.layer == 1
    assert {one.path: one.layer for one in made.walk("d")} == {"d/x": 0, "d/y": 1, "d/z": 2}


def test_an_implied_folder_is_of_the_layer_that_implied_it() -> None:
    found = merged(["a"], ["d/e/x"]).find("d/e")
    assert found is not None
    assert (found.entry.kind, found.entry.mode, found.layer) == ("dir", 0o755, 1)


def test_within_a_layer_the_last_of_a_path_counts() -> None:
    assert paths(["d/x", "d", "d/y"]) == {"d/y": 0}
    assert paths(["d/x", "d -> e", "d/"]) == {}


def test_a_member_that_is_written_through_a_link_of_its_layer_lands_where_that_leads() -> None:
    assert paths(["lib -> usr/lib", "lib/x"]) == {"lib": 0, "usr/lib/x": 0}
    assert paths(["a/b -> ../../c", "a/b/x"]) == {"a/b": 0, "c/x": 0}
    assert paths(["a/b -> /c", "a/b/x"]) == {"a/b": 0, "c/x": 0}


def test_a_member_below_a_link_to_itself_takes_its_place() -> None:
    assert paths(["a -> a", "a/x"]) == {"a/x": 0}


def test_what_is_hidden_can_be_kept_with_the_layer_that_hid_it() -> None:
    made = merged(["d/x", "d/y", "e", "f/z"], [".wh.d", "e", "f"], keep_hidden=True)
    told = {(one.path, one.layer, one.by, one.replaced) for one in made.hidden}
    assert told == {("d/x", 0, 1, False), ("d/y", 0, 1, False), ("e", 0, 1, True), ("f/z", 0, 1, False)}
    assert all(isinstance(one, Hidden) for one in made.hidden)


def test_a_folder_whose_entry_was_given_anew_counts_as_replaced() -> None:
    made = merged(["d/", "d/x"], ["d/", "d/.wh..wh..opq"], keep_hidden=True)
    assert {(one.path, one.replaced) for one in made.hidden} == {("d", True), ("d/x", False)}


@pytest.mark.parametrize(
    ("members", "path", "kind", "hidden"),
    [
        (["a"], "a", "file", True),
        (["d/"], "d", "dir", False),
        (["d/x"], "d", "dir", False),
        (["d/x"], "d/y", None, False),
        (["d"], "d/y", None, True),
        (["d -> e"], "d/y", None, True),
        ([".wh.d"], "d", None, True),
        ([".wh.d"], "d/y", None, True),
        ([".wh.d"], "e", None, False),
        (["d/.wh..wh..opq"], "d", "dir", False),
        (["d/.wh..wh..opq"], "d/y", None, True),
        (["d/.wh..wh..opq"], "d/y/z", None, True),
        (["d/.wh..wh..opq", "d/y"], "d/y", "file", True),
        ([".wh.d", "d/"], "d", "dir", True),
        ([], "", "dir", False),
    ],
)
def test_one_layer_says_what_it_has_and_what_it_hides(
    members: list[str], path: str, kind: str | None, hidden: bool
) -> None:
    look = tree(*members).look(path)
    assert (look.entry.kind if look.entry else None, look.hidden) == (kind, hidden)


def test_more_paths_than_the_limit_are_refused() -> None:
    with pytest.raises(LimitError, match="paths"):
        tree("a/b/c/d", limits=Limits(nodes=3))


def test_links_that_cost_too_many_steps_are_refused() -> None:
    far = "a/../" * 300
    with pytest.raises(LimitError, match="steps through links"):
        tree(f"l -> {far}b", *(f"l/{n}/x" for n in range(100)), limits=Limits(steps=1000))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["a/x", "b/y", "l -> a", "l/1", "l -> b", "l/2"], {"a/x", "a/1", "b/y", "b/2", "l"}),
        (["a/d/x", "a/d/y", "a", "a/d/z"], {"a/d/z"}),
        (["a/", "l -> a", "l/1", "l/", "l/2"], {"a/1", "l/2"}),
        (["a/d/x", "a/d -> ../b", "a/d/y"], {"a/d", "b/y"}),
    ],
)
def test_a_folder_that_was_met_before_is_looked_for_anew_where_the_way_to_it_has_changed(
    members: list[str], expected: set[str]
) -> None:
    assert set(paths(members)) == expected


def test_a_path_of_thousands_of_folders_is_walked_without_recursion() -> None:
    deep = "d/" * 5000 + "x"
    made = merged([deep], [".wh.d"], keep_hidden=True)
    assert [one.path for one in made.hidden] == [deep]
    assert sum(1 for _ in merged([deep]).walk()) == 5001


# --- following links ---------------------------------------------------------------------------


def led(path: str, *members: str) -> str | None:
    one = tree(*members)
    steps = follow(path)
    try:
        asked = next(steps)
        while True:
            asked = steps.send(one.look(asked).entry)
    except StopIteration as stop:
        answer: str | None = stop.value
        return answer


@pytest.mark.parametrize(
    ("path", "members", "where"),
    [
        ("a", ["a"], "a"),
        ("a", [], None),
        ("", [], ""),
        ("/a/./b", ["a/b"], "a/b"),
        ("l", ["l -> a", "a"], "a"),
        ("d/l", ["d/l -> ../a", "a"], "a"),
        ("d/l", ["d/l -> /e/a", "e/a"], "e/a"),
        ("d/l", ["d/l -> ../../../a", "a"], "a"),
        ("l/x", ["l -> d", "d/x"], "d/x"),
        ("l", ["l -> m", "m -> l"], None),
        ("a/b", ["a"], None),
        ("a/..", ["a"], None),
        ("d/..", ["d/"], ""),
        ("d/../a", ["d/", "a"], "a"),
        ("l/../x", ["l -> d/e", "d/e/", "d/x"], "d/x"),
    ],
)
def test_a_path_is_followed_as_in_a_chroot(path: str, members: list[str], where: str | None) -> None:
    assert led(path, *members) == where


def test_forty_links_are_followed_and_no_more() -> None:
    chain = [f"l{n} -> l{n + 1}" for n in range(60)]
    assert led("l20", *chain, "l60") == "l60"
    assert led("l19", *chain, "l60") is None
