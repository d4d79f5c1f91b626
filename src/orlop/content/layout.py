"""OCI layouts: a folder to read and write, and what is laid out alike inside an archive, to read.

Rule: image-spec 1.1, image-layout.md. Blobs are written beside and renamed; ``index.json`` is read, changed and replaced
under a lock, so that of two writers none loses an entry.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from orlop.content.base import Pushed, Target
from orlop.content.layoutindex import HEADER, INDEX_LIMIT, IndexFile, blob_path, check_header, entries_of
from orlop.content.local import LocalSource
from orlop.content.locks import locked
from orlop.content.reader import FileReader
from orlop.content.verify import Verifier
from orlop.errors import (
    BlobNotFoundError,
    InvalidDocumentError,
    LimitError,
    ManifestNotFoundError,
    NotFoundError,
    StorageError,
)
from orlop.model.digest import Digest
from orlop.model.jsondoc import load_object
from orlop.model.manifest import MANIFEST_LIMIT, Index, parse_manifest
from orlop.model.mediatype import is_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from orlop.content.base import Content
    from orlop.content.names import Entry
    from orlop.content.reader import Reader
    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest
    from orlop.model.reference import RepositoryName, Tag
    from orlop.runtime import Runtime

INGEST = "ingest"
"""The folder inside a layout where blobs lie until they are whole."""
_TRIES = 1000


class Files(ABC):
    """Where the files of a layout are. Paths have slashes. All of it blocks."""

    @abstractmethod
    def open(self, path: str) -> Reader | None:
        """Open a file; None when it is not there. Raises StorageError, IntegrityError's kinds."""

    @abstractmethod
    def stamp(self, path: str) -> object:
        """Return what changes when the file does; None when it is not there, or never changes."""

    def close(self) -> None:
        """Let go of open files."""
        return

    def read(self, path: str, limit: int, what: str) -> bytes | None:
        """Return a small file whole; None when it is not there."""
        reader = self.open(path)
        if reader is None:
            return None
        try:
            return reader.whole(limit, what)
        finally:
            reader.close()


class Layout(LocalSource):
    """A layout to read, wherever its files are."""

    def __init__(self, name: str, files: Files, runtime: Runtime, manifest_limit: int = MANIFEST_LIMIT) -> None:
        super().__init__(name, runtime, manifest_limit)
        self._files = files
        self._known: tuple[object, list[Entry]] | None = None

    def listed(self) -> Sequence[Entry]:
        """See LocalSource. Raises InvalidDocumentError for what is no layout."""
        stamp = self._files.stamp("index.json")
        if self._known is not None and self._known[0] == stamp:
            return self._known[1]
        raw = self._files.read("index.json", INDEX_LIMIT, f"index.json of {self._name}")
        if raw is None:
            raise InvalidDocumentError(self._name, "it is no OCI layout: it has no index.json")
        header = self._files.read("oci-layout", 4096, f"oci-layout of {self._name}")
        if header is not None:  # some tools leave it out
            check_header(header, self._name)
        document = load_object(raw, f"index.json of {self._name}", limit=INDEX_LIMIT)
        self._known = (stamp, entries_of(document, self._name))
        return self._known[1]

    def _blob(self, digest: Digest) -> Reader:
        reader = self._files.open(blob_path(digest))
        if reader is None:
            raise BlobNotFoundError(str(digest), self._name)
        return reader

    def close(self) -> None:
        """See LocalSource."""
        self._files.close()


