"""The HTTP library, behind the transport seam. The only file that imports pyreqwest.

Content decoding and redirects are off in it: a digest covers the bytes as sent, and where credentials go is decided in
``redirect``. One client is kept for each distinct set of connection options, so connections are reused.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.exceptions import BuilderError, ClientClosedError, PyreqwestError, RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder

from orlop._version import __version__
from orlop.errors import (
    ConfigError,
    ConnectError,
    DisconnectedError,
    InputError,
    InvalidDocumentError,
    NetworkError,
    OrlopError,
    TimedOutError,
    TlsError,
)
from orlop.protocol.hosts import is_loopback_url
from orlop.protocol.message import Headers
from orlop.transport.base import Answer, Transport
from orlop.transport.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyreqwest.client import BaseClientBuilder, Client, SyncClient
    from pyreqwest.request import BaseRequestBuilder, StreamRequest, SyncStreamRequest
    from pyreqwest.response import Response, SyncResponse

    from orlop.protocol.message import Request
    from orlop.transport.options import HostOptions

    B = TypeVar("B", bound=BaseRequestBuilder)

USER_AGENT = f"orlop/{__version__}"


class _Calls(ABC):
    """The library's calls, whether they block or suspend: all else is written once, on these."""

    @abstractmethod
    def builder(self) -> Any:
        """Return a new builder of a client."""

    @abstractmethod
    def opened(self, exchange: Any) -> Awaitable[Any]:
        """Send, and return the answer with its head read."""

    @abstractmethod
    def read(self, answer: Any, count: int) -> Awaitable[Any]:
        """Return the body up to ``count`` bytes."""

    @abstractmethod
    def chunk(self, answer: Any) -> Awaitable[Any]:
        """Return what comes next of the body, None at its end."""

    @abstractmethod
    def closed(self, exchange: Any) -> Awaitable[Any]:
        """Give the connection back."""

    @abstractmethod
    def ended(self, client: Any) -> Awaitable[Any]:
        """End a client."""


class _Blocking(_Calls):
    def builder(self) -> SyncClientBuilder:
        return SyncClientBuilder()

    async def opened(self, exchange: SyncStreamRequest) -> SyncResponse:
        return exchange.__enter__()

    async def read(self, answer: SyncResponse, count: int) -> Any:
        return answer.body_reader.read(count)

    async def chunk(self, answer: SyncResponse) -> Any:
        return answer.body_reader.read_chunk()

    async def closed(self, exchange: SyncStreamRequest) -> None:
        exchange.__exit__(None, None, None)

    async def ended(self, client: SyncClient) -> None:
        client.close()


class _Suspending(_Calls):
    def builder(self) -> ClientBuilder:
        return ClientBuilder()

    def opened(self, exchange: StreamRequest) -> Awaitable[Response]:
        return exchange.__aenter__()

    def read(self, answer: Response, count: int) -> Awaitable[Any]:
        return answer.body_reader.read(count)

    def chunk(self, answer: Response) -> Awaitable[Any]:
        return answer.body_reader.read_chunk()

    def closed(self, exchange: StreamRequest) -> Awaitable[None]:
        return exchange.__aexit__(None, None, None)

    def ended(self, client: Client) -> Awaitable[None]:
        return client.close()


_BLOCKING, _SUSPENDING = _Blocking(), _Suspending()
_REPEATABLE = frozenset({"GET", "HEAD"})

# How many forks lie between this process and the one that imported this: to ask for its number is a system call.
_children = 0


def _forked() -> None:
    global _children  # noqa: PLW0603  # it is the process's
    _children += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class _Key:
    """Connection options, and all else on which one client of the library differs from another."""

    __slots__ = ("_hash", "_same", "calls", "local", "options", "plain")

    def __init__(self, options: HostOptions, local: bool, plain: bool, calls: _Calls) -> None:
        self.options, self.local, self.plain, self.calls = options, local, plain, calls
        self._same = (options, local, plain, calls)
        self._hash = hash(self._same)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Key) and self._same == other._same)


