"""Screens that ask: the work is done on threads of its own, and what fails is said where the answer was to stand."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from orlop.browse.text import shown
from orlop.errors import OrlopError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.widget import Widget

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Return what a blocking function returns, or raise what it raises.

    Each call has a daemon thread of its own: whoever quits in the middle of a download does not wait for it, as it would be with
    the pool of the event loop.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return  # nobody waits any more
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # T may itself include None

    def work() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as caught:  # noqa: BLE001  # handed to whoever waits
            error = RuntimeError(str(caught)) if isinstance(caught, StopIteration) else caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop has ended

    threading.Thread(target=work, name="orlop browse", daemon=True).start()
    return await answer


def explained(error: BaseException) -> str:
    """Return what went wrong, and on further lines what may help. Never a traceback."""
    if not isinstance(error, OrlopError):
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return shown(f"unexpected: {said}")
    return shown(str(error)) + (f"\n\n{shown(error.hint)}" if error.hint else "")


class Pane(Vertical):
    """A part of the screen that shows its content, or says in its place why there is none."""

    DEFAULT_CSS = """
    Pane { height: 1fr; }
    Pane > .said { display: none; padding: 1 2; height: 1fr; }
    Pane.saying > .said { display: block; }
    Pane.saying > .content { display: none; }
    Pane.failed > .said { text-style: bold; color: $text-error; }
    """

    def __init__(self, content: Widget, *, id: str) -> None:  # noqa: A002  # Textual's name for it
        super().__init__(id=id)
        self.content = content
        content.add_class("content")

    def compose(self) -> ComposeResult:
        """Lay out the content and the place of the message."""
        yield self.content
        yield Static(classes="said", markup=False)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a text instead of the content."""
        self.query_one(".said", Static).update(Content(text))
        self.set_class(failed, "failed")
        self.add_class("saying")

    def show(self) -> None:
        """Show the content."""
        self.remove_class("saying", "failed")

    @property
    def message(self) -> str:
        """What stands instead of the content; "" where the content is shown."""
        return str(self.query_one(".said", Static).content) if self.has_class("saying") else ""


class Asking(Screen[None]):
    """A screen that asks questions. Of one group the last question counts: an answer that comes later than the next question is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, object] = {}

    def ask(
        self, function: Callable[[], T], then: Callable[[T], None], *, pane: Pane, busy: str, group: str = "ask"
    ) -> None:
        """Ask on a thread; ``then`` gets the answer. pane: says ``busy`` meanwhile, and what failed."""
        pane.say(busy)
        question = self._last[group] = object()

        def deliver(answer: T) -> None:
            if self._last[group] is question:
                pane.show()
                then(answer)

        async def asked() -> None:
            try:
                answer = await in_thread(function)
            except Exception as error:  # noqa: BLE001  # it is shown
                if self._last[group] is question:
                    pane.say(f"Error: {explained(error)}", failed=True)
            else:
                # Not from here: the next question would cancel this worker in the middle of its answer.
                self.call_later(deliver, answer)

        self.run_worker(asked(), group=group, exclusive=True, exit_on_error=False)
