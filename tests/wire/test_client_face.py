"""The blocking face is whole, works beside a running loop, in threads, and refuses what cannot work."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from orlop import AsyncClient, Client, OrlopError
from orlop.testing import Registry, builders

if TYPE_CHECKING:
    from orlop.testing.builders import Built

_BOTH_ONLY = {"layers_of", "registry", "repository"}


def test_every_public_method_has_its_blocking_twin() -> None:
    names = {name for name in dir(AsyncClient) if not name.startswith("_")} - _BOTH_ONLY
    assert names <= set(dir(Client)), names - set(dir(Client))


@pytest.mark.parametrize(
    "name", sorted({n for n in dir(AsyncClient) if not n.startswith("_")} - _BOTH_ONLY - {"close", "concurrency"})
)
def test_a_twin_keeps_parameters_and_documentation(name: str) -> None:
    original, twin = getattr(AsyncClient, name), getattr(Client, name)
    assert list(inspect.signature(twin).parameters) == list(inspect.signature(original).parameters)
    assert twin.__doc__


@pytest.fixture
def image(registry: Registry) -> Any:
    built = builders.random_image(seed=1)
    asyncio.run(builders.push(built, registry.store, "a/b", tags=["t"]))
    return built


def test_it_works_while_a_loop_runs(client: Client, registry: Registry, image: Built) -> None:
    async def inside() -> Any:
        return client.manifest(f"{registry.host}/a/b:t")

    assert asyncio.run(inside()).digest == image.digest


def test_threads_may_share_one(client: Client, registry: Registry, image: Built) -> None:
    digests: list[Any] = []

    def work() -> Any:
        digests.extend(client.manifest(f"{registry.host}/a/b:t").digest for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [image.digest] * 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("method", ["manifest", "layers"])
def test_a_client_from_before_a_fork_says_so(client: Client, registry: Registry, image: Built, method: str) -> None:
    client.manifest(f"{registry.host}/a/b:t")
    client.layers(f"{registry.host}/a/b:t")  # a worker did that
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing"
        try:
            getattr(client, method)(f"{registry.host}/a/b:t")
        except OrlopError as error:
            said = str(error).encode()
        finally:
            os.write(writer, said)
            os._exit(0)
    os.waitpid(child, 0)
    assert b"before a fork" in os.read(reader, 1000)


def test_leaving_an_iterator_early_leaves_nothing_behind(client: Client, registry: Registry, image: Built) -> None:
    for _ in client.many([f"{registry.host}/a/b:t"] * 50):
        break
    assert client.manifest(f"{registry.host}/a/b:t").digest == image.digest


def test_the_blocking_client_never_imports_asyncio(registry: Registry, image: Built) -> None:
    code = (
        "import sys; from orlop import Client\n"
        f"with Client() as c: assert str(c.manifest('{registry.host}/a/b:t').digest) == '{image.digest}'\n"
        "assert 'asyncio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "HOME": "/nonexistent"})
