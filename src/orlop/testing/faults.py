"""What goes wrong with real registries, as middleware of the embedded one.

::

    with registry(middleware=[refuse(503, times=2, on=on("GET", "/manifests/")), ignore_n()]) as r:
        ...

Each function returns a ``Fault``; several stand one behind another. ``on`` says which requests it is about, ``times`` how often
it happens (None: always), ``fault.hits`` how often it did.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from orlop.errors import OrlopError
from orlop.protocol.routes import Referrers, parse
from orlop.server.exchange import CUT_BEFORE_ANSWER, Call, Reply
from orlop.testing.altered import FlipFirst, Shorten, changed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orlop.server.exchange import Go

    When = Callable[[Call], bool]


def on(method: str = "", path: str = "") -> When:
    """Return a choice of requests: of this method (any, when empty), with a target that the pattern is found in."""
    pattern = re.compile(path)
    return lambda call: (not method or call.method == method) and pattern.search(call.target) is not None


EVERYTHING = on()
MANIFESTS, BLOBS, TAGS = on("GET", "/manifests/"), on("GET", "/blobs/"), on("GET", "/tags/list")


class Fault:
    """Middleware that acts on some requests and lets the others pass.

    act: answers the request, with the help of ``go(call)`` or without.
    """

    def __init__(
        self, act: Callable[[Call, Go], Awaitable[Reply]], *, on: When = EVERYTHING, times: int | None = None
    ) -> None:
        self._act, self._on, self._left = act, on, times
        self.hits = 0

    def end(self) -> None:
        """Let everything pass from now on."""
        self._left = 0

    async def __call__(self, call: Call, go: Go) -> Reply:
        """Answer one request, as middleware does."""
        if self._left == 0 or not self._on(call):
            return await go(call)
        if self._left is not None:
            self._left -= 1
        self.hits += 1
        return await self._act(call, go)


# --- instead of an answer ----------------------------------------------------------------------


def refuse(
    status: int,
    code: str = "UNAVAILABLE",
    *,
    retry_after: str | int = "",
    times: int | None = 1,
    on: When = EVERYTHING,
    body: bytes | None = None,
    content_type: str = "application/json",
) -> Fault:
    """Answer with this status instead; the request is not carried out.

    retry_after: seconds, or a date. body: another one than the specification's error document.
    """

    async def act(_call: Call, _go: Go) -> Reply:
        said = {"errors": [{"code": code, "message": "fault on order"}]}
        headers = [("content-type", content_type)]
        if retry_after != "":
            headers.append(("retry-after", str(retry_after)))
        return Reply(status, headers, json.dumps(said).encode() if body is None else body)

    return Fault(act, on=on, times=times)


def throttle(times: int | None = 1, *, retry_after: str | int = 0, on: When = EVERYTHING) -> Fault:
    """Answer 429, as a registry does whose rate limit is reached."""
    return refuse(429, "TOOMANYREQUESTS", retry_after=retry_after, times=times, on=on)


def html(status: int = 200, *, times: int | None = None, on: When = EVERYTHING) -> Fault:
    """Answer with a page for people, as a captive portal does."""
    return refuse(status, times=times, on=on, body=b"<html>Please sign in</html>", content_type="text/html")


def drop(times: int | None = 1, *, on: When = EVERYTHING, done: bool = False) -> Fault:
    """Drop the connection before the answer. done: after the request was carried out."""

    async def act(call: Call, go: Go) -> Reply:
        if done:
            await (await go(call)).aclose()
        return Reply(200, cut=CUT_BEFORE_ANSWER)

    return Fault(act, on=on, times=times)


def cut(after: int, times: int | None = 1, *, on: When = BLOBS) -> Fault:
    """Drop the connection after so many bytes of the answer's body."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        reply.cut = min(after, reply.length)
        return reply

    return Fault(act, on=on, times=times)


class Hold(Fault):
    """Let requests wait until ``release()``; ``reached`` is set when the first one does. Both are for a test's thread."""

    def __init__(self, *, on: When = EVERYTHING, times: int | None = 1) -> None:
        super().__init__(self._wait, on=on, times=times)
        self.reached = threading.Event()
        self._released = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def release(self) -> None:
        """Let those that wait go on, and those to come."""
        with self._lock:
            self._released = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)
            self._waiting.clear()

    async def _wait(self, call: Call, go: Go) -> Reply:
        event = asyncio.Event()
        with self._lock:
            if self._released:
                event.set()
            else:
                self._waiting.append((asyncio.get_running_loop(), event))
        self.reached.set()
        await event.wait()
        return await go(call)


