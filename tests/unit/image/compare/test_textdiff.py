"""Unified diffs of texts: right, and bounded whatever the texts are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.image.compare.made import Watched, files, member, tar

from orlop.image.compare import textdiff
from orlop.image.compare.linediff import Budget, opcodes
from orlop.image.compare.textdiff import text_diff

if TYPE_CHECKING:
    from orlop.image.compare.textdiff import TextDiff

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=12)


def test_a_diff_is_as_diff_u_writes_it() -> None:
    old = b"".join(b"%d\n" % n for n in range(20))
    new = old.replace(b"\n3\n", b"\nthree\n").replace(b"\n17\n", b"\n")
    assert text_diff("etc/x", old, new).lines == (
        "--- a/etc/x",
        "+++ b/etc/x",
        "@@ -1,7 +1,7 @@",
        " 0",
        " 1",
        " 2",
        "-3",
        "+three",
        " 4",
        " 5",
        " 6",
        "@@ -15,6 +15,5 @@",
        " 14",
        " 15",
        " 16",
        "-17",
        " 18",
        " 19",
    )


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (b"", b"a\n", ["@@ -0,0 +1 @@", "+a"]),
        (b"a\n", b"", ["@@ -1 +0,0 @@", "-a"]),
        (b"a", b"a\n", ["@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+a"]),
        (b"a\r\n", b"a\n", ["@@ -1 +1 @@", "-a\r", "+a"]),
        (b"a\x0cb\n", b"a\x0cc\n", ["@@ -1 +1 @@", "-a\x0cb", "+a\x0cc"]),
        (b"\xe9\n", b"e\n", ["@@ -1 +1 @@", "-\udce9", "+e"]),
    ],
)
def test_the_ends_of_texts(old: bytes, new: bytes, lines: list[str]) -> None:
    assert list(text_diff("f", old, new).lines[2:]) == lines


@given(LINES, LINES)
def test_what_is_the_same_and_what_is_not_makes_both_texts(old: list[str], new: list[str]) -> None:
    at = there = 0
    for same, start, stop, begin, end in opcodes(old, new, Budget()):
        assert (start, begin) == (at, there)
        assert not same or old[start:stop] == new[begin:end]
        at, there = stop, end
    assert (at, there) == (len(old), len(new))


@given(LINES, LINES)
def test_a_diff_turns_one_text_into_the_other(old: list[str], new: list[str]) -> None:
    assert patched("".join(old), text_diff("f", "".join(old).encode(), "".join(new).encode())) == "".join(new)


def patched(old: str, diff: TextDiff) -> str:
    lines, made, at = old.splitlines(keepends=True), [], 0
    for line in diff.lines[2:]:
        if line.startswith("@@"):
            start = line.split()[1].lstrip("-").split(",")
            begin = int(start[0]) - (start[1:] != ["0"])
            made += lines[at:begin]
            at = begin
        elif line[0] == "+":
            made.append(line[1:] + "\n")
        else:
            assert lines[at] == line[1:] + "\n"
            if line[0] == " ":
                made.append(lines[at])
            at += 1
    return "".join([*made, *lines[at:]])


def test_a_text_with_a_zero_byte_is_said_to_be_binary() -> None:
    assert text_diff("f", b"a\0b", b"a") == textdiff.TextDiff((), textdiff.BINARY)


def test_texts_that_are_made_to_take_long_do_not() -> None:
    old = "".join(f"{n * 7919 % 101}\n" for n in range(60_000)).encode()
    new = "".join(f"{n * 104729 % 97}\n" for n in range(60_000)).encode()
    started = time.process_time()
    found = text_diff("f", old, new, Budget(200_000))
    assert time.process_time() - started < 5
    assert (len(found.lines), found.note) == (textdiff.LINES_LIMIT, textdiff.SHORTENED)


def test_a_budget_is_spent_over_all_files() -> None:
    budget = Budget(10)
    old, new = [f"{n}\n" for n in range(50)], [f"{n}\n" for n in range(50, 0, -1)]
    list(opcodes(old, new, budget))
    assert budget.left <= 0
    rest = list(opcodes(["x\n", "a\n", "y\n"], ["z\n", "a\n", "w\n"], budget))
    assert rest == [(False, 0, 3, 0, 3)]


def notes(base: bytes, target: bytes) -> str:
    (found,) = files([tar(member("f", base))], [tar(member("f", target))], diff=True).platforms
    diff = found.changes[0].diff
    assert diff is not None
    return diff.note


def test_large_files_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textdiff, "FILE_LIMIT", 3)
    assert notes(b"abcd", b"x") == textdiff.TOO_LARGE
    assert notes(b"abc", b"x") == ""


def test_files_beyond_the_limit_of_all_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textdiff, "TOTAL_LIMIT", 5)
    base, target = (tar(member("f", data), member("g", data)) for data in (b"a\n", b"b\n"))
    (found,) = files([base], [target], diff=True).platforms
    assert [one.diff.note for one in found.changes if one.diff] == ["", textdiff.ENOUGH]


def test_many_files_of_a_layer_are_taken_out_of_one_reading() -> None:
    count = textdiff.SEPARATE_READS + 1
    base, target = (tar(*(member(f"f{n}", data % n) for n in range(count))) for data in (b"old %d\n", b"new %d\n"))
    place = Watched()
    (found,) = files([base], [target], place, diff=True).platforms
    assert [one.diff.lines[-1] for one in found.changes if one.diff] == [f"+new {n}" for n in range(count)]
    assert place.opened.count(base.descriptor.digest) == 2  # the index, and then the contents


def test_a_hard_links_diff_is_of_the_file_that_it_stands_for() -> None:
    from tests.unit.image.compare.made import HARD

    base, target = (tar(member("a", data), member("b", type=HARD, linkname="a")) for data in (b"1\n", b"2\n"))
    (found,) = files([base], [target], diff=True).platforms
    assert [one.diff.lines[-2:] for one in found.changes if one.diff] == [("-1", "+2")] * 2


def test_what_did_not_change_in_content_has_no_diff() -> None:
    (found,) = files([tar(member("f", b"1"))], [tar(member("f", b"1", mode=0o600), "g")], diff=True).platforms
    assert [one.diff for one in found.changes] == [None, None]
