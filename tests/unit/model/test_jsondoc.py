from __future__ import annotations

import contextlib
import json

import pytest

from orlop.errors import InvalidDocumentError, InvalidManifestError
from orlop.model.jsondoc import load_json, load_object


def test_a_document_is_its_value() -> None:
    assert load_json(b' {"a": [1, -2.5e3, "\\u00e4\\n", true, null]}\n', "x") == {
        "a": [1, -2500.0, "\u00e4\n", True, None]
    }
    assert load_json(b"[]", "x") == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b" " * 100, "empty"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\n  <html>", "HTML"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"{} x", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'{"a": "\n"}', "not JSON"),
        (b'{"a": "\\x"}', "not JSON"),
        (b'"abc', "not JSON"),
        (b"nul", "not JSON"),
        (b"\x00", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "too long"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"a": 1, "a": 1}', "repeats the key 'a'"),
        (b'{"a": 1, "\\u0061": 2}', "repeats the key 'a'"),
        (b'[[{"x": {"b": 1, "c": 2, "b": 3}}]]', "repeats the key 'b'"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason) as caught:
        load_json(raw, "the thing")

    assert str(caught.value).startswith("the thing cannot be right: ")
    assert "\n" not in str(caught.value)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_a_hundred_levels_are_read_and_one_more_is_refused() -> None:
    assert load_json(nested(100), "x")
    for raw in (nested(101), b'{"a":' * 101 + b"1" + b"}" * 101):
        with pytest.raises(InvalidDocumentError, match="deeper than 100"):
            load_json(raw, "x")


@pytest.mark.parametrize("depth", [990, 1_000, 5_000, 100_000, 2_000_000])
def test_no_depth_reaches_the_recursion_limit(depth: int) -> None:
    for raw in (nested(depth), b"[" * depth, b'{"a":' * (depth // 3), b"[{" * (depth // 2)):
        with pytest.raises(InvalidDocumentError):
            load_json(raw, "x", limit=16 * 1024 * 1024)


def test_brackets_in_texts_are_no_levels() -> None:
    raw = json.dumps({"a": "[{" * 500, "b": '"[\\"[' * 200}).encode()

    assert load_json(raw, "x", depth=3) == json.loads(raw)


def test_wide_is_not_deep() -> None:
    assert len(load_object(b'{"a":[' + b",".join([b'{"b":["c"]}'] * 5_000) + b"]}", "x")["a"]) == 5_000  # type: ignore[arg-type]


def test_texts_full_of_escaped_quotes_take_linear_time() -> None:
    raw = b'["' + b'\\"' * 1_000_000 + b'"' + b",[]" * 200

    with pytest.raises(InvalidDocumentError):
        load_json(raw, "x")


def test_millions_of_empty_objects_are_refused_before_they_are_made() -> None:
    with pytest.raises(InvalidDocumentError, match="too many empty"):
        load_json(b"[" + b"{}," * 1_000_000 + b"{}]", "x")


def test_a_document_over_the_limit_is_refused_unread() -> None:
    assert load_json(b"[1]", "x", limit=3) == [1]
    with pytest.raises(InvalidDocumentError, match="4 bytes, more than the limit of 3"):
        load_json(b"[1] ", "x", limit=3)


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    raw = rb'["\ud83d\ude00", "\ud83d", "\ude00x", "\\ud83d", "\ud83d\ud83d\ude00", "\u00e4"]'

    assert load_json(raw, "x") == ["\U0001f600", "\ufffd", "\ufffdx", "\\ud83d", "\ufffd\U0001f600", "\u00e4"]


def test_an_object_is_asked_for_and_the_error_is_of_the_class_that_was_given() -> None:
    assert load_object(b"{}", "x") == {}
    with pytest.raises(InvalidManifestError, match="not an object"):
        load_object(b"[]", "x", error=InvalidManifestError)
    with pytest.raises(InvalidManifestError):
        load_object(b"", "x", error=InvalidManifestError)


def test_deep_nesting_is_refused_from_a_deep_stack_as_well() -> None:
    def at(level: int) -> object:
        return at(level - 1) if level else load_json(nested(100), "x")

    # A stack that is nearly used up may say so, but only in this way.
    with contextlib.suppress(InvalidDocumentError):
        at(900)
