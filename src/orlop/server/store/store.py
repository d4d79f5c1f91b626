"""The store behind the server: many repositories in one SQLite database and one place for blobs."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

from orlop.content.base import Namespace
from orlop.errors import NotFoundError
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.model.reference import RepositoryName

from .blobs import MemoryBlobs
from .files import FileBlobs
from .metadata import Metadata
from .pages import paged
from .repository import StoredRepository
from .trouble import storage_errors
from .uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .blobs import BlobBackend

R = TypeVar("R")
_DATABASE = "registry.sqlite3"


class Store(Namespace):
    """Many repositories, and the uploads into them.

    ``Store.memory()`` and ``Store.at(folder)`` make one. Its coroutines run under asyncio, where what waits for a disk
    goes to a thread, and as well when stepped by a plain thread.

    allow_missing_children: whether an index may name manifests that are not in its repository (a sparse copy).
    manifest_limit: the largest manifest taken, in bytes.
    """

    def __init__(
        self,
        metadata: Metadata,
        blobs: BlobBackend,
        *,
        allow_missing_children: bool = False,
        manifest_limit: int = MANIFEST_LIMIT,
    ) -> None:
        self.metadata, self.blobs = metadata, blobs
        self.uploads = Uploads(metadata, blobs)
        self.allow_missing_children = allow_missing_children
        self.manifest_limit = manifest_limit

    @classmethod
    def memory(cls, *, allow_missing_children: bool = False, manifest_limit: int = MANIFEST_LIMIT) -> Store:
        """Return a new, empty store that lives as long as this object."""
        return cls(
            Metadata(), MemoryBlobs(), allow_missing_children=allow_missing_children, manifest_limit=manifest_limit
        )

    @classmethod
    def at(
        cls, root: str | os.PathLike[str], *, allow_missing_children: bool = False, manifest_limit: int = MANIFEST_LIMIT
    ) -> Store:
        """Return the store in a folder, which is made when absent. Raises StorageError."""
        root = os.fspath(root)
        with storage_errors(f"opening the store {root}"):
            blobs = FileBlobs(root)
            metadata = Metadata(os.path.join(root, _DATABASE))
        return cls(metadata, blobs, allow_missing_children=allow_missing_children, manifest_limit=manifest_limit)

    @classmethod
    def to_read(cls, root: str | os.PathLike[str], *, manifest_limit: int = MANIFEST_LIMIT) -> Store:
        """Return the store in a folder, to read while others may write it; writing raises StorageError.

        Raises NotFoundError where there is none, StorageError.
        """
        root = os.fspath(root)
        database = os.path.join(root, _DATABASE)
        with storage_errors(f"opening the store {root}"):
            if not os.path.isfile(database):
                error = NotFoundError(root, "the file system", f"there is no {_DATABASE} in it")
                error.noun = "a store"
                raise error
            return cls(
                Metadata(database, read_only=True), FileBlobs(root, read_only=True), manifest_limit=manifest_limit
            )

    def close(self) -> None:
        """Close the database and let go of the blobs."""
        self.metadata.close()
        self.blobs.close()

    def repository(self, name: RepositoryName) -> StoredRepository:
        """Return the repository of this name; nothing is asked and nothing is made."""
        return StoredRepository(self, str(name))

    async def repositories(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[RepositoryName]:
        """Yield the names of the repositories, in bytewise order."""
        async for name in paged(self.repository_page, after, limit):
            yield RepositoryName(name)

    def repository_page(self, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` names of repositories after ``after``, in bytewise order."""
        with storage_errors("listing repositories"):
            return self.metadata.repositories(after, limit)

    async def work(self, what: str, function: Callable[..., R], *args: object) -> R:
        """Run blocking work of the store where it stops nobody: in a thread when it waits for a disk.

        what: for the message of the StorageError that a failing disk or a full one gives.
        """
        with storage_errors(what):
            if self.blobs.durable and _under_asyncio():
                return await asyncio.to_thread(function, *args)
            return function(*args)


def _under_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
