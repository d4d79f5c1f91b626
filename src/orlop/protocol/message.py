"""One HTTP request and one answer, as values: what client, server, sign-in and tests pass around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


class Headers(Mapping[str, str]):
    """Header fields: names without case, several values to a name, order kept.

    ``headers[name]`` and ``get`` give the first value; ``all`` gives each of them.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        kept: dict[str, list[str]] = {}
        for name, value in pairs:
            kept.setdefault(name.lower(), []).append(value)
        self._fields = kept

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][0]

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


@dataclass(slots=True)
class Request:
    """One request. url: absolute for a client, path and query for a server."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        # Bodies and query strings of token requests hold secrets.
        return f"Request({self.method} {self.url.partition('?')[0]})"


@dataclass(slots=True)
class Response:
    """One answer with its whole body, which is never larger than the limit that was asked with."""

    status: int
    headers: Headers
    body: bytes = b""
    url: str = ""

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"
