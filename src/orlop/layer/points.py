"""Places where reading can start inside a layer, and their bytes, which are looked at only when a file is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LENGTH = Struct("<Q")
_SUM = 32


class Point(NamedTuple):
    """A place where reading can start.

    bits: its offset in the layer as stored, in bits; what is no multiple of 8 is inside a deflate stream. unpacked: offset
    of the bytes that come out there. window: None where a gzip member or a zstd frame begins, or in a plain archive; else
    inside a deflate stream, whose preceding 32 KiB of output it holds, deflated. stored: a stored deflate block's length
    begins there, past its three bits of header.
    """

    bits: int
    unpacked: int
    window: bytes | None = None
    stored: bool = False


class Points(Sequence[Point]):
    """The places of one layer in ascending order. ``load`` reads bytes that ``dump`` gave; damaged ones hold no place."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self._points: tuple[Point, ...] | None = tuple(points)
        self._read: Callable[[], bytes] = bytes

    @classmethod
    def load(cls, read: Callable[[], bytes]) -> Points:
        """Return the places that bytes hold, which are read when the first of them is asked for."""
        made = cls()
        made._points, made._read = None, read
        return made

    def dump(self) -> bytes:
        """Return the bytes that ``load`` takes, which end with their own checksum."""
        points = self._known()
        rows = [[one.bits, one.unpacked, -1 if one.window is None else len(one.window), one.stored] for one in points]
        text = json.dumps(rows, separators=(",", ":")).encode()
        windows = [one.window for one in points if one.window is not None]
        body = b"".join([_LENGTH.pack(len(text)), text, *windows])
        return body + hashlib.sha256(body).digest()

    def _known(self) -> tuple[Point, ...]:
        points = self._points
        if points is None:
            # Two threads may both read them: each finds the same.
            points = self._points = _parsed(memoryview(self._read()))
        return points

    @property
    def unread(self) -> bool:
        """Whether they are still to be read, which may block."""
        return self._points is None

    def __len__(self) -> int:
        return len(self._known())

    @overload
    def __getitem__(self, at: int) -> Point: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Point, ...]: ...
    def __getitem__(self, at: int | slice) -> Point | tuple[Point, ...]:
        return self._known()[at]

    def __eq__(self, other: object) -> bool:
        return self._known() == (other._known() if isinstance(other, Points) else other)

    def __hash__(self) -> int:
        return hash(self._known())

    def __repr__(self) -> str:
        return f"Points({len(self)} places)"


def _parsed(raw: memoryview) -> tuple[Point, ...]:
    body = raw[:-_SUM]
    if len(raw) < _LENGTH.size + _SUM or hashlib.sha256(body).digest() != raw[-_SUM:]:
        return ()
    try:
        (length,) = _LENGTH.unpack(body[: _LENGTH.size])
        at = _LENGTH.size + length
        points = []
        for bits, unpacked, size, stored in json.loads(bytes(body[_LENGTH.size : at])):
            window = None if size < 0 else bytes(body[at : at + size])
            at += max(size, 0)
            points.append(Point(bits, unpacked, window, stored))
    except (ValueError, TypeError, RecursionError):  # written by a program that is not this one
        return ()
    return tuple(points) if at == len(body) else ()
