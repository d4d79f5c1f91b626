from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.image.histories import vectors

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import Whiteout, layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop

    from orlop.testing import Registry

BASE = layer({"a": bytes(6000), "keep": bytes(2000)})
TOP = layer({"a": Whiteout(), "b": bytes(2000)})
OTHER = layer({"c": b"1"})


@pytest.fixture
def pushed() -> object:
    """A registry: x:1 of BASE and TOP, y:1 of BASE and OTHER, base:1."""
    with start() as own:
        for name, layers in (("x", [BASE, TOP]), ("y", [BASE, OTHER]), ("base", [BASE])):
            push_now(image(layers), own, name, tags=["1"])
        yield own


def test_a_line_for_an_image(orlop: Orlop, pushed: Registry) -> None:
    said = orlop("image", "size", f"{pushed.host}/x:1")
    reference, size, unpacked, wasted, efficiency = said.text.rstrip("\n").split("\t")
    assert (reference, size) == (f"{pushed.host}/x:1", str(len(BASE.data) + len(TOP.data)))
    assert int(unpacked) > 10_000
    assert (wasted, efficiency) == ("6000", "0.4000")


def test_json_has_all_of_it(orlop: Orlop, pushed: Registry) -> None:
    found = orlop("image", "size", f"{pushed.host}/x:1", "-o", "json").json
    assert set(found) == {"size", "unpackedSize", "passed", "images", "shared"}
    (one,) = found["images"]
    assert {
        key: one[key] for key in ("storedBytes", "wastedBytes", "userBytes", "efficiency", "userWastedPercent")
    } == {
        "storedBytes": 10_000,
        "wastedBytes": 6000,
        "userBytes": 2000,
        "efficiency": 0.4,
        "userWastedPercent": 3.0,
    }
    assert one["wastedFiles"] == [{"path": "/a", "wastedBytes": 6000, "copies": 1, "layers": [0], "removed": True}]
    assert [(row["storedBytes"], row["wastedBytes"]) for row in one["layers"]] == [(8000, 6000), (2000, 0)]
    assert (one["rules"], found["passed"], found["shared"]) == ([], True, [])


def test_what_images_share_is_told_once(orlop: Orlop, pushed: Registry) -> None:
    names = [f"{pushed.host}/x:1", f"{pushed.host}/y:1"]
    found = orlop("image", "size", *names, "-o", "json").json
    assert [(one["digest"], one["size"], one["images"]) for one in found["shared"]] == [
        (str(BASE.descriptor.digest), len(BASE.data), names)
    ]
    assert found["size"] == len(BASE.data) + len(TOP.data) + len(OTHER.data)
    text = orlop("image", "size", *names, "-o", "table").text
    assert "SHARED LAYER" in text
    assert f"{BASE.descriptor.digest}  " in text


def test_names_are_read_from_a_file(orlop: Orlop, pushed: Registry, tmp_path: Path) -> None:
    (tmp_path / "refs").write_text(f"{pushed.host}/x:1\n{pushed.host}/y:1\n")
    said = orlop("image", "size", "--from-file", str(tmp_path / "refs"))
    assert [line.split("\t")[0] for line in said.text.splitlines()] == [f"{pushed.host}/x:1", f"{pushed.host}/y:1"]


def test_no_layer_is_fetched_where_files_do_not_matter(orlop: Orlop, pushed: Registry) -> None:
    said = orlop("image", "size", f"{pushed.host}/x:1", "--no-files", "-o", "json")
    assert "wastedBytes" not in said.json["images"][0]
    assert not any(str(BASE.descriptor.digest) in request.target for request in pushed.requests)
    refused = orlop("image", "size", f"{pushed.host}/x:1", "--no-files", "--lowest-efficiency", "0.5")
    assert refused.status == 2


def test_a_layer_is_fetched_once_and_then_known(orlop: Orlop, pushed: Registry) -> None:
    first = orlop("image", "size", f"{pushed.host}/x:1").text
    before = len(pushed.requests)
    assert orlop("image", "size", f"{pushed.host}/x:1").text == first
    assert not any(str(BASE.descriptor.digest) in request.target for request in pushed.requests[before:])


