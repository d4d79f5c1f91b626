"""The two sides of a comparison: which images stand beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import PlatformChoiceError
from orlop.image.resolve import platforms_of, resolve_platform
from orlop.image.view import Image, image_of
from orlop.model.manifest import Index
from orlop.model.platform import PlatformSelector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.content.base import Located, Source
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.manifest import Manifest
    from orlop.model.platform import Platform
    from orlop.runtime import Runtime

MANIFESTS_AT_ONCE = 8


class Pair(NamedTuple):
    """Two images of one platform; one of them is None where an index has not that platform.

    platform: as a text, "" where none is stated. base_entry, target_entry: what the indexes say of them, where there are such.
    """

    platform: str
    base: Image | None
    target: Image | None
    base_entry: Descriptor | None = None
    target_entry: Descriptor | None = None

    @property
    def base_digest(self) -> Digest | None:
        """Digest of the base's manifest."""
        return self.base.digest if self.base is not None else None

    @property
    def target_digest(self) -> Digest | None:
        """Digest of the target's manifest."""
        return self.target.digest if self.target is not None else None


class Sides(NamedTuple):
    """What is compared. base_source, target_source: where their content is. base_index, target_index: None for no index."""

    base: str
    target: str
    base_source: Source
    target_source: Source
    base_index: Index | None
    target_index: Index | None
    pairs: tuple[Pair, ...]

    @property
    def only(self) -> tuple[Image, Image]:
        """The two images where there is one pair, as ``open_sides`` with ``one`` gives. Raises ValueError for others."""
        ((_, base, target, *_),) = self.pairs
        if base is None or target is None:
            raise ValueError("a pair without a partner")
        return base, target


async def open_sides(
    base: Located,
    target: Located,
    selector: PlatformSelector | None,
    runtime: Runtime,
    *,
    one: bool = False,
    strict: bool = False,
) -> Sides:
    """Return the images that stand beside each other.

    selector: which platform of an index; None of two indexes pairs all of them, and of an index and an image that image's.
    one: it has to be one pair. strict: what is no index has to be of the selector's platform as well. Raises
    PlatformChoiceError; UnsupportedError for what is no image.
    """
    first = await base.source.manifest(base.name)
    second = await target.source.manifest(target.name)
    first_index = first if isinstance(first, Index) else None
    second_index = second if isinstance(second, Index) else None
    if selector is None and not one:
        if first_index is not None and second_index is not None:
            pairs = await _all_pairs(base, target, first_index, second_index, runtime)
            return Sides(base.text, target.text, base.source, target.source, first_index, second_index, pairs)
        if first_index is not None or second_index is not None:
            alone, where = (second, target) if first_index is not None else (first, base)
            image = await image_of(where.source, alone, None, where.text)
            selector = PlatformSelector.of(image.platform) if image.platform is not None else None
    left, left_entry = await _one(base, first, selector, strict=strict)
    right, right_entry = await _one(target, second, selector, strict=strict)
    platform = left.platform or right.platform
    pair = Pair(str(platform) if platform else "", left, right, left_entry, right_entry)
    return Sides(base.text, target.text, base.source, target.source, first_index, second_index, (pair,))


async def _one(
    at: Located, manifest: Manifest, selector: PlatformSelector | None, *, strict: bool
) -> tuple[Image, Descriptor | None]:
    if isinstance(manifest, Index):
        entry = resolve_platform(manifest, selector, at.text)
        return await image_of(at.source, await at.source.manifest(entry.digest), manifest, at.text), entry
    image = await image_of(at.source, manifest, None, at.text)
    if strict and selector is not None and image.platform is not None and not selector.matches(image.platform):
        raise PlatformChoiceError(at.text, str(selector), (str(image.platform),), 0)
    return image, None


async def _all_pairs(base: Located, target: Located, first: Index, second: Index, runtime: Runtime) -> tuple[Pair, ...]:
    left, right = platforms_of(first), platforms_of(second)
    jobs = [(base, first, entry) for entry in left] + [(target, second, entry) for entry in right]

    async def view(job: tuple[Located, Index, Descriptor]) -> Image:
        at, index, entry = job
        return await image_of(at.source, await at.source.manifest(entry.digest), index, at.text)

    outcomes = runtime.map(view, jobs, limit=min(MANIFESTS_AT_ONCE, len(jobs) or 1), ordered=True)
    images = [outcome.result() async for outcome in outcomes]
    bases = list(zip(images[: len(left)], left, strict=True))
    targets = list(zip(images[len(left) :], right, strict=True))
    return pair_up(bases, targets)


def pair_up(bases: Sequence[tuple[Image, Descriptor]], targets: Sequence[tuple[Image, Descriptor]]) -> tuple[Pair, ...]:
    """Return the images of two indexes platform by platform: base's order, then what the target alone has.

    The same platform first, in order where one is listed twice; then Windows' builds, whose last number does not count.
    """
    partners: dict[int, int] = {}
    free = list(range(len(targets)))
    for fits in (_same_platform, _same_build):
        for at, one in enumerate(bases):
            if at in partners:
                continue
            found = next((there for there in free if fits(_platform(*one), _platform(*targets[there]))), None)
            if found is not None:
                partners[at] = found
                free.remove(found)
    pairs = []
    for at, (image, entry) in enumerate(bases):
        there = partners.get(at)
        other, other_entry = targets[there] if there is not None else (None, None)
        pairs.append(Pair(_text(image, entry), image, other, entry, other_entry))
    pairs += [Pair(_text(*targets[there]), None, targets[there][0], None, targets[there][1]) for there in free]
    return tuple(pairs)


def _platform(image: Image, entry: Descriptor) -> Platform | None:
    return entry.platform or image.platform


def _text(image: Image, entry: Descriptor) -> str:
    platform = _platform(image, entry)
    return str(platform) if platform is not None else ""


def _same_platform(one: Platform | None, other: Platform | None) -> bool:
    return one == other


def _same_build(one: Platform | None, other: Platform | None) -> bool:
    if one is None or other is None or one.os != "windows" or other.os != "windows":
        return False
    return PlatformSelector.of(one).matches(other) or PlatformSelector.of(other).matches(one)
