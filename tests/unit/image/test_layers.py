"""Layers of a source: indexed once, kept, read whole, and one file alone."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.aio import AsyncRuntime
from orlop.content.base import Source
from orlop.content.cache import Cache
from orlop.content.derived import DerivedCache
from orlop.errors import BlobNotFoundError, DigestMismatchError, IntegrityError, LimitError, UnsupportedError
from orlop.image.layers import KIND, LayerStore
from orlop.image.view import Layer
from orlop.layer.limits import Limits
from orlop.layer.sinks import Collector
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store
from orlop.testing.layers import Entry as Content
from orlop.testing.layers import LayerBlob, Link, archive_layer, layer
from orlop.testing.tables import estargz, zstd_chunked
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from orlop.content.base import ByteStream, Resolved
    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink
    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag

FILES: dict[str, Content] = {
    "etc/os-release": b"ID=x\n",
    "bin/sh": Link("busybox"),
    "bin/busybox": b"\x7fELF" * 30_000,
    "empty": b"",
    "zeros": bytes(20_000),
}
CONTENTS = {path: data for path, data in FILES.items() if isinstance(data, bytes)}
PATHS = ["bin", "bin/busybox", "bin/sh", "empty", "etc", "etc/os-release", "zeros"]


class Watched(Source):
    """A source of some blobs that notes what is asked of it."""

    def __init__(self, behind: Source) -> None:
        self.behind = behind
        self.asked: list[tuple[int, int | None]] = []
        self.given = 0

    @property
    def name(self) -> str:
        return "here"

    async def resolve(self, name: Tag | Digest) -> Resolved:
        return await self.behind.resolve(name)

    async def manifest(self, name: Tag | Digest) -> Manifest:
        return await self.behind.manifest(name)

    def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[ByteStream]:
        self.asked.append((start, stop))
        return self._counted(what, start, stop)

    @asynccontextmanager
    async def _counted(self, what: Descriptor | Digest, start: int, stop: int | None) -> AsyncIterator[ByteStream]:
        async def counted(stream: ByteStream) -> AsyncIterator[bytes]:
            async for chunk in stream:
                self.given += len(chunk)
                yield chunk

        async with self.behind.open(what, start=start, stop=stop) as stream:
            yield counted(stream)

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        return self.behind.tags(after=after, limit=limit)


stores: list[Store] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Stores that a test made, closed."""
    yield
    while stores:
        stores.pop().close()


def source_of(*blobs: LayerBlob) -> Watched:
    stores.append(Store.memory())
    repository = stores[-1].repository(RepositoryName("a/b"))
    for blob in blobs:
        repository.add_now(blob.data)
    return Watched(repository)


def store_of(blob: LayerBlob, derived: DerivedCache | None = None) -> LayerStore:
    return LayerStore(source_of(blob), ThreadRuntime(), derived)


def layer_of(blob: LayerBlob, diff_id: Digest | None = None) -> Layer:
    return Layer(0, blob.descriptor, diff_id or blob.diff_id, None)


async def content(store: LayerStore, one: Layer, entry: Entry) -> bytes:
    async with store.open_file(one, entry) as stream:
        return b"".join([chunk async for chunk in stream])


def contents(store: LayerStore, one: Layer) -> dict[str, bytes]:
    index = step(store.index(one))
    return {entry.path: step(content(store, one, entry)) for entry in index.entries if entry.kind == "file"}


def shape(entries: object) -> list[Entry]:
    """Return entries without where they stand."""
    return [entry._replace(offset=0, data_offset=0, stored=0) for entry in entries]  # type: ignore[attr-defined]


# --- indexes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_an_index_names_the_members_with_the_hashes_of_their_contents(compression: str) -> None:
    blob = layer(FILES, compression=compression)
    index = step(store_of(blob).index(layer_of(blob)))
    assert [entry.path for entry in index.entries] == PATHS
    assert {entry.path: entry.sha256.hex() for entry in index.entries if entry.kind == "file"} == {
        path: Digest.of(data).hex for path, data in CONTENTS.items()
    }
    assert (index.digest, index.diff_id, index.packed_size) == (blob.descriptor.digest, blob.diff_id, len(blob.data))


def test_a_descriptor_alone_is_enough() -> None:
    blob = layer(FILES)
    assert step(store_of(blob).index(blob.descriptor)).diff_id == blob.diff_id


