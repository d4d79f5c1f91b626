"""Small screens to choose from: a reference, a tag, a path that a search found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from orlop.browse.asking import explained, in_thread
from orlop.browse.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from orlop.browse.questions import Found
    from orlop.image.tree import Node

LISTED_LIMIT = 500
"""Most lines of a list that are shown; a longer text in the field leaves fewer."""


class Ask(ModalScreen[str | None]):
    """Asks for a text, such as a reference."""

    CSS = """
    Ask { align: center middle; }
    Ask > Vertical { width: 80; max-width: 95%; height: auto; border: solid $foreground; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]

    def __init__(self, question: str, value: str = "") -> None:
        super().__init__()
        self._question, self._value = question, value

    def compose(self) -> ComposeResult:
        """Lay out the question and the field."""
        with Vertical():
            yield Static(Content(self._question))
            yield Input(
                self._value, placeholder="debian:12, ghcr.io/owner/name@sha256:..., oci:DIR, docker-archive:FILE"
            )
        yield Footer()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the text back."""
        if text := event.value.strip():
            self.dismiss(text)


class Listing(ModalScreen[str | None]):
    """A field, and below it the list of what it leaves."""

    CSS = """
    Listing { align: center middle; }
    Listing > Vertical { width: 100; max-width: 95%; height: 80%; border: solid $foreground; padding: 0 1; }
    Listing OptionList { height: 1fr; }
    Listing .note { height: auto; }
    """
    SCOPED_CSS = False  # the rules are for what is derived from it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("down", "down", "List", show=False),
    ]
    TITLE_TEXT = ""
    PLACEHOLDER = ""

    def compose(self) -> ComposeResult:
        """Lay out the field, the list and a note on it."""
        with Vertical():
            yield Static(Content(self.TITLE_TEXT))
            yield Input(placeholder=self.PLACEHOLDER)
            yield OptionList(markup=False)
            yield Static(classes="note", markup=False)
        yield Footer()

    def note(self, text: str) -> None:
        """Say something below the list."""
        self.query_one(".note", Static).update(Content(text))

    @property
    def said(self) -> str:
        """What stands below the list."""
        return str(self.query_one(".note", Static).content)

    def fill(self, lines: Sequence[tuple[str, str]]) -> None:
        """List (id, text) pairs."""
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options([Option(Content(text), id=key) for key, text in lines])
        if lines:
            listed.highlighted = 0

    def action_down(self) -> None:
        """Go from the field to the list."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give the choice back."""
        self.dismiss(event.option.id)


class Tags(Listing):
    """The tags of a repository; the field leaves those that hold its text."""

    TITLE_TEXT = "Tags"
    PLACEHOLDER = "a part of the tag"

    def __init__(self, ask: Callable[[], list[str]]) -> None:
        super().__init__()
        self._ask = ask
        self._tags: list[str] = []

    def on_mount(self) -> None:
        """Ask for the tags."""
        self.note("Reading the tags ...")
        self.run_worker(self._load(), exit_on_error=False)

    async def _load(self) -> None:
        try:
            self._tags = await in_thread(self._ask)
        except Exception as error:  # noqa: BLE001  # it is shown
            self.note(f"Error: {explained(error)}")
            return
        self._filter(self.query_one(Input).value)

    def _filter(self, text: str) -> None:
        left = [tag for tag in self._tags if text.strip().lower() in tag.lower()]
        self.fill([(tag, tag) for tag in left[:LISTED_LIMIT]])
        more = f", the first {LISTED_LIMIT} are listed" if len(left) > LISTED_LIMIT else ""
        self.note(f"{len(left):,} of {counted(len(self._tags), 'tag')}{more}")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Leave fewer, or more."""
        if self._tags:
            self._filter(event.value)

    def on_input_submitted(self) -> None:
        """Take the highlighted tag."""
        listed = self.query_one(OptionList)
        if listed.highlighted is not None and listed.option_count:
            self.dismiss(listed.get_option_at_index(listed.highlighted).id)


class Search(Listing):
    """Paths that hold a text, looked for when Enter is pressed."""

    TITLE_TEXT = (
        "Search: a part of a path, or a pattern with * and ?; Enter looks, then the arrow down goes to the list"
    )
    PLACEHOLDER = "passwd, *.so, etc/*.conf"

    def __init__(self, ask: Callable[[str], Found]) -> None:
        super().__init__()
        self._ask = ask

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for it."""
        text = event.value
        if text.strip():
            self.note("Searching ...")
            self.run_worker(self._look(text), exclusive=True, exit_on_error=False)

    async def _look(self, text: str) -> None:
        try:
            found = await in_thread(lambda: self._ask(text))
        except Exception as error:  # noqa: BLE001  # it is shown
            self.note(f"Error: {explained(error)}")
            return
        # An option's id has to be unique, and a path may be there twice: removed, and there again.
        self.fill([(f"{at} {node.path}", _line(node)) for at, node in enumerate(found.nodes)])
        self.note(
            f"{counted(len(found.nodes), 'path')}{', and more: a longer text leaves fewer' if found.more else ''}"
        )
        if found.nodes:
            self.query_one(OptionList).focus()


def _line(node: Node) -> str:
    return f"/{shown(node.path)}" + (f"  (removed by layer {node.removed_by})" if node.removed else "")
