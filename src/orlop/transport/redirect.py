"""Where a redirect may lead, and what goes along. Pure.

Rules: RFC 9110 15.4; credentials never leave the origin they were meant for, and no redirect leads from the outside
world into this machine or from https back to http.
"""

from __future__ import annotations

from orlop.errors import RedirectRefusedError
from orlop.protocol.headers import join_url, same_origin
from orlop.protocol.hosts import host_of, is_loopback_url, is_private_host
from orlop.protocol.message import Request, Response
from orlop.transport.redact import redact_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 10
_KEPT_ELSEWHERE = frozenset({"accept", "range", "if-range", "user-agent"})


def follow(request: Request, status: int, location: str | None, seen: list[str]) -> Request:
    """Return the request that a redirect asks for.

    seen: the URLs asked so far in this exchange, which this call extends. Raises RedirectRefusedError for a loop, too
    many steps, no Location, a method with a body that would leave its origin, https to http, or public to local.
    """
    where = redact_url(request.url).partition("?")[0]
    if not location:
        raise RedirectRefusedError(where, f"it answers {status} without a Location")
    target = join_url(request.url, location)
    if not target.startswith(("http://", "https://")):
        raise RedirectRefusedError(where, f"it redirects to {redact_url(target)[:80]!r}, which is not http")
    if target in seen or len(seen) >= MOST_REDIRECTS:
        raise RedirectRefusedError(where, "it redirects in a loop" if target in seen else "it redirects too often")
    if request.url.startswith("https://") and target.startswith("http://"):
        raise RedirectRefusedError(where, f"it redirects from https to http, to {redact_url(target).partition('?')[0]}")
    if (
        not is_loopback_url(request.url)
        and is_private_host(host_of(target))
        and not is_private_host(host_of(request.url))
    ):
        raise RedirectRefusedError(where, f"it redirects into a local network, to {host_of(target)}")
    seen.append(target)
    stays = same_origin(request.url, target)
    if request.method not in {"GET", "HEAD"} and not stays:
        raise RedirectRefusedError(where, f"it redirects a {request.method} to another host, {host_of(target)}")
    if stays:
        return Request(request.method, target, request.headers, request.body)
    kept = {name: value for name, value in request.headers.items() if name.lower() in _KEPT_ELSEWHERE}
    return Request(request.method, target, kept)


def is_redirect(response: Response) -> bool:
    """Whether the answer sends the client elsewhere."""
    return response.status in REDIRECTS
