"""Two images side by side: files, layers and config that differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import DataTable, Footer, Input, Log, OptionList, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from orlop.browse.asking import Asking, Pane
from orlop.browse.text import counted, owner, permissions, shown, size, when

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from orlop.browse.questions import Difference, Questions
    from orlop.image.compare.fields import FieldChange
    from orlop.image.compare.files import FileChange
    from orlop.image.compare.layers import LayerSide
    from orlop.image.compare.sides import Sides
    from orlop.image.compare.textdiff import TextDiff
    from orlop.image.compare.walk import Side

CHANGES_LIMIT = 1000
"""Most changed paths that are listed; the filter leaves fewer."""

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow", "notEqual": "yellow"}
_LAYER_MARKS = {"equal": "=", "notEqual": "~", "added": "+", "removed": "-"}


class DifferenceScreen(Asking):
    """What differs from one image to the other: ``+`` only in the second, ``-`` only in the first, ``~`` in both, and changed."""

    CSS = """
    DifferenceScreen > .title { height: 1; text-style: bold; }
    DifferenceScreen #platforms { width: 26; border: solid $foreground; }
    DifferenceScreen #changes { height: 1fr; }
    DifferenceScreen #diff { height: 1fr; border-top: solid $foreground; }
    DifferenceScreen #filter { display: none; }
    DifferenceScreen #filter.asked { display: block; }
    DifferenceScreen DataTable { height: 1fr; }
    DifferenceScreen TabbedContent, DifferenceScreen TabPane, DifferenceScreen ContentSwitcher { height: 1fr; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "tab('files')", "Files"),
        Binding("l", "tab('layers')", "Layers"),
        Binding("c", "tab('config')", "Config"),
        Binding("p", "platforms", "Platforms"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "unfilter", "All", show=False),
        Binding("r", "again", "Again"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, questions: Questions, base: str, target: str) -> None:
        super().__init__()
        self._questions, self._base, self._target = questions, base, target
        self._sides: Sides | None = None
        self._found: Difference | None = None
        self._listed: list[FileChange] = []

    def compose(self) -> ComposeResult:
        """Lay out the platforms, and a tab each for files, layers and config."""
        yield Static(Content(f"{shown(self._base)}  ->  {shown(self._target)}"), classes="title")
        with Horizontal():
            platforms = OptionList(id="platforms", markup=False)
            platforms.border_title = "Platforms"
            yield platforms
            yield Pane(self._tabs(), id="all")
        yield Static(classes="note", markup=False)
        yield Footer()

    def _tabs(self) -> TabbedContent:
        changes: DataTable[Text] = DataTable(id="changes", cursor_type="row")
        changed = Vertical(Input(id="filter", placeholder="a part of the path"), changes, Pane(Log(), id="diff"))
        layers: DataTable[Text] = DataTable(id="layer-table", cursor_type="row")
        config: DataTable[Text] = DataTable(id="config-table", cursor_type="row")
        tabs = TabbedContent()
        for title, name, inner in (
            ("Files", "files", changed),
            ("Layers", "layers", layers),
            ("Config", "config", config),
        ):
            tabs.compose_add_child(TabPane(title, inner, id=name))
        return tabs

    @property
    def pane(self) -> Pane:
        """Where all is, or what is said in its place."""
        return self.query_one("#all", Pane)

    @property
    def note(self) -> str:
        """What is told of all changes together."""
        return str(self.query_one(".note", Static).content)

    def on_mount(self) -> None:
        """Compare."""
        self.query_one("#platforms").display = False
        self.query_one("#changes", DataTable).add_columns("", "Path", "What changed", "Size")
        self.query_one("#layer-table", DataTable).add_columns("", "Layer", "First", "Size", "Second", "Size")
        self.query_one("#config-table", DataTable).add_columns("", "Field", "First", "Second")
        self.action_again()

    def action_again(self) -> None:
        """Ask again, from the start."""
        self.ask(
            lambda: self._questions.sides(self._base, self._target),
            self._got_sides,
            pane=self.pane,
            busy="Opening both images ...",
        )

    def _got_sides(self, sides: Sides) -> None:
        self._sides = sides
        platforms = self.query_one("#platforms", OptionList)
        platforms.clear_options()
        platforms.add_options([Option(Content(shown(pair.platform or "(no platform)"))) for pair in sides.pairs])
        platforms.display = len(sides.pairs) > 1
        if not sides.pairs:
            self.pane.say("Neither has an image to compare.")
            return
        first = self._questions.first_pair(sides)
        platforms.highlighted = first
        self._choose(first)

    def _choose(self, at: int) -> None:
        sides = self._sides
        if sides is not None:
            busy = f"Comparing {shown(sides.pairs[at].platform)}: reading the layers that differ ..."
            self.ask(lambda: self._questions.compare(sides, at), self._got, pane=self.pane, busy=busy)

    def _got(self, found: Difference) -> None:
        self._found = found
        platform = f"  {found.pair.platform}" if found.pair.platform else ""
        title = f"{shown(self._base)}  ->  {shown(self._target)}{platform}"
        self.query_one(".title", Static).update(Content(title))
        self._list("")
        layers = self.query_one("#layer-table", DataTable)
        layers.clear()
        for at, pair in enumerate(found.layers.layers):
            cells = [_LAYER_MARKS[pair.diff], str(at), *_layer_cells(pair.base), *_layer_cells(pair.target)]
            layers.add_row(*_row(cells, pair.diff))
        config = self.query_one("#config-table", DataTable)
        config.clear()
        for one in found.config.changes[:CHANGES_LIMIT]:
            config.add_row(*_row(_field_cells(one), one.change))
        self._focus()

    # --- files -----------------------------------------------------------------------------------

    def _list(self, text: str) -> None:
        found = self._found
        if found is None:
            return
        wanted = text.strip().lower()
        left = [one for one in found.files.changes if wanted in one.path.lower()]
        self._listed = left[:CHANGES_LIMIT]
        changes = self.query_one("#changes", DataTable)
        changes.clear()
        for one in self._listed:
            cells = (_MARKS[one.change], f"/{shown(one.path)}", " ".join(one.kinds), _sizes(one))
            changes.add_row(*_row(cells, one.change))
        counts = ", ".join(f"{found.files.count(change):,} {change}" for change in _MARKS)
        more = f"; the first {CHANGES_LIMIT:,} are listed, / leaves fewer" if len(left) > CHANGES_LIMIT else ""
        matching = f"; {counted(len(left), 'path')} with {shown(text.strip())}" if wanted else ""
        same = "No file differs." if not found.files.changes else f"Files: {counts}{matching}{more}"
        fields = len(found.config.changes)
        config = (
            f"{counted(fields, 'field')} {'differs' if fields == 1 else 'differ'}" if fields else "no field differs"
        )
        self.query_one(".note", Static).update(Content(f"{same}  Config: {config}."))
        self.query_one("#diff", Pane).say("" if self._listed else "Nothing to show.")

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell what both images have at the path."""
        if event.data_table.id == "changes" and event.cursor_row < len(self._listed):
            one = self._listed[event.cursor_row]
            lines = [_described("first", one.base), _described("second", one.target)]
            more = "\n\nEnter shows the difference of the text." if "content" in one.kinds else ""
            self.query_one("#diff", Pane).say("\n".join(lines) + more)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show how the text of a file differs."""
        found = self._found
        if event.data_table.id != "changes" or found is None or event.cursor_row >= len(self._listed):
            return
        one = self._listed[event.cursor_row]
        if one.base is None or one.target is None or "content" not in one.kinds:
            return
        pane = self.query_one("#diff", Pane)
        busy = f"Reading /{shown(one.path)} of both ..."
        self.ask(lambda: self._questions.diff(found, one), self._got_diff, pane=pane, busy=busy, group="diff")

    def _got_diff(self, found: TextDiff | None) -> None:
        if found is None or not found.lines:
            note = found.note if found is not None else "the content is the same"
            self.query_one("#diff", Pane).say(f"No text to compare: {note or 'the lines are the same'}.")
            return
        log = self.query_one("#diff Log", Log)
        log.clear()
        lines = [shown(line.expandtabs(4)) for line in found.lines]
        log.write_lines([*lines, *([f"({found.note})"] if found.note else [])], scroll_end=False)
        log.scroll_home(animate=False)

    # --- what keys do ----------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take another platform."""
        self._choose(event.option_index)

    def action_tab(self, name: str) -> None:
        """Go to files, layers or config."""
        self.query_one(TabbedContent).active = name
        self._focus()

    def _focus(self) -> None:
        names = {"files": "#changes", "layers": "#layer-table", "config": "#config-table"}
        self.query_one(names[self.query_one(TabbedContent).active], DataTable).focus()

    def action_platforms(self) -> None:
        """Go to the platforms."""
        platforms = self.query_one("#platforms", OptionList)
        if platforms.display:
            platforms.focus()

    def action_filter(self) -> None:
        """Ask for a part of the paths."""
        self.query_one(TabbedContent).active = "files"
        asked = self.query_one("#filter", Input)
        asked.add_class("asked")
        asked.focus()

    def action_unfilter(self) -> None:
        """List all paths again."""
        asked = self.query_one("#filter", Input)
        asked.value = ""
        asked.remove_class("asked")
        self._focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """List the paths that hold the text."""
        self._list(event.value)

    def on_input_submitted(self) -> None:
        """Go to the list."""
        self._focus()


