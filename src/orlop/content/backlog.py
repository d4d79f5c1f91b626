"""Hashing that threads do for one another while they wait.

On two cores, one thread that receives and inflates and one that hashes what came out keep both busy, mostly: a third for the
hash of what was received would only take turns with them. So its chunks wait a little, for a thread that has nothing to do.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

# Chunks of about 256 KiB that may wait: what another thread takes a few milliseconds to come round to.
_AHEAD = 8

_open: set[Backlog] = set()
_guard = threading.Lock()
_helpers = 0


class Backlog:
    """Chunks that wait for one hash. ``update`` is called with each, in order, on whichever thread has time.

    Call ``settle`` or ``close`` in the end.
    """

    def __init__(self, update: Callable[[bytes], object]) -> None:
        self._update = update
        self._waiting: deque[bytes] = deque()
        self._turn = threading.Lock()
        with _guard:
            _open.add(self)

    def put(self, chunk: bytes) -> None:
        """Take the next chunk. Where nobody comes to help, it is hashed here."""
        self._waiting.append(chunk)
        if len(self._waiting) > (_AHEAD if _helpers else 0):
            with self._turn:
                self._take()

    def help(self) -> bool:
        """Hash one chunk, unless none waits or another thread is at it; return whether there was one."""
        if not self._waiting or not self._turn.acquire(blocking=False):
            return False
        try:
            return self._take()
        finally:
            self._turn.release()

    def settle(self) -> None:
        """Hash all that waits, and end."""
        self.close()
        with self._turn:
            while self._take():
                pass

    def close(self) -> None:
        """End; what waits is not hashed any more."""
        with _guard:
            _open.discard(self)

    def _take(self) -> bool:
        if not self._waiting:
            return False
        self._update(self._waiting.popleft())
        return True


class Helper:
    """A thread that helps while it waits: ``with Helper() as helper``, and ``helper.help()`` before it waits."""

    def __enter__(self) -> Self:
        self._count(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._count(-1)

    @staticmethod
    def _count(change: int) -> None:
        global _helpers  # noqa: PLW0603  # it is the process's
        with _guard:
            _helpers += change

    @staticmethod
    def help() -> bool:
        """Hash one chunk that waits somewhere; return whether there was one."""
        return bool(_open) and any(backlog.help() for backlog in tuple(_open))
