"""The ways to sign in, without I/O: each yields requests, takes answers, and returns a ``Token``.

Rules: the distribution project's token specification ("Token Authentication Specification", "OAuth2 Token
Authentication"), and what registries were seen to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING

from orlop.auth.answer import read_answer
from orlop.auth.credential import ACR_TOKEN_USER, TOKEN_USER
from orlop.auth.realm import form, realm_url, with_query
from orlop.auth.tokens import Token, expiry
from orlop.auth.vendors import acr
from orlop.protocol.challenge import merge
from orlop.protocol.message import Request, Response

if TYPE_CHECKING:
    from orlop.auth.answer import TokenAnswer
    from orlop.auth.credential import Credential
    from orlop.protocol.challenge import Challenge, Scope

Flow = Generator[Request, Response, Token]

SCOPES_LIMIT = 16
"""How many scopes of a challenge are looked at; a mount needs two."""

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_NO_POST = frozenset({404, 405, 415, 501})
"""Harbor and older token services know GET only, and say so in these ways."""


class Ask:
    """All that a flow needs to know. realm: the URL of the token service, checked. now: seconds since 1970.

    where: the registry or repository, for messages.

    method: of the last request of the flow, for messages.
    """

    __slots__ = ("client_id", "credential", "method", "now", "realm", "refresh_token", "scopes", "service", "where")

    def __init__(
        self,
        credential: Credential,
        scopes: tuple[Scope, ...] = (),
        *,
        realm: str = "",
        service: str = "",
        where: str = "",
        client_id: str = "orlop",
        refresh_token: str = "",
        now: float = 0.0,
    ) -> None:
        self.credential, self.scopes, self.realm, self.service = credential, scopes, realm, service
        self.where, self.client_id, self.refresh_token, self.now = where, client_id, refresh_token, now
        self.method = "GET"

    def token(self, answer: TokenAnswer) -> Token:
        """Return what the token service gave, as a token for these scopes."""
        return Token(f"Bearer {answer.token}", expiry(self.now, answer.lifetime_s), self.scopes, answer.refresh_token)

    def query(self) -> list[tuple[str, str]]:
        """Return the fields of a GET: the service when there is one, and each scope apart."""
        fields = [("service", self.service)] if self.service else []
        return [*fields, *(("scope", str(scope)) for scope in self.scopes)]


def ready_bearer(ask: Ask) -> Flow:
    """Show the ready-made token of the credential."""
    yield from ()  # a flow without requests
    return Token(f"Bearer {ask.credential.registry_token}")


def pat_bearer(ask: Ask) -> Flow:
    """Show base64 of a personal access token as Bearer, which GHCR takes."""
    secret = ask.credential.registry_token or ask.credential.password
    yield from ()  # a flow without requests
    return Token(f"Bearer {_base64(secret)}")


def basic(ask: Ask) -> Flow:
    """Show user and password to the registry itself (RFC 7617)."""
    yield from ()  # a flow without requests
    return Token(basic_value(ask.credential))


def bearer_get(ask: Ask) -> Flow:
    """Ask the token service by GET: as nobody, or with Basic when there are credentials."""
    ask.method = "GET"
    headers = {"accept": "application/json"}
    if not ask.credential.anonymous:
        headers["authorization"] = basic_value(ask.credential)
    response = yield Request("GET", with_query(ask.realm, ask.query()), headers)
    return ask.token(read_answer(response, ask))


def oauth_password(ask: Ask) -> Flow:
    """Ask by POST with user and password, and remember the refresh token for the next scope; GET where POST is unknown."""
    if ask.refresh_token:
        response = yield _post(ask, ("grant_type", "refresh_token"), ("refresh_token", ask.refresh_token))
        if response.status == 200:
            return ask.token(read_answer(response, ask))
    fields = (("grant_type", "password"), ("username", ask.credential.username), ("password", ask.credential.password))
    response = yield _post(ask, *fields, ("access_type", "offline"))
    if response.status in _NO_POST:
        return (yield from bearer_get(ask))
    return ask.token(read_answer(response, ask))


def oauth_refresh(ask: Ask) -> Flow:
    """Ask by POST with the identity token; GET with Basic where POST is unknown."""
    response = yield _post(ask, ("grant_type", "refresh_token"), ("refresh_token", ask.credential.identity_token))
    if response.status in _NO_POST:
        return (yield from bearer_get(ask))
    return ask.token(read_answer(response, ask))


def _post(ask: Ask, *fields: tuple[str, str]) -> Request:
    ask.method = "POST"
    more = [("service", ask.service)] if ask.service else []
    if ask.scopes:
        more.append(("scope", " ".join(str(scope) for scope in ask.scopes)))
    more.append(("client_id", ask.client_id))
    return Request("POST", ask.realm, dict(_FORM), form([*fields, *more]).encode())


def basic_value(credential: Credential) -> str:
    """Return the Authorization header value of user and password; an identity token goes as the password."""
    username = credential.username or (TOKEN_USER if credential.identity_token else "")
    return f"Basic {_base64(f'{username}:{credential.password or credential.identity_token}')}"


def _base64(text: str) -> str:
    import binascii

    return binascii.b2a_base64(text.encode(), newline=False).decode("ascii")


# --- which way ---------------------------------------------------------------------------------

SCHEMES: Mapping[str, Callable[[Ask], Flow]] = {
    "ready": ready_bearer,
    "pat": pat_bearer,
    "basic": basic,
    "get": bearer_get,
    "password": oauth_password,
    "refresh": oauth_refresh,
    "exchange": acr.exchange,
}
"""Every way by its name. A new one is a generator above and a line here."""

_GHCR = re.compile(r"ghcr\.io\Z")
_FAMILIES = (
    ("hub", re.compile(r"registry\.docker\.io\Z"), None),
    ("ghcr", _GHCR, None),
    ("acr", re.compile(r".+\.azurecr\.(?:io|cn|us|de)\Z"), re.compile(r"https?://[^/]+/oauth2/token\Z")),
)
"""(name, what the service is called, what its realm looks like): who answers, told by the challenge alone."""

_CHOICE: Mapping[tuple[str, str], str] = {
    ("hub", "pair"): "password",
    ("ghcr", "pat"): "pat",
    ("ghcr", "lone"): "pat",
    ("acr", "entra"): "exchange",
    ("", "ready"): "ready",
    ("", "pat"): "ready",
    ("", "entra"): "ready",
    ("", "identity"): "refresh",
    ("", "pair"): "get",
    ("", "lone"): "get",
    ("", "nothing"): "get",
}
"""(family, kind of credential) to the way; the empty family is everyone else's."""

