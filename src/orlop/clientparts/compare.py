"""Two images compared: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.image.compare.config import ConfigComparison
    from orlop.image.compare.files import FilesComparison, Stores
    from orlop.image.compare.layers import LayersComparison
    from orlop.image.compare.metadata import MetadataComparison
    from orlop.image.compare.packages import PackagesComparison
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

    async def compare_files(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        layer: int | None = None,
        base_layer: int | None = None,
        target_layer: int | None = None,
        base_upto: int | None = None,
        target_upto: int | None = None,
        ignore: Ignore | None = None,
        diff: bool = False,
    ) -> FilesComparison:
        """Return the paths in which the files of two images differ, and how each does.

        layer: this layer of both by itself, by its index from 0 at the bottom; base_layer, target_layer: one of each. base_upto,
        target_upto: the layers up to and with this one. diff: with unified diffs of text files. Layers that both begin with are
        read only where they decide something, and what was read once is not fetched again as long as the cache knows it.
        Raises InputError for a layer that there is not, LimitError, IntegrityError's kinds.
        """
        from orlop.image.compare.files import compare_files, scope_of
        from orlop.image.compare.semantic import NOTHING

        scope = scope_of(
            layer=layer,
            base_layer=base_layer,
            target_layer=target_layer,
            base_upto=base_upto,
            target_upto=target_upto,
        )
        sides = await self._sides(base, target, platform, strict=strict_platform)
        return await compare_files(sides, self._stores(sides), scope=scope, ignore=ignore or NOTHING, diff=diff)

    async def compare_folders(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        to: str,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        layer: int | None = None,
        base_layer: int | None = None,
        target_layer: int | None = None,
        base_upto: int | None = None,
        target_upto: int | None = None,
        ignore: Ignore | None = None,
    ) -> FilesComparison:
        """Write the files of two images into the folders ``base`` and ``target`` below ``to``, and return their differences.

        An index has to leave one platform. Owners are not kept, devices are left out, and nothing is written elsewhere.
        Raises as ``compare_files``, and StorageError.
        """
        from orlop.image.compare.files import compare_files, scope_of
        from orlop.image.compare.folders import write_sides
        from orlop.image.compare.semantic import NOTHING

        scope = scope_of(
            layer=layer,
            base_layer=base_layer,
            target_layer=target_layer,
            base_upto=base_upto,
            target_upto=target_upto,
        )
        sides = await self._sides(base, target, platform, one=True, strict=strict_platform)
        stores = self._stores(sides)
        await write_sides(sides, stores, to, scope=scope)
        return await compare_files(sides, stores, scope=scope, ignore=ignore or NOTHING)

    async def compare_packages(
        self,
        base: str | Reference | Locator,
        target: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        strict_platform: bool = False,
        kinds: Iterable[str] | None = None,
    ) -> PackagesComparison:
        """Return the packages that were added, removed, upgraded or downgraded from one image to the other.

        kinds: as for ``packages``. What could not be read is in the notes. Raises InputError for a kind that there is not, and
        what ``packages`` raises.
        """
        from orlop.image.compare.packages import compare_packages
        from orlop.image.packages.find import check_kinds

        wanted = check_kinds(kinds)
        sides = await self._sides(base, target, platform, strict=strict_platform)
        return await compare_packages(sides, self._stores(sides), cache=self._cache, kinds=wanted)

    def _stores(self, sides: Sides) -> Stores:
        from orlop.image.compare.files import Stores

        base = self.layers_of(sides.base_source)
        # Of one place a layer is opened once, also where it is a layer of both.
        same = sides.base_source.name == sides.target_source.name
        return Stores(base, base if same else self.layers_of(sides.target_source))

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
