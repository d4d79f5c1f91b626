"""One writer at a time in a folder, among threads and processes."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":

    @contextmanager
    def locked(folder: str) -> Iterator[None]:
        """Hold the folder's lock, waiting for it. Raises OSError."""
        import msvcrt
        import time

        descriptor = os.open(os.path.join(folder, ".orlop.lock"), os.O_RDWR | os.O_CREAT)
        try:
            while True:
                try:
                    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                    break
                except OSError:  # held: the waiting kind gives up after ten seconds
                    time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

else:

    @contextmanager
    def locked(folder: str) -> Iterator[None]:
        """Hold the folder's lock, waiting for it. Raises OSError.

        The folder itself is what is locked, so that no file is left behind; the lock is gone with the process.
        """
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
