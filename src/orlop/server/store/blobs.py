"""Where the bytes of blobs lie: the two calls of a store, and the one that keeps them in memory.

All of it blocks and may be called from any thread. A blob that is being uploaded lies in a *stage*, named by its
upload session, and becomes a blob by ``keep``: there is never half a blob under a digest.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from orlop.errors import BlobNotFoundError

if TYPE_CHECKING:
    from orlop.model.digest import Digest


class BlobReader(ABC):
    """An open blob. ``size`` is in bytes; ``close`` may be called more than once."""

    size: int

    @abstractmethod
    def read(self, start: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``start`` on; fewer only at the end of the blob."""

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


class _MemoryReader(BlobReader):
    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, start: int, length: int) -> bytes:
        if start == 0 and length >= self.size:
            return self._data
        return self._data[start : start + length]


class MemoryBlobs(BlobBackend):
    """Blobs in this process's memory: for tests and for looking about."""

    durable = False

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._stages: dict[str, bytearray] = {}

    def size(self, digest: Digest) -> int | None:
        """See BlobBackend."""
        data = self._blobs.get(str(digest))
        return None if data is None else len(data)

    def open(self, digest: Digest) -> BlobReader:
        """See BlobBackend."""
        data = self._blobs.get(str(digest))
        if data is None:
            raise BlobNotFoundError(str(digest), "this store")
        return _MemoryReader(data)

    def append(self, session: str, offset: int, data: bytes) -> None:
        """See BlobBackend."""
        stage = self._stages.setdefault(session, bytearray())
        del stage[offset:]
        stage += data

    def staged(self, session: str) -> int:
        """See BlobBackend."""
        return len(self._stages.get(session, b""))

    def hashed(self, session: str, algorithm: str, length: int) -> Any:
        """See BlobBackend."""
        return hashlib.new(algorithm, memoryview(self._stages.get(session, b""))[:length])

    def keep(self, session: str, digest: Digest, length: int) -> None:
        """See BlobBackend."""
        stage = self._stages.pop(session, b"")
        self._blobs.setdefault(str(digest), bytes(memoryview(stage)[:length]))

    def discard(self, session: str) -> None:
        """See BlobBackend."""
        self._stages.pop(session, None)
