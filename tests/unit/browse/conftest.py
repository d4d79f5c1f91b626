"""A registry with images to look into, and a browser that is driven by keys."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from textual.worker import WorkerCancelled

from orlop import Client
from orlop.auth.keychain import Chain
from orlop.browse.app import Browser
from orlop.model.platform import PlatformSelector
from orlop.testing import registry as start
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.layers import File, Link, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from textual.pilot import Pilot

    from orlop.testing import Registry
    from orlop.testing.builders import Built

NASTY = "b\x1b[31m\u202e[bold]c.txt"
PASSWD = b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1\n"
LONG = b"".join(b"line %d\n" % n for n in range(60_000))
HISTORY: list[dict[str, Any]] = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "/bin/sh -c #(nop) ADD rootfs.tar / "},
    {"created": "2024-01-01T00:00:00Z", "created_by": "ENV A=1", "empty_layer": True},
    {"created": "2024-01-01T00:00:00Z", "created_by": "RUN /bin/sh -c make # buildkit"},
]


@dataclass
class Driver:
    """The browser, its keys, and the screen that is on top."""

    app: Browser
    pilot: Pilot[None]

    async def settle(self) -> None:
        """Wait until nothing is asked any more, and every widget has seen its messages; a message may cause another."""
        for _ in range(4):
            await self.pilot.pause(0)
            with suppress(WorkerCancelled):  # a later question took its place
                await self.app.workers.wait_for_complete()
        await self.pilot.pause(0)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        await self.press(*("space" if char == " " else "slash" if char == "/" else char for char in text))

    @property
    def screen(self) -> Any:
        return self.app.screen

    @property
    def tree(self) -> list[str]:
        """The lines of the file tree, with two spaces for each level."""
        found: list[str] = []

        def walk(node: Any, level: int) -> None:
            found.append("  " * level + str(node.label))
            if node.is_expanded:
                for child in node.children:
                    walk(child, level + 1)

        for child in self.screen.files.root.children:
            walk(child, 0)
        return found

    def options(self, name: str) -> list[str]:
        listed = self.screen.query_one(name)
        return [str(listed.get_option_at_index(at).prompt) for at in range(listed.option_count)]


class Browsers:
    """Starts browsers, and has what they look into."""

    def __init__(self, client: Client, registry: Registry, images: dict[str, Built]) -> None:
        self.client, self.registry, self.images = client, registry, images
        self.host = registry.host

    def drive(
        self,
        story: Callable[[Driver], Awaitable[None]],
        *references: str,
        platform: str = "linux/amd64",
        size: tuple[int, int] = (120, 40),
    ) -> Browser:
        """Run a browser on its own loop, with the story pressing the keys."""

        async def main() -> Browser:
            async with self.running(*references, platform=platform, size=size) as driver:
                await driver.settle()
                await story(driver)
            return driver.app

        return asyncio.run(main())

    @asynccontextmanager
    async def running(self, *references: str, platform: str, size: tuple[int, int]) -> AsyncIterator[Driver]:
        selector = PlatformSelector.parse(platform) if platform else None
        app = Browser(self.client, references, platform=selector)
        async with app.run_test(size=size) as pilot:
            yield Driver(app, pilot)


def built() -> dict[str, Built]:
    base = layer(
        {
            "bin/sh": File(b"\x7fELF\0\x01\x02" + bytes(40), 0o755),
            "bin/toy": Link("bin/sh", hard=True),
            "etc/motd": b"old\n",
            "etc/passwd": PASSWD,
            f"etc/{NASTY}": b"\x1b[31mred\x1b[0m [bold]x[/bold]\n",
            "lib": Link("usr/lib"),
            "usr/lib/long": LONG,
        }
    )
    top = layer({"etc/motd": Whiteout(), "etc/hosts": b"127.0.0.1 localhost\n", "srv/app": b"app\n"})
    other = layer({"etc/passwd": PASSWD.replace(b"daemon", b"demon"), "etc/motd": b"old\n", "opt/new": b"new\n"})
    one = image([base, top], history=HISTORY, config={"Cmd": ["sh", "-c", "true"]})
    arm = image([layer({"arm": b"arm\n"})], platform="linux/arm64")
    two = image([base, other], config={"Cmd": ["other"]})
    return {
        "one": index([one, arm]),
        "two": index([two, arm]),
        "alone": one,
        "empty": image([]),
        "artifact": artifact({"a": b"1"}),
        "wide": image([layer({f"d/{n:05}": b"" for n in range(2100)})]),
    }


@pytest.fixture(scope="session")
def browsers() -> Iterator[Browsers]:
    images = built()
    with start() as running, Client(credentials=Chain([])) as client:
        for name, one in images.items():
            tags = ["1", "1.1", "2", "latest"] if name == "one" else ["1"]
            push_now(one, running, name, tags=tags)
        yield Browsers(client, running, images)
