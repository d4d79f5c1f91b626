"""Blobs as files named by digest, ``blobs/sha256/ab/<hex>``, and uploads as files beside them.

A blob is written under ``uploads/``, synced, renamed, and its folder synced: after ``keep`` returns it survives a power
cut, and a crash at any moment leaves either the whole blob or a stage that no digest names.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from contextlib import suppress
from io import FileIO
from typing import TYPE_CHECKING, Any

from orlop.errors import BlobNotFoundError

from .blobs import BlobBackend, BlobReader, HeldReader

if TYPE_CHECKING:
    from orlop.model.digest import Digest

_REHASH_CHUNK = 1 << 20
_SMALL = 64 * 1024


class _FileReader(BlobReader):
    def __init__(self, path: str) -> None:
        self._file = FileIO(path)
        self._lock = threading.Lock()
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, start: int, length: int) -> bytes:
        with self._lock:  # a request that ends closes the file, perhaps while a thread still reads
            if self._file.closed:
                return b""
            self._file.seek(start)
            return self._file.read(length)

    def close(self) -> None:
        with self._lock:
            self._file.close()


class FileBlobs(BlobBackend):
    """Blobs under a folder, which is made when absent. Several processes may share it.

    read_only: nothing is made.
    """

    durable = True

    def __init__(self, root: str, *, read_only: bool = False) -> None:
        self._blobs = os.path.join(root, "blobs")
        self._uploads = os.path.join(root, "uploads")
        if not read_only:
            os.makedirs(self._blobs, exist_ok=True)
            os.makedirs(self._uploads, exist_ok=True)

    def size(self, digest: Digest) -> int | None:
        """See BlobBackend."""
        try:
            return os.stat(self._path(digest)).st_size
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> BlobReader:
        """See BlobBackend."""
        try:
            reader = _FileReader(self._path(digest))
        except FileNotFoundError:
            raise BlobNotFoundError(str(digest), "this store") from None
        if reader.size > _SMALL:
            return reader
        try:  # one trip to a thread instead of two
            return HeldReader([reader.read(0, reader.size)])
        finally:
            reader.close()

    def append(self, session: str, offset: int, data: bytes) -> None:
        """See BlobBackend."""
        with _open_stage(self._stage(session)) as file:
            if file.seek(0, os.SEEK_END) != offset:
                file.truncate(offset)
                file.seek(offset)
            view = memoryview(data)
            while view:
                view = view[file.write(view) or 0 :]

    def staged(self, session: str) -> int:
        """See BlobBackend."""
        try:
            return os.stat(self._stage(session)).st_size
        except FileNotFoundError:
            return 0

    def hashed(self, session: str, algorithm: str, length: int) -> Any:
        """See BlobBackend."""
        hasher = hashlib.new(algorithm)
        if length:
            with FileIO(self._stage(session)) as file:
                while length and (data := file.read(min(length, _REHASH_CHUNK))):
                    hasher.update(data)
                    length -= len(data)
        return hasher

    def keep(self, session: str, digest: Digest, length: int) -> None:
        """See BlobBackend."""
        stage, path = self._stage(session), self._path(digest)
        with _open_stage(stage) as file:
            if file.seek(0, os.SEEK_END) < length:  # to lengthen it would make up bytes
                raise OSError(errno.EIO, "the upload lost bytes")
            file.truncate(length)
            os.fsync(file.fileno())
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            self._make(folder)
        # The same digest is the same bytes: to put a fresh copy in place also mends one that was damaged.
        os.replace(stage, path)
        _sync_folder(folder)

    def discard(self, session: str) -> None:
        """See BlobBackend."""
        with suppress(FileNotFoundError):
            os.unlink(self._stage(session))

    def stale_stages(self, idle_s: float) -> list[str]:
        """See BlobBackend."""
        limit = time.time() - idle_s
        with os.scandir(self._uploads) as entries:
            return [entry.name for entry in entries if entry.stat().st_mtime < limit]

    def _make(self, folder: str) -> None:
        """Make ``blobs/sha256/ab`` so that it survives a power cut too."""
        parent = os.path.dirname(folder)
        if parent != self._blobs and not os.path.isdir(parent):
            self._make(parent)
        with suppress(FileExistsError):
            os.mkdir(folder)
        _sync_folder(parent)

    def _path(self, digest: Digest) -> str:
        return os.path.join(self._blobs, digest.algorithm, digest.hex[:2], digest.hex)

    def _stage(self, session: str) -> str:
        return os.path.join(self._uploads, session)


def _open_stage(path: str) -> FileIO:
    """Open for reading and writing, making the file but never emptying it (no mode string says that)."""
    return FileIO(path, "r+", opener=lambda name, flags: os.open(name, flags | os.O_CREAT, 0o644))


def _sync_folder(path: str) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and a rename is journalled
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
