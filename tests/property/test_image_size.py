"""Waste is what is stored and not seen, and where dive counts rightly the efficiency is dive's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.image.weighing import Shelf, dive, visible

from orlop.testing.layers import Entry, Opaque, Whiteout, layer

paths = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "d/e/f", "g/h"])
contents = st.integers(0, 40).map(bytes)
members: st.SearchStrategy[Entry] = contents | st.just(Whiteout()) | st.just(Opaque())


def possible(files: dict[str, Entry]) -> bool:
    """Whether an archive can hold it without being a riddle: a whiteout beside its own path, a folder that is also gone."""
    gone = {path for path, member in files.items() if not isinstance(member, bytes)}
    return not any(other != path and other.startswith(f"{path}/") for path in gone for other in files)


layers = st.lists(st.dictionaries(paths, members, max_size=4).filter(possible), min_size=1, max_size=4)


@given(layers)
@settings(deadline=None)
def test_waste_is_what_is_stored_and_not_seen(files: list[dict[str, Entry]]) -> None:
    shelf = Shelf()
    try:
        waste = shelf.waste(*map(layer, files))
    finally:
        shelf.close()
    stored = sum(len(member) for one in files for member in one.values() if isinstance(member, bytes))
    seen = sum(map(len, visible(files).values()))
    assert (waste.stored, waste.wasted) == (stored, stored - seen)
    assert sum(file.wasted for file in waste.files) == waste.wasted
    assert 0 <= waste.efficiency <= 1


@given(st.lists(st.sets(paths), min_size=1, max_size=4))
@settings(deadline=None)
def test_where_nothing_is_removed_and_copies_are_as_large_the_efficiency_is_that_of_dive(files: list[set[str]]) -> None:
    shelf = Shelf()
    try:
        opened = shelf.build(*(layer({path: bytes(10 * len(path)) for path in one}) for one in files))
        waste = shelf.report(opened).images[0].waste
        assert waste is not None
        efficiency, wasted = dive(opened)
    finally:
        shelf.close()
    assert waste.efficiency == pytest.approx(efficiency)
    assert waste.wasted <= wasted
