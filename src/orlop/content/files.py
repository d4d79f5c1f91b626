"""Content into a file: under its final name only when it is whole, and resumed where an earlier try broke off."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from orlop.content.verify import Verifier
from orlop.errors import DigestMismatchError, SizeMismatchError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.base import Source
    from orlop.model.digest import Digest
    from orlop.runtime import Runtime

_READ = 1024 * 1024


@dataclass(slots=True)
class Save:
    """One blob on its way into a file.

    size: in bytes, None when it is not known. progress: called with the count of bytes that are there.
    """

    source: Source
    digest: Digest
    size: int | None
    path: str
    runtime: Runtime
    progress: Callable[[int], None] | None = None

    async def run(self) -> int:
        """Write the blob to ``path`` and return its size in bytes.

        What has come is kept in ``.<name>.<digest>.part`` beside it until it is whole and verified, then renamed; a
        later call goes on from there. The renamed file survives a kill of this process; like other clients' it is not
        forced to the disk. A link is followed, and what is no file (a pipe, ``/dev/null``) is written to as it is.
        Raises StorageError for a full disk or an unwritable place, and what opening the blob raises.
        """
        real = replaceable(self.path)
        if real is None:
            return await self._into_special()
        folder, name = os.path.split(real)
        part = os.path.join(folder, f".{name}.{self.digest.short}.part")
        try:
            file = await self.runtime.run(_append, part)
            try:
                written = await self._fill(file)
            except (DigestMismatchError, SizeMismatchError):
                os.unlink(part)  # an earlier part may be at fault: the next try starts from nothing
                raise
            finally:
                file.close()
            os.replace(part, real)
        except OSError as error:
            raise StorageError(self.path, f"cannot be written: {error.strerror or error}") from error
        return written

    async def _into_special(self) -> int:
        """Write to a device or a pipe, which a renamed file would take the place of."""
        done = 0
        try:
            with await self.runtime.run(_device, self.path) as file:
                async with self.source.open(self.digest) as stream:
                    async for chunk in stream:
                        await self.runtime.run(_write, file, chunk)
                        done += len(chunk)
                        self._tell(done)
        except OSError as error:
            raise StorageError(self.path, f"cannot be written: {error.strerror or error}") from error
        return done

    async def _fill(self, file: BinaryIO) -> int:
        check = Verifier(f"blob {self.source.name}@{self.digest}", self.digest, self.size)
        try:
            return await self._filled(file, check)
        finally:
            check.close()

    async def _filled(self, file: BinaryIO, check: Verifier) -> int:
        start = await self.runtime.run(_take_earlier, file, check)
        self._tell(start)
        if start and start == self.size:
            check.finish()
            return start
        done = start
        async with self.source.open(self.digest, start=start) as stream:
            async for chunk in stream:
                if start:  # a stream from the start is verified already
                    check.feed(chunk)
                await self.runtime.run(_write, file, chunk)
                done += len(chunk)
                self._tell(done)
        if start:
            check.finish()
        return done

    def _tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done)


def replaceable(path: str) -> str | None:
    """Return the file whose place a new one may take, links followed; None for a device, a pipe or a folder.

    ``/dev/stdout`` is a link and has to stay one, and ``/dev/null`` would become a file.
    """
    try:
        special = not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        special = False
    return None if special else os.path.realpath(path)


def _device(path: str) -> BinaryIO:
    return open(path, "wb", buffering=0)


def _append(path: str) -> BinaryIO:
    return open(path, "ab", buffering=0)


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _take_earlier(file: BinaryIO, check: Verifier) -> int:
    """Hash what an earlier try has left, and return how many bytes that is."""
    with open(file.name, "rb") as old:
        while chunk := old.read(_READ):
            check.feed(chunk)
    return check.received
