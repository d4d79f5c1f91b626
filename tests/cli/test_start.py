"""What a start costs: which modules it imports, and that the version comes before all of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Process

FORBIDDEN = {
    *(
        "anyio",
        "asyncio",
        "concurrent.futures",
        "ctypes",
        "email",
        "getpass",
        "http.client",
        "importlib.metadata",
        "logging",
    ),
    *(
        "multiprocessing",
        "pathlib",
        "platformdirs",
        "rich",
        "shutil",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tarfile",
    ),
    *("tempfile", "tomllib", "typing_extensions", "urllib.parse", "urllib.request", "uvicorn", "isal", "locale"),
}
"""What no reading of a manifest may import; uuid, datetime and inspect come with click."""


def imported(home: Path, *arguments: str) -> set[str]:
    """Return what a start of the installed script imports beyond what the interpreter itself does."""
    command = [sys.executable, "-X", "importtime", "-c", "from orlop.cli.main import main; main()", *arguments]
    done = subprocess.run(command, env={"HOME": str(home)}, capture_output=True, check=False, timeout=15)
    assert done.returncode == 0, done.stderr
    return {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines() if b"import time:" in line}


def test_the_version_comes_before_all_else(process: Process, home: Path) -> None:
    assert process("--version").stdout == f"orlop {__version__}\n".encode()
    modules = imported(home, "--version")
    assert "click" not in modules
    assert {name for name in modules if name.startswith("orlop")} <= {
        "orlop",
        "orlop._version",
        "orlop.cli",
        "orlop.cli.main",
    }
    assert not {"typing", "re", "json", "dataclasses", "enum", "collections", "contextlib"} & modules


@pytest.mark.parametrize("many", [False, True])
def test_a_manifest_is_read_without_dear_modules(home: Path, harbour: Harbour, tmp_path: Path, many: bool) -> None:
    (tmp_path / "refs").write_text(harbour.single, "utf-8")
    arguments = ("--from-file", str(tmp_path / "refs")) if many else (harbour.single,)
    modules = imported(home, "manifest", "get", *arguments)
    assert {name for name in modules if name in FORBIDDEN} == set()


def test_a_layer_that_is_known_is_listed_without_dear_modules(home: Path, harbour: Harbour) -> None:
    imported(home, "image", "ls", "-R", harbour.single)
    modules = imported(home, "image", "ls", "-R", harbour.single)
    assert {
        name for name in modules if name in {*FORBIDDEN, "array", "bisect", "difflib", "orlop.layer.pipeline"}
    } == set()


def test_help_needs_no_client(home: Path) -> None:
    modules = imported(home, "--help")
    assert not {
        name for name in modules if name.startswith(("orlop.sync", "orlop.client", "orlop.cli.commands.", "pyreqwest"))
    }


def test_the_module_runs_without_its_script(home: Path) -> None:
    command = [sys.executable, "-m", "orlop", "ref", "parse", "debian"]
    done = subprocess.run(command, env={"HOME": str(home)}, capture_output=True, check=True, timeout=15)
    assert done.stdout == b"docker.io/library/debian:latest\n"