class _HttpTransport(Transport):
    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._clients: dict[_Key, Any] = {}
        self._keys: dict[tuple[str, int, _Calls], _Key] = {}
        self._children = _children
        self._closed = False

    async def send(self, request: Request, options: HostOptions, *, whole: bool) -> Answer:
        """See Transport."""
        if _children != self._children:
            _refuse_fork()
        calls, departure = self._way()
        if departure is not None:
            await departure
        key = self._key(request.url, options, calls)
        while True:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = _client(self._user_agent, key)
            try:
                started = client.request(request.method, request.url)
                exchange = _prepared(started, request, options, whole=whole).build_streamed()
                answer = await calls.opened(exchange)
            except ClientClosedError as error:
                if self._closed or request.method not in _REPEATABLE or self._clients.get(key) is client:
                    _translated(error, request.url)
            except (PyreqwestError, ValueError) as error:
                _translated(error, request.url)
            else:
                return _HttpAnswer(calls, exchange, answer, request)

    def _key(self, url: str, options: HostOptions, calls: _Calls) -> _Key:
        # Options have many fields: to hash them once for each place is enough.
        end = url.find("/", 8)
        place = (url if end < 0 else url[:end], id(options), calls)
        found = self._keys.get(place)
        if found is None or found.options is not options:
            local = is_loopback_url(url)
            found = self._keys[place] = _Key(options, local, local and url.startswith("http://"), calls)
        return found

    @abstractmethod
    def _way(self) -> tuple[_Calls, Awaitable[None] | None]:
        """Return whether to block or to suspend, here and now, and what to await before."""

    async def close(self) -> None:
        """See Transport."""
        self._closed = True
        if _children == self._children:
            for key, client in self._clients.items():
                await key.calls.ended(client)
        self._clients.clear()


class BlockingTransport(_HttpTransport):
    """Sends on the calling thread. Safe to share between threads; not across a fork.

    departure: returns what to await before sending where the caller is to suspend instead, on the running loop, else
    None. What blocks and what suspends share no connections.
    """

    def __init__(
        self, user_agent: str = USER_AGENT, *, departure: Callable[[], Awaitable[None] | None] | None = None
    ) -> None:
        super().__init__(user_agent)
        self._departure = departure

    def interrupt(self) -> None:
        """End what blocked threads wait for, from another thread: requests that may be repeated begin anew, if they go on."""
        for key in list(self._clients):  # others may add to them meanwhile
            if key.calls is _BLOCKING:
                self._clients.pop(key).close()

    def _way(self) -> tuple[_Calls, Awaitable[None] | None]:
        departure = None if self._departure is None else self._departure()
        return _BLOCKING if departure is None else _SUSPENDING, departure


class AsyncTransport(_HttpTransport):
    """Sends on the running event loop."""

    def __init__(self, user_agent: str = USER_AGENT) -> None:
        super().__init__(user_agent)

    def _way(self) -> tuple[_Calls, Awaitable[None] | None]:
        return _SUSPENDING, None


def _client(user_agent: str, key: _Key) -> Any:
    return _configured(key.calls.builder(), key.options, user_agent, local=key.local, plain=key.plain).build()


