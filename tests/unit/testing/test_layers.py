from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.testing.layers import (
    EPOCH,
    Entry,
    File,
    Folder,
    LayerBlob,
    Link,
    Opaque,
    Whiteout,
    archive_layer,
    directory_layer,
    layer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES: Mapping[str, Entry] = {
    "etc/os-release": b"ID=demo\n",
    "bin/sh": File(b"#!", 0o755),
    "etc/link": Link("os-release"),
    "etc/hard": Link("bin/sh", hard=True),
    "gone": Whiteout(),
    "opt/old": Opaque(),
    "srv": Folder(0o700),
}


def members(built: LayerBlob) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive_of(built))) as archive:
        return {member.name: member for member in archive.getmembers()}


def archive_of(built: LayerBlob) -> bytes:
    return gzip.decompress(built.data) if built.data.startswith(b"\x1f\x8b") else built.data


def test_a_layer_is_the_same_every_time_and_in_any_order() -> None:
    assert layer(FILES) == layer({path: FILES[path] for path in reversed(list(FILES))})


def test_the_descriptor_names_the_stored_bytes_and_the_diff_id_the_archive() -> None:
    built = layer(FILES)
    assert built.descriptor.digest == Digest.of(built.data)
    assert built.descriptor.size == len(built.data)
    assert built.diff_id == Digest.of(gzip.decompress(built.data))


@pytest.mark.parametrize(
    ("compression", "media_type", "magic"),
    [
        ("gzip", mediatype.OCI_LAYER_GZIP, b"\x1f\x8b"),
        ("zstd", mediatype.OCI_LAYER_ZSTD, b"\x28\xb5\x2f\xfd"),
        ("", mediatype.OCI_LAYER, b"bin"),
    ],
)
def test_the_compression_decides_media_type_and_bytes(compression: str, media_type: str, magic: bytes) -> None:
    built = layer(FILES, compression=compression)
    assert built.descriptor.media_type == media_type
    assert built.data.startswith(magic)
    assert built.diff_id == layer(FILES).diff_id


def test_another_compression_is_refused() -> None:
    with pytest.raises(ValueError, match="lzma"):
        layer(FILES, compression="lzma")


def test_a_gzip_layer_holds_no_time() -> None:
    assert layer(FILES).data[4:8] == bytes(4)


def test_entries_become_what_they_say() -> None:
    found = members(layer(FILES))
    assert found["etc"].isdir()
    assert found["etc/os-release"].isreg()
    assert (found["bin/sh"].mode, found["bin/sh"].mtime) == (0o755, EPOCH)
    assert (found["etc/link"].issym(), found["etc/link"].linkname) == (True, "os-release")
    assert (found["etc/hard"].islnk(), found["etc/hard"].linkname) == (True, "bin/sh")
    assert found[".wh.gone"].size == 0
    assert found["opt/old/.wh..wh..opq"].size == 0
    assert found["srv"].mode == 0o700


def test_content_is_stored_as_given() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive_of(layer(FILES)))) as archive:
        stored = archive.extractfile("etc/os-release")
        assert stored is not None
        assert stored.read() == b"ID=demo\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "__pycache__").mkdir(parents=True)
    (tmp_path / "b.py").write_bytes(b"b" * 10)
    (tmp_path / "a.py").write_bytes(b"a" * 10)
    (tmp_path / "a.txt").write_bytes(b"text")
    (tmp_path / "pkg" / "c.py").write_bytes(b"c" * 10)
    (tmp_path / "pkg" / "__pycache__" / "c.py").write_bytes(b"old")
    (tmp_path / "link.py").symlink_to("a.py")
    return tmp_path


def test_a_folder_becomes_a_layer_of_its_real_files(folder: Path) -> None:
    built = directory_layer(str(folder), "usr/lib/x", keep=lambda path: path.endswith(".py"))
    assert list(members(built)) == [
        "usr",
        "usr/lib",
        "usr/lib/x",
        "usr/lib/x/a.py",
        "usr/lib/x/b.py",
        "usr/lib/x/pkg",
        "usr/lib/x/pkg/c.py",
    ]


def test_a_folder_layer_stops_at_its_limit(folder: Path) -> None:
    assert [name for name in members(directory_layer(str(folder), limit=24)) if "." in name] == [
        "a.py",
        "a.txt",
        "b.py",
    ]


def test_a_folder_layer_is_the_same_every_time(folder: Path) -> None:
    assert directory_layer(str(folder), "x") == directory_layer(str(folder), "x")


def test_more_entries_come_beside_a_folders_files(folder: Path) -> None:
    built = directory_layer(str(folder), "x", extra={"x/more": b"1", "etc/y": Whiteout()})
    assert {"x/more", "etc/.wh.y", "x/a.py"} <= set(members(built))


def test_bytes_that_exist_are_a_layer_as_they_are() -> None:
    built = archive_layer(b"foreign", media_type=mediatype.DOCKER_FOREIGN_LAYER)
    assert built.diff_id == built.descriptor.digest == Digest.of(b"foreign")


def test_a_layer_does_not_show_its_bytes() -> None:
    assert "bin/sh" not in repr(layer(FILES, compression=""))
