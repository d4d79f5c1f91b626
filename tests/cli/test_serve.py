from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Orlop

INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
TYPE = "Content-Type: application/vnd.oci.image.index.v1+json"


@pytest.mark.parametrize("kept", [False, True])
def test_a_registry_is_served_until_it_is_stopped(orlop: Orlop, home: Path, tmp_path: Path, kept: bool) -> None:
    root = ("--root", str(tmp_path / "store")) if kept else ()
    for again in (False, True):
        command = [sys.executable, "-m", "orlop", "serve", *root]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"HOME": str(home)}
        ) as running:
            assert running.stdout is not None
            url = running.stdout.readline().decode().strip()
            host = url.removeprefix("http://")
            assert url.startswith("http://127.0.0.1:")
            if not again:
                assert (
                    orlop("api", f"{host}/v2/x/manifests/1", "-X", "PUT", "-d", "-", "-H", TYPE, stdin=INDEX).status
                    == 0
                )
                assert orlop("tag", "list", f"{host}/x").text == "1\n"
            else:
                assert orlop("tag", "list", f"{host}/x").status == (0 if kept else 3)
            running.send_signal(signal.SIGINT)
            _, notes = running.communicate(timeout=10)
        assert running.returncode == 0
        assert b"Traceback" not in notes


def test_an_address_that_is_taken_is_9(orlop: Orlop, home: Path) -> None:
    command = [sys.executable, "-m", "orlop", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"HOME": str(home)}) as running:
        assert running.stdout is not None
        port = running.stdout.readline().decode().strip().rpartition(":")[2]
        said = orlop("serve", "--port", port)
        running.terminate()
    assert said.status == 9
    assert f"127.0.0.1:{port}" in said.notes


def test_a_root_that_cannot_be_is_9(orlop: Orlop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert orlop("serve", "--root", str(tmp_path / "file")).status == 9
