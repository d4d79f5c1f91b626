"""Where contents wait, in a private folder, until all that was read is known to be right."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import LimitError, StorageError
from orlop.layer.aside import Aside
from orlop.layer.leftovers import Leftover, live
from orlop.layer.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.layer.attributes import Attributes
    from orlop.layer.entry import Entry
    from orlop.layer.folders import Folder, Name

    Job = tuple["_FileSink", list[bytes | int], bool]

PREFIX = ".orlop-"
"""How the name of such a folder begins; one that a killed process left may be removed."""

Key = tuple[int, int]

# A content is handed over in such parts, or whole, many small ones together: each hand-over wakes a thread.
_PART = 256 * 1024
_FILE = 4096  # what a file counts beside its content
_AHEAD = 24


class Stage(Leftover):
    """A folder of contents, each a file that has its attributes already, by the keys of what they belong to.

    parent: an open folder on the disk where the files are to be. attributes: how to finish a file. limit: most bytes that
    are written. progress: called with the bytes so far. Threads may use several sinks at once; one thread writes, so what
    fails there is raised by a later call, at the latest by ``settle``. Close it in the end: that removes what is still
    there. Raises StorageError where it cannot be made.
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
        self._taken: set[Key] = set()
        self._open: set[_FileSink] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._jobs: list[Job] = []
        self._waiting = 0
        self._writer: Aside[list[Job]] = Aside(self._write_all, "write", ahead=_AHEAD, alone_from=1)
        try:
            parent.make(parent.raw(self.name))
            self.folder = parent.enter(parent.raw(self.name))
        except OSError as error:
            raise self._wrong(error) from error
        live.add(self)

    def __contains__(self, key: Key) -> bool:
        return key in self._taken

    def file(self, key: Key) -> Name:
        """Return the name that a content has in ``folder``."""
        return self.folder.raw(f"{key[0]}-{key[1]:x}")

    def sink(self, key: Key, entry: Entry) -> Sink:
        """Return what takes the content of an entry. Raises LimitError before it would be too much."""
        size = entry.stored
        with self._lock:
            self.written += size
            written = self.written
        if written > self.limit:
            raise LimitError(self.what, "bytes of files", self.limit)
        if self._progress is not None:
            self._progress(written)
        return _FileSink(self, key, entry)

    def empty(self, key: Key, entry: Entry) -> None:
        """Make the content of an empty file. Raises StorageError."""
        self._write((_FileSink(self, key, entry), [], True))
        self._taken.add(key)

    def hand(self, sink: _FileSink, parts: list[bytes | int], size: int, *, last: bool) -> None:
        """Take parts of a content, ``size`` bytes and the sizes of holes. Raises what earlier ones raised."""
        with self._lock:
            if self._closed:
                raise StorageError(self.what, "the folder for what is read was given up")
            self._jobs.append((sink, parts, last))
            self._waiting += size + _FILE
            if last:
                self._taken.add(sink.key)
            if self._waiting >= _PART:
                self._hand_over()

    def _hand_over(self) -> None:
        jobs, self._jobs, self._waiting = self._jobs, [], 0
        self._writer.put(jobs)

    def settle(self) -> None:
        """Wait until all that was taken is written; nobody may hand over more meanwhile. Raises StorageError."""
        with self._lock:
            self._hand_over()
        self._writer.finish()

    def close(self) -> None:
        """Remove the folder with all that is in it; a second time does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        live.discard(self)
        self._writer.close()
        for sink in self._open:
            sink.abandon()
        for name in self.folder.names():
            with suppress(OSError):
                self.folder.remove(name)
        self.folder.close()
        with suppress(OSError):
            self._parent.remove_folder(self._parent.raw(self.name))

    def _write_all(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._write(job)

    def _write(self, job: Job) -> None:
        sink, parts, last = job
        try:
            if sink.handle < 0:
                sink.handle = self.folder.create(self.file(sink.key))
                self._open.add(sink)
            sink.put(parts)
            if last:
                self._finish(sink)
                self._open.discard(sink)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno is not None and not _of_the_file(error):
                raise self._wrong(error) from error
            raise StorageError(self.what, f"/{sink.entry.path} cannot be written: {error}") from error

    def _finish(self, sink: _FileSink) -> None:
        handle, sink.handle = sink.handle, -1
        try:
            if sink.holes:
                os.ftruncate(handle, sink.entry.size)
            self.attributes.put(handle, sink.entry)
        finally:
            os.close(handle)
        if self.folder.handle is None:
            self.attributes.late(self.folder.of(self.file(sink.key)), sink.entry)

    def _wrong(self, error: OSError) -> StorageError:
        return StorageError(os.fsdecode(self._parent.path), f"cannot be written: {error.strerror or error}")


def _of_the_file(error: OSError) -> bool:
    """Whether it is the file that this disk cannot take, rather than the disk that cannot be written."""
    import errno

    return error.errno in {errno.EFBIG, errno.EINVAL, errno.EPERM}


class _FileSink(Sink):
    """Collects one content, and hands it over in large parts. handle: of the file, -1 while it is not open."""

    __slots__ = ("_parts", "_stage", "_waiting", "entry", "handle", "holes", "key")

    def __init__(self, stage: Stage, key: Key, entry: Entry) -> None:
        self.key, self.entry = key, entry
        self.handle, self.holes = -1, False
        self._stage = stage
        self._parts: list[bytes | int] = []
        self._waiting = 0

    def write(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _PART:
            self._hand(last=False)

    def hole(self, size: int) -> None:
        self._parts.append(size)

    def close(self) -> None:
        self._hand(last=True)

    def _hand(self, *, last: bool) -> None:
        parts, size, self._parts, self._waiting = self._parts, self._waiting, [], 0
        self._stage.hand(self, parts, size, last=last)

    def put(self, parts: list[bytes | int]) -> None:
        """Write parts to the file. Raises OSError, OverflowError for holes that no disk has."""
        for part in parts:
            if isinstance(part, int):
                os.lseek(self.handle, part, os.SEEK_CUR)
                self.holes = True
                continue
            done = os.write(self.handle, part)
            while done < len(part):
                done += os.write(self.handle, memoryview(part)[done:])

    def abandon(self) -> None:
        """Give the file up."""
        with suppress(OSError):
            os.close(self.handle)
