"""One request and its answer as the server's core sees them, whatever face carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from orlop.errors import LimitError
from orlop.protocol.message import Headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orlop.protocol.message import Response

CUT_BEFORE_ANSWER = -1
"""``Reply.cut``: drop the connection before the first byte of the answer."""


class Body(ABC):
    """The body of a request, read at most once.

    length: what Content-Length announces, or None. finished: whether all of it was read.
    """

    length: int | None = None
    finished: bool = False

    @abstractmethod
    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come. Raises DisconnectedError when the body is cut, RegistryError (408) when it stalls."""

    async def read(self, limit: int, what: str = "the request body") -> bytes:
        """Return the whole body. Raises LimitError when it has more than ``limit`` bytes."""
        if self.length is not None and self.length > limit:
            raise LimitError(what, "body_limit", limit)
        parts: list[bytes] = []
        size = 0
        async for data in self.chunks():
            size += len(data)
            if size > limit:
                raise LimitError(what, "body_limit", limit)
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Call:
    """One request.

    target: path and query as they came, percent-encoded. fields: the header fields, names in lower case.
    """

    __slots__ = ("_headers", "body", "fields", "method", "target")

    def __init__(self, method: str, target: str, fields: Sequence[tuple[bytes, bytes]], body: Body) -> None:
        self.method, self.target, self.fields, self.body = method, target, fields, body
        self._headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.fields)
        return self._headers

    def header(self, name: bytes) -> str | None:
        """Return the first value of one field; cheaper than ``headers``. name: in lower case."""
        for field, value in self.fields:
            if field == name:
                return value.decode("latin-1")
        return None

    def __repr__(self) -> str:
        return f"Call({self.method} {self.target.partition('?')[0]})"  # a query may hold a secret


class Reply:
    """One answer: ``body``, or a ``stream`` of ``length`` bytes.

    The face adds Content-Length, and leaves the body out for HEAD. ``stream`` is closed by its ``aclose`` where it has
    one, also when it was never read. cut: for tests; drop the connection after so many bytes of the body.
    """

    __slots__ = ("body", "cut", "headers", "length", "status", "stream")

    def __init__(
        self,
        status: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        stream: AsyncIterator[bytes] | None = None,
        length: int | None = None,
        cut: int | None = None,
    ) -> None:
        self.status, self.headers, self.body, self.stream, self.cut = status, list(headers), body, stream, cut
        self.length = len(body) if length is None else length

    @classmethod
    def of(cls, response: Response) -> Reply:
        """Return the reply that says what a Response says."""
        return cls(response.status, list(response.headers.pairs()), response.body)

    async def aclose(self) -> None:
        """Let go of what the stream holds."""
        close = getattr(self.stream, "aclose", None)
        if close is not None:
            await close()

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.length} bytes)"


Go: TypeAlias = Callable[[Call], Awaitable[Reply]]
"""The rest of the way: what a middleware calls to have the request answered."""

Middleware: TypeAlias = Callable[[Call, Go], Awaitable[Reply]]
"""Stands before the core: answers itself, or awaits ``go(call)`` and returns or changes what came of it."""
