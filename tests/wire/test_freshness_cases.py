"""Each case of the table in the guide, decided over the wire; and what a model of lucy says on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.freshness_cases import CASES
from tests.interop.lucy import Lucy
from tests.interop.shelf import Shelf

from orlop.freshness.observed import Observations
from orlop.testing import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.freshness_cases import Case

    from orlop import Client
    from orlop.testing import Registry


@pytest.fixture(scope="module")
def place() -> Iterator[Registry]:
    with registry() as started:
        yield started


@pytest.fixture(params=CASES, ids=lambda one: one.name)
def case(request: Any) -> Case:
    found: Case = request.param
    return found


def test_the_verdict_is_the_right_one(case: Case, place: Registry, client: Client) -> None:
    setting = case.make(Shelf(place, case.name))
    with Observations(":memory:") as observed:
        for image, base in setting.known:
            client.check(image, [base], observed=observed)
        setting.prepare()
        report = client.check(setting.target, setting.bases, observed=observed)
    found = [(one.state, one.reason, one.detail) for one in report.platforms]
    assert report.state == case.state, found
    assert case.reason in {one.reason for one in report.platforms if one.state == case.state}, found
    assert (report.error is not None) == (case.reason == "base-unreadable"), (
        "an error is told where, and only where, asking failed"
    )
    assert case.upstream in {"", *(one.upstream for one in report.platforms)}


def test_lucy_says_what_the_table_says(case: Case, place: Registry) -> None:
    shelf = Shelf(place, f"lucy-{case.name}")
    setting = case.make(shelf)
    setting.prepare()
    assert Lucy(shelf, reads_oci=not setting.as_stored).answer(setting.target, setting.base) == case.lucy