def test_a_base_is_left_out(orlop: Orlop, pushed: Registry) -> None:
    base = f"{pushed.host}/base:1"
    (one,) = orlop("image", "size", f"{pushed.host}/y:1", "--base", base, "-o", "json").json["images"]
    assert (one["baseLayers"], one["storedBytes"], one["wastedBytes"], one["efficiency"]) == (1, 1, 0, 1.0)
    (one,) = orlop("image", "size", f"{pushed.host}/x:1", "--base", base, "-o", "json").json["images"]
    assert (one["storedBytes"], one["wastedBytes"]) == (8000, 6000)
    assert "above the base" in orlop("image", "size", f"{pushed.host}/x:1", "--base", base, "-o", "table").text


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--lowest-efficiency", "0.4"], 0),
        (["--lowest-efficiency", "41%"], 1),
        (["--highest-wasted-bytes", "6000"], 0),
        (["--highest-wasted-bytes", "5kB"], 1),
        (["--highest-user-wasted-percent", "3"], 0),
        (["--highest-user-wasted-percent", "0.1"], 1),
    ],
)
def test_a_rule_that_is_broken_is_status_1(orlop: Orlop, pushed: Registry, options: list[str], status: int) -> None:
    said = orlop("image", "size", f"{pushed.host}/x:1", *options)
    assert said.status == status
    assert bool(said.notes) == bool(status)
    table = orlop("image", "size", f"{pushed.host}/x:1", *options, "-o", "table")
    assert ("FAILED" if status else "passed") in table.text
    assert orlop("image", "size", f"{pushed.host}/x:1", *options, "-o", "json").json["passed"] == (not status)


def test_one_image_of_several_that_breaks_a_rule_is_named(orlop: Orlop, pushed: Registry) -> None:
    said = orlop("image", "size", f"{pushed.host}/y:1", f"{pushed.host}/x:1", "--lowest-efficiency", "0.9")
    assert said.status == 1
    assert said.notes == f"{pushed.host}/x:1: lowestEfficiency is 0.9, and this is 0.4\n"


def test_rules_come_from_dives_file_too_and_options_go_first(orlop: Orlop, pushed: Registry, tmp_path: Path) -> None:
    rules = tmp_path / ".dive-ci"
    rules.write_text(
        "rules:\n  # a comment\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n"
        "  highestUserWastedPercent: disabled\n"
    )
    said = orlop("image", "size", f"{pushed.host}/x:1", "--rules", str(rules), "-o", "json")
    assert said.status == 1
    assert [(one["rule"], one["limit"], one["passed"]) for one in said.json["images"][0]["rules"]] == [
        ("lowestEfficiency", 0.95, False),
        ("highestWastedBytes", 20_000_000, True),
    ]
    assert orlop("image", "size", f"{pushed.host}/x:1", "--rules", str(rules), "--lowest-efficiency", "0").status == 0


@pytest.mark.parametrize(
    "text", ["rules:\n  lowestEficiency: 1\n", "lowestEfficiency: much\n", "lowestEfficiency: 95\n", None]
)
def test_a_file_of_rules_that_is_none_is_told(orlop: Orlop, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "rules"
    if text is not None:
        path.write_text(text)
    said = orlop("image", "size", "127.0.0.1:1/x", "--rules", str(path))
    assert said.status == (2 if text is not None else 9)
    assert str(path) in said.notes


@pytest.mark.parametrize("value", ["much", "-1", "nan", "", "95", "101%"])
def test_a_fraction_that_is_none_is_told(orlop: Orlop, value: str) -> None:
    assert orlop("image", "size", "127.0.0.1:1/x", "--lowest-efficiency", value).status == 2


def test_top_shortens_the_list(orlop: Orlop) -> None:
    files = {f"f{at:02}": bytes(at + 1) for at in range(30)}
    with start() as own:
        push_now(image([layer(files), layer(dict.fromkeys(files, Whiteout()))]), own, "x", tags=["1"])
        reference = f"{own.host}/x:1"
        assert len(orlop("image", "size", reference, "-o", "json").json["images"][0]["wastedFiles"]) == 30
        assert len(orlop("image", "size", reference, "-o", "json", "--top", "2").json["images"][0]["wastedFiles"]) == 2
        text = orlop("image", "size", reference, "-o", "table").text
        assert text.index("/f29") < text.index("/f28")
        assert "/f09" not in text
        assert "and 10 files more" in text
        assert "/f29" not in orlop("image", "size", reference, "-o", "table", "--top", "0").text


def test_a_name_that_commands_a_terminal_is_written_out(orlop: Orlop) -> None:
    name = "a\x1b[2J"
    with start() as own:
        push_now(image([layer({name: b"1"}), layer({name: Whiteout()})]), own, "x", tags=["1"])
        for output in ("table", "json"):
            said = orlop("image", "size", f"{own.host}/x:1", "-o", output, terminal=True, env={"NO_COLOR": "1"})
            assert b"\x1b" not in said.raw
            assert b"[2J" in said.raw


def test_the_platform_is_asked_for(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("image", "size", f"{harbour.name}:latest").status == 2
    assert orlop("image", "size", f"{harbour.name}:latest", "--platform", "linux/arm64").status == 0
    assert orlop("image", "size", harbour.single, "--platform", "linux/arm64").status == 2


def test_the_image_of_dive(orlop: Orlop) -> None:
    text = orlop("image", "size", f"docker-archive:{vectors('archives', 'dive-docker.tar')}", "-o", "table").text
    assert "Wasted       31.3 KiB in 4 files" in text
    assert "12.5 KiB       2  3 4     removed  /root/example/somefile1.txt" in text
