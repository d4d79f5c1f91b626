"""The text of one file, or its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.content import Content
from textual.widgets import Footer, Log, Static

from orlop.browse.asking import Asking, Pane
from orlop.browse.questions import HEX_LIMIT
from orlop.browse.text import counted, hex_lines, shown, size, text_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from orlop.browse.questions import Shown


class Viewer(Asking):
    """A file: text as lines, all else as hexadecimal numbers; ``x`` changes between the two."""

    CSS = """
    Viewer > .title { height: 1; text-style: bold; }
    Viewer > .note { height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back"),
        Binding("x", "numbers", "Text or numbers"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, path: str, read: Callable[[], Shown]) -> None:
        super().__init__()
        self._path, self._read = path, read
        self._shown: Shown | None = None
        self._numbers = False

    def compose(self) -> ComposeResult:
        """Lay out path, text and a note."""
        yield Static(Content(f"/{shown(self._path)}"), classes="title")
        yield Pane(Log(), id="file")
        yield Static(classes="note", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Read the file."""
        self.ask(self._read, self._got, pane=self.query_one("#file", Pane), busy="Reading ...")

    def _got(self, found: Shown) -> None:
        self._shown, self._numbers = found, found.binary
        self._write()
        self.query_one(Log).focus()

    def action_numbers(self) -> None:
        """Change between text and numbers."""
        if self._shown is not None:
            self._numbers = not self._numbers
            self._write()

    def _write(self) -> None:
        found = self._shown
        if found is None:
            return
        data = found.data[:HEX_LIMIT] if self._numbers else found.data
        lines = hex_lines(data) if self._numbers else text_lines(data)
        log = self.query_one(Log)
        log.clear()
        log.write_lines(lines, scroll_end=False)
        log.scroll_home(animate=False)
        parts = ["binary" if found.binary else "text", size(found.size)]
        if len(data) < found.size:
            parts.append(f"only the first {size(len(data))} are shown")
        elif not self._numbers:
            parts.append(counted(len(lines), "line"))
        if found.cut:
            parts.append("not read to its end, so its hash is not checked")
        self.query_one(".note", Static).update(Content(", ".join(parts)))

    @property
    def note(self) -> str:
        """What is said about the file."""
        return str(self.query_one(".note", Static).content)
