"""Reports as Markdown: a table, for the summary of a job, or a comment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.freshness.summaries import words
from orlop.freshness.summaries.entry import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.summaries.entry import Entry

_SPECIAL = re.compile(r"[\\`*_{}\[\]()#!|~$]")
_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_HEADINGS = ("Image", "Platform", "State", "Reason", "Base", "Behind", "Stale since", "End of life")
_MOST_ROWS = 2000
_MOST_PACKAGES = 50


def markdown(entries: Sequence[Entry]) -> str:
    """Return a heading with counts, a row for each platform, and notes below. Foreign text stays text, and mentions nobody."""
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for entry in entries:
        subject = code(entry.report.subject)
        if entry.where is not None:
            subject += f" in {code(str(entry.where))}"
        error = entry.report.error
        if error is not None:
            notes.append(f"- {subject}: {plain(str(error))}")
        if error is not None and not entry.report.platforms:
            rows.append((subject, "", "**error**", plain(type(error).__name__), "", "", "", ""))
        for verdict, about, extra in entry.platforms():
            state = words.state(verdict)
            rows.append(
                (
                    subject,
                    plain(words.platform(verdict)),
                    state if state == "fresh" else f"**{state}**",
                    plain(words.reason(verdict)),
                    code(words.base(verdict.base)) if verdict.base else "",
                    plain(words.behind(about, extra)),
                    plain(words.since(about.behind.since if about.behind else None)),
                    plain(words.lives(extra.lives)),
                )
            )
            if verdict.detail and verdict.state != "fresh":
                notes.append(f"- {subject} {plain(words.platform(verdict))}: {plain(verdict.detail)}")
            if extra.changes is not None and extra.changes.packages:
                shown = ", ".join(_change(*one) for one in extra.changes.packages[:_MOST_PACKAGES])
                more = len(extra.changes.packages) - _MOST_PACKAGES
                also = f", and {more} more" if more > 0 else ""
                notes.append(f"- {subject} {plain(words.platform(verdict))} would get: {shown}{also}")
    used = [at for at in range(len(_HEADINGS)) if any(row[at] for row in rows)]
    made = [f"### Base images: {counted(entries)}", ""]
    if rows:
        made.append(_row([_HEADINGS[at] for at in used]))
        made.append(_row(["---"] * len(used)))
        made.extend(_row([row[at] for at in used]) for row in rows[:_MOST_ROWS])
        if len(rows) > _MOST_ROWS:
            made += ["", f"{len(rows) - _MOST_ROWS} more rows are left out."]
    if notes:
        made += ["", *dict.fromkeys(notes[:_MOST_ROWS])]
    return "\n".join(made) + "\n"


def _change(change: str, name: str, before: str, after: str) -> str:
    if before and after:
        return f"{plain(name)} {plain(before)} → {plain(after)}"
    return f"{plain(name)} {plain(before or after)} {plain(change)}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def plain(text: str) -> str:
    """Return foreign text so that none of it is markup, a link or a mention."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    escaped = _SPECIAL.sub(lambda match: "\\" + match[0], line)
    return "".join(_MARKUP.get(char, char) for char in escaped)


def code(text: str) -> str:
    """Return foreign text as code; a grave accent in it becomes an apostrophe."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return "`" + line.replace("`", "'").replace("|", "\\|") + "`" if line else ""
