"""Telling others that an image is stale: what is said, to whom, signed how, and when to say it again. Pure: nothing is sent here.

The row of the outbox is written in the transaction that keeps the verdict (W5), so that a run that ends in between leaves it to
the next. A row's id is made of what it says and to whom: the same fact has the same id, from whichever machine.

Signatures: the Standard Webhooks specification, "Signature scheme" (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from orlop.errors import ConfigError, InputError
from orlop.freshness.values import LAYERS, STALE, UPSTREAM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.freshness.values import Report, Verdict

EVENT = "image.stale"
"""The type of a webhook's event."""
DISPATCH = "image-stale"
"""The event type of a repository_dispatch."""
GITHUB_API = "https://api.github.com"

TRIES_LIMIT = 50
"""Runs that try to deliver one announcement, before it is given up."""
SECRETS_LIMIT = 10
SECRET_FILE_LIMIT = 64 * 1024
_PREFIX = "whsec_"
# Standard Webhooks, "Signature scheme": a symmetric secret has between 24 and 64 bytes.
_KEY_SIZES = range(24, 65)
_LATER = frozenset({401, 403, 407, 408, 409, 425, 429})
_MOST_DETAIL = 1000
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told. url: may be a secret by itself, so it is in no text; ``name`` is for people and ``key`` for the outbox."""

    kind: Literal["webhook", "github"]
    name: str
    key: str
    url: str = field(repr=False)

    @classmethod
    def webhook(cls, url: str) -> Receiver:
        """Return the receiver at a URL. Raises InputError for one that is no http or https URL, or holds a password."""
        origin = _origin(url)
        mark = hashlib.sha256(url.encode()).hexdigest()[:16]
        return cls("webhook", origin, f"webhook {origin} {mark}", url)

    @classmethod
    def github(cls, repository: str, api: str = GITHUB_API) -> Receiver:
        """Return the workflows of a GitHub repository, ``OWNER/NAME``, that wait for a repository_dispatch. Raises InputError."""
        owner, slash, name = repository.partition("/")
        allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
        if not slash or not owner or not name or not set(owner + name) <= allowed or name in {".", ".."}:
            wrong = InputError(repository, "it is OWNER/NAME")
            wrong.noun = "a GitHub repository"
            raise wrong
        origin = _origin(api)
        where = "" if api == GITHUB_API else f" {origin}"
        url = f"{api.rstrip('/')}/repos/{owner}/{name}/dispatches"
        return cls("github", f"{owner}/{name}", f"github {owner}/{name}{where}", url)


def _origin(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    authority = rest.replace("?", "/").replace("#", "/").partition("/")[0]
    usable = url.isascii() and url.isprintable() and not any(char in url for char in ' "<>\\')
    if mark and "@" in authority:
        raise _no_url("***", "a password has no place in it: the receiver checks the signature")
    if scheme.lower() not in {"http", "https"} or not _AUTHORITY.fullmatch(authority) or not usable:
        raise _no_url(f"{scheme[:10]}..." if mark else "...", "it starts with https:// and a host")
    return f"{scheme.lower()}://{authority.lower()}"


def _no_url(shown: str, reason: str) -> InputError:
    wrong = InputError(shown, reason)
    wrong.noun = "a URL to post to"
    return wrong


# --- signing -----------------------------------------------------------------------------------------


class Secrets:
    """The keys that announcements are signed with: usually one, two while one is replaced by another."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys

    def __repr__(self) -> str:
        return f"Secrets({len(self._keys)})"

    @classmethod
    def parse(cls, text: str, where: str) -> Secrets:
        """Return the secrets of a text, ``whsec_`` and base64, with blanks or newlines between several.

        where: the file or the variable, for the message. Raises ConfigError, which shows nothing of them.
        """
        words = text.split()
        if not words or len(words) > SECRETS_LIMIT:
            raise ConfigError(where, f"it holds {len(words)} secrets; one is usual, several while one replaces another")
        return cls(tuple(_key(word, where) for word in words))

    def sign(self, id_: str, timestamp: int, body: bytes) -> str:
        """Return the value of webhook-signature: a signature of each secret. timestamp: seconds since 1970."""
        signed = f"{id_}.{timestamp}.".encode() + body
        made = (hmac.digest(key, signed, "sha256") for key in self._keys)
        return " ".join("v1," + base64.b64encode(one).decode() for one in made)


