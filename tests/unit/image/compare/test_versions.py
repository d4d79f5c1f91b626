"""The order of versions: each kind's own rules, on the cases that its makers test it with."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.image.compare.versions import compare_versions

TEXTS = st.text("0123456789abz.~^+-_:rp!", max_size=12)
KINDS = ["deb", "rpm", "apk", "pypi", "npm", "golang", "maven", "other"]

ASCENDING = {
    # deb-version(7), and the cases of dpkg's own test.
    "deb": "1.0~~ 1.0~~a 1.0~ 1.0 1.0-0ubuntu1 1.0-1~bpo12+1 1.0-1 1.0-1+b1 1.0-1+deb12u2 1.0-1.1 1.0-2 1.0a 1.0+git1 1.0.1 1.2 1.10 2.0a 2.0.1 1:0.1 2:0",
    # rpm's tests/rpmvercmp.at.
    "rpm": "1.0~rc1 1.0~rc1^git1 1.0~rc2 1.0 1.0^ 1.0^git1~pre 1.0^git1 1.0^git2 1.0.1 | 5.5p1 5.5p2 5.5p10 | 20101121 20101122 | xyz xyz.4 8 | 1-2 1-10 1:0-1",
    # apk-tools' test/version.data.
    "apk": "0.1_alpha 0.1_alpha1 0.1_beta 0.1_pre2 0.1_rc1 0.1 0.1-r0 0.1-r1 0.1_p1 0.1a 0.1b 0.1.0 0.12 1.0 1.05 1.1 1.10 2.2.39-r1 2.2.39-r10 12.2.5-r0 13.0",
    # PEP 440, "Summary of permitted suffixes and relative ordering".
    "pypi": "1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1!0.1",
    # SemVer 2.0.0, 11.
    "npm": "0.9.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 1.10.0 2.0.0",
    "golang": "v0.0.0-20191109021931-daa7c04131f5 v0.0.0-20200101000000-000000000000 v1.2.3-pre v1.2.3 v1.10.0 v2.0.0+incompatible",
    "maven": "1.0-alpha 1.0-rc1 1.0 1.1 1.10",
}
SAME = {
    "deb": [("1.0", "1.00"), ("0:1.0", "1.0"), ("1.0-0", "1.0")],
    "rpm": [("1.0", "1_0"), ("1.0", "1.00"), ("0:1-1", "1-1"), ("2.0.", "2.0")],
    "apk": [("1.2", "1.2"), ("12", "012")],
    "pypi": [("1.0", "1.0.0"), ("1.0a1", "1.0.alpha-1"), ("1.0-1", "1.0.post1"), ("v1.0", "1.0")],
    "npm": [("1.0.0+a", "1.0.0+b"), ("1", "1.0.0")],
}


@pytest.mark.parametrize("kind", ASCENDING)
def test_versions_ascend(kind: str) -> None:
    for group in [part.split() for part in ASCENDING[kind].split("|")]:
        for lower, higher in pairwise(group):
            assert compare_versions(kind, lower, higher) < 0, (lower, higher)
            assert compare_versions(kind, higher, lower) > 0, (higher, lower)


@pytest.mark.parametrize(("kind", "one", "other"), [(kind, *pair) for kind, pairs in SAME.items() for pair in pairs])
def test_versions_are_the_same(kind: str, one: str, other: str) -> None:
    assert compare_versions(kind, one, other) == compare_versions(kind, other, one) == 0


@given(st.sampled_from(KINDS), TEXTS, TEXTS)
def test_an_order_is_one_from_either_side(kind: str, one: str, other: str) -> None:
    there, back = compare_versions(kind, one, other), compare_versions(kind, other, one)
    assert (there > 0) - (there < 0) == (back < 0) - (back > 0)
    assert compare_versions(kind, one, one) == 0


@given(st.sampled_from(["deb", "rpm", "pypi", "npm", "maven"]), st.lists(TEXTS, min_size=3, max_size=3))
def test_an_order_holds_over_three(kind: str, three: list[str]) -> None:
    a, b, c = three
    if compare_versions(kind, a, b) <= 0 and compare_versions(kind, b, c) <= 0:
        assert compare_versions(kind, a, c) <= 0


def test_a_number_of_any_length_is_no_trouble() -> None:
    for kind in KINDS:
        assert compare_versions(kind, "1" * 100_000, "1" * 99_999 + "2") < 0
