"""The files of an image: its layers merged, or one alone, each path with the layer that it came from."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InputError, LimitError, NotFoundError
from orlop.image.links import fill, lead, stated
from orlop.layer.entry import DIRECTORY, FILE, HARDLINK, NO_XATTRS, SYMLINK, Entry, clean
from orlop.layer.overlay import OPAQUE, WHITEOUT, LayerTree, MergedTree, implied
from orlop.layer.overlay import Node as Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from orlop.content.base import ByteStream
    from orlop.image.layers import LayerStore
    from orlop.image.view import Image, Layer
    from orlop.layer.index import LayerIndex
    from orlop.layer.overlay import Hidden

INDEXES_AT_ONCE = 4
"""Layers that are read side by side where their indexes are not kept."""

GONE = "whiteout"
"""The kind of an entry that only says that the layers below have nothing there."""


class Node(NamedTuple):
    """A path of an image. A tuple underneath: there may be a million.

    path: cleaned, without a leading slash, "" for the root. entry: what is there; its ``path`` may be another, where the
    layer's own links lead elsewhere. layer_index: the layer that it came from; of a folder that none states, the lowest with
    something in it; -1 for what is only taken away. removed_by: the layer that took it away or put something else in its place, -1 for what the image shows. replaced: it
    was the latter.
    """

    path: str
    entry: Entry
    layer_index: int
    removed_by: int = -1
    replaced: bool = False

    @property
    def removed(self) -> bool:
        """Whether the image does not show it."""
        return self.removed_by >= 0

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


_made = partial(tuple.__new__, Node)  # half of what a call of the class takes


class Inode(NamedTuple):
    """What a name stands for: the entry that holds content and attributes, and the layer that it is in."""

    layer_index: int
    entry: Entry

    @property
    def key(self) -> tuple[int, int]:
        """The same for all names of one file."""
        return self.layer_index, self.entry.offset


class ImageTree:
    """The files of some layers together. Made by ``open_tree``; needs no I/O but for ``read``.

    store: where contents are read from. layers: all of the image's, by their index. root: the merged tree itself.
    """

    def __init__(
        self, store: LayerStore, image: Image, merged: MergedTree, links: dict[tuple[int, int], Inode]
    ) -> None:
        self.store, self.image = store, image
        self.layers: Sequence[Layer] = image.layers
        self.removed: list[Node] = []
        """What upper layers took away, in order; empty unless it was asked for."""
        self._merged, self._links = merged, links
        self._steps = 0

    @property
    def root(self) -> Place:
        """The merged tree's root, for whoever walks it with state of his own."""
        return self._merged.root

    def walk(self, path: str = "", *, depth: int | None = None, removed: bool = False) -> Iterator[Node]:
        """Yield every path below a folder in order, folders before what is in them; links are not followed.

        depth: of so many levels alone, 1 for the folder's own. removed: also what the image does not show, where
        ``open_tree`` kept it.
        """
        start = clean(path)
        if removed and self.removed:
            yield from self._walk_with_removed(start, depth)
            return
        for here, place in self._places(start, depth):
            yield _made((here, place.entry or implied(here), place.layer, -1, False))

    def paths(self, path: str = "", *, depth: int | None = None) -> Iterator[str]:
        """Yield the paths that ``walk`` yields, in half the time."""
        return map(itemgetter(0), self._places(clean(path), depth))

    def _places(self, start: str, depth: int | None) -> Iterator[tuple[str, Place]]:
        """Yield every path below a folder in order, with what is there."""
        place = self._place(start)
        if place is None or (depth is not None and depth < 1):
            return
        open_folders = [(f"{start}/" if start else "", iter(sorted(place.children.items())))]
        while open_folders:
            prefix, rest = open_folders[-1]
            for name, place in rest:
                here = prefix + name
                yield here, place
                if place.children and (depth is None or len(open_folders) < depth):
                    open_folders.append((f"{here}/", iter(sorted(place.children.items()))))
                    break
            else:
                open_folders.pop()

    def _walk_with_removed(self, start: str, depth: int | None) -> Iterator[Node]:
        from heapq import merge

        prefix = f"{start}/" if start else ""
        levels = len(start.split("/")) if start else 0
        hidden = (
            node
            for node in self.removed
            if node.path.startswith(prefix) and (depth is None or node.path.count("/") < levels + depth)
        )
        yield from merge(self.walk(start, depth=depth), hidden, key=_order)

    def get(self, path: str, *, follow: bool = False) -> Node | None:
        """Return what is at a path, None for nothing. follow: links on the way and at the end are followed, else none is."""
        if follow:
            found = self._lead(path, last=True)
            return None if found is None else _node(*found)
        cleaned = clean(path)
        place = self._place(cleaned)
        return None if place is None else _node(cleaned, place)

    def resolve(self, path: str, *, last: bool = True) -> Node:
        """Return what a path leads to, links followed; with ``last`` off not the one at its very end.

        Raises NotFoundError, which says whether a layer removed it.
        """
        found = self._lead(path, last=last or path.endswith("/"))
        if found is None:
            raise self.missing(path)
        return _node(*found)

    def missing(self, path: str) -> NotFoundError:
        """Return the error for a path that leads to nothing."""
        path = clean(path)
        gone = [node for node in self.removed if node.path == path]
        place = self._place(path)
        reason = "not found"
        if gone:
            reason = f"layer {gone[-1].removed_by} removed it"
        elif place is not None and place.entry is not None and place.entry.kind == SYMLINK:
            reason = "its link leads to nothing, or in a circle"
        error = NotFoundError(f"/{path}", self.image.reference, reason)
        error.noun = "path"
        return error

    def is_folder(self, node: Node) -> bool:
        """Whether a node is a folder, be it only implied."""
        return node.entry.kind == DIRECTORY

    def inode(self, node: Node) -> Inode | None:
        """Return what a name stands for: of a hard link the entry that it leads to, None where that is nothing."""
        if node.entry.kind != HARDLINK:
            return Inode(node.layer_index, node.entry)
        return self._links.get((node.layer_index, node.entry.offset))

    def inode_of(self, place: Place) -> Inode | None:
        """Return the same for a place of ``root`` that is no folder."""
        if place.entry is None:
            return None
        if place.entry.kind != HARDLINK:
            return Inode(place.layer, place.entry)
        return self._links.get((place.layer, place.entry.offset))

    def size(self, node: Node) -> int:
        """Return the bytes of a file, through a hard link as well; 0 for what is no file."""
        inode = self.inode(node)
        return inode.entry.size if inode is not None else 0

    def sha256(self, node: Node) -> str:
        """Return the hash of a file's content in hex, through a hard link as well; "" for what is no file."""
        inode = self.inode(node)
        return inode.entry.sha256.hex() if inode is not None else ""

    @asynccontextmanager
    async def read(self, at: str | Node) -> AsyncIterator[ByteStream]:
        """Open the content of a file as a stream of chunks, verified as it is read.

        at: a path, whose links are followed, or a node as it is. Raises NotFoundError; InputError for what is no file.
        """
        node = self.resolve(at) if isinstance(at, str) else at
        inode = self.inode(node)
        if inode is None:
            raise self.missing(node.path)
        if inode.entry.kind != FILE:
            raise not_a_file(node.path, inode.entry)
        if not inode.entry.size:
            yield nothing()
            return
        async with self.store.open_file(self.layers[inode.layer_index], inode.entry) as stream:
            yield stream

    def _place(self, path: str) -> Place | None:
        place: Place | None = self._merged.root
        for part in path.split("/") if path else ():
            place = place.children.get(part) if place is not None else None
        return place

    def _lead(self, path: str, *, last: bool) -> tuple[str, Place] | None:
        return lead(self._merged.root, path, last=last, budget=self._spend)

    def _spend(self) -> None:
        self._steps += 1
        if self._steps > self.store.limits.steps:
            raise LimitError(self.image.reference, "steps through links", self.store.limits.steps)


