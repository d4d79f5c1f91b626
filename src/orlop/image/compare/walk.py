"""Two stacks of layers walked side by side: each path that they may differ in, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.image.compare.stack import ABSENT, MoreError, Place
from orlop.image.tree import GONE
from orlop.layer.entry import (
    BLOCK_DEVICE,
    CHARACTER,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    clean,
)
from orlop.layer.overlay import implied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.image.compare.semantic import Ignore
    from orlop.image.compare.stack import Stack
    from orlop.image.tree import Inode

TYPE, CONTENT, MODE, OWNER, TIME, LINK, DEVICE, XATTR, MARK = (
    "type",
    "content",
    "mode",
    "owner",
    "time",
    "link",
    "device",
    "xattr",
    "whiteout",
)
KINDS = (TYPE, CONTENT, LINK, MODE, OWNER, TIME, XATTR, DEVICE, MARK)
"""Kinds of change, in the order in which they are told. ``whiteout``: what a layer takes away at a path where it has something."""


class Side(NamedTuple):
    """What one image has at a path.

    entry: of a hard link, the file that it stands for. layer: the index of the layer that has the entry's content, -1 for a
    folder that no layer states. hard_link: the path that it is one more name of, "" for no hard link.
    """

    entry: Entry
    layer: int
    hard_link: str = ""


class Difference(NamedTuple):
    """A path in which two images differ.

    kinds: of the change where both have it. unsure: whether content is yet to be compared, as an index has no hash of it.
    """

    path: str
    base: Side | None
    target: Side | None
    kinds: tuple[str, ...]
    unsure: bool = False


def differences(
    base: Stack, target: Stack, ignore: Ignore, skip: Callable[[str], bool] | None, *, names: bool = False
) -> Iterator[Difference]:
    """Yield the paths in which two stacks differ, folders before what is in them.

    names: the names of owners count as well as their numbers. Raises MoreError where a layer that is not here decides.
    """
    linked = base.linked or target.linked
    first: tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]] = ({}, {})
    for path, left, right in _places(base, target, skip):
        old, new = _side(base, path, left), _side(target, path, right)
        if old is None or new is None:
            yield Difference(path, old, new, ())
            continue
        kinds = set(_kinds(old.entry, new.entry, ignore, names=names))
        if left.marks != right.marks:
            kinds.add(MARK)
        if linked and old.entry.kind == FILE == new.entry.kind:
            # Names of one file are told by the first of them: where that is another, so is what the name stands for.
            leaders = [
                names_of.setdefault((side.layer, side.entry.offset), path)
                for names_of, side in zip(first, (old, new), strict=True)
            ]
            if leaders[0] != leaders[1]:
                kinds.add(LINK)
        unsure = _unsure(old.entry, new.entry)
        if kinds or unsure:
            yield Difference(path, old, new, tuple(kind for kind in KINDS if kind in kinds), unsure)


def _places(base: Stack, target: Stack, skip: Callable[[str], bool] | None) -> Iterator[tuple[str, Place, Place]]:
    """Yield the paths at which the layers that are here leave room for a difference."""
    waiting = [("", base.root(), target.root())]
    while waiting:
        path, left, right = waiting.pop()
        if path:
            if _same(left, right) or (skip is not None and skip(path)):
                continue
            if (left.open and not left.there) or (right.open and not right.there):
                raise MoreError
            if not left.there and not right.there:
                continue
            if left.entry is not right.entry or left.entry is None or left.marks != right.marks:
                unknown = [one.entry is None and one.open for one in (left, right)]
                if any(unknown) and not all(unknown):
                    raise MoreError
                if not all(unknown):
                    yield path, left, right
        left, right = (one if one.parts else ABSENT for one in (left, right)) if path else (left, right)
        if left.parts == right.parts:
            continue
        if left.open != right.open:
            raise MoreError
        names: set[str] = set()
        for one in (left, right):
            for _, node in one.parts:
                names.update(node.children)
        prefix = f"{path}/" if path else ""
        waiting += [
            (prefix + name, base.child(left, name), target.child(right, name)) for name in sorted(names, reverse=True)
        ]


def _same(left: Place, right: Place) -> bool:
    """Whether both are made by the same members of the same layers: an equal entry could be a link to something else."""
    return left.entry is right.entry and left.parts == right.parts and left[3:] == right[3:]


def _side(stack: Stack, path: str, place: Place) -> Side | None:
    if not place.there:
        return None
    entry = place.entry
    if entry is None:
        return Side(implied(path), -1)
    if entry.kind != HARDLINK:
        return Side(entry, place.layer)
    inode: Inode | None = stack.inode(place)
    if inode is None:
        return Side(entry, place.layer, clean(entry.link))
    return Side(inode.entry, inode.layer_index, clean(entry.link))


def _kinds(old: Entry, new: Entry, ignore: Ignore, *, names: bool) -> Iterator[str]:
    if GONE in {old.kind, new.kind}:
        if old.kind != new.kind:
            yield MARK
        return
    if old.kind != new.kind:
        yield TYPE
    elif -1 in {old.offset, new.offset}:
        return  # a folder that no layer states has no mode and no time to be compared
    elif old.kind == FILE:
        if old.size != new.size or (old.sha256 and new.sha256 and old.sha256 != new.sha256):
            yield CONTENT
    elif old.kind == SYMLINK:
        if old.link != new.link:
            yield LINK
    elif old.kind == HARDLINK:
        if clean(old.link) != clean(new.link):
            yield LINK
    elif old.kind in {CHARACTER, BLOCK_DEVICE} and (old.major, old.minor) != (new.major, new.minor):
        yield DEVICE
    if old.mode != new.mode and SYMLINK not in {old.kind, new.kind}:  # a link's own mode counts for nothing
        yield MODE
    if (old.uid, old.gid) != (new.uid, new.gid) or (names and (old.uname, old.gname) != (new.uname, new.gname)):
        yield OWNER
    if old.mtime_ns != new.mtime_ns and not ignore.file_timestamps:
        yield TIME
    if old.xattrs != new.xattrs:
        yield XATTR


def _unsure(old: Entry, new: Entry) -> bool:
    return old.kind == FILE == new.kind and old.size == new.size and not (old.sha256 and new.sha256)
