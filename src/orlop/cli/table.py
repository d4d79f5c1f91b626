"""Tables for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.cli.render import Paint

_GAP = "  "


def table(paint: Paint, headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return aligned columns under their headings; a column without any text is left out.

    right: the columns that are numbers, aligned to the right.
    """
    cells = [[safe(cell) for cell in row] for row in rows]
    used = [at for at in range(len(headings)) if not cells or any(row[at] for row in cells)]
    widths = {at: max(width(headings[at]), *(width(row[at]) for row in cells), 0) for at in used}
    lines = [paint.heading(_line(headings, used, widths, right))]
    lines += [_line(row, used, widths, right) for row in cells]
    return "\n".join(lines) + "\n"


def facts(paint: Paint, pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values, one pair a line; a pair without a value is left out."""
    shown = [(safe(name), safe(value)) for name, value in pairs if value]
    wide = max((width(name) for name, _ in shown), default=0)
    return "".join(f"{paint.heading(name + ' ' * (wide - width(name)))}{_GAP}{value}\n" for name, value in shown)


def _line(row: Sequence[str], used: list[int], widths: dict[int, int], right: Sequence[int]) -> str:
    parts = []
    for at in used:
        room = " " * (widths[at] - width(row[at]))
        parts.append(room + row[at] if at in right else row[at] + room)
    return _GAP.join(parts).rstrip()


def width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def size(count: int) -> str:
    """Return a count of bytes for reading: 512 B, 3.4 MiB."""
    if count < 0:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")
