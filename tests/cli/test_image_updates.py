"""``orlop image updates``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.testing import builders

if TYPE_CHECKING:
    from orlop.testing import Registry


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orlop", "image", "updates", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def filled(registry: Registry) -> Registry:
    for seed, tags in enumerate(
        (["7", "7.0", "7.0.1"], ["7.0.2"], ["7.1.0"], ["8.0.0", "latest"], ["8.0.0-alpine3.18"])
    ):
        builders.push_now(builders.random_image(seed=seed), registry.store, "team/app", tags=tags)
    return registry


def test_what_is_newer_in_json(filled: Registry) -> None:
    done = run(f"{filled.host}/team/app:7.0.1", "--output", "json")
    found = json.loads(done.stdout)
    assert (found["line"]["tag"], found["family"]["tag"], found["current"]) == ("7.0.2", "8.0.0", False)
    assert found["line"]["moved"] == ["patch"]
    assert found["releasesBehind"] == {"patch": 1, "minor": 1, "major": 1}
    assert found["aliases"] == ["7.0", "7"]


def test_a_name_of_the_same_digest_is_no_update(filled: Registry) -> None:
    builders.push_now(builders.random_image(seed=3), filled.store, "team/app", tags=["9.0.0"])
    found = json.loads(run(f"{filled.host}/team/app:8.0.0", "--output", "json").stdout)
    assert (found["family"], found["aliases"]) == (None, ["9.0.0", "latest"]) or found["family"] is None


def test_plain_lines_in_a_pipe(filled: Registry) -> None:
    done = run(f"{filled.host}/team/app:7.0.1")
    assert done.stdout.splitlines()[0].split() == ["line", "7.0.2", "patch"]


def test_a_digest_has_no_newer_tags(filled: Registry) -> None:
    digest = builders.random_image(seed=0).digest
    done = run(f"{filled.host}/team/app@{digest}")
    assert done.returncode == 2
    assert "only a tag has newer tags" in done.stderr


def test_a_tag_that_is_not_there(filled: Registry) -> None:
    assert run(f"{filled.host}/team/app:6.0.0").returncode == 3


def test_many(filled: Registry) -> None:
    done = run(f"{filled.host}/team/app:7.0.1", f"{filled.host}/team/app:none", "--ordered")
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["line"]["tag"] == "7.0.2"
    assert second["error"]["status"] == 3
    assert done.returncode == 3
