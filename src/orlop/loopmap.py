"""Many at once on a ``Loop``: what ``Runtime.map`` is where coroutines may wait for one another."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Generic, Never, TypeVar

from orlop.runtime import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from orlop.loop import Loop, Signal, Task

T = TypeVar("T")
R = TypeVar("R")

# How many results may wait for their turn, per place, before no more items are taken.
_AHEAD = 4


class Feed(Generic[T]):
    """Items, without waiting for them: an iterable that may block is read by a thread, little further than is wanted."""

    def __init__(self, items: Iterable[T], ahead: int, hire: Callable[[Callable[[], None]], None]) -> None:
        self.ended = False
        self.heard: Callable[[], None] = _nobody
        self.error: BaseException | None = None
        self._direct: Iterator[T] | None = iter(items) if isinstance(items, Collection) else None
        if self._direct is None:
            self._items = iter(items)
            self._found: deque[T] = deque()
            self._wanted = threading.Semaphore(ahead)
            self._stopped = self._empty = False
            hire(self._read)

    def take(self) -> tuple[T] | None:
        """Return the next item in a tuple, or None where there is none yet, or none any more (``ended``, perhaps by ``error``)."""
        if self._direct is not None:
            try:
                return (next(self._direct),)
            except StopIteration:
                self.ended = True
            except Exception as error:  # noqa: BLE001  # raised once what came before it was handed on
                self.ended, self.error = True, error
            return None
        empty = self._empty  # before the look: what came first is taken first
        if self._found:
            self._wanted.release()
            return (self._found.popleft(),)
        self.ended = empty
        return None

    def more(self) -> bool:
        """Whether ``take`` would have something new to say."""
        return self._direct is None and bool(self._found or (self._empty and not self.ended))

    def stop(self) -> None:
        """Read no more."""
        if self._direct is None:
            self._stopped = True
            self._wanted.release()

    def _read(self) -> None:
        try:
            while True:
                self._wanted.acquire()
                if self._stopped:
                    return
                self._found.append(next(self._items))
                self.heard()
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001  # the consumer has to hear of it
            self.error = error
        self._empty = True
        self.heard()


def _nobody() -> None:
    """Tell nobody."""


async def _failing(error: Exception) -> Never:
    raise error


async def map_on(
    loop: Loop, function: Callable[[T], Awaitable[R]], feed: Feed[T], *, limit: int, ordered: bool
) -> AsyncIterator[Outcome[T, R]]:
    """Yield the outcome of each item, ``limit`` tasks of the loop at once; none outlives this generator."""
    limit = max(1, limit)
    done: deque[Outcome[T, R]] = deque()
    broken: list[BaseException] = []
    tasks: set[Task[R]] = set()
    early: dict[int, Outcome[T, R]] = {}
    waiter: Signal | None = None

    def tell() -> None:
        nonlocal waiter
        if waiter is not None:
            known, waiter = waiter, None
            known.wake()

    def ended(task: Task[R]) -> None:
        tasks.discard(task)
        index, item = task.about
        error = task.error
        if error is None or isinstance(error, Exception):
            done.append(Outcome(index, item, task.returned, error))
        else:
            broken.append(error)
        tell()

    feed.heard = tell
    taken = turn = 0
    try:
        while True:
            hungry = False
            while len(tasks) < limit and taken - turn < limit * _AHEAD and not feed.ended:
                found = feed.take()
                if found is None:
                    hungry = not feed.ended
                    break
                item = found[0]
                try:
                    work = function(item)
                except Exception as error:  # noqa: BLE001  # an item's error is its outcome
                    work = _failing(error)
                started = loop.start(work, ended, (taken, item))  # type: ignore[arg-type]  # coroutines are what map gets
                taken += 1
                if not started.over:
                    tasks.add(started)
            if broken:
                raise broken[0]
            if done:
                outcome = done.popleft()
                if not ordered:
                    turn += 1
                    yield outcome
                    continue
                early[outcome.index] = outcome
                while (due := early.pop(turn, None)) is not None:
                    turn += 1
                    yield due
            elif feed.ended and not tasks:
                if feed.error is not None:
                    raise feed.error
                return
            else:
                waiter = loop.signal()
                if not (hungry and feed.more()):  # asked again, now that whoever reads can wake us
                    await waiter
    finally:
        feed.stop()
        for task in list(tasks):
            loop.cancel(task)
        while tasks:
            waiter = loop.signal()
            await waiter
