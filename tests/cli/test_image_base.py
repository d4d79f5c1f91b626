"""``orlop image base``: which base, how surely, what is below it, and bases that are learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.freshness.world import annotated, build

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Orlop

DEBIAN = build("os", "tools")
PYTHON = build("python", on=DEBIAN)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with start() as registry:
        push_now(DEBIAN, registry, "lib/debian", tags=["12"])
        push_now(PYTHON, registry, "lib/python", tags=["3"])
        declared = annotated(build("app", on=PYTHON), f"{registry.host}/lib/python:3", PYTHON.digest)
        push_now(declared, registry, "team/app", tags=["1"])
        push_now(build("app", on=PYTHON), registry, "team/silent", tags=["1"])
        push_now(image([layer({"a": b"b"})]), registry, "team/alone", tags=["1"])
        yield registry.host


def test_a_declared_base_is_told_with_its_evidence(orlop: Orlop, host: str) -> None:
    said = orlop("image", "base", f"{host}/team/app:1", "-o", "json")
    (found,) = said.json["platforms"]
    assert said.status == 0
    assert found["base"] == {"reference": f"{host}/lib/python:3"}
    assert (found["sure"], found["layers"], found["platform"]) == ("confirmed", 3, "linux/amd64")
    assert found["then"] == found["now"] == str(PYTHON.digest)
    assert [one["kind"] for one in found["evidence"]] == ["annotation"]
    assert found["below"] == []


def test_bases_that_are_learnt_are_found_below_one_another(orlop: Orlop, host: str) -> None:
    learnt = orlop("image", "base", "--learn", f"{host}/lib/debian:12", "--learn", f"{host}/lib/python:3", "-o", "json")
    assert learnt.status == 0
    assert [(one["reference"], one["platforms"]) for one in learnt.json["learnt"]] == [
        (f"{host}/lib/debian:12", [{"platform": "linux/amd64", "layers": 2}]),
        (f"{host}/lib/python:3", [{"platform": "linux/amd64", "layers": 3}]),
    ]
    said = orlop("image", "base", f"{host}/team/silent:1", "-o", "table")
    lines = said.text.splitlines()
    assert lines[3].split() == ["PLATFORM", "BASE", "SURE", "LAYERS"]
    assert lines[4].split() == ["linux/amd64", f"{host}/lib/python:3", "confirmed", "3"]
    assert lines[5].split() == [f"{host}/lib/debian:12", "confirmed", "2"]


def test_a_base_is_learnt_and_looked_for_in_one_run(orlop: Orlop, host: str) -> None:
    said = orlop("image", "base", f"{host}/team/silent:1", "--learn", f"{host}/lib/debian:12", "-o", "plain")
    assert [line.split("\t") for line in said.text.splitlines()] == [
        ["linux/amd64", "0", f"{host}/lib/debian:12", "confirmed", "chain-index", "2"],
        ["learnt", f"{host}/lib/debian:12", "linux/amd64", "2"],
    ]


def test_no_known_base_is_an_answer(orlop: Orlop, host: str) -> None:
    said = orlop("image", "base", f"{host}/team/alone:1", "-o", "table")
    assert said.status == 0
    assert "not known" in said.text


def test_an_image_that_is_not_there_ends_with_3(orlop: Orlop, host: str) -> None:
    said = orlop("image", "base", f"{host}/team/app:9")
    assert (said.status, said.text) == (3, "")
    assert "9" in said.notes


def test_a_base_that_cannot_be_learnt_does_not_stop_the_answer(orlop: Orlop, host: str) -> None:
    said = orlop("image", "base", f"{host}/team/app:1", "--learn", f"{host}/none:1", "-o", "json")
    assert said.status == 3
    assert said.json["platforms"][0]["sure"] == "confirmed"
    assert said.json["learnt"][0]["error"]["status"] == 3


@pytest.mark.parametrize("words", [(), ("--learn", "a/b:1", "--observations", "off"), ("--learn", "no such")])
def test_what_makes_no_sense_ends_with_2(orlop: Orlop, words: tuple[str, ...]) -> None:
    assert orlop("image", "base", *words).status == 2
