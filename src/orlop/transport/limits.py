"""Per-host courtesy: how many requests at once, how many a second, and when a host asked for peace."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from orlop.runtime import Runtime
    from orlop.transport.options import HostOptions


class HostLimits:
    """The gate of one host."""

    def __init__(self, runtime: Runtime, options: HostOptions) -> None:
        self._runtime = runtime
        self._gate: AbstractAsyncContextManager[object] | None = None
        if options.concurrency is not None:
            self._gate = runtime.gate(max(1, options.concurrency))
        self._interval = 1.0 / options.requests_per_second if options.requests_per_second else 0.0
        self._lock = runtime.lock()
        self._next = 0.0
        self._peace_until = 0.0
        self.idle = self._gate is None and not self._interval  # nothing to wait for: callers skip the gate

    def pause(self, seconds: float) -> None:
        """Start no request to this host for so long: it answered 429 with Retry-After."""
        self._peace_until = max(self._peace_until, self._runtime.monotonic() + seconds)
        self.idle = False

    async def turn(self) -> None:
        """Wait for the next start that the rate and the host's last word allow."""
        now = self._runtime.monotonic()
        wait = self._peace_until - now
        if self._interval:
            async with self._lock:
                start = max(now, self._next, self._peace_until)
                self._next = start + self._interval
            wait = start - now
        if wait > 0:
            await self._runtime.sleep(wait)
        elif self._gate is None and not self._interval:
            self.idle = True

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one of the host's places for the length of the exchange."""
        if self._gate is None:
            await self.turn()
            yield
            return
        async with self._gate:
            await self.turn()
            yield
