"""From the text of a REF to one image, for the commands that look into one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.sources import named, require_platform

if TYPE_CHECKING:
    from orlop import AsyncClient, Image, PlatformSelector
    from orlop.cli.context import App


async def chosen(app: App, client: AsyncClient, ref: str, selector: PlatformSelector | None) -> Image:
    """Return the one image that the selector leaves; what is no index is checked against an option that chooses.

    Raises PlatformChoiceError.
    """
    found = await client.image(named(app, ref), platform=selector)
    checked(app, found, selector, ref)
    return found


def checked(app: App, image: Image, selector: PlatformSelector | None, ref: str) -> None:
    """Check an image that is out of no index against an option that chooses a platform. Raises PlatformChoiceError."""
    if selector is not None and image.index is None and app.platform_given:
        require_platform(image.platform, selector, ref)
