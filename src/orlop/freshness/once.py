"""Single flight: what many ask for at the same time is fetched once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from orlop.errors import OrlopError
from orlop.freshness.values import Absent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from orlop.runtime import Runtime

T = TypeVar("T")


class Once(Generic[T]):
    """Values by key, each made by whoever asks first, and kept as long as there is room.

    room: how much is kept, as ``weigh`` counts it; one each unless given. What was used last stays. An OrlopError is a value
    as well: it comes out as Absent, to all who asked.
    """

    def __init__(self, runtime: Runtime, room: int, weigh: Callable[[T], int] | None = None) -> None:
        self._runtime, self._room, self._weigh = runtime, room, weigh
        self._made: dict[str, T | Absent] = {}
        self._locks: dict[str, AbstractAsyncContextManager[object]] = {}
        self._guard = threading.Lock()
        self._held = 0

    def known(self, key: str) -> T | Absent | None:
        """Return what is kept under the key, or None."""
        return self._made.get(key)

    async def get(self, key: str, make: Callable[[], Awaitable[T]]) -> T | Absent:
        """Return the value of the key, made if it is not kept."""
        found = self._made.get(key)
        if found is not None:
            return found
        lock = self._locks.get(key) or self._locks.setdefault(key, self._runtime.lock())
        async with lock:
            found = self._made.get(key)
            if found is None:
                try:
                    found = await make()
                except OrlopError as error:
                    found = Absent.of(error)
                self.keep(key, found)
            self._locks.pop(key, None)
        return found

    def keep(self, key: str, value: T | Absent) -> None:
        """Keep a value."""
        with self._guard:
            before = self._made.pop(key, None)
            self._made[key] = value
            self._held += self._weight(value) - (0 if before is None else self._weight(before))
            while self._held > self._room and len(self._made) > 1:
                oldest = next(iter(self._made))
                self._held -= self._weight(self._made.pop(oldest))

    def drop(self, key: str, value: T | Absent) -> None:
        """Keep this value no more."""
        with self._guard:
            if self._made.get(key) is value:
                del self._made[key]
                self._held -= self._weight(value)

    def _weight(self, value: T | Absent) -> int:
        return 1 if self._weigh is None or isinstance(value, Absent) else self._weigh(value)
