"""One file out of a layer: only its bytes, whatever they are packed in, and nothing wrong passes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from orlop.errors import DigestMismatchError, IntegrityError, LimitError, TruncatedError
from orlop.layer.chunks import Chunk, Chunks
from orlop.layer.entry import FILE, NO_XATTRS, Entry
from orlop.layer.limits import Limits
from orlop.layer.onefile import file_reader
from orlop.layer.pipeline import Pass
from orlop.testing.layers import LayerBlob, layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.layer.index import LayerIndex

FILES = {"a": b"first", "b": hashlib.sha256(b"b").digest() * 5000, "c": b"", "d": b"last " * 100}


def index_of(blob: LayerBlob) -> LayerIndex:
    reading = Pass("a layer", blob.descriptor.digest, len(blob.data), None)
    reading.feed(blob.data)
    return reading.finish()


def read(index: LayerIndex, entry: Entry, data: bytes, chunk: int = 1000) -> bytes:
    reader = file_reader("a file", index, entry)
    given = list(reader.feed(b""))
    part = data[reader.start : reader.stop]
    for at in range(0, len(part), chunk):
        if reader.complete:
            break
        given += reader.feed(part[at : at + chunk])
    reader.finish()
    return b"".join(given)


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("chunk", [1, 1000, 10_000_000])
def test_every_file_is_read_alone(compression: str, chunk: int) -> None:
    blob = layer(FILES, compression=compression)
    index = index_of(blob)
    assert {entry.path: read(index, entry, blob.data, chunk) for entry in index.entries} == FILES


def test_of_a_plain_archive_nothing_but_the_file_is_asked_for() -> None:
    blob = layer(FILES, compression="")
    for entry in index_of(blob).entries:
        reader = file_reader("a file", index_of(blob), entry)
        if entry.size:
            assert blob.data[reader.start : reader.stop] == FILES[entry.path]
        else:
            assert reader.complete


def test_other_content_than_the_index_states_is_refused() -> None:
    blob = layer(FILES, compression="")
    index = index_of(blob)
    entry = index.entries[0]
    with pytest.raises(DigestMismatchError):
        read(index, entry, blob.data.replace(b"first", b"wrong"))


def test_input_that_ends_early_is_refused() -> None:
    blob = layer(FILES)
    index = index_of(blob)
    with pytest.raises(TruncatedError):
        read(index, index.entries[3], blob.data[: len(blob.data) // 2])


def test_a_file_whose_hash_is_not_known_takes_the_whole_layer() -> None:
    blob = layer(FILES, compression="")
    index = index_of(blob)
    reader = file_reader("a file", index, index.entries[1]._replace(sha256=b""))
    assert (reader.start, reader.stop) == (0, None)


def test_a_file_larger_than_the_limit_is_refused() -> None:
    blob = layer(FILES)
    index = index_of(blob)
    with pytest.raises(LimitError):
        file_reader("a file", index, index.entries[1], limits=Limits(unpacked=100))


def test_a_hole_is_given_in_small_pieces() -> None:
    pieces = ((10**6, 4),)
    content = bytes(10**6) + b"data" + bytes(10)
    entry = Entry("s", FILE, 0, 0, 0, "", "", len(content), 0, "", 0, 0, NO_XATTRS, 0, 512, 4, pieces, "s")
    entry = entry._replace(sha256=hashlib.sha256(content).digest())
    index = index_of(layer(FILES, compression=""))
    reader = file_reader("a file", index, entry)
    given = list(reader.feed(b"data"))
    reader.finish()
    assert b"".join(given) == content
    assert max(map(len, given)) <= 64 * 1024


# --- pieces ------------------------------------------------------------------------------------


def packed(*parts: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """Pack each part on its own; return the bytes and where each is."""
    import zlib

    whole, places = b"", []
    for part in parts:
        maker = zlib.compressobj(6, zlib.DEFLATED, 31)
        data = maker.compress(part) + maker.flush()
        places.append((len(whole), len(whole) + len(data)))
        whole += data
    return whole, places


def table(chunks: Sequence[Chunk], content: bytes) -> tuple[LayerIndex, Entry]:
    index = index_of(layer(FILES))._replace(chunks=Chunks((0, chunk) for chunk in chunks))
    sha256 = hashlib.sha256(content).digest()
    entry = Entry(
        "f", FILE, 0, 0, 0, "", "", len(content), 0, "", 0, 0, NO_XATTRS, 0, -1, len(content), None, "f", sha256
    )
    return index, entry


@pytest.mark.parametrize("chunk", [1, 17, 10_000])
def test_pieces_are_put_together_with_zeros_between_and_shared_packings(chunk: int) -> None:
    data, places = packed(b"other", b"..one--two..", b"unused", b"three")
    one, two = hashlib.sha256(b"one").digest(), b""
    chunks = [
        Chunk(*places[1], 2, 3, one),
        Chunk(*places[1], 7, 3, two),
        Chunk(0, 0, 0, 70_000, b""),
        Chunk(*places[3], 0, 5, b""),
        Chunk(9, 9, 0, 2, b""),
    ]
    content = b"onetwo" + bytes(70_000) + b"three" + bytes(2)
    index, entry = table(chunks, content)
    reader = file_reader("a file", index, entry)
    assert (reader.start, reader.stop) == (places[1][0], places[3][1])
    assert read(index, entry, data, chunk) == content


def test_a_file_of_zeros_alone_asks_for_nothing() -> None:
    index, entry = table([Chunk(0, 0, 0, 5, b"")], bytes(5))
    assert read(index, entry, b"") == bytes(5)


def test_a_wrong_piece_is_told_as_soon_as_it_is_read() -> None:
    data, places = packed(b"wrong", b"right")
    chunks = [Chunk(*places[0], 0, 5, hashlib.sha256(b"other").digest()), Chunk(*places[1], 0, 5, b"")]
    index, entry = table(chunks, b"wrongright")
    with pytest.raises(DigestMismatchError, match="a piece of"):
        read(index, entry, data, 20)


def test_a_piece_that_gives_too_little_is_refused() -> None:
    data, places = packed(b"ab", b"cd")
    index, entry = table([Chunk(*places[0], 0, 3, b""), Chunk(*places[1], 0, 1, b"")], b"abcd")
    with pytest.raises(TruncatedError):
        read(index, entry, data)


@pytest.mark.parametrize(
    "chunks",
    [
        [Chunk(0, 10, 0, 2, b"")],
        [Chunk(10, 20, 0, 2, b""), Chunk(0, 10, 0, 2, b"")],
        [Chunk(0, 10, 5, 2, b""), Chunk(0, 10, 4, 2, b"")],
        [Chunk(0, 10, 0, 2, b""), Chunk(5, 15, 0, 2, b"")],
    ],
)
def test_pieces_in_no_order_are_refused(chunks: list[Chunk]) -> None:
    index, entry = table(chunks, b"abcd")
    with pytest.raises(IntegrityError):
        file_reader("a file", index, entry)
