"""A newer base that is too young to count: rule A5 of the up-to-date check. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.freshness.behind import old_enough
from orlop.freshness.values import FRESH, LAYERS, METADATA, SAME_BASE, STALE, Verdict
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.behind import Waiting
    from orlop.freshness.observed import Sighting


def cool_down(
    verdict: Verdict, history: Sequence[Sighting], min_age_s: float, at: float, *, built_by: float | None = None
) -> tuple[Verdict, Waiting | None]:
    """Return the verdict with a newer base counting only once it was known for ``min_age_s``, and what that base waits for.

    history: the spans of the base's tag, oldest first, with what is seen now. at: now. built_by: when the image itself was first seen, if
    it was. All times in seconds since 1970.

    What is counted from is when a digest was first seen, never a date that it states. A tag that moves every day does not starve:
    the newest digest that is old enough counts, where the image is known to be older than that.
    """
    now = verdict.now_digest
    moved = verdict.state == STALE and verdict.reason in {LAYERS, METADATA} and now is not None
    if min_age_s <= 0 or not moved or now is None or now == verdict.then_digest:
        return verdict, None
    waiting = old_enough(history, now.value, min_age_s, at)
    if waiting.counts == now.value:
        return verdict, None
    if waiting.counts is not None and _older(verdict, history, waiting.counts, built_by):
        said = f"it is behind {waiting.counts}; a newer base waits until it is old enough"
        return replace(verdict, now_digest=Digest(waiting.counts), detail=said, waiting_until=waiting.until), waiting
    known = "" if waiting.known else ", and since when is not known"
    said = f"a newer base is there, too young to count{known}"
    made = replace(verdict, state=FRESH, reason=SAME_BASE, detail=said, waiting_until=waiting.until)
    return made, waiting


def cooled_below(verdict: Verdict, below: Sequence[tuple[Verdict, Waiting | None]]) -> tuple[Verdict, Waiting | None]:
    """Return a verdict that is stale by a base below its own, where those have to be of an age as well.

    below: what ``cool_down`` says of each, the nearest first. While one of them counts, the image is stale.
    """
    waiting = next((one for _, one in below if one is not None), None)
    if waiting is None:
        return verdict, None
    ancestors = tuple(one for one, _ in below)
    if any(one.state == STALE for one in ancestors):
        return replace(verdict, ancestors=ancestors), None
    said = "a newer base is there below its own, too young to count"
    made = replace(
        verdict,
        state=FRESH,
        reason=SAME_BASE,
        upstream=FRESH,
        detail=said,
        waiting_until=waiting.until,
        ancestors=ancestors,
    )
    return made, waiting


def _older(verdict: Verdict, history: Sequence[Sighting], counts: str, built_by: float | None) -> bool:
    """Whether the image was built on something that came before the digest that counts."""
    last = max(n for n, span in enumerate(history) if span.platform_digest == counts)
    then = verdict.then_digest.value if verdict.then_digest else ""
    seen = [n for n, span in enumerate(history) if then and then in {span.platform_digest, span.digest}]
    if seen:
        return max(seen) < last
    first = min(span.first_seen for span in history if span.platform_digest == counts)
    return built_by is not None and built_by <= first
