"""Three real images, one upon another, each for five platforms: what the tour and the tests ask about.

``base`` has an os-release (or Windows files), ``runtime`` the standard library of the interpreter that
runs, ``app`` a program. Each is a Docker manifest list, as the registries' best-known images are.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.testing.builders import CREATED, Built, image, index
from orlop.testing.layers import File, LayerBlob, Link, Whiteout, directory_layer, layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LINUX = ("linux/amd64", "linux/arm/v7", "linux/arm64/v8")
WINDOWS = ("windows(10.0.17763.6054)/amd64", "windows(10.0.20348.2582)/amd64")

OS_RELEASE = b"""\
PRETTY_NAME="Orlop Tour Linux 12 (gundeck)"
NAME="Orlop Tour Linux"
VERSION_ID="12"
VERSION="12 (gundeck)"
VERSION_CODENAME=gundeck
ID=orlop-tour
ID_LIKE=debian
HOME_URL="https://orlop.example/"
"""

STDLIB_LIMIT = 4 * 1024 * 1024
"""Bytes of standard library in each of the runtime's two layers, before compression."""

_APP = b"""\
import json, platform
print(json.dumps({"hello": platform.machine()}))
"""


@dataclass(frozen=True, slots=True)
class Samples:
    """The three images; each an index of five platforms."""

    base: Built
    runtime: Built
    app: Built

    def repositories(self) -> Iterator[tuple[str, Built]]:
        """Yield (repository name, image), the lowest first."""
        yield "tour/base", self.base
        yield "tour/runtime", self.runtime
        yield "tour/app", self.app


def tour_images(*, stdlib: str | None = None, limit: int = STDLIB_LIMIT) -> Samples:
    """Return the three images, built from real files in well under a second.

    stdlib: the folder of the standard library, the running interpreter's unless given. limit: bytes of
    it in each of two layers.
    """
    root = stdlib or sysconfig.get_path("stdlib")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    bases = {text: [_base_layer(text)] for text in (*LINUX, *WINDOWS)}
    # Python's own files are the same on every architecture, so one blob serves three platforms, as it does in life.
    linux = list(_stdlib_layers(root, f"usr/lib/python{version}", limit))
    windows = list(_stdlib_layers(root, "Files/Python/Lib", limit))
    runtimes = {text: [*bases[text], *(windows if text in WINDOWS else linux)] for text in bases}
    apps = {text: [*runtimes[text], _app_layer(text)] for text in bases}
    base = _index("base", bases, {})
    runtime = _index("runtime", runtimes, {"Env": [f"PYTHON_VERSION={version}"]}, ("base", base))
    program = {"Entrypoint": ["python3", "/app/main.py"], "WorkingDir": "/app"}
    app = _index("app", apps, program, ("runtime", runtime))
    return Samples(base, runtime, app)


def tour_tags(count: int = 2000) -> list[str]:
    """Return so many tag names of the shapes that real repositories have, in no sorted order."""
    suffixes = ("", "-slim", "-alpine", "-slim-arm64v8", "-nanoserver-1809")
    made = [
        f"{major}.{minor}.{patch}{suffix}"
        for patch in range(1 + count // (8 * 10 * len(suffixes)) + 1)
        for major in range(9, 1, -1)
        for minor in range(10)
        for suffix in suffixes
    ]
    return made[:count]


def _index(
    name: str,
    layers: Mapping[str, list[LayerBlob]],
    config: Mapping[str, object],
    below: tuple[str, Built] | None = None,
) -> Built:
    labels = {"org.opencontainers.image.title": f"tour/{name}", "org.opencontainers.image.version": "1.0"}
    if below:
        labels["org.opencontainers.image.base.name"] = f"tour/{below[0]}:latest"
        labels["org.opencontainers.image.base.digest"] = str(below[1].digest)
    children = [
        image(own, platform=text, labels=labels, config=config, history=_history(len(own), config), docker=True)
        for text, own in layers.items()
    ]
    return index(children, docker=True)


def _history(layers: int, config: Mapping[str, object]) -> list[dict[str, object]]:
    """Return what the builds would have written: a line for each layer, and lines that made none."""
    done = ("ADD rootfs.tar / # buildkit", "COPY modules /", "COPY packages /", "COPY app /app # buildkit")
    entries: list[dict[str, object]] = [{"created": CREATED, "created_by": text} for text in done[:layers]]
    for key, value in config.items():
        text = f"{key.upper()} {json.dumps(value)}"
        entries.append(
            {"created": CREATED, "created_by": text, "comment": "buildkit.dockerfile.v0", "empty_layer": True}
        )
    return entries


def _base_layer(platform: str) -> LayerBlob:
    if platform in WINDOWS:
        build = platform.partition("(")[2].partition(")")[0]
        return layer(
            {
                "Files/License.txt": f"Orlop Tour Windows {build}\r\n".encode(),
                "Files/Windows/System32/drivers/etc/hosts": b"# none\r\n",
                "Hives/System_Delta": b"regf" + bytes(60),
            }
        )
    return layer(
        {
            "usr/lib/os-release": OS_RELEASE,
            "etc/os-release": Link("../usr/lib/os-release"),
            "etc/hostname": b"tour\n",
            "etc/motd": b"Welcome below deck.\n",
            "usr/share/arch": f"{platform}\n".encode(),
            "bin/true": File(b"#!/bin/sh\n", 0o755),
        }
    )


def _stdlib_layers(root: str, at: str, limit: int) -> Iterator[LayerBlob]:
    skip = ("__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "lib-dynload")

    def made(keep: Callable[[str], bool]) -> LayerBlob:
        return directory_layer(root, at, keep=keep, skip=skip, limit=limit)

    yield made(lambda path: path.endswith(".py") and "/" not in path)
    yield made(lambda path: path.endswith(".py") and "/" in path)


def _app_layer(platform: str) -> LayerBlob:
    if platform in WINDOWS:
        return layer({"Files/app/main.py": _APP})
    return layer({"app/main.py": File(_APP, 0o755), "app/README": b"A program of the tour.\n", "etc/motd": Whiteout()})
