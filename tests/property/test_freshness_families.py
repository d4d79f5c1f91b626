"""Inside a family tags have one order; across families there is none."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from orlop.freshness.families import newer, same_family
from orlop.freshness.tags import read_tag

numbers = st.integers(0, 2100).map(str)
releases = st.lists(numbers, min_size=1, max_size=4).map(".".join)
words = st.sampled_from(
    [
        "alpine",
        "alpine3.18",
        "alpine3.19",
        "slim",
        "bookworm",
        "trixie",
        "jammy",
        "fpm",
        "amd64",
        "x86_64",
        "rc1",
        "rc.2",
        "beta",
        "r3",
        "ls9",
        "20240110",
        "preview.5",
        "nanoserver",
        "1809",
        "ltsc2022",
        "7",
    ]
)
prefixes = st.sampled_from(["", "v", "release-", "jdk", "nginx-"])
tags = (
    st.builds(lambda p, r, t: "-".join([p + r, *t]), prefixes, releases, st.lists(words, max_size=3))
    | words
    | st.text("abcdef0123456789-._v", min_size=1, max_size=20)
)


@given(tags)
def test_every_text_has_an_answer(text: str) -> None:
    found = read_tag(text)
    assert found.text == text
    assert not found.ordered or isinstance(hash(found.family), int)


@given(st.lists(tags, min_size=3, max_size=12, unique=True))
def test_a_family_is_totally_ordered(texts: list[str]) -> None:
    found = [read_tag(text) for text in texts]
    for one, other in itertools.combinations(found, 2):
        if not same_family(one, other):
            continue
        assert (one.order < other.order) + (one.order > other.order) + (one.order == other.order) == 1
    for a, b, c in itertools.permutations(found[:5], 3):
        if same_family(a, b) and same_family(b, c):
            assert same_family(a, c)
            assert not (a.order <= b.order <= c.order) or a.order <= c.order


@given(st.lists(tags, min_size=1, max_size=12, unique=True))
def test_what_is_newer_is_of_the_family_and_higher(texts: list[str]) -> None:
    mine = read_tag(texts[0])
    found = newer(texts[0], texts)
    for candidate in (*found.tags, found.of_line, found.of_family, found.variants, found.across):
        if candidate is not None:
            other = read_tag(candidate.tag)
            assert same_family(mine, other)
            assert other.order > mine.order
            assert candidate.moved
            assert newer(candidate.tag, [texts[0]]).of_family is None


@given(st.lists(tags, min_size=1, max_size=12, unique=True), tags)
def test_a_tag_of_another_family_changes_nothing(texts: list[str], stranger: str) -> None:
    mine = read_tag(texts[0])
    if same_family(mine, read_tag(stranger)):
        return
    assert newer(texts[0], texts) == newer(texts[0], [*texts, stranger])
