"""Work on pieces of a stream on a thread of its own, in order, with few pieces waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from orlop.content.backlog import Helper

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue
    from threading import Thread

T = TypeVar("T")

AHEAD = 12
"""Pieces that may wait: enough to smooth, little to hold."""


class Aside(Generic[T]):
    """Calls ``work`` with each item in order, beside the caller. Call ``finish`` or ``close`` in the end.

    ahead: items that may wait. alone_from: after so many items the thread begins; what ends before is not worth one.
    """

    def __init__(self, work: Callable[[T], object], name: str, *, ahead: int = AHEAD, alone_from: int = 8) -> None:
        self._work, self._name, self._ahead, self._until = work, name, ahead, alone_from
        self._thread: Thread | None = None
        self._error: BaseException | None = None
        self._inbox: SimpleQueue[tuple[T] | None]
        self._places: SimpleQueue[None]

    def put(self, item: T) -> None:
        """Hand over the next item; waits while too many do. Raises what an earlier one raised."""
        if self._thread is None and self._until <= 0:
            self._start()
        if self._thread is not None:
            self._places.get()
            if self._error is not None:
                raise self._error
            self._inbox.put((item,))
            return
        self._work(item)
        self._until -= 1

    def _start(self) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._inbox, self._places = SimpleQueue(), SimpleQueue()
        for _ in range(self._ahead):
            self._places.put(None)
        self._thread = Thread(target=self._run, name=f"orlop {self._name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with Helper() as helper:
            while True:
                while self._inbox.empty() and helper.help():
                    pass
                item = self._inbox.get()
                if item is None:
                    return
                if self._error is None:
                    try:
                        self._work(item[0])
                    except BaseException as error:  # noqa: BLE001  # the caller's to hear
                        self._error = error
                del item
                self._places.put(None)

    def close(self) -> None:
        """End the thread when what was handed over is done."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._inbox.put(None)
            thread.join()

    def finish(self) -> None:
        """Wait for the end. Raises what an item raised."""
        self.close()
        if self._error is not None:
            raise self._error
