"""The embedded registry as tests use it: the context manager, the fixture, and faults on order."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.unit.server.calling import CONFIG, manifest

from orlop.errors import BlobNotFoundError
from orlop.model.digest import Digest
from orlop.server import run
from orlop.server.exchange import CUT_BEFORE_ANSWER, Call, Reply
from orlop.server.store.store import Store
from orlop.testing import registry as start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orlop.server.exchange import Go
    from orlop.testing import Registry


def ask(
    registry: Registry, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(registry.host, timeout=10)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_an_image_put_in_by_code_is_pulled_over_the_wire(registry: Registry) -> None:
    digest = registry.push("team/app", "1.0", manifest(), blobs=[CONFIG])
    status, headers, raw = ask(registry, "GET", "/v2/team/app/manifests/1.0")
    assert (status, headers["docker-content-digest"], raw) == (200, str(digest), manifest())


def test_an_image_whose_blob_was_forgotten_is_refused(registry: Registry) -> None:
    with pytest.raises(BlobNotFoundError):
        registry.push("team/app", "1.0", manifest())


def test_an_image_may_have_no_tag_and_another_algorithm(registry: Registry) -> None:
    registry.push_blob("team/app", CONFIG)
    digest = registry.push("team/app", "", manifest(), algorithm="sha512")
    assert ask(registry, "GET", f"/v2/team/app/manifests/{digest}")[0] == 200
    assert ask(registry, "GET", "/v2/team/app/tags/list")[2] == b'{"name":"team/app","tags":[]}'


def test_requests_are_recorded_in_order(registry: Registry) -> None:
    ask(registry, "GET", "/v2/", Accept="a/b")
    ask(registry, "HEAD", "/v2/team/app/manifests/1?x=%20")
    assert [(one.method, one.target, one.path, one.status) for one in registry.requests] == [
        ("GET", "/v2/", "/v2/", 200),
        ("HEAD", "/v2/team/app/manifests/1?x=%20", "/v2/team/app/manifests/1", 404),
    ]
    assert registry.requests[0].headers["accept"] == "a/b"


def test_headers_stay_out_of_what_is_printed(registry: Registry) -> None:
    ask(registry, "GET", "/v2/", Authorization="Bearer secret")
    assert "secret" not in repr(registry.requests)


def test_content_is_kept_in_a_folder_where_one_is_named(tmp_path: Path) -> None:
    with start(tmp_path) as registry:
        registry.push("team/app", "1.0", manifest(), blobs=[CONFIG])
    with start(tmp_path) as registry:
        assert ask(registry, "GET", "/v2/team/app/manifests/1.0")[0] == 200


def test_a_store_that_was_handed_in_stays_open() -> None:
    store = Store.memory()
    with start(store=store) as registry:
        registry.push_blob("a/b", CONFIG)
    assert store.metadata.linked("a/b", str(Digest.of(CONFIG))) == len(CONFIG)
    store.close()


def test_two_registries_run_at_once() -> None:
    with start() as one, start() as two:
        one.push("a/b", "1", manifest(), blobs=[CONFIG])
        assert ask(one, "GET", "/v2/a/b/manifests/1")[0] == 200
        assert ask(two, "GET", "/v2/a/b/manifests/1")[0] == 404


def test_nothing_runs_after_the_block() -> None:
    before = threading.active_count()
    with start() as registry:
        ask(registry, "GET", "/v2/")
    with pytest.raises(ConnectionError):
        ask(registry, "GET", "/v2/")
    assert threading.active_count() == before


def test_a_fault_of_the_server_fails_the_test() -> None:
    async def broken(_call: Call, _go: Go) -> Reply:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"), start(middleware=[broken]) as registry:
        assert ask(registry, "GET", "/v2/")[0] == 500


def test_an_error_of_the_test_goes_before_a_fault_of_the_server() -> None:
    async def broken(_call: Call, _go: Go) -> Reply:
        raise KeyError("a bug")

    with pytest.raises(AssertionError, match="the test's own"), start(middleware=[broken]) as registry:
        ask(registry, "GET", "/v2/")
        raise AssertionError("the test's own")


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_an_answer_can_be_cut(cut: int) -> None:
    async def fault(call: Call, go: Go) -> Reply:
        reply = await go(call)
        reply.cut = cut
        return reply

    with start(middleware=[fault]) as registry:
        registry.push("a/b", "1", manifest(), blobs=[CONFIG])
        with pytest.raises(http.client.IncompleteRead) as caught:
            ask(registry, "GET", "/v2/a/b/manifests/1")
        assert caught.value.partial == manifest()[:cut]


def test_a_connection_can_be_dropped_without_an_answer() -> None:
    async def fault(_call: Call, _go: Go) -> Reply:
        return Reply(200, cut=CUT_BEFORE_ANSWER)

    with start(middleware=[fault]) as registry:
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            ask(registry, "GET", "/v2/")
        assert registry.requests[0].status == 0


def test_a_stream_can_be_answered_piece_by_piece() -> None:
    async def fault(_call: Call, _go: Go) -> Reply:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two ", b"three"):
                yield piece

        return Reply(200, stream=pieces(), length=13)

    with start(middleware=[fault]) as registry:
        assert ask(registry, "GET", "/v2/")[2] == b"one two three"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As installed without the extra ``fast``: h11 under asyncio's own loop."""
    monkeypatch.setattr(run, "find_spec", lambda _name: None)


