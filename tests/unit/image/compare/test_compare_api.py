"""The client's methods: the same answers blocking and asynchronous, from any two places."""

from __future__ import annotations

import asyncio
import os
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import pytest
from tests import packagefiles

from orlop import AsyncClient, Cache, Client
from orlop.auth.keychain import Chain
from orlop.content.layout import LayoutFolder
from orlop.errors import InputError, PlatformChoiceError
from orlop.image.compare.semantic import SEMANTIC
from orlop.testing import registry as start
from orlop.testing.builders import image, index, push, push_now
from orlop.testing.layers import File, layer
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.testing import Registry

BASE = layer({"etc/a": b"a\n", "var/lib/dpkg/status": packagefiles.dpkg({"bash": "1"})})
NEW = layer({"etc/a": File(b"b\n", mtime=5), "var/lib/dpkg/status": packagefiles.dpkg({"bash": "2"})})
ONE, TWO = image([BASE], labels={"v": "1"}), image([BASE, NEW], labels={"v": "2"})
NAMES = ("compare_layers", "compare_files", "compare_config", "compare_metadata", "compare_packages")


@pytest.fixture(scope="module")
def running() -> Iterator[Registry]:
    with start() as made:
        push_now(ONE, made, "a/b", tags=["1"])
        push_now(TWO, made, "a/b", tags=["2"])
        push_now(index([ONE, image([BASE], platform="linux/arm64")]), made, "c/d", tags=["i"])
        yield made


def refs(running: Registry) -> tuple[str, str]:
    return f"{running.host}/a/b:1", f"{running.host}/a/b:2"


@pytest.mark.parametrize("name", NAMES)
def test_both_clients_give_the_same_frozen_answer(running: Registry, name: str) -> None:
    async def asked() -> Any:
        async with AsyncClient(credentials=Chain([])) as client:
            return await getattr(client, name)(*refs(running))

    with Client(credentials=Chain([])) as client:
        found = getattr(client, name)(*refs(running))
        assert found == asyncio.run(asked())
        assert not found.equal
        assert getattr(client, name)(refs(running)[0], refs(running)[0]).equal
    with pytest.raises(FrozenInstanceError):
        found.base = "other"
    assert found.to_json()


def test_answers_are_values_to_work_with(running: Registry) -> None:
    with Client(credentials=Chain([])) as client:
        (files,) = client.compare_files(*refs(running), diff=True).platforms
        assert [(one.path, one.change, one.kinds) for one in files.changes] == [
            ("etc/a", "changed", ("content", "time")),
            ("var/lib/dpkg/status", "changed", ("content",)),
        ]
        assert files.changes[0].diff is not None
        assert files.changes[0].diff.lines[-2:] == ("-a", "+b")
        (packages,) = client.compare_packages(*refs(running)).platforms
        assert [(one.name, one.change) for one in packages.changes] == [("bash", "upgraded")]
        (config,) = client.compare_config(*refs(running), ignore=SEMANTIC).platforms
        assert [one.field for one in config.changes] == ['config.Labels["v"]']


def test_an_image_in_a_folder_is_compared_with_one_of_a_registry(running: Registry, tmp_path: Path) -> None:
    place = tmp_path / "layout"
    runtime = ThreadRuntime()
    step(push(TWO, LayoutFolder(str(place), runtime), tags=["x"]))
    runtime.close()
    with Client(credentials=Chain([])) as client:
        assert client.compare_files(refs(running)[1], f"oci:{place}:x").equal
        assert not client.compare_files(f"oci:{place}:x", refs(running)[0]).equal


def test_what_is_kept_is_not_fetched_again(running: Registry, tmp_path: Path) -> None:
    layers = [str(one.descriptor.digest) for one in (BASE, NEW)]
    for expected in (2, 0):
        before = len(running.requests)
        with Client(credentials=Chain([]), cache=Cache(str(tmp_path / "cache"))) as client:
            client.compare_files(*refs(running))
        asked = [request for request in running.requests[before:] if any(one in request.target for one in layers)]
        assert len(asked) == expected


def test_two_images_are_written_to_two_folders(running: Registry, tmp_path: Path) -> None:
    with Client(credentials=Chain([])) as client:
        found = client.compare_folders(*refs(running), str(tmp_path / "to"))
        assert not found.equal
        assert (tmp_path / "to/base/etc/a").read_text() == "a\n"
        assert (tmp_path / "to/target/etc/a").read_text() == "b\n"
        assert sorted(os.listdir(tmp_path / "to")) == ["base", "target"]
        found = client.compare_folders(*refs(running), str(tmp_path / "alone"), base_layer=0, target_layer=1)
        assert not found.equal
        with pytest.raises(PlatformChoiceError):
            client.compare_folders(f"{running.host}/c/d:i", refs(running)[0], str(tmp_path / "x"))
        with pytest.raises(InputError):
            client.compare_folders(*refs(running), str(tmp_path / "y"), layer=4)
    assert not (tmp_path / "y" / "base").exists()
