"""What the contract suites share: the samples, the running of coroutines, and how a test is made of one."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from orlop.content.base import Content
from orlop.model.digest import Digest
from orlop.testing.builders import artifact, image, index, push
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from orlop.content.base import Source, Target
    from orlop.model.descriptor import Descriptor

Place = TypeVar("Place")

ABSENT = Digest.of(b"nobody ever stored this")


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Place]:
    """Yield a place that needs no opening."""
    yield place


class Samples:
    """What the suites store: an image under two tags, an index of two images, an artifact about the image."""

    def __init__(self) -> None:
        self.image = image([layer({"a": b"hello"}), layer({"b": bytes(100_000)}, compression="")])
        self.other = image([layer({"c": b"other"})], platform="linux/arm64", docker=True)
        self.index = index([self.image, self.other])
        self.note = artifact({"note.txt": b"noted"}, artifact_type="application/vnd.orlop.note", subject=self.image)
        self.tags = {"one": self.image, "two": self.image, "many": self.index, "other": self.other}

    @property
    def layer(self) -> tuple[Descriptor, bytes]:
        """The first layer: its descriptor and its bytes."""
        blob = self.image.blobs[1]
        return blob.descriptor, blob.data

    async def fill(self, target: Target) -> None:
        """Push all of it."""
        await push(self.index, target, tags=["many"])
        await push(self.image, target, tags=["one", "two"])
        await push(self.other, target, tags=["other"])
        await push(self.note, target)


def steps(body: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of a coroutine function (self, place, ...): ``factory`` opens the place, ``run`` runs it."""

    def test(self: Suite, factory: Callable[[], AbstractAsyncContextManager[Any]], **more: Any) -> None:
        async def whole() -> None:
            async with factory() as place:
                await self.prepare(place)
                await body(self, place, **more)

        self.run(whole())

    test.__name__, test.__qualname__, test.__doc__ = body.__name__, body.__qualname__, body.__doc__
    # pytest reads fixtures from the signature: "place" becomes "factory", the rest stays.
    names = list(inspect.signature(body).parameters.values())
    test.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [names[0], names[1].replace(name="factory"), *names[2:]]
    )
    test.pytestmark = getattr(body, "pytestmark", [])  # type: ignore[attr-defined]
    return test


class Suite:
    """What the suites share."""

    samples = Samples()

    @pytest.fixture
    def factory(self) -> Callable[[], AbstractAsyncContextManager[Any]]:
        """Override this: what opens an empty place of the kind under test."""
        raise NotImplementedError

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a test's coroutine; override it for a place that runs otherwise."""
        asyncio.run(coroutine)

    async def prepare(self, place: Any) -> None:
        """Be called before each test with the opened place."""

    def need(self, ability: bool) -> None:  # an ability of the class
        """Skip the test when the place has not the ability."""
        if not ability:
            pytest.skip("this place says that it cannot")


class Failing(Content):
    """Content that ends early: the first bytes come, then the error, or nothing for ever.

    ``reached`` is set when the first bytes were taken.
    """

    def __init__(self, first: bytes, error: Exception | None = None) -> None:
        self._first, self._error = first, error
        self.reached = asyncio.Event()

    @asynccontextmanager
    async def open(self, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the bytes that never end."""

        async def pieces() -> AsyncIterator[bytes]:
            yield self._first[start:]
            self.reached.set()
            if self._error is not None:
                raise self._error
            await asyncio.Event().wait()

        yield pieces()


async def read(place: Source, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None) -> bytes:
    """Return content as bytes."""
    async with place.open(what, start=start, stop=stop) as stream:
        return b"".join([chunk async for chunk in stream])


async def tags(place: Source, *, after: str = "", limit: int | None = None) -> list[str]:
    """Return the tags as texts."""
    return [str(tag) async for tag in place.tags(after=after, limit=limit)]
