"""Which Authorization header a request carries; asks for tokens through an injected ``fetch``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orlop.auth.credential import ANONYMOUS, Credential, CredentialSource
from orlop.auth.tokens import Token, TokenCache
from orlop.errors import OrlopError, UnauthenticatedError
from orlop.model.reference import RegistryHost, Repository

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from orlop.auth.flow import Flow
    from orlop.protocol.challenge import Challenge, Scope
    from orlop.protocol.message import Request, Response
    from orlop.runtime import Runtime

    _Key = tuple[RegistryHost, Credential, tuple[Scope, ...]]

REMEMBERED_LIMIT = 16_384
"""How many repositories' answers are remembered for the fast path; then all are forgotten at once."""

FIND_AGAIN_S = 60.0
"""How long a credential that was refused is not looked for again: helpers are slow, and batches are long."""


class Authenticator:
    """Tokens for the registries of one client.

    credentials: who we are, asked only after a registry has answered 401. fetch: sends one request of a flow and
    gives the whole answer; it bounds the body and the redirects, and drops Authorization on another origin.
    """

    def __init__(
        self,
        credentials: CredentialSource,
        fetch: Callable[[Request], Awaitable[Response]],
        runtime: Runtime,
        *,
        client_id: str = "orlop",
    ) -> None:
        self._credentials, self._fetch, self._runtime, self._client_id = credentials, fetch, runtime, client_id
        self._tokens = TokenCache()
        self._fast: dict[tuple[Repository | RegistryHost, tuple[Scope, ...]], Token] = {}
        self._known: dict[Repository | RegistryHost, Credential] = {}
        self._refresh: dict[tuple[RegistryHost, Credential], str] = {}
        self._asked: set[RegistryHost] = set()
        self._finding: dict[RegistryHost, AbstractAsyncContextManager[object]] = {}
        self._found_again: dict[RegistryHost, float] = {}
        self._attempts: dict[tuple[RegistryHost, Credential, tuple[Scope, ...]], _Attempt] = {}

    def at_once(self, where: Repository | RegistryHost, scopes: tuple[Scope, ...]) -> tuple[bool, str | None]:
        """Return whether it is known without waiting what ``authorization`` would say, and if so, what."""
        token = self._fast.get((where, scopes))
        if token is not None and self._runtime.now() < token.expires_at:
            return True, token.authorization
        return (where.host if isinstance(where, Repository) else where) not in self._asked, None

    async def authorization(self, where: Repository | RegistryHost, scopes: Sequence[Scope]) -> str | None:
        """Return the header value that is known to be good for these scopes; None: send without.

        Sends nothing. Before the first 401 of a registry no credential is looked for either.
        """
        wanted = scopes if isinstance(scopes, tuple) else tuple(scopes)
        token = self._fast.get((where, wanted))
        if token is not None and self._runtime.now() < token.expires_at:
            return token.authorization
        host = where.host if isinstance(where, Repository) else where
        if host not in self._asked:
            return None
        token = self._tokens.find(host, await self._who(where, host), wanted, self._runtime.now())
        if token is None:
            return None
        self._remember(where, wanted, token)
        return token.authorization

    async def answer(
        self,
        where: Repository | RegistryHost,
        base_url: str,
        scopes: Sequence[Scope],
        challenges: Sequence[Challenge],
        rejected: str | None = None,
    ) -> str | None:
        """Return the header value to try after a 401; None when there is no way to sign in.

        base_url: where the registry was asked, for the rules about its token service. scopes: what the request needs.
        challenges: of the 401. rejected: the header value that the 401 was the answer to. Callers who wait for the
        same token share one request and its failure. The caller gives up after a second refusal in a row.
        Raises AccessError and its kind, InvalidDocumentError, NetworkError, RegistryError.
        """
        # Most registries that are asked for public content never get here: 4 ms of imports saved.
        from orlop.auth.flow import plan, wanted_scopes

        host = where.host if isinstance(where, Repository) else where
        self._asked.add(host)
        own = scopes if isinstance(scopes, tuple) else tuple(scopes)
        wanted = wanted_scopes(own, challenges)
        while True:
            who = await self._who(where, host)
            token = self._tokens.find(host, who, wanted, self._runtime.now())
            if token is None or token.authorization == rejected:
                if rejected is not None:
                    self._tokens.drop(host, who, rejected)
                begin = partial(
                    plan,
                    challenges,
                    who,
                    wanted,
                    base_url=base_url,
                    where=str(where),
                    client_id=self._client_id,
                    refresh_token=self._refresh.get((host, who), ""),
                    rejected=rejected,
                )
                try:
                    token = await self._ask((host, who, wanted), begin, rejected)
                except UnauthenticatedError:
                    # Passwords of ECR and Google end after hours: their helpers know the next one.
                    if who.anonymous or not await self._changed(where, host, who):
                        raise
                    continue
            if token is None:
                return None
            if token.scopes is not None or token.authorization != rejected:
                self._remember(where, own, token)
                return token.authorization
            # What no token service gave was refused, so the credential itself was.
            if not await self._changed(where, host, who):
                raise UnauthenticatedError(str(where), f"it did not accept {who.label}").with_hint(
                    f"sign in again with: orlop auth login {host.value}"
                )

    async def nobody(self, where: Repository | RegistryHost) -> bool:
        """Whether there are no credentials for the place. Raises CredentialError, ConfigError."""
        return (await self._who(where, where.host if isinstance(where, Repository) else where)).anonymous

    def forget(self, host: RegistryHost) -> None:
        """Forget all that is known of the registry, so that its credentials are looked for again."""
        self._credentials.forget(host)
        self._tokens.forget(host)
        for where in [where for where in list(self._known) if host in {where, getattr(where, "host", None)}]:
            self._known.pop(where, None)
        self._fast.clear()
        self._refresh.clear()

    async def _who(self, where: Repository | RegistryHost, host: RegistryHost) -> Credential:
        """Return the credential for the place; a source is asked once for each, one caller at a time for a host."""
        who = self._known.get(where)
        if who is None:
            async with self._finding.setdefault(host, self._runtime.lock()):
                who = self._known.get(where) or await self._find(where, host)
        return who

    async def _find(self, where: Repository | RegistryHost, host: RegistryHost) -> Credential:
        repository = where if isinstance(where, Repository) else None
        who = await self._credentials.find_on(self._runtime, repository, host) or ANONYMOUS
        if len(self._known) >= REMEMBERED_LIMIT:
            self._known.clear()
        self._known[where] = who
        return who

    async def _changed(self, where: Repository | RegistryHost, host: RegistryHost, refused: Credential) -> bool:
        """Look for the credential again after it was refused; return whether there is another now."""
        async with self._finding.setdefault(host, self._runtime.lock()):
            known = self._known.get(where)
            if known is not None and known != refused:
                return True
            now = self._runtime.monotonic()
            if now - self._found_again.get(host, -FIND_AGAIN_S) < FIND_AGAIN_S:
                return False
            self._found_again[host] = now
            self.forget(host)
            return await self._find(where, host) != refused

    async def _ask(self, key: _Key, begin: Callable[..., Flow | None], rejected: str | None) -> Token | None:
        """Return a new token; all who want the same at the same time share it, or the failure to get it."""
        attempt = self._attempts.setdefault(key, _Attempt(self._runtime.lock()))
        async with attempt.lock:
            if not attempt.done:
                # Another thread may have ended its attempt between our look at the cache and the start of ours.
                token = self._tokens.find(*key, self._runtime.now())
                if token is not None and token.authorization != rejected:
                    self._attempts.pop(key, None)
                    return token
                await self._make(attempt, key, begin)
        return attempt.result()

    async def _make(self, attempt: _Attempt, key: _Key, begin: Callable[..., Flow | None]) -> None:
        """Run the flow, keep its token, and let those who wait for the attempt know."""
        token = None
        try:
            flow = begin(now=self._runtime.now())
            token = None if flow is None else await self._drive(flow)
        except OrlopError as error:
            attempt.settle(error=error)
        else:
            attempt.settle(token)
        # A cancelled flow leaves the attempt open: the next who waits makes it.
        if token is not None:
            host, who, _ = key
            self._tokens.put(host, who, token)
            if token.refresh_token:
                self._refresh[host, who] = token.refresh_token
        self._attempts.pop(key, None)

    async def _drive(self, flow: Flow) -> Token:
        try:
            request = next(flow)
            while True:
                request = flow.send(await self._fetch(request))
        except StopIteration as done:
            token: Token = done.value
            return token

    def _remember(self, where: Repository | RegistryHost, wanted: tuple[Scope, ...], token: Token) -> None:
        if len(self._fast) >= REMEMBERED_LIMIT:
            self._fast.clear()
        self._fast[where, wanted] = token


class _Attempt:
    """One token being asked for, and what became of it, for all who wait."""

    __slots__ = ("_error", "_token", "done", "lock")

    def __init__(self, lock: AbstractAsyncContextManager[object]) -> None:
        self.lock, self.done = lock, False
        self._token: Token | None = None
        self._error: OrlopError | None = None

    def settle(self, token: Token | None = None, error: OrlopError | None = None) -> None:
        self._token, self._error, self.done = token, error, True

    def result(self) -> Token | None:
        """Return the token; raise a copy of the failure, since a traceback belongs to one raiser."""
        error = self._error
        if error is None:
            return self._token
        copy: OrlopError = type(error)(*error.args)
        copy.hint = error.hint
        raise copy from error.__cause__
