from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.aio import AsyncRuntime
from orlop.auth.authenticator import FIND_AGAIN_S, Authenticator
from orlop.auth.credential import Credential, CredentialSource
from orlop.errors import ConnectError, CredentialError, UnauthenticatedError
from orlop.model.reference import RegistryHost, Repository
from orlop.protocol.challenge import CATALOG, Challenge, Scope, parse_challenges, pull, push
from orlop.protocol.message import Headers, Request, Response
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

REPOSITORY = Repository.parse("registry.example.com/a")
OTHER = Repository.parse("registry.example.com/b")
HOST = RegistryHost("registry.example.com")
BASE = "https://registry.example.com/v2/a/manifests/1"
PULL, PUSH = (pull("a"),), (push("a"),)
BEARER = parse_challenges(['Bearer realm="https://auth.example.com/token",service="example"'])
BASIC = parse_challenges(['Basic realm="x"'])
PAIR = Credential("me", "hunter2")


class Known(CredentialSource):
    """Gives the credentials in turn, the last one for ever; counts who asked, and who was told to forget."""

    def __init__(self, *credentials: Credential | None) -> None:
        self._left = list(credentials)
        self.asked: list[Repository | None] = []
        self.forgotten: list[RegistryHost] = []

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        self.asked.append(repository)
        return self._left[0]

    def forget(self, host: RegistryHost) -> None:
        self.forgotten.append(host)
        if len(self._left) > 1:
            self._left.pop(0)


