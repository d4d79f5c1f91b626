"""What went over the wire, told to whoever listens, without secrets; and the curl that does the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.transport.redact import redact_header, redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.protocol.message import Headers, Request


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the head of its answer, or the error that came instead (status 0).

    Headers and URL are redacted already. elapsed_s: seconds until the head. purpose: "registry", "token", "storage" or "webhook".
    form: the fields of a token request, ``name=value`` as sent, or the name alone where the value may be a secret.
    """

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    status: int
    response_headers: tuple[tuple[str, str], ...]
    elapsed_s: float
    attempt: int = 1
    error: str = ""
    purpose: str = "registry"
    form: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        request: Request,
        status: int,
        headers: Headers | None,
        elapsed_s: float,
        *,
        attempt: int = 1,
        error: str = "",
        purpose: str = "registry",
    ) -> Exchange:
        """Return the exchange with every secret left out."""
        return cls(
            request.method,
            _origin(request.url) if purpose == "webhook" else redact_url(request.url),
            _shown(request.headers),
            status,
            tuple((name, redact_header(name, value)) for name, value in headers.pairs()) if headers else (),
            elapsed_s,
            attempt,
            error,
            purpose,
            _form_fields(request),
        )

    def lines(self) -> list[str]:
        """Return the exchange as lines to read, in the manner of ``curl -v``."""
        took = f"{self.elapsed_s * 1000:.0f} ms"
        again = f", try {self.attempt}" if self.attempt > 1 else ""
        shown = [f"> {self.method} {self.url}"]
        shown += [f">   {name}: {value}" for name, value in self.request_headers]
        shown.append(f"< {self.status or self.error} ({took}{again})")
        shown += [f"<   {name}: {value}" for name, value in self.response_headers]
        return shown


def _origin(url: str) -> str:
    """Return scheme and host: the path of a webhook's URL is often its password."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}/***"


def _shown(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, redact_header(name, value)) for name, value in headers.items())


_OPEN_FIELDS = frozenset({"grant_type", "service", "scope", "client_id", "access_type"})


def _form_fields(request: Request) -> tuple[str, ...]:
    """Return a form's fields as they were sent; of those that may be secrets the names alone."""
    if request.method != "POST" or not request.body.startswith((b"grant_type=", b"service=", b"client_id=", b"scope=")):
        return ()
    parts = request.body.decode("ascii", "replace").split("&")
    return tuple(part if part.partition("=")[0] in _OPEN_FIELDS else part.partition("=")[0] for part in parts)
