"""What the model may import: the standard library, and of it only what is cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orlop.model

MODULES = sorted(path.stem for path in Path(orlop.model.__file__).parent.glob("*.py") if path.stem != "__init__")
FORBIDDEN = {
    "asyncio",
    "anyio",
    "typing_extensions",
    "importlib.metadata",
    "http.client",
    "tarfile",
    "sqlite3",
    "subprocess",
    "tempfile",
    "logging",
    "urllib",
    "pathlib",
    "rich",
    "tomllib",
    "platformdirs",
    "ssl",
    "socket",
    "ipaddress",
    "platform",
    "datetime",
}
ABOVE = ("protocol", "auth", "transport", "content", "registry", "server", "image", "client", "sync", "cli")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_of_the_model_imports_nothing_heavy_and_nothing_above_it(module: str) -> None:
    code = f"import sys, orlop.model.{module}; print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    loaded = set(run.stdout.split())

    assert not loaded & FORBIDDEN
    assert not {name for name in loaded if name.startswith("orlop.") and name.split(".")[1] in ABOVE}


def test_a_manifest_is_parsed_without_the_platforms() -> None:
    code = "import sys, orlop.model.manifest; sys.exit('orlop.model.platform' in sys.modules)"

    subprocess.run([sys.executable, "-S", "-c", code], check=True, env=environment())


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(orlop.model.__file__).parents[2])}