def test_a_layer_whose_archive_the_config_does_not_name_is_read_all_the_same() -> None:
    blob = layer(FILES)
    assert step(store_of(blob).index(Layer(3, blob.descriptor, None, None))).diff_id == blob.diff_id


def test_the_second_question_asks_the_source_nothing() -> None:
    blob = layer(FILES)
    source = source_of(blob)
    store = LayerStore(source, ThreadRuntime())
    assert step(store.known(layer_of(blob))) is None
    first = step(store.index(layer_of(blob)))
    assert step(store.index(layer_of(blob))) is first
    assert step(store.known(layer_of(blob))) is first
    assert source.asked == [(0, None)]


def test_a_kept_index_is_taken_instead_of_the_layer(tmp_path: Path) -> None:
    blob = layer(FILES)
    derived = DerivedCache(Cache(str(tmp_path)), KIND)
    first = step(store_of(blob, derived).index(layer_of(blob)))
    elsewhere = LayerStore(source_of(), ThreadRuntime(), derived)
    second = step(elsewhere.index(layer_of(blob)))
    assert list(second.entries) == list(first.entries)
    assert second._replace(entries=first.entries) == first


def test_a_kept_index_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    blob = layer(FILES)
    cache = Cache(str(tmp_path))
    derived = DerivedCache(cache, KIND)
    step(store_of(blob, derived).index(layer_of(blob)))
    good = derived.get(blob.descriptor.digest)
    assert good is not None
    for bad in (b"", good[: len(good) // 2], good[:50] + b"\0" + good[51:]):
        derived.put(blob.descriptor.digest, bad)
        step(store_of(blob, derived).index(layer_of(blob)))
        assert derived.get(blob.descriptor.digest) == good


def test_kept_places_that_are_damaged_cost_no_more_than_time_and_are_made_anew(tmp_path: Path) -> None:
    blob = layer(FILES)
    derived = DerivedCache(Cache(str(tmp_path)), KIND)
    one = layer_of(blob)
    step(store_of(blob, derived).index(one))
    good = derived.get(blob.descriptor.digest)
    assert good is not None
    derived.put(blob.descriptor.digest, good[:-1])
    assert contents(store_of(blob, derived), one) == CONTENTS
    assert derived.get(blob.descriptor.digest) is None


def test_an_archive_that_is_not_the_one_of_the_config_is_refused_at_first_and_from_the_cache() -> None:
    blob = layer(FILES)
    store = store_of(blob)
    wrong = layer_of(blob, Digest.of(b"other"))
    for _ in range(2):
        with pytest.raises(DigestMismatchError):
            step(store.index(wrong))
        step(store.index(layer_of(blob)))


def test_another_kind_of_digest_of_the_archive_is_worked_out_by_reading_again() -> None:
    blob = layer(FILES)
    store = store_of(blob)
    step(store.index(layer_of(blob)))
    wanted = Digest.of(layer(FILES, compression="").data, "sha512")
    assert step(store.index(layer_of(blob, wanted))).diff_id == wanted


def test_many_layers_are_read_side_by_side_in_their_order() -> None:
    blobs = [layer({f"f{n}": b"%d" % n}) for n in range(9)]
    store = LayerStore(source_of(*blobs), ThreadRuntime())
    indexes = step(store.indexes([layer_of(blob) for blob in blobs]))
    assert [index.entries[0].path for index in indexes] == [f"f{n}" for n in range(9)]
    assert step(store.indexes([])) == []


def test_askers_of_one_layer_at_once_read_it_once() -> None:
    blob = layer(FILES)
    source = source_of(blob)

    async def run() -> None:
        store = LayerStore(source, AsyncRuntime())
        await store.indexes([layer_of(blob)] * 4)

    asyncio.run(run())
    assert len(source.asked) == 1


def test_all_works_under_asyncio_too() -> None:
    blob = layer(FILES)

    async def run() -> dict[str, bytes]:
        store = LayerStore(source_of(blob), AsyncRuntime())
        one = layer_of(blob)
        index = await store.index(one)
        return {entry.path: await content(store, one, entry) for entry in index.entries if entry.kind == "file"}

    assert asyncio.run(run()) == CONTENTS


def test_limits_of_the_store_hold() -> None:
    blob = layer(FILES)
    for limits in (Limits(unpacked=1000), Limits(entries=3)):
        with pytest.raises(LimitError):
            step(LayerStore(source_of(blob), ThreadRuntime(), limits=limits).index(layer_of(blob)))


def test_a_foreign_layer_that_is_not_there_is_told_with_where_it_is_kept() -> None:
    blob = archive_layer(
        b"x", media_type="application/vnd.oci.image.layer.nondistributable.v1.tar", urls=("https://a/b",)
    )
    store = LayerStore(source_of(), ThreadRuntime())
    with pytest.raises(UnsupportedError, match="https://a/b"):
        step(store.index(blob.descriptor))


def test_a_foreign_layer_that_is_there_is_read() -> None:
    plain = layer(FILES)
    blob = archive_layer(plain.data, media_type="application/vnd.oci.image.layer.v1.tar+gzip", urls=("https://a/b",))
    assert step(store_of(blob).index(blob.descriptor)).diff_id == plain.diff_id


def test_a_layer_that_is_not_there_is_not_found() -> None:
    with pytest.raises(BlobNotFoundError):
        step(LayerStore(source_of(), ThreadRuntime()).index(layer(FILES).descriptor))


# --- contents ----------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_one_file_is_read_alone(compression: str) -> None:
    blob = layer(FILES, compression=compression)
    assert contents(store_of(blob), layer_of(blob)) == CONTENTS


def test_what_is_no_file_has_no_content() -> None:
    blob = layer(FILES)
    store = store_of(blob)
    link = step(store.index(layer_of(blob))).entries[2]
    with pytest.raises(UnsupportedError, match="symlink"):
        step(content(store, layer_of(blob), link))


def test_one_pass_hands_out_the_contents_that_are_wanted() -> None:
    blob = layer(FILES)
    store = store_of(blob)
    for _ in range(2):  # the second time the index is known
        kept = Collector("it", 1 << 20)

        def wanted(entry: Entry, kept: Collector = kept) -> Sink | None:
            return kept if entry.path == "etc/os-release" else None

        index = step(store.scan(layer_of(blob), wanted))
        assert kept.data == b"ID=x\n"
        assert [entry.path for entry in index.entries] == PATHS


def test_a_reader_that_stops_early_leaves_the_store_usable() -> None:
    blob = layer({"big": random.Random(1).randbytes(3_000_000)}, compression="")
    store, one = store_of(blob), layer_of(blob)
    entry = step(store.index(one)).entries[0]

    async def first() -> bytes:
        async with store.open_file(one, entry) as stream:
            return await anext(stream)

    assert step(first())
    assert len(step(content(store, one, entry))) == 3_000_000


def big() -> tuple[LayerBlob, dict[str, bytes]]:
    """A layer of 12 MiB of content that hardly compresses, with small files spread through it."""
    draw = random.Random(5)
    words = [draw.randbytes(40) for _ in range(3000)]
    files: dict[str, bytes] = {}
    for n in range(40):
        files[f"d{n:02}/big"] = b"".join(draw.choices(words, k=3000)) + draw.randbytes(200_000)
        files[f"d{n:02}/small"] = b"%d" % n * 20
    return layer(files), files


def test_one_file_of_a_large_layer_costs_a_part_of_it_and_is_right() -> None:
    blob, files = big()
    size = len(blob.data)
    assert size > 8 * 1024 * 1024
    source = source_of(blob)
    store, one = LayerStore(source, ThreadRuntime()), layer_of(blob)
    index = step(store.index(one))
    assert len(index.points) > 5
    for entry in index.entries:
        if entry.path.endswith("/small"):
            source.given = 0
            source.asked.clear()
            assert step(content(store, one, entry)) == files[entry.path]
            assert source.given <= 2 * 1024 * 1024
            # Where one part was not enough, the next goes on where it ended.
            assert len(source.asked) <= 2
            assert all(before[1] == after[0] for before, after in itertools.pairwise(source.asked))
    for entry in index.entries:
        if entry.path.endswith("/big"):
            assert step(content(store, one, entry)) == files[entry.path]


# --- tables of contents ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [estargz, zstd_chunked])
def test_a_layers_own_table_is_taken_instead_of_the_layer(make: type) -> None:
    blob: LayerBlob = make(layer(FILES))
    source = source_of(blob)
    store, one = LayerStore(source, ThreadRuntime()), layer_of(blob)
    index = step(store.index(one))
    assert (0, None) not in source.asked
    assert index.chunks is not None
    whole = step(LayerStore(source_of(blob), ThreadRuntime(), tables=False).index(one))
    assert whole.chunks is None
    assert shape(index.entries) == shape(whole.entries)
    assert {path: data for path, data in contents(store, one).items() if path in CONTENTS} == CONTENTS
    assert (0, None) not in source.asked


def test_the_table_itself_is_a_file_of_an_estargz() -> None:
    blob = estargz(layer(FILES))
    data = contents(store_of(blob), layer_of(blob))["stargz.index.json"]
    assert str(Digest.of(data)) == blob.descriptor.annotations["containerd.io/snapshot/stargz/toc.digest"]


@pytest.mark.parametrize("make", [estargz, zstd_chunked])
def test_an_index_from_a_table_is_kept(make: type, tmp_path: Path) -> None:
    blob: LayerBlob = make(layer(FILES))
    derived = DerivedCache(Cache(str(tmp_path)), KIND)
    step(store_of(blob, derived).index(layer_of(blob)))
    source = source_of(blob)
    store = LayerStore(source, ThreadRuntime(), derived)
    index = step(store.index(layer_of(blob)))
    assert source.asked == []
    assert index.chunks is not None
    assert contents(store, layer_of(blob))["bin/busybox"] == CONTENTS["bin/busybox"]


@pytest.mark.parametrize("make", [estargz, zstd_chunked])
def test_a_pass_over_such_a_layer_speaks_of_the_tables_entries_and_fills_in_the_rest(make: type) -> None:
    blob: LayerBlob = make(layer(FILES))
    store, one = store_of(blob), layer_of(blob)
    before = step(store.index(one))
    kept: dict[int, Collector] = {}

    def wanted(entry: Entry) -> Sink:
        kept[entry.offset] = Collector(entry.path, 1 << 20)
        return kept[entry.offset]

    after = step(store.scan(one, wanted))
    assert list(after.entries) == list(before.entries)
    assert (before.diff_id, before.unpacked_size) == (None, None)
    assert after.diff_id == blob.diff_id
    assert after.unpacked_size
    for entry in before.entries:
        if entry.kind == "file":
            data = kept[entry.offset].data
            assert data is not None
            assert hashlib.sha256(data).digest() == entry.sha256


def with_annotations(blob: LayerBlob, **changes: str | None) -> LayerBlob:
    from dataclasses import replace

    notes = {
        name: changes.get(name.rpartition(".")[2].replace("-", "_"), value)
        for name, value in blob.descriptor.annotations.items()
    }
    kept = {name: value for name, value in notes.items() if value is not None}
    return replace(blob, descriptor=replace(blob.descriptor, annotations=kept))


@pytest.mark.parametrize(
    "blob",
    [
        with_annotations(estargz(layer(FILES)), digest=None),
        with_annotations(estargz(layer(FILES)), digest=str(Digest.of(b"other"))),
        with_annotations(estargz(layer(FILES)), digest="none"),
        with_annotations(zstd_chunked(layer(FILES)), manifest_checksum=None),
        with_annotations(zstd_chunked(layer(FILES)), manifest_checksum=str(Digest.of(b"other"))),
        with_annotations(zstd_chunked(layer(FILES)), manifest_position="0:10:10:1"),
        with_annotations(zstd_chunked(layer(FILES)), manifest_position="0:99999999:10:1"),
        with_annotations(zstd_chunked(layer(FILES)), manifest_position="x"),
    ],
)
def test_a_table_that_the_manifest_does_not_vouch_for_is_not_taken(blob: LayerBlob) -> None:
    index = step(store_of(blob).index(layer_of(blob)))
    assert index.chunks is None
    assert index.diff_id == blob.diff_id


@pytest.mark.parametrize("make", [estargz, zstd_chunked])
def test_a_piece_that_is_damaged_is_refused(make: type) -> None:
    blob: LayerBlob = make(layer({"a": random.Random(1).randbytes(3000)}))
    at = len(blob.data) // 3
    damaged = blob.data[:at] + bytes([blob.data[at] ^ 1]) + blob.data[at + 1 :]
    index = step(store_of(blob).index(layer_of(blob)))

    class Lying(Watched):
        def open(
            self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
        ) -> AbstractAsyncContextManager[ByteStream]:
            return given(damaged[start:stop])

    @asynccontextmanager
    async def given(data: bytes) -> AsyncIterator[ByteStream]:
        async def once() -> AsyncIterator[bytes]:
            yield data

        yield once()

    store = LayerStore(Lying(source_of()), ThreadRuntime())
    store._known[blob.descriptor.digest] = index
    with pytest.raises(IntegrityError):
        step(content(store, layer_of(blob), index.entries[0]))
