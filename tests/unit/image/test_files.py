"""The merged tree of an image: what is there, from which layer, and what it holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.image.filetrees import Case, Member, file, folder, hardlink, layer, symlink

from orlop.errors import DigestMismatchError, InputError, LimitError, NotFoundError
from orlop.image.files import Lookup, Question, describe, find, matcher, mode_text, time_text
from orlop.image.tree import GONE, ImageTree
from orlop.layer.limits import Limits
from orlop.threads import step

if TYPE_CHECKING:
    from orlop.image.tree import Node


def layered() -> Case:
    return Case(
        layer(folder("etc"), file("etc/a", b"1"), file("etc/b", b"1"), file("d/x"), file("d/y"), folder("kept")),
        layer(folder("etc"), file("etc/b", b"22"), file("etc/.wh.a", b""), file("d/.wh..wh..opq", b""), file("d/z")),
        layer(hardlink("h", "etc/b"), symlink("l", "etc/b"), file(".wh.kept", b"")),
    )


# --- the tree --------------------------------------------------------------------------------------


def test_each_path_has_the_layer_that_it_came_from() -> None:
    found = {node.path: node.layer_index for node in layered().tree().walk()}
    assert found == {"d": 0, "d/z": 1, "etc": 1, "etc/b": 1, "h": 2, "l": 2}


def test_paths_come_in_order_folders_before_what_is_in_them() -> None:
    case = Case(layer(file("a/b"), file("a.b"), file("a-b/c"), file("a0")))
    assert case.paths() == ["a", "a/b", "a-b", "a-b/c", "a.b", "a0"]


def test_a_walk_can_begin_below_and_end_early() -> None:
    tree = Case(layer(file("a/b/c"), file("a/d"), file("e"))).tree()
    assert [node.path for node in tree.walk("/a")] == ["a/b", "a/b/c", "a/d"]
    assert [node.path for node in tree.walk("a", depth=1)] == ["a/b", "a/d"]
    assert [node.path for node in tree.walk(depth=2)] == ["a", "a/b", "a/d", "e"]
    assert list(tree.walk("none")) == []
    assert list(tree.walk("e")) == []


def test_what_was_removed_is_told_with_who_did() -> None:
    tree = layered().tree(removed=True)
    gone = [(node.path, node.layer_index, node.removed_by, node.replaced) for node in tree.removed]
    assert gone == [
        ("d/x", 0, 1, False),
        ("d/y", 0, 1, False),
        ("etc/a", 0, 1, False),
        ("etc/b", 0, 1, True),
        ("kept", 0, 2, False),
    ]


def test_what_was_removed_stands_in_its_place() -> None:
    walked = [(node.path, node.removed) for node in layered().tree(removed=True).walk(removed=True)]
    assert walked == [
        ("d", False),
        ("d/x", True),
        ("d/y", True),
        ("d/z", False),
        ("etc", False),
        ("etc/a", True),
        ("etc/b", False),
        ("etc/b", True),
        ("h", False),
        ("kept", True),
        ("l", False),
    ]
    below = layered().tree(removed=True).walk("d", depth=1, removed=True)
    assert [node.path for node in below] == ["d/x", "d/y", "d/z"]


def test_a_folder_that_layers_repeat_is_not_removed() -> None:
    tree = Case(layer(folder("etc", mode=0o700)), layer(folder("etc", mode=0o755))).tree(removed=True)
    assert tree.removed == []
    assert tree.resolve("etc").entry.mode == 0o755


def test_a_folder_that_became_a_file_is_replaced_with_all_in_it() -> None:
    tree = Case(layer(folder("d"), file("d/x")), layer(file("d"))).tree(removed=True)
    assert [(node.path, node.replaced) for node in tree.removed] == [("d", True), ("d/x", False)]


def test_one_layer_alone_and_what_it_takes_away() -> None:
    tree = layered().tree(layer=1, removed=True)
    assert [node.path for node in tree.walk()] == ["d", "d/z", "etc", "etc/b"]
    assert {node.layer_index for node in tree.walk()} == {1}
    assert [(node.path, node.entry.kind, node.removed_by) for node in tree.removed] == [
        ("d/*", GONE, 1),
        ("etc/a", GONE, 1),
    ]


def test_layers_up_to_one() -> None:
    assert layered().paths(upto=0) == ["d", "d/x", "d/y", "etc", "etc/a", "etc/b", "kept"]


@pytest.mark.parametrize("options", [{"layer": 3}, {"layer": -1}, {"upto": 3}])
def test_a_layer_that_there_is_not(options: dict[str, int]) -> None:
    with pytest.raises(InputError, match="its layers are 0 to 2"):
        layered().tree(**options)


def test_an_image_without_layers_is_empty() -> None:
    case = Case()
    assert case.paths() == []
    with pytest.raises(InputError, match="it has no layers"):
        case.tree(layer=0)


def test_get_follows_links_only_when_asked() -> None:
    tree = Case(layer(symlink("bin", "usr/bin"), file("usr/bin/sh"))).tree()
    assert tree.get("/bin/sh") is None
    found = tree.get("/bin/sh", follow=True)
    assert found is not None
    assert found.path == "usr/bin/sh"
    bin_ = tree.get("bin")
    assert bin_ is not None
    assert bin_.entry.kind == "symlink"


def test_resolve_follows_links_as_a_system_in_a_chroot_does() -> None:
    tree = Case(
        layer(
            symlink("a", "../../b"),
            symlink("b", "/c/d"),
            file("c/d/x"),
            symlink("c/d/up", ".."),
            symlink("dangling", "none"),
            symlink("loop", "loop"),
            file("f"),
        )
    ).tree()
    assert tree.resolve("/a/x").path == "c/d/x"
    assert tree.resolve("/a/up/d/./x").path == "c/d/x"
    assert tree.resolve("a", last=False).path == "a"
    assert tree.resolve("a/", last=False).path == "c/d"
    assert tree.resolve("/").path == ""
    assert tree.resolve("a/..").path == "c"
    for path in ("dangling", "loop", "none", "f/x"):
        with pytest.raises(NotFoundError):
            tree.resolve(path)


def test_the_error_for_a_removed_path_says_who_removed_it() -> None:
    with pytest.raises(NotFoundError, match="path /etc/a is not in test:1: layer 1 removed it"):
        layered().tree(removed=True).resolve("/etc/a")
    with pytest.raises(NotFoundError, match="circle"):
        Case(layer(symlink("a", "a"))).tree().resolve("a")


def test_links_that_multiply_are_stopped() -> None:
    links = [symlink(f"l{n}", "/".join([f"l{n - 1}"] * 40)) for n in range(1, 30)]
    case = Case(layer(folder("l0"), *links, file("l0/l0")), limits=Limits(steps=1000))
    with pytest.raises((LimitError, NotFoundError)):
        case.tree().resolve("l29/x")


# --- hard links ------------------------------------------------------------------------------------


def test_a_hard_link_has_the_size_and_the_hash_of_its_file() -> None:
    tree = layered().tree()
    link, target = tree.resolve("h"), tree.resolve("etc/b")
    assert link.entry.kind == "hardlink"
    assert (tree.size(link), tree.sha256(link)) == (2, tree.sha256(target))


def test_a_chain_of_hard_links_leads_to_the_file() -> None:
    case = Case(layer(file("a", b"1")), layer(hardlink("b", "a"), hardlink("c", "b")), layer(hardlink("d", "c")))
    tree = case.tree()
    assert {tree.sha256(node) for node in tree.walk()} == {tree.sha256(tree.resolve("a"))}
    assert case.read("d") == b"1"


def test_a_hard_link_whose_target_is_named_through_a_link() -> None:
    case = Case(layer(symlink("bin", "usr/bin"), file("usr/bin/a", b"1")), layer(hardlink("b", "bin/a")))
    assert case.read("b") == b"1"


def test_a_hard_link_may_stand_before_its_file() -> None:
    case = Case(layer(hardlink("b", "c"), hardlink("c", "a"), file("a", b"1")))
    for path in ("b", "c"):
        assert case.read(path) == b"1"
        assert looked_up(case, path) == [b"1"]


def test_a_hard_link_is_what_its_target_was_when_it_was_made() -> None:
    case = Case(layer(file("a", b"lower")), layer(hardlink("b", "a"), file("a", b"upper"), hardlink("c", "a")))
    for path, data in (("a", b"upper"), ("b", b"lower"), ("c", b"upper")):
        assert case.read(path) == data
        assert looked_up(case, path) == [data]


def test_hard_links_of_aufs_are_found() -> None:
    case = Case(layer(file(".wh..wh.plnk/12.34", b"1"), hardlink("a", ".wh..wh.plnk/12.34")))
    assert case.paths() == ["a"]
    assert case.read("a") == b"1"


def test_a_hard_link_that_leads_to_nothing_has_no_content() -> None:
    case = Case(layer(hardlink("a", "none"), hardlink("b", "a")))
    tree = case.tree()
    assert [tree.inode(node) for node in tree.walk()] == [None, None]
    for path in ("a", "b"):
        with pytest.raises(NotFoundError):
            case.read(path)
        with pytest.raises(NotFoundError):
            looked_up(case, path)


def test_hard_links_in_a_circle_have_no_content() -> None:
    case = Case(layer(hardlink("a", "b"), hardlink("b", "a"), hardlink("c", "c")))
    for path in ("a", "b", "c"):
        with pytest.raises(NotFoundError):
            case.read(path)
        with pytest.raises(NotFoundError):
            looked_up(case, path)


# --- contents --------------------------------------------------------------------------------------


def test_contents_are_read_through_links() -> None:
    case = layered()
    assert case.read("/l") == b"22"
    assert case.read("/h") == b"22"
    assert Case(layer(file("empty", b""))).read("empty") == b""


@pytest.mark.parametrize("path", ["/etc", "/", "/pipe"])
def test_what_is_no_file_has_no_content(path: str) -> None:
    case = Case(layer(file("etc/x"), Member("pipe", "fifo")))
    with pytest.raises(InputError, match="is not a file"):
        case.read(path)


def test_a_content_that_is_another_is_told() -> None:
    case = Case(layer(file("a", os.urandom(50_000))))
    tree = case.tree()
    [digest] = case.source.blobs
    case.source.blobs[digest] = layer(file("a", os.urandom(50_000))).data

    async def content() -> bytes:
        async with tree.read("a") as stream:
            return b"".join([chunk async for chunk in stream])

    with pytest.raises(DigestMismatchError):
        step(content())


# --- one file from the top down -----------------------------------------------------------------------


def looked_up(case: Case, *paths: str, layer: int | None = None) -> list[bytes]:
    async def contents() -> list[bytes]:
        lookup = Lookup(case.store, case.image, layer=layer, asked=paths)
        found = []
        try:
            for path in paths:
                async with lookup.read(path) as stream:
                    found.append(b"".join([chunk async for chunk in stream]))
        finally:
            lookup.close()
        return found

    return step(contents())


def test_a_look_up_finds_what_the_tree_finds() -> None:
    case = layered()
    for path in ("/etc/b", "/l", "/h", "/d/z", "etc/../etc/./b"):
        assert looked_up(case, path) == [case.read(path)]
    for path in ("/etc/a", "/d/x", "/kept", "/none", "/etc/b/x"):
        with pytest.raises(NotFoundError):
            looked_up(case, path)
    for path in ("/etc", "/", "/etc/.."):
        with pytest.raises(InputError):
            looked_up(case, path)


def test_a_look_up_reads_no_layer_below_the_one_that_decides() -> None:
    lower, middle, upper = layer(file("a")), layer(file("a", b"2"), file("b")), layer(file("c"), symlink("l", "a"))
    case = Case(lower, middle, upper)
    assert looked_up(case, "/l") == [b"2"]
    assert [digest for digest, _ in case.source.opened] == [upper.descriptor.digest, middle.descriptor.digest]


def test_a_look_up_reads_each_layer_once_for_several_paths() -> None:
    case = Case(layer(file("a", b"1"), file("b", b"2"), file("big", os.urandom(3_000_000))))
    assert [len(data) for data in looked_up(case, "/a", "/big", "/b")] == [1, 3_000_000, 1]
    assert len(case.source.opened) == 1


def test_a_look_up_of_a_hard_link_goes_to_the_layers_below() -> None:
    case = Case(layer(file("a", b"old")), layer(hardlink("b", "a")), layer(file("a", b"new")))
    assert looked_up(case, "/b", "/a") == [b"old", b"new"]


def test_a_look_up_in_one_layer_alone() -> None:
    case = layered()
    assert looked_up(case, "/etc/b", layer=0) == [b"1"]
    with pytest.raises(NotFoundError):
        looked_up(case, "/etc/b", layer=2)


def test_links_in_a_circle_end_a_look_up() -> None:
    with pytest.raises(NotFoundError, match="circle"):
        looked_up(Case(layer(symlink("a", "b"), symlink("b", "a"))), "/a")


# --- those that match -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "fitting"),
    [
        ("*.py", ["a.py", "usr/b.py", "usr/lib/c.py"]),
        ("/*.py", ["a.py"]),
        ("usr/*", ["usr/b.py", "usr/lib"]),
        ("/usr/**", ["usr/b.py", "usr/lib", "usr/lib/c.py", "usr/lib/[x]"]),
        ("**/*.py", ["a.py", "usr/b.py", "usr/lib/c.py"]),
        ("/usr/**/*.py", ["usr/b.py", "usr/lib/c.py"]),
        ("[ab].py", ["a.py", "usr/b.py"]),
        ("[!ab].py", ["usr/lib/c.py"]),
        ("?.py", ["a.py", "usr/b.py", "usr/lib/c.py"]),
        ("lib", ["usr/lib"]),
        ("[[]x]", ["usr/lib/[x]"]),
        ("[x", []),
        ("*.p", []),
        ("l*b/c.py", []),
    ],
)
def test_patterns(pattern: str, fitting: list[str]) -> None:
    paths = ["a.py", "usr", "usr/b.py", "usr/lib", "usr/lib/c.py", "usr/lib/[x]"]
    fits = matcher([pattern])
    assert [path for path in paths if fits(path)] == fitting


@pytest.mark.parametrize("pattern", ["", "/", "//"])
def test_a_pattern_that_names_no_path_is_refused(pattern: str) -> None:
    with pytest.raises(InputError):
        matcher([pattern])


def found(tree: ImageTree, path: str = "", **question: Any) -> list[str]:
    return [node.path for node in find(tree, Question(**question), path)]


def test_find_by_name_hash_size_and_kind() -> None:
    tree = layered().tree()
    digest = tree.sha256(tree.resolve("etc/b"))
    assert found(tree, hashes=(digest,)) == ["etc/b", "h"]
    assert found(tree, hashes=(f"sha256:{digest[:12]}",)) == ["etc/b", "h"]
    assert found(tree, larger=1) == ["etc/b", "h"]
    assert found(tree, kinds=("dir",)) == ["d", "etc"]
    assert found(tree, kinds=("file",)) == ["d/z", "etc/b", "h"]
    assert found(tree, kinds=("hardlink", "symlink")) == ["h", "l"]
    assert found(tree, patterns=("b", "z"), larger=1) == ["etc/b"]
    assert found(tree, "etc", patterns=("*",)) == ["etc/b"]


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 65, "md5:000000"])
def test_a_hash_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Question(hashes=(text,))


# --- in words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mode", "text"),
    [
        ("file", 0o644, "-rw-r--r--"),
        ("dir", 0o1777, "drwxrwxrwt"),
        ("dir", 0o1766, "drwxrw-rwT"),
        ("file", 0o4755, "-rwsr-xr-x"),
        ("file", 0o6644, "-rwSr-Sr--"),
        ("symlink", 0o777, "lrwxrwxrwx"),
        ("hardlink", 0o600, "hrw-------"),
        ("char", 0o666, "crw-rw-rw-"),
    ],
)
def test_modes_are_as_ls_writes_them(kind: str, mode: int, text: str) -> None:
    assert mode_text(Member("a", kind, mode=mode).entry) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
        (10**21, "@1000000000000"),
    ],
)
def test_times_are_rfc_3339(time_ns: int, text: str) -> None:
    assert time_text(time_ns) == text


def described(case: Case, path: str, **options: Any) -> dict[str, Any]:
    tree = case.tree(**options)
    node: Node = next(node for node in tree.walk(removed=True) if node.path == path)
    return describe(tree, node)


def test_a_path_is_described_whole() -> None:
    case = Case(layer(file("a", b"1", mode=0o4755, uid=5, gid=6, uname="u", xattrs={"user.x": b"\xff"})))
    assert described(case, "a") == {
        "path": "/a",
        "type": "file",
        "mode": "4755",
        "uid": 5,
        "gid": 6,
        "user": "u",
        "group": None,
        "size": 1,
        "mtime": "2020-09-13T12:26:40Z",
        "link": None,
        "device": None,
        "sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        "xattrs": {"user.x": "/w=="},
        "layer": 0,
        "removed_by": None,
        "replaced": False,
    }


def test_names_that_are_not_utf_8_have_their_bytes_beside_them() -> None:
    said = described(Case(layer(symlink("n\udcff", "t\udcfe"))), "n\udcff")
    assert (said["path"], said["path_base64"]) == ("/n\ufffd", "L27/")
    assert (said["link"], said["link_base64"]) == ("t\ufffd", "dP4=")


def test_a_removed_path_is_described_with_who_removed_it() -> None:
    said = described(layered(), "etc/a", removed=True)
    assert (said["layer"], said["removed_by"], said["replaced"]) == (0, 1, False)


def test_a_device_and_a_whiteout_are_described() -> None:
    case = Case(layer(file("x"), Member("null", "char", major=1, minor=3)), layer(file(".wh.x", b"")))
    assert described(case, "null")["device"] == [1, 3]
    said = described(case, "x", layer=1, removed=True)
    assert (said["type"], said["mode"], said["layer"], said["removed_by"]) == ("whiteout", None, None, 1)
