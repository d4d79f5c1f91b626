"""What an import of orlop's lower floors brings into a fresh interpreter."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import orlop

LIST_MODULES = "import sys, {module}; print('\\n'.join(m for m in sys.modules))"


def modules_after(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LIST_MODULES.format(module=module)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def submodules(*packages: str) -> list[str]:
    names: list[str] = []
    for package in packages:
        folder = str(Path(orlop.__path__[0], *package.split(".")[1:]))
        names += [package, *(f"{package}.{info.name}" for info in pkgutil.iter_modules([folder]))]
    return names


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What the interpreter loads by itself (site, and .pth files of other packages)."""
    return modules_after("sys")


@pytest.mark.parametrize("module", ["orlop.errors", "orlop.runtime", *submodules("orlop.model", "orlop.protocol")])
def test_a_lower_floor_needs_the_standard_library_alone(module: str, bare: set[str]) -> None:
    roots = {name.partition(".")[0] for name in modules_after(module) - bare}
    assert roots - set(sys.stdlib_module_names) - {"__main__", "__mp_main__"} == {"orlop"}


def test_importing_orlop_loads_nothing_but_the_version(bare: set[str]) -> None:
    loaded = {name for name in modules_after("orlop") - bare if name.startswith("orlop")}
    assert loaded <= {"orlop", "orlop._version"}
