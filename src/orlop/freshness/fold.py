"""From platforms to one answer: folded states, ancestors, exit statuses (V3, V4, V7)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.freshness.values import FRESH, NO_EVIDENCE, STALE, UNKNOWN, UPSTREAM, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.freshness.values import Options, State, Verdict
    from orlop.model.digest import Digest

EXIT: dict[State, int] = {"fresh": 0, "stale": 1, "unknown": 10}
"""The exit status of each state; errors have their family's (V4)."""


def fold(verdicts: Iterable[Verdict]) -> State:
    """Return the state of an image of these platforms: stale if one is, else unknown if one is or there is none, else fresh (V3)."""
    return fold_states(one.state for one in verdicts)


def fold_states(states: Iterable[State]) -> State:
    """Return the state of the whole."""
    seen = set(states)
    if STALE in seen:
        return STALE
    return FRESH if seen == {FRESH} else UNKNOWN


def report(subject: str, digest: Digest | None, verdicts: Sequence[Verdict]) -> Report:
    """Return the report on an image as it was named."""
    return Report(subject, digest, fold(verdicts), tuple(verdicts))


def with_ancestors(verdict: Verdict, ancestors: Sequence[Verdict], options: Options) -> Verdict:
    """Return the verdict with those on its base, on the base's base, and so on (V7).

    A stale ancestor makes ``upstream`` stale, and the image itself only where ``options.through`` says so.
    """
    if not ancestors:
        return verdict
    # The last of a chain names no base, which is its end and leaves nothing open.
    states = {one.state for one in ancestors if one.reason != NO_EVIDENCE}
    upstream: State = fold_states(states) if states else FRESH
    made = replace(verdict, upstream=upstream, ancestors=tuple(ancestors))
    if options.through and upstream == STALE and verdict.state == FRESH:
        first = next(one for one in ancestors if one.state == STALE)
        return replace(
            made, state=STALE, reason=UPSTREAM, detail=f"{first.base or 'an ancestor'} has moved under the base"
        )
    return made


def exit_status(state: State, *, unknown_as: State = UNKNOWN) -> int:
    """Return the exit status of a state (V4). unknown_as: what undecided counts as, for those who need a yes or a no."""
    return EXIT[unknown_as if state == UNKNOWN else state]


def overall(statuses: Iterable[int]) -> int:
    """Return the exit status of a list: the largest error, else 1 if one is stale, else 10 if one is undecided, else 0."""
    seen = set(statuses)
    errors = seen - {0, 1, 10}
    if errors:
        return max(errors)
    return next((status for status in (1, 10) if status in seen), 0)
