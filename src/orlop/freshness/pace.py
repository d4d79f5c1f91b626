"""How many images are worked on at once: few where answers come at once, as many as are allowed where they take time.

Threads that never wait for the network only wait for one another: 32 of them take twice the time of 4 on a registry next door.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from orlop.runtime import Runtime

START = 4
"""Images at once before it is known how long answers take."""
SLOW_S = 0.005
"""Seconds of an answer that is worth to work on other images meanwhile."""
_SLOW_ONES = 8


class Pace:
    """Lets a few in at first, and ``limit`` of them once answers were slow. Use ``gate`` after ``begin``."""

    def __init__(self, runtime: Runtime, limit: int) -> None:
        self.gate: AbstractAsyncContextManager[object] = runtime.gate(max(1, limit))
        self._held = max(0, limit - START)
        self._slow = 0

    async def begin(self) -> None:
        """Keep the places that are not for the beginning."""
        for _ in range(self._held):
            await self.gate.__aenter__()

    async def took(self, seconds: float) -> None:
        """Note how long an answer took."""
        if not self._held:
            return
        if seconds < SLOW_S:
            self._slow = max(0, self._slow - 1)
            return
        self._slow += 1
        if self._slow >= _SLOW_ONES:
            held, self._held = self._held, 0
            for _ in range(held):
                await self.gate.__aexit__(None, None, None)
