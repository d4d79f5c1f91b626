"""Signals for a main thread that waits where it does not hear of them.

Python runs a signal's handler in the main thread, between two of its own instructions: a thread that waits inside a
library in another language is not asked. ``watched`` has a second thread hear of the signal and end the wait.
Rule: Python's signal module, ``set_wakeup_fd``.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")


class Interrupts:
    """One thread that hears of this process's signals while its main thread waits.

    wake: called by that thread when a signal came meanwhile; it has to end the wait.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting = False
        self._behind = -1
        self._told: int | None = None
        self._process = -1

    def watched(self, work: Callable[[], R]) -> R:
        """Return what ``work`` returns, on the main thread; signals that come meanwhile end its wait."""
        told = self._told
        if told is None or self._process != os.getpid():
            told = self._begin()
        around = self._waiting, self._behind
        before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        if before != told:
            self._behind = before
        self._waiting = True
        try:
            return work()
        finally:
            self._waiting, self._behind = around
            signal.set_wakeup_fd(before)

    def close(self) -> None:
        """End the thread."""
        if self._told is not None and self._process == os.getpid():
            os.close(self._told)
        self._told = None

    def _begin(self) -> int:
        heard, told = os.pipe()
        os.set_blocking(told, False)
        self._told, self._process = told, os.getpid()
        threading.Thread(target=self._listen, args=(heard,), name="orlop signals", daemon=True).start()
        return told

    def _listen(self, heard: int) -> None:
        while numbers := os.read(heard, 64):
            if self._behind >= 0:  # an event loop that runs in the main thread hears of signals in no other way
                with suppress(OSError):
                    os.write(self._behind, numbers)
            if self._waiting:
                self._wake()
        os.close(heard)
