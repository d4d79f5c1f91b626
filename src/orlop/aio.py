"""The runtime of the asynchronous client and the server: asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from orlop.runtime import Outcome, Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4


class AsyncRuntime(Runtime):
    """Waits by suspending on the running event loop."""

    async def sleep(self, seconds: float) -> None:
        """See Runtime."""
        if seconds > 0:
            await asyncio.sleep(seconds)

    def monotonic(self) -> float:
        """See Runtime."""
        return time.monotonic()

    def now(self) -> float:
        """See Runtime."""
        return time.time()

    def lock(self) -> AbstractAsyncContextManager[object]:
        """See Runtime."""
        return asyncio.Lock()

    def gate(self, places: int) -> AbstractAsyncContextManager[object]:
        """See Runtime."""
        return asyncio.Semaphore(places)

    async def run(self, function: Callable[..., R], *args: object) -> R:
        """Run it in the loop's thread pool."""
        return await asyncio.to_thread(function, *args)

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int, ordered: bool = False
    ) -> AsyncIterator[Outcome[T, R]]:
        """See Runtime. ``limit`` tasks take items in turn; none outlives this generator."""
        limit = max(1, limit)
        source = enumerate(items)
        places = asyncio.Semaphore(limit * _AHEAD)
        outbox: asyncio.Queue[Outcome[T, R] | BaseException | None] = asyncio.Queue()
        workers = [asyncio.create_task(_work(function, source, places, outbox)) for _ in range(limit)]
        waiting: dict[int, Outcome[T, R]] = {}
        turn = 0
        working = limit
        try:
            while working:
                outcome = await outbox.get()
                if outcome is None:
                    working -= 1
                    places.release()
                elif isinstance(outcome, BaseException):
                    raise outcome
                elif ordered:
                    waiting[outcome.index] = outcome
                    while (due := waiting.pop(turn, None)) is not None:
                        yield due
                        turn += 1
                        places.release()
                else:
                    yield outcome
                    places.release()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _work(
    function: Callable[[T], Awaitable[R]],
    source: Iterator[tuple[int, T]],
    places: asyncio.Semaphore,
    outbox: asyncio.Queue[Outcome[T, R] | BaseException | None],
) -> None:
    try:
        while True:
            await places.acquire()
            taken = next(source, None)
            if taken is None:
                return
            index, item = taken
            try:
                outbox.put_nowait(Outcome(index, item, await function(item), None))
            except Exception as error:  # noqa: BLE001  # an item's error is its outcome
                outbox.put_nowait(Outcome(index, item, None, error))
    except Exception as error:  # noqa: BLE001  # the iterable failed: the consumer has to hear of it
        outbox.put_nowait(error)
    finally:
        outbox.put_nowait(None)