class _LateHeaders(Headers):
    """The library's header fields, made ours when more is asked than one of them: of most answers two matter."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        if name != "_fields":
            raise AttributeError(name)
        super().__init__(self._raw.items())
        return self._fields

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def get(self, name: str, default: Any = None) -> Any:
        """See Headers."""
        return self._raw.get(name, default)


class _HttpAnswer(Answer):
    __slots__ = ("_answer", "_calls", "_exchange", "_method", "headers", "status", "url")

    def __init__(self, calls: _Calls, exchange: Any, answer: Any, request: Request) -> None:
        self.status = answer.status
        self.headers = _LateHeaders(answer.headers)
        self.url = request.url
        self._method = request.method
        self._calls, self._exchange, self._answer = calls, exchange, answer

    async def read(self, limit: int) -> bytes:
        """See Answer."""
        try:
            found = await self._calls.read(self._answer, limit + 1)
        except PyreqwestError as error:
            _translated(error, self.url)
        body = bytes(found) if found is not None else b""
        if len(body) > limit:
            raise InvalidDocumentError(f"the answer of {redact_url(self.url)}", f"it is larger than {limit} bytes")
        self._exchange = None  # read to its end, it has given its connection back
        encoding = self.headers.get("content-encoding", "")
        if encoding and encoding != "identity" and self._method != "HEAD":
            return _decoded(body, encoding, limit, self.url)
        return body

    async def chunks(self) -> AsyncIterator[bytes]:
        """See Answer. Chunks are as they came: to ask for a size would drop what came before a broken connection."""
        while True:
            try:
                chunk = await self._calls.chunk(self._answer)
            except PyreqwestError as error:
                _translated(error, self.url)
            if chunk is None:
                return
            yield bytes(chunk)

    async def close(self) -> None:
        """See Answer."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await self._calls.closed(exchange)


C = TypeVar("C", bound="BaseClientBuilder")


