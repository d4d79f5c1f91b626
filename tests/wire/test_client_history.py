"""Layers, Dockerfiles and sizes: the same answers from both clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orlop import AsyncClient, Client
from orlop.errors import InputError, LimitError, PlatformChoiceError
from orlop.layer.limits import Limits
from orlop.testing.builders import image, index, push_now
from orlop.testing.layers import Whiteout, layer

if TYPE_CHECKING:
    from orlop.image.dockerfile import Dockerfile
    from orlop.image.history import LayerList
    from orlop.image.size import SizeReport
    from orlop.testing import Registry

BASE, TOP = layer({"a": bytes(500)}), layer({"a": Whiteout(), "b": b"1"})
STEPS = [{"created_by": "/bin/sh -c #(nop) ADD file:0a in / "}, {"created_by": "/bin/sh -c rm /a && echo 1 > /b"}]


@pytest.fixture
def names(registry: Registry) -> tuple[str, str]:
    """An index of two platforms, and one of their bases."""
    platforms = ("linux/amd64", "linux/arm64")
    push_now(index([image([BASE, TOP], platform=one, history=STEPS) for one in platforms]), registry, "app", tags=["1"])
    push_now(index([image([BASE], platform=one, history=STEPS[:1]) for one in platforms]), registry, "base", tags=["1"])
    return f"{registry.host}/app:1", f"{registry.host}/base:1"


def test_both_clients_tell_the_same(client: Client, names: tuple[str, str]) -> None:
    app, base = names

    async def ask() -> tuple[LayerList, Dockerfile, SizeReport]:
        async with AsyncClient() as other:
            return (
                await other.layers(app, platform="linux/arm64", unpacked=True),
                await other.dockerfile(app, platform="linux/arm64", base=base),
                await other.size([app, base], platform="linux/arm64", base=base),
            )

    layers, dockerfile, size = asyncio.run(ask())
    assert client.layers(app, platform="linux/arm64", unpacked=True).rows == layers.rows
    assert client.dockerfile(app, platform="linux/arm64", base=base).text() == dockerfile.text()
    assert client.size([app, base], platform="linux/arm64", base=base).images[0].waste == size.images[0].waste
    assert dockerfile.text().splitlines()[-2:] == [f"FROM {base}", "RUN rm /a && echo 1 > /b"]
    assert [one.shared for one in size.images] == [BASE.descriptor.size] * 2


def test_a_base_is_of_the_platform_of_the_image(client: Client, names: tuple[str, str], registry: Registry) -> None:
    app, base = names
    push_now(image([BASE, TOP], platform="linux/arm64", history=STEPS), registry, "single", tags=["1"])
    assert client.dockerfile(f"{registry.host}/single:1", base=base).base == base
    with pytest.raises(PlatformChoiceError):
        client.dockerfile(app)


def test_nothing_weighs_nothing(client: Client) -> None:
    report = client.size([])
    assert (report.images, report.size, report.unpacked_size) == ((), 0, 0)


def test_an_image_that_is_none_of_a_base_is_an_error(client: Client, names: tuple[str, str]) -> None:
    app, base = names
    with pytest.raises(InputError, match="its layers are not the lowest"):
        client.size([base], platform="linux/amd64", base=app)


def test_a_client_tells_what_it_reads_of_layers_and_keeps_to_their_limits(names: tuple[str, str]) -> None:
    told: list[tuple[int, int]] = []
    with Client(reading=lambda done, total: told.append((done, total))) as client:
        client.size([names[0]], platform="linux/arm64")
    assert told[-1] == (BASE.descriptor.size + TOP.descriptor.size,) * 2
    with Client(layer_limits=Limits(entries=1)) as client, pytest.raises(LimitError, match="entries"):
        client.size([names[0]], platform="linux/arm64")
