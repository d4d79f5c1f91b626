"""The server on real sockets, where HTTP/1.1 itself is in question."""

from __future__ import annotations

import hashlib
import http.client
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.model.digest import Digest
from orlop.server import http as limits
from orlop.testing import registry as start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.testing import Registry

BLOB = bytes(range(256)) * 4096 * 5
DIGEST = str(Digest.of(BLOB))
START = "/v2/a/b/blobs/uploads/"


class Wire:
    """A socket to the registry, and what comes back on it."""

    def __init__(self, registry: Registry) -> None:
        host, _, port = registry.host.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self._file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Read one answer; of one to HEAD, no body."""
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = 0 if method == "HEAD" or status in {100, 204, 304} else int(headers["content-length"])
        return status, headers, self._file.read(length)

    def closed(self) -> bool:
        """Whether the server ended the connection, without another byte."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextmanager
def wired(registry: Registry) -> Iterator[Wire]:
    wire = Wire(registry)
    try:
        yield wire
    finally:
        wire.close()


@pytest.fixture
def wire(registry: Registry) -> Iterator[Wire]:
    with wired(registry) as wire:
        yield wire


def head(method: str, target: str, *fields: str) -> str:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *fields, "", ""])


# --- answers -----------------------------------------------------------------------------------


def test_a_head_has_no_body_and_the_connection_goes_on(registry: Registry, wire: Wire) -> None:
    registry.push_blob("a/b", BLOB)
    for target, status in (("/v2/", 200), (f"/v2/a/b/blobs/{DIGEST}", 200), ("/v2/a/b/manifests/none", 404)):
        wire.send(head("HEAD", target))
        found, headers, _ = wire.answer("HEAD")
        assert found == status
        assert int(headers["content-length"]) > 0
    wire.send(head("GET", "/v2/"))
    assert wire.answer()[2] == b"{}"


def test_answers_to_pipelined_requests_come_in_order(registry: Registry, wire: Wire) -> None:
    registry.push_blob("a/b", BLOB)
    wire.send(head("GET", f"/v2/a/b/blobs/{DIGEST}") + head("GET", "/v2/") + head("GET", "/v2/no/body/tags/list"))
    assert hashlib.sha256(wire.answer()[2]).hexdigest() == DIGEST[7:]
    assert wire.answer()[2] == b"{}"
    assert wire.answer()[0] == 404


def test_answers_carry_the_date(wire: Wire) -> None:
    wire.send(head("GET", "/v2/"))
    assert wire.answer()[1]["date"].endswith(" GMT")


def test_connection_close_is_obeyed(wire: Wire) -> None:
    wire.send(head("GET", "/v2/", "Connection: close"))
    assert wire.answer()[0] == 200
    assert wire.closed()


