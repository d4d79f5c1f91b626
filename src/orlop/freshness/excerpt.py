"""A few fields out of a large JSON document, without building the rest: memory stays near the document's own size."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from orlop.errors import InvalidDocumentError
from orlop.model.jsondoc import load_json

if TYPE_CHECKING:
    from collections.abc import Mapping

Wish: TypeAlias = "Mapping[str, Wish | int]"
"""Fields by name: a number takes the value whole, if it has no more bytes than that; a mapping takes these fields of an object."""

BRACKETS_LIMIT = 1_500_000
"""Most brackets that are stepped over: a document of 40 MiB has far fewer, unless it is made to take long."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[A-Za-z0-9+.\-]++")
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)


def excerpt(raw: bytes, wish: Wish, what: str) -> dict[str, object]:
    """Return the wished fields of a JSON object that are there, nested as the wish is.

    what: names the document in a message. What is stepped over is checked for its brackets and quotes alone. Raises InvalidDocumentError, also for a repeated key on the way.
    """
    reader = _Reader(raw, what)
    return reader.fields(reader.blank(0), wish)[0]


class _Reader:
    def __init__(self, raw: bytes, what: str) -> None:
        self._raw, self._what = raw, what
        self._left = BRACKETS_LIMIT

    def blank(self, at: int) -> int:
        match = _SPACE.match(self._raw, at)
        return match.end() if match else at

    def fields(self, at: int, wish: Wish) -> tuple[dict[str, object], int]:
        """Return the wished fields of the object at a place, and where it ends."""
        if self._byte(at) != b"{":
            raise self._refused("it is JSON, but not an object" if self._byte(at) in b'["' else "it is not JSON")
        made: dict[str, object] = {}
        seen: set[bytes] = set()
        at = self.blank(at + 1)
        if self._byte(at) == b"}":
            return made, at + 1
        while True:
            end = self._string(at)
            key = self._raw[at + 1 : end - 1]
            if key in seen:
                raise self._refused(f"it repeats the key {key[:64]!r}")
            seen.add(key)
            at = self.blank(end)
            if self._byte(at) != b":":
                raise self._refused("a key in it is without a value")
            at = self.blank(at + 1)
            at = self.blank(self._value(at, key, wish, made))
            ends = self._byte(at)
            at = self.blank(at + 1)
            if ends == b"}":
                return made, at
            if ends != b",":
                raise self._refused("an object in it does not end")

    def _value(self, at: int, key: bytes, wish: Wish, made: dict[str, object]) -> int:
        name = key.decode("ascii", "replace")
        if name not in wish:
            return self._skipped(at)
        inner = wish[name]
        if not isinstance(inner, int) and self._byte(at) == b"{":
            made[name], end = self.fields(at, inner)
            return end
        end = self._skipped(at)
        if isinstance(inner, int):
            made[name] = load_json(self._raw[at:end], f"{name} of {self._what}", limit=inner)
        return end

    def _skipped(self, at: int) -> int:
        """Return where the value ends that begins here."""
        first = self._byte(at)
        if first == b'"':
            return self._string(at)
        if first not in (b"{", b"["):
            scalar = _SCALAR.match(self._raw, at)
            if scalar is None:
                raise self._refused("a value in it is missing")
            return scalar.end()
        level = 0
        while True:
            match = _TO_BRACKET.match(self._raw, at)
            at = match.end() if match else at
            bracket = self._byte(at)
            self._left -= 1
            if self._left < 0:
                raise self._refused(f"it has more than {BRACKETS_LIMIT} brackets")
            if bracket in (b"{", b"["):
                level += 1
            elif bracket in (b"}", b"]"):
                level -= 1
            else:
                raise self._refused("a string in it does not end" if bracket else "it ends too early")
            at += 1
            if level == 0:
                return at

    def _string(self, at: int) -> int:
        match = _STRING.match(self._raw, at)
        if match is None:
            raise self._refused("a string in it is missing or does not end")
        return match.end()

    def _byte(self, at: int) -> bytes:
        return self._raw[at : at + 1]

    def _refused(self, why: str) -> InvalidDocumentError:
        return InvalidDocumentError(self._what, why)
