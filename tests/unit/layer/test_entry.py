"""The form of a path inside an image."""

from __future__ import annotations

import pytest

from orlop.layer.entry import clean, escapes, parent


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("", ""),
        (".", ""),
        ("./", ""),
        ("/", ""),
        ("a", "a"),
        ("./a/b/", "a/b"),
        ("//a///b", "a/b"),
        ("a/./b/.", "a/b"),
        ("a/../b", "b"),
        ("../../a", "a"),
        ("a/../../b", "b"),
        (".hidden/.x", ".hidden/.x"),
        ("a/..b", "a/..b"),
        ("...", "..."),
        ("././a", "a"),
    ],
)
def test_a_path_is_cleaned_and_stays_below_the_root(path: str, cleaned: str) -> None:
    assert clean(path) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("a/../b", False),
        ("../a", True),
        ("a/../../b", True),
        ("/..", True),
        ("./a", False),
        ("..a", False),
        ("", False),
    ],
)
def test_a_path_that_leads_out_is_told(path: str, out: bool) -> None:
    assert escapes(path) is out


def test_the_parent_of_a_name_at_the_root_is_the_root() -> None:
    assert (parent("a"), parent("a/b")) == ("", "a")
