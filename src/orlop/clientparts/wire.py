"""The wire itself: the client's methods that say what a registry says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part
from orlop.model.reference import RegistryHost, Repository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orlop.protocol.headers import RateLimit
    from orlop.protocol.message import Response

ANSWER_LIMIT = 64 * 1024 * 1024


class Wire(Part):
    """Any request, any list, and the tokens that sign them in."""

    async def request(
        self,
        host: str,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = ANSWER_LIMIT,
    ) -> Response:
        """Send any request to a registry, signed in, and return its own answer, whatever the status.

        path: as after the host, ``/v2/...``. limit: most bytes of the answer.
        """
        from orlop.registry.anycall import any_call

        call = any_call(RegistryHost(host), method, path, headers or {}, body, limit)
        return await self._session.fetch(call)

    async def pages(self, host: str, path: str) -> AsyncIterator[Response]:
        """Yield the registry's own answers of a list: the first page at ``path``, then what each page links to.

        Raises RedirectRefusedError for pages that link in a loop, and the error of a page that is refused.
        """
        from orlop.errors import RedirectRefusedError
        from orlop.protocol.errorbody import from_wire
        from orlop.protocol.headers import next_page
        from orlop.registry.anycall import any_call

        call = any_call(RegistryHost(host), "GET", path, {}, b"", ANSWER_LIMIT)
        seen: set[str] = set()
        while True:
            response = await self._session.fetch(call)
            if response.status != 200:
                raise from_wire(response, method="GET", kind="tags", what=path, where=str(call.subject))
            yield response
            following = next_page(response.headers, response.url)
            if following is None:
                return
            if following in seen or following == response.url:
                raise RedirectRefusedError(host, "its pages link in a loop")
            seen.add(following)
            call.target = following

    def rate_limits(self) -> dict[str, RateLimit]:
        """Return the rate limits that registries stated to this client, the last of each, by the host that answered."""
        return dict(self._session.rate_limits)

    async def token(self, repository: str | Repository, *, actions: tuple[str, ...] = ("pull",)) -> str:
        """Return the value of the Authorization header for these actions; empty where none is needed.

        Raises AccessError and its kinds: UnauthenticatedError where credentials are needed and there are none.
        """
        from orlop.protocol.challenge import Scope
        from orlop.registry.anycall import authorization

        name = repository if isinstance(repository, Repository) else Repository.parse(repository)
        scope = Scope("repository", str(name.name), frozenset(actions))
        return await authorization(self._session, name, (scope,))
