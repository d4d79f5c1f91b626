"""Run one program with an end to its time and its output."""

from __future__ import annotations

import os
import sys
import threading
from time import monotonic
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence


class Overflow(Exception):  # noqa: N818  # caught by the one caller
    """The program printed more than it may."""


def run_program(
    command: Sequence[str], data: bytes, environ: Mapping[str, str], *, timeout_s: float, limit: int
) -> tuple[int, bytes]:
    """Return the exit status of the program and its standard output; standard error is thrown away.

    data: its standard input. Raises TimeoutError, Overflow, OSError; then it and what it started are killed.
    """
    import subprocess

    end = monotonic() + timeout_s
    # A session of its own, so that its children can be ended with it: gcloud is a shell script around Python.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(environ),
        start_new_session=sys.platform != "win32",
    )
    assert process.stdin is not None  # noqa: S101  # by PIPE
    assert process.stdout is not None  # noqa: S101  # by PIPE
    reader = _Reader(process.stdout, limit)
    writer = _Writer(process.stdin, data)
    ended = False
    try:
        reader.start()
        writer.start()
        # The end of the output comes first: waiting for the process itself polls at 50 ms.
        reader.join(max(0.0, end - monotonic()))
        if reader.overflown:
            raise Overflow
        try:
            status = process.wait(max(0.0, end - monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        ended = True
    finally:
        if not ended:
            _kill(process)
    reader.join(1.0)
    return status, bytes(reader.output)


class _Reader(threading.Thread):
    """Reads to the end or the limit. Owns the stream: a grandchild may hold the other end for long."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(name="orlop-helper-output", daemon=True)
        self._stream, self._limit = stream, limit
        self.output, self.overflown = bytearray(), False

    def run(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 65_536):
                self.output += chunk
                if len(self.output) > self._limit:
                    self.overflown = True
                    return


class _Writer(threading.Thread):
    """Writes the input; a program that reads none of it is no error."""

    def __init__(self, stream: IO[bytes], data: bytes) -> None:
        super().__init__(name="orlop-helper-input", daemon=True)
        self._stream, self._data = stream, data

    def run(self) -> None:
        try:
            with self._stream:
                self._stream.write(self._data)
        except OSError:
            pass


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        if sys.platform == "win32":
            process.kill()
        else:
            import signal

            os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
