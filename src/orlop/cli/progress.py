"""Progress of long work, on standard error of a terminal; nothing at all in a pipe."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from orlop.cli.table import size

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from orlop.cli.context import App

_FIRST_AFTER_S = 0.4
_EVERY_S = 0.1
_BAR = 24
_CLEAR = "\r\x1b[K"


class Progress:
    """A bar while the ``with`` block runs; work that ends within half a second never shows one.

    total: in bytes, or in items; None when it is not known. ``at`` may be called from any thread, often.
    """

    def __init__(self, app: App, label: str, total: int | None = None, *, count: bool = False) -> None:
        self._app = app
        self.total, self.done = total, 0
        self._label, self._count = label, count
        self._on = app.streams.error_terminal and not app.debug
        self._started = time.monotonic()
        self._due = self._started + _FIRST_AFTER_S
        self._drawn = False
        self._rich: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        self._app.draws = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def at(self, done: int, total: int | None = None) -> None:
        """Note that so much is done."""
        self.done = done
        if total is not None:
            self.total = total
        if self._on:
            now = time.monotonic()
            if now >= self._due:
                self._due = now + _EVERY_S
                self._draw(now)

    def step(self) -> None:
        """Note that one more is done."""
        self.at(self.done + 1)

    def close(self) -> None:
        """Take the bar away."""
        self._on = False
        if self._rich is not None:
            self._rich.stop()
        elif self._drawn:
            _write(_CLEAR)
        self._drawn = False

    def _draw(self, now: float) -> None:
        if not self._drawn:
            self._drawn = True
            self._rich = _rich_bar(self._count)
            if self._rich is not None:
                self._task = self._rich.add_task(self._label, total=self.total)
                self._rich.start()
        if self._rich is not None:
            self._rich.update(self._task, completed=self.done, total=self.total)
        else:
            _write(_CLEAR + line(self._label, self.done, self.total, now - self._started, count=self._count))


class LayerProgress:
    """The bar of layers while a command reads them, away whenever something is written.

    A command that draws by itself, as ``App.draws`` tells, has none.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._bar: Progress | None = None
        self._lock = threading.Lock()
        app.streams.before = self.hide

    def at(self, done: int, total: int) -> None:
        """Note that so much is read."""
        with self._lock:
            if not self._app.draws:
                self._bar = self._bar or Progress(self._app, "layers")
                self._bar.at(done, total)

    def hide(self) -> None:
        """Take the bar away; what is read after that begins another."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None


def line(label: str, done: int, total: int | None, elapsed_s: float, *, count: bool) -> str:
    """Return one state of a bar."""
    said = str(done) if count else size(done)
    if total:
        said += f" of {total if count else size(total)}"
        filled = min(_BAR, done * _BAR // total)
        bar = f" [{'#' * filled}{'.' * (_BAR - filled)}]"
    else:
        bar = ""
    speed = done / elapsed_s if elapsed_s > 0 else 0.0
    return f"{label}{bar} {said}, {f'{speed:.0f}' if count else size(int(speed))}/s"


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return


def _rich_bar(count: bool) -> Any:
    from importlib.util import find_spec

    if find_spec("rich") is None:
        return None
    from rich import progress
    from rich.console import Console

    columns = (
        [progress.MofNCompleteColumn()]
        if count
        else [progress.DownloadColumn(binary_units=True), progress.TransferSpeedColumn()]
    )
    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(_BAR),
        *columns,
        progress.TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
    )
