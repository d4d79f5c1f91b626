"""The registry as an ASGI application: run it under uvicorn (``run.py``), or mount it in another service.

It streams request bodies into the core and blobs out of it. A body that the client cuts raises in whoever reads it, so
that nothing of it is stored. Rule: ASGI 3.0, HTTP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from orlop.errors import DisconnectedError, RegistryError

from .exchange import CUT_BEFORE_ANSWER, Body, Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping

    from .core import App
    from .exchange import Reply

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

BODY_TIMEOUT_S = 60.0
"""How long a request's body may stay silent, in seconds."""


class AsgiApp:
    """The ASGI face of a registry.

    abort: drops the connection of a scope without a word; only for faults on order. body_timeout_s: how long the body
    of a request may stay silent.
    """

    def __init__(
        self,
        app: App,
        *,
        abort: Callable[[Message], None] | None = None,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self._app, self._abort, self._body_timeout_s = app, abort, body_timeout_s

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await _lifespan(receive, send)
            return
        fields = scope["headers"]
        body = _AsgiBody(receive, fields, self._body_timeout_s)
        target: bytes = scope.get("raw_path") or scope["path"].encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        call = Call(scope["method"], target.decode("latin-1"), fields, body)
        reply = await self._app(call)
        try:
            await self._send(scope, call, body, reply, send)
        finally:
            await reply.aclose()

    async def _send(self, scope: Message, call: Call, body: _AsgiBody, reply: Reply, send: Send) -> None:
        if reply.cut == CUT_BEFORE_ANSWER:
            self._drop(scope)
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        if reply.status not in {204, 304} and not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % reply.length))
        if reply.status == 408 or (not body.touched and call.header(b"expect") is not None):
            # The rest of the body may come or not, so where the next request starts cannot be known.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if call.method == "HEAD" or (reply.stream is None and reply.cut is None):
            data = b"" if call.method == "HEAD" or reply.status in {204, 304} else reply.body
            await send({"type": "http.response.body", "body": data})
            return
        left = reply.length if reply.cut is None else min(reply.cut, reply.length)
        async for data in reply.stream or _once(reply.body):
            part = data if len(data) <= left else data[:left]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            left -= len(part)
            if not left:
                break
        if reply.cut is None and not left:
            await send({"type": "http.response.body", "body": b""})
        # Else the answer is left incomplete, and the server closes the connection: a body that ends early (a damaged
        # file, a cut on order) must not look whole.

    def _drop(self, scope: Message) -> None:
        if self._abort is None:
            raise DisconnectedError("the client", "this server cannot drop a connection at will")
        self._abort(scope)


class _AsgiBody(Body):
    def __init__(self, receive: Receive, fields: list[tuple[bytes, bytes]], timeout_s: float) -> None:
        self._receive, self._timeout_s = receive, timeout_s
        self.touched = False
        for name, value in fields:
            if name == b"content-length":
                self.length = int(value) if value.isdigit() else None
                break

    async def chunks(self) -> AsyncIterator[bytes]:
        self.touched = True
        while not self.finished:
            try:
                async with asyncio.timeout(self._timeout_s):
                    message = await self._receive()
            except TimeoutError:
                reason = f"the body was silent for {self._timeout_s:g} s"
                raise RegistryError("", "the request", 408, ("UNKNOWN",), reason) from None
            if message["type"] == "http.disconnect":
                raise DisconnectedError("the client", "its request ended early")
            self.finished = not message.get("more_body", False)
            data = message.get("body", b"")
            if data:
                yield data


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
