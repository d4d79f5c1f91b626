"""The layers of the package, as the contracts in pyproject.toml state them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(60)
def test_imports_point_down_the_layers() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c(['--no-cache']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
