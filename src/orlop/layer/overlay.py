"""What one layer says of paths, and the tree that layers make together.

Rule: image-spec 1.1, layer.md: a whiteout ``.wh.NAME`` hides NAME of the layers below, ``.wh..wh..opq`` all that they have
in its folder; neither hides what its own layer holds, wherever in the archive that stands. A file takes the place of a
folder with all in it, and the other way round; folders merge. As where layers are kept apart (overlayfs), a folder that a
layer only implies takes the place of a link below it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, cast

from orlop.errors import IntegrityError, LimitError
from orlop.layer.entry import DIRECTORY, HARDLINK, NO_XATTRS, SYMLINK, Entry, Outlined, entry_told
from orlop.layer.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from orlop.layer.entry import Told
    from orlop.layer.limits import Limits

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."  # AUFS's own files: image-spec keeps the prefix for them, and they are no part of an image

LINKS_LIMIT = 40
"""Links on the way of one path, as in Linux."""

# The children of what is no folder: most nodes are none, and a dictionary each would be a third of their memory.
_NONE: dict[str, Node] = cast("dict[str, Node]", MappingProxyType({}))

# Folders of a tree that are remembered by path, and the characters of such a path.
_MOST_FOLDERS = 65_536
_SHORT = 512


class Node:
    """A path in a layer or in a merged tree.

    entry: what it is; None for a folder that is only implied, or for what is not there. told: the same, or where it is to be
    had. whiteout: the layers below have nothing here. opaque: the layers below have nothing in this folder. layer: where it
    came from, in a merged tree.
    """

    __slots__ = ("children", "folder", "layer", "opaque", "told", "whiteout")

    def __init__(self, told: Told | None = None, folder: bool = False, layer: int = -1) -> None:  # noqa: FBT002
        self.told = told
        self.folder = folder
        self.children: dict[str, Node] = {} if folder else _NONE
        self.whiteout = self.opaque = False
        self.layer = layer

    @property
    def entry(self) -> Entry | None:
        """What it is."""
        told = self.told
        if told is None or isinstance(told, Entry):
            return told
        entry = self.told = entry_told(told)
        return entry

    @property
    def present(self) -> bool:
        """Whether there is something, rather than a whiteout alone."""
        return self.folder or self.told is not None

    def put(self, entry: Entry) -> None:
        """Make this the entry; what is not a folder has no children."""
        self.told = entry
        self.folder = entry.kind == DIRECTORY
        if not self.folder:
            self.children = _NONE
            self.opaque = False
        elif self.children is _NONE:
            self.children = {}

    def become_folder(self) -> None:
        """Make this a folder if it is none."""
        if not self.folder:
            self.told, self.folder, self.children = None, True, {}


class Look(NamedTuple):
    """What a layer says of a path: what it has there, and whether the layers below are hidden there."""

    entry: Entry | None
    hidden: bool


class LayerTree:
    """The paths of one layer, whiteouts kept apart.

    what: names it in a message. layer: its index, for the nodes. Adding raises LimitError: more nodes, or more steps through
    links, than the limits allow.
    """

    def __init__(self, what: str, *, layer: int = -1, limits: Limits = DEFAULT_LIMITS) -> None:
        self.what, self.layer = what, layer
        self.hides = False
        """Whether it takes something away from the layers below."""
        self._limits = limits
        self._nodes = self._steps = 0
        self.root = Node(folder=True, layer=layer)
        self._folders = {"": self.root}  # by path, links followed: most members are in a folder that another is in

    def extend(self, entries: Iterable[Entry], before: Callable[[Entry], object] | None = None) -> None:
        """Take the next members. before: called ahead of each that is no plain new path: hard links, AUFS's own files and more."""
        outlines = (
            entries.outlines() if isinstance(entries, Outlined) else ((one.path, one.kind, one) for one in entries)
        )
        layer, most = self.layer, self._limits.nodes
        folders = self._folders
        for path, kind, told in outlines:
            folder, _, name = path.rpartition("/")
            if WHITEOUT not in path and name and kind != HARDLINK:  # the most, and without calls
                known = folders.get(folder)
                if known is not None and name not in known.children and self._nodes < most:
                    self._nodes += 1
                    if kind != DIRECTORY:
                        known.children[name] = Node(told, False, layer)
                        continue
                    node = known.children[name] = Node(told, True, layer)
                    if len(path) <= _SHORT and len(folders) < _MOST_FOLDERS:
                        folders[path] = node
                    continue
            entry = entry_told(told)
            if before is not None:
                before(entry)
            self.add(entry)
            folders = self._folders

    def add(self, entry: Entry) -> None:
        """Take the next member of the archive. Raises IntegrityError for a whiteout that names no path."""
        folder, _, name = entry.path.rpartition("/")
        if name.startswith(WHITEOUT):
            self._mark(folder, name)
        elif entry.path == "":
            if entry.kind == DIRECTORY:
                self.root.told = entry
        elif _AUFS not in entry.path or not any(part.startswith(_AUFS) for part in folder.split("/")):
            node = self._child(self._folder(folder), name)
            before = node.entry
            if (node.folder and entry.kind != DIRECTORY) or (before is not None and before.kind == SYMLINK):
                self._forget()
            node.put(entry)

    def imply(self, path: str) -> None:
        """Take note that the layer has something in this folder."""
        self._folder(path)

    def look(self, path: str) -> Look:
        """Return what the layer says of a cleaned path; a folder that it only implies has an entry made up for it."""
        node, hidden = self.root, False
        for part in path.split("/") if path else ():
            hidden = hidden or node.opaque
            child = node.children.get(part)
            if child is None:
                return Look(None, hidden if node.folder or node.whiteout else True)
            hidden = hidden or child.whiteout
            node = child
        if node.entry is not None:
            return Look(node.entry, hidden or not node.folder)
        return Look(implied(path) if node.folder else None, hidden)

    def _mark(self, folder: str, name: str) -> None:
        self.hides = True
        if name == OPAQUE:
            self._folder(folder).opaque = True
        elif not name.startswith(_AUFS):
            target = name[len(WHITEOUT) :]
            if target in {"", ".", ".."}:
                raise IntegrityError(self.what, f"the whiteout {name!r} in {folder!r} names no path")
            self._child(self._folder(folder), target).whiteout = True

    def _child(self, node: Node, name: str) -> Node:
        child = node.children.get(name)
        if child is None:
            self._nodes += 1
            if self._nodes > self._limits.nodes:
                raise LimitError(self.what, "paths", self._limits.nodes)
            child = node.children[name] = Node(None, False, self.layer)
        return child

    def _folder(self, path: str) -> Node:
        """Return the node of a folder, made where it is missing; links of this layer are followed, as a program that unpacks does."""
        known = self._folders.get(path)
        if known is not None:
            return known
        node = self.root
        trail = [node]
        todo = path.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if len(trail) > 1:
                    trail.pop()
                node = trail[-1]
                continue
            if part in {"", "."}:
                continue
            if links:
                self._steps += 1
                if self._steps > self._limits.steps:
                    raise LimitError(self.what, "steps through links", self._limits.steps)
            child = self._child(node, part)
            if not child.folder:
                entry = child.entry
                if entry is not None and entry.kind == SYMLINK and links < LINKS_LIMIT:
                    links += 1
                    if entry.link.startswith("/"):
                        node, trail = self.root, [self.root]
                    todo += entry.link.split("/")[::-1]
                    continue
                if entry is not None:
                    self._forget()
                child.become_folder()
            node = child
            trail.append(node)
        if len(path) <= _SHORT:
            if len(self._folders) >= _MOST_FOLDERS:
                self._forget()
            self._folders[path] = node
        return node

    def _forget(self) -> None:
        """Look for folders anew: one that was remembered is gone, or was reached through a link that is."""
        self._folders = {"": self.root}


