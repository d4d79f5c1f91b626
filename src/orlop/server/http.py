"""Uvicorn's HTTP/1.1 protocol with the limits that it does not have itself.

Measured: it takes 600 KiB of header fields, waits for the rest of a head without end, and drains what a client sends
after its answer without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEAD_LIMIT = 64 * 1024
"""The largest request line with its header fields, in bytes."""

HEAD_TIMEOUT_S = 30.0
"""How long a request's head may take, in seconds, and how long a new connection may say nothing."""

SEND_TIMEOUT_S = 300.0
"""How long a client may take nothing of an answer, in seconds."""

DRAIN_LIMIT = 64 * 1024 * 1024
"""How much of a body is read and dropped after the answer, in bytes: closing at once could lose the answer."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


_JOINED_SIZE = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 "


class _Joined:
    """A connection's transport as its answers see it: a head goes out along with the first bytes of its body.

    Two writes are two segments, and wake the client twice. Rule: ASGI 3.0, "Response Start": the head waits for a body.
    """

    __slots__ = ("_fresh", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._fresh = True
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, but for the head of an answer, which is kept for what comes next."""
        if self._fresh and not data.startswith(_CONTINUE):
            self._fresh, self._head = False, data
        elif self._head and len(data) < _JOINED_SIZE:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self.flush()
            self._transport.write(data)

    def flush(self) -> None:
        """Send a head that nothing followed."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def next(self) -> None:
        """Begin with the next answer."""
        self.flush()
        self._fresh = True

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """See asyncio.Transport."""
        self.flush()
        self._transport.close()


class LimitedProtocol(HttpToolsProtocol):
    """A connection with a limit on its heads and on what is drained."""

    _head_size = 0
    _drained = 0
    _head_since: float | None = None
    _stuck_since: float | None = None

    def overdue(self, now: float) -> bool:
        """Whether the client has kept its head to itself, or taken nothing of an answer, for too long.

        now: by the loop's clock.
        """
        if self._head_since is not None and now - self._head_since > HEAD_TIMEOUT_S:
            return True
        return self._stuck_since is not None and now - self._stuck_since > SEND_TIMEOUT_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a new connection."""
        super().connection_made(transport)
        self._joined = _Joined(transport)
        self._head_since = self.loop.time()

    def pause_writing(self) -> None:
        """Note that the client does not take what it is sent."""
        super().pause_writing()
        self._stuck_since = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it does again."""
        super().resume_writing()
        self._stuck_since = None

    def data_received(self, data: bytes) -> None:
        """Take in bytes from the socket."""
        if self._head_size >= 0:
            self._head_size += len(data)
        super().data_received(data)
        if self._head_size > HEAD_LIMIT and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        """Start to count a head."""
        super().on_message_begin()
        self._head_size = max(self._head_size, 0)
        self._head_since = self.loop.time()
        self._drained = 0

    def on_headers_complete(self) -> None:
        """Stop counting, and go on only with a head that is not too large."""
        # What was counted may hold the start of the body as well.
        if self._head_size > HEAD_LIMIT and self._exact_size() > HEAD_LIMIT:
            raise ValueError("the head is too large")  # the parser stops, and send_400_response is called
        self._head_size = -1
        self._head_since = None
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self._joined  # type: ignore[assignment]  # what of a transport a cycle uses

    def on_response_complete(self) -> None:
        """Send what is left of the answer, and go on to the next."""
        self._joined.next()
        super().on_response_complete()

    def on_body(self, body: bytes) -> None:
        """Take in bytes of a body."""
        if self.cycle.response_complete:
            self._drained += len(body)
            if self._drained > DRAIN_LIMIT:
                self.transport.close()
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has too large a head."""
        if self._head_size > HEAD_LIMIT:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _exact_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
