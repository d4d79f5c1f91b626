"""A layer's own table of contents, fetched instead of the layer where the manifest vouches for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import IntegrityError
from orlop.layer.index import IndexBuilder, LayerIndex
from orlop.layer.toc import (
    ESTARGZ_DIGEST,
    FOOTER,
    TOC_LIMIT,
    chunked_position,
    estargz_offset,
    parse_table,
)
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from orlop.content.base import Source
    from orlop.layer.entry import Entry
    from orlop.layer.limits import Limits
    from orlop.layer.toc import Table
    from orlop.model.descriptor import Descriptor
    from orlop.runtime import Runtime


async def read_table(source: Source, descriptor: Descriptor, runtime: Runtime, limits: Limits) -> LayerIndex | None:
    """Return the index that the layer's table of contents tells; None where there is none that can be trusted.

    Trusted is a table whose digest an annotation of the layer names, in a manifest that was itself verified: then nobody
    but the image's author can have made it. One that is damaged, too large or of an unknown form is as good as none.
    """
    try:
        if ESTARGZ_DIGEST in descriptor.annotations and descriptor.size > FOOTER:
            return await _estargz(source, descriptor, runtime, limits)
        position = chunked_position(descriptor.annotations)
        if position is not None:
            return await _chunked(source, descriptor, position, runtime, limits)
    except (IntegrityError, ValueError):
        pass
    return None


async def _estargz(source: Source, descriptor: Descriptor, runtime: Runtime, limits: Limits) -> LayerIndex | None:
    expected = Digest(descriptor.annotations[ESTARGZ_DIGEST])
    end = descriptor.size - FOOTER
    at = estargz_offset(await _part(source, descriptor, end, descriptor.size))
    if at is None or not 0 < end - at <= TOC_LIMIT:
        return None
    packed = await _part(source, descriptor, at, end)
    what = f"the table of layer {descriptor.digest.value[:19]}"

    def parse() -> LayerIndex | None:
        found = _json_of(packed, what, limits)
        if found is None or Digest.of(found[1], expected.algorithm) != expected:
            return None
        own, raw = found
        return _index(descriptor, "gzip", parse_table(raw, what, at, limits), (own, at, end, raw))

    return await runtime.run(parse)


def _json_of(packed: bytes, what: str, limits: Limits) -> tuple[Entry, bytes] | None:
    """Return the member of the archive that is packed as the table, and its content."""
    from orlop.layer.inflate import Inflater
    from orlop.layer.sinks import Collector
    from orlop.layer.tarscan import Scanner

    kept = Collector(what, TOC_LIMIT)
    found: list[Entry] = []
    inflater, scanner = Inflater(what, limits=limits), Scanner(what, wanted=lambda _: kept, limits=limits)
    for piece in inflater.feed(packed):
        found += scanner.feed(piece)
        if kept.data is not None:
            return found[0], kept.data
    return None


async def _chunked(
    source: Source, descriptor: Descriptor, position: tuple[int, int, int, str], runtime: Runtime, limits: Limits
) -> LayerIndex | None:
    at, size, unpacked, digest = position
    expected = Digest(digest)
    if at + size > descriptor.size or size > TOC_LIMIT or unpacked > TOC_LIMIT:
        return None
    packed = await _part(source, descriptor, at, at + size)
    what = f"the table of layer {descriptor.digest.value[:19]}"

    def parse() -> LayerIndex | None:
        if Digest.of(packed, expected.algorithm) != expected:
            return None
        from orlop.layer.decoders import zstd_decoder, zstd_faults

        try:
            raw = zstd_decoder().decompress(packed, unpacked + 1)
        except zstd_faults():
            return None
        if len(raw) != unpacked:
            return None
        return _index(descriptor, "zstd", parse_table(raw, what, at, limits), None)

    return await runtime.run(parse)


def _index(descriptor: Descriptor, kind: str, table: Table, own: tuple[Entry, int, int, bytes] | None) -> LayerIndex:
    """Return the index of a table. own: the member that the table itself is, and where it is packed."""
    from orlop.layer.chunks import Chunk, Chunks

    builder = IndexBuilder()
    for entry in table.entries:
        builder.add(entry)
    chunks = table.chunks
    if own is not None:
        # The archive holds it as a file, which the table does not name.
        entry, start, end, raw = own
        number = len(table.entries)
        sha256 = bytes.fromhex(Digest.of(raw).hex)
        builder.add(entry._replace(offset=number, data_offset=-1, stored=entry.size, sha256=sha256))
        chunks = Chunks([*chunks, (number, Chunk(start, end, entry.data_offset, entry.size, sha256))])
    return LayerIndex(descriptor.digest, None, kind, descriptor.size, None, builder.finish(), chunks=chunks)


async def _part(source: Source, descriptor: Descriptor, start: int, stop: int) -> bytes:
    async with source.open(descriptor, start=start, stop=stop) as stream:
        return b"".join([chunk async for chunk in stream])
