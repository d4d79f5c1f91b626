"""The least of an event loop, for one thread that has many requests under way.

The HTTP library works on a thread of its own and wakes whoever awaits it through asyncio's running loop. asyncio's loops
hear of it by a socket that they poll; here it is a queue of tasks, which takes half the time, lets Ctrl-C through, and may
be waited on by one thread now and another later. A ``Loop`` knows tasks and time, and nothing of files and sockets.
"""

from __future__ import annotations

import heapq
import operator
import threading
import time
from asyncio import CancelledError, _get_running_loop, _set_running_loop
from functools import partial
from itertools import repeat
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orlop.threads import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator

R = TypeVar("R")

_PAUSE_S = 0.02
# Woken for each answer, this thread and the HTTP library's would hand the interpreter's lock to and fro: where many are
# under way, answers are let gather for so long. It takes a quarter off 2,000 manifests next door.
_GATHER_S = 0.0003
_FEW = 4
_WAITING = object()
_FOREVER = repeat(_WAITING)


class _Waiter:
    """What the HTTP library takes for asyncio's future: it asks ``done()`` and then calls ``set_result``, on its own thread.

    Neither runs Python code there: the first such frame of a thread costs a mapping of memory, and it has a new state of
    the interpreter each time. A task that is woken twice asks again what it waits for, so nothing has to be remembered.
    """

    __slots__ = ("set_result",)
    done = bool  # called, it is False

    def __init__(self, set_result: Callable[[object], object]) -> None:
        self.set_result = set_result

    def __iter__(self) -> Iterator[object]:
        return _FOREVER


class Signal:
    """Something that one task of a loop waits for: ``await signal``; ``wake`` lets it go on, from any thread."""

    __slots__ = ("_put", "_task", "came")

    def __init__(self, loop: Loop) -> None:
        self._put, self._task = loop.put, loop.current
        self.came = False

    def wake(self) -> None:
        """Let the task go on."""
        self.came = True
        self._put(self._task)

    def __await__(self) -> Generator[object, None, None]:
        while not self.came:
            yield _WAITING


class Departure:
    """What a task awaits before it has something sent: where many are under way, requests leave together.

    An answer that comes while tasks are stepped has the HTTP library's thread wait for the interpreter's lock, and a task
    for it to be given back; those of requests that leave last come while the loop waits.
    """

    __slots__ = ("_loop",)

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def __await__(self) -> Generator[object, None, None]:
        loop = self._loop
        if loop.live > _FEW:
            loop.departing.append(loop.current)
            yield _WAITING


class Task(Generic[R]):
    """A coroutine on its way through a loop.

    about: what the starter wants to find again. error: what it raised; ``returned``: what it returned.
    """

    __slots__ = ("about", "ended", "error", "over", "returned", "work")

    def __init__(self, work: Coroutine[object, object, R], ended: Callable[[Task[R]], None] | None, about: Any) -> None:
        self.work, self.ended, self.about = work, ended, about
        self.over = False
        self.error: BaseException | None = None
        self.returned: R | None = None


