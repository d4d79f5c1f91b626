"""The guide's table of freshness cases against regctl itself: what it is recorded to say is what it says."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.freshness_cases import CASES, REGCTL_VERSION
from tests.interop.peers import program
from tests.interop.shelf import Shelf

from orlop.testing import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.interop.freshness_cases import Case

    from orlop.testing import Registry

PATIENCE_S = 5.0


class Regctl:
    """regctl with settings of its own, which take the registry without TLS."""

    def __init__(self, folder: Path, place: Registry) -> None:
        self._program = program("regctl")
        settings = folder / "regctl.json"
        plain = {"tls": "disabled"}
        # What is named without a registry is asked here as well: these tests leave the machine for nothing.
        hosts = {place.host: plain, "docker.io": {**plain, "hostname": place.host}}
        settings.write_text(json.dumps({"hosts": hosts}))
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "REGCTL_CONFIG": str(settings)}
        self._environment["DOCKER_CONFIG"] = str(folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=PATIENCE_S,
        )

    def answer(self, *arguments: str) -> str:
        """Return what its answer amounts to. A difference and a failure have one exit status, so the text decides."""
        try:
            done = self.run(*arguments)
        except subprocess.TimeoutExpired:
            return "hangs"
        if "panic: " in done.stderr:
            return "crash"
        if done.returncode == 0:
            return "match"
        return "mismatch" if "base image has changed" in done.stdout else "error"


@pytest.fixture(scope="module")
def place() -> Iterator[Registry]:
    with registry() as started:
        yield started


@pytest.fixture(scope="module")
def regctl(place: Registry, tmp_path_factory: pytest.TempPathFactory) -> Regctl:
    return Regctl(tmp_path_factory.mktemp("regctl"), place)


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_regctl_says_what_the_table_says(case: Case, place: Registry, regctl: Regctl) -> None:
    setting = case.make(Shelf(place, case.name))
    setting.prepare()
    assert regctl.answer(*setting.regctl_arguments()) == case.regctl


def test_the_table_names_the_version_that_runs(regctl: Regctl) -> None:
    said: Any = json.loads(regctl.run("version", "--format", "{{jsonPretty .}}").stdout)
    assert REGCTL_VERSION in json.dumps(said)
