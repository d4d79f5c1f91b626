"""The container recipe, built by buildah and run, and the image that comes of it, checked by itself; the action, installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.interop.peers import program

from orlop import Client
from orlop._version import __version__
from orlop.auth.keychain import Chain
from orlop.testing import registry
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# The base holds folders alone: Python and all else is this machine's, mounted into it. So nothing is downloaded but packages.
MOUNTED = [
    path for path in ("/usr", "/etc/ssl", "/etc/alternatives", "/etc/resolv.conf", "/etc/hosts") if Path(path).exists()
]


class Built:
    """What buildah made, and how to run it."""

    def __init__(self, folder: Path, host: str) -> None:
        self.host = host
        self._buildah = program("buildah")
        self._options = ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]
        self._mounts = [word for path in MOUNTED for word in ("--volume", f"{path}:{path}:ro")]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([self._buildah, *self._options, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def make(self, folder: Path) -> None:
        """Build the base and, from the recipe, the image; push both."""
        base = folder / "base"
        for name in ("usr", "etc", "tmp", "opt", "proc", "sys", "dev", "run", "var"):
            (base / name).mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (base / name).symlink_to(f"usr/{name}")
        container = self("from", "scratch")
        self("add", "-q", container, str(base), "/")
        environment = {"PATH": "/usr/bin:/bin", "SSL_CERT_FILE": CERTIFICATES, "PIP_CERT": CERTIFICATES}
        self("config", *(f"--env={name}={value}" for name, value in environment.items()), container)
        self("commit", "-q", container, f"{self.host}/team/python:3")
        self("push", "-q", "--tls-verify=false", f"{self.host}/team/python:3")
        self(
            *("build", "--isolation", "chroot", "--tls-verify=false", *self._mounts),
            *("--build-arg", f"PYTHON={self.host}/team/python:3", "-t", f"{self.host}/team/orlop:1"),
            *("-f", str(ROOT / "Containerfile"), str(ROOT)),
        )
        self("push", "-q", "--tls-verify=false", f"{self.host}/team/orlop:1")

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command in a new container of the image; return its exit status and what it said."""
        container = self("from", f"{self.host}/team/orlop:1")
        words = [
            self._buildah,
            *self._options,
            "run",
            "--isolation",
            "chroot",
            *self._mounts,
            container,
            "--",
            *command,
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    program("buildah")
    if os.geteuid() != 0:
        pytest.skip("buildah needs root here")
    if not os.environ.get("ORLOP_INTEROP"):
        pytest.skip("the recipe takes packages from an index; ./run interop builds it")
    folder = tmp_path_factory.mktemp("container")
    with registry() as running:
        made = Built(folder, running.host)
        made.make(folder)
        yield made


def test_it_is_the_command_line(built: Built) -> None:
    assert built.run("/opt/orlop/bin/orlop", "--version") == (0, f"orlop {__version__}\n")


def test_it_checks_images_and_keeps_what_it_saw_in_its_volume(built: Built) -> None:
    script = f"id -u; orlop image check {built.host}/team/orlop:1; find /data -name observations.db"
    status, said = built.run("/usr/bin/sh", "-c", script)
    assert status == 0, said
    assert said.startswith("65532\n")
    assert "fresh\tsame-base" in said
    assert said.endswith("/data/share/orlop/observations.db\n")


def test_the_image_itself_is_up_to_date_with_its_base(built: Built) -> None:
    with Client(credentials=Chain([])) as client:
        report: Any = client.check(f"{built.host}/team/orlop:1")
    (verdict,) = report.platforms
    assert (verdict.state, verdict.reason, str(verdict.base)) == ("fresh", "same-base", f"{built.host}/team/python:3")


def test_the_action_installs_its_own_source_and_checks(tmp_path: Path) -> None:
    if not os.environ.get("ORLOP_INTEROP"):
        pytest.skip("the action takes packages from an index; ./run interop lets it")
    steps = {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]}
    one = image([layer({"a": b"a"})], platform="linux/amd64")
    with registry() as running:
        push_now(one, running, "team/app", tags=["1"])
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path / "temp")}
        environ |= {
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "PYTHON": sys.executable,
            "SOURCE": str(ROOT),
            "VERSION": "",
        }
        environ |= {name: os.environ[name] for name in ("PIP_CERT", "SSL_CERT_FILE") if name in os.environ}
        environ |= {name: re.sub(r"\$\{\{.*\}\}", "", value) for name, value in steps["Check"]["env"].items()}
        environ |= {"FAIL_ON": "error", "IMAGE": f"{running.host}/team/app:1 {running.host}/team/app:1"}
        for name in ("Install orlop", "Check"):
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[name]["run"]]
            done = subprocess.run(shell, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    assert "state=fresh\nstatus=0\nstale=[]\n" in (tmp_path / "output").read_text("utf-8")
