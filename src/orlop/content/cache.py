"""A cache of what never changes: manifests and configs by digest.

``<root>/<algorithm>/ab/cd...``, written beside and renamed, so that several processes may share it; what comes in
hundreds goes into packs instead (``orlop.content.packs``). Every read is hashed, so that a damaged file is as good as
none. Layers are not kept: they are written once, where they are asked for.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from orlop.content.base import Source
from orlop.errors import DigestMismatchError, StorageError
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import parse_manifest
from orlop.model.mediatype import is_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from orlop.content.base import ByteStream, Resolved
    from orlop.content.packs import Packs
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag

CACHE_LIMIT = 512 * 1024 * 1024
"""Bytes that a cache may hold before what was not used for longest goes."""
ENTRY_LIMIT = 4 * 1024 * 1024
"""Largest entry in bytes."""
_PENDING_LIMIT = 8 * 1024 * 1024
# Up to so many new entries are files of their own; more are worth a pack.
_FEW = 16


class Cache:
    """Content by digest in a folder, bounded in size. Safe with several processes and threads.

    What is put waits in memory, 8 MiB at most, until ``flush`` or the client's ``close``.
    """

    def __init__(self, root: str, limit: int = CACHE_LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._pending: dict[Digest, bytes] = {}
        self._waiting = 0
        self._found_packs: Packs | None = None
        self._misses = 0
        self._names: frozenset[str] | None = None

    @property
    def _packs(self) -> Packs:
        if self._found_packs is None:
            from orlop.content.packs import Packs

            self._found_packs = Packs(f"{self.root}/packs")
        return self._found_packs

    def _path(self, digest: Digest) -> str:
        return f"{self.root}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex[2:]}"

    def get(self, digest: Digest) -> bytes | None:
        """Return the content, or None when it is not here. A file that holds something else is removed."""
        data = self._pending.get(digest)
        if data is not None:
            return data
        path = ""
        if self._may_be_a_file(digest):
            path = self._path(digest)
            data = _read(path)
        if data is None and digest.algorithm == "sha256":
            found = self._packs.get(bytes.fromhex(digest.hex))
            if found is not None:
                data, path = found
        if data is not None and Digest.of(data, digest.algorithm) != digest:
            with suppress(OSError):
                os.unlink(path)
            if self._found_packs is not None:
                self._found_packs.forget()
            return None
        self._misses += data is None
        return data

    def _may_be_a_file(self, digest: Digest) -> bool:
        """Whether looking for the entry's own file is worth a system call.

        After some misses the folders are listed once: asking for thousands of files that are not there costs more, above
        all between threads. What another process adds later is fetched again.
        """
        if self._misses < _FEW:
            return True
        if self._names is None:
            self._names = frozenset(name for _, names in self._folders() for name in names)
        return digest.hex[2:] in self._names

    def put(self, digest: Digest, data: bytes) -> None:
        """Keep verified content."""
        if len(data) <= ENTRY_LIMIT:
            self._pending[digest] = data
            self._waiting += len(data)
            if self._waiting > _PENDING_LIMIT:
                self.flush()

    def flush(self) -> None:
        """Write what waits. A cache that cannot be written is no error: the answer is there without it."""
        pending, self._pending, self._waiting = self._pending, {}, 0
        if not pending:
            return
        self._misses, self._names = 0, None
        packed = len(pending) > _FEW
        with suppress(OSError):
            if packed:
                self._packs.write((bytes.fromhex(d.hex), b) for d, b in pending.items() if d.algorithm == "sha256")
            for digest, data in pending.items():
                if not packed or digest.algorithm != "sha256":
                    write_file(self._path(digest), data)
            if packed or digest.hex[0] == "0":  # a look at every file, for one flush in sixteen
                self.shrink()

    def usage(self) -> tuple[int, int]:
        """Return how many entries there are on disk, and the bytes of their files."""
        files = self._files()
        packs = sum(path.endswith(".pack") for _, _, path in files)
        count = len(files) - packs + (self._packs.count() if packs else 0)
        return count, sum(size for _, size, _ in files)

    def shrink(self) -> int:
        """Remove the files not used for longest until the limit holds with room; return the bytes removed."""
        files = self._files()
        surplus = sum(size for _, size, _ in files) - self.limit
        if surplus <= 0:
            return 0
        removed = 0
        for _, size, path in sorted(files):
            if removed >= surplus + self.limit // 10:
                break
            with suppress(OSError):
                os.unlink(path)
                removed += size
        return removed

    def clear(self) -> int:
        """Remove every entry and every leftover; return the bytes removed. Raises StorageError."""
        self._pending, self._waiting = {}, 0
        removed = 0
        try:
            for _, size, path in self._files(leftovers=True):
                with suppress(FileNotFoundError):
                    os.unlink(path)
                    removed += size
        except OSError as error:
            raise StorageError(self.root, f"cannot be cleared: {error.strerror}") from error
        if self._found_packs is not None:
            self._found_packs.forget()
        return removed

    def _files(self, *, leftovers: bool = False) -> list[tuple[float, int, str]]:
        """Return (time of last use, size, path) of each file of ours; a wrongly named folder loses no other file."""
        found: list[tuple[float, int, str]] = []
        for folder, names in self._folders():
            for name in names:
                if name.endswith(".part") and not leftovers:
                    continue
                with suppress(OSError):
                    status = os.stat(os.path.join(folder, name))
                    found.append((max(status.st_atime, status.st_mtime), status.st_size, os.path.join(folder, name)))
        return found

    def _folders(self) -> list[tuple[str, list[str]]]:
        folders = []
        for kept in ("sha256", "sha512", "derived"):
            for folder, _, names in os.walk(f"{self.root}/{kept}"):
                if len(os.path.basename(folder)) == 2:
                    folders.append((folder, names))
        packs = f"{self.root}/packs"
        with suppress(OSError):
            folders.append((packs, [name for name in os.listdir(packs) if name.endswith((".pack", ".part"))]))
        return folders


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(descriptor, min(os.fstat(descriptor).st_size, ENTRY_LIMIT))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def write_file(path: str, data: bytes) -> None:
    """Write a file beside its place and rename it. Raises OSError, leaving nothing behind."""
    part = f"{path}.{os.getpid():x}-{os.urandom(4).hex()}.part"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(part, "xb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            os.unlink(part)
        raise


class CachedSource(Source):
    """A Source in front of a Source: what has a digest is looked for here first, and kept here after."""

    def __init__(self, behind: Source, cache: Cache) -> None:
        self.behind = behind
        self.cache = cache

    @property
    def name(self) -> str:
        """See Source."""
        return self.behind.name

    async def resolve(self, name: Tag | Digest) -> Resolved:
        """See Source. Whether a name is there is the place's to say, so this always asks."""
        return await self.behind.resolve(name)

    async def manifest(self, name: Tag | Digest) -> Manifest:
        """See Source. By digest, from here when it is here; what was fetched is kept."""
        if isinstance(name, Digest):
            raw = self.cache.get(name)
            if raw is not None:
                return parse_manifest(raw, expected=name, algorithm=name.algorithm)
        manifest = await self.behind.manifest(name)
        if manifest.kind != "schema1":  # its digest is of its payload only, so it could not be checked as bytes
            self.cache.put(manifest.digest, manifest.raw)
        return manifest

    def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[ByteStream]:
        """See Source. Small content that a descriptor names (a config) is kept; a bare digest is passed through."""
        whole = start == 0 and stop is None
        if isinstance(what, Descriptor) and whole and what.size <= ENTRY_LIMIT and is_config(what.media_type):
            return self._open_small(what)
        return self.behind.open(what, start=start, stop=stop)

    @asynccontextmanager
    async def _open_small(self, what: Descriptor) -> AsyncIterator[ByteStream]:
        raw = self.cache.get(what.digest)
        if raw is None:
            async with self.behind.open(what) as stream:
                raw = b"".join([chunk async for chunk in stream])
            self.cache.put(what.digest, raw)
        elif len(raw) != what.size:
            raise DigestMismatchError(f"{self.name}@{what.digest}", str(what.size), str(len(raw)))
        yield _once(raw)

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """See Source."""
        return self.behind.tags(after=after, limit=limit)

    async def has(self, what: Descriptor) -> bool:
        """See Source."""
        return await self.behind.has(what)

    async def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """See Source."""
        async for found in self.behind.referrers(subject, artifact_type=artifact_type):
            yield found


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
