"""The one composition: sign-in x transport x retries x redirects x mirrors x limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orlop.auth.authenticator import Authenticator
from orlop.errors import AccessError, NetworkError, RateLimitedError
from orlop.model.reference import RegistryHost
from orlop.protocol.challenge import Scope, parse_challenges
from orlop.protocol.headers import RateLimit, retry_after
from orlop.protocol.hosts import is_loopback_host
from orlop.protocol.message import Request, Response
from orlop.registry.quirks import quirks
from orlop.transport.limits import HostLimits
from orlop.transport.options import HostOptions
from orlop.transport.redirect import REDIRECTS, follow
from orlop.transport.retry import RETRY_STATUS, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from orlop.auth.credential import CredentialSource
    from orlop.model.reference import Repository
    from orlop.runtime import Runtime
    from orlop.transport.base import Answer, Transport
    from orlop.transport.trace import Exchange

R = TypeVar("R")

ERROR_BODY_LIMIT = 64 * 1024
TOKEN_BODY_LIMIT = 1024 * 1024
_MOST_SIGN_INS = 2


class Call:
    """One request to a registry, before it is known to which endpoint and as whom.

    target: path and query, or an absolute URL on the registry's origin (a page's Link). subject: who it is about, for
    credentials and tokens. limit: most bytes of the answer's body. mirrored: mirrors may answer it. anonymous: sent as
    nobody, to hear what the registry then says.
    """

    __slots__ = ("anonymous", "body", "headers", "limit", "method", "mirrored", "scopes", "subject", "target", "whole")

    def __init__(
        self,
        method: str,
        target: str,
        subject: Repository | RegistryHost,
        scopes: tuple[Scope, ...] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        limit: int = ERROR_BODY_LIMIT,
        mirrored: bool = False,
        anonymous: bool = False,
    ) -> None:
        self.method, self.target, self.subject, self.scopes = method, target, subject, scopes
        self.headers, self.body, self.limit, self.mirrored = headers or {}, body, limit, mirrored
        self.anonymous = anonymous
        self.whole = True


class Endpoint(NamedTuple):
    """One place where a registry's API answers."""

    base: str
    subject: Repository | RegistryHost
    options: HostOptions
    limits: HostLimits


class Begun(NamedTuple):
    """What came of the straight way: an answer that is no 200 or an error, and as whom it was asked."""

    answer: Answer | NetworkError
    authorization: str | None


