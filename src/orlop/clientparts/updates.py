"""Newer tags: the client's method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part

if TYPE_CHECKING:
    from orlop.freshness.updates import Updates
    from orlop.model.locator import Locator
    from orlop.model.reference import Reference


class TagUpdates(Part):
    """What is newer than a tag."""

    async def updates(self, ref: str | Reference | Locator, *, limit: int = 50) -> Updates:
        """Return what is newer than the reference's tag in its family, and how many releases it is behind.

        limit: most tags whose digests are compared. Raises InputError for a reference without a tag,
        ManifestNotFoundError for a tag that is not there.
        """
        from orlop.errors import InputError
        from orlop.freshness.updates import find_updates
        from orlop.model.reference import Reference, Tag

        located = await self.open(ref)
        name = located.reference.tag if isinstance(located.reference, Reference) else located.name
        if not isinstance(name, Tag):
            name = located.name
        if not isinstance(name, Tag):
            error = InputError(str(ref), "only a tag has newer tags")
            error.noun = "a reference with a tag"
            raise error
        return await find_updates(located.source, name, str(ref), self._runtime, limit=limit)
