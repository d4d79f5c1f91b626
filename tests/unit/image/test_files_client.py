"""Both clients read, extract and export the files of an image."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from orlop import AsyncClient, Cache, Client
from orlop.auth.keychain import Chain
from orlop.errors import InputError, LimitError, NotFoundError
from orlop.testing.builders import image, index, push_now
from orlop.testing.layers import Link, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.testing import Registry


@pytest.fixture
def ref(registry: Registry) -> str:
    layers = [
        layer({"etc/a": b"1", "etc/b": os.urandom(400_000), "l": Link("etc/a")}),
        layer({"etc/c": b"3", "etc/gone": b"x"}),
        layer({"etc/gone": Whiteout(), "etc/a": b"22"}),
    ]
    built = index([image(layers), image([layer({"arm": b""})], platform="linux/arm64")])
    push_now(built, registry, "x", tags=["1"])
    return f"{registry.host}/x:1"


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(credentials=Chain([])) as made:
        yield made


AMD = "linux/amd64"


def test_the_blocking_client(client: Client, ref: str, tmp_path: Path) -> None:
    assert [node.path for node in client.files(ref, "/etc", platform=AMD)] == ["etc/a", "etc/b", "etc/c"]
    gone = [node.path for node in client.files(ref, platform=AMD, removed=True) if node.removed]
    assert gone == ["etc/a", "etc/gone"]
    assert client.read_file(ref, "l", platform=AMD) == b"22"
    assert client.read_file(ref, "l", platform=AMD, layer=0) == b"1"
    with client.open_file(ref, "/etc/b", platform=AMD) as chunks:
        assert sum(len(chunk) for chunk in chunks) == 400_000
    done = client.extract(ref, str(tmp_path / "out"), ["etc"], platform=AMD)
    assert (done.files, sorted(os.listdir(tmp_path / "out/etc"))) == (3, ["a", "b", "c"])
    made = client.export(ref, str(tmp_path / "a.tar"), platform=AMD)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert len(tar.getnames()) == made.members == 5
    out = io.BytesIO()
    client.export(ref, out, platform=AMD)
    assert out.getvalue() == (tmp_path / "a.tar").read_bytes()
    saved = client.save_layers(ref, str(tmp_path / "layers"), squash=False, platform=AMD)
    assert [one.files for one in saved] == [2, 2, 2]


def test_the_asynchronous_client(ref: str, tmp_path: Path) -> None:
    async def ask() -> None:
        async with AsyncClient(credentials=Chain([]), cache=Cache(str(tmp_path / "cache"))) as client:
            assert [node.path async for node in client.files(ref, depth=1, platform=AMD)] == ["etc", "l"]
            first, second = await asyncio.gather(
                client.extract(ref, str(tmp_path / "one"), platform=AMD),
                client.extract(ref, str(tmp_path / "two"), platform=AMD),
            )
            assert first.files == second.files == 3
            assert await client.read_file(ref, "etc/a", platform=AMD) == b"22"
            async with client.open_file(ref, "etc/b", platform=AMD) as stream:
                assert sum([len(chunk) async for chunk in stream]) == 400_000
            await client.export(ref, str(tmp_path / "a.tar"), platform=AMD)
            await client.save_layers(ref, str(tmp_path / "merged"), platform=AMD, layer=1)

    asyncio.run(ask())
    assert (tmp_path / "one/etc/b").read_bytes() == (tmp_path / "two/etc/b").read_bytes()
    assert sorted(os.listdir(tmp_path / "merged/etc")) == ["a", "b", "c", "gone"]


def test_what_cannot_be_read(client: Client, ref: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(client.files(ref, "/none", platform=AMD))
    with pytest.raises(InputError):
        client.read_file(ref, "/etc", platform=AMD)
    with pytest.raises(LimitError):
        client.read_file(ref, "/etc/b", platform=AMD, limit=1000)
    with pytest.raises(LimitError):
        client.extract(ref, str(tmp_path / "out"), platform=AMD, limit=1000)
    assert os.listdir(tmp_path) == []


def test_what_is_written_is_told_as_it_grows(client: Client, ref: str, tmp_path: Path) -> None:
    told: list[int] = []
    client.extract(ref, str(tmp_path / "out"), platform=AMD, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 400_003