class Found(NamedTuple):
    """A path of the merged tree: what it is, and the index of the layer that it came from."""

    path: str
    entry: Entry
    layer: int


class Hidden(NamedTuple):
    """What a layer has and the image does not show, since the layer ``by`` removed it or put something in its place."""

    path: str
    entry: Entry
    layer: int
    by: int
    replaced: bool


class MergedTree:
    """The file system of some layers together, given from the bottom up.

    keep_hidden: keep in ``hidden`` what upper layers took away.
    """

    def __init__(self, *, keep_hidden: bool = False) -> None:
        self.root = Node(folder=True)
        self.hidden: list[Hidden] = []
        self.count = 0
        """Layers so far."""
        self._keep = keep_hidden

    def apply(self, tree: LayerTree) -> None:
        """Put the next layer on top. The tree is not to be added to any more: its nodes may become those of this one."""
        layer = self.count
        self.count += 1
        if tree.layer == layer and not tree.hides and not self.root.children and self.root.told is None:
            self.root = tree.root  # the lowest one, as it is
            return
        waiting = [("", self.root, tree.root)]
        while waiting:
            path, below, above = waiting.pop()
            if above.told is not None:
                if self._keep and below.entry is not None:
                    self._hide(path, below.entry, below.layer, layer, replaced=True)
                below.told, below.layer = above.told, layer
            elif below.layer < 0:
                below.layer = layer
            if above.opaque:
                self._drop(path, below, layer)
                below.children = {}
            for name, upper in above.children.items():
                lower = below.children.get(name)
                if lower is not None and (upper.whiteout or (upper.present and not (upper.folder and lower.folder))):
                    gone = upper.present and not upper.whiteout
                    self._drop(f"{path}/{name}" if path else name, lower, layer, replaced=gone)
                    del below.children[name]
                    lower = None
                if not upper.present:
                    continue
                if lower is None:
                    if not upper.folder and not upper.whiteout:  # most paths: a file, whose node no layer above changes
                        upper.layer = layer
                        below.children[name] = upper
                        continue
                    if not upper.children:
                        below.children[name] = Node(upper.told, upper.folder, layer)
                        continue
                    lower = below.children[name] = Node(folder=True)
                waiting.append((f"{path}/{name}" if path else name, lower, upper))

    def walk(self, start: str = "") -> Iterator[Found]:
        """Yield every path below ``start`` in order, folders before what is in them; implied folders have an entry made up."""
        node = self._node(start)
        if node is None:
            return
        waiting = [(start, node)]
        while waiting:
            path, node = waiting.pop()
            if path != start:
                yield Found(path, node.entry or implied(path), node.layer)
            prefix = f"{path}/" if path else ""
            waiting += [(prefix + name, node.children[name]) for name in sorted(node.children, reverse=True)]

    def find(self, path: str) -> Found | None:
        """Return what is at a cleaned path; links are not followed."""
        node = self._node(path)
        return None if node is None else Found(path, node.entry or implied(path), node.layer)

    def _node(self, path: str) -> Node | None:
        node: Node | None = self.root
        for part in path.split("/") if path else ():
            node = node.children.get(part) if node is not None else None
        return node

    def _drop(self, path: str, node: Node, by: int, *, replaced: bool | None = None) -> None:
        """Note what goes with a node; without ``replaced`` only what is in it."""
        if not self._keep:
            return
        waiting = [(path, node)]
        while waiting:
            here, node = waiting.pop()
            if node.entry is not None and (here != path or replaced is not None):
                self._hide(here, node.entry, node.layer, by, replaced=bool(replaced) and here == path)
            waiting += [(f"{here}/{name}" if here else name, child) for name, child in node.children.items()]

    def _hide(self, path: str, entry: Entry, layer: int, by: int, *, replaced: bool) -> None:
        self.hidden.append(Hidden(path, entry, layer, by, replaced))


def implied(path: str) -> Entry:
    """Return an entry for a folder that no layer has one for: root's, mode 0755, at no offset."""
    return Entry(path, DIRECTORY, 0o755, 0, 0, "", "", 0, 0, "", 0, 0, NO_XATTRS, -1, -1, 0, None, path)
