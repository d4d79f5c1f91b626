"""Standard output and standard error: large blocks, and nothing that commands a terminal."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from orlop.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

_BLOCK = 128 * 1024
_LONGEST_WAIT_S = 0.1
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_NEWLINES = "\n\r\t"


def is_terminal(stream: object) -> bool:
    """Whether a stream writes to, or reads from, a terminal."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def is_safe(text: str) -> bool:
    """Whether ``safe`` leaves the text as it is, as far as that is told at a glance."""
    return text.isascii() and text.isprintable()


def safe(text: str, keep: str = "") -> str:
    r"""Return the text with characters that a terminal obeys (C0, C1, direction marks) written out as ``\x1b``, ``\u202e``.

    keep: of newline, carriage return and tab those that stay.
    """
    if is_safe(text):
        return text
    import re

    taken = "".join(char for char in _NEWLINES if char not in keep)
    inside = f"\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f{_BIDI}\ud800-\udfff{taken}"
    return re.sub(f"[{inside}]", _written_out, text)


def _written_out(match: object) -> str:
    number = ord(match[0])  # type: ignore[index]
    return {10: "\\n", 13: "\\r", 9: "\\t"}.get(number) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def safe_json(raw: bytes) -> bytes:
    """Return a JSON document with such characters as JSON escapes, so that its meaning stays."""
    if raw.isascii() and b"\x7f" not in raw:
        return raw
    import re

    pattern = f"[\x7f-\x9f{_BIDI}]"
    return re.sub(pattern, lambda match: f"\\u{ord(match[0]):04x}", raw.decode("utf-8", "replace")).encode()


class Streams:
    """The process's two output streams, as commands use them.

    Standard output is written in blocks; what waits is written within a tenth of a second as well, so that a reader of a slow
    batch sees each line soon. Raises StorageError when standard output cannot take it, BrokenPipeError when
    its reader has gone.
    """

    def __init__(self, environ_no_color: str = "", *, silent: bool = False) -> None:
        self.terminal = is_terminal(sys.stdout)
        self.error_terminal = is_terminal(sys.stderr)
        self.colour = self.terminal and not environ_no_color
        self.silent = silent
        """Drop what commands write: --curl shows the requests instead."""
        self.before: Callable[[], None] = _nothing
        """Called before something is written, and at the end."""
        self._parts: list[bytes] = []
        self._waiting = 0
        self._lock = threading.Lock()
        self._failed: OSError | None = None
        self._pulse: threading.Thread | None = None
        self._ended = threading.Event()

    def write(self, data: bytes) -> None:
        """Write to standard output, sooner or later."""
        if self._failed is not None:
            self.flush()
        if self.silent or not data:
            return
        with self._lock:
            self._parts.append(data)
            self._waiting += len(data)
            full = self._waiting >= _BLOCK
        if full:
            self.flush()

    def text(self, text: str) -> None:
        """Write text to standard output, in UTF-8."""
        self.write(text.encode("utf-8", "surrogateescape"))

    def flush(self) -> None:
        """Write what waits."""
        self.before()
        try:
            with self._lock:
                self._flush()
        except OSError as error:
            self._failed = error
        if self._failed is not None:
            self.silent = True
            if isinstance(self._failed, BrokenPipeError):
                raise self._failed
            raise StorageError("standard output", f"cannot be written: {self._failed.strerror or self._failed}")

    def _flush(self) -> None:
        parts, self._parts, self._waiting = self._parts, [], 0
        if parts:
            self.before()
            out = _binary()
            left = memoryview(b"".join(parts))
            while left:
                left = left[out.write(left) :]  # an unbuffered stream may take a part
            out.flush()

    def pulse(self) -> None:
        """From now on write what waits every tenth of a second, for answers that come one by one."""
        if self._pulse is None and not self.silent:
            self._pulse = threading.Thread(target=self._beat, name="orlop output", daemon=True)
            self._pulse.start()

    def close(self) -> None:
        """End the pulse; what waits is not written."""
        self._ended.set()
        if self._pulse is not None:
            self._pulse.join()

    def _beat(self) -> None:
        while self._failed is None and not self._ended.wait(_LONGEST_WAIT_S):
            try:
                with self._lock:
                    self._flush()
            except (OSError, StorageError) as error:
                self._failed = error if isinstance(error, OSError) else OSError(str(error))

    def note(self, text: str) -> None:
        """Write a line to standard error, at once."""
        self.before()
        line = safe(text, keep="\t") if self.error_terminal else text
        try:
            sys.stderr.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
            sys.stderr.buffer.flush()
        except (OSError, ValueError, AttributeError):
            return  # nobody can be told


def _nothing() -> None:
    """Nothing is drawn that would be in the way."""


def _binary() -> BinaryIO:
    if sys.stdout is None:
        raise OSError(9, "it is closed")
    return sys.stdout.buffer


def read_lines(stream: BinaryIO, limit: int) -> Iterator[str]:
    r"""Yield the lines of a stream without their ends; of a longer line the first ``limit`` bytes.

    What is not UTF-8 is written out (``\xff``).
    """
    while line := stream.readline(limit + 1):
        if len(line) > limit and not line.endswith(b"\n"):
            while (more := stream.readline(limit)) and not more.endswith(b"\n"):
                pass
        yield line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
