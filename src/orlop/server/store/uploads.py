"""Uploads: sessions that grow by whole chunks and end as a blob, or as nothing.

How far a session has come stands in the metadata, its bytes in the blob backend, so any process that shares the store
may take the next chunk. What is kept in memory is only the running hash, to save reading the bytes again.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from orlop.errors import DigestMismatchError, NotFoundError, RegistryError

if TYPE_CHECKING:
    from orlop.model.digest import Digest

    from .blobs import BlobBackend
    from .metadata import Metadata

_HASHES = 1024


class UploadNotFoundError(NotFoundError):
    """No upload of this session in the repository."""

    noun = "upload"


class Upload:
    """One chunk on its way into an upload. It blocks; one thread at a time may use it.

    ``write`` as often as need be, then ``settle`` to keep the chunk, ``commit`` to keep it and make the whole a blob,
    or ``undo`` to be where the upload was before. One of the three is due.
    """

    def __init__(self, uploads: Uploads, session: str, repository: str, size: int, hasher: Any, *, known: bool) -> None:
        self.session, self.repository = session, repository
        self.start = self.size = size
        self._uploads, self._hasher, self._known = uploads, hasher, known

    def write(self, data: bytes) -> None:
        """Add bytes. Raises OSError."""
        self._uploads.blobs.append(self.session, self.size, data)
        if self._hasher is not None:
            self._hasher.update(data)
        self.size += len(data)

    def settle(self) -> None:
        """Keep what was written, as part of the upload."""
        hasher = None
        try:
            if not self._uploads.metadata.move_upload(self.session, self.start, self.size):
                raise UploadNotFoundError(self.session, self.repository, "it ended, or grew, meanwhile")
            hasher = self._hasher
        finally:
            self._uploads.let_go(self, hasher)

    def undo(self) -> None:
        """Drop what was written."""
        if not self._known:
            self._uploads.blobs.discard(self.session)
        self._uploads.let_go(self, None)

    def commit(self, digest: Digest) -> None:
        """Make the whole upload the blob of this digest. Raises DigestMismatchError, leaving the upload as it was."""
        try:
            self._check(digest)
            self._uploads.blobs.keep(self.session, digest, self.size)
            session = self.session if self._known else ""
            self._uploads.metadata.link(self.repository, str(digest), self.size, session=session)
        except BaseException:
            self.undo()
            raise
        self._uploads.let_go(self, None)

    def _check(self, digest: Digest) -> None:
        hasher = self._hasher
        if hasher is None or hasher.name != digest.algorithm:
            hasher = self._uploads.blobs.hashed(self.session, digest.algorithm, self.size)
        if hasher.hexdigest() != digest.hex:
            raise DigestMismatchError("the upload", str(digest), f"{digest.algorithm}:{hasher.hexdigest()}")


class Uploads:
    """The uploads of a store. All of it blocks, and may be called from any thread."""

    def __init__(self, metadata: Metadata, blobs: BlobBackend) -> None:
        self.metadata, self.blobs = metadata, blobs
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._hashes: OrderedDict[str, tuple[int, Any]] = OrderedDict()

    def begin(self, repository: str) -> str:
        """Start an upload, and return the name of its session."""
        session = uuid.uuid4().hex
        self.metadata.begin_upload(session, repository)
        return session

    def status(self, repository: str, session: str) -> int:
        """Return how many bytes the upload holds. Raises UploadNotFoundError."""
        size = self.metadata.upload(session, repository)
        if size is None:
            raise UploadNotFoundError(session, repository)
        return size

    def append(self, repository: str, session: str, *, algorithm: str = "sha256") -> Upload:
        """Take the upload to add a chunk. Raises UploadNotFoundError, or RegistryError when it is taken.

        algorithm: what to hash by from the start on, when that is known.
        """
        size = self.status(repository, session)
        with self._lock:
            if session in self._busy:
                reason = "another request is writing to this upload"
                raise RegistryError("PATCH", f"upload {session}", 409, ("BLOB_UPLOAD_INVALID",), reason)
            self._busy.add(session)
            known_size, hasher = self._hashes.pop(session, (-1, None))
        if size > self.blobs.staged(session):  # the power went before the bytes reached the disk
            with self._lock:
                self._busy.discard(session)
            raise UploadNotFoundError(session, repository, "its bytes were lost")
        if known_size != size:
            hasher = None
        if size == 0:
            hasher = hashlib.new(algorithm)
        return Upload(self, session, repository, size, hasher, known=True)

    def whole(self, repository: str, *, algorithm: str = "sha256") -> Upload:
        """Take a new upload that is written and committed in one go, and that nobody else can see."""
        return Upload(self, uuid.uuid4().hex, repository, 0, hashlib.new(algorithm), known=False)

    def cancel(self, repository: str, session: str) -> None:
        """End the upload and drop its bytes. Raises UploadNotFoundError."""
        self.status(repository, session)
        self.metadata.end_upload(session)
        self.blobs.discard(session)
        with self._lock:
            self._hashes.pop(session, None)

    def expire(self, idle_s: float) -> int:
        """Drop the uploads that nothing was added to for so many seconds; return how many."""
        stale = {*self.metadata.stale_uploads(idle_s), *self.blobs.stale_stages(idle_s)}
        for session in stale:
            self.metadata.end_upload(session)
            self.blobs.discard(session)
        return len(stale)

    def let_go(self, upload: Upload, hasher: Any) -> None:
        """Give the upload back, with its running hash where it is still right."""
        with self._lock:
            self._busy.discard(upload.session)
            if hasher is not None:
                self._hashes[upload.session] = (upload.size, hasher)
                if len(self._hashes) > _HASHES:
                    self._hashes.popitem(last=False)
