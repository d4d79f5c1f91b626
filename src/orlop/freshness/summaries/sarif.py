"""Reports as SARIF 2.1.0, for code scanning: each stale or undecided platform is a result, each reason a rule.

Rules: "Static Analysis Results Interchange Format Version 2.1.0", OASIS; which of it GitHub reads: "SARIF support for code scanning".
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from orlop._version import __version__
from orlop.freshness.report import verdict_json
from orlop.freshness.summaries import words
from orlop.freshness.values import FRESH, REASONS, STALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.summaries.entry import Entry, Extra
    from orlop.freshness.values import Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"fresh": "none", "stale": "warning", "unknown": "note"}
_MOST_RESULTS = 25_000  # GitHub takes no more in a run
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def sarif(entries: Sequence[Entry]) -> str:
    """Return the log. What could not be asked is a notification of the run, which then did not succeed."""
    used = sorted({one.reason for entry in entries for one in entry.report.platforms} | set(REASONS))
    index = {reason: at for at, reason in enumerate(used)}
    results = [
        _result(entry, verdict, extra, index)
        for entry in entries
        for verdict, _, extra in entry.platforms()
        if entry.counts_as(verdict.state) != FRESH
    ]
    failed = [entry for entry in entries if entry.report.error is not None]
    driver = {
        "name": "orlop",
        "version": __version__,
        "semanticVersion": _semantic(__version__),
        "rules": [_rule(reason) for reason in used],
    }
    invocation: dict[str, Any] = {"executionSuccessful": not failed}
    if failed:
        invocation["toolExecutionNotifications"] = [_notification(entry) for entry in failed]
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results[:_MOST_RESULTS],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _semantic(version: str) -> str:
    """Return a version of Python's as semver has it: 1.2.0.dev1 is 1.2.0."""
    return ".".join([*version.split("."), "0", "0"][:3])


def _rule(reason: str) -> dict[str, Any]:
    state = REASONS.get(reason, "unknown")
    text = words.REASONS.get(reason, reason)
    return {
        "id": reason,
        "name": "".join(part.capitalize() for part in reason.split("-")),
        "shortDescription": {"text": f"{state.capitalize()}: {text}"},
        "fullDescription": {"text": f"The image is {state} with regard to its base image: {text}."},
        "help": {
            "text": "Rebuild the image on what its base is now." if state == STALE else "See docs/guide/freshness.md."
        },
        "defaultConfiguration": {"level": _LEVELS[state]},
        "properties": {"tags": ["container", "base-image"]},
    }


def _result(entry: Entry, verdict: Verdict, extra: Extra, index: dict[str, int]) -> dict[str, Any]:
    stale = entry.counts_as(verdict.state) == STALE
    subject = entry.report.subject
    text = f"{subject} {words.platform(verdict)}: {words.sentence(verdict)}."
    ends = words.lives(extra.lives)
    print_ = json.dumps([subject, str(verdict.platform or ""), verdict.reason, words.base(verdict.base)])
    return {
        "ruleId": verdict.reason,
        "ruleIndex": index[verdict.reason],
        "kind": "fail" if stale else "open",
        # A result that is no failure has no level (SARIF 3.27.10).
        "level": "warning" if stale else "none",
        "message": {"text": f"{text} End of life: {ends}." if ends else text},
        "locations": [_location(entry)],
        "partialFingerprints": {"orlopVerdict/v1": hashlib.sha256(print_.encode()).hexdigest()},
        "properties": {"verdict": verdict_json(verdict)},
    }


def _location(entry: Entry) -> dict[str, Any]:
    where = entry.where
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file if where else entry.report.subject)}}
    # GitHub wants a region for every location.
    physical["region"] = {"startLine": where.line if where and where.line else 1}
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": entry.report.subject}]}


def _notification(entry: Entry) -> dict[str, Any]:
    error = entry.report.error
    return {
        "level": "error",
        "message": {"text": f"{entry.report.subject}: {error}"},
        "descriptor": {"id": type(error).__name__},
        "locations": [_location(entry)],
    }


def _uri(path: str) -> str:
    """Return a path, or a name, as a relative URI (RFC 3986)."""
    raw = path.replace("\\", "/").encode("utf-8", "replace")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw) or "-"
