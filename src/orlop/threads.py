"""The runtime of the blocking client: plain threads that step coroutines, and one loop where many are under way.

Nothing suspends outside a ``Loop``, so ``step`` runs any coroutine below the face to its end with one ``send``.
What waits inside the HTTP library does not hear of Ctrl-C, so the main thread does not without help: ``call`` hands
the coroutine to a worker and waits on a queue, which signals do interrupt, and ``ask`` has its wait ended by another
thread. Inside a ``Loop`` everything suspends.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from orlop.runtime import Outcome, Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
    from contextlib import AbstractAsyncContextManager

    from orlop.interrupts import Interrupts
    from orlop.loop import Departure, Loop, Signal

T = TypeVar("T")
R = TypeVar("R")

# How many results may wait for their turn, per worker, before workers wait too.
_AHEAD = 4
_FIRST = 8
# An item that takes longer waits for something far away, and another thread can wait beside it.
_LONG_S = 0.01
# Blocking work at once beside a loop.
_BESIDE = 8


class _Here(threading.local):
    loop: Loop | None = None


HERE = _Here()
"""``loop``: the loop that this thread drives just now, if any."""


def step(work: Coroutine[object, object, R]) -> R:
    """Run a coroutine that never suspends, and return its result."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    work.close()
    raise RuntimeError("a coroutine suspended under the blocking runtime")


def _step_outside(work: Coroutine[object, object, R]) -> R:
    """Step a coroutine that blocks, though this thread may be driving a loop around it."""
    around, HERE.loop = HERE.loop, None
    try:
        return step(work)
    finally:
        HERE.loop = around


class _Worker(threading.Thread):
    """One thread that runs what it is handed, until it is handed None."""

    def __init__(self) -> None:
        super().__init__(name="orlop", daemon=True)
        self.inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while (job := self.inbox.get()) is not None:
            job()
            del job  # not while waiting: it would keep the last result alive


class _Gate:
    """Lets so many in at once; threads wait by blocking and tasks of a loop by suspending."""

    __slots__ = ("_free", "_guard", "_waiting")

    def __init__(self, places: int) -> None:
        self._guard = threading.Lock()
        self._free = places
        self._waiting: list[Signal | threading.Lock] = []

    async def __aenter__(self) -> object:
        with self._guard:
            if self._free:
                self._free -= 1
                return self
            loop = HERE.loop
            turn: Signal | threading.Lock
            if loop is None:
                turn = threading.Lock()
                turn.acquire()
            else:
                turn = loop.signal()
            self._waiting.append(turn)
        try:
            if loop is None:
                turn.acquire()  # type: ignore[union-attr]  # a lock, as there is no loop
            else:
                await turn  # type: ignore[misc]  # a signal
        except BaseException:
            with self._guard:
                handed = turn not in self._waiting
                if not handed:
                    self._waiting.remove(turn)
            if handed:
                self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        with self._guard:
            if not self._waiting:
                self._free += 1
                return
            turn = self._waiting.pop(0)
        if isinstance(turn, _LockType):
            turn.release()
        else:
            turn.wake()


_LockType = type(threading.Lock())


