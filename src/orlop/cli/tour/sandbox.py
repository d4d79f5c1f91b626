"""A place of its own for the commands of the tour: nothing of the user's is read or written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import LocalError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orlop.cli.tour.harbour import Message

TIMEOUT_S = 60.0

# What would let settings, sign-ins, proxies or another Python of the user change what is shown.
_DROPPED = ("ORLOP_", "_ORLOP_", "DREDGE_", "DOCKER_", "XDG_", "REGISTRY_AUTH_FILE", "NO_COLOR", "FORCE_COLOR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and how it ended. wire: what the registry that was watched saw of it."""

    status: int
    out: bytes
    err: bytes
    elapsed_s: float
    wire: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8", "replace")

    @property
    def notes(self) -> str:
        """Standard error as text."""
        return self.err.decode("utf-8", "replace")


class TookTooLongError(Exception):
    """A command did not end."""


class Sandbox:
    """A temporary folder that is home and working folder at once."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = _environment(folder, environ)

    def path(self, name: str) -> str:
        """Return where a file of the working folder is."""
        return os.path.join(self.folder, name)

    def write(self, name: str, text: str) -> None:
        """Write a file into the working folder. Raises StorageError."""
        try:
            with open(self.path(name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise StorageError(self.path(name), f"cannot be written: {error.strerror}") from error

    def orlop(
        self,
        arguments: Sequence[str],
        *,
        given: bytes = b"",
        variables: Mapping[str, str] | None = None,
        terminal: bool = False,
    ) -> Answer:
        """Run orlop in a process of its own. terminal: let it print what a terminal would get.

        Raises LocalError when it does not start, TookTooLongError when it does not end.
        """
        extra = {**(variables or {}), **({"ORLOP_OUTPUT": "table"} if terminal else {})}
        # -P, for the working folder is no place to import from.
        return self._run([sys.executable, "-P", "-m", "orlop", *arguments], given, extra)

    def shell(self, script: str, variables: Mapping[str, str]) -> Answer:
        """Run shell lines, stopping at the first that fails. Raises as ``orlop`` does."""
        return self._run(["sh", "-ec", script], b"", variables)

    def _run(self, command: Sequence[str], given: bytes, extra: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env={**self.environ, **extra},
                start_new_session=True,
            )
        except OSError as error:
            raise LocalError(f"starting {command[0]}", error.strerror or str(error)) from error
        with process:
            try:
                out, err = process.communicate(given, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                _kill(process)
                raise TookTooLongError(f"it did not end within {TIMEOUT_S:.0f} s") from error
            except BaseException:
                _kill(process)
                raise
        return Answer(process.returncode, out, err, time.perf_counter() - started)


@contextmanager
def sandbox(environ: Mapping[str, str]) -> Iterator[Sandbox]:
    """Give a sandbox while the ``with`` block runs, and leave nothing of it. Raises StorageError."""
    try:
        folder = tempfile.mkdtemp(prefix="orlop-tour-")
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError("a temporary folder for the tour", f"cannot be made: {reason}").with_hint(
            "set TMPDIR to a folder that you may write to"
        ) from error
    try:
        yield Sandbox(folder, environ)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(_DROPPED) and name.upper() not in _PROXIES
    }
    at = {name: os.path.join(folder, name.lower()) for name in ("config", "cache", "data", "state", "docker")}
    return kept | {
        "HOME": folder,
        "USERPROFILE": folder,
        "XDG_CONFIG_HOME": at["config"],
        "XDG_CACHE_HOME": at["cache"],
        "XDG_DATA_HOME": at["data"],
        "XDG_STATE_HOME": at["state"],
        "XDG_RUNTIME_DIR": at["state"],
        "DOCKER_CONFIG": at["docker"],
        "NO_PROXY": "*",
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: a shell's curl is of its session."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