_PAT = re.compile(r"(?:gh[a-z]_|github_pat_)[A-Za-z0-9_]+\Z", re.ASCII)


def plan(
    challenges: Sequence[Challenge],
    credential: Credential,
    scopes: tuple[Scope, ...],
    *,
    base_url: str,
    now: float,
    where: str = "",
    client_id: str = "orlop",
    refresh_token: str = "",
    rejected: str | None = None,
) -> Flow | None:
    """Return the way to sign in, not yet begun; None when there is none for this credential.

    challenges: of the 401. scopes: what is wanted, as ``wanted_scopes`` gives it. base_url: where the registry was
    asked. now: seconds since 1970. where: the registry or repository, for messages. rejected: the header value that the 401 was the answer to. Raises CredentialError for a realm that may not be asked.
    """
    bearer = bearer_challenge(challenges)
    if bearer is not None:
        realm, service = bearer.parameters.get("realm", ""), bearer.parameters.get("service", "")
        way = choose(credential, service, realm)
        if way == "ready" and _GHCR.match(service) and rejected == f"Bearer {credential.registry_token}":
            way = "pat"  # a token whose looks do not tell that it is a personal access token
        if way not in {"ready", "pat"}:
            realm = realm_url(realm, base_url, secret=not credential.anonymous)
        ask = Ask(
            credential,
            scopes,
            realm=realm,
            service=service,
            where=where or _host(base_url),
            client_id=client_id,
            refresh_token=refresh_token,
            now=now,
        )
        return SCHEMES[way](ask)
    if credential.registry_token:
        return ready_bearer(Ask(credential))
    if any(challenge.scheme == "basic" for challenge in challenges) and _has_pair(credential):
        return basic(Ask(credential))
    return None


def choose(credential: Credential, service: str, realm: str) -> str:
    """Return the name in SCHEMES of the way that this credential takes at this token service."""
    kind = _kind(credential)
    for family, called, looks in _FAMILIES:
        if called.match(service) or (looks is not None and looks.match(realm)):
            way = _CHOICE.get((family, kind))
            if way is not None:
                return way
    return _CHOICE["", kind]


def _kind(credential: Credential) -> str:
    token = credential.registry_token or credential.identity_token
    if token and acr.is_entra(token):
        return "entra"
    if credential.registry_token:
        return "pat" if _PAT.match(credential.registry_token) else "ready"
    if credential.identity_token:
        return "identity"
    if credential.anonymous:
        return "nothing"
    return "pair" if credential.username else "lone"


def _has_pair(credential: Credential) -> bool:
    if credential.identity_token:
        # Azure's zero user is a user like any other to Basic; "<token>" is not.
        return credential.username == ACR_TOKEN_USER
    return bool(credential.username or credential.password)


def bearer_challenge(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the first Bearer challenge that names a realm; Bearer goes before Basic where both are offered."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    return None


_PLACEHOLDER = "repository:user/image:pull"
"""What GHCR's challenge says for ``/v2/``: an example, not a repository (seen 2023, containrrr/watchtower)."""


def wanted_scopes(scopes: Sequence[Scope], challenges: Sequence[Challenge]) -> tuple[Scope, ...]:
    """Return what to ask a token for: what the challenge names first, then what the request needs, merged.

    The challenge's go first since some token services look at the first scope only. A scope that cannot be
    read is left out.
    """
    bearer = bearer_challenge(challenges)
    named = [scope for scope in bearer.scopes[:SCOPES_LIMIT] if str(scope) != _PLACEHOLDER] if bearer else []
    first = {scope[:2] for scope in named}
    return tuple(sorted(merge([*named, *scopes]), key=lambda scope: scope[:2] not in first))


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]
