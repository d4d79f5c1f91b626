"""What the tests of the command line share: a filled registry, and ways to run ``orlop``."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from orlop.cli.main import run
from orlop.testing import registry as start
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.testing import Registry
    from orlop.testing.builders import Built

Orlop = Callable[..., "Said"]
Process = Callable[..., "subprocess.CompletedProcess[bytes]"]

OS_RELEASE = b'PRETTY_NAME="Test Linux 1"\nNAME="Test Linux"\nID=test\nID_LIKE="debian other"\nVERSION_ID=1\n'
LINUX = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8")
WINDOWS = ("windows(10.0.17763.6054)/amd64", "windows(10.0.20348.2582)/amd64")
TAGS = ("1.0.0", "1.2.0", "1.10.0", "1.10.0-rc1", "latest")


@dataclass
class Said:
    """What a command wrote, and how it ended."""

    status: int
    raw: bytes
    notes: str

    @property
    def text(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.raw.splitlines()]


class _Stream(io.TextIOWrapper):
    """Standard output or error in memory, which may claim to be a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def bytes(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder of this test's own."""
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def orlop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Orlop:
    """Run a command in this process."""

    def call(*arguments: str, env: dict[str, str] | None = None, stdin: bytes = b"", terminal: bool = False) -> Said:
        out, err = _Stream(terminal=terminal), _Stream(terminal=terminal)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status = run(arguments, {"HOME": str(home), "PATH": os.environ["PATH"], **(env or {})})
        return Said(status, out.bytes(), err.bytes().decode())

    return call


@pytest.fixture
def process(home: Path) -> Process:
    """Run a command as a process of its own, as people do."""

    def call(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[bytes]:
        options.setdefault("stdout", subprocess.PIPE)
        environ = {"HOME": str(home), "PATH": os.environ["PATH"], **(env or {})}
        command = [sys.executable, "-m", "orlop", *arguments]
        return subprocess.run(command, env=environ, stderr=subprocess.PIPE, check=False, timeout=15, **options)

    return call


def linux_image(platform: str, label: str = "demo") -> Built:
    return image(
        [layer({"etc/os-release": OS_RELEASE, "arch": platform.encode()}), layer({"app": b"print('hi')\n"})],
        platform=platform,
        labels={"org.opencontainers.image.title": label},
        config={"Cmd": ["run"]},
        docker=True,
    )


@dataclass
class Harbour:
    """A registry with: team/app, an index of five platforms under several tags; team/one, a single image; and an artifact."""

    registry: Registry
    app: Built
    one: Built
    sbom: Built

    @property
    def host(self) -> str:
        return self.registry.host

    @property
    def name(self) -> str:
        """The repository of the index."""
        return f"{self.host}/team/app"

    @property
    def single(self) -> str:
        """The repository of the image without an index."""
        return f"{self.host}/team/one"

    def child(self, platform: str) -> Built:
        return next(child for child in self.app.children if str(child.descriptor.platform) == platform)


@pytest.fixture(scope="session")
def harbour() -> Iterator[Harbour]:
    """The registry, filled once; tests only read it."""
    windows = [image([layer({"Files/a": b"a"})], platform=text, docker=True) for text in WINDOWS]
    app = index([*(linux_image(text) for text in LINUX), *windows], docker=True)
    one = linux_image("linux/amd64", "one")
    sbom = artifact({"sbom.json": b'{"spdx": 1}'}, artifact_type="application/spdx+json", subject=app)
    with start() as running:
        push_now(app, running, "team/app", tags=TAGS)
        push_now(one, running, "team/app", tags=["0.9"])
        push_now(sbom, running, "team/app", tags=[])
        push_now(one, running, "team/one", tags=["latest"])
        yield Harbour(running, app, one, sbom)
