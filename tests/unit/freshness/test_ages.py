"""What is known of the age of a base that nobody watched: estimates (A2), and dates that are none (A3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orlop.freshness.ages import estimates, stated
from orlop.freshness.values import PlatformImage
from orlop.model.annotations import CREATED
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config

NOW = 1_790_000_000.0
JUNE = 1_780_272_000.0
"""2026-06-01, UTC."""


def base(created: str, annotation: str = "", label: str = "") -> PlatformImage:
    labels = f'{{"{CREATED}":"{label}"}}' if label else "{}"
    raw = f'{{"architecture":"amd64","os":"linux","created":"{created}","config":{{"Labels":{labels}}}}}'.encode()
    notes = {CREATED: annotation} if annotation else {}
    return PlatformImage(Digest.of(raw), config=parse_config(raw), annotations=notes)


def test_a2_the_annotation_comes_before_the_label_and_that_before_the_config() -> None:
    found = stated(base("2026-06-03T00:00:00Z", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00.123456789Z"), None)
    assert [source for source, _ in found] == ["annotation", "label", "created"]
    assert found[0][1] == JUNE


def test_a2_the_registrys_own_time_comes_first() -> None:
    seen = {"last-modified": "Mon, 01 Jun 2026 00:00:00 GMT"}
    assert estimates(seen, [("created", JUNE - 5)], NOW) == (("last-modified", JUNE), ("created", JUNE - 5))


@pytest.mark.parametrize("header", ["", "yesterday", "Mon, 99 Jun 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a2_a_time_of_the_registry_that_is_none_is_passed_over(header: str) -> None:
    assert estimates({"last-modified": header}, [("created", JUNE)], NOW) == (("created", JUNE),)


@pytest.mark.parametrize(
    "created", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "", "junk", "1980-01-01T00:00:01Z"]
)
def test_a3_a_builders_constant_is_no_date(created: str) -> None:
    assert stated(base(created), None) == []


def test_a3_the_time_of_the_base_before_is_no_date() -> None:
    assert stated(base("2026-06-01T00:00:00Z"), base("2026-06-01T00:00:00Z")) == []


def test_a_time_of_a_clock_that_is_ahead_is_no_date() -> None:
    assert estimates(None, [("created", NOW + 7 * 86400)], NOW) == ()


def test_a_base_without_config_states_nothing() -> None:
    assert stated(replace(base("2026-06-01T00:00:00Z"), config=None), None) == []
