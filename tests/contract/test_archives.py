"""The shipped suite on archives: OCI layouts in tar, both forms of docker save, and what an engine saves on its socket."""

from __future__ import annotations

import sys
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orlop.aio import AsyncRuntime
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.sources import Places
from orlop.testing.archives import docker_files, layout_files, tar
from orlop.testing.builders import image
from orlop.testing.contract import SourceContract
from orlop.testing.engine import container_engine
from orlop.testing.layers import layer
from orlop.testing.suite import Samples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from orlop.content.base import Source

    Factory = Callable[[], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def place(locator: str, engine: str = "") -> AsyncIterator[Source]:
    places = Places(AsyncRuntime(), MANIFEST_LIMIT, engine)
    try:
        yield await places.source(locator)
    finally:
        await places.close()


class TestOciArchive(SourceContract):
    @pytest.fixture(params=["", "gzip", "zstd"])
    def factory(self, request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
        files = layout_files(self.samples.tags, others=[self.samples.note])
        # The name says nothing: what the file is, its first bytes say.
        (tmp_path / "x.tar").write_bytes(tar(files, compression=request.param, prefix="./"))
        return lambda: place(f"oci-archive:{tmp_path}/x.tar")


class OldSamples(Samples):
    """Images alone: the old form knows no indexes and no artifacts. Their manifests are what is made for them."""

    def __init__(self) -> None:
        super().__init__()
        self.image = image([layer({"a": b"hello"}), layer({"b": bytes(100_000)}, compression="")])
        self.other = image([layer({"c": b"other"}, compression="zstd")], platform="linux/arm64")
        self.index, self.note = self.image, self.other
        self.tags = {"one": self.image, "two": self.image, "other": self.other}


class TestOldDockerArchive(SourceContract):
    samples = OldSamples()
    lists_referrers = False

    @pytest.fixture(params=["", "gzip", "zstd"])
    def factory(self, request: pytest.FixtureRequest, tmp_path: Path) -> Factory:
        named = {f"team/app:{tag}": built for tag, built in self.samples.tags.items()}
        (tmp_path / "x.tar").write_bytes(tar(docker_files(named), compression=request.param))
        return lambda: place(f"docker-archive:{tmp_path}/x.tar")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")
class TestEngine(SourceContract):
    samples = OldSamples()
    lists_referrers = False

    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        named = {f"team/app:{tag}": built for tag, built in self.samples.tags.items()}
        # The paths of pytest may be too long for a socket.
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/s"
            with container_engine(path, {"team/app:one": tar(docker_files(named))}):
                yield lambda: place("docker-daemon:team/app:one", path)


class NewSamples(Samples):
    """The new form holds an index and an artifact in its layout, and names images alone."""

    def __init__(self) -> None:
        super().__init__()
        self.tags = {"one": self.image, "two": self.image, "other": self.other}


class TestNewDockerArchive(SourceContract):
    samples = NewSamples()

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        named = {f"team/app:{tag}": built for tag, built in self.samples.tags.items()}
        layout = layout_files({"team/app:many": self.samples.index}, others=[self.samples.note])
        files = {**docker_files(named, old=False), **layout}
        (tmp_path / "x.tar").write_bytes(tar(files))
        return lambda: place(f"docker-archive:{tmp_path}/x.tar")
