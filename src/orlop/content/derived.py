"""What was worked out from content, kept by the content's digest: files of the cache that carry their own checksum."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.content.cache import write_file

if TYPE_CHECKING:
    from orlop.content.cache import Cache
    from orlop.model.digest import Digest

ENTRY_LIMIT = 256 * 1024 * 1024
"""Largest entry in bytes."""


class DerivedCache:
    """One kind of such files, ``<root>/derived/<kind>/<algorithm>/ab/cd...``; counted, shrunk and cleared with the cache.

    kind: names what is kept and the version of its form.
    """

    def __init__(self, cache: Cache, kind: str) -> None:
        self._cache = cache
        self._folder = f"{cache.root}/derived/{kind}"

    def get(self, digest: Digest, start: int = 0, size: int = ENTRY_LIMIT) -> bytes | None:
        """Return what was kept, None where nothing is. Whether it is damaged is the caller's to see.

        start, size: of it, so many bytes from there on, fewer where it ends before.
        """
        with suppress(OSError), open(self._path(digest), "rb") as file:
            whole = os.fstat(file.fileno()).st_size
            if whole > ENTRY_LIMIT:
                return None
            file.seek(start)
            return file.read(max(min(size, whole - start), 0))
        return None

    def put(self, digest: Digest, data: bytes) -> None:
        """Keep it. A cache that cannot be written is no error: the answer is there without it."""
        if len(data) > min(ENTRY_LIMIT, self._cache.limit // 2):
            return
        with suppress(OSError):
            write_file(self._path(digest), data)
            self._cache.shrink()

    def drop(self, digest: Digest) -> None:
        """Forget what turned out to be damaged."""
        with suppress(OSError):
            os.unlink(self._path(digest))

    def _path(self, digest: Digest) -> str:
        return f"{self._folder}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex[2:]}"
