"""Where the bytes of blobs lie: the two calls of a store, and the one that keeps them in memory.

All of it blocks and may be called from any thread. A blob that is being uploaded lies in a *stage*, named by its
upload session, and becomes a blob by ``keep``: there is never half a blob under a digest.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from orlop.errors import BlobNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.model.digest import Digest


class BlobReader(ABC):
    """An open blob. ``size`` is in bytes; ``close`` may be called more than once.

    held: whether all of it is in memory, so that ``read`` waits for nothing.
    """

    size: int
    held: bool = False

    @abstractmethod
    def read(self, start: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``start`` on, and at least one before the end of the blob."""

    def close(self) -> None:
        """Let go of the blob."""
        return


class BlobBackend(ABC):
    """A place for blobs."""

    durable: bool
    """Whether calls wait for a disk, and so have to be kept off an event loop."""

    @abstractmethod
    def size(self, digest: Digest) -> int | None:
        """Return the size of the blob in bytes, or None when it is not there."""

    @abstractmethod
    def open(self, digest: Digest) -> BlobReader:
        """Open the blob. Raises BlobNotFoundError."""

    @abstractmethod
    def append(self, session: str, offset: int, data: bytes) -> None:
        """Write at ``offset`` of the stage, which is made when absent and cut back to ``offset`` when longer.

        Raises OSError, ENOSPC among them; the stage is then as long as it may be.
        """

    @abstractmethod
    def staged(self, session: str) -> int:
        """Return the length of the stage in bytes; 0 when there is none."""

    @abstractmethod
    def hashed(self, session: str, algorithm: str, length: int) -> Any:
        """Return a hashlib object that has been fed the first ``length`` bytes of the stage."""

    @abstractmethod
    def keep(self, session: str, digest: Digest, length: int) -> None:
        """Make the first ``length`` bytes of the stage the blob of this digest, durably; the stage is gone then."""

    @abstractmethod
    def discard(self, session: str) -> None:
        """Remove the stage, if there is one."""

    def stale_stages(self, idle_s: float) -> list[str]:
        """Return the sessions of stages that were not written to for so many seconds, where a crash can leave any."""
        _ = idle_s
        return []

    def close(self) -> None:
        """Let go of everything."""
        return


class HeldReader(BlobReader):
    """A blob in memory, in one part or several."""

    held = True

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))
        self.size = self._ends[-1] if parts else 0

    def read(self, start: int, length: int) -> bytes:
        """See BlobReader."""
        number = bisect_right(self._ends, start)
        if number == len(self._parts):
            return b""
        part = self._parts[number]
        start -= self._ends[number] - len(part)
        return part if start == 0 and length >= len(part) else part[start : start + length]


class MemoryBlobs(BlobBackend):
    """Blobs in this process's memory: for tests and for looking about."""

    durable = False

    def __init__(self) -> None:
        # Never joined: fresh memory is dear, and to grow one buffer copies it many times.
        self._blobs: dict[str, tuple[bytes, ...]] = {}
        self._stages: dict[str, list[bytes]] = {}

    def size(self, digest: Digest) -> int | None:
        """See BlobBackend."""
        parts = self._blobs.get(str(digest))
        return None if parts is None else sum(map(len, parts))

    def open(self, digest: Digest) -> BlobReader:
        """See BlobBackend."""
        parts = self._blobs.get(str(digest))
        if parts is None:
            raise BlobNotFoundError(str(digest), "this store")
        return HeldReader(parts)

    def append(self, session: str, offset: int, data: bytes) -> None:
        """See BlobBackend."""
        stage = self._cut(session, offset)
        stage.append(data)
        self._stages[session] = stage

    def staged(self, session: str) -> int:
        """See BlobBackend."""
        return sum(map(len, self._stages.get(session, ())))

    def hashed(self, session: str, algorithm: str, length: int) -> Any:
        """See BlobBackend."""
        hasher = hashlib.new(algorithm)
        for part in self._cut(session, length):
            hasher.update(part)
        return hasher

    def keep(self, session: str, digest: Digest, length: int) -> None:
        """See BlobBackend."""
        self._blobs.setdefault(str(digest), tuple(self._cut(session, length)))
        self.discard(session)

    def discard(self, session: str) -> None:
        """See BlobBackend."""
        self._stages.pop(session, None)

    def _cut(self, session: str, length: int) -> list[bytes]:
        """Return the parts of the stage up to ``length``; what lies behind belongs to a chunk that was undone."""
        parts = self._stages.get(session, [])
        over = sum(map(len, parts)) - length
        if over <= 0:
            return parts
        joined = b"".join(parts)
        return [joined[:length]]
