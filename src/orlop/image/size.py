"""What an image weighs: its layers, what it shares with others, and what nobody can see any more.

The definition, and where it differs from dive's: ``docs/guide/size.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InputError, UnsupportedError
from orlop.layer.entry import FILE, HARDLINK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree
    from orlop.image.view import Image, Layer
    from orlop.layer.index import LayerIndex
    from orlop.model.descriptor import Descriptor

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class LayerSize:
    """One layer. unpacked_size: bytes of its archive. stored: bytes of the files in it. wasted: those of them that the image
    does not show. All three are None where the layer was not read.
    """

    layer: Layer
    unpacked_size: int | None
    stored: int | None
    wasted: int | None


@dataclass(frozen=True, slots=True)
class WastedFile:
    """A path with bytes that the image does not show. wasted: how many. copies: how often layers store it, the one that is
    shown counted. layers: those with hidden copies. removed: nothing is shown there now.
    """

    path: str
    wasted: int
    copies: int
    layers: tuple[int, ...]
    removed: bool


@dataclass(frozen=True, slots=True)
class Waste:
    """What is stored for nothing.

    stored: bytes of files that count. wasted: those of them that the image does not show. user: bytes of files in the layers
    above the base, or above the first where no base is given. files: the largest waste first.
    """

    stored: int
    wasted: int
    user: int
    files: tuple[WastedFile, ...]

    @property
    def efficiency(self) -> float:
        """The part of the stored bytes that is seen: 1 for nothing wasted."""
        return 1.0 - self.wasted / self.stored if self.stored else 1.0

    @property
    def user_share(self) -> float:
        """Wasted bytes against the user's: dive's userWastedPercent, a fraction. Where the user has none, 0 or 1."""
        return self.wasted / self.user if self.user else float(self.wasted > 0)


@dataclass(frozen=True, slots=True)
class ImageSize:
    """One image. size: bytes of its distinct layers as stored. unpacked_size: of their archives, None where one is unknown.

    shared: bytes of ``size`` in layers that another of the images has too. base_layers: how many layers were left to the base.
    waste: None where layers were not read. missing: foreign layers that the source does not hold.
    """

    image: Image
    size: int
    unpacked_size: int | None
    shared: int
    base_layers: int
    layers: tuple[LayerSize, ...]
    waste: Waste | None
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SharedLayer:
    """A layer that several of the images have. images: their numbers, from 0."""

    descriptor: Descriptor
    unpacked_size: int | None
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SizeReport:
    """Images together. size, unpacked_size: of all their layers, each distinct one once. shared: largest first."""

    images: tuple[ImageSize, ...]
    shared: tuple[SharedLayer, ...]
    size: int
    unpacked_size: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What an image must keep to; None leaves a rule out. The fields are dive's rules, fractions where it says percent."""

    lowest_efficiency: float | None = None
    highest_wasted_bytes: int | None = None
    highest_user_wasted_percent: float | None = None

    def check(self, waste: Waste) -> list[Verdict]:
        """Return a verdict for each rule that is set."""
        lowest, most, share = self.lowest_efficiency, self.highest_wasted_bytes, self.highest_user_wasted_percent
        verdicts = []
        if lowest is not None:
            verdicts.append(Verdict("lowestEfficiency", lowest, waste.efficiency, waste.efficiency >= lowest))
        if most is not None:
            verdicts.append(Verdict("highestWastedBytes", most, waste.wasted, waste.wasted <= most))
        if share is not None:
            verdicts.append(Verdict("highestUserWastedPercent", share, waste.user_share, waste.user_share <= share))
        return verdicts


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an image keeps to a rule. name: as dive has it."""

    name: str
    limit: float
    value: float
    passed: bool


async def measure(
    images: Sequence[tuple[LayerStore, Image]], *, base: Image | None = None, files: bool = True
) -> SizeReport:
    """Return what the images weigh, alone and together.

    images: each with what opens its layers. base: the image that they are built on; its bytes count only where the layers above
    hide them. files: read the layers, where their indexes are not kept, for all that is told of files. Raises InputError where
    the base's layers are not the lowest of an image, and what ``LayerStore.index`` raises.
    """
    owners: dict[object, list[int]] = {}
    for number, (_, image) in enumerate(images):
        for descriptor in image.manifest.layers:
            having = owners.setdefault(descriptor.digest, [])
            if having[-1:] != [number]:
                having.append(number)
    shared = {digest for digest, having in owners.items() if len(having) > 1}
    measured = [await _measure(store, image, shared, base, files=files) for store, image in images]
    found: dict[object, tuple[Descriptor, int | None]] = {}
    for one in measured:
        for row in one.layers:
            found[row.layer.descriptor.digest] = (row.layer.descriptor, row.unpacked_size)
    both = [SharedLayer(*found[digest], tuple(having)) for digest, having in owners.items() if digest in shared]
    return SizeReport(
        tuple(measured),
        tuple(sorted(both, key=lambda one: -one.descriptor.size)),
        sum(descriptor.size for descriptor, _ in found.values()),
        _sum([size for _, size in found.values()]),
    )


async def _measure(
    store: LayerStore, image: Image, shared: set[object], base: Image | None, *, files: bool
) -> ImageSize:
    below = base_layers(image, base) if base is not None else 0
    layers = image.layers
    indexes: list[LayerIndex | None] = []
    if files:
        indexes = await _indexes(store, layers)
        counted, waste = await store.runtime.run(lambda: _weigh(store, image, indexes, below))
        unpacked = [index.unpacked_size if index is not None else None for index in indexes]
    else:
        from orlop.image.history import unpacked_sizes

        unpacked = await unpacked_sizes(store, image, read=False)
        counted, waste = [(None, None)] * len(layers), None
    rows = [LayerSize(layer, size, *pair) for layer, size, pair in zip(layers, unpacked, counted, strict=True)]
    distinct = {row.layer.descriptor.digest: row for row in rows}.values()
    return ImageSize(
        image,
        image.size,
        _sum([row.unpacked_size for row in distinct]),
        sum(row.layer.size for row in distinct if row.layer.descriptor.digest in shared),
        below,
        tuple(rows),
        waste,
        tuple(at for at, index in enumerate(indexes) if index is None),
    )


def base_layers(image: Image, base: Image) -> int:
    """Return how many layers the base has. Raises InputError where they are not the lowest of the image."""
    layers, below = _identities(image), _identities(base)
    if not below or layers[: len(below)] != below:
        raise InputError(base.reference, f"its layers are not the lowest of {image.reference}").with_hint(
            "a base that was rebuilt since has other layers: name it by the digest of that time"
        )
    return len(below)


def _identities(image: Image) -> Sequence[object]:
    """Return what tells layers apart: their archives, as they may be packed anew; else how they are stored."""
    diff_ids = image.config.diff_ids
    return diff_ids if len(diff_ids) == len(image.manifest.layers) else [one.digest for one in image.manifest.layers]


async def _indexes(store: LayerStore, layers: Sequence[Layer]) -> list[LayerIndex | None]:
    async def index(layer: Layer) -> LayerIndex | None:
        try:
            return await store.index(layer)
        except UnsupportedError:
            if layer.descriptor.urls:
                return None  # foreign, and not here
            raise

    outcomes = store.runtime.map(index, layers, limit=min(_AT_ONCE, len(layers) or 1), ordered=True)
    return [outcome.result() async for outcome in outcomes]


def _weigh(
    store: LayerStore, image: Image, indexes: Sequence[LayerIndex | None], below: int
) -> tuple[list[tuple[int | None, int | None]], Waste]:
    """Return bytes stored and wasted of each layer, and the waste of all above the base."""
    from orlop.image.tree import build

    present = [(number, index) for number, index in enumerate(indexes) if index is not None]
    tree = build(store, image, present, removed=True)
    seen = _seen(tree)
    taken_by = {
        (node.layer_index, node.entry.offset): node.removed_by for node in tree.removed if node.entry.kind == FILE
    }
    hidden: dict[str, list[tuple[int, int]]] = {}
    stored = [0] * len(indexes)
    wasted = [0] * len(indexes)
    counted = lost = 0
    for number, index in present:
        for entry in index.entries:
            if entry.kind != FILE or not entry.stored:
                continue
            stored[number] += entry.stored
            key = (number, entry.offset)
            if key in seen:
                counted += entry.stored if number >= below else 0
                continue
            wasted[number] += entry.stored
            if taken_by.get(key, number) >= below:
                counted += entry.stored
                lost += entry.stored
                hidden.setdefault(entry.path, []).append((number, entry.stored))
    rows: list[tuple[int | None, int | None]] = [
        (stored[number], wasted[number]) if index is not None else (None, None) for number, index in enumerate(indexes)
    ]
    files = []
    for path, lost_here in hidden.items():
        shown = tree.get(path)
        still = shown is not None and shown.entry.kind in {FILE, HARDLINK}
        size = sum(stored_here for _, stored_here in lost_here)
        layers = tuple(dict.fromkeys(number for number, _ in lost_here))
        files.append(WastedFile(path, size, len(lost_here) + still, layers, shown is None))
    files.sort(key=lambda one: (-one.wasted, one.path))
    return rows, Waste(counted, lost, sum(stored[below or 1 :]), tuple(files))


def _seen(tree: ImageTree) -> set[tuple[int, int]]:
    """Return the contents that the image shows, under any name: (layer, offset)."""
    seen = set()
    for node in tree.walk():
        if node.entry.kind in {FILE, HARDLINK}:
            inode = tree.inode(node)
            if inode is not None:
                seen.add(inode.key)
    return seen


def _sum(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
