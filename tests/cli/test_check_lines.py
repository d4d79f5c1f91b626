"""A line of many checks says what the JSON of one says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.cli.commands.image_check_views import _Json, entry_json
from orlop.errors import NetworkError
from orlop.freshness.eol import Life
from orlop.freshness.report import About
from orlop.freshness.summaries.entry import Entry, Extra
from orlop.freshness.values import Report, Verdict
from orlop.model.digest import Digest
from orlop.model.platform import Platform

DIGEST = Digest("sha256:" + "a" * 64)
VERDICT = Verdict("stale", "layers", Platform("linux", "amd64"), DIGEST, detail='a "detail"')
LIFE = Life("debian", "12", "supported", None, 10, "own", "2026-11-01")
REMEMBERED = About(remembered=True)


@pytest.mark.parametrize("about", [(), (About(),), (REMEMBERED,)])
@pytest.mark.parametrize("extras", [(), (Extra(),), (Extra((LIFE,)),), (Extra((LIFE,), {"major": 1}),)])
@pytest.mark.parametrize("error", [None, NetworkError("there", "it is gone")])
@pytest.mark.parametrize("digest", [None, DIGEST])
def test_a_line_is_the_entry(about: Any, extras: Any, error: Any, digest: Any) -> None:
    report = Report('a "name"', digest, "stale", (VERDICT, VERDICT), error, about)
    entry = Entry(report, extras=extras)
    view = _Json(None, many=True)  # type: ignore[arg-type]  # nothing is shown
    assert view._line(entry) == json.dumps(entry_json(entry), separators=(",", ":"))
    assert view._line(entry) == view._line(entry)