def _configured(builder: C, options: HostOptions, user_agent: str, *, local: bool, plain: bool) -> C:
    builder = (
        builder.user_agent(user_agent)
        .follow_redirects(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .referer(enable=False)
        .http2(enable=True)
        .tcp_nodelay(enabled=True)
        .connect_timeout(timedelta(seconds=options.connect_timeout_s))
        .read_timeout(timedelta(seconds=options.timeout_s))
    )
    if local:
        builder = builder.no_proxy()  # a proxy of the environment is for what is outside
    elif options.proxy:
        try:
            builder = builder.proxy(ProxyBuilder.all(options.proxy))
        except (PyreqwestError, ValueError):
            raise ConfigError("the proxy", "it is not a URL such as http://proxy.example:3128") from None
    if (
        options.insecure or plain
    ):  # no TLS and no proxy: nothing to verify, and the system's authorities take 5 ms to read
        builder = builder.danger_accept_invalid_certs(enable=True)
    try:
        if options.ca_file:
            builder = builder.add_root_certificate_pem(_pem(options.ca_file))
        if options.client_cert:
            identity = _pem(options.client_cert, options.client_key)
            if b"PRIVATE KEY-----" not in identity:
                raise ConfigError(options.client_cert, "there is no key with it").with_hint(
                    "name the file of its key: --client-key FILE"
                )
            builder = builder.identity_pem(identity)
    except (PyreqwestError, ValueError) as error:
        files = ", ".join(name for name in (options.ca_file, options.client_cert, options.client_key) if name)
        raise ConfigError(files, f"not a usable certificate or key in PEM form: {_last_cause(error)}") from None
    return builder


def _pem(*paths: str) -> bytes:
    parts = []
    for path in filter(None, paths):
        try:
            with open(path, "rb") as file:  # pathlib costs start-up time
                parts.append(file.read(1 << 20))
        except OSError as error:
            raise ConfigError(path, f"cannot be read: {error.strerror}") from None
        if b"-----BEGIN " not in parts[-1]:  # the library takes a file without any for an empty list
            raise ConfigError(path, "there is no certificate or key in PEM form in it")
    return b"\n".join(parts)


def _prepared(builder: B, request: Request, options: HostOptions, *, whole: bool) -> B:
    for name, value in request.headers.items():
        builder = builder.header(name, value)
    if request.body:
        builder = builder.body_bytes(request.body)
    elif request.method in {"POST", "PUT", "PATCH"}:
        builder = builder.header("content-length", "0")
    if not whole:
        # The library reads ahead before it hands over the head, and an error then would take what came before it along.
        builder = builder.streamed_read_buffer_limit(0)
    limit = options.document_timeout_s if whole else options.total_timeout_s
    return builder.timeout(_seconds(limit)) if limit else builder


@lru_cache(maxsize=64)
def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def _refuse_fork() -> NoReturn:
    raise OrlopError("this client was made before a fork and does not work in the child").with_hint(
        "make a new client in the child process"
    )


def _decoded(body: bytes, encoding: str, limit: int, url: str) -> bytes:
    """Undo a gzip Content-Encoding that nobody asked for, never to more than ``limit`` bytes."""
    import zlib

    what = f"the answer of {redact_url(url)}"
    if encoding not in {"gzip", "x-gzip"}:
        raise InvalidDocumentError(what, f"its Content-Encoding {encoding!r} was not asked for")
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidDocumentError(what, f"it is not the gzip it claims to be: {error}") from None
    if len(plain) > limit:
        raise InvalidDocumentError(what, f"it inflates to more than {limit} bytes")
    if not inflater.eof:
        raise InvalidDocumentError(what, "its gzip ends too early")
    return plain


_TLS_WORDS = ("certificate", "corrupt message", "tls", "handshake", "peer is incompatible", "alert")


def _causes(error: Exception) -> list[str]:
    details = getattr(error, "details", None) or {}
    return [str(cause["message"]) for cause in details.get("causes") or ()]


def _last_cause(error: Exception) -> str:
    causes = _causes(error)
    return causes[-1] if causes else str(error)


def _translated(error: Exception, url: str) -> NoReturn:
    """Raise orlop's error for one of the HTTP library's."""
    where = redact_url(url).partition("?")[0]
    causes = _causes(error)
    reason = causes[-1] if causes else str(error)
    connecting = any("(Connect)" in cause for cause in causes)
    raised: OrlopError
    if isinstance(error, BuilderError) or not isinstance(error, PyreqwestError):
        raised = InputError(where, f"no request can be made of it: {reason}")
        raised.noun = "a usable URL"
    elif isinstance(error, RequestTimeoutError):
        raised = TimedOutError(where, "no connection in time" if connecting else "no answer in time")
        raised.hint = "raise the limit with --timeout SECONDS, or see whether the host is reachable"
    elif isinstance(error, ClientClosedError):
        raised = NetworkError(where, "the client was closed meanwhile")
    elif connecting and any(word in reason.lower() for word in _TLS_WORDS):
        raised = TlsError(where, reason)
        raised.hint = _tls_hint(reason)
    elif connecting:
        raised = ConnectError(where, reason)
        raised.hint = _connect_hint(causes)
    elif any("invalid HTTP" in cause or "too large" in cause for cause in causes):
        raised = DisconnectedError(where, f"the answer is not HTTP: {reason}")
    else:
        raised = DisconnectedError(where, reason)
    raise raised from None


def _connect_hint(causes: list[str]) -> str:
    said = " ".join(causes).lower()
    if "proxy" in said or "tunnel" in said:
        return "a proxy of the environment (HTTPS_PROXY) was used; NO_PROXY leaves a host out"
    if "dns" in said or "lookup" in said:
        return "no such host is known here: check its spelling and the network"
    return "nothing listens there: check the host and the port"


def _tls_hint(reason: str) -> str:
    lowered = reason.lower()
    if "corrupt message" in lowered or "invalidcontenttype" in lowered:
        return "the host does not speak TLS on this port; --plain-http uses http"
    if "unknownissuer" in lowered or "unknown issuer" in lowered or "authority" in lowered:
        return "give the authority's certificate with --ca-file FILE (or SSL_CERT_FILE)"
    if "causedasendentity" in lowered:
        return (
            "the server shows an authority's own certificate: give it one of its own (CA:FALSE), signed or self-signed"
        )
    return "--ca-file names an authority; --insecure leaves the certificate unverified"
