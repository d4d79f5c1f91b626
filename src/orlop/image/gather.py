"""The contents that are wanted of an image, each layer read once, from the top down.

What upper layers hide is not written, as far as they are known by then. Where all indexes are kept, only layers that hold
something wanted are read, and single files by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import LimitError
from orlop.image.tree import build
from orlop.layer.attributes import has_content
from orlop.layer.overlay import LayerTree, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree
    from orlop.image.view import Image
    from orlop.layer.entry import Entry
    from orlop.layer.extract import Chosen
    from orlop.layer.index import LayerIndex
    from orlop.layer.sinks import Sink
    from orlop.layer.stage import Key, Stage

SINGLE_FILES = 64
"""Most files of one layer that are read by themselves; with more the layer is read whole."""

_AT_ONCE = 4


class Cover:
    """What the layers seen so far hide of those below: a tree of paths, made from the top down."""

    def __init__(self) -> None:
        self._root = Node(folder=True)

    def add(self, tree: LayerTree) -> None:
        """Take the next layer below."""
        waiting = [(self._root, tree.root)]
        while waiting:
            mine, other = waiting.pop()
            for name, theirs in other.children.items():
                child = mine.children.get(name)
                if child is None:
                    child = mine.children[name] = Node(folder=True)
                elif not child.folder:
                    continue  # what is hidden already can hide nothing
                waiting.append((child, theirs))
            if other.opaque or other.whiteout or not other.folder:
                mine.folder = False

    def hides(self, path: str) -> bool:
        """Whether a file of a lower layer is not to be seen."""
        node = self._root
        for part in path.split("/"):
            if not node.folder:
                return True
            child = node.children.get(part)
            if child is None:
                return False
            node = child
        return True


class Wanted:
    """What is wanted of each layer: the keys of contents, with their entries."""

    def __init__(self, tree: ImageTree, chosen: Chosen | None) -> None:
        self.by_layer: dict[int, dict[int, Entry]] = {}
        self.shared: set[Key] = set()
        """Keys that several of the chosen names stand for."""
        self.bytes = 0
        seen: set[Key] = set()
        for node in picked(tree.root, chosen):
            inode = tree.inode_of(node)
            if inode is None:
                continue
            if inode.key in seen:
                self.shared.add(inode.key)
                continue
            seen.add(inode.key)
            if has_content(inode.entry):
                self.by_layer.setdefault(inode.layer_index, {})[inode.entry.offset] = inode.entry
                self.bytes += inode.entry.stored


def picked(root: Node, chosen: Chosen | None) -> Iterator[Node]:
    """Yield what is no folder of the chosen part of a tree."""
    waiting = [(root, chosen)]
    while waiting:
        node, inner = waiting.pop()
        if not node.folder:
            yield node
            continue
        names: Iterable[str] = node.children if inner is None else inner.keys() & node.children.keys()
        waiting += [(node.children[name], None if inner is None else inner[name]) for name in names]


def names(path: str, chosen: Chosen | None) -> bool:
    """Whether a path is chosen as it is written."""
    here = chosen
    for part in path.split("/"):
        if here is None:
            return True
        if part not in here:
            return False
        here = here[part]
    return here is None


async def gather(
    store: LayerStore,
    image: Image,
    numbers: Sequence[int],
    stage: Stage | None,
    chosen: Chosen | None,
    *,
    alone: bool = False,
) -> ImageTree:
    """Return the tree of these layers, read where they are not known, the contents of what is chosen in the stage.

    stage: None where all are known. Where links lead to what is chosen, it may be missing still: ``fetch`` knows. Raises what ``LayerStore.scan`` raises.
    """
    layers = image.layers
    found: dict[int, LayerIndex] = {}
    for number in numbers:
        known = await store.known(layers[number])
        if known is not None:
            found[number] = known
    cover = Cover()
    lowest_unknown = min((number for number in numbers if number not in found), default=-1)
    for number in reversed(numbers):
        if number not in found and (same := await store.known(layers[number])) is not None:
            found[number] = same  # the layer is there twice
        if number not in found:
            take = _taker(number, stage, chosen, cover) if stage is not None else _nothing
            found[number] = await store.scan(layers[number], take)
        if number > lowest_unknown >= 0:
            await store.runtime.run(_cover, cover, number, found[number], store)
    indexes = [(number, found[number]) for number in numbers]
    return await store.runtime.run(lambda: build(store, image, indexes, removed=alone, alone=alone))


async def fetch(tree: ImageTree, wanted: Wanted, stage: Stage) -> None:
    """Bring into the stage what is wanted and not there. Raises LimitError before anything is read that is too much."""
    missing = {
        number: {offset: entry for offset, entry in files.items() if (number, offset) not in stage}
        for number, files in wanted.by_layer.items()
    }
    due = sum(entry.stored for files in missing.values() for entry in files.values())
    if stage.written + due > stage.limit:
        raise LimitError(stage.what, "bytes of files", stage.limit)

    async def layer(number: int) -> None:
        await _fetch_layer(tree, number, missing[number], stage)

    numbers = [number for number in sorted(missing, reverse=True) if missing[number]]
    outcomes = tree.store.runtime.map(layer, numbers, limit=min(_AT_ONCE, len(numbers) or 1))
    async for outcome in outcomes:
        outcome.result()
    await tree.store.runtime.run(stage.settle)


async def _fetch_layer(tree: ImageTree, number: int, files: dict[int, Entry], stage: Stage) -> None:
    store, layer = tree.store, tree.layers[number]
    if not worth_single(await store.index(layer), files.values()):

        def take(entry: Entry) -> Sink | None:
            return stage.sink((number, entry.offset), entry) if entry.offset in files else None

        await store.scan(layer, take)
    for entry in files.values():
        if (number, entry.offset) in stage:
            continue
        sink = stage.sink((number, entry.offset), entry)
        async with store.open_file(layer, entry) as stream:
            async for chunk in stream:
                await store.runtime.run(sink.write, chunk)
        await store.runtime.run(sink.close)


def worth_single(index: LayerIndex, files: Iterable[Entry]) -> bool:
    """Whether reading files one by one unpacks less than half of what reading the whole layer does."""
    files = list(files)
    if len(files) > SINGLE_FILES:
        return False
    if index.chunks is not None:  # a table of contents tells where each file is packed
        return sum(entry.size for entry in files) * 2 < sum(entry.size for entry in index.entries)
    total = index.unpacked_size or max(entry.data_offset + entry.stored for entry in files)
    cost = sum(entry.data_offset + entry.stored - index.before(entry.data_offset).unpacked for entry in files)
    return cost * 2 < total


def _taker(number: int, stage: Stage, chosen: Chosen | None, cover: Cover) -> Callable[[Entry], Sink | None]:
    """Return what is asked of every file of a layer: one that is chosen and not hidden goes into the stage."""

    def take(entry: Entry) -> Sink | None:
        if not has_content(entry) or not names(entry.path, chosen) or cover.hides(entry.path):
            return None
        return stage.sink((number, entry.offset), entry)

    return take


def _nothing(_: Entry) -> Sink | None:
    return None


def _cover(cover: Cover, number: int, index: LayerIndex, store: LayerStore) -> None:
    tree = LayerTree(f"layer {number}", limits=store.limits)
    tree.extend(index.entries)
    cover.add(tree)
