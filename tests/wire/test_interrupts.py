"""A signal reaches the main thread while it waits for a registry, whichever way it waits."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from orlop import Client
from orlop.testing import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD = """
import json, os, signal, socket, sys, threading, time
from orlop import Client

BODY = b'{"schemaVersion": 2, "manifests": []}'
listener = socket.create_server(("127.0.0.1", 0))
reached = threading.Event()
asked = []

def serve(answered):
    def one(connection):
        while True:
            request = connection.recv(65536)
            if not request:
                return
            asked.append(request.split()[0])
            if len(asked) <= answered:
                reached.set()
                continue  # no answer, ever
            head = "HTTP/1.1 200 OK\\\\r\\\\ncontent-type: application/vnd.oci.image.index.v1+json\\\\r\\\\ncontent-length: %d\\\\r\\\\n\\\\r\\\\n"
            connection.sendall((head % len(BODY)).encode() + BODY)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()

def later(number):
    reached.wait()
    time.sleep(0.2)
    os.kill(os.getpid(), number)

host = "127.0.0.1:%d" % listener.getsockname()[1]
"""

INTERRUPTED = """
threading.Thread(target=serve, args=(10,), daemon=True).start()
threading.Thread(target=later, args=(signal.SIGINT,), daemon=True).start()
began = time.monotonic()
try:
    with Client() as client:
        {ask}
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - began < 5, len(asked))
"""

HANDLED = """
threading.Thread(target=serve, args=(1,), daemon=True).start()
threading.Thread(target=later, args=(signal.SIGUSR1,), daemon=True).start()
signal.signal(signal.SIGUSR1, lambda *_: print("handled", len(asked), flush=True))
with Client() as client:
    print(client.manifest(host + "/a:1").kind, len(asked))
print(signal.set_wakeup_fd(-1))
"""


IN_A_LOOP = """
import asyncio
threading.Thread(target=serve, args=(1,), daemon=True).start()
threading.Thread(target=later, args=(signal.SIGUSR1,), daemon=True).start()

async def main():
    heard = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set)
    with Client() as client:
        kind = client.manifest(host + "/a:1").kind
    await asyncio.wait_for(heard.wait(), 5)
    print(kind, "heard")

asyncio.run(main())
"""


def run(text: str) -> list[str]:
    command = [sys.executable, "-c", (HELD + text).replace("\\\\", "\\")]
    return subprocess.run(command, capture_output=True, text=True, timeout=18, check=True).stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there that a test could send")
@pytest.mark.parametrize(
    "ask",
    [
        'client.manifest(host + "/a:1")',
        'list(client.many([host + "/a:1"]))',
        'list(client.many([host + "/a:%d" % n for n in range(40)], concurrency=5))',
        'list(client.tags(host + "/a"))',
    ],
)
def test_ctrl_c_ends_the_wait_for_an_answer(ask: str) -> None:
    told = run(INTERRUPTED.replace("{ask}", ask))
    assert told[:2] == ["interrupted", "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there that a test could send")
def test_a_handler_that_returns_runs_at_once_and_the_request_begins_anew() -> None:
    handled, before, kind, asked, wakeup = run(HANDLED)
    assert (handled, before) == ("handled", "1")
    assert (kind, asked) == ("index", "2")
    assert wakeup == "-1"  # what was there before is there again


@pytest.mark.skipif(sys.platform == "win32", reason="no signals there that a test could send")
def test_an_event_loop_around_it_hears_of_the_signal() -> None:
    assert run(IN_A_LOOP) == ["index", "heard"]


@pytest.fixture
def client() -> Iterator[Client]:
    with Client() as made:
        yield made


def test_threads_ask_side_by_side(client: Client) -> None:
    with registry() as at:
        errors: list[Exception] = []

        def ask() -> None:
            try:
                for _ in range(20):
                    client.ping(at.host)
            except Exception as error:  # noqa: BLE001  # for the assertion below
                errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        ask()
        for thread in threads:
            thread.join()
    assert errors == []
