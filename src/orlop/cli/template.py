"""``{field}`` templates."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\\([nt\\])|[{}]|[^{}\\]+|\\")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


class Template:
    r"""A text with fields: ``{name}``, ``{a.b}``, ``{a.0.b}``; ``{{`` and ``}}`` are braces, ``\t`` and ``\n`` what they say.

    A key that holds dots itself (a label) is found as well. Raises InputError for a brace that is not closed.
    """

    def __init__(self, text: str) -> None:
        self._parts: list[str | list[str]] = []
        for match in _PART.finditer(text):
            part, field, escape = match[0], match[1], match[2]
            if field is not None:
                if not field.strip():
                    raise _wrong(text, "a field has a name")
                self._parts.append(field.strip().split("."))
            elif part in {"{", "}"}:
                raise _wrong(text, "a brace is not closed, or not opened; {{ and }} are braces")
            else:
                self._parts.append(_ESCAPES[escape] if escape else {"{{": "{", "}}": "}"}.get(part, part))

    def fill(self, item: Mapping[str, object], *, known: bool = False) -> str:
        """Return the text for one item; a field that is not there is empty, with ``known`` an InputError."""
        return "".join(part if isinstance(part, str) else _text(self._find(item, part, known)) for part in self._parts)

    def _find(self, item: Mapping[str, object], path: list[str], known: bool) -> object:
        if known and path[0] not in item and ".".join(path) not in item:
            raise _wrong("{" + ".".join(path) + "}", f"there are: {', '.join(item)}")
        return _value(item, path)


def _value(item: object, path: list[str]) -> object:
    if not path:
        return item
    if isinstance(item, list):
        at = path[0]
        return _value(item[int(at)], path[1:]) if at.isdecimal() and int(at) < len(item) else None
    if isinstance(item, dict):
        for taken in range(len(path), 0, -1):
            key = ".".join(path[:taken])
            if key in item:
                return _value(item[key], path[taken:])
    return None


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _wrong(text: str, reason: str) -> InputError:
    error = InputError(text, reason)
    error.noun = "a template that can be filled"
    return error
