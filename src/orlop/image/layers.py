"""The layers of a source, opened: their indexes, kept; all their files in one pass; one file alone."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from orlop.errors import BlobNotFoundError, DigestMismatchError, UnsupportedError
from orlop.image.view import Layer
from orlop.layer.entry import FILE
from orlop.layer.index import dump, load_parts
from orlop.layer.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
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

KIND = "layers2"
"""The name of kept indexes in the cache; another form gets another number."""

AT_ONCE = 4
"""Layers that are read side by side."""

_HELD = 1024 * 1024  # bytes of a file that are handed over at once


class Reading:
    """Sums what the stores of one client read.

    told: called with the bytes of layers, as stored, that were read and that all layers begun so far have, on any thread.
    """

    def __init__(self, told: Callable[[int, int], None]) -> None:
        self._told, self._done, self._total = told, 0, 0
        self._lock = threading.Lock()

    def more(self, done: int, total: int = 0) -> None:
        """Add to both."""
        with self._lock:
            self._done += done
            self._total += total
            self._told(self._done, self._total)


class LayerStore:
    """Opens the layers of one source.

    derived: where indexes are kept beyond this object's life, None keeps them here alone. limits: what a layer may ask of
    this machine. tables: take the index from the table of contents that an eStargz or zstd:chunked layer carries, where the
    manifest names its digest, instead of reading the layer. reading: told of what is read of whole layers.
    """

    def __init__(
        self,
        source: Source,
        runtime: Runtime,
        derived: DerivedCache | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        tables: bool = True,
        reading: Reading | None = None,
    ) -> None:
        self.source = source
        self.runtime = runtime
        self.limits = limits
        self._derived = derived
        self._tables = tables
        self._reading = reading
        self._known: dict[Digest, LayerIndex] = {}
        self._locks: dict[Digest, AbstractAsyncContextManager[object]] = {}

    async def index(self, layer: Layer | Descriptor) -> LayerIndex:
        """Return what is known of the layer: from memory, from the cache, from its table of contents, else by reading it.

        Raises BlobNotFoundError, IntegrityError's kinds (also where the archive inside is not the one that the config
        states), LimitError, UnsupportedError for a foreign layer that the source does not hold.
        """
        descriptor, diff_id = _parts(layer)
        async with self._locks.setdefault(descriptor.digest, self.runtime.lock()):
            known = await self._look(layer)
            if known is None and self._tables:
                known = await self._from_table(descriptor)
            return known or await self._read(descriptor, diff_id, None, None)

    async def indexes(self, layers: Sequence[Layer | Descriptor]) -> list[LayerIndex]:
        """Return the index of each layer, some of them read side by side. Raises as ``index`` does."""
        outcomes = self.runtime.map(self.index, layers, limit=max(1, min(AT_ONCE, len(layers))), ordered=True)
        return [outcome.result() async for outcome in outcomes]

    async def known(self, layer: Layer | Descriptor) -> LayerIndex | None:
        """Return the index where having it costs no request, else None. Raises DigestMismatchError as ``index`` does."""
        return await self._look(layer)

    async def scan(self, layer: Layer | Descriptor, wanted: Wanted) -> LayerIndex:
        """Read the whole layer once, hand the contents that are wanted to their sinks, and return its index.

        wanted: asked for every file as its content begins; the sink that it returns gets the content, on a thread that may
        not be the caller's. What went to the sinks is right only when this returns. Raises as ``index`` does.
        """
        descriptor, diff_id = _parts(layer)
        return await self._read(descriptor, diff_id, await self._look(layer), wanted)

    @asynccontextmanager
    async def open_file(self, layer: Layer | Descriptor, entry: Entry) -> AsyncIterator[ByteStream]:
        """Open the content of one file as a stream of chunks, which raises DigestMismatchError instead of ending wrongly.

        Asks for no more of the layer than from the nearest place before the file where reading can start. entry: of the
        layer's index, and of kind ``file``; what a hard link leads to is the caller's to know. Raises UnsupportedError for an
        entry that has no content, LimitError for a larger file than the limits allow.
        """
        if entry.kind != FILE:
            raise UnsupportedError("reading its content", f"/{entry.path}", f"it is of type {entry.kind}")
        from orlop.layer.onefile import file_reader

        index = await self.index(layer)
        descriptor, _ = _parts(layer)
        if index.points.unread:
            await self.runtime.run(len, index.points)
        if self._derived is not None and index.chunks is None and not index.points:
            # Every layer has its beginning: these were damaged.
            await self.runtime.run(self._derived.drop, index.digest)
        reader = file_reader(f"/{entry.path} in {self._what(descriptor)}", index, entry, limits=self.limits)
        stream = self._file(descriptor, reader, whole=not entry.sha256)
        try:
            yield stream
        finally:
            await stream.aclose()

    async def _file(self, descriptor: Descriptor, reader: FileReader, *, whole: bool) -> AsyncGenerator[bytes, None]:
        for piece in reader.feed(b""):
            yield piece
        for start, stop in reader.spans:
            if reader.complete and not whole:
                break
            async with self._opened(descriptor, start, stop) as stream:
                async for chunk in stream:
                    pieces = reader.feed(chunk)
                    while some := await self.runtime.run(_some, pieces):
                        for piece in some:
                            yield piece
                    if reader.complete and not whole:
                        break
        reader.finish()

    async def _look(self, layer: Layer | Descriptor) -> LayerIndex | None:
        descriptor, diff_id = _parts(layer)
        digest = descriptor.digest
        known = self._known.get(digest)
        if known is None and self._derived is not None:
            known = await self.runtime.run(self._load, digest)
            if known is not None:
                self._known[digest] = known
        if known is None or diff_id is None or known.diff_id is None:
            return known
        if known.diff_id.algorithm != diff_id.algorithm:
            return None
        if known.diff_id != diff_id:
            raise DigestMismatchError(f"the archive in {self._what(descriptor)}", str(diff_id), str(known.diff_id))
        return known

    def _load(self, digest: Digest) -> LayerIndex | None:
        derived = self._derived
        return load_parts(partial(derived.get, digest), digest) if derived is not None else None

    async def _from_table(self, descriptor: Descriptor) -> LayerIndex | None:
        from orlop.image.layertable import read_table

        async with _foreign(descriptor, self.source):
            index = await read_table(self.source, descriptor, self.runtime, self.limits)
        if index is not None:
            await self._keep(index)
        return index

    async def _read(
        self, descriptor: Descriptor, diff_id: Digest | None, known: LayerIndex | None, wanted: Wanted | None
    ) -> LayerIndex:
        """Read the layer to its end; an index that is known is kept, and what it does not tell is added."""
        from orlop.layer.pipeline import Pass, Renamed

        if known is not None and known.chunks is not None and wanted is not None:
            wanted = Renamed(known.entries, wanted)
        what, hashed = self._what(descriptor), known is None or known.diff_id is None
        reading = Pass(
            what, descriptor.digest, descriptor.size, diff_id, wanted=wanted, limits=self.limits, hashed=hashed
        )
        told = self._reading
        if told is not None:
            told.more(0, descriptor.size)
        try:
            async with self._opened(descriptor, 0, None) as stream:
                async for chunk in stream:
                    await self.runtime.run(reading.feed, chunk)
                    if told is not None:
                        told.more(len(chunk))
            index = await self.runtime.run(reading.finish)
        finally:
            reading.close()
        if known is not None:
            if not hashed:
                return known
            index = known._replace(diff_id=index.diff_id, unpacked_size=index.unpacked_size)
        await self._keep(index)
        return index

    async def _keep(self, index: LayerIndex) -> None:
        self._known[index.digest] = index
        if self._derived is not None:
            await self.runtime.run(self._derived.put, index.digest, dump(index))

    @asynccontextmanager
    async def _opened(self, descriptor: Descriptor, start: int, stop: int | None) -> AsyncIterator[ByteStream]:
        async with _foreign(descriptor, self.source), self.source.open(descriptor, start=start, stop=stop) as stream:
            yield stream

    def _what(self, descriptor: Descriptor) -> str:
        return f"layer {descriptor.digest.value[:19]} of {self.source.name}"


def _some(pieces: Iterator[bytes]) -> list[bytes]:
    """Return the next pieces, few enough to hold."""
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size >= _HELD:
            break
    return taken


@asynccontextmanager
async def _foreign(descriptor: Descriptor, source: Source) -> AsyncIterator[None]:
    """Say of a foreign layer that is not there why it is not. Rule: image-spec 1.1, descriptor.md, ``urls``."""
    try:
        yield
    except BlobNotFoundError as error:
        if not descriptor.urls:
            raise
        where = ", ".join(descriptor.urls)
        raise UnsupportedError("reading a foreign layer", source.name, f"it is kept at {where}") from error


def _parts(layer: Layer | Descriptor) -> tuple[Descriptor, Digest | None]:
    return (layer.descriptor, layer.diff_id) if isinstance(layer, Layer) else (layer, None)