class ThreadRuntime(Runtime):
    """Waits by blocking; many at once is threads, at most ``max_threads`` of them beside the callers'."""

    def __init__(self, max_threads: int = 64) -> None:
        self._idle: list[_Worker] = []
        self._guard = threading.Lock()
        self._spare = max_threads
        self._closed = threading.Event()
        self._beside = _Gate(_BESIDE)
        self.wake: Callable[[], None] | None = None
        self._interrupts: Interrupts | None = None

    async def sleep(self, seconds: float) -> None:
        """Block this thread, where a closed runtime cuts the wait short, or suspend the task."""
        if seconds > 0:
            if HERE.loop is not None:
                await HERE.loop.after(seconds)
            else:
                self._closed.wait(seconds)

    def monotonic(self) -> float:
        """See Runtime."""
        return time.monotonic()

    def now(self) -> float:
        """See Runtime."""
        return time.time()

    def lock(self) -> AbstractAsyncContextManager[object]:
        """See Runtime."""
        return _Gate(1)

    def gate(self, places: int) -> AbstractAsyncContextManager[object]:
        """See Runtime."""
        return _Gate(places)

    def departure(self) -> Departure | None:
        """Return what to await before a request is sent, where this thread drives a loop just now; None where it blocks."""
        loop = HERE.loop
        return None if loop is None else loop.departure()

    async def run(self, function: Callable[..., R], *args: object) -> R:
        """Run it here, where this thread is the caller's own; on a thread beside the loop where other tasks are."""
        loop = HERE.loop
        if loop is None or not loop.live:
            return function(*args)
        async with self._beside:
            return await self._elsewhere(loop, function, args)

    async def _elsewhere(self, loop: Loop, function: Callable[..., R], args: tuple[object, ...]) -> R:
        over = loop.signal()
        box: list[tuple[R | None, BaseException | None]] = []

        def job() -> None:
            try:
                box.append((function(*args), None))
            except BaseException as error:  # noqa: BLE001  # handed to the task that waits
                box.append((None, error))
            over.wake()

        self._begin(job)
        await over
        result, error = box.pop()
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # R may itself include None

    def loop(self) -> Loop:
        """Return a new loop whose tasks go on while nobody drives it. Close it."""
        from orlop.loop import Loop

        made = Loop()
        self._begin(made.keep)
        return made

    def _begin(self, work: Callable[[], None]) -> None:
        """Have a thread do this, however long it takes."""
        worker = self._hire()

        def job() -> None:
            work()
            self._idle.append(worker)
            if self._closed.is_set():
                self._dismiss()

        worker.inbox.put(job)

    def ask(self, work: Coroutine[object, object, R]) -> R:
        """Run a coroutine that only asks registries, to its end, on this thread, and return its result.

        On the main thread ``wake`` has to be there: it ends the wait when a signal comes.
        """
        if self.wake is None or threading.current_thread() is not threading.main_thread():
            return self.call(work)
        if self._interrupts is None:
            from orlop.interrupts import Interrupts

            self._interrupts = Interrupts(self.wake)
        return self._interrupts.watched(partial(_step_outside, work))

    def call(self, work: Coroutine[object, object, R]) -> R:
        """Run a coroutine to its end and return its result.

        On the main thread a worker runs it while the main thread waits where Ctrl-C reaches it;
        any other thread runs it itself.
        """
        if threading.current_thread() is not threading.main_thread():
            return _step_outside(work)
        outbox: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()
        worker = self._hire()
        worker.inbox.put(lambda: outbox.put(_settled(work)))
        result, error = outbox.get()
        self._idle.append(worker)
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle through this frame
        return result  # type: ignore[return-value]  # R may itself include None

    def close(self) -> None:
        """Let idle workers end; busy ones end with what they do."""
        self._closed.set()
        if self._interrupts is not None:
            self._interrupts.close()
        self._dismiss()

    def _dismiss(self) -> None:
        while self._idle:
            self._idle.pop().inbox.put(None)

    def _hire(self) -> _Worker:
        try:
            while not (worker := self._idle.pop()).is_alive():
                pass  # a fork left it behind
        except IndexError:
            return _Worker()
        return worker

    def _lend(self, pool: _Pool[T, R]) -> None:
        def work() -> None:
            pool.work()
            with self._guard:
                self._spare += 1

        self._begin(work)

    def _take(self, wanted: int) -> int:
        with self._guard:
            got = min(max(1, wanted), self._spare)
            self._spare -= got
            return got

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int, ordered: bool = False
    ) -> AsyncIterator[Outcome[T, R]]:
        """See Runtime. In a loop, items are its tasks; elsewhere threads step them."""
        loop = HERE.loop
        if loop is None:
            return self._on_threads(function, items, limit, ordered)
        from orlop.loopmap import Feed, map_on

        return map_on(loop, function, Feed(items, max(1, limit), self._begin), limit=limit, ordered=ordered)

    async def _on_threads(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int, ordered: bool
    ) -> AsyncIterator[Outcome[T, R]]:
        # With no thread to spare (a map inside a map) the items run one after another here.
        threads = self._take(limit)
        if threads == 0:
            for index, item in enumerate(items):
                yield _outcome(index, item, function)
            return
        pool = _Pool(function, items, threads, lambda: self._lend(pool))
        try:
            pool.begin()
            for outcome in pool.ordered() if ordered else pool.completed():
                yield outcome
        finally:
            unused = pool.stop()
            with self._guard:
                self._spare += unused


