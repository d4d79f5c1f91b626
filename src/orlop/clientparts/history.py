"""How an image was made, layer by layer, and what it weighs: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.image.dockerfile import Dockerfile
    from orlop.image.history import LayerList
    from orlop.image.layers import LayerStore
    from orlop.image.size import SizeReport
    from orlop.image.view import Image
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference


class History(Part):
    """Layers with the steps that made them, Dockerfiles, sizes."""

    async def layers(
        self,
        ref: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        unpacked: bool = False,
    ) -> LayerList:
        """Return the layers of an image with their sizes and the steps of the history that made them.

        unpacked: read layers whose unpacked size is not known. Raises as ``image`` does, and IntegrityError's kinds.
        """
        from orlop.image.history import list_layers

        store, image = await self._image_and_store(ref, platform)
        return await list_layers(store, image, unpacked=unpacked)

    async def dockerfile(
        self,
        ref: str | Reference | Locator,
        *,
        platform: str | PlatformSelector | None = None,
        base: str | Reference | Locator | None = None,
    ) -> Dockerfile:
        """Return a Dockerfile out of the history of an image; ``text()`` is what to read.

        base: the image that it is built on, whose steps are left to FROM; of an index, the same platform. Raises as ``image``
        does, and InputError where the base's layers are not the lowest of the image.
        """
        from orlop.image.dockerfile import dockerfile_of

        _, image = await self._image_and_store(ref, platform)
        below = await self._base(base, image, platform)
        return dockerfile_of(image, base=below)

    async def size(
        self,
        refs: Sequence[str | Reference | Locator],
        *,
        platform: str | PlatformSelector | None = None,
        base: str | Reference | Locator | None = None,
        files: bool = True,
    ) -> SizeReport:
        """Return what images weigh, what layers they share, and what they store that nobody sees.

        base: the image that they are built on, of which only what they hide counts. files: read the layers whose indexes are
        not kept; without it no layer is fetched, and there is no waste to tell. Raises as ``layers`` and ``dockerfile`` do.
        """
        from orlop.image.size import measure

        images = [await self._image_and_store(ref, platform) for ref in refs]
        below = await self._base(base, images[0][1], platform) if images else None
        return await measure(images, base=below, files=files)

    async def _image_and_store(
        self, ref: str | Reference | Locator, platform: str | PlatformSelector | None
    ) -> tuple[LayerStore, Image]:
        """Return the image, and what opens its layers."""
        from orlop.image.view import open_image

        at = await self.open(ref)
        return self.layers_of(at.source), await open_image(at.source, at.name, selector_of(platform), at.text)

    async def _base(
        self, base: str | Reference | Locator | None, image: Image, platform: str | PlatformSelector | None
    ) -> Image | None:
        """Return the base, of the image's platform where nothing else was asked for."""
        if base is None:
            return None
        if platform is None and image.platform is not None:
            from orlop.model.platform import PlatformSelector

            own = image.platform
            platform = PlatformSelector(own.os, own.architecture, own.variant, own.os_version)
        return (await self._image_and_store(base, platform))[1]
