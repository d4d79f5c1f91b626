"""Two images, file by file: what one has and the other has not, and what is not the same in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InputError
from orlop.image.compare.archive import archive_differences
from orlop.image.compare.fields import ADDED, CHANGED, REMOVED
from orlop.image.compare.semantic import NOTHING, Ignore, matcher
from orlop.image.compare.stack import MoreError, Stack, one_layer
from orlop.image.compare.walk import CONTENT, KINDS, Difference, Side, differences
from orlop.image.tree import INDEXES_AT_ONCE, layer_numbers

if TYPE_CHECKING:
    from orlop.image.compare.sides import Pair, Sides
    from orlop.image.compare.stack import OneLayer
    from orlop.image.compare.textdiff import TextDiff
    from orlop.image.layers import LayerStore
    from orlop.image.view import Image
    from orlop.layer.index import LayerIndex
    from orlop.model.digest import Digest


class FileChange(NamedTuple):
    """One path that differs.

    path: cleaned, without a leading slash. change: ``added``, ``removed`` or ``changed``. kinds: how it changed, of
    ``orlop.image.compare.walk.KINDS``. diff: of the text, where it was asked for.
    """

    path: str
    change: str
    kinds: tuple[str, ...]
    base: Side | None
    target: Side | None
    diff: TextDiff | None = None


class Scope(NamedTuple):
    """Which layers of each image: up to and with one, None for all; or with ``alone`` that one by itself."""

    base: int | None = None
    target: int | None = None
    alone: bool = False


WHOLE = Scope()


@dataclass(frozen=True, slots=True)
class FilesOfPlatform:
    """What differs between the files of two images.

    platform: as a text, "" where none is stated. base, target: digests of the manifests, None for a platform that one of two
    indexes has not. changes: in the order of the paths, folders before what is in them. archive: of two layers by themselves,
    how their archives differ beside the files: ``order``, ``names``, ``format``.
    """

    platform: str
    base: Digest | None
    target: Digest | None
    changes: tuple[FileChange, ...]
    archive: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether both are there and nothing differs."""
        return self.base is not None and self.target is not None and not self.changes and not self.archive

    def count(self, change: str) -> int:
        """Return how many paths were ``added``, ``removed`` or ``changed``."""
        return sum(one.change == change for one in self.changes)


@dataclass(frozen=True, slots=True)
class FilesComparison:
    """The files of two images. base, target: how they were asked for. platforms: one, or of two indexes each of either."""

    base: str
    target: str
    platforms: tuple[FilesOfPlatform, ...]

    @property
    def equal(self) -> bool:
        """Whether no file differs and no platform is missing."""
        return all(one.equal for one in self.platforms)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        from orlop.image.compare.filesjson import comparison

        return comparison(self)


class Stores(NamedTuple):
    """What opens the layers of each side; one store for both where they are of one place."""

    base: LayerStore
    target: LayerStore


async def compare_files(
    sides: Sides, stores: Stores, *, scope: Scope = WHOLE, ignore: Ignore = NOTHING, diff: bool = False
) -> FilesComparison:
    """Return the files in which the images differ.

    scope: which layers. diff: with the differences of text files. Layers that both images begin with are read only where they
    decide something. Raises InputError for a layer that there is not, and what reading raises.
    """
    found = [await _Comparison(stores, pair, scope, ignore).run(diff=diff) for pair in sides.pairs]
    return FilesComparison(sides.base, sides.target, tuple(found))


