"""Credential helpers as small shell scripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_helper(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """Return a maker of helper programs: (name, body in sh) to an environment whose PATH holds it first."""
    folder = tmp_path / "bin"

    def make(name: str, body: str) -> dict[str, str]:
        folder.mkdir(exist_ok=True)
        script = folder / f"docker-credential-{name}"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"}

    return make
