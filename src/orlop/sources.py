"""From locators to open sources: a folder, an archive, a store on disk.

``parse_locator`` tells locators from references; ``Places`` keeps what was opened until it is closed, so that an archive
is read through once and not with every question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.content.base import Located
from orlop.errors import UnsupportedError
from orlop.model.locator import Locator, parse_locator

if TYPE_CHECKING:
    from orlop.content.base import Source
    from orlop.runtime import Runtime

__all__ = ["Locator", "Places", "parse_locator"]


class Places:
    """The local places that a client has opened. manifest_limit: most bytes of a manifest."""

    def __init__(self, runtime: Runtime, manifest_limit: int) -> None:
        self._runtime, self._manifest_limit = runtime, manifest_limit

    async def open(self, locator: str | Locator) -> Located:
        """Return the place and the digest or the tag that the locator names in it."""
        raise UnsupportedError("reading", str(locator))

    async def source(self, locator: str | Locator) -> Source:
        """Return the place, without a name in it."""
        raise UnsupportedError("reading", str(locator))

    async def close(self) -> None:
        """Close what is open."""
