"""Count and hash what streams by, and refuse what is short, long or something else."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from orlop.content.backlog import Backlog
from orlop.errors import DigestMismatchError, SizeMismatchError, TruncatedError
from orlop.model.digest import Hasher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from queue import SimpleQueue
    from threading import Thread

    from orlop.model.digest import Digest

_ALONE_FROM = 4 * 1024 * 1024
# Chunks of about 400 KiB that may wait for the hash: enough to smooth, little to hold.
_AHEAD = 8
_BUSY_CORES = 2
# More than the chunks of a stream that are there at once: those as stored, and what they give.
_KEPT = 16 * 1024 * 1024


@cache
def keep_memory() -> None:
    """Have the C library keep the memory of chunks that were let go of for the next ones, once for the process.

    glibc hands blocks of over 128 KiB back to the kernel at once, until one that was larger was freed (mallopt(3),
    M_MMAP_THRESHOLD: the threshold is dynamic); getting them anew, page by page, takes a twentieth of a listing's time. What
    is made here is never written to, so that it costs no memory, there or elsewhere.
    """
    bytes(_KEPT)


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


class Verifier:
    """Checks bytes against a digest and, when it is known, a size in bytes.

    Beyond the first 4 MiB the hash has a thread of its own (hashlib frees the interpreter), so that receiving, hashing
    and writing go on side by side; on two cores, threads that wait for others are asked to help (``Backlog``). Call
    ``finish`` or ``close`` in the end.
    """

    __slots__ = (
        "_backlog",
        "_hasher",
        "_inbox",
        "_may_start",
        "_places",
        "_thread",
        "digest",
        "received",
        "size",
        "what",
    )

    def __init__(self, what: str, digest: Digest, size: int | None) -> None:
        self.what, self.digest, self.size = what, digest, size
        self.received = 0
        self._hasher = Hasher(digest.algorithm)
        self._may_start = True
        self._thread: Thread | None = None
        self._backlog: Backlog | None = None
        self._inbox: SimpleQueue[bytes | None]
        self._places: SimpleQueue[None]

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises SizeMismatchError as soon as there are too many."""
        self.received += len(chunk)
        if self.size is not None and self.received > self.size:
            raise SizeMismatchError(self.what, self.size, self.received)
        if self._thread is not None:
            self._places.get()
            self._inbox.put(chunk)
        elif self._backlog is not None:
            self._backlog.put(chunk)
        else:
            self._hasher.update(chunk)
            if self._may_start and self.received >= _ALONE_FROM:
                self._may_start = False
                keep_memory()
                if cores() > _BUSY_CORES:
                    self._start()
                elif cores() == _BUSY_CORES:
                    self._backlog = Backlog(self._hasher.update)

    def _start(self) -> None:
        from queue import SimpleQueue
        from threading import Thread

        inbox: SimpleQueue[bytes | None] = SimpleQueue()
        places: SimpleQueue[None] = SimpleQueue()
        for _ in range(_AHEAD):
            places.put(None)
        hasher = self._hasher

        def work() -> None:
            while (chunk := inbox.get()) is not None:
                hasher.update(chunk)
                places.put(None)

        self._inbox, self._places = inbox, places
        self._thread = Thread(target=work, name="orlop hash", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the hash's thread."""
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            backlog.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._inbox.put(None)
            thread.join()

    def finish(self) -> None:
        """End the stream. Raises TruncatedError for too few bytes, DigestMismatchError for other ones."""
        if self._backlog is not None:
            self._backlog.settle()
        self.close()
        if self.size is not None and self.received < self.size:
            raise TruncatedError(self.what, self.size, self.received)
        actual = self._hasher.digest()
        if actual != self.digest:
            raise DigestMismatchError(self.what, str(self.digest), str(actual))


async def verified(stream: AsyncIterator[bytes], what: str, digest: Digest, size: int | None) -> AsyncIterator[bytes]:
    """Yield the stream's chunks; raise IntegrityError's kinds instead of ending when it was not the content."""
    check = Verifier(what, digest, size)
    try:
        async for chunk in stream:
            check.feed(chunk)
            yield chunk
        check.finish()
    finally:
        check.close()
