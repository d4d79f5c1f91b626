"""``image compare layers``, ``config`` and ``metadata``: words, frames, signs, colours, JSON, exit status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry as start
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Orlop

    from orlop.testing import Registry
    from orlop.testing.builders import Built

LOWER, OLD, NEW, TOP = (layer({name: name.encode()}, compression="") for name in ("lower", "old", "new", "top"))
EVIL = "echo \x1b]0;owned\x07 \u202edone"


def steps(version: str, *more: str) -> list[dict[str, object]]:
    made: list[dict[str, object]] = [
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in /"},
        {"created_by": f"ENV VERSION={version}", "empty_layer": True},
        {"created_by": f"RUN make {version} && echo a line that is long enough to be folded at the edge of a column"},
    ]
    return made + [{"created_by": text} for text in more]


ONE = image([LOWER, OLD], config={"Env": ["VERSION=1", "A=a"], "User": "app"}, labels={"v": "1"}, history=steps("1"))
TWO = image(
    [LOWER, NEW, TOP],
    config={"Env": ["VERSION=2", "A=a"]},
    labels={"v": "1", "evil": "\x1b[2J"},
    history=steps("2", EVIL),
)
ARM = image([LOWER, OLD], platform="linux/arm64", history=steps("1"))


@dataclass
class Shelf:
    registry: Registry

    def ref(self, tag: str) -> str:
        return f"{self.registry.host}/a/b:{tag}"


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    built: dict[str, Built] = {
        "1": ONE,
        "2": TWO,
        "i1": index([ONE, ARM]),
        "i2": index([TWO]),
        "art": artifact({"a": b"b"}),
    }
    with start() as running:
        for tag, one in built.items():
            push_now(one, running, "a/b", tags=[tag])
        yield Shelf(running)


def digest(number: int, built: Built) -> str:
    found: str = built.document["layers"][number]["digest"]
    return found


def test_layers_in_a_pipe_are_lines_with_signs_and_the_status_is_1(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "layers", shelf.ref("1"), shelf.ref("2"))
    assert said.status == 1
    assert said.text == (f"  {digest(0, ONE)}\n- {digest(1, ONE)}\n+ {digest(1, TWO)}\n+ {digest(2, TWO)}\n")


@pytest.mark.parametrize("command", ["layers", "config", "metadata", "files", "packages"])
@pytest.mark.parametrize("tag", ["1", "i1"])
def test_an_image_is_the_same_as_itself_and_the_status_is_0(orlop: Orlop, shelf: Shelf, command: str, tag: str) -> None:
    more = ["--platform", "linux/amd64"] if command == "layers" and tag == "i1" else []
    for output in ("table", "plain", "json"):
        said = orlop("image", "compare", command, shelf.ref(tag), shelf.ref(tag), "-o", output, *more)
        assert (said.status, said.notes) == (0, "")
        if output == "json" and command != "layers":
            assert said.json["equal"] is True


def test_layers_side_by_side_have_a_frame_and_words_where_there_are_no_colours(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop(
        "image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "-o", "side-by-side", env={"COLUMNS": "200"}
    )
    one, two = shelf.ref("1").ljust(71), shelf.ref("2").ljust(71)
    line, middle = "─" * 73, "─" * 11
    assert said.text == (
        f"┌{line}┬{middle}┬{line}┐\n"
        f"│ {one} │  Compare  │ {two} │\n"
        f"├{line}┼{middle}┼{line}┤\n"
        f"│ {digest(0, ONE)} │   Equal   │ {digest(0, TWO)} │\n"
        f"│ {digest(1, ONE)} │ Not Equal │ {digest(1, TWO)} │\n"
        f"│ {' ' * 71} │   Added   │ {digest(2, TWO)} │\n"
        f"└{line}┴{middle}┴{line}┘\n"
    )


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("SideBySide", "table"),
        ("sidebyside", "table"),
        ("SIDE-BY-SIDE", "table"),
        ("Inline", "plain"),
        ("Json", "json"),
    ],
)
def test_dredges_words_for_an_output_are_taken_in_any_case(orlop: Orlop, shelf: Shelf, word: str, same: str) -> None:
    refs = shelf.ref("1"), shelf.ref("2")
    for command in ("layers", "config", "metadata"):
        said = orlop("image", "compare", command, *refs, "--output", word)
        assert said.raw == orlop("image", "compare", command, *refs, "--output", same).raw
        assert said.status == 1


def test_a_word_for_an_output_that_there_is_not_is_status_2(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "--output", "yaml")
    assert (said.status, said.text) == (2, "")
    assert "side-by-side" in said.notes


def test_layers_as_json_have_dredges_shape(orlop: Orlop, shelf: Shelf) -> None:
    found = orlop("image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "-o", "json", "--compressed-size").json
    assert found["summary"] == {"areEqual": False, "targetIncludesAllBaseLayers": False, "lastCommonLayerIndex": 0}
    assert [pair["layerDiff"] for pair in found["layerComparisons"]] == ["equal", "notEqual", "added"]
    assert found["layerComparisons"][2] == {
        "base": None,
        "target": {"digest": digest(2, TWO), "history": None, "compressedSize": TOP.descriptor.size},
        "layerDiff": "added",
    }


def test_history_and_sizes_come_below_each_layer(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "--history", "--compressed-size")
    assert said.text.splitlines()[:9] == [
        f"  {digest(0, ONE)}",
        "  /bin/sh -c #(nop) ADD file:1 in /",
        "  Size (compressed): 10 KB",
        "",
        "- <empty layer>",
        "- ENV VERSION=1",
        "- Size (compressed): 0 bytes",
        "+ <empty layer>",
        "+ ENV VERSION=2",
    ]


def test_long_steps_are_folded_to_the_columns_there_are(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop(
        "image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "--history", "-o", "table", env={"COLUMNS": "100"}
    )
    lines = said.text.splitlines()
    assert {len(line) for line in lines} == {99}
    at = next(at for at, line in enumerate(lines) if "RUN make 1" in line)
    assert [line.split("│")[1].strip() for line in lines[at : at + 3]] == [
        "RUN make 1 && echo a line that is long",
        "enough to be folded at the edge of a",
        "column",
    ]


def test_a_terminal_gets_colours_and_no_words(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("1"), shelf.ref("2")
    said = orlop("image", "compare", "layers", *refs, terminal=True, env={"COLUMNS": "200"})
    assert f"\x1b[31m{digest(1, ONE)}\x1b[0m" in said.text
    assert f"\x1b[32m{digest(1, TWO)}\x1b[0m" in said.text
    assert "Compare" not in said.text
    for options, env in ((["--no-color"], {}), ([], {"NO_COLOR": "1"})):
        plain = orlop("image", "compare", "layers", *refs, *options, terminal=True, env=env)
        assert "\x1b" not in plain.text
        assert "Not Equal" in plain.text


def test_nothing_of_an_image_commands_a_terminal(orlop: Orlop, shelf: Shelf) -> None:
    for command in (["layers", "--history"], ["config"], ["metadata"]):
        for output in ("table", "plain", "json"):
            said = orlop("image", "compare", *command, shelf.ref("1"), shelf.ref("2"), "-o", output, terminal=True)
            text = said.text.replace("\x1b[31m", "").replace("\x1b[32m", "").replace("\x1b[0m", "")
            text = text.replace("\x1b[7;31m", "").replace("\x1b[7;32m", "").replace("\x1b[7m", "")
            assert not set("\x1b\x07\u202e") & set(text), (command, output)


def test_more_than_one_platform_left_is_status_2_for_layers(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "layers", shelf.ref("i1"), shelf.ref("2"))
    assert said.status == 2
    assert "2 platforms are left" in said.notes
    said = orlop("image", "compare", "layers", shelf.ref("i1"), shelf.ref("2"), "--arch", "amd64")
    assert said.status == 1


def test_an_image_that_is_not_of_the_platform_is_status_2(orlop: Orlop, shelf: Shelf) -> None:
    for command in ("layers", "config", "metadata", "files", "packages"):
        assert orlop("image", "compare", command, shelf.ref("1"), shelf.ref("2"), "--arch", "arm64").status == 2


def test_settings_choose_a_platform_and_all_platforms_passes_over_them(orlop: Orlop, shelf: Shelf) -> None:
    orlop("settings", "set", "platform.arch", "amd64")
    refs = shelf.ref("i1"), shelf.ref("i2")
    assert len(orlop("image", "compare", "config", *refs, "-o", "json").json["platforms"]) == 1
    assert len(orlop("image", "compare", "config", *refs, "-o", "json", "--all-platforms").json["platforms"]) == 2
    assert orlop("image", "compare", "config", *refs, "--all-platforms", "--arch", "arm64").status == 2


def test_a_config_is_compared_field_by_field(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "config", shelf.ref("1"), shelf.ref("2"), "--semantic")
    assert said.status == 1
    assert said.text == (
        '- config.Env["VERSION"] = "1"\n'
        '+ config.Env["VERSION"] = "2"\n'
        '+ config.Labels["evil"] = "\\u001b[2J"\n'
        '- config.User = "app"\n'
    )


def test_a_config_side_by_side_has_a_row_for_each_field(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "config", shelf.ref("1"), shelf.ref("2"), "--semantic", "-o", "table")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.text.splitlines() if line.startswith("│")]
    assert rows == [
        ["Field", shelf.ref("1"), "Compare", shelf.ref("2")],
        ['config.Env["VERSION"]', '"1"', "Not Equal", '"2"'],
        ['config.Labels["evil"]', "", "Added", '"\\u001b[2J"'],
        ["config.User", '"app"', "Removed", ""],
    ]


def test_a_template_is_filled_with_each_difference(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop(
        "image", "compare", "config", shelf.ref("1"), shelf.ref("2"), "--semantic", "--format", "{change} {field}"
    )
    assert said.text == 'changed config.Env["VERSION"]\nadded config.Labels["evil"]\nremoved config.User\n'
    said = orlop("image", "compare", "layers", shelf.ref("1"), shelf.ref("2"), "--format", "{layerDiff}")
    assert said.text == "equal\nnotEqual\nadded\n"


def test_platforms_that_one_index_has_not_are_told(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("i1"), shelf.ref("i2")
    said = orlop("image", "compare", "config", *refs)
    assert said.text.startswith("@@ linux/amd64 @@\n")
    assert said.text.endswith(f"@@ linux/arm64/v8: only in {refs[0]} @@\n")
    found = orlop("image", "compare", "metadata", *refs, "-o", "json").json
    assert [(one["platform"], one["target"] is None) for one in found["platforms"]] == [
        ("linux/amd64", False),
        ("linux/arm64/v8", True),
    ]
    assert 'index.manifests["linux/arm64/v8"].digest' in {change["field"] for change in found["index"]}


def test_metadata_has_digests_and_sizes_unless_they_tell_nothing(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("1"), shelf.ref("2")
    strict = {
        change["field"]
        for change in orlop("image", "compare", "metadata", *refs, "-o", "json").json["platforms"][0]["changes"]
    }
    assert {"manifest.digest", "manifest.layers[1].digest", "manifest.layersSize", "image.config.User"} <= strict
    loose = orlop("image", "compare", "metadata", *refs, "-o", "json", "--semantic").json["platforms"][0]["changes"]
    assert {change["field"] for change in loose} == {
        'image.config.Env["VERSION"]',
        'image.config.Labels["evil"]',
        "image.config.User",
        "manifest.layers[2].mediaType",
    }


def test_no_layer_is_read_for_what_documents_say(orlop: Orlop, shelf: Shelf) -> None:
    before = len(shelf.registry.requests)
    for command in ("layers", "config", "metadata"):
        orlop("image", "compare", command, shelf.ref("1"), shelf.ref("2"))
    asked = [request.target for request in shelf.registry.requests[before:]]
    assert not any(digest(at, built) in target for target in asked for built in (ONE, TWO) for at in (0, 1))


@pytest.mark.parametrize("command", ["layers", "config", "metadata", "files", "packages"])
def test_what_goes_wrong_has_the_status_of_its_family(orlop: Orlop, shelf: Shelf, command: str) -> None:
    assert orlop("image", "compare", command, shelf.ref("1"), shelf.ref("none")).status == 3
    assert orlop("image", "compare", command, shelf.ref("1"), shelf.ref("art")).status == 8
    assert orlop("image", "compare", command, shelf.ref("1"), "not a reference").status == 2
    assert orlop("image", "compare", command, shelf.ref("1")).status == 2


def test_curl_shows_the_requests_instead(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "config", shelf.ref("1"), shelf.ref("2"), "--curl")
    assert said.text.count("curl ") >= 4
    assert "/manifests/1" in said.text


def test_the_group_lists_its_commands(orlop: Orlop) -> None:
    said = orlop("image", "compare", "--help")
    assert [word for word in ("layers", "files", "config", "metadata", "packages") if f"  {word} " in said.text] == [
        "layers",
        "files",
        "config",
        "metadata",
        "packages",
    ]
    assert "did you mean files" in orlop("image", "compare", "fils").notes
