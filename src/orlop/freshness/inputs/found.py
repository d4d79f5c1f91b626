"""What an input file names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image that a file names. text: as a reference; raw: as it stands there. where: line or path inside the file.

    problem: why it cannot be asked for (a variable without a value, no valid reference), empty when it can.
    """

    text: str
    raw: str
    where: str
    platform: str = ""
    problem: str = ""


def expand(text: str, values: dict[str, str]) -> tuple[str, list[str]]:
    """Return a text with ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME-default}``, ``${NAME:+other}`` put in.

    The second part names the variables that have no value. ``$$`` is a dollar sign in Compose files. Rules: Dockerfile reference,
    "Environment replacement"; Compose specification, "Interpolation".
    """
    missing: list[str] = []
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and text[at + 1 : at + 2] == "$":
            out.append("$")
            at += 2
        elif char != "$":
            out.append(char)
            at += 1
        elif text[at + 1 : at + 2] == "$":
            out.append("$")
            at += 2
        elif text[at + 1 : at + 2] == "{":
            end = _closing(text, at + 2)
            if end < 0:
                missing.append(text[at:])
                return "".join(out), missing
            out.append(_value(text[at + 2 : end], values, missing))
            at = end + 1
        else:
            end = at + 1
            while end < len(text) and (text[end].isalnum() or text[end] == "_"):
                end += 1
            name = text[at + 1 : end]
            out.append(_plain(name, values, missing) if name else "$")
            at = end
    return "".join(out), missing


def _closing(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return -1


def _plain(name: str, values: dict[str, str], missing: list[str]) -> str:
    if name not in values:
        missing.append(name)
        return ""
    return values[name]


def _value(inner: str, values: dict[str, str], missing: list[str]) -> str:
    end = 0
    while end < len(inner) and (inner[end].isalnum() or inner[end] == "_"):
        end += 1
    name, rest = inner[:end], inner[end:]
    if not rest:
        return _plain(name, values, missing)
    colon = rest[0] == ":"
    operator, word = (rest[1:2], rest[2:]) if colon else (rest[0], rest[1:])
    has = name in values and (bool(values[name]) or not colon)
    if operator in {"-", "?"}:
        if has:
            return values[name]
        if operator == "?":
            missing.append(name)
            return ""
    elif operator == "+":
        if not has:
            return ""
    else:
        missing.append(name)
        return ""
    expanded, inner_missing = expand(word, values)
    missing += inner_missing
    return expanded
