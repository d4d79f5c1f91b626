"""Compressed archives, unpacked into a temporary file so that they can be read at any place.

The file has no name: it is gone when it is closed, also when the process is killed. What a file is, its first bytes say.
"""

from __future__ import annotations

import os
import sys
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.content.reader import FileReader
from orlop.errors import IntegrityError, LimitError, StorageError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
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

    limit: in bytes, for one that is. Raises StorageError, UnsupportedError, LimitError, IntegrityError's kinds.
    """
    try:
        reader = FileReader(path)
    except OSError as error:
        raise StorageError(path, f"cannot be read: {error.strerror or error}") from error
    kind = sniffed(reader.read(0, 6))
    if not kind:
        return reader
    size = reader.size
    reader.close()
    if kind in {"gzip", "zstd"}:
        return _Unpacking(path, what, kind, size, limit).run()
    raise UnsupportedError("reading an archive", what, f"it is compressed with {kind}").with_hint("unpack it first")


class _Unpacking(NamedTuple):
    """One archive on its way into a temporary file."""

    path: str
    what: str
    kind: str
    size: int
    limit: int

    def run(self) -> Reader:
        import tempfile

        try:
            with tempfile.TemporaryFile(prefix="orlop-", buffering=0) as file:
                self._fill(file)
                return FileReader(self.what, os.dup(file.fileno()))
        except OSError as error:
            hint = "it is unpacked in the folder for temporary files, which TMPDIR names"
            raise StorageError(self.what, f"cannot be unpacked: {error.strerror or error}").with_hint(hint) from error

    def _fill(self, file: Any) -> None:
        done = 0
        with _decompressed(self.path, self.kind) as stream:
            while piece := self._piece(stream, done):
                done += len(piece)
                if done > self.limit:
                    raise LimitError(self.what, "unpacked bytes of a compressed archive", self.limit).with_hint(
                        "an archive that is not compressed is read in place"
                    )
                if done > _RATIO_FROM and done > RATIO_LIMIT * self.size:
                    raise LimitError(self.what, "unpacked bytes for each compressed one", RATIO_LIMIT)
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]

    def _piece(self, stream: BinaryIO, done: int) -> bytes:
        try:
            return stream.read(_PIECE)
        except EOFError:
            raise TruncatedError(self.what, done + 1, done) from None
        except _faults(self.kind) as error:
            raise IntegrityError(self.what, f"its {self.kind} data is damaged: {error}") from None


def _decompressed(path: str, kind: str) -> BinaryIO:
    """Return the file, decompressed: every gzip member and zstd frame of it."""
    library: Any
    if kind == "zstd":
        library = _zstd()
    else:
        try:
            from isal import igzip as library
        except ImportError:  # no wheel for this platform
            import gzip as library
    return library.open(path, "rb")  # type: ignore[no-any-return]


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
