"""The merged tree against the plainest reading of the layer rules, and the search from the top against the tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orlop.layer.entry import Entry, clean
from orlop.layer.overlay import LayerTree, MergedTree, implied

PATH = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
MEMBER = st.tuples(st.sampled_from(["file", "dir", "whiteout", "opaque"]), PATH)
LAYERS = st.lists(st.lists(MEMBER, max_size=6), max_size=4)

Members = list[tuple[str, str]]


def tree_of(members: Members) -> LayerTree:
    made = LayerTree("a layer")
    for kind, path in members:
        folder, _, name = path.rpartition("/")
        raw = {"whiteout": f"{folder}/.wh.{name}", "opaque": f"{path}/.wh..wh..opq"}.get(kind, path)
        made.add(implied(clean(raw))._replace(kind="dir" if kind == "dir" else "file"))
    return made


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def put(files: dict[str, str], kind: str, path: str) -> None:
    """Write one path into a plain mapping of paths to kinds, as a program that unpacks would."""
    for above in parents(path):
        if files.get(above) != "dir":
            files[above] = "dir"
    if kind == "file" or files.get(path) != "dir":
        for below in [one for one in files if one.startswith(path + "/")]:
            del files[below]
    files[path] = kind


def naive(layers: list[Members]) -> dict[str, str]:
    image: dict[str, str] = {}
    for members in layers:
        own: dict[str, str] = {}
        for kind, path in members:
            if kind in {"file", "dir"}:
                put(own, kind, path)
            elif kind == "opaque":
                put(own, "dir", path)
            else:
                for above in parents(path):
                    put(own, "dir", above)
        # Markers inside a folder that its own layer later made a file went with the folder.
        for kind, path in members:
            if kind == "whiteout" and all(own.get(above) == "dir" for above in parents(path)):
                image = {one: what for one, what in image.items() if one != path and not one.startswith(path + "/")}
            if kind == "opaque" and own.get(path) == "dir":
                image = {one: what for one, what in image.items() if not one.startswith(path + "/")}
        for path, kind in sorted(own.items()):
            put(image, kind, path)
    return image


def without_replaced_folders(layers: list[Members]) -> list[Members]:
    """Leave out what replaces a path of another kind within one layer: where its markers go is nobody's rule."""
    kept: list[Members] = []
    for members in layers:
        kinds: dict[str, str] = {}
        own: Members = []
        for kind, path in members:
            inside = [*parents(path), *([path] if kind == "opaque" else [])]
            new = dict.fromkeys(inside, "dir") | ({path: kind} if kind in {"file", "dir"} else {})
            if all(kinds.get(one, what) == what for one, what in new.items()):
                kinds |= new
                own.append((kind, path))
        kept.append(own)
    return kept


@given(LAYERS)
def test_the_merged_tree_is_what_the_rules_say(layers: list[Members]) -> None:
    layers = without_replaced_folders(layers)
    merged = MergedTree()
    for members in layers:
        merged.apply(tree_of(members))
    assert {found.path: found.entry.kind for found in merged.walk()} == naive(layers)


@given(LAYERS, PATH)
def test_looking_from_the_top_down_finds_what_the_merged_tree_has(layers: list[Members], path: str) -> None:
    trees = [tree_of(members) for members in layers]
    merged = MergedTree(keep_hidden=True)
    for one in trees:
        merged.apply(one)
    answer: tuple[str, int] | None = None
    for at in range(len(trees) - 1, -1, -1):
        look = trees[at].look(path)
        if look.entry is not None:
            answer = (look.entry.kind, at)
            break
        if look.hidden:
            break
    found = merged.find(path)
    assert (found is None) == (answer is None)
    if found is not None and answer is not None:
        assert found.entry.kind == answer[0]
        if found.entry.kind != "dir":
            assert found.layer == answer[1]


@given(LAYERS)
def test_every_file_is_shown_or_hidden_once(layers: list[Members]) -> None:
    trees = [tree_of(members) for members in layers]
    merged = MergedTree(keep_hidden=True)
    for one in trees:
        merged.apply(one)

    def files(tree: LayerTree) -> list[Entry]:
        alone = MergedTree()
        alone.apply(tree)
        return [found.entry for found in alone.walk() if found.entry.kind == "file"]

    shown = sum(found.entry.kind == "file" for found in merged.walk())
    hidden = sum(one.entry.kind == "file" for one in merged.hidden)
    assert shown + hidden == sum(len(files(tree)) for tree in trees)
