"""The terminal browser: which screen comes first, and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding

from orlop.browse.differencescreen import DifferenceScreen
from orlop.browse.imagescreen import ImageScreen
from orlop.browse.pick import Ask
from orlop.browse.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

    from orlop.model.platform import PlatformSelector
    from orlop.sync import Client


class Browser(App[None]):
    """Looks into images.

    client: is asked on threads of the browser's own. references: none asks for one; one is looked into; two are compared.
    """

    TITLE = "orlop"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self, client: Client, references: Sequence[str] = (), *, platform: PlatformSelector | None = None
    ) -> None:
        super().__init__()
        self.questions = Questions(client, platform)
        self._references = tuple(references)

    def on_mount(self) -> None:
        """Show the first screen."""
        if len(self._references) == 2:
            self.push_screen(DifferenceScreen(self.questions, *self._references))
        elif self._references:
            self._look(self._references[0])
        else:
            self.push_screen(Ask("Look into which image?"), self._look)

    def _look(self, text: str | None) -> None:
        if text is None:
            self.exit()
        else:
            self.push_screen(ImageScreen(self.questions, text))

    def _fatal_error(self) -> None:
        # Textual would print a traceback with the values of all variables, credentials among them.
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What ended the browser, if it was not the user."""
        return self._exception


def browse(client: Client, references: Sequence[str] = (), *, platform: PlatformSelector | None = None) -> None:
    """Run the browser until it is quit. Raises what ended it otherwise."""
    browser = Browser(client, references, platform=platform)
    browser.run()
    if browser.failure is not None:
        raise browser.failure