def test_a_blob_is_streamed_whole_and_in_part(registry: Registry) -> None:
    registry.push_blob("a/b", BLOB)
    connection = http.client.HTTPConnection(registry.host)
    connection.request("GET", f"/v2/a/b/blobs/{DIGEST}")
    assert connection.getresponse().read() == BLOB
    connection.request("GET", f"/v2/a/b/blobs/{DIGEST}", headers={"Range": "bytes=1000000-3000000"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (206, BLOB[1000000:3000001])
    connection.close()


def test_a_client_that_goes_away_amid_a_blob_disturbs_nobody(registry: Registry) -> None:
    registry.push_blob("a/b", BLOB)
    with wired(registry) as rude:
        rude.send(head("GET", f"/v2/a/b/blobs/{DIGEST}"))
        rude.socket.recv(100)
    with wired(registry) as polite:
        polite.send(head("GET", f"/v2/a/b/blobs/{DIGEST}"))
        assert polite.answer()[2] == BLOB


# --- bodies ------------------------------------------------------------------------------------


def settle(registry: Registry) -> None:
    """Wait until the server has seen the end of every other connection, by asking it once more."""
    connection = http.client.HTTPConnection(registry.host)
    connection.request("GET", "/v2/")
    connection.getresponse().read()
    connection.close()


def test_a_chunked_body_is_a_body(registry: Registry, wire: Wire) -> None:
    wire.send(head("POST", f"{START}?digest={DIGEST}", "Transfer-Encoding: chunked"))
    for at in range(0, len(BLOB), 700_000):
        part = BLOB[at : at + 700_000]
        wire.send(b"%x\r\n" % len(part) + part + b"\r\n")
    wire.send(b"0\r\n\r\n")
    assert wire.answer()[0] == 201
    assert registry.store.metadata.linked("a/b", DIGEST) == len(BLOB)


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
@pytest.mark.parametrize("way", ["monolithic", "session"])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_body_that_is_cut_is_never_stored(registry: Registry, framing: str, way: str, end: str) -> None:
    target = f"{START}?digest={DIGEST}"
    method = "POST"
    if way == "session":
        session = registry.store.uploads.begin("a/b")
        target, method = f"{START}{session}?digest={DIGEST}", "PUT"
    with wired(registry) as wire:
        if framing == "chunked":
            # All of the blob, and only the last chunk of length 0 is missing.
            wire.send(head(method, target, "Transfer-Encoding: chunked"))
            wire.send(b"%x\r\n" % len(BLOB) + BLOB + b"\r\n")
        else:
            wire.send(head(method, target, f"Content-Length: {len(BLOB) + 1}"))
            wire.send(BLOB)
        if end == "reset":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    settle(registry)
    assert registry.store.metadata.linked("a/b", DIGEST) is None


def test_a_chunk_that_is_cut_can_be_sent_again(registry: Registry) -> None:
    session = registry.store.uploads.begin("a/b")
    with wired(registry) as wire:
        wire.send(head("PATCH", f"{START}{session}", f"Content-Length: {len(BLOB)}"))
        wire.send(BLOB[:3_000_000])
    with wired(registry) as wire:
        for _ in range(1000):  # until the server has seen that the other end is gone
            wire.send(head("PATCH", f"{START}{session}", f"Content-Length: {len(BLOB)}").encode() + BLOB)
            status, headers, _ = wire.answer()
            if status != 409:
                break
        assert (status, headers["range"]) == (202, f"0-{len(BLOB) - 1}")


def test_a_client_that_asks_first_is_told_to_go_on(wire: Wire) -> None:
    wire.send(head("POST", f"{START}?digest={DIGEST}", f"Content-Length: {len(BLOB)}", "Expect: 100-continue"))
    assert wire.answer()[0] == 100
    wire.send(BLOB)
    assert wire.answer()[0] == 201


def test_a_client_that_asks_first_is_refused_without_its_body(registry: Registry, wire: Wire) -> None:
    wire.send(head("PUT", "/v2/a/b/manifests/1", "Content-Length: 900000000", "Expect: 100-continue"))
    status, headers, _ = wire.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert wire.closed()


def test_an_early_answer_is_seen_although_the_body_goes_on(wire: Wire) -> None:
    body = b"x" * (16 * 1024 * 1024)
    wire.send(head("PUT", "/v2/a/b/manifests/1", f"Content-Length: {len(body)}").encode() + body)
    assert wire.answer()[0] == 413
    wire.send(head("GET", "/v2/"))
    assert wire.answer()[0] == 200


def test_a_body_without_end_is_not_drained_for_ever(
    registry: Registry, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DRAIN_LIMIT", 1_000_000)
    wire.send(head("PUT", "/v2/UPPER/manifests/1", "Transfer-Encoding: chunked"))
    with pytest.raises(ConnectionError):
        for _ in range(10_000):
            wire.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")


# --- what is no good HTTP ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_text",
    [
        "nonsense\r\n\r\n",
        head("PUT", "/v2/a/b/manifests/1", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
        head("PUT", "/v2/a/b/manifests/1", "Content-Length: 5", "Content-Length: 6") + "12345",
        head("PUT", "/v2/a/b/manifests/1", "Content-Length: -1"),
        head("PUT", "/v2/a/b/manifests/1", "Transfer-Encoding: chunked") + "zz\r\n",
        head("GET", "/v2/", "Broken"),
    ],
    ids=["no HTTP", "two lengths", "two numbers", "below zero", "no chunk", "no field"],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(registry: Registry, request_text: str) -> None:
    with wired(registry) as wire:
        wire.send(request_text)
        assert wire.answer()[0] == 400
        assert wire.closed()


@pytest.mark.parametrize("size", [limits.HEAD_LIMIT + 1, 600_000])
@pytest.mark.parametrize("where", ["field", "target", "many"])
def test_a_head_that_is_too_large_is_refused(registry: Registry, where: str, size: int) -> None:
    with wired(registry) as wire:
        filler = "x" * size
        if where == "target":
            text = head("GET", f"/v2/?{filler}")
        elif where == "field":
            text = head("GET", "/v2/", f"X-Filler: {filler}")
        else:
            text = head("GET", "/v2/", *[f"X-{number}: {'x' * 1000}" for number in range(size // 1000 + 2)])
        try:
            wire.send(text)
            assert wire.answer()[0] == 431
        except ConnectionError:
            pass  # it was closed while still being sent: as good
        assert wire.closed()


def test_a_head_within_the_limit_is_taken_even_with_a_body_behind_it(wire: Wire) -> None:
    text = head("POST", f"{START}?digest={DIGEST}", f"Content-Length: {len(BLOB)}", f"X-Filler: {'x' * 60_000}")
    wire.send(text.encode() + BLOB)
    assert wire.answer()[0] == 201


def test_half_a_head_is_not_waited_for_for_ever(
    registry: Registry, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.0)
    wire.send("GET /v2/ HTTP/1.1\r\nHos")
    assert wire.closed()


def test_a_silent_connection_is_not_kept_for_ever(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.0)
    assert wire.closed()


# --- the listener ------------------------------------------------------------------------------


def test_a_registry_can_listen_on_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with start(host="::1") as running:
            assert running.host.startswith("[::1]:")
            connection = http.client.HTTPConnection(running.host)
            connection.request("GET", "/v2/")
            assert connection.getresponse().status == 200
            connection.close()
    except OSError as error:
        pytest.skip(str(error))
