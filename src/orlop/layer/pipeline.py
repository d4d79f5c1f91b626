"""One pass over a layer that streams in: inflated here, scanned and hashed on a thread beside, an index in the end."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, OrlopError, SizeMismatchError, TruncatedError
from orlop.layer.aside import Aside
from orlop.layer.entry import FILE, Entry, entry_of
from orlop.layer.index import IndexBuilder, LayerIndex
from orlop.layer.inflate import Inflater
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.seekpoints import SeekPoints
from orlop.layer.sinks import Sink, SparseSink
from orlop.layer.tarscan import Scanner
from orlop.model.digest import Digest, Hasher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.layer.index import Entries
    from orlop.layer.limits import Limits
    from orlop.layer.seekpoints import Parts
    from orlop.layer.tarscan import Wanted

    Batch = list[bytes]

HOLES_LIMIT = 1024 * 1024 * 1024
"""Bytes of the holes of one layer's sparse files that are hashed; files beyond have no ``sha256``."""


# Handing over wakes a thread: so many bytes go together.
_BATCH = 768 * 1024
_AHEAD = 8


class Pass:
    """Reads one layer that is pushed in, whose bytes as stored are verified by their source.

    what: names it in a message. digest, size: of those bytes. diff_id: of the archive inside, checked where it is given and
    worked out where it is not. wanted: Scanner's, called on the thread beside. hashed: without it nothing is hashed, and the
    index is without entries: for a layer that is known. Call ``finish`` or ``close`` in the end.
    """

    def __init__(
        self,
        what: str,
        digest: Digest,
        size: int | None,
        diff_id: Digest | None,
        *,
        wanted: Wanted | None = None,
        limits: Limits = DEFAULT_LIMITS,
        hashed: bool = True,
    ) -> None:
        self.what = what
        self._hashed = hashed
        self._digest, self._size, self._diff_id = digest, size, diff_id
        self._inflater = Inflater(what, limits=limits)
        self._scanner = Scanner(what, wanted=wanted, limits=limits, hashed=hashed)
        self._contents = Contents(diff_id.algorithm if diff_id else "sha256")
        self._batch: Batch = []
        self._waiting = 0
        self._aside: Aside[Batch | Parts] = Aside(self._work, "hash", ahead=_AHEAD)
        self._points = SeekPoints(self._inflater, size or 0 if hashed else 0, self._aside.put)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes as stored. Raises IntegrityError and its kinds, LimitError."""
        if self._size is not None and self._inflater.packed_size + len(chunk) > self._size:
            raise SizeMismatchError(self.what, self._size, self._inflater.packed_size + len(chunk))
        try:
            for part in self._points.parts(chunk):
                for piece in self._inflater.feed(part):
                    self._batch.append(piece)
                    self._waiting += len(piece)
                    if self._hashed:
                        self._points.piece(piece)
                    if self._waiting >= _BATCH:
                        self._hand_over()
        except OrlopError:
            self._hand_over()
            self._aside.finish()  # what was wrong before is told, however far the thread beside had come
            raise

    def _hand_over(self) -> None:
        batch, self._batch, self._waiting = self._batch, [], 0
        self._aside.put(batch)

    def _work(self, item: Batch | Parts) -> None:
        if isinstance(item, list):
            for piece in item:
                entries = self._scanner.feed(piece)
                if self._hashed:
                    self._contents.take(piece, entries)
        else:
            self._points.search(item)

    def finish(self) -> LayerIndex:
        """End the layer, and return its index. Raises IntegrityError's kinds where it is not what it should be."""
        self._hand_over()
        self._aside.finish()
        inflater = self._inflater
        if self._size is not None and inflater.packed_size < self._size:
            raise TruncatedError(self.what, self._size, inflater.packed_size)
        inflater.finish()
        diff_id = self._contents.digest() if self._hashed else None
        self._scanner.finish(proven=not self._hashed or diff_id == self._diff_id)
        if diff_id is not None and self._diff_id is not None and diff_id != self._diff_id:
            raise DigestMismatchError(f"the archive in {self.what}", str(self._diff_id), str(diff_id))
        return LayerIndex(
            self._digest,
            diff_id,
            inflater.kind,
            inflater.packed_size,
            inflater.unpacked_size,
            self._contents.finish(),
            self._points.finish(),
        )

    def close(self) -> None:
        """End the threads."""
        self._aside.close()
        self._points.close()


class Contents:
    """Hashes an archive as a whole and each of its files, as the pieces and the entries that began in them come."""

    def __init__(self, algorithm: str = "sha256") -> None:
        self._whole = Hasher(algorithm)
        self._builder = IndexBuilder()
        self._at = 0
        self._waiting: list[Entry] = []
        self._hash = ContentHash()
        self._sink: SparseSink | None = None
        self._begun = False
        self._holes = 0

    def take(self, piece: bytes, entries: list[Entry]) -> None:
        """Take a piece, and the members whose headers ended in it, files with their ``sha256`` where it is known."""
        self._whole.update(piece)
        view = memoryview(piece)
        start, end = self._at, self._at + len(piece)
        self._at = end
        waiting = self._waiting
        waiting += entries
        done = 0
        for entry in waiting:
            if not entry.sha256 and entry.kind == FILE:
                hashed = self._hashed(entry, view, start, end)
                if hashed is None:
                    break
                waiting[done] = hashed
            done += 1
        self._builder.extend(waiting[:done])
        del waiting[:done]

    def _hashed(self, entry: Entry, view: memoryview, start: int, end: int) -> Entry | None:
        """Hash what the piece holds of a file; return the entry when that was its end."""
        first, stop = entry.data_offset, entry.data_offset + entry.stored
        if first >= start and stop <= end and entry.sparse is None:
            return _with(entry, hashlib.sha256(view[first - start : stop - start]).digest())
        if not self._begun:
            if entry.sparse is not None:
                holes = entry.size - entry.stored
                if self._holes + holes > HOLES_LIMIT:
                    return entry
                self._holes += holes
            self._begun, self._hash = True, ContentHash()
            self._sink = None if entry.sparse is None else SparseSink(self._hash, entry.sparse, entry.size)
        if stop > start and first < end:
            part = view[max(first - start, 0) : stop - start]
            if self._sink is None:
                self._hash.update(part)
            else:
                self._sink.write(bytes(part))
        if stop > end:
            return None
        (self._sink or self._hash).close()
        self._begun = False
        return _with(entry, self._hash.value)

    def digest(self) -> Digest:
        """Return the digest of the whole archive."""
        return self._whole.digest()

    def finish(self) -> Entries:
        """Return the members."""
        return self._builder.finish()


def _with(entry: Entry, sha256: bytes) -> Entry:
    return entry_of((*entry[:-1], sha256))  # a fifth of what _replace takes


class ContentHash(Sink):
    """The sha256 of one file's content."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.value = b""

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(piece)

    def update(self, piece: memoryview) -> None:
        """Take the next bytes, uncopied."""
        self._hash.update(piece)

    def close(self) -> None:
        """Set ``value``."""
        self.value = self._hash.digest()


class Renamed:
    """Asks for an archive's files by the entries of another list of the same members, path by path in order."""

    def __init__(self, entries: Iterable[Entry], wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.kind == FILE:
                self._known.setdefault(entry.path, []).insert(0, entry)

    def __call__(self, entry: Entry) -> Sink | None:
        """Scanner's ``wanted``; a file that the list does not have is not asked for."""
        known = self._known.get(entry.path)
        return self._wanted(known.pop()) if known else None