class _Comparison:
    """One pair of images on its way to an answer."""

    def __init__(self, stores: Stores, pair: Pair, scope: Scope, ignore: Ignore) -> None:
        self._stores, self._pair, self._scope, self._ignore = stores, pair, scope, ignore
        self._runtime = stores.base.runtime
        self._skip = matcher(ignore.paths)

    async def run(self, *, diff: bool) -> FilesOfPlatform:
        base, target = self._pair.base, self._pair.target
        changes: tuple[FileChange, ...] = ()
        archive: tuple[str, ...] = ()
        if base is not None and target is not None:
            if self._scope.alone:
                changes, archive = await self._alone(base, target)
            else:
                changes = await self._merged(base, target)
            if diff and changes:
                from orlop.image.compare.textdiff import with_diffs

                changes = await with_diffs(self._stores, (base, target), changes)
        return FilesOfPlatform(self._pair.platform, self._pair.base_digest, self._pair.target_digest, changes, archive)

    async def _merged(self, base: Image, target: Image) -> tuple[FileChange, ...]:
        left = layer_numbers(base, upto=self._scope.base)
        right = layer_numbers(target, upto=self._scope.target)
        common = common_layers(base, target, min(len(left), len(right)))
        if common == len(left) == len(right):
            return ()
        jobs = [(0, base, number) for number in left[common:]] + [(1, target, number) for number in right[common:]]
        loaded = await self._load(jobs)
        tops = [[layer for (side, *_), (layer, _) in zip(jobs, loaded, strict=True) if side == at] for at in (0, 1)]
        shared: list[OneLayer] = []
        while True:
            whole = len(shared) == common
            stacks = [Stack([*top, *shared], whole=whole, limits=self._stores.base.limits) for top in tops]
            found = await self._runtime.run(self._differences, *stacks)
            if found is not None:
                return await self._settled(base, target, found)
            # Whatever the upper layers leave open, the next one below answers, for both images at once.
            ((layer, _),) = await self._load([(0, base, common - len(shared) - 1)])
            shared.append(layer)

    async def _alone(self, base: Image, target: Image) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        (left,) = layer_numbers(base, layer=self._scope.base or 0)
        (right,) = layer_numbers(target, layer=self._scope.target or 0)
        if base.layers[left].descriptor.digest == target.layers[right].descriptor.digest:
            return (), ()
        (one, first), (other, second) = await self._load([(0, base, left), (1, target, right)])
        stacks = [Stack([layer], whole=True, alone=True, limits=self._stores.base.limits) for layer in (one, other)]
        found = await self._runtime.run(self._differences, *stacks)
        changes = await self._settled(base, target, found or [])
        archive = await self._runtime.run(archive_differences, first, second, self._ignore, self._skip, bool(changes))
        return changes, archive

    def _differences(self, left: Stack, right: Stack) -> list[Difference] | None:
        try:
            return list(differences(left, right, self._ignore, self._skip, names=self._scope.alone))
        except MoreError:
            return None

    async def _load(self, jobs: list[tuple[int, Image, int]]) -> list[tuple[OneLayer, LayerIndex]]:
        """Return layers as trees, in order; a layer that both images have is read once."""
        by_digest: dict[object, list[int]] = {}
        for at, (_, image, number) in enumerate(jobs):
            layer = image.layers[number]
            by_digest.setdefault((layer.descriptor.digest, layer.diff_id), []).append(at)

        async def index(places: list[int]) -> LayerIndex:
            side, image, number = jobs[places[0]]
            return await self._stores[side].index(image.layers[number])

        groups = list(by_digest.values())
        indexes: dict[int, LayerIndex] = {}
        async for outcome in self._runtime.map(index, groups, limit=min(INDEXES_AT_ONCE, len(groups) or 1)):
            indexes.update(dict.fromkeys(outcome.item, outcome.result()))
        found = []
        for at, (_, image, number) in enumerate(jobs):
            what = f"layer {number} of {image.reference}"
            tree = await self._runtime.run(one_layer, what, number, indexes[at].entries, self._stores.base.limits)
            found.append((tree, indexes[at]))
        return found

    async def _settled(self, base: Image, target: Image, found: list[Difference]) -> tuple[FileChange, ...]:
        """Return the changes; contents that no index has hashes of are read, to compare them."""
        changes = []
        for one in found:
            kinds = one.kinds
            if one.unsure and one.base is not None and one.target is not None:
                left = await self._hash(0, base, one.base)
                if left != await self._hash(1, target, one.target):
                    kinds = tuple(kind for kind in KINDS if kind in {*kinds, CONTENT})
                elif not kinds:
                    continue
            change = ADDED if one.base is None else REMOVED if one.target is None else CHANGED
            changes.append(FileChange(one.path, change, kinds, one.base, one.target))
        return tuple(changes)

    async def _hash(self, at: int, image: Image, side: Side) -> bytes:
        if side.entry.sha256:
            return side.entry.sha256
        from hashlib import sha256

        made = sha256()
        async with self._stores[at].open_file(image.layers[side.layer], side.entry) as stream:
            async for chunk in stream:
                await self._runtime.run(made.update, chunk)
        return made.digest()


def common_layers(base: Image, target: Image, most: int) -> int:
    """Return how many layers both images begin with, by the digests of what is stored; at most ``most``."""
    left, right = base.manifest.layers, target.manifest.layers
    for at in range(most):
        if left[at].digest != right[at].digest:
            return at
    return most


def scope_of(
    *,
    layer: int | None = None,
    base_layer: int | None = None,
    target_layer: int | None = None,
    base_upto: int | None = None,
    target_upto: int | None = None,
) -> Scope:
    """Return the layers that are meant. Raises InputError for a mixture, and for one layer against none."""
    if layer is not None:
        base_layer = layer if base_layer is None else base_layer
        target_layer = layer if target_layer is None else target_layer
    if base_layer is None and target_layer is None:
        return Scope(base_upto, target_upto)
    if base_upto is not None or target_upto is not None:
        raise _refusal("one layer by itself, and layers up to one, are two different questions")
    if base_layer is None or target_layer is None:
        raise _refusal("one layer by itself is compared with one layer of the other image: name both")
    return Scope(base_layer, target_layer, alone=True)


def _refusal(reason: str) -> InputError:
    error = InputError("layers", reason)
    error.noun = "a choice of layers"
    return error
