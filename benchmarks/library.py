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
from benchmarks.fleet import free_port, static
from orlop import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 2000
AT_ONCE = 32
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json"


def main() -> None:
    """Print the ratios of Client and AsyncClient to httpx, one after another and 32 at once.

    The bars hold where the server takes least of the two's time: static files under nginx. The embedded registry, which
    is Python as well and shares the cores, is there to compare.
    """
    chosen = options(__doc__ or "", rounds=3)
    bars = Bars()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "registry"
        digests = fill_manifests(root, "bench/images", COUNT)
        with embedded(root) as host:
            ratios(f"{COUNT} manifests of the embedded registry", host, digests, chosen.rounds, None)
            files = copied(host, digests, Path(folder) / "files")
        with static(Path(folder) / "files", free_port(), files) as host:
            ratios(f"{COUNT} manifests that are files under nginx", host, digests, chosen.rounds, bars)
    bars.done()


def copied(host: str, digests: list[str], root: Path) -> str:
    """Write the manifests as files, and return what nginx has to say of each."""
    manifests = root / "v2/bench/images/manifests"
    manifests.mkdir(parents=True)
    (root / "v2" / "index.html").write_bytes(b"{}")
    with httpx.Client(headers={"accept": ACCEPT}) as client:
        for digest in digests:
            answer = client.get(f"http://{host}/v2/bench/images/manifests/{digest}").raise_for_status()
            (manifests / digest).write_bytes(answer.content)
    return f"map $uri $kind {{ default {ACCEPT}; }}\nmap $uri $digest {{ ~/(?<named>sha256:[0-9a-f]+)$ $named; }}\n"


def ratios(title: str, host: str, digests: list[str], rounds: int, bars: Bars | None) -> None:
    """Measure all five on one server, and hold them to the bars, if there are any."""
    refs = [f"{host}/bench/images@{digest}" for digest in digests]
    urls = [(f"http://{host}/v2/bench/images/manifests/{digest}", digest) for digest in digests]
    runs = medians(
        rounds,
        {
            "httpx.AsyncClient, 32 at once": lambda: clock(lambda: asyncio.run(httpx_async(urls))),
            "AsyncClient.many, 32 at once": lambda: clock(lambda: asyncio.run(ours_async(refs))),
            "httpx.Client, one by one": lambda: clock(lambda: httpx_blocking(urls)),
            "Client.manifest, one by one": lambda: clock(lambda: ours_blocking(refs)),
            "Client.many": lambda: clock(lambda: ours_many(refs)),
        },
    )
    print(f"{title}, median of {rounds}")
    for name, run in runs.items():
        say(name, run)
    at_once, blocking = runs["httpx.AsyncClient, 32 at once"].seconds, runs["httpx.Client, one by one"].seconds
    for what, ratio, bar in (
        ("AsyncClient against httpx.AsyncClient", at_once / runs["AsyncClient.many, 32 at once"].seconds, 10),
        ("Client one by one against httpx.Client", blocking / runs["Client.manifest, one by one"].seconds, 2),
        ("Client.many against httpx.Client", blocking / runs["Client.many"].seconds, 4),
    ):
        if bars is None:
            print(f"     {what}: {ratio:.2f}")
        else:
            bars.at_least(what, ratio, bar)


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
