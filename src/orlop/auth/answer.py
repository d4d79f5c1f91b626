"""What a token service answers, read with distrust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.auth.tokens import DEFAULT_LIFETIME_S
from orlop.errors import (
    AccessError,
    DeniedError,
    InvalidDocumentError,
    OrlopError,
    RateLimitedError,
    RegistryError,
    UnauthenticatedError,
)
from orlop.model.jsondoc import load_object

if TYPE_CHECKING:
    from orlop.auth.flow import Ask
    from orlop.protocol.message import Response

ANSWER_LIMIT = 1 << 20
"""Bytes of a token answer that are read; real ones are a few KiB."""

_REASON_LIMIT = 65_536

# RFC 6750 calls it b64token; what matters here is that nothing in it can end the header field.
_TOKEN = re.compile(r"[!-~]+\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?\Z", re.ASCII)


class TokenAnswer:
    """The token, its lifetime in seconds, and the refresh token if there was one."""

    __slots__ = ("lifetime_s", "refresh_token", "token")

    def __init__(self, token: str, lifetime_s: float, refresh_token: str = "") -> None:
        self.token, self.lifetime_s, self.refresh_token = token, lifetime_s, refresh_token

    def __repr__(self) -> str:
        return f"TokenAnswer(***, {self.lifetime_s})"


def read_answer(response: Response, ask: Ask) -> TokenAnswer:
    """Return the token of an answer: ``token`` or ``access_token``, 60 s when it tells no lifetime.

    Raises InvalidDocumentError for a 2xx answer that cannot be right; otherwise UnauthenticatedError (401),
    DeniedError (403), RateLimitedError, RegistryError (5xx) or AccessError.
    """
    document = document_of(response, ask)
    token = ""
    for name in ("token", "access_token"):  # Hub gives both, ACR the second, most the first
        value = document.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidDocumentError(_what(ask), f"its {name} is not a text")
        token = token or value or ""
    if not token:
        raise InvalidDocumentError(_what(ask), "it holds no token")
    return TokenAnswer(checked(token, ask), _lifetime(document.get("expires_in")), refresh_token_of(document, ask))


def document_of(response: Response, ask: Ask) -> dict[str, object]:
    """Return the JSON object of a successful answer; raises as ``read_answer`` does."""
    if not 200 <= response.status < 300:
        raise refusal(response, ask)
    return load_object(response.body, _what(ask), limit=ANSWER_LIMIT)


def refresh_token_of(document: dict[str, object], ask: Ask) -> str:
    """Return the refresh token of an answer, or empty."""
    value = document.get("refresh_token")
    return checked(value, ask) if isinstance(value, str) and value else ""


def checked(token: str, ask: Ask) -> str:
    """Return the token if it can stand in a header field. Raises InvalidDocumentError."""
    if not _TOKEN.match(token):
        raise InvalidDocumentError(_what(ask), "its token holds characters that no token has")
    return token


def _lifetime(value: object) -> float:
    """Return expires_in in seconds; some services send it as a text."""
    if isinstance(value, str) and _NUMBER.match(value.strip()):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12:
        return float(value)
    return DEFAULT_LIFETIME_S


def refusal(response: Response, ask: Ask) -> OrlopError:
    """Return the error that an answer other than 2xx stands for."""
    status, place = response.status, place_of_service(ask)
    where = ask.where or place
    said = _reason(response)
    tail = f": {said}" if said else ""
    nobody, who = ask.credential.anonymous, ask.credential.label
    if status == 429:
        return RateLimitedError(ask.method, place, status, (), said)
    if status >= 500:
        return RegistryError(ask.method, place, status, (), said)
    if status == 401 or (status == 400 and said.startswith(("invalid_grant", "invalid_client", "unauthorized"))):
        did = "wants a sign-in" if nobody else f"did not accept {who}"
        reason = f"its token service {place} {did} ({status}){tail}"
        return UnauthenticatedError(where, reason).with_hint(_hint(ask, where.partition("/")[0]))
    if status == 403:
        reason = (
            f"its token service {place} gives no token {'without a sign-in' if nobody else f'to {who}'} (403){tail}"
        )
        return DeniedError(where, reason).with_hint(_hint(ask, where.partition("/")[0]))
    return AccessError(where, f"its token service {place} answered {status}{tail}")


def _hint(ask: Ask, host: str) -> str:
    if ask.credential.anonymous:
        return f"sign in with: orlop auth login {host}"
    return f"the password or token may have ended; sign in again with: orlop auth login {host}"


def place_of_service(ask: Ask) -> str:
    """Return the URL of the token service without its query."""
    return ask.realm.partition("?")[0]


def _what(ask: Ask) -> str:
    return f"the answer of the token service {place_of_service(ask)}"


def _reason(response: Response) -> str:
    """Return what an error body says, in a line: OAuth2's ``error``, or distribution's ``errors``; empty for HTML."""
    try:
        document = load_object(response.body, "error", limit=_REASON_LIMIT)
    except InvalidDocumentError:
        return ""
    first: object = document
    errors = document.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0]
    if not isinstance(first, dict):
        return ""
    names = ("code", "error", "message", "error_description", "details", "detail")
    found = [value for name in names if isinstance(value := first.get(name), str) and value]
    return " ".join(" ".join(found[:2]).split())[:200] if _clean(found) else ""


def _clean(texts: list[str]) -> bool:
    return all(text.isprintable() for text in texts)
