"""A Dockerfile read as BuildKit reads it: the rules of its parser, and nothing of ours.

Rule: Dockerfile reference; moby/buildkit, frontend/dockerfile/parser: directives, comments, lines that go on, here-documents;
frontend/dockerfile/shell: words, quotes, escapes.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_HERE_DOCUMENT = re.compile(r"^(\d*)<<(-?)([\"']?)([^<\"'\s]+)\3$")


class Read(NamedTuple):
    keyword: str
    arguments: str
    documents: tuple[tuple[str, str], ...]


def read(text: str) -> list[Read]:
    """Return the instructions. Raises ValueError for what is no Dockerfile."""
    lines = text.split("\n")
    assert lines.pop() == ""
    escape = "\\"
    if lines and (directive := re.fullmatch(r"# escape=(.)", lines[0])):
        escape = directive[1]
    goes_on = re.compile(rf"([^{re.escape(escape)}])?{re.escape(escape)}[ \t]*$")
    found = []
    at = 0
    while at < len(lines):
        line = lines[at].lstrip(" \t")
        at += 1
        if not line or line.startswith("#"):
            continue
        line, more = _continued(line, goes_on)
        while more and at < len(lines):
            following = lines[at]
            at += 1
            if following.lstrip(" \t").startswith("#") or not following.strip(" \t"):
                continue
            piece, more = _continued(following, goes_on)
            line += piece
        keyword, _, arguments = line.strip(" \t").partition(" ")
        if not re.fullmatch(r"[A-Z]+", keyword):
            raise ValueError(f"no instruction: {line!r}")
        documents = []
        if keyword in {"RUN", "COPY", "ADD"} and not _is_list(arguments):
            for name, chomp in _documents(arguments):
                body = ""
                while True:
                    if at >= len(lines):
                        raise ValueError(f"the here-document {name} does not end")
                    piece = lines[at]
                    at += 1
                    if (piece.lstrip("\t") if chomp else piece) == name:
                        break
                    body += piece + "\n"
                documents.append((name, body))
        found.append(Read(keyword, arguments.strip(" \t"), tuple(documents)))
    return found


def _is_list(arguments: str) -> bool:
    try:
        return isinstance(json.loads(re.sub(r"^(--\S+ )+", "", arguments)), list)
    except ValueError:
        return False


def _continued(line: str, goes_on: re.Pattern[str]) -> tuple[str, bool]:
    match = goes_on.search(line)
    return (line, False) if match is None else (line[: match.start()] + (match[1] or ""), True)


def _documents(arguments: str) -> list[tuple[str, bool]]:
    found = []
    for word in arguments.split():
        match = _HERE_DOCUMENT.match(word)
        if match:
            found.append((match[4], bool(match[2])))
    return found


def values(arguments: str, escape: str = "\\") -> dict[str, str]:
    """Return the names and values of ENV, LABEL or ARG. Raises ValueError for an expansion that is left in one."""
    made: dict[str, str] = {}
    word, quote, started = "", "", False
    at = 0
    words = []
    while at <= len(arguments):
        char = arguments[at : at + 1]
        if not quote and (not char or char.isspace()):
            if started:
                words.append(word)
            word, started = "", False
        elif char == escape and quote != "'":
            following = arguments[at + 1 : at + 2]
            kept = quote == '"' and following not in {'"', "$", escape}
            word += escape + following if kept else following
            at, started = at + 1, True
        elif not char:
            raise ValueError("a quotation does not end")
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, started = char, True
        elif char == "$" and quote != "'":
            raise ValueError("it would be expanded")
        else:
            word, started = word + char, True
        at += 1
    for one in words:
        name, _, value = one.partition("=")
        made[name] = value
    return made
