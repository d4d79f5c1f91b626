"""Verdicts in words, for people: tables, summaries, annotations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orlop.freshness import values
from orlop.freshness.eol import SUPPORTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orlop.freshness.behind import Since
    from orlop.freshness.eol import Life
    from orlop.freshness.report import About
    from orlop.freshness.summaries.entry import Extra
    from orlop.freshness.values import BaseName, Evidence, Verdict

REASONS: Mapping[str, str] = {
    values.SAME_BASE: "the base has not moved",
    values.SAME_CONTENT: "the base has the same content",
    values.NO_BASE: "it has no base",
    values.LAYERS: "the base has other layers now",
    values.METADATA: "the base has the same layers, and other metadata",
    values.RETAGGED_AWAY: "the tag of the base is gone",
    values.UPSTREAM: "the base is itself stale",
    values.NO_EVIDENCE: "nothing says what it was built on",
    values.NOT_BASED: "it was not built on this base",
    values.PLATFORM_MISSING: "the base lacks this platform",
    values.SQUASHED: "its layers were squashed",
    values.BASE_UNREADABLE: "the base cannot be read",
    values.EMPTY_BASE: "the base has no layers",
    values.REWRITTEN: "its layers were rewritten",
    values.CONFLICT: "what names a base contradicts the layers",
}
"""Every reason code in words."""

_KINDS = {
    "given": "given",
    "provenance": "provenance",
    "annotation": "annotation",
    "label": "label",
    "buildpacks": "buildpacks",
    "chain-index": "known base",
    "observed": "seen before",
    "history": "guess by history",
}


def reason(verdict: Verdict) -> str:
    """Return why, in words."""
    return REASONS.get(verdict.reason, verdict.reason)


def base(name: BaseName | None) -> str:
    """Return a base as people write it."""
    if name is None:
        return ""
    from orlop.model.reference import Reference

    if name.repository is None:
        return name.text
    return Reference(name.repository, name.tag, None if name.tag else name.digest).familiar


def state(verdict: Verdict) -> str:
    """Return the state, with what is above it where that differs: ``fresh (upstream stale)``."""
    if verdict.upstream not in {"", values.FRESH} and verdict.state == values.FRESH:
        return f"{verdict.state} (upstream {verdict.upstream})"
    return verdict.state


def platform(verdict: Verdict) -> str:
    """Return the platform, ``-`` where none is stated."""
    return str(verdict.platform) if verdict.platform is not None else "-"


def day(time: float) -> str:
    """Return the day of a time in seconds since 1970, UTC."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return "?"


def minute(time: float) -> str:
    """Return a time in seconds since 1970 to the minute, UTC."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "?"


def since(found: Since | None) -> str:
    """Return since when: ``2026-11-02``, ``2026-11-01 to 11-02``, ``about 2026-11-02``."""
    if found is None or found.until is None:
        return ""
    if found.how == "estimated" or found.after is None:
        return f"about {day(found.until)}"
    after, until = day(found.after), day(found.until)
    return until if after == until else f"{after} to {until}"


def behind(about: About, extra: Extra) -> str:
    """Return by how much: ``2 updates, 1 minor release``."""
    said = []
    found = about.behind
    if found is not None and found.updates:
        least = "at least " if found.at_least else ""
        said.append(f"{least}{found.updates} {'update' if found.updates == 1 else 'updates'}")
    for step, count in (extra.releases or {}).items():
        if count:
            most = "" if extra.counted else "up to "
            said.append(f"{most}{count} {step} {'release' if count == 1 else 'releases'}")
    return ", ".join(said)


def waiting(verdict: Verdict, about: About) -> str:
    """Return what a minimum age does to the verdict: ``a newer base is there, waiting until 2026-11-30 12:00``."""
    until = verdict.waiting_until
    found = about.waiting
    if until is None and found is not None:
        until = found.until
        if not found.known:
            return "a newer base is there; since when is not known, so it waits"
    return "" if until is None else f"a newer base is there, waiting until {minute(until)}"


def lives(found: Iterable[Life], *, all_: bool = False) -> str:
    """Return what is near or past its end: ``debian 10: paid-only until 2029-06-30``. all_: what is supported as well."""
    said = []
    for life in found:
        if life.state in {"unknown", "rolling"} or (life.state == SUPPORTED and not all_):
            continue
        word = "ended" if life.state == "eol" else "until"
        date = f" {word} {life.date}" if life.date else ""
        name = f"{life.product} {life.cycle}".strip()
        said.append(f"{name}: {date.strip() or life.state}" if life.state == "eol" else f"{name}: {life.state}{date}")
    return ", ".join(said)


def evidence(one: Evidence) -> str:
    """Return one reason to believe in a base: ``annotation debian:12 (confirmed)``."""
    name = base(one.base)
    bound = "" if one.binding == "unchecked" else f" ({one.binding})"
    note = f": {one.note}" if one.note and not name else ""
    return f"{_KINDS.get(one.kind, one.kind)} {name}".strip() + bound + note


def decisive(verdict: Verdict) -> Evidence | None:
    """Return the evidence that names the base which was compared with."""
    named = [one for one in verdict.evidence if one.base is not None and verdict.base is not None]
    fitting = [one for one in named if one.base and verdict.base and one.base.same_place(verdict.base)]
    return next(iter(fitting or named), None)


def sentence(verdict: Verdict) -> str:
    """Return state, reason and base in a line."""
    name = base(verdict.base)
    on = f" ({name})" if name else ""
    detail = f": {verdict.detail}" if verdict.detail else ""
    return f"{state(verdict)}, {reason(verdict)}{on}{detail}"
