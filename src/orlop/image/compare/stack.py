"""Layers seen from above: what a path is, told by as few of them as decide it.

A merged tree needs all layers. Two images that share their lower ones differ only where the upper ones say something, so
these are looked at first, and one of the shared layers after the other only for as long as a question is open.
Rule: as ``orlop.layer.overlay.MergedTree``, which a property test holds this to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import LimitError
from orlop.image.links import fill, stated
from orlop.image.tree import GONE, Inode
from orlop.layer.entry import DIRECTORY, HARDLINK, NO_XATTRS, SYMLINK, Entry, clean
from orlop.layer.overlay import LINKS_LIMIT, LayerTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.layer.limits import Limits
    from orlop.layer.overlay import Node

_DEPTH = 300

WHITEOUT, OPAQUE = 1, 2
"""Marks of a place in a layer that is looked at alone."""


class MoreError(Exception):
    """The answer depends on layers that are not here yet."""


class Place(NamedTuple):
    """What is at a path.

    entry: None for nothing, and for a folder that only its content tells of. layer: that the entry came from, -1 for none.
    parts: the folders of the layers that make this one, the top first. open: whether layers that are not here may have
    something here. marks: of a layer alone, what it takes away here.
    """

    entry: Entry | None
    layer: int
    parts: tuple[tuple[int, Node], ...]
    open: bool
    marks: int = 0

    @property
    def there(self) -> bool:
        """Whether the layers that are here have something here."""
        return self.entry is not None or bool(self.parts)


ABSENT = Place(None, -1, (), open=False)


class Below(NamedTuple):
    """What a hard link stands for, where its own layer did not have that yet.

    path: to look up in the layers below. first: goes before that; last: after it.
    """

    path: str
    first: Inode | Below | None = None
    last: Inode | Below | None = None


class OneLayer(NamedTuple):
    """A layer as a tree. links: by offset of a hard link, what it stands for; none where that is a folder."""

    number: int
    tree: LayerTree
    links: dict[int, Inode | Below]


def one_layer(what: str, number: int, entries: Sequence[Entry], limits: Limits) -> OneLayer:
    """Return the tree of a layer. Raises IntegrityError, LimitError. Rule for its hard links: ``orlop.image.tree``."""
    tree = LayerTree(what, limits=limits)
    links: dict[int, Inode | Below] = {}
    open_links: list[tuple[int, Entry]] = []
    for entry, made_from in fill(tree, entries):
        if made_from is None or made_from.kind == HARDLINK:
            before = links.get(made_from.offset) if made_from is not None else None
            if isinstance(before, Inode):
                links[entry.offset] = before
            else:
                links[entry.offset] = Below(clean(entry.link), before)
                open_links.append((entry.offset, entry))
        elif made_from.kind != DIRECTORY:
            links[entry.offset] = Inode(number, made_from)
    for offset, entry in open_links * 2:  # twice, for a link before its file that another such link stands for
        found = stated(tree, entry.link)
        if found is not None and found.kind != DIRECTORY:
            last = links.get(found.offset) if found.kind == HARDLINK else Inode(number, found)
            before = links[offset]
            if isinstance(before, Below):
                links[offset] = before._replace(last=last)
    return OneLayer(number, tree, links)


class Stack:
    """The layers of one image that are here, from the top down. whole: none is missing. alone: it is one layer by itself."""

    def __init__(self, layers: Sequence[OneLayer], *, whole: bool, alone: bool = False, limits: Limits) -> None:
        self._layers = sorted(layers, key=lambda one: -one.number)
        self._by_number = {one.number: one for one in self._layers}
        self._whole, self._alone, self._limits = whole, alone, limits
        self._steps = 0
        self._known: dict[tuple[int, int], Inode | None] = {}
        self.linked = any(one.links for one in self._layers)
        """Whether any layer has hard links."""

    def root(self, *, below: int | None = None) -> Place:
        """Return the root, of the layers below one if it is given."""
        parts: list[tuple[int, Node]] = []
        for one in self._layers:
            if below is None or one.number < below:
                parts.append((one.number, one.tree.root))
                if one.tree.root.opaque:
                    return Place(None, -1, tuple(parts), open=False)
        return Place(None, -1, tuple(parts), open=not self._whole)

    def child(self, place: Place, name: str) -> Place:
        """Return what is under a name in a folder."""
        parts: list[tuple[int, Node]] = []
        entry: Entry | None = None
        layer = -1
        for number, node in place.parts:
            child = node.children.get(name)
            if child is None:
                continue
            if self._alone:
                return self._marked(number, child)
            if child.folder:
                parts.append((number, child))
                if entry is None and child.entry is not None:
                    entry, layer = child.entry, number
                if child.opaque or child.whiteout:
                    return Place(entry, layer, tuple(parts), open=False)
            elif child.entry is not None:
                # Below a folder, what is none is covered, and so is all that it covers itself.
                return (
                    Place(entry, layer, tuple(parts), open=False)
                    if parts
                    else Place(child.entry, number, (), open=False)
                )
            elif child.whiteout:
                return Place(entry, layer, tuple(parts), open=False)
        if not parts and not place.open:
            return ABSENT
        return Place(entry, layer, tuple(parts), open=place.open)

    @staticmethod
    def _marked(number: int, child: Node) -> Place:
        marks = (WHITEOUT if child.whiteout else 0) | (OPAQUE if child.opaque else 0)
        if child.folder:
            return Place(child.entry, number, ((number, child),), open=False, marks=marks)
        if child.entry is not None:
            return Place(child.entry, number, (), open=False, marks=marks)
        return Place(_gone() if child.whiteout else None, number, (), open=False, marks=marks)

    def inode(self, place: Place) -> Inode | None:
        """Return what the entry of a place stands for: of a hard link the file, None where it leads to nothing.

        Raises MoreError, LimitError.
        """
        entry = place.entry
        if entry is None or entry.kind == DIRECTORY:
            return None
        if entry.kind != HARDLINK:
            return Inode(place.layer, entry)
        return self._resolved(self._by_number[place.layer].links.get(entry.offset), place.layer, 0)

    def _resolved(self, link: Inode | Below | None, layer: int, depth: int) -> Inode | None:
        if not isinstance(link, Below):
            return link
        key = (id(link), layer)
        if key not in self._known:
            if depth > _DEPTH:
                raise LimitError("a hard link", "hard links on its way", _DEPTH)
            self._known[key] = self._found(link, layer, depth + 1)
        return self._known[key]

    def _found(self, link: Below, layer: int, depth: int) -> Inode | None:
        found = self._resolved(link.first, layer, depth)
        if found is not None:
            return found
        place = self._lead(link.path, layer)
        if place.entry is None and place.parts and place.open:
            raise MoreError
        if place.entry is not None:
            if place.entry.kind != HARDLINK:
                return self.inode(place)
            lower = self._by_number[place.layer].links.get(place.entry.offset)
            found = self._resolved(lower, place.layer, depth)
        return found or self._resolved(link.last, layer, depth)

    def _lead(self, path: str, below: int) -> Place:
        """Return where a path leads in the layers below one, links of folders followed. Raises MoreError, LimitError.

        Rule: path_resolution(7), in a chroot.
        """
        if self._alone:
            return ABSENT
        trail = [self.root(below=below)]
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if len(trail) > 1:
                    trail.pop()
                continue
            self._steps += 1
            if self._steps > self._limits.steps:
                raise LimitError("a hard link", "steps through links", self._limits.steps)
            place = self.child(trail[-1], part)
            if place.open and not place.there:
                raise MoreError
            if not place.there:
                return ABSENT
            if place.entry is not None and place.entry.kind == SYMLINK and any(todo):
                links += 1
                if links > LINKS_LIMIT:
                    return ABSENT
                if place.entry.link.startswith("/"):
                    del trail[1:]
                todo += place.entry.link.split("/")[::-1]
            else:
                trail.append(place)
        return trail[-1]


def _gone() -> Entry:
    return Entry("", GONE, 0, 0, 0, "", "", 0, 0, "", 0, 0, NO_XATTRS, -1, -1, 0, None, "")