def _row(cells: Iterable[str], change: str) -> list[Text]:
    """Return the cells of a row; the mark says what the colour says."""
    style = _COLOURS.get(change, "")
    return [Text(cell, style=style if at == 0 else "") for at, cell in enumerate(cells)]


def _sizes(one: FileChange) -> str:
    sides = [size(side.entry.size) for side in (one.base, one.target) if side is not None and side.entry.kind == "file"]
    return " -> ".join(dict.fromkeys(sides))


def _described(which: str, side: Side | None) -> str:
    if side is None:
        return f"{which:<6}  nothing"
    entry = side.entry
    layer = f"layer {side.layer}" if side.layer >= 0 else "no layer states it"
    link = f"  -> {shown(entry.link)}" if entry.link else ""
    said = [permissions(entry), f"{entry.mode:04o}", owner(entry), size(entry.size), when(entry), layer]
    return f"{which:<6}  {'  '.join(said)}{link}"


def _layer_cells(side: LayerSide | None) -> tuple[str, str]:
    if side is None:
        return "", ""
    return side.digest.short if side.digest else "(no layer)", size(side.compressed_size or 0)


def _field_cells(one: FieldChange) -> tuple[str, str, str, str]:
    return _MARKS[one.change], shown(one.field)[:80], _value(one.base), _value(one.target)


def _value(value: object) -> str:
    if value is None:
        return ""
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:120]