def slow(seconds: float, *, times: int | None = None, on: When = EVERYTHING) -> Fault:
    """Wait so long before each answer."""

    async def act(call: Call, go: Go) -> Reply:
        await asyncio.sleep(seconds)
        return await go(call)

    return Fault(act, on=on, times=times)


# --- another answer ----------------------------------------------------------------------------


def header(name: str, value: str | None, *, times: int | None = None, on: When = EVERYTHING) -> Fault:
    """Give the answer's field another value, or none of it with None."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        reply.headers = [field for field in reply.headers if field[0] != name.lower()]
        if value is not None:
            reply.headers.append((name.lower(), value))
        return reply

    return Fault(act, on=on, times=times)


def wrong_digest_header(*, on: When = EVERYTHING, times: int | None = None) -> Fault:
    """State another digest in Docker-Content-Digest than the content has."""
    return header("docker-content-digest", f"sha256:{'0' * 64}", on=on, times=times)


def rate_limit(limit: int, remaining: int, *, window_s: int = 21600, on: When = EVERYTHING) -> Fault:
    """State a rate limit as Docker Hub does."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        reply.headers += [
            ("ratelimit-limit", f"{limit};w={window_s}"),
            ("ratelimit-remaining", f"{remaining};w={window_s}"),
        ]
        return reply

    return Fault(act, on=on)


def wrong_body(*, on: When = BLOBS, times: int | None = None) -> Fault:
    """Change the first byte of the body, and leave its length."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        return changed(reply, FlipFirst())

    return Fault(act, on=on, times=times)


def short_body(by: int = 1, *, on: When = BLOBS, times: int | None = None) -> Fault:
    """Leave out the end of the body, with the Content-Length of what is left: an answer that looks whole."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        reply.length = max(0, reply.length - by)
        reply.headers = [field for field in reply.headers if field[0] != "content-length"]
        return changed(reply, Shorten(reply.length))

    return Fault(act, on=on, times=times)


def unordered(*, seed: int = 1) -> Fault:
    """List the tags and the repositories of each page in no order."""

    async def act(call: Call, go: Go) -> Reply:
        reply = await go(call)
        if reply.status == 200:
            document = json.loads(reply.body)
            for name in ("tags", "repositories"):
                random.Random(seed).shuffle(document.get(name, []))  # noqa: S311  # the same disorder every time
            reply.body = json.dumps(document).encode()
            reply.length = len(reply.body)
        return reply

    return Fault(act, on=on("GET", r"/tags/list|/v2/_catalog"))


# --- another request ---------------------------------------------------------------------------


def ignore_n(*, on: When = TAGS) -> Fault:
    """List everything, however few are asked for."""

    async def act(call: Call, go: Go) -> Reply:
        return await go(_retargeted(call, {"n"}))

    return Fault(act, on=on)


def ignore_ranges(*, on: When = BLOBS, times: int | None = None) -> Fault:
    """Answer 200 with the whole blob to a request for a part."""

    async def act(call: Call, go: Go) -> Reply:
        return await go(
            Call(call.method, call.target, [field for field in call.fields if field[0] != b"range"], call.body)
        )

    return Fault(act, on=on, times=times)


def no_head(status: int = 405) -> Fault:
    """Know no HEAD."""
    return refuse(status, "UNSUPPORTED", times=None, on=on("HEAD"))


def no_referrers(status: int = 404) -> Fault:
    """Know no referrers API, as registries older than distribution-spec 1.1."""

    def listed(call: Call) -> bool:
        try:
            return isinstance(parse(call.target), Referrers)
        except OrlopError:
            return False

    return refuse(status, "NOT_FOUND", times=None, on=listed, body=b"404 page not found\n", content_type="text/plain")


def no_delete(status: int = 405) -> Fault:
    """Know no deleting."""
    return refuse(status, "UNSUPPORTED", times=None, on=on("DELETE"))


def _retargeted(call: Call, without: set[str]) -> Call:
    """Return the call without some parameters of its query."""
    path, _, query = call.target.partition("?")
    kept = urlencode([pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in without])
    return Call(call.method, f"{path}?{kept}" if kept else path, call.fields, call.body)
