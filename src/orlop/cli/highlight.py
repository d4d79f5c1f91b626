"""A Dockerfile in colours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLOURS = {
    "keyword": "35",
    "comment": "2",
    "string": "33",
    "variable": "36",
    "option": "34",
    "name": "32",
    "operator": "31",
}
_INSTRUCTION = re.compile(r"([A-Z]+)(\s|$)")
_HERE = re.compile(r"(?:^|\s)\d*<<-?([\"']?)([\w.-]+)\1(?=\s|$)")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'[^']*')"""
    r"""|(?P<variable>\$\{[^}]*\}|\$\w+)"""
    r"""|(?P<option>(?<=\s)--?[A-Za-z][\w-]*(?:=(?=["'])|=\S*)?)"""
    r"""|(?P<operator>&&|\|\||<<-?|[|;])"""
    r"""|(?P<end>[\\`]$)"""
)
_PAIR = re.compile(r"(^|\s)([^\s=\"']+)(?==)")
_PAIRS = ("ENV", "ARG", "LABEL")


def highlight(text: str) -> str:
    """Return the text of a Dockerfile with colours, and with nothing in it that commands a terminal."""
    return "".join(_paint(kind, safe(part, keep="\n\t")) for kind, part in tokens(text))


def _paint(kind: str, text: str) -> str:
    code = _COLOURS.get(kind)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a Dockerfile with their kinds; together they are the text. A kind is "" for what is plain."""
    keyword, goes_on = "", False
    ends: list[str] = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        if ends:
            if bare.strip("\t") == ends[-1]:
                ends.pop()
                yield "operator", line
            else:
                yield "", line
            continue
        if bare.lstrip().startswith("#"):
            yield "comment", bare
            yield "", line[len(bare) :]
            continue
        start = 0
        if not goes_on:
            match = _INSTRUCTION.match(line)
            keyword = match[1] if match else ""
            start = len(keyword)
            yield "keyword", keyword
        yield from _words(bare[start:], keyword)
        yield "", line[len(bare) :]
        goes_on = bare.endswith(("\\", "`"))
        if keyword in {"RUN", "COPY", "ADD"}:
            ends = [match[2] for match in _HERE.finditer(bare)][::-1]


def _words(text: str, keyword: str) -> Iterator[tuple[str, str]]:
    if keyword in _PAIRS:
        at = 0
        for match in _PAIR.finditer(text):
            yield from _tokens(text[at : match.start(2)])
            yield "name", match[2]
            at = match.end(2)
        text = text[at:]
    yield from _tokens(text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _TOKEN.finditer(text):
        yield "", text[at : match.start()]
        kind = match.lastgroup or ""
        yield ("operator" if kind == "end" else kind), match[0]
        at = match.end()
    yield "", text[at:]
