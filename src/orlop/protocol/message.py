"""One HTTP request and one answer, as values: what client, server, sign-in and tests pass around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar, overload

D = TypeVar("D")


class Headers(Mapping[str, str]):
    """Header fields: names without case, several values to a name, order kept.

    ``headers[name]`` and ``get`` give the first value; ``all`` gives each of them.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        kept: dict[str, list[str]] = {}
        for name, value in pairs:
            lowered = name.lower()
            if lowered in kept:
                kept[lowered].append(value)
            else:
                kept[lowered] = [value]
        self._fields = kept

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][0]

    # Of Mapping, these would raise and catch an error for each field that is absent.
    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: D) -> str | D: ...
    def get(self, name: str, default: D | None = None) -> str | D | None:
        """Return the first value of the field, or the default where it is absent."""
        values = self._fields.get(name.lower())
        return default if values is None else values[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def all(self, name: str) -> list[str]:
        """Return every value of the field, in order; empty when it is absent."""
        return list(self._fields.get(name.lower(), ()))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each (lower-case name, value), a name as often as it has values."""
        for name, values in self._fields.items():
            for value in values:
                yield name, value

    def __repr__(self) -> str:
        shown = {name: ["***"] if name in _SECRET else values for name, values in self._fields.items()}
        return f"Headers({shown})"


_SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Request:
    """One request. url: absolute for a client, path and query for a server."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.method = method
        self.url = url
        self.headers: Mapping[str, str] = headers if headers is not None else {}
        self.body = body

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        mine, others = (self.method, self.url, self.body), (other.method, other.url, other.body)
        return mine == others and dict(self.headers) == dict(other.headers)

    __hash__ = None  # type: ignore[assignment]  # its headers may be a plain dict

    def __repr__(self) -> str:
        # Bodies and query strings of token requests hold secrets.
        return f"Request({self.method} {self.url.partition('?')[0]})"


class Response:
    """One answer with its whole body, which is never larger than the limit that was asked with."""

    __slots__ = ("body", "headers", "status", "url")

    def __init__(self, status: int, headers: Headers, body: bytes = b"", url: str = "") -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        same = (self.status, self.body, self.url) == (other.status, other.body, other.url)
        return same and dict(self.headers) == dict(other.headers)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"
