"""How the tour looks: the same words in a pipe and on a terminal, there with a little colour."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import TYPE_CHECKING

from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.cli.streams import Streams
    from orlop.cli.tour.harbour import Message
    from orlop.cli.tour.sandbox import Answer
    from orlop.cli.tour.step import Step

_WIDEST = 100
_OUTPUT_WIDTH = 176
_INDENT = "    "
_BOLD, _FAINT, _GREEN, _CYAN = "1", "2", "32", "36"


class Page:
    """Writes the tour, each part at once."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        columns = shutil.get_terminal_size((_WIDEST, 24)).columns if streams.terminal else _WIDEST
        self._width = max(40, min(columns, _WIDEST))
        self._output_width = max(60, columns - len(_INDENT)) if streams.terminal else _OUTPUT_WIDTH

    def title(self, text: str) -> None:
        """Write the first line, at once."""
        self._write(f"{self._ink(_BOLD, text)}\n")
        self._streams.flush()

    def part(self, text: str) -> None:
        """Write the heading of a part."""
        self._write(f"\n{self._ink(_BOLD, f'== {text} ' + '=' * max(0, self._width - len(text) - 4))}")

    def prose(self, text: str, indent: str = "", *, hanging: str = "") -> None:
        """Write a paragraph. hanging: more indent for all lines but the first."""
        folded = textwrap.fill(
            " ".join(text.split()),
            self._width,
            initial_indent=indent,
            subsequent_indent=indent + hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self._write(folded)

    def commands(self, lines: Iterable[str], indent: str = _INDENT) -> None:
        """Write what can be typed; a line that starts with a blank goes on with the one before."""
        for line in lines:
            self._write(f"{indent}{self._ink(_FAINT, _prompt(line))} {self._ink(_CYAN, line)}")

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write a list of two columns."""
        rows = list(pairs)
        wide = max(len(left) for left, _ in rows)
        for left, right in rows:
            self._write(f"  {left:<{wide}}  {right}")

    def gap(self) -> None:
        """Write an empty line."""
        self._write("")

    def step(self, number: int, of: int, step: Step) -> None:
        """Write what is about to be done."""
        self._write(f"\n{self._ink(_BOLD, f'{number}/{of}  {step.title}')}")
        self.prose(step.text, _INDENT)
        self.gap()
        self.commands([step.line])
        self._streams.flush()

    def answer(self, step: Step, answer: Answer) -> None:
        """Write what the command printed, shortened where it is long, and its status unless it is 0."""
        for line in shortened(answer.text.splitlines(), step.head, step.tail):
            self._write((_INDENT + self._cut(safe(line, keep="\t").expandtabs(4))).rstrip())
        for line in answer.notes.splitlines():
            self.prose(safe(line), _INDENT, hanging="  ")
        if answer.status:
            self._write(f"{_INDENT}{self._ink(_FAINT, f'(exit status {answer.status})')}")

    def wire(self, messages: Sequence[Message]) -> None:
        """Write what the servers saw."""
        self.gap()
        self._write(f"{_INDENT}{self._ink(_FAINT, 'on the wire:')}")
        for place, method, target, status, shown in messages:
            credentials = f"Authorization: {shown} ***" if shown else "no Authorization"
            answered = f" -> {status}" if status else ""
            line = f"{method:<4} {place:<13} {_brief(target)}  {credentials}{answered}"
            self._write(_INDENT + self._ink(_FAINT, f"  {line}"))

    def same(self, step: Step) -> None:
        """Write the curl that does the same, unless the output was one."""
        if not step.curl:
            return
        self.gap()
        self._write(f"{_INDENT}{self._ink(_FAINT, f'the same with {step.tool}:')}")
        for line in step.curl:
            self._write(_INDENT + self._ink(_FAINT, f"{_prompt(line)} {line}"))

    def right(self, text: str) -> None:
        """Write what was found right."""
        self._write(f"\n{_INDENT}{self._ink(_GREEN, 'ok')}  {text}")
        self._streams.flush()

    def _cut(self, line: str) -> str:
        return line if len(line) <= self._output_width else f"{line[: self._output_width - 1]}…"

    def _ink(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._streams.colour else text

    def _write(self, text: str) -> None:
        self._streams.text(text + "\n")


def shortened(lines: Sequence[str], head: int, tail: int) -> list[str]:
    """Return the first and the last lines, and between them how many were left out."""
    left_out = len(lines) - head - tail
    if left_out <= 1:  # the remark would take the place of the one line
        return list(lines)
    return [*lines[:head], f"… {left_out:,} more lines, {len(lines):,} in all", *lines[len(lines) - tail :]]


def _prompt(line: str) -> str:
    return ">" if line.startswith(" ") else "$"


def _brief(target: str) -> str:
    """Return a path and query for reading: digests short, a signature not at all."""
    target = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", target)
    return re.sub(r"(Signature=).*", r"\1***", target).replace("%3A", ":").replace("%2F", "/")
