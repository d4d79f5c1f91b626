"""Since when a base that nobody watched may be what it is, by what it and its registry say (A2, A3). Pure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.freshness.behind import is_date
from orlop.model.annotations import CREATED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.freshness.values import PlatformImage


def stated(now: PlatformImage, then: PlatformImage | None) -> list[tuple[str, float]]:
    """Return when a base says that it was made: (source, seconds since 1970), the best first.

    A time that is that of the base before as well, or is older than 1990, is a builder's constant and no date (A3).
    """
    before = {} if then is None else dict(_times(then))
    return [(source, time) for source, time in _times(now) if is_date(time) and before.get(source) != time]


def estimates(
    seen: Mapping[str, str] | None, said: Iterable[tuple[str, float]], at: float
) -> tuple[tuple[str, float], ...]:
    """Return all estimates, the best first: the registry's before those of ``stated``.

    seen: what the registry said beside the tag's digest. at: seconds since 1970; what lies after it is no date.
    """
    from email.utils import parsedate_to_datetime

    made = list(said)
    try:
        pushed = parsedate_to_datetime((seen or {}).get("last-modified", "")).timestamp()
        made.insert(0, ("last-modified", pushed))
    except (TypeError, ValueError, IndexError, OverflowError):
        pass
    return tuple((source, time) for source, time in made if is_date(time, at))


def _times(image: PlatformImage) -> list[tuple[str, float]]:
    index = image.index.annotations if image.index is not None else {}
    texts = [("annotation", image.annotations.get(CREATED) or index.get(CREATED, ""))]
    if image.config is not None:
        with suppress(OrlopError):
            texts += [("label", image.config.labels.get(CREATED, "")), ("created", image.config.created)]
    times = [(source, _seconds(text)) for source, text in texts]
    return [(source, time) for source, time in times if time is not None]


def _seconds(text: str) -> float | None:
    """Return an RFC 3339 time; UTC where it states no zone."""
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
