from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from orlop.model.versions import version_key

if TYPE_CHECKING:
    from random import Random

tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
numbers = st.lists(st.integers(0, 10**6), min_size=1, max_size=4)


@given(st.lists(tags), st.randoms())
def test_the_order_does_not_depend_on_what_came_first(names: list[str], random: Random) -> None:
    mixed = names[:]
    random.shuffle(mixed)
    assert sorted(mixed, key=version_key) == sorted(names, key=version_key)


@given(tags, tags)
def test_different_tags_have_different_keys(a: str, b: str) -> None:
    assert (version_key(a) == version_key(b)) == (a == b)


@given(numbers, numbers)
def test_numbers_compare_as_numbers(a: list[int], b: list[int]) -> None:
    if a != b:
        assert (version_key(".".join(map(str, a))) < version_key(".".join(map(str, b)))) == (a < b)
