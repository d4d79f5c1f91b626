"""What a short command imports and costs. The lists are held here, so that whoever makes them longer sees that he does."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry
from orlop.testing.builders import image, push_now

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "import sys; sys.argv[0] = 'orlop'; from orlop.cli.main import main; main()"

VERSION = {"orlop", "orlop._version", "orlop.cli", "orlop.cli.main"}

# One `orlop manifest get`, signed in to as its registry asks, costs these modules of ours and no other.
MANIFEST_GET = VERSION | {
    "orlop.auth",
    "orlop.auth.authenticator",
    "orlop.auth.credential",
    "orlop.auth.keychain",
    "orlop.auth.tokens",
    "orlop.cli.batch",
    "orlop.cli.context",
    "orlop.cli.credentials",
    "orlop.cli.folders",
    "orlop.cli.lazy",
    "orlop.cli.options",
    "orlop.cli.render",
    "orlop.cli.root",
    "orlop.cli.settings",
    "orlop.cli.sources",
    "orlop.cli.status",
    "orlop.cli.streams",
    "orlop.cli.commands",
    "orlop.cli.commands.manifest",
    "orlop.client",
    "orlop.clientparts",
    "orlop.clientparts.attachments",
    "orlop.clientparts.base",
    "orlop.clientparts.files",
    "orlop.clientparts.blobs",
    "orlop.clientparts.wire",
    "orlop.clientparts.history",
    "orlop.clientparts.packages",
    "orlop.clientparts.compare",
    "orlop.clientparts.freshness",
    "orlop.clientparts.announce",
    "orlop.content",
    "orlop.content.base",
    "orlop.content.cache",
    "orlop.errors",
    "orlop.model",
    "orlop.model.annotations",
    "orlop.model.descriptor",
    "orlop.model.digest",
    "orlop.model.jsondoc",
    "orlop.model.manifest",
    "orlop.model.mediatype",
    "orlop.model.reference",
    "orlop.model.schema1",
    "orlop.model.value",
    "orlop.protocol",
    "orlop.protocol._text",
    "orlop.protocol._uri",
    "orlop.protocol.challenge",
    "orlop.protocol.errorbody",
    "orlop.protocol.headers",
    "orlop.protocol.hosts",
    "orlop.protocol.message",
    "orlop.protocol.routes",
    "orlop.registry",
    "orlop.registry.manifests",
    "orlop.registry.quirks",
    "orlop.registry.repository",
    "orlop.registry.session",
    "orlop.runtime",
    "orlop.sync",
    "orlop.threads",
    "orlop.transport",
    "orlop.transport.base",
    "orlop.transport.http",
    "orlop.transport.limits",
    "orlop.transport.options",
    "orlop.transport.redact",
    "orlop.transport.redirect",
    "orlop.transport.retry",
}

FORBIDDEN = {
    "anyio",
    "asyncio",
    "concurrent.futures",
    "email",
    "http.client",
    "importlib.metadata",
    "isal",
    "logging",
    "pathlib",
    "platformdirs",
    "rich",
    "shutil",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "tomllib",
    "typing_extensions",
    "urllib.parse",
    "urllib.request",
    "uvicorn",
    "zlib",
}

# Processor time as a multiple of `python -I -c pass` of the same run. The budgets are 2 and 8; a busy machine gets a quarter more.
VERSION_RATIO = 2 * 1.25
MANIFEST_GET_RATIO = 8 * 1.25


@pytest.fixture
def manifest_get() -> Iterator[list[str]]:
    """The arguments of a command that works."""
    with registry() as running:
        push_now(image([]), running, "team/app", tags=["1"])
        yield ["manifest", "get", f"{running.host}/team/app:1"]


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def imported(code: str, *arguments: str) -> set[str]:
    """Return the modules that are there when the code ends; every name, however it was imported."""
    told = "import atexit, sys; atexit.register(lambda: sys.stderr.write('\\n'.join(sys.modules)))\n"
    done = subprocess.run(
        [sys.executable, "-c", told + code, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=15,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines())


def cost(*options: str, tries: int = 5) -> float:
    """Return the least processor seconds of several runs."""
    return min(one_run(*options) for _ in range(tries))


def one_run(*options: str) -> float:
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawn(sys.executable, [sys.executable, *options], environment(), file_actions=silent)
    _, status, used = os.wait4(child, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime


def test_the_version_is_told_without_importing_more() -> None:
    loaded = imported(START, "--version")
    assert {name for name in loaded if name.partition(".")[0] in {"orlop", "click"}} <= VERSION
    assert not loaded & FORBIDDEN


def test_one_manifest_is_fetched_by_the_modules_on_the_list(manifest_get: list[str]) -> None:
    loaded = imported(START, *manifest_get)
    added = {name for name in loaded if name.partition(".")[0] == "orlop"} - MANIFEST_GET
    assert not added, (
        f"a short command now imports {sorted(added)}: import it where it is needed, or add it to the list"
    )


def test_one_manifest_is_fetched_without_a_dear_import(manifest_get: list[str]) -> None:
    dear = (imported(START, *manifest_get) - imported("pass")) & FORBIDDEN
    assert not dear, f"a short command now imports {sorted(dear)}"


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="needs posix_spawn and wait4")
def test_the_version_costs_little_more_than_the_interpreter() -> None:
    ratio = cost("-I", "-c", START, "--version") / cost("-I", "-c", "pass")
    assert ratio < VERSION_RATIO, f"--version takes {ratio:.1f} times what the bare interpreter takes"


@pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="needs posix_spawn and wait4")
def test_one_manifest_costs_a_few_times_the_interpreter(manifest_get: list[str]) -> None:
    ratio = cost("-I", "-c", START, *manifest_get) / cost("-I", "-c", "pass")
    assert ratio < MANIFEST_GET_RATIO, f"manifest get takes {ratio:.1f} times what the bare interpreter takes"
