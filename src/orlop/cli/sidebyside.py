"""Two columns beside each other in a frame, and lines with signs, in colours or without."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from orlop.cli.streams import safe
from orlop.cli.table import width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.cli.context import App

RED, GREEN, INVERTED = "31", "32", "7"

_NARROWEST = 20
_ELSEWHERE = 200
_GAP = 3


class Cell(NamedTuple):
    """A text of one or more lines. style: of SGR, "" for none."""

    text: str = ""
    style: str = ""


def paint(text: str, style: str, *, colour: bool) -> str:
    """Return the text in a style, where there are colours."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style and text else text


def frame(
    headings: Sequence[str], rows: Iterable[Sequence[Cell]], *, columns: int, centred: Sequence[int] = (), colour: bool
) -> str:
    """Return cells in a frame, their texts folded so that a line fits.

    columns: how wide a line may be. centred: columns that are, which are never folded.
    """
    cells = [[Cell(safe(cell.text, keep="\n"), cell.style) for cell in row] for row in rows]
    heads = [safe(text) for text in headings]
    natural = [max(map(width, head.splitlines() or [""])) for head in heads]
    for row in cells:
        for at, cell in enumerate(row):
            natural[at] = max(natural[at], *(width(line) for line in cell.text.split("\n")))
    fixed = sum(natural[at] for at in centred)
    folded = [at for at in range(len(heads)) if at not in centred]
    room = max(_NARROWEST, (columns - fixed - 1 - _GAP * len(heads)) // max(1, len(folded)))
    spare = sum(max(0, room - natural[at]) for at in folded)
    wide = [n if at in centred else min(n, room + (spare if n > room else 0)) for at, n in enumerate(natural)]

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (n + 2) for n in wide) + right

    def lines(row: Sequence[Cell]) -> list[str]:
        parts = [fold(cell.text, wide[at]) for at, cell in enumerate(row)]
        made = []
        for number in range(max(map(len, parts))):
            shown = []
            for at, cell in enumerate(row):
                text = parts[at][number] if number < len(parts[at]) else ""
                room = wide[at] - width(text)
                before = room // 2 if at in centred else 0
                shown.append(" " * before + paint(text, cell.style, colour=colour) + " " * (room - before))
            made.append(f"│ {' │ '.join(shown)} │")
        return made

    made = [rule("┌", "┬", "┐"), *lines([Cell(head) for head in heads]), rule("├", "┼", "┤")]
    for row in cells:
        made += lines(row)
    made.append(rule("└", "┴", "┘"))
    return "\n".join(made) + "\n"


def fold(text: str, room: int) -> list[str]:
    """Return the lines of a text, each at most so wide: broken after a blank where there is one, else anywhere."""
    made: list[str] = []
    for line in text.split("\n"):
        rest = line
        while width(rest) > room:
            cut = _fitting(rest, room)
            blank = rest.rfind(" ", 1, cut + 1)
            if blank > 0 and rest[:blank].strip():
                made.append(rest[:blank])
                rest = rest[blank + 1 :]
            else:
                made.append(rest[:cut])
                rest = rest[cut:]
        made.append(rest)
    return made


def _fitting(text: str, room: int) -> int:
    if text.isascii():
        return max(1, room)
    used = 0
    for at, char in enumerate(text):
        used += width(char)
        if used > room:
            return max(1, at)
    return len(text)


def columns_of(app: App) -> int:
    """Return how wide a line may be: COLUMNS, the terminal's width, else 200."""
    given = app.environ.get("COLUMNS", "")
    if given.isdecimal() and 0 < int(given) < 10_000:
        return int(given)
    if app.streams.terminal:
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or _ELSEWHERE
        except (OSError, ValueError):
            return _ELSEWHERE
    return _ELSEWHERE