class Loop:
    """Steps coroutines until they are done. One thread at a time drives it; others wait for their turn.

    live: tasks that were started and are not over. current: the task that is stepped just now. put: has a task stepped again.
    departing: tasks that have something to send.
    """

    def __init__(self) -> None:
        self.live = 0
        self.current: Task[Any] | None = None
        self._woken: SimpleQueue[Task[Any] | None] = SimpleQueue()
        self.put = self._woken.put
        self._timers: list[tuple[float, int, Signal]] = []
        self._timed = 0
        self.departing: list[Task[Any] | None] = []
        self._turn = threading.Lock()
        self._turns = 0
        self._closed = threading.Event()

    # --- what the HTTP library asks of the running loop -------------------------------------------

    def create_future(self) -> _Waiter:
        """Return what wakes the current task."""
        return _Waiter(partial(self.put, self.current))

    # Called with what calls ``set_result`` of the waiter, which only puts a task: no need to wait for the loop's thread.
    call_soon_threadsafe = operator.call

    def is_closed(self) -> bool:
        """Whether it takes no more calls: never."""
        return False

    # --- tasks -------------------------------------------------------------------------------------

    def signal(self) -> Signal:
        """Return what the current task may wait for."""
        return Signal(self)

    def departure(self) -> Departure:
        """Return what a task awaits before it has something sent."""
        return Departure(self)

    def after(self, seconds: float) -> Signal:
        """Return a signal that comes by itself."""
        signal = Signal(self)
        self._timed += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._timed, signal))
        return signal

    def start(self, work: Coroutine[object, object, R], ended: Callable[[Task[R]], None], about: Any = None) -> Task[R]:
        """Step a coroutine until it first waits, from inside another; driving the loop goes on with it.

        ended: called with the task at its end, which may be before this returns.
        """
        self.live += 1
        task = Task(work, ended, about)
        self._step(task)
        return task

    def cancel(self, task: Task[Any]) -> None:
        """Have CancelledError raised where the task waits."""
        if not task.over:
            self._step(task, CancelledError())

    def drive(self, work: Coroutine[object, object, R]) -> R:
        """Run a coroutine to its end, and the loop's other tasks meanwhile; return its result.

        What is raised here while it waits, as KeyboardInterrupt is, is raised in it, and from here once it is over.
        """
        main = Task(work, None, None)
        with self._turn:
            outer, here = _get_running_loop(), HERE.loop
            _set_running_loop(self)  # type: ignore[arg-type]  # as much of a loop as the HTTP library asks
            HERE.loop = self
            self._turns += 1
            try:
                self._step(main)
                while not main.over:
                    self._go_on()
            except BaseException as error:
                if not main.over:
                    self._step(main, error)
                    while not main.over:
                        self._go_on()
                raise
            finally:
                HERE.loop = here
                _set_running_loop(outer)
        if main.error is not None:
            try:
                raise main.error
            finally:
                main.error = None  # no cycle through this frame
        return main.returned  # type: ignore[return-value]  # R may itself include None

    def keep(self) -> None:
        """Go on with the tasks while nobody drives the loop, until it is closed: others may wait for what a task holds."""
        seen = -1
        while not self._closed.wait(_PAUSE_S):
            if seen != self._turns:
                seen = self._turns
            elif self._turn.acquire(blocking=False):
                outer = _get_running_loop()
                _set_running_loop(self)  # type: ignore[arg-type]  # as in drive
                HERE.loop = self
                try:
                    self._ring()
                    while self.departing or not self._woken.empty():
                        self._go_on()
                finally:
                    HERE.loop = None
                    _set_running_loop(outer)
                    self._turn.release()

    def close(self) -> None:
        """End ``keep``."""
        self._closed.set()

    def _go_on(self) -> None:
        if self.departing and self._woken.empty():
            departing, self.departing = self.departing, []
            for leaving in departing:
                if leaving is not None and not leaving.over:
                    self._step(leaving)
            return
        task: Task[Any] | None
        if self._timers:
            try:
                task = self._woken.get(timeout=max(0.0, self._timers[0][0] - time.monotonic()))
            except Empty:
                task = None
            self._ring()
        else:
            if self.live > _FEW and self._woken.empty():
                time.sleep(_GATHER_S)
            task = self._woken.get()
        if task is not None and not task.over:
            self._step(task)

    def _ring(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].wake()

    def _step(self, task: Task[Any], error: BaseException | None = None) -> None:
        around, self.current = self.current, task
        try:
            waits = task.work.send(None) if error is None else task.work.throw(error)
        except StopIteration as stop:
            task.returned = stop.value
        except BaseException as raised:  # noqa: BLE001  # it belongs to whoever waits for the task
            task.error = raised
        else:
            if waits is _WAITING:
                return
            if waits is None:  # woken while it was stepped
                self.put(task)
                return
            task.work.close()
            task.error = RuntimeError("a coroutine waited for something that is not of this client")
        finally:
            self.current = around
        task.over = True
        if task.ended is not None:
            self.live -= 1
            task.ended(task)
