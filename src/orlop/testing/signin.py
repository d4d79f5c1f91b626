"""How the embedded registry asks for a sign-in in the manner of others, and judges what it is shown."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orlop.protocol.challenge import Challenge, Scope
from orlop.protocol.routes import Base, Catalog
from orlop.server.access import denied
from orlop.server.exchange import Reply
from orlop.testing.tokenservice import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.server.access import Asked
    from orlop.testing.tokenservice import TokenService

    Refusal = Callable[[Sequence[Scope]], tuple[str, bytes]]


def plain_refusal(_scopes: Sequence[Scope]) -> tuple[str, bytes]:
    """Return a 401's content type and body as GHCR sends them."""
    return _json({"code": "UNAUTHORIZED", "message": "authentication required"})


def detailed_refusal(scopes: Sequence[Scope]) -> tuple[str, bytes]:
    """Return a 401's body as distribution writes it, and so Docker Hub and Harbor: with what was wanted."""
    detail = [
        {"Type": one.type, "Class": "", "Name": one.name, "Action": action}
        for one in scopes
        for action in sorted(one.actions)
    ]
    return _json({"code": "UNAUTHORIZED", "message": "authentication required", "detail": detail or None})


def null_refusal(_scopes: Sequence[Scope]) -> tuple[str, bytes]:
    """Return a 401's body as GitLab sends it: the detail is null."""
    kind, body = _json({"code": "UNAUTHORIZED", "message": "authentication required", "detail": None})
    return f"{kind}; charset=utf-8", body


def quay_refusal(_scopes: Sequence[Scope]) -> tuple[str, bytes]:
    """Return the four bytes, called HTML, that Quay sends."""
    return "text/html; charset=utf-8", b"true"


def text_refusal(_scopes: Sequence[Scope]) -> tuple[str, bytes]:
    """Return what ECR sends: text."""
    return "text/plain; charset=utf-8", b"Not Authorized\n"


def _json(entry: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps({"errors": [entry]}, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one registry signs people in.

    scheme: "bearer", "basic" (of the registry itself) or "none". service: what its Bearer challenge says.
    basic_challenge: its other one, where it takes Basic. In both ``{host}`` is the registry's own host. style: its token service.
    elsewhere: that service has an origin of its own. root_scope: the scope in the challenge of ``/v2/``. basic:
    what the registry does with Basic: "ignore", "accept" or "deny". pat: base64 of a password is a Bearer token.
    refusal: the body of its 401. anonymous: what everyone may do in repositories that are not private. catalog: who may
    list repositories: "all", "users" or "none". redirects: blobs are elsewhere, behind a 307. pulls: GETs of manifests
    are counted and limited. page: entries of a page of tags.
    """

    scheme: str = "bearer"
    basic_challenge: str = ""
    service: str = "registry"
    style: Style = field(default_factory=Style)
    elsewhere: bool = False
    root_scope: str = ""
    basic: str = "ignore"
    pat: bool = False
    refusal: Refusal = plain_refusal
    anonymous: tuple[str, ...] = ("pull",)
    catalog: str = "users"
    redirects: bool = False
    pulls: bool = False
    page: int = 10_000
    lifetime_s: int = 300


class Gate:
    """The access function of a profile.

    realm: where the token service is; host: the registry's own. Both are known once it runs.
    """

    def __init__(self, kind: Kind, tokens: TokenService) -> None:
        self._kind, self._tokens = kind, tokens
        self.realm = self.host = ""

    async def __call__(self, asked: Asked) -> Reply | None:
        """Return None for a request that may go on, else its refusal."""
        if self._kind.catalog == "all" and isinstance(asked.route, Catalog):
            return None
        authorization = asked.call.header(b"authorization") or ""
        scheme, _, shown = authorization.partition(" ")
        scheme = scheme.lower()
        if self._kind.scheme == "none":
            return None if self._may("", asked.scopes) else denied()
        if scheme == "basic" and (self._kind.scheme == "basic" or self._kind.basic != "ignore"):
            return self._judge_basic(asked, authorization)
        if self._kind.scheme == "basic":
            return self._refuse(asked.scopes)
        if scheme == "bearer":
            return self._judge_bearer(asked, shown.strip())
        return self._challenge(asked)

    def _judge_basic(self, asked: Asked, authorization: str) -> Reply | None:
        if self._kind.basic == "deny":
            return denied("invalid token")
        user = self._tokens.user_of(authorization)
        if not user:
            return self._refuse(asked.scopes)
        return None if self._may(user, asked.scopes) else denied("requested access to the resource is denied")

    def _judge_bearer(self, asked: Asked, token: str) -> Reply | None:
        user = self._user_of_pat(token) if self._kind.pat else None
        if user is not None:
            return None if self._may(user, asked.scopes) else denied()
        granted = self._tokens.scopes_of(token)
        if granted is None:
            return self._challenge(asked, error="invalid_token")
        if all(any(have.covers(want) for have in granted) for want in asked.scopes):
            return None
        return self._challenge(asked, error="insufficient_scope")

    def _user_of_pat(self, token: str) -> str | None:
        try:
            password = base64.b64decode(token, validate=True).decode()
        except ValueError:
            return None
        users = self._tokens.rules.users
        return next((user for user in users if self._tokens.rules.knows(user, password)), None)

    def _may(self, user: str, scopes: Sequence[Scope]) -> bool:
        return all(self._tokens.rules.allowed(user, scope) == scope for scope in scopes)

    def _challenge(self, asked: Asked, *, error: str = "") -> Reply:
        parameters = {"realm": self.realm, "service": self._tokens.service}
        scope = " ".join(map(str, asked.scopes))
        if isinstance(asked.route, Base):
            scope = self._kind.root_scope
        if scope:
            parameters["scope"] = scope
        if error:
            parameters["error"] = error
        return self._unauthorized(str(Challenge("bearer", parameters)), asked.scopes)

    def _refuse(self, scopes: Sequence[Scope]) -> Reply:
        """Ask for Basic; ACR as well, when it was shown a wrong one."""
        return self._unauthorized(self._kind.basic_challenge.replace("{host}", self.host), scopes)

    def _unauthorized(self, challenge: str, scopes: Sequence[Scope]) -> Reply:
        content_type, body = self._kind.refusal(scopes)
        return Reply(401, [("content-type", content_type), ("www-authenticate", challenge)], body)
