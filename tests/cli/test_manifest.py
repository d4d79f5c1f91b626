from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.model.digest import Digest
from orlop.testing.builders import image, push_now
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from tests.cli.conftest import Harbour, Orlop


def test_a_pipe_gets_the_registrys_own_bytes(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:latest")
    assert (said.status, said.raw, said.notes) == (0, harbour.app.raw, "")


def test_raw_is_to_the_byte(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:latest", "--output", "raw")
    assert Digest.of(said.raw) == harbour.app.digest


def test_json_is_the_document(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("manifest", "get", f"{harbour.name}:latest", "-o", "json").json == harbour.app.document


@pytest.mark.parametrize("platform", ["linux/arm64", "linux/arm", "windows(10.0.17763)/amd64"])
def test_an_option_takes_the_child(orlop: Orlop, harbour: Harbour, platform: str) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:latest", "--platform", platform, "-o", "raw")
    assert Digest.of(said.raw) in {child.digest for child in harbour.app.children}


def test_a_setting_does_not_take_the_child(orlop: Orlop, harbour: Harbour) -> None:
    orlop("settings", "set", "platform.os", "linux")
    orlop("settings", "set", "platform.arch", "amd64")
    assert orlop("manifest", "get", f"{harbour.name}:latest", "-o", "raw").raw == harbour.app.raw
    assert orlop("manifest", "digest", f"{harbour.name}:latest").text == f"{harbour.app.digest}\n"


def test_a_table_names_kind_and_platforms(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:latest", "-o", "table")
    lines = said.text.splitlines()
    assert lines[0].split() == ["Reference", f"{harbour.name}:latest"]
    assert lines[1].split() == ["Kind", "index"]
    assert [line.split()[0] for line in lines if line.startswith(("linux", "windows"))] == [
        str(child.descriptor.platform) for child in harbour.app.children
    ]


def test_digest_is_one_line(orlop: Orlop, harbour: Harbour) -> None:
    for terminal in (False, True):
        assert (
            orlop("manifest", "digest", f"{harbour.name}:latest", terminal=terminal).text == f"{harbour.app.digest}\n"
        )


def test_json_says_whose_digest_it_is(orlop: Orlop, harbour: Harbour) -> None:
    whole = orlop("manifest", "digest", f"{harbour.name}:latest", "-o", "json").json
    child = orlop("manifest", "digest", f"{harbour.name}:latest", "-o", "json", "--platform", "linux/amd64").json
    single = orlop("manifest", "digest", harbour.single, "-o", "json").json
    assert [whole["kind"], child["kind"], single["kind"]] == ["index", "platform", "image"]
    assert child["platform"] == "linux/amd64"
    assert child["digest"] == str(harbour.child("linux/amd64").digest)


def test_a_table_says_whose_digest_it_is(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "digest", f"{harbour.name}:latest", "-o", "table", "--platform", "linux/amd64")
    heading, row = said.text.splitlines()
    assert heading.split() == ["REFERENCE", "KIND", "PLATFORM", "DIGEST"]
    assert row.split() == [
        f"{harbour.name}:latest",
        "platform",
        "linux/amd64",
        str(harbour.child("linux/amd64").digest),
    ]


def test_resolve_prints_the_full_name_with_the_platforms_digest(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "resolve", f"{harbour.name}:latest", "--platform", "linux/arm/v7")
    assert said.text == f"{harbour.name}@{harbour.child('linux/arm/v7').digest}\n"


def test_resolve_takes_the_settings_and_an_option_goes_before_them(orlop: Orlop, harbour: Harbour) -> None:
    orlop("settings", "set", "platform.os", "linux")
    orlop("settings", "set", "platform.arch", "amd64")
    assert orlop("manifest", "resolve", f"{harbour.name}:latest").text.endswith(
        f"@{harbour.child('linux/amd64').digest}\n"
    )
    arm = orlop("manifest", "resolve", f"{harbour.name}:latest", "--arch", "arm64").text
    assert arm.endswith(f"@{harbour.child('linux/arm64/v8').digest}\n")


def test_dredges_words_choose_a_version_of_windows(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop(
        *("manifest", "resolve", f"{harbour.name}:latest"),
        *("--os", "windows", "--arch", "amd64", "--os-version", "10.0.20348.2582"),
    )
    assert said.text.endswith(f"@{harbour.child('windows(10.0.20348.2582)/amd64').digest}\n")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), "5 platforms are left"),
        (("--os", "windows"), "2 platforms are left for windows"),
        (("--os", "plan9"), "no platform is left"),
    ],
)
def test_a_choice_that_is_open_lists_what_there_is(
    orlop: Orlop, harbour: Harbour, options: tuple[str, ...], found: str
) -> None:
    said = orlop("manifest", "resolve", f"{harbour.name}:latest", *options)
    assert (said.status, said.text) == (2, "")
    assert found in said.notes
    assert all(str(child.descriptor.platform) in said.notes for child in harbour.app.children)


def test_an_image_without_an_index_resolves_to_itself(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("manifest", "resolve", harbour.single).text == f"{harbour.single}@{harbour.one.digest}\n"
    right = orlop("manifest", "resolve", harbour.single, "--platform", "linux/amd64")
    assert right.text == f"{harbour.single}@{harbour.one.digest}\n"


@pytest.mark.parametrize(
    "command", [("manifest", "resolve"), ("manifest", "get"), ("manifest", "digest"), ("image", "inspect")]
)
def test_an_image_of_another_platform_than_asked_for_is_none(
    orlop: Orlop, harbour: Harbour, command: tuple[str, str]
) -> None:
    said = orlop(*command, harbour.single, "--platform", "windows/amd64")
    assert (said.status, said.text) == (2, "")
    assert "no platform is left for windows/amd64; there are: linux/amd64" in said.notes


def test_platform_and_its_parts_are_not_mixed(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "resolve", harbour.name, "--platform", "linux/amd64", "--os", "linux")
    assert (said.status, said.notes) == (2, "orlop: --platform says it all: leave out --os, --arch and --os-version\n")


def test_a_template_is_filled_from_the_document(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop(
        "manifest",
        "get",
        f"{harbour.name}:latest",
        "--format",
        "{schemaVersion} {manifests.1.platform.variant}{nothing}",
    )
    assert said.text == "2 v7\n"


def test_json_tells_what_the_registry_said_beside_it(orlop: Orlop) -> None:
    with profile("hub") as hub:
        push_now(image(), hub.registry, "team/app", tags=["1"])
        seen = orlop("manifest", "digest", f"{hub.host}/team/app:1", "-o", "json").json["seen"]
        shown = orlop("manifest", "digest", f"{hub.host}/team/app:1", "-o", "table").text
    assert seen["ratelimit-limit"] == "100;w=21600"
    assert shown.endswith("\nRatelimit limit      100;w=21600\nRatelimit remaining  100;w=21600\n")


def test_a_terminal_is_told_when_a_rate_limit_is_nearly_spent(orlop: Orlop) -> None:
    with profile("hub", pulls=11) as hub:
        push_now(image(), hub.registry, "team/app", tags=["1"])
        ref = f"{hub.host}/team/app:1"
        notes = [orlop("manifest", "get", ref, terminal=True).notes for _ in range(10)]
        assert orlop("manifest", "get", ref).notes == ""
    assert notes[:9] == [""] * 9
    assert notes[9] == f"note: {hub.host} grants 1 more of 11 requests in 6 hours\n"