@pytest.mark.usefixtures("plain")
def test_without_httptools_and_uvloop_it_is_the_same_registry() -> None:
    blob = bytes(3_000_000)
    digest = Digest.of(blob)
    with start() as registry:
        status, headers, _ = ask(registry, "POST", "/v2/a/b/blobs/uploads/")
        assert ask(registry, "PATCH", headers["location"], blob)[0] == 202
        assert ask(registry, "PUT", f"{headers['location']}?digest={digest}")[0] == 201
        assert ask(registry, "GET", f"/v2/a/b/blobs/{digest}")[2] == blob
        status, headers, body = ask(registry, "HEAD", f"/v2/a/b/blobs/{digest}")
        assert (status, headers["content-length"], body) == (200, "3000000", b"")
        assert ask(registry, "PUT", "/v2/a/b/manifests/1", blob * 2)[0] == 413


@pytest.mark.usefixtures("plain")
def test_without_httptools_a_body_that_is_cut_is_not_stored_either() -> None:
    blob = bytes(300_000)
    digest = Digest.of(blob)
    with start() as registry:
        connection = http.client.HTTPConnection(registry.host)
        connection.putrequest("POST", f"/v2/a/b/blobs/uploads/?digest={digest}")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(b"%x\r\n" % len(blob) + blob + b"\r\n")
        connection.close()
        assert ask(registry, "GET", f"/v2/a/b/blobs/{digest}")[0] == 404


def test_a_second_registry_starts_and_stops_in_no_time() -> None:
    with start():
        pass
    best = min(cycle() for _ in range(5))
    assert best < 0.1  # 4 ms on a quiet machine; uvicorn's own loop needs 200


def cycle() -> float:
    began = time.perf_counter()
    with start() as registry:
        assert ask(registry, "GET", "/v2/")[0] == 200
    return time.perf_counter() - began


def test_the_plugin_and_the_package_import_nothing_heavy() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import orlop.testing.plugin, orlop.testing; "
        "print(*(set(sys.modules) - before) & {'asyncio', 'uvicorn', 'sqlite3', 'ssl', 'orlop.server', 'orlop.model'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_names_of_the_package_are_those_it_says() -> None:
    import orlop.testing as package

    assert package.registry is start
    assert {"Recorded", "Registry", "registry"} <= set(package.__all__)
    with pytest.raises(AttributeError):
        _ = package.nothing
