"""The GitHub Action: its file, and the scripts of its steps, run by bash as a runner would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer
from orlop.testing.scripted import Step, answer, scripted

if TYPE_CHECKING:
    from orlop.testing import Registry

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="a runner's steps are for bash")


def script(name: str) -> dict[str, Any]:
    return next(step for step in STEPS if step["name"] == name)


@pytest.fixture
def names(registry: Registry) -> str:
    """A registry with app:stale, app:fresh and app:plain."""
    below = layer({"base": b"old"}, compression="gzip")
    base = image([below], platform="linux/amd64")
    moved = image([layer({"base": b"new"}, compression="gzip")], platform="linux/amd64")
    notes = {
        "org.opencontainers.image.base.name": f"{registry.host}/team/base:1",
        "org.opencontainers.image.base.digest": base.digest.value,
    }
    push_now(base, registry, "team/base", tags=["1"])
    push_now(moved, registry, "team/base", tags=["1"])
    app = image([below, layer({"app": b"app"}, compression="gzip")], platform="linux/amd64", annotations=notes)
    push_now(app, registry, "team/app", tags=["stale"])
    push_now(image([layer({"app": b"app"})], platform="linux/amd64"), registry, "team/app", tags=["plain"])
    return f"{registry.host}/team"


class Runner:
    """What a runner gives to steps: its folders, its files, and the inputs of the action."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temp = folder / "temp"
        binaries = self.temp / "orlop/bin"
        binaries.mkdir(parents=True)
        for name, words in (("orlop", "-m orlop "), ("python", "")):
            (binaries / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
            (binaries / name).chmod(0o755)
        (folder / "summary").touch()
        self.said = ""

    def check(self, **inputs: str) -> tuple[int, dict[str, str]]:
        """Run the step; return its exit status and its outputs."""
        defaults = {name: str(given.get("default", "")) for name, given in ACTION["inputs"].items()}
        given = {**defaults, "token": "", **{name.replace("_", "-"): value for name, value in inputs.items()}}
        step = script("Check")
        environ = {
            name: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: given[found[1]], value)
            for name, value in step["env"].items()
        }
        output = self.folder / "output"
        output.write_text("")
        done = self.run(step["run"], GITHUB_OUTPUT=str(output), **environ)
        self.said = done.stderr
        return done.returncode, dict(line.split("=", 1) for line in output.read_text().splitlines())

    def run(self, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
        whole = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            **environ,
        }
        # As a runner calls bash for "shell: bash".
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        return subprocess.run(
            command, env=whole, cwd=self.folder, capture_output=True, text=True, check=False, timeout=18
        )

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text("utf-8")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


# --- the file ------------------------------------------------------------------------------------------------


def test_the_action_is_a_composite_one_with_what_github_requires() -> None:
    assert {"name", "description", "inputs", "outputs", "runs"} <= set(ACTION)
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS:
        assert ("run" in step) != ("uses" in step)
        assert step.get("shell") == ("bash" if "run" in step else None)
    assert all(given["description"] for given in [*ACTION["inputs"].values(), *ACTION["outputs"].values()])


def test_no_input_is_put_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", ""), "an input becomes code there: hand it over in env"


def test_every_input_is_used_and_every_used_one_declared() -> None:
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(STEPS)))
    assert used == set(ACTION["inputs"])


def test_outputs_come_from_the_step_that_sets_them() -> None:
    step = script("Check")
    for name, given in ACTION["outputs"].items():
        assert given["value"] == "${{{{ steps.{}.outputs.{} }}}}".format(step["id"], name)
        assert f'"{name}=' in step["run"]


def test_the_scripts_are_bash() -> None:
    for step in STEPS:
        if "run" in step:
            done = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


# --- the check -------------------------------------------------------------------------------------------------


def test_a_stale_image_is_told_in_outputs_summary_and_annotations(runner: Runner, names: str) -> None:
    status, outputs = runner.check(image=f"{names}/app:stale")
    assert status == 0
    assert (outputs["state"], outputs["status"]) == ("stale", "1")
    assert json.loads(outputs["stale"]) == [f"{names}/app:stale"]
    assert "**stale**" in runner.summary
    assert "::warning title=Stale base image::" in runner.said


