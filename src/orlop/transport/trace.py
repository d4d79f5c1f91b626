"""What went over the wire, told to whoever listens, without secrets; and the curl that does the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.protocol.message import Headers, Request

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SECRET_PARAMETERS = re.compile(
    r"((?:^|[?&;])(?:password|refresh_token|access_token|token|client_secret|x-amz-signature|x-amz-credential"
    r"|x-amz-security-token|sig|signature|x-goog-signature|x-goog-credential|_state|se|sp|sv|sr|policy|key-pair-id)=)[^&;]*",
    re.IGNORECASE,
)
_TOKEN_HINT = re.compile(r"\A(basic|bearer)\s", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Return the URL with the values of parameters that sign or sign in replaced by ``***``, and without user info."""
    head, mark, query = url.partition("?")
    scheme, sep, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        head = f"{scheme}{sep}***@{authority.rpartition('@')[2]}{slash}{path}"
    return head + mark + _SECRET_PARAMETERS.sub(r"\1***", query) if mark else head


def redact_header(name: str, value: str) -> str:
    """Return what may be shown of a header: of a credential, its scheme only."""
    if name.lower() in _SECRET_HEADERS:
        scheme = _TOKEN_HINT.match(value)
        return f"{scheme[1]} ***" if scheme else "***"
    if name.lower() == "location":
        return redact_url(value)
    return value


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the head of its answer, or the error that came instead (status 0).

    Headers and URL are redacted already. elapsed_s: seconds until the head. purpose: "registry", "token" or "storage".
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
            redact_url(request.url),
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


def _shown(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, redact_header(name, value)) for name, value in headers.items())


_OPEN_FIELDS = frozenset({"grant_type", "service", "scope", "client_id", "access_type"})


def _form_fields(request: Request) -> tuple[str, ...]:
    """Return a form's fields as they were sent; of those that may be secrets the names alone."""
    if request.method != "POST" or not request.body.startswith((b"grant_type=", b"service=", b"client_id=", b"scope=")):
        return ()
    parts = request.body.decode("ascii", "replace").split("&")
    return tuple(part if part.partition("=")[0] in _OPEN_FIELDS else part.partition("=")[0] for part in parts)
