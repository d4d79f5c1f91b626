"""An engine's images: read through its socket, asked for again when they change, and what an engine may do wrong."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from orlop import Client
from orlop.content import engine as module
from orlop.content.engine import Engine
from orlop.errors import (
    ConnectError,
    DisconnectedError,
    InputError,
    InvalidDocumentError,
    LimitError,
    ManifestNotFoundError,
    NotFoundError,
    RegistryError,
    TimedOutError,
    TruncatedError,
)
from orlop.testing.archives import docker_archive
from orlop.testing.builders import image
from orlop.testing.engine import container_engine
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")

ONE = image([layer({"a": b"one"}, compression="")])
TWO = image([layer({"b": b"x" * 300_000}, compression="")])
NAME = "localhost/team/app:1"


@pytest.fixture
def path() -> Iterator[str]:
    """A path that is short enough for a socket, which one of pytest need not be."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/s"


def answering(path: str, answer: bytes) -> threading.Thread:
    """Answer one request with these bytes."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(1)

    def serve() -> None:
        with listening, listening.accept()[0] as one:
            one.recv(65536)
            one.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_an_image_is_read_through_the_socket(path: str) -> None:
    with (
        container_engine(path, {NAME: docker_archive({NAME: TWO})}) as asked,
        Client(engine=f"unix://{path}") as client,
    ):
        assert client.config(f"docker-daemon:{NAME}").raw == TWO.config
        assert [one.digest for one in client.images(f"docker-daemon:{NAME}")] == [TWO.digest]
        assert client.manifest(f"docker-daemon:{NAME}@{TWO.digest}").raw == TWO.raw
        assert [str(tag) for tag in client.tags(f"docker-daemon:{NAME}")] == ["1"]
        with pytest.raises(ManifestNotFoundError):
            client.manifest(f"docker-daemon:{NAME}@{ONE.digest}")
    assert asked.count(f"/images/{NAME}/get") == 1
    assert set(asked) == {f"/images/{NAME}/get", f"/images/{NAME}/json"}


def test_a_name_that_stands_for_another_image_is_asked_for_again(path: str) -> None:
    images = {NAME: docker_archive({NAME: ONE})}
    with container_engine(path, images), Client(engine=path) as client:
        assert client.config(f"docker-daemon:{NAME}").raw == ONE.config
        images[NAME] = docker_archive({NAME: TWO})
        assert client.config(f"docker-daemon:{NAME}").raw == TWO.config


def test_a_name_without_a_tag_is_its_latest_alone(path: str) -> None:
    with (
        container_engine(path, {"app:latest": docker_archive({"app:latest": ONE})}) as asked,
        Client(engine=path) as one,
    ):
        assert one.config("docker-daemon:app").raw == ONE.config
    assert asked == ["/images/app/json", "/images/app:latest/get"]


def test_the_address_is_docker_s_own_where_none_is_given(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with container_engine(path, {NAME: docker_archive({NAME: ONE})}), Client() as client:
        assert client.config(f"docker-daemon:{NAME}").raw == ONE.config


def test_the_first_socket_that_is_there_is_taken(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sockets", lambda: ("/nowhere/docker.sock", path))
    with container_engine(path, {}):
        assert Engine().path == path
    os.unlink(path)
    with pytest.raises(ConnectError, match=r"none of /nowhere/docker\.sock, .* is there") as caught:
        Engine()
    assert "DOCKER_HOST" in str(caught.value.hint)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:2375", "ssh://host", "relative.sock", "unix://relative"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InputError, match="not the address of a container engine"):
        Engine(address)


def test_an_image_that_is_not_there_is_told_in_the_engine_s_words(path: str) -> None:
    with container_engine(path, {}), Client(engine=path) as client, pytest.raises(NotFoundError) as caught:
        client.manifest("docker-daemon:nope:1")
    assert "image nope:1 is not in the container engine at" in str(caught.value)
    assert "No such image: nope:1" in str(caught.value)


def test_a_socket_that_nobody_listens_on_is_no_connection(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with pytest.raises(ConnectError, match="refused"):
        Engine(path).look("app:1")
    with pytest.raises(ConnectError, match="No such file") as caught:
        Engine("/nowhere/at/all").look("app:1")
    assert caught.value.hint


def test_an_archive_that_breaks_off_is_no_image(path: str) -> None:
    whole = docker_archive({NAME: TWO})
    for cut in (0, 70_000, len(whole) - 100):
        with (
            container_engine(path, {NAME: whole}, cut=cut),
            Client(engine=path) as client,
            pytest.raises((DisconnectedError, TruncatedError)),
        ):
            client.config(f"docker-daemon:{NAME}")
        os.unlink(path)


def test_an_archive_has_a_limit(path: str) -> None:
    with container_engine(path, {NAME: docker_archive({NAME: TWO})}), pytest.raises(LimitError):
        Engine(path).saved(NAME, "it", limit=100_000)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (b"HTTP/1.1 500 x\r\nContent-Length: 18\r\n\r\n" + b'{"message":"full"}', RegistryError, "full"),
        (b"HTTP/1.1 500 x\r\nContent-Length: 5\r\n\r\nplain", RegistryError, "plain"),
        (b"HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\n[]", NotFoundError, "is not in"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n{}", InvalidDocumentError, "no Id"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n[]", InvalidDocumentError, "no Id"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nnot json!", InvalidDocumentError, "JSON"),
        (b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n{", InvalidDocumentError, "JSON"),
        (b"", DisconnectedError, "RemoteDisconnected"),
        (b"SSH-2.0\r\n", DisconnectedError, "BadStatusLine"),
    ],
)
def test_what_is_no_engine_is_told(path: str, answer: bytes, kind: type[Exception], said: str) -> None:
    thread = answering(path, answer)
    with pytest.raises(kind, match=said):
        Engine(path).look("app:1")
    thread.join(5)


def test_a_silent_engine_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUIET_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen(1)
        with pytest.raises(TimedOutError):
            Engine(path).look("app:1")
