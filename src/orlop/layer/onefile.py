"""One file out of a layer, from a place where reading can start on to the file's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, TruncatedError
from orlop.layer.inflate import Inflater
from orlop.layer.pipeline import ContentHash
from orlop.layer.sinks import Sink, SparseSink

if TYPE_CHECKING:
    from orlop.layer.entry import Entry
    from orlop.layer.index import Point


class _Pieces(Sink):
    """Keeps what came until it is taken, and hashes it."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.hash = ContentHash()

    def write(self, piece: bytes) -> None:
        self.taken.append(piece)
        self.hash.write(piece)

    def close(self) -> None:
        self.hash.close()


class FileReader:
    """Takes a layer's bytes as stored, from ``point`` on, and gives one file's content.

    what: names the file in a message. Call ``finish`` when the input ended or the file is ``complete``.
    """

    def __init__(self, what: str, point: Point, entry: Entry) -> None:
        self.what, self._entry = what, entry
        self.complete = False
        self._skip = entry.data_offset - point.unpacked
        self._left = entry.stored
        self._kept = _Pieces()
        self._sink: Sink = self._kept if entry.sparse is None else SparseSink(self._kept, entry.sparse, entry.size)
        self._inflater = Inflater(what)
        if not self._left:
            self._end()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes as stored, and return what they give of the file. Raises IntegrityError."""
        for piece in self._inflater.feed(chunk) if not self.complete else ():
            if self._left:
                self._take(piece)
        pieces, self._kept.taken = self._kept.taken, []
        return pieces

    def _take(self, piece: bytes) -> None:
        if self._skip >= len(piece):
            self._skip -= len(piece)
            return
        part = piece[self._skip : self._skip + self._left]
        self._skip = 0
        self._sink.write(part)
        self._left -= len(part)
        if not self._left:
            self._end()

    def _end(self) -> None:
        self._sink.close()
        self.complete = True

    def finish(self) -> None:
        """End the file. Raises TruncatedError, DigestMismatchError."""
        if not self.complete:
            raise TruncatedError(self.what, self._entry.stored, self._entry.stored - self._left)
        expected, actual = self._entry.sha256, self._kept.hash.value
        if expected and actual != expected:
            raise DigestMismatchError(self.what, f"sha256:{expected.hex()}", f"sha256:{actual.hex()}")
