"""Blobs: the client's methods."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.clientparts.base import Part
from orlop.errors import InputError
from orlop.model.reference import Reference, is_locator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from orlop.content.base import ByteStream
    from orlop.model.digest import Digest
    from orlop.model.locator import Locator

BLOB_LIMIT = 64 * 1024 * 1024


class Blobs(Part):
    """Content by digest: ``repository@digest``, or a locator with a digest."""

    @asynccontextmanager
    async def blob(
        self, ref: str | Reference | Locator, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[ByteStream]:
        """Open a blob, ``repository@digest``, as a stream of chunks from byte ``start`` up to and without ``stop``.

        A whole blob is verified as it is read; a part cannot be. Raises BlobNotFoundError, IntegrityError's kinds.
        """
        at, digest = _blob(ref)
        async with (await self.source(at)).open(digest, start=start, stop=stop) as stream:
            yield stream

    async def read_blob(self, ref: str | Reference | Locator, *, limit: int = BLOB_LIMIT) -> bytes:
        """Return a whole small blob, verified. limit: most bytes, above which LimitError is raised."""
        from orlop.errors import LimitError

        parts: list[bytes] = []
        size = 0
        async with self.blob(ref) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise LimitError(str(ref), "limit", limit)
                parts.append(chunk)
        return b"".join(parts)

    async def download(
        self, ref: str | Reference | Locator, path: str, *, progress: Callable[[int, int | None], None] | None = None
    ) -> int:
        """Write a blob to a file, verified, and return its size in bytes.

        The file appears under its name only when it is whole; a call that broke off is gone on with.
        progress: called with the bytes that are there and the size, None while that is unknown.
        """
        from orlop.content.files import Save

        at, digest = _blob(ref)
        source = await self.source(at)
        size = None
        if isinstance(at, Reference):
            from orlop.registry.blobs import blob_size
            from orlop.registry.repository import RemoteRepository

            # Written once: a layer in a file is not copied into the cache as well.
            source = RemoteRepository(self._session, at.repository, self._manifest_limit)
            stated = await blob_size(self._session, at.repository, digest) if progress is not None else None
            size = stated if stated is not None and stated >= 0 else None
        elif progress is not None:
            from orlop.content.local import Place

            size = await source.size_of(digest) if isinstance(source, Place) else None
        told = None if progress is None else (lambda done: progress(done, size))
        return await Save(source, digest, size, path, self._runtime, told).run()


def _blob(ref: str | Reference | Locator) -> tuple[Reference | Locator, Digest]:
    if isinstance(ref, str):
        if is_locator(ref):
            from orlop.model.locator import Locator

            ref = Locator.parse(ref)
        else:
            ref = Reference.parse(ref, default_tag=False)
    if ref.digest is None:
        error = InputError(str(ref), "a blob is named repository@digest")
        error.noun = "the name of a blob"
        raise error
    return ref, ref.digest
