"""What is newer than a tag: all tags of its repository, and the digests of those that matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.errors import NotFoundError
from orlop.freshness.families import Newer, newer, releases_behind
from orlop.model.reference import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.content.base import Source
    from orlop.runtime import Runtime

HEADS = 50
"""Most tags whose digests are asked for."""


@dataclass(frozen=True, slots=True)
class Updates:
    """What is newer than a reference's tag.

    digest: what the tag names now. newer: the candidates. behind: how many releases are above it, by the first part that
    differs (``patch``, ``minor``, ``major``, ``release``, ``build``). tags: how many tags the repository has. counted: whether
    the digests of all newer tags were compared, so that names of one release count once.
    """

    reference: str
    tag: str
    digest: str
    newer: Newer
    behind: Mapping[str, int] = field(default_factory=dict)
    tags: int = 0
    counted: bool = True

    @property
    def current(self) -> bool:
        """Whether nothing newer of the same family was found."""
        return self.newer.of_family is None


async def find_updates(source: Source, tag: Tag, reference: str, runtime: Runtime, *, limit: int = HEADS) -> Updates:
    """Return what is newer than the tag. limit: most tags whose digests are compared (rule Q4: one HEAD each).

    Raises ManifestNotFoundError when the tag itself is not there, and what listing the tags raises.
    """
    own = (await source.resolve(tag)).descriptor.digest.value
    tags = [found.value async for found in source.tags()]
    first = newer(tag.value, tags)
    wanted = _wanted(first, tags, tag.value)[:limit]
    digests = {tag.value: own}

    async def digest(name: str) -> str:
        return (await source.resolve(Tag(name))).descriptor.digest.value

    async for outcome in runtime.map(digest, wanted, limit=8):
        if outcome.error is None:
            digests[outcome.item] = outcome.result()
        elif not isinstance(outcome.error, NotFoundError):  # a tag may go between the list and the question
            raise outcome.error
    found = newer(tag.value, tags, digests)
    counted = all(candidate.digest for candidate in found.tags)
    return Updates(reference, tag.value, own, found, releases_behind(found), len(tags), counted)


def _wanted(first: Newer, tags: list[str], own: str) -> list[str]:
    """Return the tags whose digests decide: the best candidates, the rest of them newest first, then possible aliases."""
    best = [c.tag for c in (first.of_line, first.of_family, first.variants, first.across) if c is not None]
    rest = [candidate.tag for candidate in reversed(first.tags)]
    aliases = [name for name in tags if name != own and _may_be_alias(own, name)]
    return list(dict.fromkeys([*best, *rest, *aliases]))


def _may_be_alias(tag: str, other: str) -> bool:
    return other.startswith((f"{tag}.", f"{tag}-")) or tag.startswith((f"{other}.", f"{other}-")) or other == "latest"
