"""OCI layouts in tar archives, plain and packed: read in place or from a bounded temporary file."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.content.places import RUNTIME, names, read, run

from orlop.content import spool
from orlop.content.archive import open_oci_archive
from orlop.content.spool import opened as unpacked
from orlop.content.spool import sniffed
from orlop.errors import (
    DigestMismatchError,
    IntegrityError,
    InvalidDocumentError,
    LimitError,
    OrlopError,
    StorageError,
    TruncatedError,
    UnsupportedError,
)
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.model.reference import Tag
from orlop.testing.archives import blob_path, docker_archive, layout_files, packed, tar
from orlop.testing.builders import image
from orlop.testing.layers import Link, layer

if TYPE_CHECKING:
    from tests.unit.content.places import Opened

ONE = image([layer({"a": b"one"}), layer({"b": bytes(300_000)}, compression="")])
PLAIN = tar(layout_files({"1.0": ONE}))


def zstd_skippable(data: bytes) -> bytes:
    """A zstd file that begins with a skippable frame, and is of two frames."""
    return b"\x50\x2a\x4d\x18\x03\0\0\0abc" + packed(data[:100], "zstd") + packed(data[100:], "zstd")


WAYS = {
    "plain": PLAIN,
    "gzip": packed(PLAIN, "gzip"),
    "several gzip members": gzip.compress(PLAIN[:999]) + gzip.compress(PLAIN[999:]),
    "zstd": packed(PLAIN, "zstd"),
    "zstd with a skippable frame": zstd_skippable(PLAIN),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_of_packing_is_told_by_its_bytes(tmp_path: Path, opened: Opened, way: str) -> None:
    (tmp_path / "x.bin").write_bytes(WAYS[way])
    place = opened(f"oci-archive:{tmp_path}/x.bin")
    assert run(place.manifest(Tag("1.0"))).raw == ONE.raw
    for blob in ONE.blobs:
        assert read(place, blob.descriptor) == blob.data


def test_names_with_dots_and_links_inside_are_read(tmp_path: Path, opened: Opened) -> None:
    files = layout_files({"1.0": ONE})
    path = blob_path(ONE.blobs[1].descriptor.digest)
    data = files.pop(path)
    (tmp_path / "x.tar").write_bytes(tar({"store/blob": data, **files, path: Link("../../store/blob")}, prefix="./"))
    assert read(opened(f"oci-archive:{tmp_path}/x.tar"), ONE.blobs[1].descriptor) == ONE.blobs[1].data


def test_a_blob_behind_a_link_that_leaves_the_archive_is_refused(tmp_path: Path, opened: Opened) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(ONE.blobs[1].data)
    files = {**layout_files({"1.0": ONE}), blob_path(ONE.blobs[1].descriptor.digest): Link(str(secret))}
    (tmp_path / "x.tar").write_bytes(tar(files))
    with pytest.raises(IntegrityError, match="leaves the archive"):
        read(opened(f"oci-archive:{tmp_path}/x.tar"), ONE.blobs[1].descriptor)


def test_other_bytes_under_a_digest_are_found_out(tmp_path: Path, opened: Opened) -> None:
    files = layout_files({"1.0": ONE})
    files[blob_path(ONE.blobs[2].descriptor.digest)] = ONE.blobs[2].data[:-1] + b"!"
    (tmp_path / "x.tar").write_bytes(tar(files))
    with pytest.raises(DigestMismatchError):
        read(opened(f"oci-archive:{tmp_path}/x.tar"), ONE.blobs[2].descriptor)


def test_the_temporary_file_is_gone_at_once_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "x.tar.gz").write_bytes(WAYS["gzip"])
    place = open_oci_archive(str(tmp_path / "x.tar.gz"), RUNTIME, MANIFEST_LIMIT)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert names(place) == ["1.0"]
    place.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_files_are_closed_whatever_happens(tmp_path: Path) -> None:
    for number, data in enumerate([*WAYS.values(), b"", b"nonsense" * 100, WAYS["gzip"][:-9], docker_archive({})]):
        path = tmp_path / f"{number}.tar"
        path.write_bytes(data)
        before = len(os.listdir("/proc/self/fd"))
        with contextlib.suppress(OrlopError):
            open_oci_archive(str(path), RUNTIME, MANIFEST_LIMIT).close()
        assert len(os.listdir("/proc/self/fd")) == before, number


def test_a_plain_archive_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    (tmp_path / "x.tar").write_bytes(PLAIN)
    place = open_oci_archive(str(tmp_path / "x.tar"), RUNTIME, MANIFEST_LIMIT, limit=10)
    assert names(place) == ["1.0"]
    place.close()


def test_a_packed_archive_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(WAYS["gzip"])
    with pytest.raises(LimitError, match="bytes of an archive that is not read in place") as caught:
        open_oci_archive(str(tmp_path / "x.tar.gz"), RUNTIME, MANIFEST_LIMIT, limit=len(PLAIN) - 1)
    assert caught.value.limit == len(PLAIN) - 1
    open_oci_archive(str(tmp_path / "x.tar.gz"), RUNTIME, MANIFEST_LIMIT, limit=len(PLAIN)).close()


def test_what_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_RATIO_FROM", 1024 * 1024)
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(8 * 1024 * 1024)))
    with pytest.raises(LimitError, match="unpacked bytes for each compressed one"):
        unpacked(str(tmp_path / "x.gz"), "x")


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_a_packed_archive_that_is_cut_is_truncated(tmp_path: Path, way: str) -> None:
    (tmp_path / "x").write_bytes(WAYS[way][: len(WAYS[way]) // 2])
    with pytest.raises(TruncatedError):
        unpacked(str(tmp_path / "x"), "x")


@pytest.mark.parametrize("way", ["gzip", "zstd"])
def test_damaged_packed_data_is_found(tmp_path: Path, way: str) -> None:
    data = bytearray(WAYS[way])
    data[6:40] = b"\xff" * 34  # a whole stretch: zstd has no checksum here
    (tmp_path / "x").write_bytes(bytes(data))
    with pytest.raises(IntegrityError):
        unpacked(str(tmp_path / "x"), "x")


@pytest.mark.parametrize("cut", [600, len(PLAIN) // 2])
def test_a_plain_archive_that_is_cut_is_truncated(tmp_path: Path, opened: Opened, cut: int) -> None:
    (tmp_path / "x.tar").write_bytes(PLAIN[:cut])
    with pytest.raises(TruncatedError):
        opened(f"oci-archive:{tmp_path}/x.tar")


def test_an_archive_that_is_cut_between_members_is_truncated(tmp_path: Path, opened: Opened) -> None:
    first = tar({"oci-layout": b"{}"})[:1024]
    (tmp_path / "x.tar").write_bytes(first)
    with pytest.raises(TruncatedError, match=r"has no index\.json"):
        opened(f"oci-archive:{tmp_path}/x.tar")


@pytest.mark.parametrize("magic", [b"\xfd7zXZ\x00", b"BZh91AY", b"\x04\x22\x4d\x18"])
def test_another_compression_is_named(tmp_path: Path, opened: Opened, magic: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(magic + bytes(600))
    with pytest.raises(UnsupportedError, match=r"compressed with (xz|bzip2|lz4)"):
        opened(f"oci-archive:{tmp_path}/x.tar.gz")


def test_a_docker_archive_is_told_from_a_layout(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "x.tar").write_bytes(docker_archive({"a:1": ONE}))
    with pytest.raises(InvalidDocumentError) as caught:
        opened(f"oci-archive:{tmp_path}/x.tar")
    assert caught.value.hint == f"docker-archive:{tmp_path}/x.tar reads it"


def test_an_archive_in_a_pipe_is_read(tmp_path: Path, opened: Opened) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(WAYS["zstd"],))
    writer.start()
    place = opened(f"oci-archive:{pipe}")
    writer.join()
    assert names(place) == ["1.0"]
    assert names(opened(f"oci-archive:{pipe}")) == ["1.0"]


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    (tmp_path / "x.gz").write_bytes(WAYS["gzip"])
    with pytest.raises(StorageError) as caught:
        unpacked(str(tmp_path / "x.gz"), "x")
    assert "TMPDIR" in str(caught.value.hint)


def test_the_first_bytes_tell_the_compression() -> None:
    assert [sniffed(head) for head in (b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x5f\x2a\x4d\x18", b"ustar")] == [
        "",
        "gzip",
        "zstd",
        "zstd",
        "",
    ]
