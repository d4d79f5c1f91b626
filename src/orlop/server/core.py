"""The registry without a transport: a call goes in, a reply comes out.

``asgi.py`` is the face that carries it over HTTP. Everything about HTTP/1.1 framing is the face's business, everything
about the registry API is here and in ``handlers.py``. Rule: distribution-spec 1.1.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orlop.errors import OrlopError, RegistryError, UnsupportedError
from orlop.protocol.errorbody import to_wire
from orlop.protocol.routes import ALLOWED, parse

from .access import Asked
from .exchange import Reply
from .handlers import HANDLERS
from .store.uploads import UploadNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.protocol.routes import Route

    from .access import Access
    from .exchange import Call, Go, Middleware
    from .store.store import Store

log = logging.getLogger("orlop.server")
log.addHandler(logging.NullHandler())  # silent until the program says where to

API_VERSION = ("docker-distribution-api-version", "registry/2.0")


class App:
    """A registry over a store.

    access: who may do what; None lets everybody do everything. See ``access.py``.
    middleware: what stands before the core, outermost first; it sees calls outside ``/v2/`` too.
    page_limit: the most entries of one page of tags, repositories or referrers.
    on_error: told of every exception that is a fault of this program.
    """

    def __init__(
        self,
        store: Store,
        *,
        access: Access | None = None,
        middleware: Sequence[Middleware] = (),
        page_limit: int = 10_000,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self.store, self.access, self.page_limit = store, access, page_limit
        self._on_error = on_error
        go: Go = self._answer
        for layer in reversed(middleware):
            go = _behind(layer, go)
        self._go = go

    async def __call__(self, call: Call) -> Reply:
        """Return the answer; every error becomes one. The caller has to ``aclose`` it."""
        try:
            return await self._go(call)
        except OrlopError as error:
            return self._refusal(error)
        except Exception as error:
            log.exception("%s failed", call)
            if self._on_error is not None:
                self._on_error(error)
            return self._refusal(OrlopError("the server failed; its log says more"))

    async def _answer(self, call: Call) -> Reply:
        try:
            route = parse(call.target, method=call.method)
            if self.access is not None:
                refused = await self.access(Asked(call, route))
                if refused is not None:
                    refused.headers.append(API_VERSION)
                    return refused
            handler = HANDLERS.get((type(route), call.method))
            if handler is None:
                return self._not_allowed(route, call.method)
            reply = await handler(self, call, route)
            reply.headers.append(API_VERSION)
        except OrlopError as error:
            return self._refusal(error)
        return reply

    def _not_allowed(self, route: Route, method: str) -> Reply:
        allowed = ", ".join(ALLOWED[type(route)])
        reply = self._refusal(UnsupportedError(method, "this path", f"it takes {allowed}"))
        reply.headers.append(("allow", allowed))
        return reply

    @staticmethod
    def _refusal(error: OrlopError) -> Reply:
        if isinstance(error, UploadNotFoundError):
            error = RegistryError("", error.what, 404, ("BLOB_UPLOAD_UNKNOWN",), f"no such upload: {error.reason}")
        reply = Reply.of(to_wire(error))
        reply.headers.append(API_VERSION)
        return reply


def _behind(layer: Middleware, go: Go) -> Go:
    async def through(call: Call) -> Reply:
        return await layer(call, go)

    return through
