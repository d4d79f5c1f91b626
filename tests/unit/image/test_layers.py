"""Layers of a source: indexed once, kept, read whole, and one file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.content.cache import Cache
from orlop.content.derived import DerivedCache
from orlop.errors import DigestMismatchError
from orlop.image.layers import KIND, LayerStore
from orlop.image.view import Layer
from orlop.layer.sinks import Collector
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store
from orlop.testing.layers import LayerBlob, Link, layer
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink

FILES = {"etc/os-release": b"ID=x\n", "bin/sh": Link("busybox"), "bin/busybox": b"\x7fELF" * 300_000}


stores: list[Store] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Stores that a test made, closed."""
    yield
    while stores:
        stores.pop().close()


def store_of(blob: LayerBlob, derived: DerivedCache | None = None) -> LayerStore:
    stores.append(Store.memory())
    repository = stores[-1].repository(RepositoryName("a/b"))
    repository.add_now(blob.data)
    return LayerStore(repository, ThreadRuntime(), derived)


def layer_of(blob: LayerBlob, diff_id: Digest | None = None) -> Layer:
    return Layer(0, blob.descriptor, diff_id or blob.diff_id, None)


async def content(store: LayerStore, layer: Layer, entry: Entry) -> bytes:
    async with store.open_file(layer, entry) as stream:
        return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_an_index_names_the_members_with_the_hashes_of_their_contents(compression: str) -> None:
    blob = layer(FILES, compression=compression)
    index = step(store_of(blob).index(layer_of(blob)))
    assert [entry.path for entry in index.entries] == ["bin", "bin/busybox", "bin/sh", "etc", "etc/os-release"]
    hashes = {entry.path: entry.sha256 for entry in index.entries if entry.sha256}
    assert hashes == {
        path: bytes.fromhex(Digest.of(data).hex) for path, data in FILES.items() if isinstance(data, bytes)
    }
    assert (index.digest, index.diff_id, index.packed_size) == (blob.descriptor.digest, blob.diff_id, len(blob.data))


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_one_file_is_read_alone(compression: str) -> None:
    blob = layer(FILES, compression=compression)
    store, one = store_of(blob), layer_of(blob)
    index = step(store.index(one))
    for entry in index.entries:
        if entry.kind == "file":
            assert step(content(store, one, entry)) == FILES[entry.path]


def test_one_pass_hands_out_the_contents_that_are_wanted() -> None:
    blob = layer(FILES)
    kept = Collector("it", 1 << 20)

    def wanted(entry: Entry) -> Sink | None:
        return kept if entry.path == "etc/os-release" else None

    index = step(store_of(blob).scan(layer_of(blob), wanted))
    assert kept.data == b"ID=x\n"
    assert len(index.entries) == 5


def test_a_kept_index_is_taken_instead_of_the_layer(tmp_path: Path) -> None:
    blob = layer(FILES)
    derived = DerivedCache(Cache(str(tmp_path)), KIND)
    first = step(store_of(blob, derived).index(layer_of(blob)))
    elsewhere = store_of(layer({}), derived)
    second = step(elsewhere.index(layer_of(blob)))
    assert list(second.entries) == list(first.entries)
    assert second._replace(entries=first.entries) == first


def test_an_archive_that_is_not_the_one_of_the_config_is_refused_at_first_and_from_the_cache() -> None:
    blob = layer(FILES)
    store = store_of(blob)
    wrong = layer_of(blob, Digest.of(b"other"))
    for _ in range(2):
        with pytest.raises(DigestMismatchError):
            step(store.index(wrong))
        step(store.index(layer_of(blob)))
