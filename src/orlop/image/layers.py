"""The layers of a source, opened: their indexes, kept; all their files in one pass; one file alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.errors import BlobNotFoundError, DigestMismatchError, UnsupportedError
from orlop.image.view import Layer
from orlop.layer.entry import FILE
from orlop.layer.index import dump, load
from orlop.layer.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from orlop.content.base import ByteStream, Source
    from orlop.content.derived import DerivedCache
    from orlop.layer.entry import Entry
    from orlop.layer.index import LayerIndex
    from orlop.layer.limits import Limits
    from orlop.layer.onefile import FileReader
    from orlop.layer.tarscan import Wanted
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.runtime import Runtime

KIND = "layers1"
"""The name of kept indexes in the cache; another form gets another number."""


class LayerStore:
    """Opens the layers of one source.

    derived: where indexes are kept beyond this object's life, None keeps them here alone. limits: what a layer may ask of
    this machine.
    """

    def __init__(
        self, source: Source, runtime: Runtime, derived: DerivedCache | None = None, *, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.source = source
        self.runtime = runtime
        self.limits = limits
        self._derived = derived
        self._known: dict[Digest, LayerIndex] = {}
        self._locks: dict[Digest, AbstractAsyncContextManager[object]] = {}

    async def index(self, layer: Layer | Descriptor) -> LayerIndex:
        """Return what is known of the layer: from memory, from the cache, else by reading it once.

        Raises BlobNotFoundError, IntegrityError's kinds (also where the archive inside is not the one that the config
        states), LimitError, UnsupportedError for a foreign layer that the source does not hold.
        """
        descriptor, diff_id = _parts(layer)
        async with self._locks.setdefault(descriptor.digest, self.runtime.lock()):
            known = await self._look(layer)
            if known is None:
                known = await self._read(descriptor, diff_id, None)
            return known

    async def known(self, layer: Layer | Descriptor) -> LayerIndex | None:
        """Return the index where having it costs no download, else None. Raises DigestMismatchError as ``index`` does."""
        return await self._look(layer)

    async def scan(self, layer: Layer | Descriptor, wanted: Wanted) -> LayerIndex:
        """Read the whole layer once, hand the contents that are wanted to their sinks, and return its index.

        wanted: asked for every file as its content begins; the sink that it returns gets the content, on a thread that is
        not the caller's. What went to the sinks is right only when this returns. Raises as ``index`` does.
        """
        return await self._read(*_parts(layer), wanted)

    @asynccontextmanager
    async def open_file(self, layer: Layer | Descriptor, entry: Entry) -> AsyncIterator[ByteStream]:
        """Open the content of one file as a stream of chunks, which raises DigestMismatchError instead of ending wrongly.

        entry: of the layer's index, and of kind ``file``; what a hard link leads to is the caller's to know. Raises
        UnsupportedError for an entry that has no content.
        """
        if entry.kind != FILE:
            raise UnsupportedError("reading its content", f"/{entry.path}", f"it is of type {entry.kind}")
        from orlop.layer.onefile import FileReader

        index = await self.index(layer)
        descriptor, _ = _parts(layer)
        what = f"/{entry.path} in {self._what(descriptor)}"
        point = index.before(entry.data_offset)
        reader = FileReader(what, point, entry)
        stream = self._file(descriptor, reader, point.bits // 8)
        try:
            yield stream
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # a generator, whose connection ends with it

    async def _file(self, descriptor: Descriptor, reader: FileReader, start: int) -> AsyncIterator[bytes]:
        async with self._opened(descriptor, start) as stream:
            async for chunk in stream:
                for piece in await self.runtime.run(reader.feed, chunk):
                    yield piece
                if reader.complete:
                    break
        reader.finish()

    async def _look(self, layer: Layer | Descriptor) -> LayerIndex | None:
        descriptor, diff_id = _parts(layer)
        digest = descriptor.digest
        known = self._known.get(digest)
        if known is None and self._derived is not None:
            data = await self.runtime.run(self._derived.get, digest)
            known = load(data, digest) if data is not None else None
            if known is not None:
                self._known[digest] = known
        if known is None or diff_id is None or known.diff_id is None:
            return known
        if known.diff_id.algorithm != diff_id.algorithm:
            return None
        if known.diff_id != diff_id:
            raise DigestMismatchError(f"the archive in {self._what(descriptor)}", str(diff_id), str(known.diff_id))
        return known

    async def _read(self, descriptor: Descriptor, diff_id: Digest | None, wanted: Wanted | None) -> LayerIndex:
        from orlop.layer.pipeline import Pass

        what = self._what(descriptor)
        reading = Pass(what, descriptor.digest, descriptor.size, diff_id, wanted=wanted, limits=self.limits)
        try:
            async with self._opened(descriptor, 0) as stream:
                async for chunk in stream:
                    await self.runtime.run(reading.feed, chunk)
            index = await self.runtime.run(reading.finish)
        finally:
            reading.close()
        self._known[descriptor.digest] = index
        if self._derived is not None:
            await self.runtime.run(self._derived.put, index.digest, dump(index))
        return index

    @asynccontextmanager
    async def _opened(self, descriptor: Descriptor, start: int) -> AsyncIterator[ByteStream]:
        try:
            async with self.source.open(descriptor, start=start) as stream:
                yield stream
        except BlobNotFoundError as error:
            if descriptor.urls:
                where = ", ".join(descriptor.urls)
                raise UnsupportedError("reading a foreign layer", self.source.name, f"it is kept at {where}") from error
            raise

    def _what(self, descriptor: Descriptor) -> str:
        return f"layer {descriptor.digest.value[:19]} of {self.source.name}"


def _parts(layer: Layer | Descriptor) -> tuple[Descriptor, Digest | None]:
    return (layer.descriptor, layer.diff_id) if isinstance(layer, Layer) else (layer, None)
