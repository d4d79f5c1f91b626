"""2,000 manifests in one process, digests verified: httpx against the library."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.common import Bars, Run, embedded, fill_manifests, medians, options, say
from orlop import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 2000
AT_ONCE = 32
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


def main() -> None:
    """Print the ratios of Client and AsyncClient to httpx, one after another and 32 at once."""
    chosen = options(__doc__ or "", rounds=3)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "registry"
        digests = fill_manifests(root, "bench/images", COUNT)
        with embedded(root) as host:
            refs = [f"{host}/bench/images@{digest}" for digest in digests]
            urls = [(f"http://{host}/v2/bench/images/manifests/{digest}", digest) for digest in digests]
            runs = medians(
                chosen.rounds,
                {
                    "httpx.AsyncClient, 32 at once": lambda: clock(lambda: asyncio.run(httpx_async(urls))),
                    "AsyncClient.many, 32 at once": lambda: clock(lambda: asyncio.run(ours_async(refs))),
                    "httpx.Client, one by one": lambda: clock(lambda: httpx_blocking(urls)),
                    "Client.manifest, one by one": lambda: clock(lambda: ours_blocking(refs)),
                    "Client.many": lambda: clock(lambda: ours_many(refs)),
                },
            )
    print(f"{COUNT} manifests in one process, median of {chosen.rounds}")
    for name, run in runs.items():
        say(name, run)
    blocking = runs["httpx.Client, one by one"].seconds
    bars = Bars()
    bars.at_least(
        "AsyncClient against httpx.AsyncClient",
        runs["httpx.AsyncClient, 32 at once"].seconds / runs["AsyncClient.many, 32 at once"].seconds,
        10,
    )
    bars.at_least("Client one by one against httpx.Client", blocking / runs["Client.manifest, one by one"].seconds, 2)
    bars.at_least("Client.many against httpx.Client", blocking / runs["Client.many"].seconds, 4)
    bars.done()


def clock(work: Callable[[], int]) -> Run:
    """Run it once; it returns how many manifests were right."""
    started = time.perf_counter()
    right = work()
    seconds = time.perf_counter() - started
    assert right == COUNT, right
    return Run(seconds, 0.0, 0.0, b"")


def checked(body: bytes, digest: str) -> bool:
    """Whether the body is what was asked for."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}" == digest


async def httpx_async(urls: list[tuple[str, str]]) -> int:
    """Fetch all with httpx, 32 at once."""
    gate = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(headers={"accept": ACCEPT}, limits=limits) as client:

        async def one(url: str, digest: str) -> bool:
            async with gate:
                return checked((await client.get(url)).content, digest)

        return sum(await asyncio.gather(*(one(url, digest) for url, digest in urls)))


def httpx_blocking(urls: list[tuple[str, str]]) -> int:
    """Fetch all with httpx, one after another."""
    with httpx.Client(headers={"accept": ACCEPT}) as client:
        return sum(checked(client.get(url).content, digest) for url, digest in urls)


async def ours_async(refs: list[str]) -> int:
    """Fetch all with AsyncClient, 32 at once; it verifies the digests itself."""
    async with AsyncClient(concurrency=AT_ONCE) as client:
        return sum([bool(item.result().raw) async for item in client.many(refs)])


def ours_blocking(refs: list[str]) -> int:
    """Fetch all with Client, one after another."""
    with Client() as client:
        return sum(bool(client.manifest(ref).raw) for ref in refs)


def ours_many(refs: list[str]) -> int:
    """Fetch all with Client's many-at-once call."""
    with Client() as client:
        return sum(bool(item.result().raw) for item in client.many(refs))


if __name__ == "__main__":
    main()
