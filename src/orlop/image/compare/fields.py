"""Documents as fields, and what differs between two of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDED, REMOVED, CHANGED = "added", "removed", "changed"

Fields = dict[str, object]
"""Fields by name, such as ``config.Env["PATH"]`` or ``history[2].created_by``, to JSON values."""

_DIGITS = re.compile(r"(\d+)")
_ABSENT = object()


class FieldChange(NamedTuple):
    """One field that differs. change: ``added``, ``removed`` or ``changed``. base, target: JSON values, None where it is not."""

    field: str
    change: str
    base: object
    target: object

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"field": self.field, "change": self.change, "base": self.base, "target": self.target}


def keyed(prefix: str, key: str) -> str:
    """Return the name of an entry of a map whose keys are anybody's: ``prefix["key"]``."""
    return f"{prefix}[{json.dumps(key, ensure_ascii=False)}]"


def put(fields: Fields, name: str, value: object) -> None:
    """Add a field; what is null or empty says as much as what is missing, so it is none. Rule: Go's omitempty."""
    if value:
        fields[name] = value


def spread(fields: Fields, name: str, value: object) -> None:
    """Add a value as fields: an object by its keys, a list of objects by position, all else as it is."""
    waiting: list[tuple[str, object]] = [(name, value)]
    while waiting:
        here, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{here}.{key}" if _plain(key) else keyed(here, key), inner) for key, inner in value.items()]
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            waiting += [(f"{here}[{at}]", inner) for at, inner in enumerate(value)]
        else:
            put(fields, here, value)


def spread_map(fields: Fields, name: str, value: object) -> None:
    """Add a map whose keys are anybody's: labels, annotations. An empty text is a value there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            fields[keyed(name, key)] = inner
    else:
        spread(fields, name, value)


def compare_fields(base: Mapping[str, object], target: Mapping[str, object]) -> tuple[FieldChange, ...]:
    """Return what differs, in the order of the names, numbers in them counted as such."""
    found: list[FieldChange] = []
    for name in sorted({**base, **target}, key=_natural):
        old, new = base.get(name, _ABSENT), target.get(name, _ABSENT)
        if old is _ABSENT:
            found.append(FieldChange(name, ADDED, None, new))
        elif new is _ABSENT:
            found.append(FieldChange(name, REMOVED, old, None))
        elif not same(old, new):
            found.append(FieldChange(name, CHANGED, old, new))
    return tuple(found)


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal: true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return one == other


def _plain(key: str) -> bool:
    return key.isidentifier() or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", key) is not None


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part[:18]), part) if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(name)]
