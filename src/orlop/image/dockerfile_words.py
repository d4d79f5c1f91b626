"""The words of history steps: Go's prints of lists and strings taken apart, and words as a Dockerfile writes them.

Builders print with Go's ``%v`` (``[a b]``), ``%q`` (``["a" "b"]``) and by joining with spaces, so that not every list can
be told apart again; the config often has the same words whole, and is asked first.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_GO_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_GO_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SEPARATOR = re.compile(r"[ ,]*")
_GO_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_GO_RUNE = re.compile(r"'((?:[^'\\]|\\.[^']*))'", re.DOTALL)
_PAIR = re.compile(r"([^\s=]+)=")
_NEXT_PAIR = re.compile(r"(?<!\s)\s++(?=[A-Za-z_][^\s=\"'(){}\[\]<>|&;,]*=)")
_BLANK = re.compile(r"\s+")
_INVISIBLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def go_string(quoted: str) -> str:
    """Return what the inside of one of Go's double-quoted strings means."""

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU":
            number = int(code[1:], 16)
            return chr(number) if number < 0x110000 else match[0]
        if len(code) == 3:
            return chr(int(code, 8))
        return _GO_ESCAPES.get(code, code)

    return _GO_ESCAPE.sub(meant, quoted) if "\\" in quoted else quoted


def go_list(text: str) -> list[str] | None:
    """Return the words of a list that is printed with its quotes, ``["a" "b"]`` or JSON's; None for what is none."""
    text = _bare(text)
    if not (text.startswith("[") and text.endswith("]")):
        return None
    if text.startswith("[") and '"' in text:
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    inner = text[1:-1].strip()
    words, at = [], 0
    while at < len(inner):
        match = _GO_QUOTED.match(inner, at)
        if match is None:
            return None
        words.append(go_string(match[1]))
        at = _SEPARATOR.match(inner, match.end()).end()  # type: ignore[union-attr]  # it matches nothing as well
        if at == match.end() < len(inner):
            return None
    return words


def bare_list(text: str, known: Iterable[Sequence[str]] = ()) -> list[str] | None:
    """Return the words of ``[a b]``; a known list that prints so is the one. None for what is no list."""
    text = _bare(text)
    if not (text.startswith("[") and text.endswith("]")):
        return None
    inner = text[1:-1]
    for words in known:
        if " ".join(words) == inner:
            return list(words)
    return inner.split()


def _bare(text: str) -> str:
    """Return the list in Go's print of a pointer to a struct that holds it alone: ``&{["a"]}``."""
    text = text.strip()
    return text[2:-1].strip() if text.startswith("&{") and text.endswith("}") else text


def go_rune(text: str) -> int | None:
    r"""Return the number that Go prints as a character: ``'\x03'`` is 3."""
    match = _GO_RUNE.fullmatch(text)
    meant = go_string(match[1]) if match else ""
    return ord(meant) if len(meant) == 1 else None


def pairs(text: str, known: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Return the names and values of ``A=1 B=2``, a name alone with None.

    A value may have spaces, and nothing tells where it ends: what the config has for the name goes first, else it ends
    before what looks like the next name.
    """
    text = text.strip()
    if "=" not in text:
        return [(word, None) for word in text.split()]
    found: list[tuple[str, str | None]] = []
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            word = text[at:].split(None, 1)[0]
            found.append((word, None))
            end = at + len(word)
        else:
            end = _value_end(text, match.end(), known.get(match[1]))
            found.append((match[1], text[match.end() : end]))
        blank = _BLANK.match(text, end)
        at = blank.end() if blank else end
    return found


def _value_end(text: str, start: int, known: str | None) -> int:
    if known is not None and text.startswith(known, start):
        end = start + len(known)
        if end == len(text) or _NEXT_PAIR.match(text, end):
            return end
    following = _NEXT_PAIR.search(text, start)
    return following.start() if following else len(text)


def quoted(value: str, escape: str) -> str:
    r"""Return a value of ENV, LABEL or ARG as a Dockerfile writes it, so that nothing in it is expanded.

    escape: the Dockerfile's escape character. A line break has no form there; it is written ``\n``.
    """
    if re.fullmatch(r"[\w./:@%+,=~^*?()\[\]{}<>|;&!\-" + ("\\\\" if escape == "`" else "`") + "]+", value):
        return value
    inner = "".join(f"{escape}{char}" if char in f'"${escape}' else char for char in value)
    return '"' + inner.replace("\r", "\\r").replace("\n", "\\n") + '"'


def exec_form(words: Sequence[str]) -> str:
    """Return words as a Dockerfile's JSON list, what commands a terminal as JSON escapes."""
    text = json.dumps(list(words), ensure_ascii=False)
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