class Clock(ThreadRuntime):
    """The blocking runtime with a clock that stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class TokenService:
    """Gives t0, t1 and so on, and keeps the requests. answers: to give first instead."""

    def __init__(self, *answers: Response | Exception, lifetime_s: int = 300) -> None:
        self.requests: list[Request] = []
        self._answers, self._lifetime_s = list(answers), lifetime_s

    async def __call__(self, request: Request) -> Response:
        number = len(self.requests)
        self.requests.append(request)
        if self._answers:
            answer = self._answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return Response(200, Headers(), b'{"token": "t%d", "expires_in": %d}' % (number, self._lifetime_s))


class Sign:
    """An authenticator that is asked without ``await``."""

    def __init__(self, source: CredentialSource, service: TokenService) -> None:
        self.clock, self.service = Clock(), service
        self.inner = Authenticator(source, service, self.clock)

    def known(self, where: Repository | RegistryHost = REPOSITORY, scopes: Sequence[Scope] = PULL) -> str | None:
        return step(self.inner.authorization(where, scopes))

    def answer(
        self,
        where: Repository | RegistryHost = REPOSITORY,
        scopes: Sequence[Scope] = PULL,
        challenges: Sequence[Challenge] = BEARER,
        rejected: str | None = None,
    ) -> str | None:
        return step(self.inner.answer(where, BASE, scopes, challenges, rejected))


def sign(*credentials: Credential | None, service: TokenService | None = None) -> Sign:
    return Sign(Known(*credentials or (None,)), service or TokenService())


def test_nothing_is_known_and_nobody_asked_before_the_first_401() -> None:
    source = Known(PAIR)
    assert Sign(source, TokenService()).known() is None
    assert source.asked == []


def test_a_token_is_asked_for_once_and_known_after() -> None:
    auth = sign()

    assert auth.answer() == "Bearer t0"
    assert auth.known() == auth.known(scopes=list(PULL)) == "Bearer t0"
    assert len(auth.service.requests) == 1


def test_a_token_for_push_serves_pull() -> None:
    auth = sign(PAIR)
    auth.answer(scopes=PUSH)
    assert auth.known(scopes=PULL) == "Bearer t0"


def test_a_token_for_pull_does_not_serve_push_or_another_repository() -> None:
    auth = sign(PAIR)
    auth.answer()
    assert auth.known(scopes=PUSH) is auth.known(OTHER, (pull("b"),)) is None


def test_a_mount_asks_for_both_repositories_at_once() -> None:
    auth = sign(PAIR)
    auth.answer(scopes=(push("a"), pull("b")))

    assert auth.service.requests[0].url.count("scope=") == 2
    assert auth.known(OTHER, (pull("b"),)) == "Bearer t0"


def test_a_token_is_not_used_to_its_very_end() -> None:
    auth = sign()
    auth.answer()

    auth.clock.time += 269
    assert auth.known() == "Bearer t0"
    auth.clock.time += 1
    assert auth.known() is None
    assert auth.answer() == "Bearer t1"


def test_a_refused_token_is_replaced_by_a_fresh_one() -> None:
    auth = sign()
    first = auth.answer()

    assert auth.answer(rejected=first) == "Bearer t1"
    assert auth.known() == "Bearer t1"


def test_who_lost_the_race_gets_the_newer_token_without_a_request() -> None:
    auth = sign()
    first = auth.answer()
    auth.answer(rejected=first)

    assert auth.answer(rejected=first) == "Bearer t1"
    assert len(auth.service.requests) == 2


def test_an_insufficient_scope_is_asked_for_beside_the_own() -> None:
    auth = sign()
    first = auth.answer()
    wider = parse_challenges(
        ['Bearer realm="https://auth.example.com/token",error="insufficient_scope",scope="repository:a:metadata_read"']
    )

    assert auth.answer(challenges=wider, rejected=first) == "Bearer t1"
    assert "repository%3Aa%3Apull%2Cmetadata_read" in auth.service.requests[1].url
    assert auth.known() == "Bearer t1"


def test_basic_is_known_for_every_repository_of_the_registry() -> None:
    auth = sign(PAIR)
    value = auth.answer(challenges=BASIC)

    assert value is not None
    assert value.startswith("Basic ")
    assert auth.known(OTHER, (push("b"),)) == auth.known(HOST, (CATALOG,)) == value
    assert auth.service.requests == []


def test_without_credentials_there_is_no_way_past_basic() -> None:
    assert sign().answer(challenges=BASIC) is None


def test_refused_credentials_are_looked_for_again_once() -> None:
    source = Known(PAIR)
    auth = Sign(source, TokenService())
    value = auth.answer(challenges=BASIC)

    for _ in range(3):
        with pytest.raises(UnauthenticatedError, match="it did not accept user 'me'"):
            auth.answer(challenges=BASIC, rejected=value)
    assert source.forgotten == [HOST]
    auth.clock.time += FIND_AGAIN_S
    with pytest.raises(UnauthenticatedError):
        auth.answer(challenges=BASIC, rejected=value)
    assert source.forgotten == [HOST, HOST]


def test_a_credential_that_was_replaced_meanwhile_is_taken() -> None:
    auth = sign(Credential("AWS", "old"), Credential("AWS", "new"))
    old = auth.answer(challenges=BASIC)
    new = auth.answer(challenges=BASIC, rejected=old)

    assert new not in {None, old}
    assert auth.answer(challenges=BASIC, rejected=old) == auth.known() == new


def test_a_credential_that_the_token_service_refuses_is_looked_for_again() -> None:
    service = TokenService(Response(401, Headers()))
    auth = sign(Credential("oauth2accesstoken", "old"), Credential("oauth2accesstoken", "new"), service=service)

    assert auth.answer() == "Bearer t1"
    assert service.requests[0].headers["authorization"] != service.requests[1].headers["authorization"]


def test_a_refused_password_is_an_error_with_advice() -> None:
    auth = sign(PAIR, service=TokenService(Response(401, Headers())))
    with pytest.raises(UnauthenticatedError) as caught:
        auth.answer()
    assert caught.value.hint is not None


def test_the_refresh_token_of_one_scope_buys_the_next() -> None:
    hub = parse_challenges(['Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'])
    auth = sign(PAIR, service=TokenService(Response(200, Headers(), b'{"access_token": "x", "refresh_token": "r1"}')))
    auth.answer(challenges=hub)
    auth.answer(OTHER, (pull("b"),), hub)

    assert b"grant_type=password" in auth.service.requests[0].body
    assert b"refresh_token=r1" in auth.service.requests[1].body


def test_identities_of_two_namespaces_are_kept_apart() -> None:
    class ByName(CredentialSource):
        async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
            return Credential(repository.name.value if repository else "", "x")

    auth = Sign(ByName(), TokenService())
    assert auth.answer(challenges=BASIC) != auth.answer(OTHER, challenges=BASIC)


def test_a_failing_source_fails_the_answer() -> None:
    class Broken(CredentialSource):
        async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
            raise CredentialError(host.value, "the helper hangs")

    with pytest.raises(CredentialError, match="the helper hangs"):
        Sign(Broken(), TokenService()).answer()


def test_forgetting_a_registry_asks_for_everything_again() -> None:
    source = Known(PAIR)
    auth = Sign(source, TokenService())
    auth.answer()
    auth.inner.forget(HOST)

    assert auth.known() is None
    assert auth.answer() == "Bearer t1"
    assert len(source.asked) == 2


def test_ghcr_gets_a_refused_token_once_more_as_base64() -> None:
    ghcr = parse_challenges(['Bearer realm="https://ghcr.io/token",service="ghcr.io"'])
    auth = sign(Credential(registry_token="odd-pat"))

    assert auth.answer(challenges=ghcr) == "Bearer odd-pat"
    assert auth.answer(challenges=ghcr, rejected="Bearer odd-pat") == auth.known() == "Bearer b2RkLXBhdA=="


# --- many at once ------------------------------------------------------------------------------


class SlowService(TokenService):
    """Answers only when it is let, so that all callers are waiting by then."""

    def __init__(self, wait: Callable[[], Awaitable[object]], *answers: Response | Exception) -> None:
        super().__init__(*answers)
        self._wait = wait

    async def __call__(self, request: Request) -> Response:
        await self._wait()
        return await super().__call__(request)


async def all_at_once(*answers: Response | Exception, callers: int = 32) -> tuple[SlowService, list[object]]:
    let = asyncio.Event()
    service = SlowService(let.wait, *answers)
    inner = Authenticator(Known(PAIR), service, AsyncRuntime())
    tasks = [asyncio.create_task(inner.answer(REPOSITORY, BASE, PULL, BEARER)) for _ in range(callers)]
    for _ in range(20):
        await asyncio.sleep(0)
    let.set()
    return service, list(await asyncio.gather(*tasks, return_exceptions=True))


def test_many_tasks_share_one_token_request() -> None:
    service, results = asyncio.run(all_at_once())

    assert set(results) == {"Bearer t0"}
    assert len(service.requests) == 1


def test_many_tasks_share_one_failure() -> None:
    service, results = asyncio.run(all_at_once(ConnectError("auth.example.com", "refused", 3)))

    assert len(service.requests) == 1
    assert {str(result) for result in results} == {"connection to auth.example.com failed: refused (after 3 tries)"}
    assert len({id(result) for result in results}) == len(results)


def test_a_cancelled_request_is_made_by_the_next_who_waits() -> None:
    async def run() -> tuple[int, object]:
        let = asyncio.Event()
        service = SlowService(let.wait)
        inner = Authenticator(Known(PAIR), service, AsyncRuntime())
        first, second = (asyncio.create_task(inner.answer(REPOSITORY, BASE, PULL, BEARER)) for _ in range(2))
        for _ in range(20):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        let.set()
        return len(service.requests), await second

    assert asyncio.run(run()) == (0, "Bearer t0")


def test_many_threads_share_one_token_request() -> None:
    # The service answers when the last of the others has reached the lock that the first one holds.
    callers = 8
    reached = threading.Semaphore(0)

    class Counted(ThreadRuntime):
        def lock(self) -> AbstractAsyncContextManager[object]:
            real = super().lock()

            class Lock:
                async def __aenter__(self) -> object:
                    reached.release()
                    return await real.__aenter__()

                async def __aexit__(self, *_: object) -> None:
                    await real.__aexit__(None, None, None)

            return Lock()

    async def wait() -> None:
        for _ in range(callers - 1):
            assert reached.acquire(timeout=10)

    service = SlowService(wait)
    inner = Authenticator(Known(PAIR), service, Counted())
    step(inner._who(REPOSITORY, HOST))
    results: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: results.append(step(inner.answer(REPOSITORY, BASE, PULL, BEARER))))
        for _ in range(callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(results) == {"Bearer t0"}
    assert len(service.requests) == 1
