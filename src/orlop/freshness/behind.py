"""How far behind: since when, by how many updates, and whether a newer base is old enough to count. Pure.

Rules A1 to A5 of the up-to-date check (docs/guide/freshness.md): only what was seen is known; the rest is estimated, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.observed import Sighting

TOO_OLD = 631152000.0
"""1990-01-01: an earlier date is a builder's constant (1970, 0001), not a date (A3)."""
_FUTURE_S = 86400.0


class Since(NamedTuple):
    """Since when an image is stale. how: "observed", between ``after`` and ``until``; "estimated", at ``until``; else "unknown".

    source: what an estimate is taken from: ``last-modified``, ``annotation``, ``label``, ``created``. Times in seconds since 1970.
    """

    how: Literal["observed", "estimated", "unknown"] = "unknown"
    after: float | None = None
    until: float | None = None
    source: str = ""


class Behind(NamedTuple):
    """How far behind one platform is. updates: distinct manifests that the base's tag pointed to since, where that was
    observed; at_least: there may have been more, since watching began later.
    """

    since: Since
    updates: int | None = None
    at_least: bool = True


def behind(
    history: Sequence[Sighting], then: str | None, now: str, estimates: Sequence[tuple[str, float]] = ()
) -> Behind:
    """Return how far ``then`` is behind ``now``, both platform digests of one tag.

    history: the tag's spans, oldest first. estimates: (source, time) of NOW, the best first (A2).
    """
    spans = list(history)
    at = max((n for n, span in enumerate(spans) if span.platform_digest == then), default=None)
    if at is None or then is None:
        seen = {span.platform_digest for span in spans} - {then}
        return Behind(_estimated(estimates), len(seen) or None, at_least=True)
    later = spans[at + 1 :]
    if not later:
        return Behind(_estimated(estimates), None if then != now else 0, at_least=then != now)
    since = Since("observed", spans[at].last_seen, later[0].first_seen)
    return Behind(since, len({span.platform_digest for span in later} - {then}), at_least=False)


def _estimated(estimates: Sequence[tuple[str, float]]) -> Since:
    for source, time in estimates:
        if is_date(time):
            return Since("estimated", None, time, source)
    return Since()


def is_date(time: float, now: float | None = None) -> bool:
    """Whether a time can be believed to be one (A3); with ``now``, it does not lie in the future."""
    return time >= TOO_OLD and (now is None or time <= now + _FUTURE_S)


class Waiting(NamedTuple):
    """What a minimum age makes of a newer base (A5).

    counts: the newest platform digest that is old enough to count, None when none is known to be. until: when the newest one
    will be, None where that is not known. known: whether its age is known at all.
    """

    counts: str | None
    until: float | None
    known: bool


def old_enough(history: Sequence[Sighting], now_digest: str, min_age_s: float, at: float) -> Waiting:
    """Return which digest of the tag counts when newer ones have to be ``min_age_s`` old.

    Age is counted from when a digest was first seen here, not from what it says of itself: that can be forged, or old. A tag
    that moves every day does not wait for ever: the newest digest old enough is taken from the history.
    """
    if min_age_s <= 0:
        return Waiting(now_digest, None, known=True)
    first: dict[str, float] = {}
    for span in history:
        first.setdefault(span.platform_digest, span.first_seen)
    counts = None
    for span in history:
        if at - first[span.platform_digest] >= min_age_s:
            counts = span.platform_digest
    if now_digest not in first:
        return Waiting(counts, None, known=False)
    until = first[now_digest] + min_age_s
    return Waiting(counts, None if at >= until else until, known=True)
