"""A layer that is read in one pass: members, digests, starts; and the archives that real tools wrote."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.errors import DigestMismatchError, IntegrityError, SizeMismatchError, TruncatedError
from orlop.layer.reader import LayerReader, entries
from orlop.layer.sinks import Collector
from orlop.model.digest import Digest
from orlop.testing.layers import File, Link, layer
from orlop.threads import step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.layer.entry import Entry
    from orlop.layer.reader import Summary
    from orlop.layer.sinks import Sink

BLOB = layer({"etc/os-release": b"ID=x\n", "bin/sh": Link("busybox"), "bin/busybox": File(b"\x7fELF" * 1000, 0o755)})
VECTORS = os.environ.get("ORLOP_VECTORS", "")


def read(data: bytes, chunk: int = 65536, **options: object) -> tuple[list[Entry], Summary]:
    reader = LayerReader("a layer", **options)  # type: ignore[arg-type]  # as the reader takes them
    found = [entry for at in range(0, len(data), chunk) for entry in reader.feed(data[at : at + chunk])]
    return found, reader.finish()


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_layer_tells_its_members_and_what_it_was(compression: str) -> None:
    blob = layer({"a/b": b"x"}, compression=compression)
    found, summary = read(blob.data, hash_all=True)
    assert [entry.path for entry in found] == ["a", "a/b"]
    assert (summary.kind, summary.digest, summary.diff_id) == (
        compression or "tar",
        blob.descriptor.digest,
        blob.diff_id,
    )
    assert (summary.packed_size, summary.entries, summary.starts) == (len(blob.data), 2, ((0, 0),))


def test_digests_are_left_out_where_nobody_asks() -> None:
    _, summary = read(BLOB.data)
    assert (summary.digest, summary.diff_id) == (None, None)


def test_a_layer_that_is_as_stated_passes() -> None:
    digest = BLOB.descriptor.digest
    assert read(BLOB.data, digest=digest, size=len(BLOB.data), diff_id=BLOB.diff_id)[1].digest == digest


def test_other_bytes_than_stated_are_refused_on_either_side() -> None:
    other = Digest.of(b"other")
    with pytest.raises(DigestMismatchError, match=r"\Aa layer cannot"):
        read(BLOB.data, digest=other)
    with pytest.raises(DigestMismatchError, match=r"\Athe archive in a layer cannot"):
        read(BLOB.data, diff_id=other)
    with pytest.raises(SizeMismatchError):
        read(BLOB.data, size=len(BLOB.data) - 1)
    with pytest.raises(TruncatedError):
        read(BLOB.data, size=len(BLOB.data) + 1)


def test_a_sha512_of_the_archive_is_checked_too() -> None:
    inside = gzip.decompress(BLOB.data)
    assert read(BLOB.data, diff_id=Digest.of(inside, "sha512"))[1].diff_id == Digest.of(inside, "sha512")


def test_a_stream_is_read_to_its_end() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield BLOB.data[:50]
        yield BLOB.data[50:]

    async def run() -> list[str]:
        return [entry.path async for entry in entries(stream(), LayerReader("a layer"))]

    assert step(run()) == ["bin", "bin/busybox", "bin/sh", "etc", "etc/os-release"]


# --- archives that tools wrote -----------------------------------------------------------------


def archives() -> list[Path]:
    return sorted(Path(VECTORS, "archives").iterdir()) if VECTORS else []


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")
@pytest.mark.parametrize("path", archives() or [Path("none")], ids=lambda path: path.name)
def test_an_archive_that_a_tool_wrote_is_read_as_tarfile_reads_it(path: Path) -> None:
    data = path.read_bytes()
    layers = compare(data)
    blobs = [one for one in layers.values() if is_packed_or_tar(one)]
    for blob in blobs:
        compare(blob)


def is_packed_or_tar(data: bytes) -> bool:
    return data.startswith((b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")) or data[257:262] == b"ustar"


def compare(data: bytes) -> dict[str, bytes]:
    """Read an archive both ways; return the contents of its files."""
    kept: dict[str, Collector] = {}

    def wanted(entry: Entry) -> Sink:
        kept[entry.path] = Collector(entry.path, 1 << 26)
        return kept[entry.path]

    found, summary = read(data, 5000, wanted=wanted)
    contents = {path: sink.data or b"" for path, sink in kept.items()}
    if summary.kind == "zstd":
        return contents
    inside = gzip.decompress(data) if summary.kind == "gzip" else data
    with tarfile.open(fileobj=io.BytesIO(inside)) as tar:
        members = tar.getmembers()
        assert [
            (one.name, one.size if one.isreg() else 0, one.mode & 0o7777, one.uid, one.gname) for one in members
        ] == [(entry.raw.rstrip("/"), entry.size, entry.mode, entry.uid, entry.gname) for entry in found]
        assert [one.offset_data for one in members] == [entry.data_offset for entry in found]
        for one, entry in zip(members, found, strict=True):
            if one.isreg() and entry.kind == "file":
                file = tar.extractfile(one)
                assert file is not None
                content = file.read()
                assert inside[entry.data_offset : entry.data_offset + entry.stored] == content
        return contents


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")
def test_a_damaged_real_archive_never_passes() -> None:
    data = Path(VECTORS, "archives", "trivy-alpine-310.tar.gz").read_bytes()
    for at in (0, 5000, len(data) // 2, len(data) - 3):
        with pytest.raises(IntegrityError):
            read(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