async def open_tree(
    store: LayerStore, image: Image, *, layer: int | None = None, upto: int | None = None, removed: bool = False
) -> ImageTree:
    """Return the merged tree of an image's layers.

    layer: of this layer alone, by its index from 0 at the bottom. upto: of the layers up to and with this one. removed: keep
    what upper layers took away; of one layer alone it is what that one takes away from those below. Indexes that are not kept
    are made by reading those layers whole, some side by side. Raises InputError for a layer that there is not, and what
    ``LayerStore.index`` raises.
    """
    numbers = layer_numbers(image, layer=layer, upto=upto)
    layers = image.layers

    async def index(number: int) -> LayerIndex:
        return await store.index(layers[number])

    indexes = [
        (numbers[outcome.index], outcome.result())
        async for outcome in store.runtime.map(
            index, numbers, limit=min(INDEXES_AT_ONCE, len(numbers) or 1), ordered=True
        )
    ]
    return await store.runtime.run(lambda: build(store, image, indexes, removed=removed, alone=layer is not None))


def layer_numbers(image: Image, *, layer: int | None = None, upto: int | None = None) -> list[int]:
    """Return the indexes of the layers that are meant. Raises InputError for one that there is not."""
    count = len(image.manifest.layers)
    for given in (layer, upto):
        if given is not None and not 0 <= given < count:
            has = f"its layers are 0 to {count - 1}" if count else "it has no layers"
            error = InputError(str(given), f"{image.reference}: {has}")
            error.noun = "the index of a layer"
            raise error
    if layer is not None:
        return [layer]
    return list(range(count if upto is None else upto + 1))


