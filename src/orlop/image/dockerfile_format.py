r"""A long command on several lines, as a Dockerfile continues them.

The classic builder joins continued lines and keeps their indentation, ``set -eux; \tapt-get update``: where a tab or more
than two spaces stand, a line was broken, and is broken again there, so that joining gives the very same text. A command
without such places is broken before ``&&`` and ``||``, after ``;``, and, where it is long, before options; this adds spaces
outside quotes, nowhere else.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 100
"""Columns after which a line is broken before an option."""

SHORT = 72
"""Columns up to which a command without traces of lines stays on one."""

_TRACE = re.compile(r"[ \t]*\t[ \t]*| {3,}")
_INDENT = "    "
_WORD = re.compile(r"[ \t]*([^ \t]+)")
_NEVER_FIRST = ("do", "then")


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a shell is written. quotes: its quotation marks; plain: those in which ``escape`` means itself.

    before: operators that begin a line. after: those that end one. posix: substitutions nest, and ``#`` begins a comment.
    """

    quotes: str
    plain: str
    escape: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    posix: bool = False


POSIX = Syntax("'\"", "'", "\\", ("&& ", "|| "), (";; ", "; "), posix=True)
CMD = Syntax('"', '"', "^", ("&& ", "|| ", "& "), ())
POWERSHELL = Syntax("'\"", "'", "`", ("&& ", "|| "), ("; ",))


def syntax_of(shell: Sequence[str]) -> Syntax:
    """Return how the shell is written."""
    program = re.split(r"[/\\]", shell[0])[-1].lower().removesuffix(".exe") if shell else "sh"
    if program == "cmd":
        return CMD
    return POWERSHELL if program in {"powershell", "pwsh"} else POSIX


def broken(command: str, syntax: Syntax, escape: str) -> list[str]:
    """Return the command on lines, each but the last ended by the Dockerfile's escape character.

    command: on one line. Joined as a Dockerfile joins them, the lines are the command, but for spaces outside quotes.
    """
    traces = _traces(command)
    if traces:
        lines = _blank_lines(_cut(command, [place for place in traces if _may_break(command, place, escape)]))
    elif len(command) <= SHORT:
        return [command]
    else:
        lines = _soft(command, syntax, escape)
    return [*(line + escape for line in lines[:-1]), lines[-1]]


def _may_break(command: str, place: int, escape: str) -> bool:
    """Whether a line may end there: not after an escape, and not where the next would read as a comment."""
    before, after = place - 1, place
    while before >= 0 and command[before] in " \t":
        before -= 1
    while after < len(command) and command[after] in " \t":
        after += 1
    return command[before : before + 1] != escape and command[after : after + 1] != "#"


def _traces(command: str) -> list[int]:
    """Return where lines were broken: the indentation that follows is the next line's."""
    places = []
    for match in _TRACE.finditer(command):
        tab = command.find("\t", match.start(), match.end())
        place = tab if tab >= 0 else match.start() + 1
        if place > 0 and match.end() < len(command):
            places.append(place)
    return places


def _cut(command: str, places: Sequence[int]) -> list[str]:
    return [command[start:stop] for start, stop in zip([0, *places], [*places, len(command)], strict=True)]


def _blank_lines(lines: list[str]) -> list[str]:
    r"""Give lines with nothing but indentation back: ``\t\t&& x`` among ``\t&& y`` was ``\t`` and ``\t&& x``.

    Joining gives the same text either way. Tabs alone are looked at.
    """
    depths = [len(line) - len(line.lstrip("\t")) for line in lines]
    ands = [depth for line, depth in zip(lines, depths, strict=True) if depth and line.startswith("&&", depth)]
    least = min(ands, default=0)
    made = []
    for at, line in enumerate(lines):
        depth, blank = depths[at], ""
        if least and line.startswith("&&", depth):
            more = depth - least
            if more > 0 and more % least == 0:
                made += ["\t" * least] * (more // least)
                line, depths[at] = line[more:], least
        elif at > 1 and 0 < depths[at - 1] < depth:
            # After a whole command nothing goes deeper; nor does a list go deeper by two.
            ended = lines[at - 1].rstrip().endswith(";")
            listed = depth - depths[at - 1] > 1 and depths[at - 2] == depths[at - 1]
            blank = "\t" * (depth - depths[at - 1]) if ended or listed else ""
        if blank:
            made.append(blank)
            line, depths[at] = line[len(blank) :], depths[at - 1]
        made.append(line)
    return made


def _soft(command: str, syntax: Syntax, escape: str) -> list[str]:
    """Break at operators, and what is too long then before options."""
    operators, options = _places(command, syntax)
    operators = [place for place in operators if _may_break(command, place, escape)]
    options = [place for place in options if _may_break(command, place, escape)]
    lines: list[str] = []
    start, indent = 0, ""
    for stop in [*operators, len(command)]:
        inside = options[bisect_right(options, start) : bisect_left(options, stop)]
        candidate = start
        for place in [*inside, stop]:
            if len(indent) + place - start > WIDTH and candidate > start:
                lines.append(indent + command[start:candidate])
                start, indent = candidate, _INDENT * 2
            candidate = place
        lines.append(indent + command[start:stop])
        start, indent = stop, _INDENT
    return lines


def _places(command: str, syntax: Syntax) -> tuple[list[int], list[int]]:
    """Return where operators and where options begin a line, outside quotes; none where quotes do not end."""
    operators: list[int] = []
    options: list[int] = []
    nest: list[str] = []
    at = 0
    while at < len(command):
        char = command[at]
        top = nest[-1] if nest else ""
        if char == syntax.escape and not (top and top in syntax.plain):
            at += 2
            continue
        if syntax.posix and char == "#" and not nest and (at == 0 or command[at - 1] in " \t;"):
            break  # a comment to the end
        _nest(command, at, syntax, nest)
        if not nest and not top and at > 0:
            if command[at - 1] == " " and command.startswith(syntax.before, at):
                operators.append(at)
            elif command[at - 1] == " " and char == "-" and command[at + 1 : at + 2].strip():
                options.append(at)
            elif (end := _ended(command, at, syntax)) > 0:
                operators.append(end)
                at = end
                continue
        at += 1
    return ([], []) if nest else (operators, options)


def _ended(command: str, at: int, syntax: Syntax) -> int:
    """Return where the next line begins, if an operator that ends a line stands here; else 0."""
    for operator in syntax.after:
        if command.startswith(operator, at):
            end = at + len(operator)
            word = _WORD.match(command, end)
            return end if word and word[1] not in _NEVER_FIRST else 0
    return 0


def _nest(command: str, at: int, syntax: Syntax, nest: list[str]) -> None:
    """Enter or leave quotes and substitutions."""
    char = command[at]
    top = nest[-1] if nest else ""
    if top and top == char and top != "(":
        nest.pop()
    elif top == "$'":
        if char == "'":
            nest.pop()
    elif top and top in syntax.quotes:
        if syntax.posix and top == '"':
            if char == "(" and command[at - 1] == "$":
                nest.append("(")
            elif char == "`":
                nest.append("`")
    elif char in syntax.quotes:
        dollar = syntax.posix and char == "'" and at > 0 and command[at - 1] == "$"
        nest.append("$'" if dollar else char)
    elif syntax.posix and char in "(`":
        nest.append(char)
    elif char == ")" and top == "(":
        nest.pop()