def test_the_report_has_a_line_for_each_image(runner: Runner, names: str) -> None:
    _, outputs = runner.check(image=f"{names}/app:stale\n{names}/app:plain {names}/app:plain\n")
    lines = [json.loads(line) for line in Path(outputs["report"]).read_text("utf-8").splitlines()]
    assert {line["reference"]: line["state"] for line in lines} == {
        f"{names}/app:stale": "stale",
        f"{names}/app:plain": "fresh",
    }


def test_a_pattern_of_tags_is_no_pattern_of_files(runner: Runner, names: str) -> None:
    (runner.folder / "app:x").touch()
    _, outputs = runner.check(image=f"{names}/app:s*")
    assert json.loads(outputs["stale"]) == [f"{names}/app:stale"]


@pytest.mark.parametrize(
    ("fail_on", "tag", "expected"),
    [
        ("error", "stale", 0),
        ("stale", "stale", 1),
        ("undecided", "stale", 1),
        ("stale", "plain", 0),
        ("undecided", "plain", 10),
        ("error", "gone", 3),
        ("stale", "gone", 3),
        ("never", "gone", 0),
    ],
)
def test_the_step_fails_on_what_it_is_told_to(
    runner: Runner, names: str, fail_on: str, tag: str, expected: int
) -> None:
    status, outputs = runner.check(image=f"{names}/app:{tag}", fail_on=fail_on)
    assert status == expected
    assert outputs["state"] == {"stale": "stale", "plain": "unknown", "gone": "error"}[tag]


def test_an_unknown_wish_is_refused(runner: Runner) -> None:
    assert runner.check(image="x", fail_on="sometimes")[0] == 2


def test_a_dockerfile_says_what_to_check(runner: Runner, names: str) -> None:
    (runner.folder / "Dockerfile").write_text(f"FROM {names}/app:stale\n")
    _, outputs = runner.check(dockerfile="Dockerfile")
    assert json.loads(outputs["stale"]) == [f"{names}/app:stale"]
    assert "file=Dockerfile,line=1" in runner.said


def test_options_are_words_and_nothing_more(runner: Runner, names: str) -> None:
    (runner.folder / "a b").touch()
    status, outputs = runner.check(image=f"{names}/app:plain", options="--unknown-as stale\n  $(touch pwned) *")
    assert not (runner.folder / "pwned").exists()
    assert (status, outputs["status"]) == (2, "2")
    assert runner.check(image=f"{names}/app:plain", options="--unknown-as stale\n --through")[1]["status"] == "1"


def test_inputs_are_not_run(runner: Runner) -> None:
    evil = '"; touch pwned; $(touch pwned) `touch pwned`'
    runner.check(image=evil, dockerfile=evil, compose=evil, options=evil, sarif_file=evil)
    assert not (runner.folder / "pwned").exists()


def test_files_for_other_programs_are_written(runner: Runner, names: str) -> None:
    runner.check(image=f"{names}/app:stale", sarif_file="out.sarif", junit_file="out.xml")
    assert json.loads((runner.folder / "out.sarif").read_text("utf-8"))["version"] == "2.1.0"
    assert "<testsuites" in (runner.folder / "out.xml").read_text("utf-8")


def test_a_kept_folder_tells_once_in_all_runs(runner: Runner, names: str) -> None:
    with scripted([Step("POST", "/hook", answer(204))]) as server:
        for _ in range(2):
            _, outputs = runner.check(image=f"{names}/app:stale", on_stale=f"{server.url}/hook", webhook_secret=SECRET)
            assert outputs["status"] == "1"
    keep = [step["with"]["path"] for step in STEPS if "cache" in step.get("uses", "")]
    assert keep == ["${{ runner.temp }}/orlop-observations"] * 2
    assert (runner.temp / "orlop-observations/observations.db").exists()
    assert SECRET not in runner.said


# --- installing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "what"), [("", "/the/action[yaml]"), ("1.2.0", "orlop[yaml]==1.2.0")])
def test_the_actions_own_source_is_installed_or_a_version(runner: Runner, version: str, what: str) -> None:
    fake = runner.folder / "python"
    fake.write_text(
        '#!/bin/sh\nmkdir -p "$3/bin"\nprintf \'#!/bin/sh\\necho "$@"\\n\' >"$3/bin/python"\nchmod +x "$3/bin/python"\n'
    )
    fake.chmod(0o755)
    done = runner.run(script("Install orlop")["run"], PYTHON=str(fake), SOURCE="/the/action", VERSION=version)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", what]
