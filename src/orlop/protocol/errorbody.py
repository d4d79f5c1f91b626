"""One table between orlop's errors and the wire: status, code, body. ``to_wire`` serves, ``from_wire`` asks.

For each error that a server raises on purpose, ``from_wire(to_wire(error))`` is of the same class, so that the
caller of a store and the client of a server in front of it see the same failures. Three kinds change on the way,
into RegistryError, a refusal: InputError, since for the client a request was sent; LocalError and NetworkError,
since it is not the client's machine that is in trouble; IntegrityError of what the server itself holds.

Rule: distribution-spec 1.1, "Error Codes".
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import (
    AccessError,
    BlobNotFoundError,
    CopyError,
    CredentialError,
    DeniedError,
    DigestMismatchError,
    InputError,
    IntegrityError,
    InvalidDigestError,
    InvalidDocumentError,
    InvalidManifestError,
    InvalidReferenceError,
    LimitError,
    LocalError,
    ManifestNotFoundError,
    NetworkError,
    NotFoundError,
    OrlopError,
    RateLimitedError,
    ReadOnlyError,
    RegistryError,
    RepositoryNotFoundError,
    SizeMismatchError,
    StorageError,
    TimedOutError,
    TruncatedError,
    UnauthenticatedError,
    UnsupportedError,
)
from orlop.protocol._text import one_line
from orlop.protocol.headers import wait_of
from orlop.protocol.message import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.protocol._said import Said
    from orlop.protocol.challenge import Challenge


class _Row(NamedTuple):
    """An error class on the wire. detail: fields, with their type, that tell it from others of the same code."""

    error: type[OrlopError]
    status: int
    code: str
    detail: Mapping[str, type] = {}


# Narrow classes before their bases: the first row that fits is taken.
_ROWS = (
    _Row(BlobNotFoundError, 404, "BLOB_UNKNOWN"),
    _Row(ManifestNotFoundError, 404, "MANIFEST_UNKNOWN"),
    _Row(RepositoryNotFoundError, 404, "NAME_UNKNOWN"),
    _Row(NotFoundError, 404, "NOT_FOUND"),
    _Row(UnauthenticatedError, 401, "UNAUTHORIZED"),
    _Row(CredentialError, 502, "UNAVAILABLE"),
    _Row(AccessError, 403, "DENIED"),
    _Row(DigestMismatchError, 400, "DIGEST_INVALID", {"expected": str, "actual": str}),
    _Row(SizeMismatchError, 400, "SIZE_INVALID", {"expected": int, "actual": int}),
    _Row(TruncatedError, 400, "SIZE_INVALID", {"expected": int, "received": int}),
    _Row(InvalidDocumentError, 400, "MANIFEST_INVALID"),
    _Row(IntegrityError, 500, "UNKNOWN"),
    _Row(ReadOnlyError, 405, "UNSUPPORTED", {"read_only": bool}),
    _Row(UnsupportedError, 405, "UNSUPPORTED"),
    _Row(RateLimitedError, 429, "TOOMANYREQUESTS"),
    _Row(InvalidDigestError, 400, "DIGEST_INVALID"),
    _Row(InvalidReferenceError, 400, "NAME_INVALID"),
    _Row(InputError, 400, "UNSUPPORTED"),
    _Row(LimitError, 413, "SIZE_INVALID"),
    _Row(StorageError, 500, "UNKNOWN"),
    _Row(TimedOutError, 504, "UNAVAILABLE"),
    _Row(NetworkError, 502, "UNAVAILABLE"),
)
_UNKNOWN = _Row(OrlopError, 500, "UNKNOWN")
_ABSENT = {row.code: row.error for row in _ROWS if row.status == 404 and row.error is not NotFoundError}
_TOLD = [row for row in _ROWS if row.detail]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


# --- serving -----------------------------------------------------------------------------------


def to_wire(error: BaseException, *, challenges: Iterable[Challenge] = ()) -> Response:
    """Return the answer that tells a client of the error; the caller drops its body for a HEAD.

    challenges: how one signs in here, sent with a 401. Of trouble on the server's own machine, and of
    errors that are not orlop's, only the kind is told.
    """
    while isinstance(error, CopyError) and error.__cause__ is not None:
        error = error.__cause__
    row = next((row for row in _ROWS if isinstance(error, row.error)), _UNKNOWN)
    codes: tuple[str, ...] = (row.code,)
    status, message = row.status, "the registry cannot do this now"
    headers = [("content-type", "application/json")]
    if isinstance(error, RegistryError):
        status = error.status if 400 <= error.status <= 599 else 502
        codes, message = error.codes or codes, error.reason or "the request was refused"
        if error.retry_after is not None:
            headers.append(("retry-after", str(-int(-error.retry_after // 1))))
    elif isinstance(error, StorageError) and _is_full(error):
        status, codes, message = 507, ("UNAVAILABLE",), "the registry has no room left"
    elif isinstance(error, LimitError) or (isinstance(error, OrlopError) and not isinstance(error, _INWARD)):
        message = getattr(error, "reason", "") or str(error)
    if status == 401:
        headers.extend([("www-authenticate", str(challenge)) for challenge in challenges])
    detail = _detail(error, row)
    message = one_line(message, 1024)
    return Response(status, Headers(headers), _document([(code, message, detail) for code in codes]))


_INWARD = (CredentialError, LocalError, NetworkError)


def _is_full(error: StorageError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL


def _detail(error: BaseException, row: _Row) -> dict[str, object]:
    if isinstance(error, NotFoundError):
        return {"what": error.what}
    if isinstance(error, ReadOnlyError):
        return {"read_only": True}
    return {name: getattr(error, name) for name in row.detail}


def _document(entries: list[tuple[str, str, dict[str, object]]]) -> bytes:
    import json

    errors = [
        {"code": code, "message": message} | ({"detail": detail} if detail else {}) for code, message, detail in entries
    ]
    return json.dumps({"errors": errors}).encode()


# --- asking ------------------------------------------------------------------------------------


def from_wire(
    response: Response, *, method: str, what: str, where: str, kind: str = "", now: float | None = None
) -> OrlopError:
    """Return the error that an answer outside of 2xx stands for, with a hint where there is something to do.

    method: of the request. what: what it was about, in the user's words: a tag, a digest, ``tags``. where: the
    repository with its registry, or the registry alone. kind: ``manifest``, ``blob``, ``tags``, ``repositories``
    (the catalog), ``referrers``, ``upload`` or ``registry``; it tells what a 404 without a usable code means, as the
    answer to a HEAD is. now: seconds since 1970, for a Retry-After that is a date; else the answer's own Date.

    Status comes before code, as codes are misused more often. Bodies may be HTML, plain text, empty or huge: one
    clean line of them is shown.
    """
    from orlop.protocol._said import read_body

    said = read_body(response)
    status, host = response.status, where.partition("/")[0]
    if status == 429 or "TOOMANYREQUESTS" in said.codes:
        return _limited(response, said, method, where, now)
    if status == 401 or (status == 400 and "UNAUTHORIZED" in said.codes):  # Nexus answers 400 where 401 is meant
        hint = f"sign in with: orlop auth login {host}"
        if "/" in where:
            hint += "; a repository that is not there may be answered in the same way"
        return UnauthenticatedError(where, said.reason or "the registry wants a sign-in").with_hint(hint)
    if status == 403:
        denied = DeniedError(where, said.reason or "the registry refuses this")
        return denied.with_hint(_PAGE_HINT if said.is_page else f"see who you are there with: orlop auth status {host}")
    if status == 404:
        return _absent(said, method, what, where, kind)
    if (told := _told(said, status, what, where)) is not None:
        return told
    if status in {405, 501} or ("UNSUPPORTED" in said.codes and 400 <= status < 500):
        return _unsupported(said, method, what, where, kind)
    reason = said.reason or ("" if status >= 400 else "an answer that means nothing here")
    error = RegistryError(method, _url(response, where), status, said.codes, reason, wait_of(response.headers, now))
    hint = _PAGE_HINT if said.is_page else _STATUS_HINTS.get(status, "")
    return error.with_hint(hint) if hint else error


_PAGE_HINT = "it answered with a web page: a proxy in between may have written it, not the registry"
_STATUS_HINTS = {
    413: "the registry, or a proxy before it, takes nothing this large",
    507: "the registry has no room left",
}


def _limited(response: Response, said: Said, method: str, where: str, now: float | None) -> OrlopError:
    wait = wait_of(response.headers, now)
    error = RateLimitedError(method, _url(response, where), response.status, said.codes, said.reason, wait)
    when = "later" if wait is None else f"in {wait:.0f} s"
    return error.with_hint(
        f"try again {when}; signing in may raise the limit: orlop auth login {where.partition('/')[0]}"
    )


def _told(said: Said, status: int, what: str, where: str) -> OrlopError | None:
    """Return the error whose class the code and its detail settle, as orlop's own server sends them."""
    if status == 400 and "MANIFEST_INVALID" in said.codes:
        return InvalidManifestError(f"manifest {what}", f"the registry refuses it: {said.reason or 'manifest invalid'}")
    for row in _TOLD:
        values = [said.detail.get(name) for name in row.detail]
        if status != row.status or row.code not in said.codes or list(map(type, values)) != list(row.detail.values()):
            continue
        if row.error is ReadOnlyError:
            return ReadOnlyError("writing", where, said.reason or "it takes no writes")
        return row.error(what, *[one_line(value, 160) if isinstance(value, str) else value for value in values])
    return None


