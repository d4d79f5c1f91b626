"""Archives of any bytes: an index or an error of ours, never a crash or a hang."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from orlop.content.reader import HeldReader
from orlop.content.tarindex import TarIndex
from orlop.errors import OrlopError
from orlop.testing.archives import tar
from orlop.testing.layers import Link

LONG = "/".join(["d" * 60] * 6)
BASE = tar({"a/b": b"one", "c": Link("a/b"), LONG: b"two", "d": Link("c", hard=True)})
PATHS = ("a/b", "c", "d", LONG)


@given(st.lists(st.tuples(st.integers(0, len(BASE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(BASE)))
def test_damage_gives_an_error_of_ours_or_an_index(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(BASE)
    for at, value in changes:
        data[at] = value
    with suppress(OrlopError):
        index = TarIndex(HeldReader(bytes(data[:length])), "x.tar")
        for path in PATHS:
            found = index.find(path)
            assert found is None or found.offset + found.size <= length


@given(st.binary(max_size=2048))
def test_any_bytes_give_an_error_of_ours_or_an_index(data: bytes) -> None:
    with suppress(OrlopError):
        TarIndex(HeldReader(data), "x.tar")


NAMES = st.text("abc./\u00fc", min_size=1, max_size=12)


@given(st.dictionaries(NAMES, st.one_of(st.binary(max_size=20), st.builds(Link, NAMES, st.booleans()))), NAMES)
def test_what_is_found_is_the_content_of_a_member(files: dict[str, bytes | Link], path: str) -> None:
    data = tar(files)
    with suppress(OrlopError):
        found = TarIndex(HeldReader(data), "x.tar").find(path)
        if found is not None:
            assert data[found.offset : found.offset + found.size] in files.values()