def build(
    store: LayerStore,
    image: Image,
    indexes: Sequence[tuple[int, LayerIndex]],
    *,
    removed: bool = False,
    alone: bool = False,
) -> ImageTree:
    """Return the tree of layers whose indexes are here, bottom first, each with its number.

    alone: there is one layer, whose whiteouts are what ``removed`` holds. Raises IntegrityError, LimitError.
    """
    merged = MergedTree(keep_hidden=removed and not alone)
    links: dict[tuple[int, int], Inode] = {}
    gone: list[Node] = []
    for number, index in indexes:
        what = f"layer {number} of {image.reference}"
        tree = _layer_tree(what, number, index, merged, links, store)
        if removed and alone:
            gone = [Node(path, _whiteout(path), -1, number) for path in _whiteouts(tree.root)]
        merged.count = number
        merged.apply(tree)
        if removed and not alone:
            gone += [_removed(hidden) for hidden in merged.hidden if not _restated(hidden, tree)]
            merged.hidden.clear()
    made = ImageTree(store, image, merged, links)
    made.removed = sorted(gone, key=_order)
    return made


def not_a_file(path: str, entry: Entry) -> InputError:
    """Return the error for reading what has no content."""
    kind = "a folder" if entry.kind == DIRECTORY else f"of type {entry.kind}"
    error = InputError(f"/{path}", f"it is {kind}")
    error.noun = "a file"
    return error


def _layer_tree(
    what: str,
    number: int,
    index: LayerIndex,
    below: MergedTree,
    links: dict[tuple[int, int], Inode],
    store: LayerStore,
) -> LayerTree:
    """Return the tree of one layer, and note what its hard links stand for."""
    tree = LayerTree(what, layer=number, limits=store.limits)
    steps = 0

    def spend() -> None:
        nonlocal steps
        steps += 1
        if steps > store.limits.steps:
            raise LimitError(what, "steps through links", store.limits.steps)

    def own(entry: Entry | None) -> Inode | None:
        if entry is None or entry.kind == HARDLINK:
            return None if entry is None else links.get((number, entry.offset))
        return Inode(number, entry)

    def lower(target: str) -> Inode | None:
        led = lead(below.root, target, last=False, budget=spend)
        place = led[1] if led is not None else None
        if place is None or place.entry is None:
            return None
        if place.entry.kind == HARDLINK:
            return links.get((place.layer, place.entry.offset))
        return Inode(place.layer, place.entry)

    early: list[Entry] = []
    for entry, made_from in fill(tree, index.entries):
        inode = own(made_from) or lower(clean(entry.link))
        if inode is None:
            early.append(entry)
        elif inode.entry.kind != DIRECTORY:
            links[number, entry.offset] = inode
    for entry in early * 2:  # twice, for such a link to such a link
        inode = own(stated(tree, entry.link))
        if inode is not None and inode.entry.kind != DIRECTORY:
            links[number, entry.offset] = inode
    return tree


def _whiteouts(root: Place) -> Iterator[str]:
    """Yield the paths that a layer takes away from those below; a folder whose content goes as ``FOLDER/*``."""
    waiting = [("", root)]
    while waiting:
        path, place = waiting.pop()
        if place.whiteout:
            yield path
        if place.opaque:
            yield f"{path}/*" if path else "*"
        waiting += [(f"{path}/{name}" if path else name, child) for name, child in place.children.items()]


def markers(tree: ImageTree) -> Iterator[str]:
    """Yield the paths of the files that say what a layer, opened alone, takes away, as they stand in its archive."""
    for node in tree.removed:
        folder, _, name = node.path.rpartition("/")
        marker = OPAQUE if name == "*" else WHITEOUT + name
        yield f"{folder}/{marker}" if folder else marker


def _whiteout(path: str) -> Entry:
    return Entry(path, GONE, 0, 0, 0, "", "", 0, 0, "", 0, 0, NO_XATTRS, -1, -1, 0, None, path)


def _removed(hidden: Hidden) -> Node:
    return Node(hidden.path, hidden.entry, hidden.layer, hidden.by, hidden.replaced)


def _restated(hidden: Hidden, tree: LayerTree) -> bool:
    """Whether it is a folder that an upper layer has again: most layers repeat those that they write into."""
    if hidden.entry.kind != DIRECTORY or not hidden.replaced:
        return False
    entry = tree.look(hidden.path).entry
    return entry is not None and entry.kind == DIRECTORY


def _node(path: str, place: Place) -> Node:
    return Node(path, place.entry or implied(path), place.layer)


def _order(node: Node) -> list[str]:
    return node.path.split("/")


async def nothing() -> AsyncIterator[bytes]:
    """Yield nothing: the content of an empty file."""
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk
