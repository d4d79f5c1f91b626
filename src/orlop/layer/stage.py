"""Where contents wait, in a private folder, until all that was read is known to be right."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import LimitError, StorageError
from orlop.layer.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.layer.attributes import Attributes
    from orlop.layer.entry import Entry
    from orlop.layer.folders import Folder, Name

PREFIX = ".orlop-"
"""How the name of such a folder begins; one that a killed process left may be removed."""

Key = tuple[int, int]


class Stage:
    """A folder of contents, each a file that has its attributes already, by the keys of what they belong to.

    parent: an open folder on the disk where the files are to be. attributes: how to finish a file. limit: most bytes that
    are written. progress: called with the bytes so far. Threads may use several sinks at once. Close it in the end: that removes what is
    still there. Raises StorageError where it cannot be made.
    """

    def __init__(
        self,
        parent: Folder,
        attributes: Attributes,
        *,
        what: str,
        limit: int,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.what, self.limit = what, limit
        self.attributes = attributes
        self.written = 0
        self.name = PREFIX + os.urandom(8).hex()
        self._parent, self._progress = parent, progress
        self._done: set[Key] = set()
        self._open: set[_FileSink] = set()
        self._lock = threading.Lock()
        try:
            parent.make(parent.raw(self.name))
            self.folder = parent.enter(parent.raw(self.name))
        except OSError as error:
            raise self._wrong(error) from error

    def __contains__(self, key: Key) -> bool:
        return key in self._done

    def file(self, key: Key) -> Name:
        """Return the name that a content has in ``folder``."""
        return self.folder.raw(f"{key[0]}-{key[1]:x}")

    def sink(self, key: Key, entry: Entry) -> Sink:
        """Return what takes the content of an entry. Raises StorageError, LimitError before it would be too much."""
        self._count(entry.stored)
        try:
            handle = self.folder.create(self.file(key))
        except OSError as error:
            raise self._wrong(error) from error
        made = _FileSink(self, key, entry, handle)
        with self._lock:
            self._open.add(made)
        return made

    def empty(self, key: Key, entry: Entry) -> None:
        """Make the content of an empty file."""
        self.sink(key, entry).close()

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        for sink in tuple(self._open):
            sink.abandon()
        for name in self.folder.names():
            with suppress(OSError):
                self.folder.remove(name)
        self.folder.close()
        with suppress(OSError):
            self._parent.remove_folder(self._parent.raw(self.name))

    def _count(self, size: int) -> None:
        with self._lock:
            self.written += size
            written = self.written
        if written > self.limit:
            raise LimitError(self.what, "bytes of files", self.limit)
        if self._progress is not None:
            self._progress(written)

    def _ended(self, sink: _FileSink, *, complete: bool) -> None:
        with self._lock:
            self._open.discard(sink)
            if complete:
                self._done.add(sink.key)

    def _wrong(self, error: OSError) -> StorageError:
        return StorageError(os.fsdecode(self._parent.path), f"cannot be written: {error.strerror or error}")


class _FileSink(Sink):
    """Writes one content; a hole is not written."""

    __slots__ = ("_entry", "_handle", "_holes", "_stage", "key")

    def __init__(self, stage: Stage, key: Key, entry: Entry, handle: int) -> None:
        self.key = key
        self._stage, self._entry, self._handle = stage, entry, handle
        self._holes = False

    def write(self, piece: bytes) -> None:
        try:
            done = os.write(self._handle, piece)
            if done < len(piece):
                view = memoryview(piece)
                while done < len(piece):
                    done += os.write(self._handle, view[done:])
        except OSError as error:
            raise self._stage._wrong(error) from error  # noqa: SLF001  # one class in two

    def hole(self, size: int) -> None:
        try:
            os.lseek(self._handle, size, os.SEEK_CUR)
        except (OSError, OverflowError) as error:
            raise StorageError(self._stage.what, f"/{self._entry.path} is too large for this disk") from error
        self._holes = True

    def close(self) -> None:
        stage, entry, handle = self._stage, self._entry, self._handle
        try:
            if self._holes:
                os.ftruncate(handle, entry.size)
            stage.attributes.put(handle, entry)
        except (OSError, OverflowError) as error:
            raise StorageError(
                stage.what, f"/{entry.path} cannot be written: {getattr(error, 'strerror', None) or error}"
            ) from error
        os.close(handle)
        if stage.folder.handle is None:
            stage.attributes.late(stage.folder.of(stage.file(self.key)), entry)
        stage._ended(self, complete=True)  # noqa: SLF001  # one class in two

    def abandon(self) -> None:
        """Give the file up."""
        with suppress(OSError):
            os.close(self._handle)
        self._stage._ended(self, complete=False)  # noqa: SLF001  # one class in two
