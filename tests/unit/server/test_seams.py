"""Access and middleware: who may do what, and what may stand before the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.server.calling import Caller, Said

from orlop.errors import DeniedError
from orlop.model.digest import Digest
from orlop.server.access import Asked, challenge, denied
from orlop.server.core import App
from orlop.server.exchange import Call, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.server.exchange import Go, Middleware
    from orlop.server.store.store import Store

DIGEST = str(Digest.of(b"x"))


@pytest.mark.parametrize(
    ("method", "target", "scopes"),
    [
        ("GET", "/v2/", []),
        ("GET", "/v2/_catalog", ["registry:catalog:*"]),
        ("GET", "/v2/a/b/tags/list", ["repository:a/b:pull"]),
        ("HEAD", "/v2/a/b/manifests/1", ["repository:a/b:pull"]),
        ("GET", f"/v2/a/b/blobs/{DIGEST}", ["repository:a/b:pull"]),
        ("GET", f"/v2/a/b/referrers/{DIGEST}", ["repository:a/b:pull"]),
        ("PUT", "/v2/a/b/manifests/1", ["repository:a/b:pull,push"]),
        ("DELETE", "/v2/a/b/manifests/1", ["repository:a/b:delete"]),
        ("POST", "/v2/a/b/blobs/uploads/", ["repository:a/b:pull,push"]),
        ("GET", "/v2/a/b/blobs/uploads/s", ["repository:a/b:pull,push"]),
        ("DELETE", "/v2/a/b/blobs/uploads/s", ["repository:a/b:pull,push"]),
        (
            "POST",
            f"/v2/a/b/blobs/uploads/?mount={DIGEST}&from=c/d",
            ["repository:a/b:pull,push", "repository:c/d:pull"],
        ),
    ],
)
def test_access_is_told_what_a_request_needs(
    method: str, target: str, scopes: list[str], memory: Callable[..., Store]
) -> None:
    seen: list[Asked] = []

    async def look(asked: Asked) -> Reply:
        seen.append(asked)
        return denied()

    Caller(App(memory(), access=look))(method, target)
    assert [str(scope) for scope in seen[0].scopes] == scopes


def test_a_challenge_is_a_401_that_says_how_to_sign_in(memory: Callable[..., Store]) -> None:
    async def sign_in(_asked: Asked) -> Reply:
        return challenge('Bearer realm="http://t"')

    answer = Caller(App(memory(), access=sign_in))("GET", "/v2/")
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == 'Bearer realm="http://t"'
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_access_may_raise_its_refusal(memory: Callable[..., Store]) -> None:
    async def refuse(_asked: Asked) -> None:
        raise DeniedError("a/b", "not today")

    answer = Caller(App(memory(), access=refuse))("GET", "/v2/")
    assert (answer.status, answer.code) == (403, "DENIED")


def test_a_request_that_is_refused_changes_nothing(memory: Callable[..., Store]) -> None:
    async def only_pull(asked: Asked) -> Reply | None:
        return denied() if any(scope.actions - {"pull"} for scope in asked.scopes) else None

    store = memory()
    digest = Caller(App(store)).push_image("a/b", "1")
    call = Caller(App(store, access=only_pull))
    assert call("DELETE", "/v2/a/b/manifests/1").status == 403
    assert call("POST", f"/v2/a/b/blobs/uploads/?digest={DIGEST}", b"x").status == 403
    assert call("GET", "/v2/a/b/manifests/1").headers["docker-content-digest"] == digest


def test_middleware_answers_for_the_registry_also_outside_its_paths(memory: Callable[..., Store]) -> None:
    async def token(call: Call, go: Go) -> Reply:
        if call.target.startswith("/token"):
            return Reply(200, [("content-type", "application/json")], await call.body.read(100))
        return await go(call)

    call = Caller(App(memory(), middleware=[token]))
    assert call("POST", "/token?x=1", Said(b'{"token":', b'"t"}')).json == {"token": "t"}
    assert call("GET", "/v2/").status == 200


def test_middleware_changes_what_the_registry_says_outermost_first(memory: Callable[..., Store]) -> None:
    def naming(name: str) -> Middleware:
        async def add(call: Call, go: Go) -> Reply:
            reply = await go(call)
            reply.headers.append((name, "seen"))
            return reply

        return add

    answer = Caller(App(memory(), middleware=[naming("outer"), naming("inner")]))("GET", "/v2/")
    assert [name for name, value in answer.all_headers if value == "seen"] == ["inner", "outer"]


def test_a_fault_of_the_server_is_a_500_without_details_and_is_reported(memory: Callable[..., Store]) -> None:
    async def broken(_call: Call, _go: Go) -> Reply:
        raise KeyError("secret")

    errors: list[Exception] = []
    answer = Caller(App(memory(), middleware=[broken], on_error=errors.append))("GET", "/v2/")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert isinstance(errors[0], KeyError)
