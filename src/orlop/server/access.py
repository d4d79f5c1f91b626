"""The seam for who may do what: one callable that sees each request before it is carried out.

::

    async def only_pull(asked: Asked) -> Reply | None:
        if any(scope.actions - {"pull"} for scope in asked.scopes):
            return denied("this registry is read-only")
        return None

    App(store, access=only_pull)

An access function answers None to let the request go on, or the refusal: ``challenge(...)`` or ``denied(...)``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from orlop.protocol.challenge import Scope
from orlop.protocol.routes import Base, Catalog, Route, UploadStart

from .exchange import Call, Reply

_PULL = frozenset({"pull"})
_PUSH = frozenset({"pull", "push"})
_DELETE = frozenset({"delete"})
_ACTIONS = {"GET": _PULL, "HEAD": _PULL, "DELETE": _DELETE}


class Asked(NamedTuple):
    """A request that asks to be let in: what it is, and where it leads."""

    call: Call
    route: Route

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What it needs: none for ``/v2/``, the registry's catalog, or actions on repositories.

        A mount needs two: to push here, and to pull where the blob comes from.
        """
        route = self.route
        if isinstance(route, Base):
            return ()
        if isinstance(route, Catalog):
            return (Scope("registry", "catalog", frozenset({"*"})),)
        upload = "/blobs/uploads/" in self.call.target  # its status and its end belong to the push
        actions = _PUSH if upload else _ACTIONS.get(self.call.method, _PUSH)
        here = Scope("repository", route.name.value, actions)
        if isinstance(route, UploadStart) and route.source is not None:
            return (here, Scope("repository", route.source.value, _PULL))
        return (here,)


Access: TypeAlias = Callable[[Asked], Awaitable[Reply | None]]
"""Answers None to go on, or the refusal."""


def challenge(value: str, reason: str = "authentication required") -> Reply:
    """Return the 401 that asks for a sign-in. value: of WWW-Authenticate."""
    return _refusal(401, "UNAUTHORIZED", reason, [("www-authenticate", value)])


def denied(reason: str = "the requested access is denied") -> Reply:
    """Return the 403 for one who may not do this."""
    return _refusal(403, "DENIED", reason, [])


def _refusal(status: int, code: str, reason: str, headers: list[tuple[str, str]]) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": reason}]}).encode()
    return Reply(status, [("content-type", "application/json"), *headers], body)
