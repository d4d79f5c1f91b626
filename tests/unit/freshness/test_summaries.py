"""Summaries of reports: Markdown to the letter, JUnit and SARIF to their shape, GitHub's commands; foreign text stays text."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest

from orlop.errors import DeniedError, ManifestNotFoundError
from orlop.freshness.behind import Behind, Since
from orlop.freshness.eol import Life
from orlop.freshness.report import About
from orlop.freshness.summaries import words
from orlop.freshness.summaries.entry import Changes, Entry, Extra, Where, counted
from orlop.freshness.summaries.github import annotate, cut
from orlop.freshness.summaries.junit import junit
from orlop.freshness.summaries.markdown import code, markdown, plain
from orlop.freshness.summaries.sarif import sarif
from orlop.freshness.values import REASONS, Absent, BaseName, Evidence, Report, Verdict
from orlop.model.digest import Digest
from orlop.model.platform import Platform

GOLDEN = Path(__file__).parent / "golden"
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
BASE = BaseName.parse("debian:12")
EVIL = 'x`|<script>alert(1)</script>]]>\n::error::@everyone\x1b[31m\x00 [a](http://b) "q" %0A'


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def verdict(state: Any, reason: str, platform: Platform | None = AMD64, **more: Any) -> Verdict:
    given: dict[str, Any] = {
        "base": BASE,
        "digest": digest("app"),
        "then_digest": digest("then"),
        "now_digest": digest("now"),
    }
    return Verdict(state, reason, platform, **{**given, **more})


def stale_entry() -> Entry:
    evidence = (Evidence("annotation", BASE, "confirmed", depth=1),)
    one = verdict("stale", "layers", evidence=evidence, detail="the base got a layer")
    other = verdict("fresh", "same-base", ARM64, upstream="stale", evidence=evidence)
    behind = Behind(Since("observed", 1_700_000_000.0, 1_700_200_000.0), 2, at_least=False)
    life = Life("debian", "12", "lts-only", dt.date(2028, 6, 30), 700, "test", "2026-11-01")
    changes = Changes((("upgraded", "libc6", "2.36-9", "2.36-10"), ("added", "tzdata", "", "2024a")), {"changed": 3})
    report = Report("ghcr.io/owner/app:1", digest("index"), "stale", (one, other), about=(About(behind), About()))
    return Entry(report, Where("deploy/Dockerfile", 3), extras=(Extra((life,), {"minor": 1}, changes=changes), Extra()))


def unknown_entry(**more: Any) -> Entry:
    one = verdict("unknown", "no-evidence", base=None, then_digest=None, now_digest=None, detail="nothing says")
    return Entry(Report("plain:1", digest("plain"), "unknown", (one,)), **more)


def failed_entry() -> Entry:
    return Entry(Report("gone:1", None, "unknown", (), ManifestNotFoundError("1", "docker.io/library/gone")))


def unreadable_entry() -> Entry:
    error = DeniedError("registry.test", "403")
    absent = Absent.of(error)
    one = verdict("unknown", "base-unreadable", now_digest=None, absent=absent)
    return Entry(Report("registry.test/app:1", digest("x"), "unknown", (one,), error))


def fresh_entry() -> Entry:
    return Entry(Report("fresh:1", digest("fresh"), "fresh", (verdict("fresh", "same-base"),)))


def evil_entry() -> Entry:
    one = verdict(
        "stale", "layers", base=BaseName(EVIL), detail=EVIL, hint=EVIL, evidence=(Evidence("label", None, note=EVIL),)
    )
    return Entry(Report(EVIL, digest("evil"), "stale", (one,)), Where(EVIL, 7, EVIL))


ALL = [stale_entry(), unknown_entry(), failed_entry(), unreadable_entry(), fresh_entry()]


# --- words -------------------------------------------------------------------------------------------------


def test_every_reason_has_words() -> None:
    assert set(words.REASONS) == set(REASONS)


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (Since(), ""),
        (Since("estimated", None, 1_700_000_000.0, "created"), "about 2023-11-14"),
        (Since("observed", 1_700_000_000.0, 1_700_000_100.0), "2023-11-14"),
        (Since("observed", 1_700_000_000.0, 1_700_200_000.0), "2023-11-14 to 2023-11-17"),
        (Since("estimated", None, 1e30), "about ?"),
    ],
)
def test_since_when_is_said_with_how_it_is_known(since: Since, said: str) -> None:
    assert words.since(since) == said


def test_what_is_supported_is_no_news() -> None:
    supported = Life("debian", "13", "supported", dt.date(2028, 8, 9), 600)
    ended = Life("python", "3.8", "eol", dt.date(2024, 10, 7), -700)
    assert words.lives((supported, ended)) == "python 3.8: ended 2024-10-07"


def test_images_are_counted_by_how_they_came_out() -> None:
    assert counted(ALL) == "2 not asked, 1 stale, 1 undecided, 1 fresh"
    assert counted([]) == "no images"


def test_undecided_may_count_as_something() -> None:
    assert (unknown_entry().outcome, unknown_entry(unknown_as="stale").outcome) == ("unknown", "stale")


# --- Markdown ----------------------------------------------------------------------------------------------


def test_markdown_is_what_the_golden_file_says() -> None:
    made = markdown(ALL)
    assert made == (GOLDEN / "summary.md").read_text("utf-8"), made


def test_markdown_of_nothing_is_a_heading() -> None:
    assert markdown([]) == "### Base images: no images\n\n"


def test_foreign_text_is_no_markdown() -> None:
    made = markdown([evil_entry()])
    assert "\x1b" not in made
    assert "\x00" not in made
    outside_code = re.sub(r"(?<!\\)`[^`]*`", "", made)
    assert "<script>" not in outside_code
    assert "@everyone" not in outside_code
    rows = [line for line in made.splitlines() if line.startswith("| ")]
    assert len(rows) == 3
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def test_text_and_code_keep_to_their_line() -> None:
    assert plain("a\nb") == "a b"
    assert code("a`b\nc") == "`a'b c`"


# --- JUnit -------------------------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_image_and_a_case_for_each_platform() -> None:
    root = ET.fromstring(junit(ALL))
    assert root.tag == "testsuites"
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
    }
    assert [suite.get("name") for suite in root] == [entry.report.subject for entry in ALL]
    assert [case.get("name") for case in root[0]] == ["linux/amd64", "linux/arm64/v8"]


def test_junit_counts_are_those_of_its_cases() -> None:
    root = ET.fromstring(junit([*ALL, evil_entry()]))
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(len(suite.findall(f"testcase/{tag}"))), (suite.get("name"), tag)


# The elements, and the attributes that must and may be there, of the schema that Jenkins' plugin publishes (junit-10.xsd).
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors", "skipped", "disabled"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package", "file", "disabled"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "classname"},
        {"time", "status", "class", "file", "line", "assertions"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"message", "type"}, set()),
    "error": (set(), {"message", "type"}, set()),
    "skipped": (set(), {"message", "type"}, set()),
    "system-out": (set(), set(), set()),
}


def test_junit_keeps_to_the_schema() -> None:
    for element in ET.fromstring(junit([*ALL, evil_entry()])).iter():
        required, optional, children = JUNIT[element.tag]
        assert required <= set(element.attrib) <= required | optional, element.tag
        assert {child.tag for child in element} <= children


def test_junit_says_why_and_where() -> None:
    case = ET.fromstring(junit([stale_entry()])).find("testsuite/testcase")
    assert case is not None
    assert (case.get("file"), case.get("line")) == ("deploy/Dockerfile", "3")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "layers"
    assert "evidence: annotation debian:12 (confirmed)" in (failure.text or "")


def test_undecided_fails_in_junit_where_it_counts_as_stale() -> None:
    root = ET.fromstring(junit([unknown_entry(unknown_as="stale")]))
    assert (root.get("failures"), root.get("skipped")) == ("1", "0")


def test_junit_holds_any_text() -> None:
    root = ET.fromstring(junit([evil_entry()]))
    name = root[0].get("name") or ""
    assert "<script>alert(1)</script>]]>" in name
    assert "\x1b" not in name


# --- SARIF -------------------------------------------------------------------------------------------------

MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
LOCATION: dict[str, Any] = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~/%-]+$"}},
                },
                "region": {"type": "object", "required": ["startLine"], "properties": {"startLine": {"minimum": 1}}},
            },
        }
    },
}
# What SARIF 2.1.0 requires of what is used here (sections 3.13, 3.14, 3.19, 3.20, 3.27, 3.28, 3.49, 3.58), and GitHub beyond it.
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "semanticVersion", "rules"],
                                "properties": {
                                    "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription", "fullDescription", "help"],
                                            "properties": {
                                                "shortDescription": MESSAGE,
                                                "fullDescription": MESSAGE,
                                                "help": MESSAGE,
                                                "defaultConfiguration": {
                                                    "properties": {
                                                        "level": {"enum": ["none", "note", "warning", "error"]}
                                                    }
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["message"],
                                        "properties": {"message": MESSAGE, "locations": {"items": LOCATION}},
                                    },
                                },
                            },
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations", "partialFingerprints"],
                            "properties": {
                                "message": MESSAGE,
                                "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "locations": {"type": "array", "minItems": 1, "items": LOCATION},
                                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                                "properties": {"type": "object"},
                            },
                        },
                    },
                },
            },
        },
    },
}


def run_of(entries: list[Entry]) -> dict[str, Any]:
    document = json.loads(sarif(entries))
    jsonschema.Draft202012Validator(SARIF).validate(document)
    run: dict[str, Any] = document["runs"][0]
    return run


def test_sarif_keeps_to_the_standard_whatever_the_text() -> None:
    run_of([])
    run_of([*ALL, evil_entry()])


def test_sarif_has_a_result_for_what_is_stale_or_undecided() -> None:
    found = run_of(ALL)["results"]
    assert [(one["ruleId"], one["kind"], one["level"]) for one in found] == [
        ("layers", "fail", "warning"),
        ("no-evidence", "open", "none"),
        ("base-unreadable", "open", "none"),
    ]


def test_sarif_results_name_their_rules_by_index() -> None:
    run = run_of(ALL)
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert {rule["id"] for rule in rules} == set(REASONS)


def test_sarif_points_to_the_line_that_names_the_image() -> None:
    place = run_of([stale_entry()])["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "deploy/Dockerfile"}, "region": {"startLine": 3}}


def test_sarif_says_what_could_not_be_asked() -> None:
    (invocation,) = run_of(ALL)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [one["descriptor"]["id"] for one in invocation["toolExecutionNotifications"]] == [
        "ManifestNotFoundError",
        "DeniedError",
    ]


def test_sarif_fingerprints_outlive_a_change_of_the_base() -> None:
    def print_of(now: str) -> Any:
        one = verdict("stale", "layers", now_digest=digest(now))
        return run_of([Entry(Report("a:1", None, "stale", (one,)))])["results"][0]["partialFingerprints"]

    assert print_of("monday") == print_of("tuesday")


# --- GitHub ------------------------------------------------------------------------------------------------


def test_annotations_are_warnings_notices_and_errors() -> None:
    lines = annotate(ALL)
    assert [line.partition(" ")[0] for line in lines] == ["::warning", "::notice", "::error", "::error"]
    assert lines[0] == (
        "::warning title=Stale base image,file=deploy/Dockerfile,line=3::ghcr.io/owner/app:1 linux/amd64: stale, the base has"
        " other layers now (debian:12): the base got a layer; 2 updates, 1 minor release, debian 12: lts-only until 2028-06-30"
    )


def test_nothing_breaks_out_of_an_annotation() -> None:
    for line in annotate([evil_entry()]):
        assert "\n" not in line
        assert line.count("::warning ") == 1
        properties = line.removeprefix("::warning ").partition("::")[0]
        assert properties.count(",") == 2
        assert "%250A" in line


def test_a_summary_too_large_for_a_step_ends_with_a_note() -> None:
    text = "".join(f"| row {n} |\n" for n in range(1000))
    made = cut(text, 500)
    assert len(made.encode()) <= 500
    assert made.endswith("may not be larger.\n")
    assert made.splitlines()[0] == "| row 0 |"
    assert cut(text) == text
