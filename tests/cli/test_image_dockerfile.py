from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.image.histories import vectors

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from tests.cli.conftest import Harbour, Orlop

STEPS: list[dict[str, Any]] = [
    {"created_by": "/bin/sh -c #(nop) ADD file:0a1b in / "},
    {"created_by": '/bin/sh -c #(nop)  ENV A=1 B=two words "$x"', "empty_layer": True},
    {"created_by": "/bin/sh -c make --jobs=2 \t&& make install \t# with 'care'"},
]
WRITTEN = (
    'FROM scratch\nADD file:0a1b /\nENV A=1 B="two words \\"\\$x\\""\n'
    "RUN make --jobs=2 \\\n\t&& make install \t# with 'care'\n"
)
LAYERS = [layer({"a": b"1"}), layer({"b": b"2"})]


@pytest.fixture
def pushed() -> object:
    """A registry with the image x:1, and its two halves base:1 and other:1."""
    with start() as own:
        push_now(image(LAYERS, history=STEPS), own, "x", tags=["1"])
        push_now(image(LAYERS[:1], history=STEPS[:2]), own, "base", tags=["1"])
        push_now(image(LAYERS[1:], history=STEPS[2:]), own, "other", tags=["1"])
        yield own.host


def test_it_is_a_dockerfile(orlop: Orlop, pushed: str) -> None:
    assert orlop("image", "dockerfile", f"{pushed}/x:1").text == WRITTEN


def test_no_format_leaves_an_instruction_on_its_line(orlop: Orlop, pushed: str) -> None:
    text = orlop("image", "dockerfile", f"{pushed}/x:1", "--no-format").text
    assert text.splitlines()[-1] == "RUN make --jobs=2 \t&& make install \t# with 'care'"


def test_a_terminal_gets_colours_and_the_same_text(orlop: Orlop, pushed: str) -> None:
    import re

    said = orlop("image", "dockerfile", f"{pushed}/x:1", terminal=True).text
    assert said.startswith("\x1b[35mFROM\x1b[0m scratch\n")
    assert "\x1b[34m--jobs=2\x1b[0m" in said
    assert "\x1b[31m&&\x1b[0m" in said
    assert "\x1b[32mA\x1b[0m=1" in said
    assert re.sub(r"\x1b\[\d*m", "", said) == WRITTEN


@pytest.mark.parametrize(("options", "env"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), (["-o", "plain"], {})])
def test_colours_can_be_refused(orlop: Orlop, pushed: str, options: list[str], env: dict[str, str]) -> None:
    assert orlop("image", "dockerfile", f"{pushed}/x:1", *options, terminal=True, env=env).text == WRITTEN


def test_a_base_is_left_to_from(orlop: Orlop, pushed: str) -> None:
    text = orlop("image", "dockerfile", f"{pushed}/x:1", "--base", f"{pushed}/base:1").text
    assert text.splitlines()[:4] == [
        f"# steps of the base image, {pushed}/base:1:",
        "#   ADD file:0a1b /",
        '#   ENV A=1 B="two words \\"\\$x\\""',
        f"FROM {pushed}/base:1",
    ]
    said = orlop("image", "dockerfile", f"{pushed}/x:1", "--base", f"{pushed}/other:1")
    assert said.status == 2
    assert "its layers are not the lowest of" in said.notes


def test_json_has_each_instruction(orlop: Orlop, pushed: str) -> None:
    found = orlop("image", "dockerfile", f"{pushed}/x:1", "-o", "json").json
    assert (found["from"], found["base"], found["escape"], found["text"]) == ("scratch", None, "\\", WRITTEN)
    assert found["instructions"][1] == {
        "keyword": "ENV",
        "arguments": 'A=1 B="two words \\"\\$x\\""',
        "notes": [],
        "step": 1,
        "layer": None,
        "ofBase": False,
    }
    said = orlop("image", "dockerfile", f"{pushed}/x:1", "--format", "{keyword} {layer}")
    assert said.text == "ADD 0\nENV \nRUN 1\n"


def test_nothing_in_a_history_commands_a_terminal(orlop: Orlop) -> None:
    steps = [
        {"created_by": "/bin/sh -c echo '\x1b[2J' \u202e \x9b1m"},
        {"created_by": "/bin/sh -c #(nop)  ENV A=\x1b[2J"},
        {"created_by": "RUN /bin/sh -c a\n\x1b[2J\nb\n # buildkit"},
        {"created_by": "\x1b]0;x\x07", "comment": "\x1b[2J"},
    ]
    with start() as own:
        push_now(image([layer({"a": bytes([at])}) for at in range(4)], history=steps), own, "x", tags=["1"])
        for options in (["--no-color"], ["-o", "plain"], ["-o", "json"], ["--format", "{arguments} {notes}"]):
            raw = orlop("image", "dockerfile", f"{own.host}/x:1", *options, terminal=True).raw
            assert b"\x1b" not in raw
            assert not {"\u202e", "\x9b", "\x07"} & set(raw.decode())
        coloured = orlop("image", "dockerfile", f"{own.host}/x:1", terminal=True).text
        assert "\x1b[2J" not in coloured
        assert "\\x1b[2J" in coloured


def test_many_images_are_json_lines(orlop: Orlop, harbour: Harbour, pushed: str) -> None:
    said = orlop("image", "dockerfile", f"{pushed}/x:1", f"{pushed}/none:1", "--ordered")
    assert [line.get("text") for line in said.lines] == [WRITTEN, None]
    assert said.status == 3


def test_an_archive_is_read_as_well(orlop: Orlop) -> None:
    text = orlop("image", "dockerfile", f"docker-archive:{vectors('archives', 'snyk-kaniko-busybox.tar')}").text
    assert text.splitlines()[:2] == ["FROM scratch", "ADD busybox.tar.gz /"]
