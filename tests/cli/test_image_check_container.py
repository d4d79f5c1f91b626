"""The container recipe, read: what it takes is there, and what it runs is not root. It is built in tests/interop/test_container.py."""

from __future__ import annotations

import re
from pathlib import Path

from orlop.freshness.inputs.dockerfile import read_dockerfile

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text("utf-8")
IGNORED = (ROOT / ".containerignore").read_text("utf-8").split()


def instructions(name: str) -> list[str]:
    joined = TEXT.replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def test_both_stages_are_on_one_official_base() -> None:
    stages = read_dockerfile(TEXT).stages
    assert [stage.name for stage in stages] == ["build", ""]
    assert {stage.base.text for stage in stages if stage.base} == {"docker.io/library/python:3.13-slim"}


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert copied
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path}" in IGNORED
    assert IGNORED[0] == "*"


def test_it_runs_as_nobody_in_particular() -> None:
    assert instructions("USER") == ["65532:65532"]
    assert "chown 65532:65532 /data" in TEXT
    assert instructions("VOLUME") == ["/data"]


def test_it_runs_the_command_line() -> None:
    assert instructions("ENTRYPOINT") == ['["/opt/orlop/bin/orlop"]']


def test_it_takes_the_same_uv_as_the_one_door() -> None:
    pinned = re.search(r"^UV_PIN=(\S+)$", (ROOT / "run").read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    assert f"ARG UV={pinned[1]}" in TEXT
