"""A cache of what never changes: manifests and configs by digest, in plain files.

``<root>/<algorithm>/ab/cd...``: written beside and renamed, so that several processes may share it; every read is
hashed, so that a damaged file is as good as none. Layers are not kept: they are written once, where they are asked for.
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
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag

CACHE_LIMIT = 512 * 1024 * 1024
"""Bytes that a cache may hold before the least recently used half of the surplus goes."""
ENTRY_LIMIT = 4 * 1024 * 1024
"""Largest entry in bytes."""
_PUTS_BETWEEN_LOOKS = 256


class Cache:
    """Content by digest in a folder, bounded in size. Safe with several processes and threads."""

    def __init__(self, root: str, limit: int = CACHE_LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._puts = 0

    def _path(self, digest: Digest) -> str:
        return f"{self.root}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex[2:]}"

    def get(self, digest: Digest) -> bytes | None:
        """Return the content, or None when it is not here. A file that hashes to something else is removed."""
        path = self._path(digest)
        try:
            with open(path, "rb") as file:
                data = file.read(ENTRY_LIMIT + 1)
        except OSError:
            return None
        if Digest.of(data, digest.algorithm) != digest:
            with suppress(OSError):
                os.unlink(path)
            return None
        return data

    def put(self, digest: Digest, data: bytes) -> None:
        """Keep verified content. A cache that cannot be written is no error: the answer is there without it."""
        if len(data) > ENTRY_LIMIT:
            return
        path = self._path(digest)
        part = f"{path}.{os.getpid()}.{id(data):x}.part"
        try:
            try:
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                os.replace(part, path)
            except OSError:
                os.unlink(part)
                raise
        except OSError:
            return
        self._puts += 1
        if self._puts % _PUTS_BETWEEN_LOOKS == 1:
            self.shrink()

    def usage(self) -> tuple[int, int]:
        """Return how many entries there are, and their bytes."""
        sizes = [size for _, size, _ in self._entries()]
        return len(sizes), sum(sizes)

    def shrink(self) -> int:
        """Remove what was not read or written for longest until the limit holds with room; return the bytes removed."""
        entries = self._entries()
        surplus = sum(size for _, size, _ in entries) - self.limit
        if surplus <= 0:
            return 0
        removed = 0
        for _, size, path in sorted(entries):
            if removed >= surplus + self.limit // 10:
                break
            with suppress(OSError):
                os.unlink(path)
                removed += size
        return removed

    def clear(self) -> int:
        """Remove every entry and every leftover; return the bytes removed. Raises StorageError."""
        removed = 0
        try:
            for _, size, path in self._entries(leftovers=True):
                with suppress(FileNotFoundError):
                    os.unlink(path)
                    removed += size
        except OSError as error:
            raise StorageError(self.root, f"cannot be cleared: {error.strerror}") from error
        return removed

    def _entries(self, *, leftovers: bool = False) -> list[tuple[float, int, str]]:
        """Return (time of last use, size, path) of each entry."""
        found: list[tuple[float, int, str]] = []
        for folder, _, names in os.walk(self.root):
            if os.path.basename(os.path.dirname(folder)) not in {"sha256", "sha512"}:
                continue  # nothing of ours: a cache folder that was named wrongly loses no file
            for name in names:
                if name.endswith(".part") and not leftovers:
                    continue
                with suppress(OSError):
                    status = os.stat(os.path.join(folder, name))
                    found.append((max(status.st_atime, status.st_mtime), status.st_size, os.path.join(folder, name)))
        return found


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
