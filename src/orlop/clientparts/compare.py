"""Two images compared: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from orlop.image.compare.config import ConfigComparison
    from orlop.image.compare.layers import LayersComparison
    from orlop.image.compare.metadata import MetadataComparison
    from orlop.image.compare.semantic import Ignore
    from orlop.image.compare.sides import Sides
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference


class Compare(Part):
    """What differs between two images, wherever each is. All answers have ``equal`` and ``to_json()``.

    Of two indexes, without a platform, every platform is compared with its like. platform: which one of an index.
    strict_platform: an image that is no index has to be of that platform as well. ignore: differences that do not count
    (``orlop.image.compare.semantic``). All raise PlatformChoiceError, UnsupportedError for what is no image, and what reading raises.
    """

    async def compare_layers(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        history: bool = False,
        compressed_size: bool = False,
    ) -> LayersComparison:
        """Return the layers of two images position by position; an index has to leave one platform.

        history: with the steps that made them, also those that made no layer. compressed_size: with their sizes as stored.
        """
        from orlop.image.compare.layers import compare_layers

        sides = await self._sides(base, target, platform, one=True, strict=strict_platform)
        left, right = sides.only
        return compare_layers(left, right, history=history, compressed_size=compressed_size)

    async def compare_config(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        ignore: Ignore | None = None,
    ) -> ConfigComparison:
        """Return the fields in which the configs of two images differ: environment, labels, command, user, history, ..."""
        from orlop.image.compare.config import ConfigComparison, compare_configs
        from orlop.image.compare.semantic import NOTHING

        sides = await self._sides(base, target, platform, strict=strict_platform)
        found = tuple(compare_configs(pair, ignore or NOTHING) for pair in sides.pairs)
        return ConfigComparison(sides.base, sides.target, found)

    async def compare_metadata(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        ignore: Ignore | None = None,
    ) -> MetadataComparison:
        """Return the fields in which indexes, manifests and configs differ: media types, annotations, platforms, sizes, ..."""
        from orlop.image.compare.metadata import compare_metadata
        from orlop.image.compare.semantic import NOTHING

        sides = await self._sides(base, target, platform, strict=strict_platform)
        return compare_metadata(sides, ignore or NOTHING)

    async def _sides(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        platform: str | PlatformSelector | None,
        *,
        one: bool = False,
        strict: bool = False,
    ) -> Sides:
        from orlop.image.compare.sides import open_sides

        left, right = await self.open(base), await self.open(target)
        return await open_sides(left, right, selector_of(platform), self._runtime, one=one, strict=strict)
