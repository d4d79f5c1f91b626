"""Registries that sign people in as the well-known ones do, on real sockets.

::

    with profile("hub", users={"mary": "pw"}, private=["team/*"]) as p:
        push_now(image([...]), p.registry, "team/app", tags=["1"])
        ...  # talk to p.host; look at p.requests, p.token_requests, p.blob_requests

What each registry does is from its documents, and from answers that people recorded of it. The client sees 127.0.0.1
instead of the registry's name, so what it does has to follow from the challenge.
"""

from __future__ import annotations

import hmac
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orlop.errors import OrlopError
from orlop.protocol.routes import BlobAt, ManifestAt, parse
from orlop.server.exchange import Call, Reply
from orlop.testing.embedded import registry
from orlop.testing.faults import header
from orlop.testing.replies import fill
from orlop.testing.signin import (
    Gate,
    Kind,
    detailed_refusal,
    null_refusal,
    quay_refusal,
    text_refusal,
)
from orlop.testing.sockets import Seen, SocketServer
from orlop.testing.tokenservice import Clock, Rules, Style, TokenService

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from orlop.server.exchange import Go, Middleware
    from orlop.server.store.store import Store
    from orlop.testing.embedded import Recorded, Registry
    from orlop.testing.replies import Answer

_OAUTH = frozenset({"password", "refresh_token"})
_BOTH = ("token", "access_token")

KINDS: Mapping[str, Kind] = {
    "mcr": Kind(scheme="none", catalog="all", redirects=True),
    "hub": Kind(
        service="registry.docker.io",
        style=Style(fields=_BOTH, posts=_OAUTH, unauthorized={"details": "incorrect username or password"}),
        elsewhere=True,
        refusal=detailed_refusal,
        catalog="none",
        redirects=True,
        pulls=True,
    ),
    "ghcr": Kind(
        service="ghcr.io",
        style=Style(lifetime=False, denies=True),
        # The literal user/image is what GHCR sends for /v2/.
        root_scope="repository:user/image:pull",
        basic="deny",
        pat=True,
        catalog="none",
        redirects=True,
        page=100,
    ),
    "acr": Kind(
        service="{host}",
        basic_challenge='Basic realm="Azure Container Registry"',
        style=Style(
            path="/oauth2/token",
            fields=("access_token",),
            lifetime=False,
            posts=_OAUTH,
            exchange="/oauth2/exchange",
            anonymous=False,
        ),
        basic="accept",
        anonymous=(),
        redirects=True,
        lifetime_s=4500,
    ),
    "quay": Kind(
        service="quay.io", style=Style(path="/v2/auth", lifetime=False), refusal=quay_refusal, redirects=True, page=100
    ),
    "gitlab": Kind(
        service="container_registry",
        style=Style(path="/jwt/auth", lifetime=False),
        elsewhere=True,
        refusal=null_refusal,
        catalog="none",
    ),
    "harbor": Kind(
        service="harbor-registry",
        style=Style(path="/service/token", fields=_BOTH),
        refusal=detailed_refusal,
        basic="accept",
        basic_challenge='Basic realm="harbor"',
        lifetime_s=1800,
    ),
    "google": Kind(
        service="gcr.io", style=Style(path="/v2/token"), basic="accept", basic_challenge='Basic realm="gcr"'
    ),
    "basic": Kind(scheme="basic", basic_challenge='Basic realm="Registry Realm"', anonymous=()),
    # The scheme in capitals.
    "nexus": Kind(scheme="basic", basic_challenge='BASIC realm="Sonatype Nexus Repository Manager"', anonymous=()),
    "ecr": Kind(
        scheme="basic",
        basic_challenge='Basic realm="https://{host}/",service="ecr.amazonaws.com"',
        refusal=text_refusal,
        anonymous=(),
    ),
}
"""Every profile by its name."""

_TOO_MANY = (
    b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit. You may increase the limit by '
    b'authenticating and upgrading: https://www.docker.com/increase-rate-limit"}]}'
)
_ONE_MECHANISM = (
    b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
    b"Signature query string parameter or the Authorization header should be specified</Message>"
    b"<ArgumentName>Authorization</ArgumentName></Error>"
)
_TOKEN_BODY_LIMIT = 64 * 1024


