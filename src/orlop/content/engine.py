"""Images of a container engine, as Docker and Podman hand them out on their sockets (``docker-daemon:``).

The engine writes the image as ``docker save`` does, into a temporary file without a name; that is read as any such archive.
Rule: Docker Engine API, "Inspect an image" and "Export an image", which Podman answers as well.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from orlop.content.dockerarchive import open_docker_archive
from orlop.content.spool import SPOOL_LIMIT, kept, readable
from orlop.errors import (
    ConnectError,
    DisconnectedError,
    InputError,
    InvalidDocumentError,
    NotFoundError,
    RegistryError,
    TimedOutError,
    UnsupportedError,
)
from orlop.model.jsondoc import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.content.dockerarchive import DockerArchive
    from orlop.content.reader import Reader
    from orlop.runtime import Runtime

ANSWER_LIMIT = 4 * 1024 * 1024
"""Most bytes of what an engine says of an image."""

_SAID_LIMIT = 64 * 1024  # of an error
_QUIET_S = 300  # an engine packs an image before it sends the first byte


def sockets() -> tuple[str, ...]:
    """Return where engines listen: Docker, Podman, and those of this user alone."""
    own = f"/run/user/{os.getuid()}" if hasattr(os, "getuid") else ""
    return (
        "/var/run/docker.sock",
        "/run/podman/podman.sock",
        *((f"{own}/docker.sock", f"{own}/podman/podman.sock") if own else ()),
    )


class Engine:
    """The engine that listens on a socket of this machine.

    address: ``unix:///path``, or a path; "" takes the first of ``sockets`` that is there. Raises InputError for another kind
    of address, ConnectError where there is none. Its methods block, and raise NetworkError's kinds.
    """

    def __init__(self, address: str = "") -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise UnsupportedError("reading an engine's socket", "this system", "its Python has no such sockets")
        if not address:
            self.path = next((path for path in sockets() if os.path.exists(path)), "")
            if not self.path:
                absent = ConnectError("a container engine", f"none of {', '.join(sockets())} is there")
                raise absent.with_hint("start one, or name its socket: DOCKER_HOST=unix:///run/podman/podman.sock")
            return
        self.path = address.removeprefix("unix://")
        if not self.path.startswith("/"):
            error = InputError(address, "it is not unix:// and an absolute path")
            error.noun = "the address of a container engine"
            raise error.with_hint("from any other engine: docker save NAME | orlop image ls docker-archive:/dev/stdin")

    def __str__(self) -> str:
        return f"the container engine at {self.path}"

    def look(self, name: str) -> tuple[str, str]:
        """Return an image's id, which changes when the name stands for another, and the name with its tag. Raises NotFoundError."""
        with self._asked(name, "json") as read:
            raw = read(ANSWER_LIMIT + 1)
        what = f"what {self} says of {name}"
        found = load_json(raw, what, limit=ANSWER_LIMIT)
        about = found if isinstance(found, dict) else {}
        identity = about.get("Id")
        if not isinstance(identity, str) or not identity:
            raise InvalidDocumentError(what, "it has no Id")
        # Of a name without a tag Docker saves all tags.
        latest = f"{name}:latest"
        tags = about.get("RepoTags")
        known = isinstance(tags, list) and any(f"/{tag}".endswith(f"/{latest}") for tag in tags)
        return identity, latest if known else name

    def saved(self, name: str, what: str, limit: int = SPOOL_LIMIT) -> Reader:
        """Return the image as an archive. limit: most bytes of it. Raises NotFoundError, StorageError, LimitError."""
        with self._asked(name, "get") as read, kept(read, what, limit) as file:
            return readable(file, what, what, limit)

    @contextmanager
    def _asked(self, name: str, question: str) -> Iterator[Callable[[int], bytes]]:
        """Ask, and give what reads at most so many next bytes of the answer."""
        from urllib.parse import quote

        path = f"/images/{quote(name, safe='/:@')}/{question}"
        connection = _Connection(self.path)

        def read(count: int) -> bytes:
            try:
                return answer.read(count)
            except (HTTPException, OSError) as error:
                raise self._broken(error) from error

        try:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
            except (HTTPException, OSError) as error:
                raise (self._broken(error) if connection.made else self._absent(error)) from error
            if answer.status != 200:
                raise self._refused(name, path, answer.status, read(_SAID_LIMIT))
            yield read
        finally:
            connection.close()

    def _absent(self, error: Exception) -> ConnectError:
        made = ConnectError(str(self), getattr(error, "strerror", None) or _words(error))
        made.hint = "start the engine, or name its socket: DOCKER_HOST=unix:///run/podman/podman.sock"
        if isinstance(error, PermissionError):
            made.hint = "the socket is not for this user: docker save NAME | orlop image ls docker-archive:/dev/stdin"
        return made

    def _broken(self, error: Exception) -> DisconnectedError | TimedOutError:
        if isinstance(error, TimeoutError):
            return TimedOutError(str(self), f"no byte came for {_QUIET_S} seconds")
        return DisconnectedError(str(self), _words(error))

    def _refused(self, name: str, path: str, status: int, raw: bytes) -> NotFoundError | RegistryError:
        try:
            said = json.loads(raw)
            message = str(said["message"] if isinstance(said, dict) else said)
        except (ValueError, KeyError, RecursionError):
            message = raw.decode("utf-8", "replace").strip()
        message = message[:500]
        if status == 404:
            error = NotFoundError(name, str(self), message or "not found")
            error.noun = "image"
            return error
        return RegistryError("GET", f"unix://{self.path}{path}", status, (), message)


class _Connection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_QUIET_S)
        self._path = path
        self.made = False

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(_QUIET_S)
            made.connect(self._path)
        except BaseException:
            made.close()
            raise
        self.sock: Any = made
        self.made = True


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def open_engine_image(engine: Engine, name: str, exact: str, runtime: Runtime, manifest_limit: int) -> DockerArchive:
    """Return the image of an engine. Blocks until all of it is here; raises as ``Engine``, and as ``DockerArchive``.

    name: as it was asked for; exact: as ``Engine.look`` tells it.
    """
    what = f"docker-daemon:{name}"
    return open_docker_archive(engine.saved(exact, what), runtime, manifest_limit, what)
