"""One pass over a layer: entries with hashes, both digests, and what goes wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.errors import DigestMismatchError, IntegrityError, LimitError, SizeMismatchError, TruncatedError
from orlop.layer import pipeline
from orlop.layer.limits import Limits
from orlop.layer.pipeline import Pass
from orlop.layer.sinks import Collector
from orlop.model.digest import Digest
from orlop.testing.layers import LayerBlob, Link, layer

if TYPE_CHECKING:
    from orlop.layer.index import LayerIndex

FILES = {f"d/f{n}": bytes([n]) * (n * 3001) for n in range(40)}
BLOB = layer(FILES)


def read(data: bytes, chunk: int = 4096, *, blob: LayerBlob = BLOB, **options: object) -> LayerIndex:
    size = options.pop("size", len(data))
    diff_id = options.pop("diff_id", blob.diff_id)
    reading = Pass("a layer", blob.descriptor.digest, size, diff_id, **options)  # type: ignore[arg-type]
    try:
        for at in range(0, len(data), chunk):
            reading.feed(data[at : at + chunk])
        return reading.finish()
    finally:
        reading.close()


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("chunk", [100, 4096, 10_000_000])
def test_every_file_has_the_hash_of_its_content(compression: str, chunk: int) -> None:
    blob = layer(FILES, compression=compression)
    index = read(blob.data, chunk, blob=blob)
    assert {entry.path: entry.sha256 for entry in index.entries if entry.kind == "file"} == {
        path: hashlib.sha256(data).digest() for path, data in FILES.items()
    }
    assert (index.kind, index.diff_id, index.packed_size) == (compression or "tar", blob.diff_id, len(blob.data))


def test_the_archives_digest_is_worked_out_where_none_is_given() -> None:
    assert read(BLOB.data, diff_id=None).diff_id == BLOB.diff_id


def test_the_archives_digest_is_of_the_kind_that_is_asked_for() -> None:
    plain = layer(FILES, compression="")
    wanted = Digest.of(plain.data, "sha512")
    assert read(BLOB.data, diff_id=wanted).diff_id == wanted


def test_another_archive_than_stated_is_refused() -> None:
    with pytest.raises(DigestMismatchError, match=r"\Athe archive in a layer"):
        read(BLOB.data, diff_id=Digest.of(b"other"))


def test_an_archive_without_its_end_passes_only_as_the_one_that_is_stated() -> None:
    data = layer({"f": b"x"}, compression="").data.rstrip(b"\0").ljust(1024, b"\0")
    assert [entry.path for entry in read(data, diff_id=Digest.of(data)).entries] == ["f"]
    for stated in (None, Digest.of(b"other")):
        with pytest.raises(TruncatedError):
            read(data, diff_id=stated)


def test_more_bytes_than_stated_are_refused_before_they_are_inflated() -> None:
    with pytest.raises(SizeMismatchError):
        read(BLOB.data, size=len(BLOB.data) - 1)


def test_fewer_bytes_than_stated_are_refused() -> None:
    with pytest.raises(TruncatedError):
        read(BLOB.data, size=len(BLOB.data) + 1)


def test_limits_hold() -> None:
    for limits in (Limits(unpacked=10_000), Limits(entries=5), Limits(ratio=2, ratio_from=1000)):
        with pytest.raises(LimitError):
            read(BLOB.data, limits=limits)


def test_a_known_layer_is_read_without_hashing() -> None:
    kept = Collector("it", 1 << 20)
    index = read(BLOB.data, wanted=lambda entry: kept if entry.path == "d/f7" else None, hashed=False)
    assert kept.data == FILES["d/f7"]
    assert (len(index.entries), index.diff_id) == (0, None)


def sparse_tar(size: int, *, holes: bool = True) -> bytes:
    """An archive of one GNU sparse file (PAX 0.1): ``size`` bytes of which 4 are stored, at 1000."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("s")
        info.size = 4
        info.pax_headers = {"GNU.sparse.map": "1000,4", "GNU.sparse.size": str(size), "GNU.sparse.name": "sparse"}
        archive.addfile(info, io.BytesIO(b"data"))
        after = tarfile.TarInfo("after")
        after.size = 5
        archive.addfile(after, io.BytesIO(b"after"))
    return made.getvalue()


@pytest.mark.parametrize("chunk", [300, 10_000])
def test_a_sparse_file_has_the_hash_of_what_is_read_of_it(chunk: int) -> None:
    data = sparse_tar(5000)
    index = read(data, chunk, diff_id=None)
    whole = bytes(1000) + b"data" + bytes(3996)
    assert [entry.sha256 for entry in index.entries] == [hashlib.sha256(one).digest() for one in (whole, b"after")]


def test_holes_beyond_a_gigabyte_are_not_hashed_and_what_follows_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "HOLES_LIMIT", 10_000)
    index = read(sparse_tar(2**50), diff_id=None)
    assert [entry.sha256 for entry in index.entries] == [b"", hashlib.sha256(b"after").digest()]


def test_links_and_folders_have_no_hash() -> None:
    blob = layer({"a/b": b"x", "a/c": Link("b"), "a/d": Link("a/b", hard=True)})
    index = read(blob.data, blob=blob)
    assert [(entry.kind, bool(entry.sha256)) for entry in index.entries] == [
        ("dir", False),
        ("file", True),
        ("symlink", False),
        ("hardlink", False),
    ]


def test_no_thread_is_left_behind_by_a_layer_that_is_damaged() -> None:
    blob = layer({"a": b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(200_000))})
    before = threading.active_count()
    damaged = blob.data[:5_000_000] + b"\xff" * 1000 + blob.data[5_001_000:]
    with pytest.raises(IntegrityError):
        read(damaged, 65536, blob=blob)
    assert threading.active_count() == before


def test_what_is_wrong_first_is_told_however_much_is_wrong_behind_it() -> None:
    noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(200_000))
    plain = layer({"a": noise, "b": noise, "c": noise}, compression="")
    at = {entry.path: entry.offset for entry in read(plain.data, blob=plain).entries}["b"]
    stream = bytearray(gzip.compress(plain.data[: at + 10] + b"\xff" + plain.data[at + 11 :], 1))
    stream[-100_000] ^= 255
    for chunk in (65536, 10_000_000):
        with pytest.raises(IntegrityError, match=f"the tar header at {at} is damaged"):
            read(bytes(stream), chunk, blob=plain)
