"""A small HTTP/1.1 server of plain threads and sockets, so that a test can send any bytes at any moment.

It has none of a web server's care on the way out: what a ``Reply`` writes is what the client gets.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orlop.protocol.message import Headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

HEAD_LIMIT = 256 * 1024
"""Bytes of a request's line and headers; more ends the connection."""

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request's body that are kept; the rest is read and dropped."""

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived.

    target: path and query. url: scheme and host of the server it came to. number: how many came before it.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    url: str = ""
    number: int = 0

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, undecoded."""
        return self.target.partition("?")[2]

    def __repr__(self) -> str:
        return f"Seen({self.method} {self.path}, {len(self.body)} bytes)"


class Reply(ABC):
    """How one request is answered."""

    @abstractmethod
    def play(self, line: Line, seen: Seen) -> bool:
        """Write to the line; True keeps the connection for another request.

        A client that left shows as OSError, which ends the connection and nothing else.
        """


class Line:
    """One connection, from the server's side."""

    def __init__(self, connection: socket.socket, url: str) -> None:
        self._socket, self._url = connection, url
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Write all of it. Raises OSError when the client is gone."""
        self._socket.sendall(data)

    def reset(self) -> None:
        """End the connection with a reset instead of an ordinary close."""
        # A linger time of zero makes close() send RST (tcp(7)).
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def wait(self, event: threading.Event, seconds: float | None = None) -> bool:
        """Wait for the event; False when the client left or the time passed first."""
        waited = 0.0
        while not event.is_set():
            if seconds is not None and waited >= seconds:
                return False
            pause = _POLL_S if seconds is None else min(_POLL_S, seconds - waited)
            if select.select([self._socket], [], [], pause)[0] and self._left():
                return False
            waited += pause
        return True

    def _left(self) -> bool:
        if isinstance(self._socket, ssl.SSLSocket):
            return True
        return not self._socket.recv(1, socket.MSG_PEEK)

    def read_head(self) -> Seen | None:
        """Return the next request without its body; None when the client has no more. Raises ValueError for nonsense."""
        head = self._head()
        if head is None:
            return None
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        return Seen(method, target, Headers(fields), url=self._url)

    def read_body(self, headers: Headers, limit: int | None = None) -> bytes:
        """Return the body; with a limit stop reading there, without it keep BODY_LIMIT and drop the rest."""
        if limit is None and headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        room = BODY_LIMIT if limit is None else limit
        kept = bytearray()
        if headers.get("transfer-encoding", "").lower() != "chunked":
            self._take(int(headers.get("content-length", "0")), kept, room, limit)
            return bytes(kept)
        while size := int(self._text_line().partition(";")[0], 16):
            if not self._take(size, kept, room, limit):
                return bytes(kept)
            self._text_line()
        self._text_line()
        return bytes(kept)

    def _head(self) -> bytes | None:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > HEAD_LIMIT or not self._fill():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def _take(self, size: int, kept: bytearray, room: int, limit: int | None) -> bool:
        """Read ``size`` bytes and keep ``room`` in all; False when a limit says to stop."""
        while size:
            if limit is not None and len(kept) >= limit:
                return False
            if not self._buffer and not self._fill():
                raise ValueError("the body ended early")
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            kept += piece[: max(0, room - len(kept))]
        return True

    def _text_line(self) -> str:
        while b"\r\n" not in self._buffer:
            if not self._fill():
                raise ValueError("the body ended early")
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("latin-1")

    def _fill(self) -> bool:
        data = self._socket.recv(256 * 1024)
        self._buffer += data
        return bool(data)


class SocketServer:
    """A server on 127.0.0.1 and a free port; every request goes to ``respond``. A context manager.

    respond: called in the connection's thread, several at once. tls: serve HTTPS with this context.
    body_limit: says of a request without its body how much of that to read before answering; None is all of it.
    After less the connection is closed.
    """

    def __init__(
        self,
        respond: Callable[[Seen], Reply],
        *,
        tls: ssl.SSLContext | None = None,
        body_limit: Callable[[Seen], int | None] = lambda _: None,
    ) -> None:
        self._respond, self._tls, self._body_limit = respond, tls, body_limit
        self.requests: list[Seen] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"orlop-accept-{self.port}", daemon=True)

    @property
    def host(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, or https with ``tls``; no slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop every connection and end every thread; a second call does nothing."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        if self._acceptor.ident is not None:
            # A thread in accept() does not notice that its socket was closed; a connection wakes it everywhere.
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            self._acceptor.join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self.connections += 1
                name = f"orlop-line-{self.port}-{self.connections}"
                thread = threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True)
                self._open.add(connection)
                self._threads = [*(one for one in self._threads if one.is_alive()), thread]
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # Whatever a client does ends its own line only: a reset, half a request, a failed handshake.
        with contextlib.suppress(OSError, ValueError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._talk(connection)
        with self._lock:
            self._open.discard(connection)
            connection.close()

    def _talk(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._answer_all(Line(connection, self.url))
            return
        # The descriptor stays with ``connection``, so that close() can shut the line down in mid-handshake.
        with self._tls.wrap_socket(connection.dup(), server_side=True) as secured:
            self._answer_all(Line(secured, self.url))

    def _answer_all(self, line: Line) -> None:
        while True:
            head = line.read_head()
            if head is None:
                return
            limit = self._body_limit(head)
            body = line.read_body(head.headers, limit)
            with self._lock:
                seen = replace(head, body=body, number=len(self.requests))
                self.requests.append(seen)
            stays = self._respond(seen).play(line, seen)
            if not stays or limit is not None or seen.headers.get("connection", "").lower() == "close":
                return


def unused_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on, so that a connection is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
