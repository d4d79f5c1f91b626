from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry as start
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from tests.cli.conftest import Harbour, Orlop


def test_one_platform_is_its_config(orlop: Orlop, harbour: Harbour) -> None:
    child = harbour.child("linux/amd64")
    for output in ("plain", "raw"):
        assert (
            orlop("image", "inspect", f"{harbour.name}:latest", "--platform", "linux/amd64", "-o", output).raw
            == child.config
        )
    said = orlop("image", "inspect", harbour.single, "-o", "json")
    assert said.json == json.loads(harbour.one.config)


def test_an_index_is_an_array_of_its_platforms(orlop: Orlop, harbour: Harbour) -> None:
    found = orlop("image", "inspect", f"{harbour.name}:latest", "-o", "json").json
    assert [set(entry) for entry in found] == [{"platform", "digest", "config"}] * 5
    assert [entry["platform"] for entry in found] == [str(child.descriptor.platform) for child in harbour.app.children]
    assert [entry["digest"] for entry in found] == [str(child.digest) for child in harbour.app.children]
    assert found[0]["config"] == json.loads(harbour.app.children[0].config)


def test_an_index_of_one_platform_is_an_array_too(orlop: Orlop) -> None:
    with start() as own:
        push_now(index([image()]), own, "x", tags=["1"])
        assert len(orlop("image", "inspect", f"{own.host}/x:1", "-o", "json").json) == 1


def test_an_index_has_no_raw_bytes_of_a_config(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "inspect", f"{harbour.name}:latest", "-o", "raw")
    assert (said.status, said.text) == (2, "")


def test_settings_choose_the_platform(orlop: Orlop, harbour: Harbour) -> None:
    orlop("settings", "set", "platform.os", "linux")
    orlop("settings", "set", "platform.arch", "amd64")
    assert orlop("image", "inspect", f"{harbour.name}:latest", "-o", "raw").raw == harbour.child("linux/amd64").config


def test_half_a_choice_is_status_2(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "inspect", f"{harbour.name}:latest", "--os", "linux")
    assert said.status == 2
    assert "3 platforms are left for linux; there are: linux/amd64, linux/arm/v7, linux/arm64/v8, windows" in said.notes


def test_a_table_tells_layers_labels_and_dates(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "inspect", f"{harbour.name}:latest", "--platform", "linux/amd64", "-o", "table")
    text = said.text
    child = harbour.child("linux/amd64")
    assert f"Digest     {child.digest}" in text
    assert "Kind       platform" in text
    assert "Created    2024-01-01T00:00:00Z" in text
    assert "org.opencontainers.image.title=demo" in text
    for made in child.document["layers"]:
        assert made["digest"] in text
        assert f"{made['size']} B" in text


def test_a_table_of_an_index_has_every_platform(orlop: Orlop, harbour: Harbour) -> None:
    text = orlop("image", "inspect", f"{harbour.name}:latest", "-o", "table").text
    assert f"Digest     {harbour.app.digest}" in text
    for child in harbour.app.children:
        assert f"Platform   {child.descriptor.platform}" in text


def test_what_is_no_image_is_not_supported(orlop: Orlop) -> None:
    with start() as own:
        push_now(artifact(legacy=True), own, "x", tags=["1"])
        assert orlop("image", "inspect", f"{own.host}/x:1").status == 8


def test_a_batch_line_of_a_platform_and_of_an_index(orlop: Orlop, harbour: Harbour) -> None:
    lines = orlop("image", "inspect", harbour.single, f"{harbour.name}:latest", "--ordered").lines
    assert lines[0] == {
        "reference": harbour.single,
        "digest": str(harbour.one.digest),
        "kind": "image",
        "platform": "linux/amd64",
        "config": json.loads(harbour.one.config),
    }
    assert (lines[1]["kind"], lines[1]["digest"], len(lines[1]["platforms"])) == ("index", str(harbour.app.digest), 5)


def test_os_of_linux_is_its_os_release(orlop: Orlop, harbour: Harbour) -> None:
    reference = f"{harbour.name}:latest"
    found = orlop("image", "os", reference, "--platform", "linux/arm64", "-o", "json").json
    assert found["PRETTY_NAME"] == "Test Linux 1"
    assert found["ID_LIKE"] == ["debian", "other"]
    assert orlop("image", "os", reference, "--platform", "linux/arm64").text == "Test Linux 1\n"


def test_os_of_windows_is_type_and_version(orlop: Orlop, harbour: Harbour) -> None:
    found = orlop("image", "os", f"{harbour.name}:latest", "--platform", "windows(10.0.17763)/amd64", "-o", "json").json
    assert found["Version"] == "10.0.17763.6054"
    assert set(found) == {"Type", "Version"}


def test_os_fetches_no_more_layers_than_needed(orlop: Orlop) -> None:
    with start() as own:
        base, top = (
            layer({"bin/sh": b"#!" * 100}),
            layer({"usr/lib/os-release": b"NAME=x\n", "etc/os-release": b"NAME=x\n"}),
        )
        built = image([base, top])
        push_now(built, own, "x", tags=["1"])
        lowest = built.document["layers"][0]["digest"]
        assert orlop("image", "os", f"{own.host}/x:1").status == 0
        assert not any(lowest in request.target for request in own.requests)


def test_os_of_an_image_without_one_is_not_found(orlop: Orlop) -> None:
    with start() as own:
        push_now(image([layer({"a": b"b"})]), own, "x", tags=["1"])
        assert orlop("image", "os", f"{own.host}/x:1").status == 3


@pytest.mark.parametrize("command", [("inspect",), ("os",)])
def test_a_missing_image_is_status_3(orlop: Orlop, harbour: Harbour, command: tuple[str]) -> None:
    said = orlop("image", *command, f"{harbour.name}:none")
    assert (said.status, said.text) == (3, "")
    assert said.notes.startswith("orlop: manifest none is not in")
    assert said.notes.splitlines()[1].startswith("hint: ")
