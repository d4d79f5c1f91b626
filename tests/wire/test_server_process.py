"""A registry as a process of its own: how it starts, serves from disk, and ends."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.errors import StorageError
from orlop.server.run import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = """
import sys
from orlop.server.run import serve
serve(sys.argv[1] or None, port=0, ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""
BLOB = b"some content"
DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()


@contextmanager
def serving(root: Path | str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, process.stdout.readline().strip().removeprefix("http://")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def ask(host: str, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, target, body)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def push(host: str) -> None:
    assert ask(host, "POST", f"/v2/a/b/blobs/uploads/?digest={DIGEST}", BLOB)[0] == 201


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_silently(number: signal.Signals) -> None:
    with serving("") as (process, host):
        assert ask(host, "GET", "/v2/")[0] == 200
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("ended\n", "")
        assert process.returncode == 0


def test_a_transfer_under_way_ends_before_the_server_does(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, host):
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port))) as wire:
            wire.sendall(
                f"POST /v2/a/b/blobs/uploads/?digest={DIGEST} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                f"Content-Length: {len(BLOB)}\r\n\r\n".encode()
            )
            assert wire.recv(1000).startswith(b"HTTP/1.1 100")
            process.send_signal(signal.SIGTERM)
            while True:  # it takes no new connection any more
                try:
                    socket.create_connection((name, int(port)), timeout=1).close()
                except ConnectionError:
                    break
            wire.sendall(BLOB)
            assert wire.recv(1000).startswith(b"HTTP/1.1 201")
        assert process.wait(10) == 0


def test_what_was_pushed_is_served_again_by_the_next(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, host):
        push(host)
        process.kill()
        process.wait()
    with serving(tmp_path) as (_, host):
        assert ask(host, "GET", f"/v2/a/b/blobs/{DIGEST}") == (200, BLOB)


def test_two_servers_share_a_store(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, one), serving(tmp_path) as (_, two):
        location = None
        connection = http.client.HTTPConnection(one)
        connection.request("POST", "/v2/a/b/blobs/uploads/")
        answer = connection.getresponse()
        answer.read()
        location = answer.headers["location"]
        connection.close()
        assert ask(two, "PATCH", location, BLOB[:5])[0] == 202
        assert ask(one, "PATCH", location, BLOB[5:])[0] == 202
        assert ask(two, "PUT", f"{location}?digest={DIGEST}")[0] == 201
        assert ask(one, "GET", f"/v2/a/b/blobs/{DIGEST}") == (200, BLOB)


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StorageError, match="listening on 127"):
        serve(port=taken.getsockname()[1])


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(StorageError, match="opening the store"):
        serve(os.fspath(file / "store"))
