"""Ends of life: rules L1 to L4 (docs/guide/freshness.md), against a clock that is handed in."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from orlop.errors import ConfigError
from orlop.freshness import eol

if TYPE_CHECKING:
    from pathlib import Path

TODAY = dt.date(2026, 11, 24)
TABLE = eol.own_table()


@pytest.mark.parametrize(
    ("release", "state"),
    [
        ({"ID": "debian", "VERSION_ID": "10"}, "paid-only"),
        ({"ID": "debian", "VERSION_ID": "12"}, "lts-only"),
        ({"ID": "debian", "VERSION_ID": "13"}, "supported"),
        ({"ID": "debian", "VERSION_ID": "7"}, "eol"),
        ({"ID": "debian", "VERSION_CODENAME": "bookworm"}, "lts-only"),
        ({"ID": "ubuntu", "VERSION_ID": "20.04"}, "paid-only"),
        ({"ID": "ubuntu", "VERSION_ID": "24.04"}, "supported"),
        ({"ID": "ubuntu", "VERSION_ID": "23.10"}, "eol"),
        ({"ID": "alpine", "VERSION_ID": "3.19.1"}, "eol"),
        ({"ID": "alpine", "VERSION_ID": "3.22.0"}, "supported"),
        ({"ID": "rhel", "VERSION_ID": "9.4"}, "supported"),
        ({"ID": "rocky", "VERSION_ID": "8.10"}, "supported"),
        ({"ID": "amzn", "VERSION_ID": "2"}, "eol"),
        ({"ID": "wolfi", "VERSION_ID": "20230201"}, "rolling"),
        ({"ID": "arch"}, "rolling"),
        ({"ID": "debian", "VERSION_CODENAME": "sid"}, "rolling"),
    ],
)
def test_l1_a_distribution_by_its_os_release(release: dict[str, object], state: str) -> None:
    assert eol.from_os_release(TABLE, release, TODAY).state == state


@pytest.mark.parametrize(
    "release",
    [
        {"ID": "plan9", "VERSION_ID": "4"},
        {"ID": "debian", "VERSION_ID": "99"},
        {},
        {"ID": "azurelinux", "VERSION_ID": "3.0"},
    ],
)
def test_l1_what_is_not_in_the_data_is_unknown_and_never_over(release: dict[str, object]) -> None:
    assert eol.from_os_release(TABLE, release, TODAY).state == "unknown"


def test_l1_the_date_days_left_and_where_it_is_from() -> None:
    life = eol.from_os_release(TABLE, {"ID": "debian", "VERSION_ID": "10"}, TODAY)
    assert (life.date, life.days_left) == (dt.date(2029, 6, 30), (dt.date(2029, 6, 30) - TODAY).days)
    assert life.source.startswith("https://")
    assert life.as_of


def test_l1_the_last_day_is_still_supported() -> None:
    assert TABLE.judge("python", "3.10", dt.date(2026, 10, 31)).state == "supported"
    assert TABLE.judge("python", "3.10", dt.date(2026, 11, 1)).state == "eol"


def test_l1_a_tag_tells_of_the_product_and_of_the_distribution() -> None:
    lives = eol.from_tag(TABLE, "library/python", "3.9-slim-bullseye", TODAY)
    assert [(life.product, life.cycle, life.state) for life in lives] == [
        ("python", "3.9", "eol"),
        ("debian", "11", "paid-only"),
    ]
    assert [life.cycle for life in eol.from_tag(TABLE, "dotnet/aspnet", "8.0-alpine3.19", TODAY)] == ["8.0", "3.19"]
    assert [life.cycle for life in eol.from_tag(TABLE, "library/debian", "bookworm-20240110", TODAY)][:1] == ["12"]
    assert eol.from_tag(TABLE, "team/app", "1.2.3", TODAY) == ()


def test_l2_a_month_means_its_last_day() -> None:
    assert TABLE.judge("golang", "1.24", dt.date(2026, 2, 28)).state == "supported"
    assert TABLE.judge("golang", "1.24", dt.date(2026, 3, 1)).state == "eol"


def test_l2_a_newer_table_in_the_form_of_endoflife_date(tmp_path: Path) -> None:
    path = tmp_path / "eol.json"
    cycles = [
        {"cycle": "2", "eol": "2030-01-01", "lts": "2026-01-01", "extendedSupport": "2031-01-01"},
        {"cycle": "1", "eol": True},
        {"cycle": "3", "eol": False, "lts": True},
    ]
    path.write_text(json.dumps({"redis": cycles}))
    table = eol.read_table(str(path))
    assert [table.judge("redis", version, TODAY).state for version in ("1.0", "2.8", "3")] == [
        "eol",
        "supported",
        "supported",
    ]
    assert table.judge("redis", "2", dt.date(2030, 6, 1)).state == "paid-only"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"x": 3}',
        '{"x": [{"eol": "soon"}]}',
        '{"x": [{"cycle": "1", "eol": "2026-99-99"}]}',
        "[" * 100_000,
    ],
)
def test_l2_a_file_that_is_no_table_is_a_config_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "eol.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"eol\.json"):
        eol.read_table(str(path))


def test_l3_a_registry_may_say_it_itself() -> None:
    life = eol.from_lifecycle({eol.MCR_END: "2026-11-10"}, TODAY)
    assert life is not None
    assert (life.state, life.days_left) == ("eol", -14)
    assert eol.from_lifecycle({eol.MCR_END: "junk"}, TODAY) is None
    assert eol.from_lifecycle({}, TODAY) is None


def test_l4_an_old_table_is_known_to_be_old() -> None:
    assert TABLE.age_days(dt.date(2027, 11, 24)) == 365
    assert TABLE.age_days(TODAY) == 0


def test_every_row_of_our_own_table_has_a_source_a_day_and_an_end() -> None:
    for product in TABLE.products.values():
        assert product.source.startswith("https://")
        assert dt.date.fromisoformat(product.as_of)
        for cycle in product.cycles:
            assert cycle.eol is not None, (product.name, cycle.name)
            assert cycle.lts is None or cycle.lts >= cycle.eol
            assert cycle.paid is None or cycle.paid >= (cycle.lts or cycle.eol)
