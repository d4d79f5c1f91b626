"""The comparison of layers from the top down against the plain one of merged trees."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import IntegrityError
from orlop.image.compare.semantic import NOTHING
from orlop.image.compare.stack import MoreError, OneLayer, Stack, one_layer
from orlop.image.compare.walk import differences
from orlop.image.tree import build
from orlop.layer.entry import HARDLINK, NO_XATTRS, Entry, clean
from orlop.layer.index import IndexBuilder
from orlop.layer.limits import DEFAULT_LIMITS

PATH = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
MEMBER = st.tuples(st.sampled_from(["file", "file2", "dir", "symlink", "hardlink", "whiteout", "opaque"]), PATH, PATH)
LAYERS = st.lists(st.lists(MEMBER, max_size=5), max_size=3)

Members = list[tuple[str, str, str]]


def entries(members: Members) -> list[Entry]:
    made = []
    for offset, (kind, path, other) in enumerate(members):
        folder, _, name = path.rpartition("/")
        raw = {"whiteout": f"{folder}/.wh.{name}", "opaque": f"{path}/.wh..wh..opq"}.get(kind, path)
        content = {"file": b"1", "file2": b"2"}.get(kind, b"0")
        kind = {"file2": "file", "whiteout": "file", "opaque": "file"}.get(kind, kind)
        link = other if kind in {"symlink", "hardlink"} else ""
        fields: dict[str, Any] = {"mode": 0o755, "uid": 0, "gid": 0, "uname": "", "gname": "", "size": 1, "mtime_ns": 0}
        made.append(
            Entry(
                path=clean(raw),
                kind=kind,
                link=link,
                major=0,
                minor=0,
                xattrs=NO_XATTRS,
                offset=offset,
                data_offset=offset,
                stored=1,
                sparse=None,
                raw=raw,
                sha256=hashlib.sha256(content).digest() if kind == "file" else b"",
                **fields,
            )
        )
    return made


def stacked(prefix: list[Members], top: list[Members]) -> list[OneLayer]:
    return [one_layer("layer", at, entries(one), DEFAULT_LIMITS) for at, one in enumerate([*prefix, *top])]


Told = dict[str, tuple[Any, ...]]


def merged(layers: list[Members]) -> Told:
    """Return what the merged tree has at each path, hard links told as what they stand for."""
    indexes = []
    for at, members in enumerate(layers):
        builder = IndexBuilder()
        for entry in entries(members):
            builder.add(entry)
        indexes.append((at, SimpleNamespace(entries=builder.finish())))
    store: Any = SimpleNamespace(limits=DEFAULT_LIMITS)
    image: Any = SimpleNamespace(reference="x", layers=())
    tree = build(store, image, indexes)  # type: ignore[arg-type]  # of an index, only its entries are used
    found: Told = {}
    for node in tree.walk():
        inode = tree.inode(node)
        entry = inode.entry if inode is not None else node.entry
        link = clean(entry.link) if entry.kind == HARDLINK else entry.link
        found[node.path] = (entry.kind, entry.sha256, link)
    return found


def compared(base: list[OneLayer], target: list[OneLayer], common: int) -> tuple[dict[str, tuple[Any, Any]], int]:
    """Return the paths that differ but for their links' structure, and how many shared layers it took."""
    for shared in range(common + 1):
        kept = base[common - shared : common]
        stacks = [
            Stack([*kept, *side[common:]], whole=shared == common, limits=DEFAULT_LIMITS) for side in (base, target)
        ]
        try:
            found = list(differences(stacks[0], stacks[1], NOTHING, None))
        except MoreError:
            continue
        told = {
            one.path: tuple(
                (
                    side.entry.kind,
                    side.entry.sha256,
                    clean(side.entry.link) if side.entry.kind == HARDLINK else side.entry.link,
                )
                if side is not None
                else None
                for side in (one.base, one.target)
            )
            for one in found
            if one.kinds != ("link",) or one.base.entry.kind != "file"  # type: ignore[union-attr]  # kinds: both are there
        }
        return told, shared  # type: ignore[return-value]  # two sides
    raise AssertionError("all layers are here, and yet more are wanted")


def expected(old: Told, new: Told) -> dict[str, tuple[Any, Any]]:
    return {path: (old.get(path), new.get(path)) for path in {**old, **new} if old.get(path) != new.get(path)}


@given(LAYERS, LAYERS, LAYERS)
def test_the_differences_are_those_of_the_merged_trees(
    prefix: list[Members], one: list[Members], other: list[Members]
) -> None:
    try:
        base, target = stacked(prefix, one), stacked(prefix, other)
    except IntegrityError:
        return
    target[: len(prefix)] = base[: len(prefix)]
    found, _ = compared(base, target, len(prefix))
    assert found == expected(merged([*prefix, *one]), merged([*prefix, *other]))


@given(LAYERS, LAYERS, LAYERS)
def test_the_answer_is_the_same_when_nothing_is_shared(
    prefix: list[Members], one: list[Members], other: list[Members]
) -> None:
    base, target = stacked(prefix, one), stacked(prefix, other)
    whole, _ = compared(base, target, 0)
    target[: len(prefix)] = base[: len(prefix)]
    assert compared(base, target, len(prefix))[0] == whole


@given(LAYERS, LAYERS, LAYERS)
def test_sides_that_change_places_exchange_what_was_added_and_removed(
    prefix: list[Members], one: list[Members], other: list[Members]
) -> None:
    base, target = stacked(prefix, one), stacked(prefix, other)
    target[: len(prefix)] = base[: len(prefix)]
    there, needed = compared(base, target, len(prefix))
    back, needed_back = compared(target, base, len(prefix))
    assert back == {path: (new, old) for path, (old, new) in there.items()}
    assert needed == needed_back


@given(LAYERS)
def test_an_image_does_not_differ_from_itself(layers: list[Members]) -> None:
    base, target = stacked([], layers), stacked([], layers)
    assert compared(base, target, 0)[0] == {}
