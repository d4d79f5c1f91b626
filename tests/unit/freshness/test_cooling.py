"""A newer base counts once it is old enough (A5)."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.freshness.cooling import cool_down, cooled_below
from orlop.freshness.observed import Sighting
from orlop.freshness.values import BaseName, BuildInput, Verdict
from orlop.model.digest import Digest

DAY = 86400.0
WEEK = 7 * DAY
NOW = 1_700_000_000.0


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def seen(name: str, days_ago: float, until_days_ago: float = 0.0) -> Sighting:
    one = digest(name).value
    return Sighting(digest(f"index of {name}").value, one, NOW - days_ago * DAY, NOW - until_days_ago * DAY)


def stale(then: str | None = "old", now: str = "new", **more: Any) -> Verdict:
    given = {
        "base": BaseName.parse("debian:12"),
        "then_digest": digest(then) if then else None,
        "now_digest": digest(now),
    }
    return Verdict("stale", "layers", **{**given, **more})


def test_a5_a_young_base_leaves_the_image_fresh_until_a_day_that_is_told() -> None:
    made, waiting = cool_down(stale(), [seen("old", 30, 3), seen("new", 2)], WEEK, NOW)
    assert (made.state, made.reason) == ("fresh", "same-base")
    assert made.waiting_until == NOW + 5 * DAY
    assert "too young to count" in made.detail
    assert waiting is not None
    assert waiting.known


def test_a5_an_old_base_counts() -> None:
    verdict = stale()
    assert cool_down(verdict, [seen("old", 30, 9), seen("new", 8)], WEEK, NOW) == (verdict, None)


def test_a5_an_age_that_is_not_known_waits_and_says_so() -> None:
    made, waiting = cool_down(stale(), [], WEEK, NOW)
    assert (made.state, made.waiting_until) == ("fresh", None)
    assert "since when is not known" in made.detail
    assert waiting is not None
    assert not waiting.known


def test_a5_a_tag_that_moves_every_day_does_not_starve() -> None:
    history = [seen("old", 30, 20), *(seen(f"day {n}", n, n - 1) for n in range(15, 0, -1)), seen("new", 0.5)]
    made, _ = cool_down(stale(), history, WEEK, NOW)
    assert (made.state, made.now_digest) == ("stale", digest("day 7"))


def test_a5_an_image_on_the_newest_base_that_counts_is_fresh() -> None:
    history = [seen("old", 30, 20), seen("week", 9, 2), seen("new", 1)]
    assert cool_down(stale("week"), history, WEEK, NOW)[0].state == "fresh"
    assert cool_down(stale("old"), history, WEEK, NOW)[0].state == "stale"


def test_a5_an_image_on_a_base_younger_than_what_counts_is_fresh() -> None:
    history = [seen("week", 9, 5), seen("three days", 3, 1), seen("new", 1)]
    assert cool_down(stale("three days"), history, WEEK, NOW)[0].state == "fresh"


@pytest.mark.parametrize(("first_seen", "state"), [(None, "fresh"), (NOW - 20 * DAY, "stale"), (NOW - DAY, "fresh")])
def test_a5_what_was_seen_of_the_image_itself_orders_a_base_that_was_not(first_seen: float | None, state: str) -> None:
    made, _ = cool_down(stale("unseen"), [seen("week", 9, 2), seen("new", 1)], WEEK, NOW, built_by=first_seen)
    assert made.state == state


def test_a5_the_digest_of_an_index_is_found_among_those_of_platforms() -> None:
    verdict = stale(None, then_digest=digest("index of week"))
    assert cool_down(verdict, [seen("week", 9, 2), seen("new", 1)], WEEK, NOW)[0].state == "fresh"


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict("fresh", "same-base"),
        Verdict("unknown", "no-evidence"),
        Verdict("stale", "base-retagged-away", then_digest=digest("old")),
        stale("new", build_inputs=(BuildInput(BaseName.parse("golang:1"), state="stale"),)),
    ],
)
def test_a5_nothing_else_waits(verdict: Verdict) -> None:
    assert cool_down(verdict, [seen("new", 1)], WEEK, NOW) == (verdict, None)


def test_a5_without_a_limit_nothing_waits() -> None:
    assert cool_down(stale(), [seen("new", 1)], 0.0, NOW) == (stale(), None)


def test_a5_a_base_below_waits_as_well() -> None:
    verdict = Verdict("stale", "upstream", upstream="stale", ancestors=(stale(),))
    below = [cool_down(one, [seen("old", 30, 3), seen("new", 2)], WEEK, NOW) for one in verdict.ancestors]
    made, waiting = cooled_below(verdict, below)
    assert (made.state, made.upstream, made.waiting_until) == ("fresh", "fresh", NOW + 5 * DAY)
    assert waiting is not None


def test_a5_one_base_below_that_is_old_enough_counts() -> None:
    verdict = Verdict("stale", "upstream", upstream="stale", ancestors=(stale(), stale()))
    young, old = [seen("old", 30, 3), seen("new", 2)], [seen("old", 30, 9), seen("new", 8)]
    below = [cool_down(stale(), young, WEEK, NOW), cool_down(stale(), old, WEEK, NOW)]
    made, _ = cooled_below(verdict, below)
    assert (made.state, made.reason) == ("stale", "upstream")