class Profile:
    """A registry that is running in the manner of another.

    name: of the profile. registry: the embedded registry; its ``store`` is past the gate. host, url: what a client is given.
    tokens: the token service, also to issue and revoke tokens. realm: its URL. clock: the time by which tokens end.
    token_requests: what the token service was asked.
    """

    def __init__(self, name: str, kind: Kind, rules: Rules, clock: Clock, lifetime_s: int | None, pulls: int) -> None:
        self.name, self.kind, self.clock, self._pulls, self._limit = name, kind, clock, pulls, pulls
        self.tokens = TokenService(
            rules, kind.style, service=kind.service, issuer=name, clock=clock, lifetime_s=lifetime_s or kind.lifetime_s
        )
        self.token_requests: list[Seen] = []
        self.gate = Gate(kind, self.tokens)
        self.registry: Registry
        self.storage: Registry | None = None

    @property
    def host(self) -> str:
        """``127.0.0.1:PORT``, as it stands in references."""
        return self.registry.host

    @property
    def url(self) -> str:
        """The registry's URL, without a slash at its end."""
        return self.registry.url

    @property
    def realm(self) -> str:
        """Where tokens are asked for."""
        return self.gate.realm

    @property
    def requests(self) -> list[Recorded]:
        """What the registry was asked, without what its own token service was."""
        own = {self.kind.style.path, self.kind.style.exchange}
        return [one for one in self.registry.requests if one.path not in own]

    @property
    def blob_requests(self) -> list[Recorded]:
        """What the storage behind the redirects was asked."""
        return self.storage.requests if self.storage else []

    def respond(self, seen: Seen) -> Answer:
        """Answer as the token service, and keep the request."""
        self.token_requests.append(seen)
        return self.tokens.respond(seen)

    async def own_tokens(self, call: Call, go: Go) -> Reply:
        """Stand before the registry as its token service."""
        path = call.target.partition("?")[0]
        if self.kind.scheme != "bearer" or path not in {self.kind.style.path, self.kind.style.exchange} - {""}:
            return await go(call)
        body = await call.body.read(_TOKEN_BODY_LIMIT)
        seen = Seen(call.method, call.target, call.headers, body, self.url)
        answer = self.respond(seen)
        fields = [(name.lower(), fill(value, seen)) for name, value in answer.headers]
        return Reply(answer.status, fields, answer.body)

    async def count_pulls(self, call: Call, go: Go) -> Reply:
        """Count GETs of manifests as Docker Hub does: HEAD is free, and the figures stand in every answer."""
        reply = await go(call)
        if not isinstance(_route(call), ManifestAt) or call.method not in {"GET", "HEAD"} or reply.status == 401:
            return reply
        if call.method == "GET":
            if self._pulls == 0:
                await reply.aclose()
                reply = Reply(429, [("content-type", "application/json")], _TOO_MANY)
            self._pulls = max(0, self._pulls - 1)
        window = "w=21600"
        reply.headers += [
            ("ratelimit-limit", f"{self._limit};{window}"),
            ("ratelimit-remaining", f"{self._pulls};{window}"),
        ]
        return reply

    async def send_to_storage(self, call: Call, go: Go) -> Reply:
        """Answer with a redirect to the storage where a blob would be given."""
        reply = await go(call)
        if self.storage is None or reply.status not in {200, 206} or not isinstance(_route(call), BlobAt):
            return reply
        await reply.aclose()
        path = call.target.partition("?")[0].replace("/v2/", "/storage/", 1)
        return Reply(307, [("location", f"{self.storage.url}{path}?X-Amz-Signature={_signature(path)}")])


@contextmanager
def profile(
    name: str,
    *,
    users: Mapping[str, str] | None = None,
    private: Collection[str] = (),
    anonymous: Collection[str] | None = None,
    may: Callable[[str, str], Collection[str]] | None = None,
    lifetime_s: int | None = None,
    clock: Clock | None = None,
    pulls: int = 100,
    redirects: bool | None = None,
    store: Store | None = None,
    middleware: Sequence[Middleware] = (),
    **options: Any,
) -> Iterator[Profile]:
    """Run a registry with the sign-in of ``name``, one of KINDS, while the ``with`` block runs.

    users: names to passwords (GHCR: personal access tokens; ECR: the user AWS; Google: oauth2accesstoken). private: names or
    patterns of repositories that need a sign-in. anonymous: what everyone may do in the others. may: see ``Rules``.
    lifetime_s: of tokens. pulls: GETs of manifests until Docker Hub's 429. redirects: whether blobs answer 307.
    store, middleware, options: of ``registry()``; the middleware sees every request before the profile does.
    """
    kind = KINDS[name]
    given = kind.anonymous if anonymous is None else anonymous
    if given and not kind.style.anonymous:
        kind = replace(kind, style=replace(kind.style, anonymous=True))
    rules = Rules(users or {}, private, given, catalog=kind.catalog != "none", may=may)
    running = Profile(name, kind, rules, clock or Clock(), lifetime_s, pulls)
    layers: list[Middleware] = [*middleware, running.own_tokens]
    if kind.pulls:
        layers.append(running.count_pulls)
    layers.append(running.send_to_storage)
    with ExitStack() as stack:
        options.setdefault("page_limit", kind.page)
        running.registry = stack.enter_context(registry(store=store, access=running.gate, middleware=layers, **options))
        if kind.redirects if redirects is None else redirects:
            hide = header("docker-content-digest", None)
            running.storage = stack.enter_context(registry(store=running.registry.store, middleware=[_storage, hide]))
        base, running.gate.host = running.registry.url, running.host
        running.tokens.service = kind.service.replace("{host}", running.host)
        if kind.scheme == "bearer":
            if kind.elsewhere:
                base = stack.enter_context(SocketServer(running.respond)).url
            running.gate.realm = f"{base}{kind.style.path}"
        yield running


async def _storage(call: Call, go: Go) -> Reply:
    """Stand before the storage: a good signature and no Authorization, as S3 and Azure's blobs want it."""
    path, _, query = call.target.partition("?")
    xml = [("content-type", "application/xml")]
    if call.header(b"authorization") is not None:
        return Reply(400, xml, _ONE_MECHANISM)
    if not hmac.compare_digest(query, f"X-Amz-Signature={_signature(path)}"):
        return Reply(403, xml, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
    return await go(Call(call.method, path.replace("/storage/", "/v2/", 1), call.fields, call.body))


def _signature(path: str) -> str:
    return hmac.digest(b"orlop.testing", path.encode(), "sha256").hex()


def _route(call: Call) -> object:
    try:
        return parse(call.target, method=call.method)
    except OrlopError:
        return None
