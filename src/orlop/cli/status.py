"""From an error to the exit status, and to its two lines: the one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import (
    AccessError,
    CopyError,
    InputError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    RegistryError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from orlop.cli.streams import Streams

NEGATIVE = 1
USAGE = 2
UNEXPECTED = 9
INTERRUPTED = 130

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (InputError, USAGE),
    (NotFoundError, 3),
    (AccessError, 4),
    (IntegrityError, 5),
    (NetworkError, 6),
    (RegistryError, 7),
    (UnsupportedError, 8),
)


def status_of(error: BaseException | None) -> int:
    """Return the exit status of an error; 9 for what is of this machine or not expected."""
    if isinstance(error, CopyError):
        return status_of(error.__cause__)
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), UNEXPECTED)


def tell(streams: Streams, message: str, hint: str | None = None) -> None:
    """Write what failed, and on a second line what may help, to standard error."""
    streams.note(f"orlop: {one_line(message)}")
    if hint:
        streams.note(f"hint: {one_line(hint)}")


def one_line(text: str) -> str:
    """Return the text on one line: messages quote what registries say."""
    return " ".join(text.split()) if "\n" in text or "\r" in text else text
