"""Reports as GitHub Actions takes them: workflow commands that annotate, and the summary of the job.

Rules: GitHub Docs, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.freshness.summaries import words
from orlop.freshness.values import STALE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.freshness.summaries.entry import Entry

SUMMARY_LIMIT = 1000 * 1024
"""Bytes of a step's summary: GitHub refuses more than 1 MiB whole."""


def annotate(entries: Sequence[Entry]) -> list[str]:
    """Return a line for each platform that is stale (a warning) or undecided (a notice), and for each error."""
    return [line for entry in entries for line in _lines(entry)]


def _lines(entry: Entry) -> Iterator[str]:
    report = entry.report
    if report.error is not None:
        yield command("error", "Base image not checked", f"{report.subject}: {report.error}", entry)
    for verdict, about, extra in entry.platforms():
        counts_as = entry.counts_as(verdict.state)
        said = f"{report.subject} {words.platform(verdict)}: {words.sentence(verdict)}"
        more = ", ".join(text for text in (words.behind(about, extra), words.lives(extra.lives)) if text)
        if counts_as == STALE:
            yield command("warning", "Stale base image", f"{said}; {more}" if more else said, entry)
        elif counts_as == UNKNOWN and report.error is None:
            yield command("notice", "Undecided base image", said, entry)


def command(name: str, title: str, message: str, entry: Entry) -> str:
    """Return one workflow command, from which nothing can break out."""
    properties = {"title": title}
    if entry.where is not None:
        properties["file"] = entry.where.file
        if entry.where.line:
            properties["line"] = str(entry.where.line)
    inside = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {inside}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def cut(text: str, room: int = SUMMARY_LIMIT) -> str:
    """Return a summary that fits: whole lines, and a note where some are left out."""
    if len(text.encode()) <= room:
        return text
    note = "\n\nThe rest is left out: the summary of a step may not be larger.\n"
    kept = text.encode()[: room - len(note)].rpartition(b"\n")[0].decode("utf-8", "ignore")
    return kept + note
