"""Draw the pictures of the browser in the guide, docs/guide/browse.svg and browse-two.svg: what it shows of images made here.

Run: ./run python tools/screenshot.py (with the development dependencies). The same code draws the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orlop import Client, HostOptions
from orlop.auth.keychain import Chain
from orlop.browse.app import Browser
from orlop.model.platform import PlatformSelector
from orlop.testing import registry
from orlop.testing.builders import image, index, push_now
from orlop.testing.layers import File, Link, Whiteout, layer

if TYPE_CHECKING:
    from orlop.testing.builders import Built

FOLDER = Path(__file__).parents[1] / "docs" / "guide"
HOST = "registry.example"
SIZE = (100, 26)
KEYS = {
    "browse": (["1.0"], ["a", "down", "down", "enter", "down", "down", "down"]),
    "browse-two": (["1.0", "1.1"], ["down", "down", "enter"]),
}


def main() -> int:
    """Draw each picture; return the exit status."""
    with registry() as running:
        for tag, built in images().items():
            push_now(built, running, "team/app", tags=[tag])
        hosts = {HOST: HostOptions(mirrors=(running.host,))}
        with Client(credentials=Chain([]), hosts=hosts) as client:
            for name, (tags, keys) in KEYS.items():
                drawn = asyncio.run(draw(client, [f"{HOST}/team/app:{tag}" for tag in tags], keys))
                (FOLDER / f"{name}.svg").write_text(slim(drawn), "utf-8")
                print(f"wrote docs/guide/{name}.svg")
    return 0


def images() -> dict[str, Built]:
    """Return the images of two releases, each for two platforms."""
    release = b'PRETTY_NAME="Example Linux 1"\nID=example\n'
    base = layer(
        {
            "bin/sh": File(b"\x7fELF" + bytes(60_000), 0o755),
            "etc/hostname": b"build\n",
            "etc/motd": b"Welcome.\n",
            "etc/os-release": Link("../usr/lib/os-release"),
            "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
            "usr/lib/os-release": release,
        }
    )
    made = {}
    for tag in ("1.0", "1.1"):
        own = layer(
            {
                "etc/motd": Whiteout(),
                "srv/app/main.py": File(f'VERSION = "{tag}"\nprint("hello", VERSION)\n'.encode(), 0o755),
                "srv/app/requirements.txt": b"flask==3.1\n" if tag == "1.0" else b"flask==3.1\nredis==6.0\n",
            }
        )
        steps = ("ADD rootfs.tar /", "COPY app /srv/app # buildkit")
        history = [{"created": "2024-01-01T00:00:00Z", "created_by": step} for step in steps]
        platforms = ("linux/amd64", "linux/arm64")
        children = [
            image([base, own], platform=at, history=history, config={"Cmd": ["/srv/app/main.py"]}) for at in platforms
        ]
        made[tag] = index(children)
    return made


async def draw(client: Client, references: list[str], keys: list[str]) -> str:
    """Return the screen after the keys, as SVG; each is pressed when all is there that the last one asked for."""
    app = Browser(client, references, platform=PlatformSelector.parse("linux/amd64"))
    async with app.run_test(size=SIZE) as pilot:
        for key in ["", *keys]:
            if key:
                await pilot.press(key)
            for _ in range(4):
                await pilot.pause()
                await app.workers.wait_for_complete()
        await pilot.pause()
        return app.export_screenshot(title="orlop browse", simplify=True)


def slim(drawn: str) -> str:
    """Return the picture without the fonts that it would fetch from elsewhere: any of fixed width serves."""
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
