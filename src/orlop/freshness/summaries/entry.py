"""One line of a summary: a report, where its image was named, and what else was found out."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from orlop.freshness.report import About
from orlop.freshness.values import STALE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orlop.freshness.eol import Life
    from orlop.freshness.values import Report, State, Verdict

Outcome = Literal["fresh", "stale", "unknown", "error"]


class Where(NamedTuple):
    """The place that names an image. file: its path; line: from 1, 0 where it is not known; inside: a path in the file, or what it is for."""

    file: str
    line: int = 0
    inside: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else f"{self.file} {self.inside}".strip()


class Extra(NamedTuple):
    """What else is known of one platform. lives: ends of life of what the base is. releases: how many newer ones, by kind of step.

    counted: all of the releases were compared. changes: what differs between the base then and now.
    """

    lives: tuple[Life, ...] = ()
    releases: Mapping[str, int] | None = None
    counted: bool = True
    changes: Changes | None = None


class Changes(NamedTuple):
    """What the base of an image would bring. packages: (change, name, before, after). files: counts by kind of change.

    trouble: why it could not be found out, in words.
    """

    packages: tuple[tuple[str, str, str, str], ...] = ()
    files: Mapping[str, int] = MappingProxyType({})
    trouble: str = ""


class Entry(NamedTuple):
    """One image of a summary. unknown_as: what undecided counts as. extras: in the order of the report's platforms, or none."""

    report: Report
    where: Where | None = None
    unknown_as: State = UNKNOWN
    extras: tuple[Extra, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """How the image is counted."""
        if self.report.error is not None:
            return "error"
        return self.counts_as(self.report.state)

    def counts_as(self, state: State) -> State:
        """Return what a state counts as."""
        return self.unknown_as if state == UNKNOWN else state

    def platforms(self) -> Iterator[tuple[Verdict, About, Extra]]:
        """Yield each platform's verdict with what else is known of it."""
        for at, verdict in enumerate(self.report.platforms):
            about = self.report.about[at] if at < len(self.report.about) else NOTHING
            yield verdict, about, self.extras[at] if at < len(self.extras) else NO_EXTRA


NOTHING = About()
NO_EXTRA = Extra()


def counted(entries: Sequence[Entry]) -> str:
    """Return how many images came out how: ``1 stale, 2 fresh``."""
    counts: Counter[str] = Counter(entry.outcome for entry in entries)
    words = {"error": "not asked", STALE: STALE, UNKNOWN: "undecided", "fresh": "fresh"}
    said = [f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome]]
    return ", ".join(said) or "no images"
