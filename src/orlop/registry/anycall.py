"""Requests that a user words himself, signed in like all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import OrlopError, UnauthenticatedError
from orlop.model.reference import RegistryHost, Repository
from orlop.protocol.challenge import Scope, merge, parse_challenges
from orlop.protocol.routes import BlobAt, Catalog, ManifestAt, Referrers, Tags, UploadAt, UploadStart, build, parse
from orlop.registry.session import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.registry.session import Session

_ACTIONS = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete", "pull")}
_WRITE = ("pull", "push")


def any_call(host: RegistryHost, method: str, path: str, headers: Mapping[str, str], body: bytes, limit: int) -> Call:
    """Return the call for a method and a path, with the scopes that the route needs as far as orlop knows it."""
    subject: Repository | RegistryHost = host
    scopes: tuple[Scope, ...] = ()
    try:
        route = parse(path)
    except OrlopError:
        route = None  # not of the distribution API: sent as it is, the challenge names the scope
    if isinstance(route, (ManifestAt, BlobAt, Tags, Referrers, UploadStart, UploadAt)):
        subject = Repository(host, route.name)
        actions = _ACTIONS.get(method, _WRITE)
        scopes = (Scope("repository", str(route.name), frozenset(actions)),)
        if isinstance(route, UploadStart) and route.source is not None:
            scopes = merge((*scopes, Scope("repository", str(route.source), frozenset({"pull"}))))
    elif isinstance(route, Catalog):
        scopes = (Scope("registry", "catalog", frozenset({"*"})),)
    lowered = {name.lower(): value for name, value in headers.items()}
    return Call(method, path, subject, scopes, lowered, body, limit=limit)


async def authorization(session: Session, repository: Repository, scopes: tuple[Scope, ...]) -> str:
    """Return the Authorization value that a request with these scopes would carry; empty where none is wanted.

    Asks the registry for its challenge, then its token service. Raises AccessError and its kinds.
    """
    target = build(Tags(repository.name, 1, ""))
    response = await session.fetch(Call("GET", target, repository, anonymous=True))
    if response.status != 401:
        return ""
    challenges = parse_challenges(response.headers.all("www-authenticate"))
    found = await session.authenticator.answer(
        repository, session.base_url(repository.host), scopes, challenges, rejected=None
    )
    if found is None:
        raise UnauthenticatedError(str(repository), "it wants a sign-in").with_hint(
            f"sign in with: orlop auth login {repository.host.value}"
        )
    return found