def _settled(work: Coroutine[object, object, R]) -> tuple[R | None, BaseException | None]:
    try:
        return step(work), None
    except BaseException as error:  # noqa: BLE001  # handed to the thread that waits, which would wait for ever
        return None, error


def _outcome(index: int, item: T, function: Callable[[T], Awaitable[R]]) -> Outcome[T, R]:
    try:
        return Outcome(index, item, step(function(item)), None)  # type: ignore[arg-type]  # coroutines are what map gets
    except Exception as error:  # noqa: BLE001  # an item's error is its outcome
        return Outcome(index, item, None, error)


class _Pool(Generic[T, R]):
    """Workers that take items in order and put outcomes where one consumer reads them.

    A few workers begin; each item that takes long brings one more, up to ``threads``. Where answers come at once, more
    threads would only wait for one another.
    """

    def __init__(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], threads: int, hire: Callable[[], None]
    ) -> None:
        self._function = function
        self._hire = hire
        self._items = enumerate(items)
        self._next = threading.Lock()
        self._outbox: SimpleQueue[Outcome[T, R] | BaseException | None] = SimpleQueue()
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(threads * _AHEAD):
            self._places.put(None)
        self._most = threads
        self._threads = self._ended = 0
        # Not the items' lock: whoever holds that may wait long for the next item.
        self._count = threading.Lock()
        self._stopped = False

    def begin(self) -> None:
        """Let the first workers begin."""
        for _ in range(min(_FIRST, self._most)):
            self._another()

    def _another(self) -> None:
        with self._count:
            if self._stopped or self._threads >= self._most:
                return
            self._threads += 1
        self._hire()

    def work(self) -> None:
        """Take items until there are none; what one worker runs."""
        try:
            while True:
                self._places.get()
                if self._stopped:
                    return
                with self._next:
                    index, item = next(self._items)
                started = time.monotonic()
                self._outbox.put(_outcome(index, item, self._function))
                if self._threads < self._most and time.monotonic() - started > _LONG_S:
                    self._another()
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001  # the iterable failed: the consumer has to hear of it
            self._outbox.put(error)
        finally:
            self._outbox.put(None)

    def completed(self) -> Iterator[Outcome[T, R]]:
        """Yield outcomes as they come."""
        # A worker counts another in before it is itself counted out, so this ends with the last one.
        while self._ended < self._threads:
            outcome = self._outbox.get()
            if outcome is None:
                self._ended += 1
                self._places.put(None)  # others may wait for a place only to learn that nothing is left
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                yield outcome
                self._places.put(None)

    def ordered(self) -> Iterator[Outcome[T, R]]:
        """Yield outcomes in the order of their items.

        A place is given back only when an outcome leaves, so what waits for its turn is bounded;
        the item whose turn it is always has a worker, since items are taken in order.
        """
        waiting: dict[int, Outcome[T, R]] = {}
        turn = 0
        while self._ended < self._threads:
            outcome = self._outbox.get()
            if outcome is None:
                self._ended += 1
                self._places.put(None)
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            waiting[outcome.index] = outcome
            while (due := waiting.pop(turn, None)) is not None:
                yield due
                turn += 1
                self._places.put(None)

    def stop(self) -> int:
        """Take no more items; those under way end unheard. Return how many threads were never needed."""
        with self._count:
            self._stopped = True
        for _ in range(self._threads):
            self._places.put(None)
        return self._most - self._threads
