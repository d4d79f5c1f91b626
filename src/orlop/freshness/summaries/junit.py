"""Reports as JUnit's XML: a suite for each image, a case for each platform. Read by GitLab, Jenkins, Azure Pipelines and others.

stale is a failure, undecided is skipped, what could not be asked is an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.freshness.summaries import words
from orlop.freshness.values import STALE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.report import About
    from orlop.freshness.summaries.entry import Entry, Extra
    from orlop.freshness.values import Verdict

# XML 1.0, section 2.2: what a document cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def junit(entries: Sequence[Entry]) -> str:
    """Return the document."""
    suites = []
    totals = [0, 0, 0, 0]
    for entry in entries:
        cases, counts = _cases(entry)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        suites.append(f"<testsuite{_attributes(name=entry.report.subject, **_counts(counts))}>\n{cases}</testsuite>\n")
    head = _attributes(name="orlop image check", **_counts(totals))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{head}>\n{"".join(suites)}</testsuites>\n'


def _counts(counts: Sequence[int]) -> dict[str, str]:
    names = ("tests", "failures", "errors", "skipped")
    return {name: str(count) for name, count in zip(names, counts, strict=True)}


def _cases(entry: Entry) -> tuple[str, list[int]]:
    made = []
    counts = [0, 0, 0, 0]
    error = entry.report.error
    told = False
    for verdict, about, extra in entry.platforms():
        counts[0] += 1
        counts_as = entry.counts_as(verdict.state)
        text = _text(_details(verdict, about, extra))
        message = words.sentence(verdict)
        if error is not None and verdict.absent is not None and verdict.absent.error is error:
            told = True
            counts[2] += 1
            inner = f"<error{_attributes(message=str(error), type=type(error).__name__)}>{text}</error>"
        elif counts_as == STALE:
            counts[1] += 1
            inner = f"<failure{_attributes(message=message, type=verdict.reason)}>{text}</failure>"
        elif counts_as == UNKNOWN:
            counts[3] += 1
            inner = f"<skipped{_attributes(message=message)}/>"
        else:
            inner = f"<system-out>{text}</system-out>"
        made.append(_case(entry, words.platform(verdict), inner))
    if error is not None and not told:
        counts[0] += 1
        counts[2] += 1
        inner = f"<error{_attributes(message=str(error), type=type(error).__name__)}/>"
        made.append(_case(entry, "check", inner))
    return "".join(made), counts


def _case(entry: Entry, name: str, inner: str) -> str:
    place = {"file": entry.where.file} if entry.where is not None else {}
    if entry.where is not None and entry.where.line:
        place["line"] = str(entry.where.line)
    return f"<testcase{_attributes(classname=entry.report.subject, name=name, **place)}>{inner}</testcase>\n"


def _details(verdict: Verdict, about: About, extra: Extra) -> str:
    pairs = [
        ("state", words.state(verdict)),
        ("reason", f"{verdict.reason}: {words.reason(verdict)}"),
        ("detail", verdict.detail),
        ("hint", verdict.hint),
        ("base", str(verdict.base or "")),
        ("then", str(verdict.then_digest or "")),
        ("now", str(verdict.now_digest or "")),
        ("behind", words.behind(about, extra)),
        ("since", words.since(about.behind.since if about.behind else None)),
        ("end of life", words.lives(extra.lives)),
        *(("evidence", words.evidence(one)) for one in verdict.evidence),
    ]
    return "\n".join(f"{name}: {value}" for name, value in pairs if value)


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_quoted(value)}"' for name, value in values.items())


def _quoted(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in _FORBIDDEN.sub("\ufffd", text))


def _text(text: str) -> str:
    return _quoted(text).replace("&#10;", "\n")