def _absent(said: Said, method: str, what: str, where: str, kind: str) -> OrlopError:
    reason = said.reason or "not found"
    error = next((_ABSENT[code] for code in said.codes if code in _ABSENT), None)
    if error is None and "BLOB_UPLOAD_UNKNOWN" not in said.codes:
        if kind in _WHOLE:
            return _unsupported(said, method, what, where, kind)
        error = _ABSENT_KIND.get((kind, method in {"PUT", "POST"}))
    if error is RepositoryNotFoundError:
        host, _, name = where.partition("/")
        missing = RepositoryNotFoundError(name or where, host, reason)
        return missing.with_hint(
            f"registries hide private repositories like this; sign in with: orlop auth login {host}"
        )
    if error is ManifestNotFoundError:
        missing_manifest = ManifestNotFoundError(what, where, reason)
        return (
            missing_manifest
            if ":" in what
            else missing_manifest.with_hint(f"see what is there with: orlop tag list {where}")
        )
    if error is BlobNotFoundError:
        return BlobNotFoundError(what, where, reason)
    return NotFoundError(what, where, reason)


# What a 404 means that carries no code of ours: Harbor says NOT_FOUND, Red Hat 404, a HEAD nothing at all.
_ABSENT_KIND: dict[tuple[str, bool], type[OrlopError]] = {
    ("manifest", False): ManifestNotFoundError,
    ("manifest", True): RepositoryNotFoundError,
    ("blob", False): BlobNotFoundError,
    ("blob", True): RepositoryNotFoundError,
    ("upload", True): RepositoryNotFoundError,
    ("tags", False): RepositoryNotFoundError,
}
# Parts of the API that a registry may lack as a whole.
_WHOLE = {
    "catalog": "listing repositories",
    "repositories": "listing repositories",
    "referrers": "listing referrers",
    "registry": "the registry API",
}


def _unsupported(said: Said, method: str, what: str, where: str, kind: str) -> OrlopError:
    if kind in _WHOLE:
        action = _WHOLE[kind]
    elif method == "DELETE":
        action = f"deleting {what}"
    elif method in {"PUT", "POST", "PATCH"}:
        action = f"writing {what}"
    else:
        action = f"{method} of {what}"
    error = UnsupportedError(action, where, said.reason or "not supported there")
    if said.is_page:
        return error.with_hint(_PAGE_HINT)
    if method == "DELETE":
        return error.with_hint("registries may delete by digest only, or only when told to at their start")
    return error


def _url(response: Response, where: str) -> str:
    return one_line(response.url.partition("?")[0], 300) or where
