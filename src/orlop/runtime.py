"""Sleep, clock, locks and many-at-once as one injected value.

Everything below the face is written once, as coroutines. ``Runtime`` is what those coroutines may
wait on. ``orlop.threads.ThreadRuntime`` blocks and never suspends, so that a coroutine can be stepped
to its end by a plain thread; ``orlop.aio.AsyncRuntime`` suspends on asyncio. Which one is chosen at the top.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")
R = TypeVar("R")


class Outcome(Generic[T, R]):
    """What became of one item of ``Runtime.map``: its result, or the exception it raised."""

    __slots__ = ("_result", "error", "index", "item")

    def __init__(self, index: int, item: T, result: R | None, error: Exception | None) -> None:
        self.index, self.item, self._result, self.error = index, item, result, error

    def result(self) -> R:
        """Return the result, or raise what the item raised."""
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # R may itself include None


class Runtime(ABC):
    """What coroutines below the face may wait on."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less returns at once."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970, UTC."""

    @abstractmethod
    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a new lock, entered with ``async with``. Not re-entrant."""

    @abstractmethod
    def gate(self, places: int) -> AbstractAsyncContextManager[object]:
        """Return a new gate that lets ``places`` holders in at once."""

    @abstractmethod
    async def run(self, function: Callable[..., R], *args: object) -> R:
        """Run blocking work (files, processes, hashing of much) where it stops nobody else."""

    @abstractmethod
    def map(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int, ordered: bool = False
    ) -> AsyncIterator[Outcome[T, R]]:
        """Yield the outcome of each item, ``limit`` at once.

        items: read lazily, never much further than what has been yielded. ordered: yield in order of
        input instead of completion. An Exception of one item is its outcome and ends nothing else.
        """