class Session:
    """Sends calls to registries: the right host, signed in, retried, redirected, within limits."""

    def __init__(
        self,
        transport: Transport,
        runtime: Runtime,
        credentials: CredentialSource,
        *,
        hosts: Mapping[str, HostOptions] | None = None,
        defaults: HostOptions | None = None,
        retry: RetryPolicy | None = None,
        trace: Callable[[Exchange], None] | None = None,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self.runtime = runtime
        self.transport = transport
        self.hosts = dict(hosts or {})
        self.defaults = defaults or HostOptions()
        self.retry = retry or RetryPolicy()
        self.trace = trace
        self.rate_limits: dict[str, RateLimit] = {}
        self.authenticator = Authenticator(credentials, self._fetch_token, runtime)
        self.jitter = jitter or _random
        self._limits: dict[str, HostLimits] = {}
        self._endpoints: dict[str, tuple[str, HostOptions, HostLimits]] = {}

    def options_for(self, host: str) -> HostOptions:
        """Return the connection options of a host (``name[:port]``)."""
        return self.hosts.get(host) or self.defaults

    def base_url(self, host: RegistryHost) -> str:
        """Return the scheme and authority where the registry's API answers."""
        return self._origin(host)[0]

    async def fetch(self, call: Call) -> Response:
        """Return the whole answer, whatever its status. Raises NetworkError, AccessError, InvalidDocumentError."""
        subject = call.subject
        base, options, limits = self._origin(subject if isinstance(subject, RegistryHost) else subject.host)
        first: Begun | None = None
        if limits.idle and self.trace is None and not (call.mirrored and options.mirrors):
            # Most calls need nothing of what is below: who asks is known, and the answer is a 200. They go straight.
            known, authorization = self.authenticator.at_once(subject, call.scopes)
            if known and not call.anonymous and "authorization" not in call.headers:
                headers = {**call.headers, "authorization": authorization} if authorization else call.headers
                url = call.target if call.target.startswith("http") else base + call.target
                request = Request(call.method, url, headers, call.body)
                try:
                    answer = await self.transport.send(request, options, whole=True)
                    if answer.status == 200:
                        self._noted(answer, url)
                        return await _whole(answer, call.limit)
                    first = Begun(answer, authorization)
                except NetworkError as error:
                    first = Begun(error, authorization)

        async def read(answer: Answer) -> Response:
            return await _whole(answer, call.limit)

        return await self._everywhere(call, read, first)

    async def open(self, call: Call) -> Answer:
        """Return the answer with its body unread; the caller closes it. Raises as ``fetch`` does."""
        call.whole = False

        async def keep(answer: Answer) -> Answer:
            return answer

        return await self._everywhere(call, keep)

    async def tell(self, request: Request, *, limit: int) -> Response:
        """Send a request that may be repeated to any URL, as nobody: retried, redirects not followed. Raises NetworkError.

        limit: bytes of the answer that are read; what is more is dropped.
        """
        authority = request.url.split("/", 3)[2].partition("?")[0]
        options = self.options_for(authority)
        tried = 0
        while True:
            tried += 1
            try:
                answer = await self._sent(request, options, self._limits_of(authority, options), True, tried, "webhook")
            except NetworkError as error:
                delay = self.retry.after_error("PUT", error, tried, self.jitter())
                if delay is None:
                    error.attempts = tried
                    raise
            else:
                wanted = retry_after(answer.headers.get("retry-after"), self.runtime.now())
                delay = self.retry.after_status("PUT", answer.status, wanted, tried, self.jitter())
                if delay is None:
                    return Response(answer.status, answer.headers, await _begun(answer, limit), answer.url)
                await answer.close()
            await self.runtime.sleep(delay)

    async def close(self) -> None:
        """End all connections."""
        await self.transport.close()

    def _origin(self, host: RegistryHost) -> tuple[str, HostOptions, HostLimits]:
        known = self._endpoints.get(host.value)
        if known is None:
            options = self.options_for(host.value)
            name = quirks(host).api_host or host.value
            known = self._endpoints[host.value] = (
                f"{_scheme(name, options)}://{name}",
                options,
                self._limits_of(name, options),
            )
        return known

    def _limits_of(self, host: str, options: HostOptions) -> HostLimits:
        limits = self._limits.get(host)
        if limits is None:
            limits = self._limits[host] = HostLimits(self.runtime, options)
        return limits

    def _mirrors(self, call: Call, mirrors: tuple[str, ...]) -> list[Endpoint]:
        found = []
        for mirror in mirrors:
            scheme, sep, rest = mirror.rpartition("://")
            authority = rest.partition("/")[0]
            host = RegistryHost(authority)
            options = self.options_for(authority)
            base = f"{scheme if sep else _scheme(authority, options)}://{rest.rstrip('/')}"
            subject: Repository | RegistryHost = host
            if not isinstance(call.subject, RegistryHost):
                subject = type(call.subject)(host, call.subject.name)
            found.append(Endpoint(base, subject, options, self._limits_of(authority, options)))
        return found

    async def _everywhere(self, call: Call, use: Callable[[Answer], Awaitable[R]], first: Begun | None = None) -> R:
        """Ask the mirrors in turn when they may answer, then the registry itself.

        first: what came of asking the registry once, where that was done already.
        """
        subject = call.subject
        base, options, limits = self._origin(subject if isinstance(subject, RegistryHost) else subject.host)
        if call.mirrored and options.mirrors:
            for mirror in self._mirrors(call, options.mirrors):
                try:
                    answer = await self._retried(mirror, call, _kept, tries=1)
                    if answer.status < 300:
                        return await use(answer)
                    await answer.close()
                except (NetworkError, AccessError, RateLimitedError):
                    continue  # a mirror that does not help is as good as none
        endpoint = Endpoint(base, subject, options, limits)
        return await self._retried(endpoint, call, use, tries=self.retry.tries, first=first)

    async def _retried(
        self,
        endpoint: Endpoint,
        call: Call,
        use: Callable[[Answer], Awaitable[R]],
        *,
        tries: int,
        first: Begun | None = None,
    ) -> R:
        tried = 0
        while True:
            tried += 1
            try:
                begun, first = first, None
                answer = await self._signed(endpoint, call, tried, begun)
                if answer.status not in RETRY_STATUS or tried >= tries:
                    return await use(answer)
                wanted = retry_after(answer.headers.get("retry-after"), self.runtime.now())
                delay = self.retry.after_status(call.method, answer.status, wanted, tried, self.jitter())
                if delay is None:
                    return await use(answer)
                if wanted is not None:
                    endpoint.limits.pause(wanted)
                await answer.close()
            except NetworkError as error:
                delay = self.retry.after_error(call.method, error, tried, self.jitter()) if tried < tries else None
                if delay is None:
                    error.attempts = tried
                    raise
            await self.runtime.sleep(delay)

    async def _signed(self, endpoint: Endpoint, call: Call, tried: int, first: Begun | None = None) -> Answer:
        """Send as whoever we are there; after a 401, as whom its challenge lets us be."""
        url = call.target if call.target.startswith("http") else endpoint.base + call.target
        own = call.anonymous or "authorization" in call.headers
        if first is not None:
            authorization = first.authorization  # a newer one was not refused
        else:
            authorization = None if own else await self.authenticator.authorization(endpoint.subject, call.scopes)
        for sign_ins in range(_MOST_SIGN_INS + 1):
            headers = {**call.headers, "authorization": authorization} if authorization else call.headers
            request = Request(call.method, url, headers, call.body)
            begun, first = first, None
            answer = await self._followed(request, endpoint, call, tried, begun)
            if (
                answer.status != 401
                or own
                or sign_ins == _MOST_SIGN_INS
                or answer.url.partition("?")[0] != url.partition("?")[0]
            ):
                return answer
            try:
                challenges = parse_challenges(answer.headers.all("www-authenticate"))
                newer = await self.authenticator.answer(
                    endpoint.subject, endpoint.base, call.scopes, challenges, rejected=authorization
                )
            except BaseException:
                await answer.close()
                raise
            if newer is None or newer == authorization:
                return answer
            await answer.close()
            authorization = newer
        raise AssertionError("unreachable")

    async def _followed(
        self, request: Request, endpoint: Endpoint, call: Call, tried: int, first: Begun | None = None
    ) -> Answer:
        if first is None:
            answer = await self._sent(request, endpoint.options, endpoint.limits, call.whole, tried, "registry")
        elif isinstance(first.answer, NetworkError):
            raise first.answer
        else:
            answer = self._noted(first.answer, request.url)
        if answer.status not in REDIRECTS:
            return answer
        seen = [request.url]
        while answer.status in REDIRECTS:
            await answer.close()
            request = follow(request, answer.status, answer.headers.get("location"), seen)
            authority = request.url.split("/", 3)[2].rpartition("@")[2]
            options = endpoint.options if endpoint.base.endswith("//" + authority) else self.options_for(authority)
            limits = self._limits_of(authority, options)
            answer = await self._sent(request, options, limits, call.whole, tried, "storage")
        return answer

    async def _sent(
        self, request: Request, options: HostOptions, limits: HostLimits, whole: bool, tried: int, purpose: str
    ) -> Answer:
        if limits.idle and self.trace is None:
            answer = await self.transport.send(request, options, whole=whole)
        else:
            async with limits.place():
                answer = await self._traced(request, options, whole, tried, purpose)
        return self._noted(answer, request.url)

    def _noted(self, answer: Answer, url: str) -> Answer:
        if "ratelimit-remaining" in answer.headers and (seen := RateLimit.from_headers(answer.headers)) is not None:
            self.rate_limits[url.split("/", 3)[2]] = seen
        return answer

    async def _traced(self, request: Request, options: HostOptions, whole: bool, tried: int, purpose: str) -> Answer:
        if self.trace is None:
            return await self.transport.send(request, options, whole=whole)
        from orlop.transport.trace import Exchange

        started = self.runtime.monotonic()
        try:
            answer = await self.transport.send(request, options, whole=whole)
        except NetworkError as error:
            took = self.runtime.monotonic() - started
            self.trace(Exchange.of(request, 0, None, took, attempt=tried, error=error.reason, purpose=purpose))
            raise
        took = self.runtime.monotonic() - started
        self.trace(Exchange.of(request, answer.status, answer.headers, took, attempt=tried, purpose=purpose))
        return answer

    async def _fetch_token(self, request: Request) -> Response:
        """Ask a token service: followed within its origin or away without credentials, retried, bounded."""
        authority = request.url.split("/", 3)[2].rpartition("@")[2]
        options = self.options_for(authority)
        tried = 0
        while True:
            tried += 1
            try:
                response = await self._token_exchange(request, options, tried)
            except NetworkError as error:
                delay = self.retry.after_error("GET", error, tried, self.jitter())
                if delay is None:
                    error.attempts = tried
                    raise
            else:
                wanted = retry_after(response.headers.get("retry-after"), self.runtime.now())
                delay = self.retry.after_status("GET", response.status, wanted, tried, self.jitter())
                if delay is None:
                    return response
            await self.runtime.sleep(delay)

    async def _token_exchange(self, request: Request, options: HostOptions, tried: int) -> Response:
        seen = [request.url]
        while True:
            answer = await self._sent(
                request, options, self._limits_of(request.url.split("/", 3)[2], options), True, tried, "token"
            )
            try:
                if answer.status not in REDIRECTS:
                    return Response(answer.status, answer.headers, await answer.read(TOKEN_BODY_LIMIT), answer.url)
            finally:
                await answer.close()
            request = follow(request, answer.status, answer.headers.get("location"), seen)


def _scheme(host: str, options: HostOptions) -> str:
    """Return http for loopback hosts and those named so. TLS options on a loopback host say that it speaks TLS."""
    plain = options.plain_http
    if plain is None:
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        plain = is_loopback_host(name.strip("[]")) and not (options.insecure or options.ca_file or options.client_cert)
    return "http" if plain else "https"


async def _whole(answer: Answer, limit: int) -> Response:
    try:
        return Response(answer.status, answer.headers, await answer.read(limit), answer.url)
    finally:
        await answer.close()


async def _kept(answer: Answer) -> Answer:
    return answer


async def _begun(answer: Answer, limit: int) -> bytes:
    """Return the beginning of a body whose rest does not matter, nor how it ends; close the answer."""
    parts: list[bytes] = []
    room = limit
    try:
        async for chunk in answer.chunks():
            parts.append(chunk[:room])
            room -= len(parts[-1])
            if room <= 0:
                break
    except NetworkError:
        pass  # the status was there, and that is what counts
    finally:
        await answer.close()
    return b"".join(parts)


def _random() -> float:
    import random

    return random.random()  # noqa: S311  # jitter, not a secret
