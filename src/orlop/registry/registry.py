"""One registry, as a Namespace over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.content.base import Namespace
from orlop.errors import AccessError
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.model.reference import Repository
from orlop.protocol.challenge import parse_challenges
from orlop.protocol.errorbody import from_wire
from orlop.protocol.routes import Base, build
from orlop.registry.repository import RemoteRepository
from orlop.registry.session import Call
from orlop.registry.tags import catalog_pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orlop.model.reference import RegistryHost, RepositoryName
    from orlop.registry.session import Session


@dataclass(frozen=True, slots=True)
class Ping:
    """How a registry answered ``GET /v2/``.

    url: where its API is. status: of the last answer, signed in where that was possible. api_version: what it states
    of itself. schemes: the ways of signing in that it named ("bearer", "basic"); empty where it asked for none.
    realm: where its tokens come from. anonymous: whether there are no credentials for it, so that signed_in is with a
    token that everybody gets. seen: rate limits and such, by header name.
    """

    host: str
    url: str
    status: int
    api_version: str = ""
    schemes: tuple[str, ...] = ()
    realm: str = ""
    signed_in: bool = False
    seen: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False


_SEEN = ("server", "ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source")


class RemoteRegistry(Namespace):
    """A registry over HTTP."""

    def __init__(self, session: Session, host: RegistryHost, manifest_limit: int = MANIFEST_LIMIT) -> None:
        self.session = session
        self.host = host
        self.manifest_limit = manifest_limit

    def repository(self, name: RepositoryName) -> RemoteRepository:
        """See Namespace."""
        return RemoteRepository(self.session, Repository(self.host, name), self.manifest_limit)

    async def repositories(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[RepositoryName]:
        """See Namespace. Raises UnsupportedError where there is no catalog."""
        if limit == 0:
            return
        left = limit
        size = None if limit is None else min(limit, 1000)
        async for page in catalog_pages(self.session, self.host, after, size):
            for name in page:
                yield name
                if left is not None:
                    left -= 1
                    if left == 0:
                        return

    async def ping(self) -> Ping:
        """Ask whether a registry answers there. Rule: distribution-spec 1.1, "Determining Support".

        A 401 is an answer: it says how to sign in. Raises RegistryError and its kin for anything but 200 and 401, and
        AccessError's kinds for credentials that are not accepted.
        """
        plain = await self.session.fetch(Call("GET", build(Base()), self.host, anonymous=True))
        challenges = parse_challenges(plain.headers.all("www-authenticate"))
        response, signed, nobody = plain, False, False
        if plain.status == 401:
            nobody = await self.session.authenticator.nobody(self.host)
            try:
                response = await self.session.fetch(Call("GET", build(Base()), self.host))
            except AccessError:
                if not nobody:
                    raise
            signed = response.status == 200
        if response.status not in {200, 401}:
            raise from_wire(response, method="GET", kind="registry", what="/v2/", where=self.host.value)
        bearer = next((c for c in challenges if c.scheme == "bearer"), None)
        return Ping(
            self.host.value,
            self.session.base_url(self.host) + "/v2/",
            response.status,
            response.headers.get("docker-distribution-api-version", ""),
            tuple(c.scheme for c in challenges),
            bearer.parameters.get("realm", "") if bearer else "",
            signed,
            {name: response.headers[name] for name in _SEEN if name in response.headers},
            nobody,
        )
