"""A token service, as registries have them beside them: who you are, and what that token lets you do.

It answers ``Seen`` with ``Answer`` and holds no socket, so it can stand behind any server; ``serve`` gives it
one of its own, which is how registries of other makers are made to trust it (see ``signing.OpensslSigner``).
Rule: distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import hmac
import itertools
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from orlop.protocol.challenge import Scope, merge
from orlop.testing.replies import Answer, refusal
from orlop.testing.signing import HmacSigner, Signer, b64
from orlop.testing.sockets import Seen, SocketServer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

ZERO_USER = "00000000-0000-0000-0000-000000000000"
"""The user name under which Azure's refresh tokens stand in Docker's file."""

TOKEN_USER = "<token>"  # noqa: S105  # a user name
"""The user name that says: the password is a refresh token."""


class Clock:
    """A clock that a test can put forward: seconds since 1970.

    start: where it stands still until it is told; None lets it run from now on.
    """

    def __init__(self, start: float | None = None) -> None:
        self._start, self._ahead = start, 0.0

    def __call__(self) -> float:
        """Return its time."""
        return (time.time() if self._start is None else self._start) + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead += seconds


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may do what.

    users: names to passwords; each may do everything, unless ``may`` says less. private: repositories that nobody
    may read without a sign-in, as names or patterns (``team/*``). anonymous: what everyone may do in the others.
    catalog: whether users may list the repositories. may: (user or "", repository) to the actions allowed there;
    it replaces all of the above but ``users`` and ``catalog``.
    """

    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    private: Collection[str] = ()
    anonymous: Collection[str] = ("pull",)
    catalog: bool = True
    may: Callable[[str, str], Collection[str]] | None = None

    def knows(self, user: str, password: str) -> bool:
        """Whether this is the user's password."""
        return user in self.users and hmac.compare_digest(self.users[user].encode(), password.encode())

    def allowed(self, user: str, wanted: Scope) -> Scope:
        """Return the part of a scope that the user ("" is nobody) may have; it can be without actions."""
        if wanted.type == "registry":
            return Scope(*wanted[:2], wanted.actions if user and self.catalog else frozenset())
        actions = frozenset(self._actions(user, wanted.name))
        return Scope(*wanted[:2], wanted.actions if "*" in actions else wanted.actions & actions)

    def _actions(self, user: str, repository: str) -> Collection[str]:
        if self.may is not None:
            return self.may(user, repository)
        if user:
            return ("*",)
        private = any(fnmatchcase(repository, pattern) for pattern in self.private)
        return () if private else self.anonymous


@dataclass(frozen=True, slots=True)
class Style:
    """How one registry's token service speaks.

    path: where it is. fields: the names under which it gives the token. lifetime: whether it tells
    ``expires_in`` and ``issued_at``. posts: the grant types of POST that it knows. exchange: where an Entra ID token
    is exchanged. anonymous: whether it gives tokens to nobody. denies: whether it refuses instead of giving a token
    that allows nothing. unauthorized: the body of its 401.
    """

    path: str = "/token"
    fields: tuple[str, ...] = ("token",)
    lifetime: bool = True
    posts: frozenset[str] = frozenset()
    exchange: str = ""
    anonymous: bool = True
    denies: bool = False
    unauthorized: Mapping[str, Any] | None = None


