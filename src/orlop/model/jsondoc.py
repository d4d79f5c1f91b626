"""The one loader for JSON that comes from outside: bounded in size, depth and number of objects, no key twice."""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from orlop.errors import InvalidDocumentError

DOCUMENT_LIMIT = 4 * 1024 * 1024
"""Bytes of a document from outside, where no other limit is given."""
DEPTH_LIMIT = 100
"""Levels of objects and arrays. Real documents have under ten."""

# An empty object takes 2 bytes of text and 64 of memory: documents that hold hardly anything else are refused.
_FEW_OBJECTS = 10_000
_BYTES_PER_OBJECT = 5

_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = {ord(char): None for char in map(chr, range(128)) if char not in "[]{}"}
_SURROGATES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class _Refused(ValueError):  # noqa: N818  # it never leaves this file
    pass


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(f"it repeats the key {key[:64]!r}")
            seen.add(key)
    return made


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"it holds {name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Refused("it holds a number that is too large")
    return number


# Python's parsers keep the last of two equal keys, other languages' the first: what was checked would not
# be what is used. The hook costs 1.4 us on a manifest of 1.7 KB, which takes 4.
_decoder = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite)


def load_json(
    raw: bytes,
    what: str,
    *,
    limit: int = DOCUMENT_LIMIT,
    depth: int = DEPTH_LIMIT,
    error: type[InvalidDocumentError] = InvalidDocumentError,
) -> object:
    """Return the value of a JSON document in UTF-8, without a byte order mark.

    what: names the document in a message. limit: in bytes. depth: levels of nesting. Lone surrogates become U+FFFD, as
    Go and the WHATWG do it. Raises ``error`` for what is larger, deeper, or not JSON, and for a repeated
    key, NaN, and numbers that are out of range. Rule: RFC 8259.
    """
    if len(raw) > limit:
        raise error(what, f"it has {len(raw)} bytes, more than the limit of {limit}")
    try:
        text = str(raw, "utf-8")
        openings = text.count("{") + text.count("[")
        if openings > depth:
            _check_nesting(text, openings, depth)
        if "\\" in text and "\\u" in text:
            text = _SURROGATES.sub(_mended, text)
        try:
            value, end = _decoder.scan_once(text, 0)  # type: ignore[attr-defined]  # the scanner that decode calls
        except StopIteration:
            end = -1
        # ``decode`` looks for white space around the value, and has the words for what is wrong.
        return value if end == len(text) else _decoder.decode(text)
    except _Refused as refusal:
        raise error(what, str(refusal)) from None
    except UnicodeDecodeError:
        raise error(what, "it is not UTF-8") from None
    except RecursionError:
        raise error(what, f"it nests deeper than {depth} levels") from None
    except ValueError as cause:
        raise error(what, _why(raw, cause)) from None


def load_object(
    raw: bytes,
    what: str,
    *,
    limit: int = DOCUMENT_LIMIT,
    depth: int = DEPTH_LIMIT,
    error: type[InvalidDocumentError] = InvalidDocumentError,
) -> dict[str, object]:
    """Return a JSON document whose value is an object; otherwise as ``load_json``."""
    value = load_json(raw, what, limit=limit, depth=depth, error=error)
    if not isinstance(value, dict):
        raise error(what, "it is JSON, but not an object")
    return value


def _check_nesting(text: str, openings: int, depth: int) -> None:
    """Refuse what would recurse too deep or blow up, before the parser sees it."""
    if openings > _FEW_OBJECTS and openings * _BYTES_PER_OBJECT > len(text):
        raise _Refused("it holds too many empty objects or arrays")
    level = 0
    for char in _STRINGS.sub("", text).translate(_BRACKETS):
        if char in "[{":
            level += 1
            if level > depth:
                raise _Refused(f"it nests deeper than {depth} levels")
        elif char in "]}":
            level -= 1


def _mended(match: re.Match[str]) -> str:
    return "\\ufffd" if match[1] else match[0]


def _why(raw: bytes, cause: ValueError) -> str:
    start = raw[:64].lstrip()
    if not start:
        return "it is empty" if not raw.strip() else "it is not JSON"
    if start.startswith(b"\xef\xbb\xbf"):
        return "it starts with a byte order mark"
    if start.startswith(b"<"):
        return "it is HTML or XML where JSON was due"
    if isinstance(cause, json.JSONDecodeError):
        return f"it is not JSON: {cause.msg} at character {cause.pos}"
    return "it holds a number that is too long"
