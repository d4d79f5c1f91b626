"""Tags: families and their order, rules T1 to T9 (docs/guide/freshness.md)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orlop.freshness.families import moved, newer, releases_behind, same_family, walk
from orlop.freshness.tags import FLOATING, OPAQUE, read_tag


@pytest.mark.parametrize(
    ("text", "release", "tail", "build"),
    [
        ("7.0.1-alpine3.17", (7, 0, 1), [("alpine", (3, 17))], ()),
        ("v1.2.3", (1, 2, 3), [], ()),
        ("release-1.2", (1, 2), [], ()),
        ("11.4.0-debian-11-r22", (11, 4, 0), [("debian", (11,))], (22,)),
        ("17.0.9_9", (17, 0, 9), [], (9,)),
        ("RELEASE.2023-10-25T06-33-25Z", (2023, 10, 25, 6, 33, 25), [], ()),
        ("1.2.3.4-slim_perl", (1, 2, 3, 4), [("slim", ()), ("perl", ())], ()),
        ("jdk17.0.9", (17, 0, 9), [], ()),
    ],
)
def test_t1_the_grammar_of_a_tag(text: str, release: Any, tail: Any, build: Any) -> None:
    found = read_tag(text)
    assert (found.release, [(t.name, t.version) for t in found.tail], found.build) == (release, tail, build)


@pytest.mark.parametrize("text", ["master-6140", "pr-17", "ltsc2022", "nonsense", "1.2.3.4.5"])
def test_t1_a_word_with_a_counter_is_opaque(text: str) -> None:
    assert read_tag(text).kind == OPAQUE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8.0-nanoserver-1809", "8.0-nanoserver-2004"),
        ("8.0-windowsservercore-ltsc2019", "8.0-windowsservercore-ltsc2022"),
    ],
)
def test_t1_windows_builds_are_not_compared(one: str, other: str) -> None:
    assert not same_family(read_tag(one), read_tag(other))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("7.0.1-alpine3.17", "7.0.1-alpine3.18", ("variant",)),
        ("7.0.1-alpine3.17", "7.0.2-alpine3.17", ("patch",)),
        ("7.0.1-alpine3.18", "7.0.2-alpine3.17", ("patch", "variant")),
        ("7.0.1", "7.1.0", ("minor",)),
        ("7.0.1", "8.0.0", ("major",)),
        ("17.0.9_8", "17.0.9_9", ("build",)),
        ("17", "18", ("release",)),
        ("bookworm-20240110", "bookworm-20240211", ("build",)),
        ("2024.1", "2024.2", ("release",)),
        ("1.0.0-rc.1", "1.0.0-rc.2", ("pre-release",)),
    ],
)
def test_t2_the_order_and_what_moved(old: str, new: str, what: tuple[str, ...]) -> None:
    assert same_family(read_tag(old), read_tag(new))
    assert read_tag(old).order < read_tag(new).order
    assert moved(read_tag(old), read_tag(new)) == what


def test_t3_precision_is_kept() -> None:
    found = newer("7.0", ["7", "7.0", "7.0.1", "7.1", "7.1.4", "8"])
    assert found.of_family is not None
    assert found.of_family.tag == "7.1"


def test_t3_the_newest_of_my_line_and_the_newest_of_all() -> None:
    found = newer("7.0.1", ["7.0.1", "7.0.14", "7.1.0", "8.2.0"])
    assert found.of_line is not None
    assert found.of_family is not None
    assert (found.of_line.tag, found.of_family.tag) == ("7.0.14", "8.2.0")


def test_t4_pre_releases_are_left_out_unless_it_is_one() -> None:
    tags = ["3.12.0", "3.13.0a1", "3.13.0rc2", "3.13.0-rc.3"]
    assert newer("3.12.0", tags).of_family is None
    found = newer("3.13.0a1", tags)
    assert found.of_family is not None
    assert found.of_family.tag == "3.13.0-rc.3"


def test_t4_a_pre_release_is_older_than_its_release() -> None:
    assert read_tag("1.0.0-rc.1").order < read_tag("1.0.0").order


def test_t4_whole_tokens_only() -> None:
    assert read_tag("3.12-alpine").pre == ()
    assert read_tag("8.0-dev").pre == ()
    assert [token.name for token in read_tag("8.0-dev").tail] == ["dev"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("3.12-bookworm", "3.12-trixie"), ("22-jammy", "22-noble"), ("3.12-slim-bullseye", "3.12-slim-bookworm")],
)
def test_t5_distributions_are_ordered_and_a_move_of_theirs_is_a_variant_move(old: str, new: str) -> None:
    found = newer(old, [old, new])
    assert found.variants is not None
    assert (found.variants.tag, found.variants.moved) == (new, ("variant",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0-amd64", "1.1-arm64v8"),
        ("1.0-slim", "1.1"),
        ("1.0-fpm", "1.1-perl"),
        ("1.0", "v1.1"),
        ("1.0-x86_64", "1.1-s390x"),
        ("1-alpine", "1-alpine3.18"),
    ],
)
def test_t5_what_has_to_be_equal(one: str, other: str) -> None:
    assert not same_family(read_tag(one), read_tag(other))


@pytest.mark.parametrize(
    ("one", "other"), [("20240329", "3.20"), ("20240329", "2024.3"), ("2024.1", "3.20"), ("2024", "15")]
)
def test_t6_calendars_are_not_compared_with_versions(one: str, other: str) -> None:
    assert not same_family(read_tag(one), read_tag(other))


@pytest.mark.parametrize("text", ["latest", "stable", "edge", "lts", "rolling", "main", "bookworm", "jammy", "nightly"])
def test_t7_floating_words(text: str) -> None:
    assert read_tag(text).kind == FLOATING
    assert newer(text, ["1.0", "2.0", text]).of_family is None


@pytest.mark.parametrize(
    "text", ["a1b2c3d", "0123456789abcdef0123456789abcdef01234567", "0f8fad5b-d9cb-469f-a165-70867728950e"]
)
def test_t7_hashes_are_opaque(text: str) -> None:
    assert read_tag(text).kind == OPAQUE


def test_t7_build_counters_break_ties() -> None:
    found = newer("1.2.3-ls135", ["1.2.3-ls135", "1.2.3-ls140", "1.2.3-ls99"])
    assert found.of_line is not None
    assert (found.of_line.tag, found.of_line.moved) == ("1.2.3-ls140", ("build",))


def test_t8_a_name_of_the_same_digest_is_an_alias_and_no_update() -> None:
    digests = {"7": "A", "7.0": "A", "7.0.14": "A", "8": "B"}
    found = newer("7", digests, digests)
    assert [c.tag for c in found.tags] == ["8"]
    assert found.aliases == ("7.0.14", "7.0")
    same = newer("7.0.13", ["7.0.13", "7.0.14"], {"7.0.13": "A", "7.0.14": "A"})
    assert same.of_line is None


def test_a4_releases_behind_count_each_digest_once() -> None:
    digests = {"7.0.1": "a", "7.0.2": "b", "7.0.3": "b", "7.1.0": "c", "8.0.0": "d", "8.0.0-rc1": "e"}
    assert releases_behind(newer("7.0.1", digests, digests)) == {"patch": 1, "minor": 1, "major": 1}


def test_the_variant_is_kept_and_a_newer_one_is_said() -> None:
    found = newer("7.1.3-alpine3.4", ["7.1.3-alpine3.4", "7.1.17-alpine3.4", "7.1.33-alpine3.10"])
    assert found.of_line is not None
    assert found.across is not None
    assert (found.of_line.tag, found.across.tag) == ("7.1.17-alpine3.4", "7.1.33-alpine3.10")
    assert found.across.moved == ("patch", "variant")


def test_c5_the_walk_begins_with_the_newest_and_is_bounded() -> None:
    tags = [f"7.0.{n}" for n in range(200)] + ["7.0", "latest", "8.0-alpine"]
    assert walk("7.0", tags, 5) == ["7.0.199", "7.0.198", "7.0.197", "7.0.196", "7.0.195"]
    assert walk("bookworm", ["bookworm-20240110", "bookworm-20240211", "trixie-20240101"]) == [
        "bookworm-20240211",
        "bookworm-20240110",
    ]


@pytest.mark.skipif(
    "ORLOP_VECTORS" not in os.environ, reason="ORLOP_VECTORS does not name the folder of real documents"
)
@pytest.mark.parametrize(
    ("file", "tag", "line", "family"),
    [
        ("php", "5.6.10", "5.6.40", "7.3.12"),
        ("php", "7.2.1-cli-stretch", "7.2.25-cli-stretch", "7.3.12-cli-stretch"),
        ("kube_state_metrics", "v1.0.0", "v1.0.1", "v1.6.0"),
        ("ruby", "2.0.0-slim", None, None),
    ],
)
def test_real_lists(file: str, tag: str, line: str | None, family: str | None) -> None:
    document = json.loads(Path(os.environ["ORLOP_VECTORS"], "tags", f"{file}.json").read_bytes())
    listed = document["tags"] if isinstance(document, dict) else document
    found = newer(tag, [one if isinstance(one, str) else one["name"] for one in listed])
    if line is not None:
        assert found.of_line is not None
        assert found.of_line.tag == line
    if family is not None:
        assert found.of_family is not None
        assert found.of_family.tag == family
