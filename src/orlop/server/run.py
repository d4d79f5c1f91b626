"""Uvicorn under the registry: one listener on a running loop, and ``serve`` for a process of its own.

``Listener`` drives uvicorn's start itself and stops it by its own hand: uvicorn's main loop and its shutdown sleep in
steps of 100 ms, which a test that starts a registry would pay twice.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from uvicorn import Config, Server

from orlop.errors import StorageError
from orlop.protocol.headers import build_date

from .asgi import AsgiApp
from .core import App, log
from .store.store import Store

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, MutableMapping

    from .access import Access

_STALE_UPLOADS_S = 168 * 3600.0
_TICK_S = 0.001
_BACKLOG = 2048


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loops where they are installed, else None for asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


class Listener:
    """One registry on one address, inside a running event loop.

    port: 0 for a free one. tls: a certificate file and its key.
    """

    def __init__(self, app: App, host: str = "127.0.0.1", port: int = 0, *, tls: tuple[str, str] | None = None) -> None:
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.host = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        config = Config(
            AsgiApp(app, abort=self._abort),
            http=_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
            timeout_keep_alive=75,
            backlog=_BACKLOG,
            interface="asgi3",
        )
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())  # silent until the program says where to
        config.load()
        self._server = Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._clock: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept connections."""
        self._clock = asyncio.create_task(self._tell_time())
        await self._server.startup(sockets=[self._socket])

    async def stop(self, grace_s: float = 10.0) -> None:
        """Accept no more, let what is under way end for up to ``grace_s`` seconds, then drop the rest."""
        if self._clock is not None:
            self._clock.cancel()
        for server in self._server.servers:
            server.close()
        self._socket.close()
        state = self._server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        give_up = asyncio.get_running_loop().time() + grace_s
        tick = _TICK_S
        while (state.connections or state.tasks) and asyncio.get_running_loop().time() < give_up:
            await asyncio.sleep(tick)
            tick = min(tick * 2, 0.05)
        for task in list(state.tasks):
            task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)

    async def _tell_time(self) -> None:
        """Set the Date of the answers once a second, and drop the connections that hold up."""
        state = self._server.server_state
        loop = asyncio.get_running_loop()
        while True:
            state.default_headers = [(b"date", build_date(time.time()).encode("ascii"))]
            await asyncio.sleep(1.0 - time.time() % 1.0)
            for connection in list(state.connections):
                overdue = getattr(connection, "overdue", None)
                if overdue is not None and overdue(loop.time()):
                    connection.transport.abort()

    def _abort(self, scope: MutableMapping[str, Any]) -> None:
        for connection in self._server.server_state.connections:
            if getattr(connection, "client", None) == scope["client"]:
                connection.transport.abort()


def serve(
    root: str | os.PathLike[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 5000,
    *,
    access: Access | None = None,
    tls: tuple[str, str] | None = None,
    ready: Callable[[str], None] | None = None,
    grace_s: float = 10.0,
    **options: Any,
) -> None:
    """Serve a registry until SIGINT or SIGTERM, then let transfers end and return.

    root: the folder of the store, made when absent; None keeps everything in memory. ready: called with the URL once
    it answers. options: of ``Store``. Raises StorageError, when the folder cannot be used or the address is taken.
    """
    store = Store.memory(**options) if root is None else Store.at(root, **options)

    async def main() -> None:
        stop = asyncio.Event()
        _on_signals(stop)
        listener = Listener(App(store, access=access), host, port, tls=tls)
        await listener.start()
        if ready is not None:
            ready(listener.url)
        tidying = asyncio.create_task(_tidy(store))
        await stop.wait()
        tidying.cancel()
        await listener.stop(grace_s)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(main())
    finally:
        store.close()


async def _tidy(store: Store) -> None:
    """Drop abandoned uploads, now and every hour."""
    while True:
        try:
            await store.work("dropping old uploads", store.uploads.expire, _STALE_UPLOADS_S)
        except StorageError as error:
            log.warning("%s", error)
        await asyncio.sleep(3600)


def _on_signals(stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGINT and SIGTERM, where this thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _protocol() -> Any:
    if find_spec("httptools") is None:
        return "h11"
    from .http import LimitedProtocol

    return LimitedProtocol


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
    except OSError as error:
        raise StorageError(f"listening on {host}:{port}", error.strerror or str(error)) from error
    try:
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise StorageError(f"listening on {host}:{port}", error.strerror or str(error)) from error
    return bound
