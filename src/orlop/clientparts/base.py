"""What a part of the client may use of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orlop.content.base import Located, Source
    from orlop.content.cache import Cache
    from orlop.image.layers import LayerStore
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference, Repository
    from orlop.registry.session import Session
    from orlop.runtime import Runtime


class Part:
    """The base of every part: each is inherited by ``AsyncClient``, which has these."""

    _runtime: Runtime
    _cache: Cache | None
    _session: Session
    _manifest_limit: int
    concurrency: int

    if TYPE_CHECKING:

        async def open(self, ref: str | Reference | Locator) -> Located:
            """See AsyncClient."""

        async def source(self, place: str | Repository | Reference | Locator) -> Source:
            """See AsyncClient."""

        def layers_of(self, source: Source) -> LayerStore:
            """See AsyncClient."""


def selector_of(platform: str | PlatformSelector | None) -> PlatformSelector | None:
    """Return the wish for a platform that a text means. Raises InvalidPlatformError."""
    if not isinstance(platform, str):
        return platform
    from orlop.model.platform import PlatformSelector

    return PlatformSelector.parse(platform)
