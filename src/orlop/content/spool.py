"""Compressed archives, unpacked into a temporary file so that they can be read at any place.

The file has no name: it is gone when it is closed, also when the process is killed. What a file is, its first bytes say.
"""

from __future__ import annotations

import os
import stat
import sys
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.content.reader import FileReader
from orlop.errors import IntegrityError, LimitError, StorageError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from orlop.content.reader import Reader

MIB = 1024 * 1024
SPOOL_LIMIT = 32 * 1024 * MIB
"""Most bytes that a compressed archive may unpack to; a plain one is read in place, however large."""
RATIO_LIMIT = 500
"""Bytes out for each byte in, once a GiB came out. Deflate gives 1,032 at most, honest archives below 100."""
_RATIO_FROM = 1024 * MIB
_PIECE = MIB

_MAGICS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
)


def sniffed(head: bytes) -> str:
    """Return the compression that a file's first bytes show, "" for none: ``gzip``, ``zstd``, ``xz``, ``bzip2``, ``lz4``."""
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    # A skippable frame: zstd, as eStargz' cousin zstd:chunked and pzstd begin (RFC 8878, 3.1.2).
    return "zstd" if head[1:4] == b"\x2a\x4d\x18" and head[:1] and 0x50 <= head[0] <= 0x5F else ""


def opened(path: str, what: str, limit: int = SPOOL_LIMIT) -> Reader:
    """Return the bytes of an archive, unpacked where it is compressed. Blocks.

    A pipe, such as /dev/stdin, is kept in a temporary file first. limit: in bytes, for what goes into one. Raises
    StorageError, UnsupportedError, LimitError, IntegrityError's kinds.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return readable(file, path, what, limit)
            with kept(file.read, what, limit) as filled:
                return readable(filled, path, what, limit)
    except OSError as error:
        raise StorageError(path, f"cannot be read: {error.strerror or error}") from error


def kept(read: Callable[[int], bytes], what: str, limit: int = SPOOL_LIMIT) -> BinaryIO:
    """Return a temporary file of what a stream gives. read: returns at most so many next bytes, b"" at the end. Raises as ``opened``."""
    return _Filling(what, 0, limit).fill(_Plain(read))


def readable(file: BinaryIO, path: str, what: str, limit: int = SPOOL_LIMIT) -> Reader:
    """Return the reader of a file that can be read at any place, unpacked where it is compressed. Raises as ``opened``."""
    file.seek(0)
    kind = sniffed(file.read(6))
    file.seek(0)
    if not kind:
        return FileReader(path, os.dup(file.fileno()))
    if kind not in {"gzip", "zstd"}:
        refusal = UnsupportedError("reading an archive", what, f"it is compressed with {kind}")
        raise refusal.with_hint("unpack it first")
    size = os.fstat(file.fileno()).st_size
    with _Filling(what, size, limit).fill(_Packed(file, kind, what)) as unpacked:
        return FileReader(what, os.dup(unpacked.fileno()))


class _Plain:
    """What is read once."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def read(self) -> bytes:
        """Return the next bytes. Raises OSError."""
        return self._read(_PIECE)


class _Packed(_Plain):
    """A compressed file, every gzip member and zstd frame of it."""

    def __init__(self, file: BinaryIO, kind: str, what: str) -> None:
        super().__init__(_decompressed(file, kind).read)
        self._kind, self._what, self._done = kind, what, 0

    def read(self) -> bytes:
        """Return the next unpacked bytes. Raises IntegrityError, TruncatedError."""
        try:
            piece = super().read()
        except EOFError:
            raise TruncatedError(self._what, self._done + 1, self._done) from None
        except _faults(self._kind) as error:
            raise IntegrityError(self._what, f"its {self._kind} data is damaged: {error}") from None
        self._done += len(piece)
        return piece


class _Filling(NamedTuple):
    """A temporary file in the making. size: of what it is made of, in bytes; 0 where nothing is unpacked."""

    what: str
    size: int
    limit: int

    def fill(self, source: _Plain) -> BinaryIO:
        """Return the file, which has no name and is gone when it is closed."""
        import tempfile

        try:
            with ExitStack() as stack:
                file: Any = stack.enter_context(tempfile.TemporaryFile(prefix="orlop-", buffering=0))
                self._fill(source, file)
                stack.pop_all()
        except OSError as error:
            hint = "it is kept in the folder for temporary files, which TMPDIR names"
            raise StorageError(self.what, f"cannot be unpacked: {error.strerror or error}").with_hint(hint) from error
        return file  # type: ignore[no-any-return]

    def _fill(self, source: _Plain, file: BinaryIO) -> None:
        done = 0
        while piece := source.read():
            done += len(piece)
            if done > self.limit:
                raise LimitError(self.what, "bytes of an archive that is not read in place", self.limit).with_hint(
                    "a file that is not compressed is read in place"
                )
            if self.size and done > _RATIO_FROM and done > RATIO_LIMIT * self.size:
                raise LimitError(self.what, "unpacked bytes for each compressed one", RATIO_LIMIT)
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]


def _decompressed(file: BinaryIO, kind: str) -> BinaryIO:
    library: Any
    if kind == "zstd":
        library = _zstd()
    else:
        try:
            from isal import igzip as library
        except ImportError:  # no wheel for this platform
            import gzip as library
    return library.open(file, "rb")  # type: ignore[no-any-return]


def _faults(kind: str) -> tuple[type[Exception], ...]:
    if kind == "zstd":
        return (_zstd().ZstdError, ValueError)
    import gzip

    found: list[type[Exception]] = [zlib.error, gzip.BadGzipFile, ValueError]
    try:
        from isal import isal_zlib
    except ImportError:
        return tuple(found)
    fault: Any = isal_zlib.error
    return (*found, fault)


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