class TokenService:
    """Gives out tokens and knows them again.

    service: what tokens are for (``aud``). lifetime_s: how long one lasts. issuer: who gives them. clock: seconds
    since 1970. ``issued`` counts the access tokens.
    """

    def __init__(
        self,
        rules: Rules,
        style: Style | None = None,
        *,
        service: str = "registry",
        issuer: str = "orlop.testing",
        lifetime_s: int = 300,
        signer: Signer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.rules, self.style, self.service, self.issuer = rules, style or Style(), service, issuer
        self.lifetime_s, self.clock = lifetime_s, clock
        self.issued = 0
        self._signer = signer or HmacSigner()
        self._refresh: dict[str, str] = {}
        self._entra: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._revoked_before = 0

    def serve(self) -> SocketServer:
        """Return a server of its own; enter it with ``with``. The realm is its ``url`` and ``style.path``."""
        return SocketServer(self.respond)

    def issue(self, user: str, scopes: Iterable[Scope]) -> str:
        """Return a token that allows exactly this, whatever the rules are."""
        now, number = int(self.clock()), next(self._numbers)
        self.issued += 1
        access = [{"type": one.type, "name": one.name, "actions": sorted(one.actions)} for one in scopes]
        times = {"iat": now, "nbf": now - 10, "exp": now + self.lifetime_s}
        claims = {"iss": self.issuer, "sub": user, "aud": self.service, **times, "jti": str(number), "access": access}
        return self._signer.encode(claims)

    def scopes_of(self, token: str) -> tuple[Scope, ...] | None:
        """Return what a token allows; None when it is not ours, has ended or was revoked."""
        claims = self._signer.decode(token)
        if claims is None or claims["aud"] != self.service or claims["exp"] <= self.clock():
            return None
        if int(claims["jti"]) <= self._revoked_before:
            return None
        return tuple(Scope(one["type"], one["name"], frozenset(one["actions"])) for one in claims["access"])

    def revoke_all(self) -> None:
        """Make every token that was given so far invalid, refresh tokens as well."""
        self._revoked_before = next(self._numbers)
        self._refresh.clear()

    def refresh_token(self, user: str) -> str:
        """Return a token that buys access tokens until it is revoked."""
        token = b64(f"refresh {next(self._numbers)} {user}".encode())
        self._refresh[token] = user
        return token

    def entra_token(self, user: str, tenant: str = "72f988bf-0000-0000-0000-2d7cd011db47") -> str:
        """Return a token as Entra ID issues them, which ``exchange`` takes for this user."""
        issuer = f"https://sts.windows.net/{tenant}/"
        token = HmacSigner(b"entra").encode({"iss": issuer, "tid": tenant, "oid": user, "upn": user})
        self._entra[token] = user
        return token

    def respond(self, seen: Seen) -> Answer:
        """Answer a request to the token service."""
        if self.style.exchange and seen.path == self.style.exchange:
            return self._exchange(_form(seen.body.decode("latin-1"))) if seen.method == "POST" else _no_method("POST")
        if seen.path.rstrip("/") != self.style.path.rstrip("/"):
            return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
        if seen.method == "POST" and self.style.posts:
            return self._post(_form(seen.body.decode("latin-1")))
        return self._get(seen) if seen.method == "GET" else _no_method("GET")

    def user_of(self, authorization: str) -> str | None:
        """Return who a Basic header names, "" for an empty one, None when it is wrong."""
        if not authorization:
            return ""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except ValueError:
            return None
        if user in {ZERO_USER, TOKEN_USER} and password in self._refresh:
            return self._refresh[password]
        return user if colon and self.rules.knows(user, password) else None

    def _get(self, seen: Seen) -> Answer:
        user = self.user_of(seen.headers.get("authorization", ""))
        if user is None or not (user or self.style.anonymous):
            return self._unauthorized()
        query = _form(seen.query)
        return self._grant(user, query.get("scope", []), offline="true" in query.get("offline_token", []))

    def _post(self, form: dict[str, list[str]]) -> Answer:
        def one(name: str) -> str:
            return form.get(name, [""])[0]

        grant = one("grant_type")
        if grant not in self.style.posts:
            return Answer(400, json={"error": "unsupported_grant_type", "error_description": f"no grant {grant!r}"})
        if grant == "password":
            if not self.rules.knows(one("username"), one("password")):
                return self._unauthorized()
            offline = one("access_type") == "offline"
            return self._grant(one("username"), form.get("scope", []), offline=offline, posted=True)
        user = self._refresh.get(one("refresh_token"))
        if user is None:
            return self._unauthorized()
        return self._grant(user, form.get("scope", []), posted=True, refresh=one("refresh_token"))

    def _exchange(self, form: dict[str, list[str]]) -> Answer:
        user = self._entra.get(form.get("access_token", [""])[0])
        if user is None or form.get("service", [""])[0] != self.service:
            return self._unauthorized()
        return Answer(json={"refresh_token": self.refresh_token(user)})

    def _grant(
        self, user: str, texts: list[str], *, offline: bool = False, posted: bool = False, refresh: str = ""
    ) -> Answer:
        wanted = merge(Scope.parse_all(" ".join(texts)))
        granted = [part for part in (self.rules.allowed(user, scope) for scope in wanted) if part.actions]
        if self.style.denies and wanted and not granted:
            return refusal(403, "DENIED", "requested access to the resource is denied")
        token = self.issue(user, granted)
        # OAuth2's answer is access_token everywhere; the other names are of the older GET.
        names = ("access_token",) if posted else self.style.fields
        document: dict[str, Any] = dict.fromkeys(names, token)
        if posted:
            document["scope"] = " ".join(map(str, granted))
        if self.style.lifetime:
            document |= {"expires_in": self.lifetime_s, "issued_at": _rfc3339(self.clock())}
        if user and (offline or refresh):
            document["refresh_token"] = refresh or self.refresh_token(user)
        return Answer(json=document)

    def _unauthorized(self) -> Answer:
        if self.style.unauthorized is not None:
            return Answer(401, json=self.style.unauthorized)
        return refusal(401, "UNAUTHORIZED", "authentication required")


def _form(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)


def _no_method(allowed: str) -> Answer:
    return Answer(405, headers={"Allow": allowed})


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000000000Z"
