"""Images of a real engine: Podman's service on a socket, as it answers Docker's clients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.interop.peers import program

from orlop import Client
from orlop.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root"),
]

FILE = 'FROM scratch\nCOPY one /one\nCOPY two /two\nCMD ["/one"]\n'


@pytest.fixture(scope="module")
def podman() -> Iterator[tuple[str, list[str]]]:
    """A socket, and the command that asks the same engine."""
    found = program("podman")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [found, "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        context = folder / "context"
        context.mkdir()
        (context / "Containerfile").write_text(FILE)
        (context / "one").write_text("first\n")
        (context / "two").write_bytes(os.urandom(400_000))
        build = [*command, "build", "--isolation", "chroot", "--layers", "-q", "-t", "localhost/team/app:1"]
        subprocess.run([*build, "-t", "localhost/team/app:latest", str(context)], check=True, capture_output=True)
        address = f"unix://{folder}/s"
        service = subprocess.Popen([*command, "system", "service", "-t", "0", address], start_new_session=True)
        try:
            for _ in range(200):
                if (folder / "s").exists():
                    break
                time.sleep(0.05)
            yield address, command
        finally:
            os.killpg(service.pid, signal.SIGTERM)
            service.wait(10)


def test_an_image_of_podman_s_store_is_read(podman: tuple[str, list[str]]) -> None:
    address, command = podman
    told = subprocess.run([*command, "image", "inspect", "localhost/team/app:1"], check=True, capture_output=True)
    about = json.loads(told.stdout)[0]
    with Client(engine=address) as client:
        for name in ("localhost/team/app:1", "team/app:1", "team/app", about["Id"], about["Id"][:12]):
            found = client.image(f"docker-daemon:{name}")
            assert found.config.digest.hex == about["Id"]
            assert [str(one) for one in found.config.diff_ids] == about["RootFS"]["Layers"]
        assert client.read_file("docker-daemon:localhost/team/app:1", "/one") == b"first\n"
        with pytest.raises(NotFoundError, match="nope"):
            client.image("docker-daemon:localhost/nope:1")


def test_it_is_what_podman_saves(podman: tuple[str, list[str]], tmp_path: Path) -> None:
    address, command = podman
    subprocess.run([*command, "save", "-q", "-o", f"{tmp_path}/x.tar", "localhost/team/app:1"], check=True)
    with Client(engine=address) as client:
        saved = client.manifest(f"docker-archive:{tmp_path}/x.tar")
        assert client.manifest("docker-daemon:localhost/team/app:1").raw == saved.raw
