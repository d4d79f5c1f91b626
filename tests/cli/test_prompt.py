"""What is asked for at a terminal of one's own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# The terminal that getpass opens is the one that the session owns.
_TAKE = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def at_a_terminal(*arguments: str, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command with a terminal as its own; yield the process and the terminal's other side."""
    master, slave = pty.openpty()

    command = [sys.executable, "-c", _TAKE, sys.executable, "-m", "orlop", *arguments]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={"HOME": str(home)}) as running:
        os.close(slave)
        try:
            yield running, master
        finally:
            os.close(master)


def read_until(master: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        try:
            seen += os.read(master, 4096)
        except OSError:  # the other side is closed
            break
    return seen


def test_a_password_is_asked_for_and_not_shown(home: Path) -> None:
    with (
        profile("hub", users={"mary": "hush-hush"}, private=["*"]) as hub,
        at_a_terminal("auth", "login", hub.host, home=home) as (running, master),
    ):
        read_until(master, b"Username: ")
        os.write(master, b"mary\n")
        read_until(master, b"Password: ")
        os.write(master, b"hush-hush\n")
        shown = read_until(master, b"signed in to")
        assert running.wait(timeout=15) == 0
    assert b"hush" not in shown
    assert json.loads((home / ".docker/config.json").read_bytes())["auths"]


def test_ctrl_c_at_the_prompt_is_130(home: Path) -> None:
    with at_a_terminal("auth", "login", "registry.example", "--username", "mary", home=home) as (running, master):
        read_until(master, b"Password: ")
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=15) == 130
    assert not (home / ".docker").exists()
