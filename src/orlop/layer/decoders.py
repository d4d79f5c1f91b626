"""One shim over the decompressors: a decoder takes one gzip member or one zstd frame.

isal inflates twice as fast as zlib, and has no wheel for Windows on arm64, where zlib answers. Python 3.14 brings
zstd, backports.zstd the same class before it.
"""

from __future__ import annotations

import sys
import zlib
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Bytes = bytes | memoryview

HEADER_LIMIT = 128 * 1024
"""Most bytes of a gzip member's header."""


class Decoder(ABC):
    """What all decompressors look like here; those of isal and zstd have this shape by themselves.

    eof: the member ended, and ``unused_data`` holds what was given beyond it. needs_input: nothing more comes out without
    more input.
    """

    eof: bool
    needs_input: bool
    unused_data: bytes

    @abstractmethod
    def decompress(self, data: Bytes, max_length: int) -> bytes:
        """Return the next bytes, at most ``max_length``; with ``b""`` what the input so far still gives."""


class ZlibDecoder(Decoder):
    """A gzip member by the standard library."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)  # 31: a gzip frame, with its checksum
        self._waiting = b""
        self.needs_input = True
        self.eof = False
        self.unused_data = b""

    def decompress(self, data: Bytes, max_length: int) -> bytes:
        """Return the next bytes, at most ``max_length``. Raises zlib.error."""
        if self._waiting:
            data = self._waiting + bytes(data)
        piece = self._inner.decompress(data, max_length)
        self._waiting = self._inner.unconsumed_tail
        self.eof = self._inner.eof
        if self.eof:
            self.unused_data = self._inner.unused_data
        # A full piece may leave output inside zlib even where all input was taken.
        self.needs_input = not self._waiting and len(piece) < max_length and not self.eof
        return piece


def header_size(data: bytes) -> int:
    """Return the length of the header that begins a gzip member, 0 while it is not all there. Rule: RFC 1952, 2.3."""
    if len(data) < 12:
        return 0
    flags, at = data[3], 10
    if flags & 4:  # extra fields
        at += 2 + int.from_bytes(data[10:12], "little")
    for text in (8, 16):  # a name, a comment
        if flags & text:
            at = data.find(b"\0", at) + 1
            if not at:
                return 0
    if flags & 2:  # a checksum
        at += 2
    return at if at <= len(data) else 0


gzip_decoder: Callable[[], Decoder]
"""Makes a decoder of one gzip member."""

zlib_compress: Callable[[bytes], bytes]
"""Deflates in the least time, for what is kept a while here."""

raw_decoder: Callable[[bytes], Any]
"""Makes a ``zlib.decompressobj`` of deflate data without a frame, from the 32 KiB that came out before."""

try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # no wheel for this platform
    gzip_decoder = ZlibDecoder
    zlib_compress = partial(zlib.compress, level=1)
    raw_decoder = partial(zlib.decompressobj, -15)
    _GZIP_FAULTS: tuple[type[Exception], ...] = (zlib.error,)
else:

    class IsalDecoder(Decoder):
        """A gzip member by isal, which is given the member's header whole.

        isal 1.9.1 loses its place in a header with a checksum, or with two optional fields, that comes in two parts.
        """

        def __init__(self) -> None:
            self._inner = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
            self._head: bytes | None = b""
            self.needs_input = True
            self.eof = False
            self.unused_data = b""

        def decompress(self, data: Bytes, max_length: int) -> bytes:
            """Return the next bytes, at most ``max_length``. Raises IsalError, or ValueError for an endless header."""
            if self._head is not None:
                data = self._head + bytes(data)
                if not header_size(data):
                    if len(data) > HEADER_LIMIT:
                        raise ValueError("its header does not end")
                    self._head = data
                    return b""
                self._head = None
            inner = self._inner
            piece = inner.decompress(data, max_length)
            self.needs_input = inner.needs_input
            if inner.eof:
                self.eof, self.unused_data = True, inner.unused_data
            return piece

    gzip_decoder = IsalDecoder
    zlib_compress = partial(isal_zlib.compress, level=1)
    raw_decoder = partial(isal_zlib.decompressobj, -15)
    _isal_error: Any = igzip_lib.IsalError  # its stub calls the class an instance
    _GZIP_FAULTS = (zlib.error, _isal_error)

GZIP_FAULTS: tuple[type[Exception], ...] = (*_GZIP_FAULTS, EOFError, ValueError)
"""What a gzip decoder raises for bytes that are none."""


def zstd_decoder() -> Decoder:
    """Return a decoder of one zstd frame, of a window of at most 128 MiB (the library's own bound)."""
    made: Any = _zstd().ZstdDecompressor()
    return made  # type: ignore[no-any-return]  # as above


def zstd_faults() -> tuple[type[Exception], ...]:
    """Return what a zstd decoder raises for bytes that are none."""
    return (_zstd().ZstdError, EOFError, ValueError)


def _zstd() -> Any:
    # Imported where a zstd layer is met: few are.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
