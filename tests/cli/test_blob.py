from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from orlop.model.digest import Digest
from orlop.testing import faults
from orlop.testing import registry as start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop, Process


@pytest.fixture
def blob(harbour: Harbour) -> str:
    return f"{harbour.single}@{harbour.one.document['layers'][0]['digest']}"


def test_a_blob_goes_to_standard_output(process: Process, harbour: Harbour, blob: str) -> None:
    done = process("blob", "get", blob)
    assert str(Digest.of(done.stdout)) == blob.rpartition("@")[2]
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_blob_goes_to_a_file_and_nothing_is_printed(
    orlop: Orlop, harbour: Harbour, blob: str, tmp_path: Path
) -> None:
    said = orlop("blob", "get", blob, "--to", str(tmp_path / "file"))
    assert (said.status, said.raw, said.notes) == (0, b"", "")
    assert str(Digest.of((tmp_path / "file").read_bytes())) == blob.rpartition("@")[2]
    assert os.listdir(tmp_path / "home") == []


def test_a_config_is_shown_on_a_terminal_and_a_layer_is_not(orlop: Orlop, harbour: Harbour, blob: str) -> None:
    config = f"{harbour.single}@{harbour.one.document['config']['digest']}"
    assert '"architecture"' in orlop("blob", "get", config, terminal=True).text
    said = orlop("blob", "get", blob, terminal=True)
    assert (said.status, said.raw) == (2, b"")
    assert "hint: write it to a file: --to FILE" in said.notes


def test_a_folder_is_no_file(orlop: Orlop, harbour: Harbour, blob: str, tmp_path: Path) -> None:
    assert orlop("blob", "get", blob, "--to", str(tmp_path)).status == 2


def test_a_broken_connection_is_gone_on_with(orlop: Orlop, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    with start(middleware=[faults.cut(100_000)]) as own:
        digest = own.push_blob("x", data)
        assert orlop("blob", "get", f"{own.host}/x@{digest}", "--to", str(tmp_path / "file")).status == 0
    assert (tmp_path / "file").read_bytes() == data


def test_a_wrong_blob_is_5_and_no_file(orlop: Orlop, tmp_path: Path) -> None:
    with start(middleware=[faults.refuse(200, times=None, on=faults.BLOBS, body=b"other", content_type="x/y")]) as own:
        digest = own.push_blob("x", b"right")
        said = orlop("blob", "get", f"{own.host}/x@{digest}", "--to", str(tmp_path / "file"))
    assert said.status == 5
    assert not (tmp_path / "file").exists()


def test_a_tag_is_no_blob(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("blob", "get", f"{harbour.single}:latest")
    assert (said.status, "a blob is named REPO@DIGEST" in said.notes) == (2, True)


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
def test_what_is_no_file_is_written_to_and_stays(orlop: Orlop, harbour: Harbour, blob: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert orlop("blob", "get", blob, "--to", str(pipe)).status == 0
        assert str(Digest.of(os.read(reader, 65536))) == blob.rpartition("@")[2]
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device_is_9(orlop: Orlop, harbour: Harbour, blob: str, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    said = orlop("blob", "get", blob, "--to", str(full))
    assert (said.status, "No space left on device" in said.notes) == (9, True)
    assert full.is_symlink()


def test_a_link_is_followed(orlop: Orlop, harbour: Harbour, blob: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert orlop("blob", "get", blob, "--to", str(tmp_path / "link")).status == 0
    assert str(Digest.of((tmp_path / "file").read_bytes())) == blob.rpartition("@")[2]
    assert (tmp_path / "link").is_symlink()