def _key(word: str, where: str) -> bytes:
    bad = ConfigError(where, "a secret in it is not whsec_ and 24 to 64 bytes in base64").with_hint(
        "make one with: echo whsec_$(openssl rand -base64 32)"
    )
    if not word.startswith(_PREFIX):
        raise bad
    try:
        key = base64.b64decode(word[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise bad from None
    if len(key) not in _KEY_SIZES:
        raise bad
    return key


# --- what is said ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox: to whom, which fact, and the body to send."""

    id: str
    receiver: str
    fact: str
    body: str


def notices(report: Report, receivers: Sequence[Receiver], at: float) -> list[Notice]:
    """Return what is to be told of a report: for each receiver one notice of each stale platform.

    at: seconds since 1970, said in the body. Which of them were told before, the outbox knows.
    """
    made = []
    for verdict in report.platforms:
        if verdict.state != STALE:
            continue
        known = fact(report, verdict)
        for receiver in receivers:
            sum_ = hashlib.sha256(f"{receiver.key}\n{known}".encode()).digest()
            id_ = "msg_" + base64.b32encode(sum_[:20]).decode().lower()
            body = _event(report, verdict, at) if receiver.kind == "webhook" else _dispatch(id_, report, verdict)
            made.append(Notice(id_, receiver.key, known, json.dumps(body, separators=(",", ":"))))
    return made


def fact(report: Report, verdict: Verdict) -> str:
    """Return the key of what is told once: subject, platform, what the base is now, and the state."""
    return json.dumps([_subject(report.subject), str(verdict.platform or ""), _moved(verdict), verdict.state])


def _subject(text: str) -> str:
    """Return the name in full, so that ``debian`` and ``docker.io/library/debian:latest`` are one subject."""
    from orlop.model.reference import Reference, is_locator

    try:
        return text if is_locator(text) else str(Reference.parse(text))
    except InputError:
        return text


def _moved(verdict: Verdict) -> str:
    """Return the digests that made it stale: the base's, or those of what moved below it or beside it."""
    if verdict.reason == UPSTREAM:
        return ",".join(str(one.now_digest or one.reason) for one in verdict.ancestors if one.state == STALE)
    inputs = [str(one.now_digest or "") for one in verdict.build_inputs if one.state == STALE]
    if verdict.reason == LAYERS and inputs and verdict.then_digest == verdict.now_digest:
        return ",".join(inputs)
    return str(verdict.now_digest or verdict.reason)


def _event(report: Report, verdict: Verdict, at: float) -> dict[str, Any]:
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": EVENT, "timestamp": time, "data": {**_said(report, verdict), "state": verdict.state}}


def _dispatch(id_: str, report: Report, verdict: Verdict) -> dict[str, Any]:
    # GitHub takes ten fields of a payload at most: "Create a repository dispatch event", client_payload.
    return {"event_type": DISPATCH, "client_payload": {"id": id_, **_said(report, verdict)}}


def _said(report: Report, verdict: Verdict) -> dict[str, Any]:
    return {
        "subject": report.subject,
        "digest": str(report.digest) if report.digest else None,
        "platform": str(verdict.platform) if verdict.platform else None,
        "platformDigest": str(verdict.digest) if verdict.digest else None,
        "reason": verdict.reason,
        "detail": verdict.detail[:_MOST_DETAIL],
        "base": str(verdict.base) if verdict.base else None,
        "then": str(verdict.then_digest) if verdict.then_digest else None,
        "now": str(verdict.now_digest) if verdict.now_digest else None,
    }


# --- the request -------------------------------------------------------------------------------------


def headers(
    receiver: Receiver, id_: str, body: bytes, at: float, *, secrets: Secrets | None = None, token: str = ""
) -> dict[str, str]:
    """Return the headers to send a body with. at: now, in seconds since 1970: a signature is of one try.

    Raises InputError when what the receiver's kind needs is missing.
    """
    made = {"content-type": "application/json", "accept": "application/json"}
    if receiver.kind == "github":
        if not token:
            wrong = InputError("GITHUB_TOKEN", "it is not set, and GitHub wants to know who asks")
            wrong.noun = "a token"
            raise wrong
        return {
            **made,
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "x-github-api-version": "2022-11-28",
        }
    if secrets is None:
        wrong = InputError("", "there is none to sign with")
        wrong.noun = "a webhook secret"
        raise wrong
    timestamp = int(at)
    return {
        **made,
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": secrets.sign(id_, timestamp, body),
    }


# --- what became of it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """What an answer means. state: "delivered"; "later", from ``due`` on; "gave-up", for good. reason: in words."""

    state: Literal["delivered", "later", "gave-up"]
    due: float = 0.0
    reason: str = ""


def fate(status: int, tries: int, at: float, retry_after: float | None = None, reason: str = "") -> Fate:
    """Return what an answer means for an announcement. Pure.

    status: of the answer, 0 when none came, for ``reason``. tries: runs that tried before. at: now, in seconds since 1970.
    A refusal that a right secret or token, or time, can heal (401, 403, 408, 425, 429) is tried by a later run; any other 4xx, 410
    first of all, is final (Standard Webhooks, "Operational considerations").
    """
    if 200 <= status < 300:
        return Fate("delivered")
    said = reason or f"it answered {status}"
    if 400 <= status < 500 and status not in _LATER:
        return Fate("gave-up", reason=said)
    if tries + 1 >= TRIES_LIMIT:
        return Fate("gave-up", reason=f"{said}, after {tries + 1} tries")
    return Fate("later", at + (retry_after or 0.0), said)


def summary(body: str) -> Mapping[str, Any]:
    """Return what a body of ours says of its image, for a message: ``subject``, ``platform``."""
    said = json.loads(body)
    inner = said.get("data") or said.get("client_payload") or {}
    return inner if isinstance(inner, dict) else {}
