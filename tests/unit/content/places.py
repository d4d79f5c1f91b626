"""Short ways to open places and to step their coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from orlop.content.layout import LayoutFolder
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.sources import Places
from orlop.testing.builders import push
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from orlop.content.base import Located
    from orlop.content.local import LocalSource
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.testing.builders import Built

R = TypeVar("R")

RUNTIME = ThreadRuntime()


def run(work: Coroutine[object, object, R]) -> R:
    """Run a coroutine that never suspends, as the blocking client does."""
    return step(work)


def folder(root: Path) -> LayoutFolder:
    return LayoutFolder(str(root), RUNTIME)


def push_to(place: LayoutFolder, built: Built, *tags: str) -> None:
    run(push(built, place, tags=tags))


class Opened:
    """Places that are closed when the test ends."""

    def __init__(self) -> None:
        self.places = Places(RUNTIME, MANIFEST_LIMIT)

    def __call__(self, locator: str) -> LocalSource:
        return run(self.places.source(locator))  # type: ignore[return-value]  # all but stores are such

    def at(self, locator: str) -> Located:
        return run(self.places.open(locator))


def names(source: LocalSource) -> list[str]:
    async def listed() -> list[str]:
        return [name async for name in source.names()]

    return run(listed())


def tags(source: LocalSource) -> list[str]:
    async def listed() -> list[str]:
        return [tag.value async for tag in source.tags()]

    return run(listed())


def read(source: LocalSource, what: Descriptor | Digest) -> bytes:
    async def whole() -> bytes:
        async with source.open(what) as stream:
            return b"".join([chunk async for chunk in stream])

    return run(whole())


def referrers(source: LocalSource, subject: Digest) -> Sequence[Descriptor]:
    async def listed() -> list[Descriptor]:
        return [one async for one in source.referrers(subject)]

    return run(listed())
