"""The ASGI face by itself: what a server that is not uvicorn may send it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.server.calling import CONFIG

from orlop.errors import DisconnectedError
from orlop.model.digest import Digest
from orlop.server.asgi import AsgiApp
from orlop.server.core import App
from orlop.server.exchange import CUT_BEFORE_ANSWER, Call, Go, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.server.store.store import Store

DIGEST = Digest.of(CONFIG)


def run(app: AsgiApp, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the application its messages, and return what it sent; after the last message there is silence."""
    sent: list[Any] = []
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def http(method: str, path: str, query: str = "", *fields: tuple[bytes, bytes]) -> dict[str, Any]:
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": list(fields)}
    return {**scope, "client": ("127.0.0.1", 1)}


def test_a_server_that_gives_no_raw_path_is_served_too(memory: Callable[..., Store]) -> None:
    sent = run(AsgiApp(App(memory())), http("GET", "/v2/"))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"{}")


def test_start_and_stop_are_acknowledged(memory: Callable[..., Store]) -> None:
    sent = run(
        AsgiApp(App(memory())), {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_what_is_not_http_is_left_alone(memory: Callable[..., Store]) -> None:
    assert run(AsgiApp(App(memory())), {"type": "websocket"}) == []


def test_a_body_that_falls_silent_is_given_up_and_not_stored(memory: Callable[..., Store]) -> None:
    store = memory()
    sent = run(
        AsgiApp(App(store), body_timeout_s=0.01),
        http("POST", "/v2/a/b/blobs/uploads/", f"digest={DIGEST}"),
        {"type": "http.request", "body": CONFIG, "more_body": True},
    )
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"connection"]) == (408, b"close")
    assert store.metadata.linked("a/b", str(DIGEST)) is None


def test_a_length_that_is_no_number_is_ignored_where_the_server_let_it_pass(memory: Callable[..., Store]) -> None:
    sent = run(
        AsgiApp(App(memory())),
        http("POST", "/v2/a/b/blobs/uploads/", f"digest={DIGEST}", (b"content-length", b"many")),
        {"type": "http.request", "body": CONFIG},
    )
    assert sent[0]["status"] == 201


def test_a_server_that_cannot_drop_a_connection_is_told(memory: Callable[..., Store]) -> None:
    async def fault(_call: Call, _go: Go) -> Reply:
        return Reply(200, cut=CUT_BEFORE_ANSWER)

    with pytest.raises(DisconnectedError):
        run(AsgiApp(App(memory(), middleware=[fault])), http("GET", "/v2/"))
