"""The text of a verdict says what its JSON says, letter for letter."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from orlop.freshness.report import base_json, verdict_json
from orlop.freshness.texts import Texts, encoded
from orlop.freshness.values import Absent, BaseName, BuildInput, Evidence, Verdict
from orlop.model.digest import Digest
from orlop.model.platform import Platform

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BASE = BaseName.parse("registry.example.org/base:1")
DIGESTS = [Digest(f"sha256:{digit * 64}") for digit in "abc"]
EVIDENCE = Evidence("annotation", BASE, "confirmed", 'a "note"', 3, DIGESTS[2])

maybe_digest: SearchStrategy[Digest | None] = st.sampled_from([None, *DIGESTS])
verdicts = st.builds(
    Verdict,
    st.sampled_from(["fresh", "stale", "unknown"]),
    st.text(),
    st.sampled_from([None, Platform("linux", "arm", "v7")]),
    maybe_digest,
    st.sampled_from([None, BASE]),
    maybe_digest,
    maybe_digest,
    st.sampled_from([(), (EVIDENCE,), (EVIDENCE, replace(EVIDENCE, base=None))]),
    st.sampled_from(["", "fresh"]),
    st.text(),
    st.text(),
    st.none() | st.floats(0, 1e10),
    st.sampled_from([(), (BuildInput(BASE, None, "stage"),)]),
)


@given(st.lists(verdicts, min_size=1, max_size=4), st.sampled_from([None, Absent("unreadable", "gone")]))
def test_the_text_is_the_json(found: list[Verdict], absent: Absent | None) -> None:
    texts = Texts()
    whole = replace(found[0], ancestors=tuple(found), others=tuple(found[1:]), absent=absent)
    for verdict in (*found, replace(found[0], ancestors=tuple(found)), whole, *found):
        assert texts.verdict(verdict) == encoded(verdict_json(verdict))
        assert json.loads(texts.verdict(verdict, ',"more":[1]')) == {**verdict_json(verdict), "more": [1]}


def test_a_shared_part_is_written_once() -> None:
    made = []

    def make() -> object:
        made.append(1)
        return base_json(BASE)

    texts = Texts()
    assert texts.shared(BASE, make) == texts.shared(BASE, make)
    assert made == [1]
