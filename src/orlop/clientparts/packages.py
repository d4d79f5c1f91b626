"""The packages of an image: the client's method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.image.packages.find import PackageList
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference


class Packages(Part):
    """What package managers and linkers left in an image."""

    async def packages(
        self,
        ref: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        kinds: Iterable[str] | None = None,
        layer: int | None = None,
    ) -> PackageList:
        """Return the packages of one image, each with its version and the layer that it appeared in.

        kinds: of ``deb``, ``apk``, ``rpm``, ``pypi``, ``npm``, ``golang``, ``maven``; all unless given. layer: only what
        appeared in this layer, by its index from 0 at the bottom. What could not be read is in ``notes``. Layers are read once,
        and not again as long as the cache knows them. Raises PlatformChoiceError, InputError for a kind or a layer that there is
        not, IntegrityError's kinds.
        """
        from orlop.image.packages.find import KIND, check_kinds, find_packages
        from orlop.image.view import open_image

        wanted = check_kinds(kinds)
        at = await self.open(ref)
        image = await open_image(at.source, at.name, selector_of(platform), str(ref))
        derived = None
        if self._cache is not None:
            from orlop.content.derived import DerivedCache

            derived = DerivedCache(self._cache, KIND)
        return await find_packages(self.layers_of(at.source), image, derived=derived, kinds=wanted, layer=layer)