class FolderFiles(Files):
    """Files under a folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def open(self, path: str) -> Reader | None:
        """See Files."""
        full = f"{self.root}/{path}"
        try:
            return FileReader(full)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(full, f"cannot be read: {error.strerror or error}") from error

    def stamp(self, path: str) -> object:
        """See Files."""
        try:
            about = os.stat(f"{self.root}/{path}")
        except OSError:
            return None
        return (about.st_ino, about.st_size, about.st_mtime_ns)


class LayoutFolder(Layout, Target):
    """A layout in a folder, to read and write; the folder is made by the first write.

    Several processes may write at once. Removing a manifest leaves its blobs.
    """

    def __init__(self, root: str, runtime: Runtime, manifest_limit: int = MANIFEST_LIMIT, name: str = "") -> None:
        super().__init__(name or f"oci:{root}", FolderFiles(root), runtime, manifest_limit)
        self._root = root

    def listed(self) -> Sequence[Entry]:
        """See LocalSource. Raises NotFoundError for no folder, InvalidDocumentError for what is no layout."""
        if not os.path.isdir(self._root):
            raise NotFoundError("a layout", self._name, "there is no such folder")
        return super().listed()

    # --- blobs ---------------------------------------------------------------------------------

    async def push(
        self,
        what: Descriptor,
        content: Content,
        *,
        tags: Sequence[Tag] = (),
        mount_from: Sequence[RepositoryName] = (),  # noqa: ARG002  # one repository
    ) -> Pushed:
        """See Target. A manifest without a tag is listed too, unless an index that is listed names it."""
        run = self._runtime.run
        if is_manifest(what.media_type):
            return await self._push_manifest(what, content, tags)
        if await self.has(what):
            return Pushed.PRESENT
        file = await run(self._ingest)
        check = Verifier(f"blob {what.digest}", what.digest, what.size)
        try:
            async with content.open() as stream:
                async for chunk in stream:
                    check.feed(chunk)
                    await run(_write, file, chunk)
            check.finish()
            await run(self._keep, file, what.digest)
        except BaseException:
            check.close()
            self._discard(file)
            raise
        return Pushed.SENT

    def _ingest(self) -> BinaryIO:
        folder = f"{self._root}/{INGEST}"
        reason = ""
        with self._storage("written"):
            for _ in range(_TRIES):
                try:
                    os.makedirs(folder, exist_ok=True)
                    return open(f"{folder}/{os.getpid():x}-{os.urandom(6).hex()}", "xb", buffering=0)
                except (FileNotFoundError, FileExistsError) as error:  # another writer has just tidied the folder away
                    reason = error.strerror or str(error)
        raise StorageError(self._name, f"cannot be written: {reason}")

    def _keep(self, file: BinaryIO, digest: Digest) -> None:
        path = f"{self._root}/{blob_path(digest)}"
        with self._storage("written"):
            file.close()
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(file.name, path)
            self._tidy()

    def _discard(self, file: BinaryIO) -> None:
        with suppress(OSError):
            file.close()
            os.unlink(file.name)
            self._tidy()

    def _tidy(self) -> None:
        with suppress(OSError):  # others still write there
            os.rmdir(f"{self._root}/{INGEST}")

    @contextmanager
    def _storage(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(self._name, f"cannot be {done}: {error.strerror or error}") from error

    # --- manifests -----------------------------------------------------------------------------

    async def _push_manifest(self, what: Descriptor, content: Content, tags: Sequence[Tag]) -> Pushed:
        named = f"manifest {what.digest}"
        if what.size > self._manifest_limit:
            raise LimitError(named, "manifest_limit", self._manifest_limit)
        check = Verifier(named, what.digest, what.size)
        parts: list[bytes] = []
        try:
            async with content.open() as stream:
                async for chunk in stream:
                    check.feed(chunk)
                    parts.append(chunk)
            check.finish()
        finally:
            check.close()
        raw = b"".join(parts)
        manifest = parse_manifest(raw, what.media_type, expected=what.digest, limit=self._manifest_limit, what=named)
        present = await self.has(what)
        await self._runtime.run(self._store_manifest, what, manifest, [tag.value for tag in tags])
        return Pushed.PRESENT if present else Pushed.SENT

    def _store_manifest(self, what: Descriptor, manifest: Manifest, names: Sequence[str]) -> None:
        file = self._ingest()
        try:
            with self._storage("written"):
                _write(file, manifest.raw)
            self._keep(file, what.digest)
        except BaseException:
            self._discard(file)
            raise
        with self._changed() as index:
            if names or not self._is_below(index, what.digest):
                index.point(names, what)
            if isinstance(manifest, Index):  # reached through it from now on
                index.drop({child.digest.value for child in manifest.children()}, named=False)

    def _is_below(self, index: IndexFile, digest: Digest) -> bool:
        """Whether an index that is listed names the manifest, directly or through others."""
        waiting, seen = {Digest(text) for text in index.digests()}, set()
        while waiting:
            at = waiting.pop()
            seen.add(at)
            with suppress(ManifestNotFoundError):
                found = self._read(at)
                if isinstance(found, Index):
                    children = {child.digest for child in found.children()}
                    if digest in children:
                        return True
                    waiting |= children - seen
        return False

    async def point(self, tags: Sequence[Tag], at: Descriptor) -> None:
        """See Target. Raises ManifestNotFoundError."""
        await self._runtime.run(self._point, [tag.value for tag in tags], at)

    def _point(self, names: Sequence[str], at: Descriptor) -> None:
        found = self._read(at.digest)
        with self._changed() as index:
            index.point(names, found.descriptor)

    async def remove(self, name: Tag | Digest) -> None:
        """See Target. A tag as it is written; a digest takes every name on it, and its content, along."""
        await self._runtime.run(self._remove, name)

    def _remove(self, name: Tag | Digest) -> None:
        self.listed()  # what is not there is not made by removing from it
        with self._changed() as index:
            if not isinstance(name, Digest):
                if not index.unname(name.value):
                    raise ManifestNotFoundError(name.value, self._name)
                return
            path = f"{self._root}/{blob_path(name)}"
            if name.value not in index.digests() and not os.path.exists(path):
                raise ManifestNotFoundError(name.value, self._name)
            index.drop({name.value})
            with self._storage("removed"), suppress(FileNotFoundError):
                os.unlink(path)

    @contextmanager
    def _changed(self) -> Iterator[IndexFile]:
        """Yield index.json to change, and write it when that went well; one at a time, among all processes."""
        with self._storage("written"):
            os.makedirs(self._root, exist_ok=True)
        with self._storage("written"), locked(self._root):
            raw = self._files.read("index.json", INDEX_LIMIT, f"index.json of {self._name}")
            index = IndexFile(raw, self._name)
            yield index
            if not os.path.exists(f"{self._root}/oci-layout"):
                _replace(f"{self._root}/oci-layout", HEADER)
            _replace(f"{self._root}/index.json", index.written())


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _replace(path: str, data: bytes) -> None:
    part = f"{path}.{os.getpid():x}-{os.urandom(6).hex()}.part"
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # an index lost to a power cut would lose every image
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
