"""A layer's bytes as they are stored, pushed in; the archive inside, pulled out, with bounded memory.

What the bytes are is told from themselves: media types lie often enough. gzip may have many members (eStargz, pigz,
concatenation: RFC 1952, 2.2), zstd many frames and skippable ones (zstd:chunked: RFC 8878, 3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import IntegrityError, LimitError
from orlop.layer import decoders
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.tarheader import BLOCK, is_header

if TYPE_CHECKING:
    from abc import abstractmethod
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from orlop.layer.decoders import Bytes, Decoder
    from orlop.layer.limits import Limits

    class Updatable(Protocol):
        """A hash in the making: ``orlop.model.digest.Hasher``, one of hashlib, or one on a thread."""

        @abstractmethod
        def update(self, data: bytes, /) -> object:
            """Take in more bytes."""


PIECE = 1024 * 1024
"""Most bytes that come out at once: what 256 KiB as stored mostly give, which is the best to put in, as both fit a core's cache."""

STARTS_LIMIT = 65_536
"""Most places that ``starts`` keeps."""

# A decoder copies what it was given beyond its member: a member is begun with little.
_FIRST_BITE = 4096

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 0x50 to 0x5f
_MAGIC = {"gzip": 3, "zstd": 4}

_OTHERS = (
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x5d\0\0", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"PK\x03\x04", "a zip archive"),
    (b"hsqs", "a squashfs file system"),
    (b"{", "JSON"),
    (b"<", "HTML or XML"),
)


class Inflater:
    """Unpacks one layer.

    what: names the layer in a message. packed, unpacked: take in the bytes of each side where they are given, for a digest
    of it. Exhaust what ``feed`` gives before the next call, and call ``finish`` at the end: only then was all of it right.
    """

    def __init__(
        self,
        what: str,
        *,
        packed: Updatable | None = None,
        unpacked: Updatable | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.what = what
        self.kind = ""
        """``gzip``, ``zstd`` or ``tar``; "" while too few bytes came to tell."""
        self.packed_size = 0
        self.unpacked_size = 0
        self.starts: list[tuple[int, int]] = []
        """Where members or frames begin, as offsets (packed, unpacked): reading can start at each of them."""
        self._packed, self._unpacked, self._limits = packed, unpacked, limits
        self._head = b""
        self._decoder: Decoder | None = None
        self._make: Callable[[], Decoder] = decoders.gzip_decoder
        self._faults: tuple[type[Exception], ...] = ()
        self._padding = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes as stored, and yield what they give, at most ``PIECE`` bytes at once (of a plain tar, the chunk).

        Raises IntegrityError: not a layer, damaged, or followed by something else. Raises LimitError.
        """
        self.packed_size += len(chunk)
        if self._packed is not None:
            self._packed.update(chunk)
        if not self.kind:
            chunk = self._head + chunk
            self._head = b""
            self.kind = self._sniff(chunk)
            if not self.kind:
                self._head = chunk
                return
            if self.kind == "gzip":
                self._faults = decoders.GZIP_FAULTS
            elif self.kind == "zstd":
                self._make, self._faults = decoders.zstd_decoder, decoders.zstd_faults()
            else:
                self.starts.append((0, 0))
        if self.kind == "tar":
            if chunk:
                self._count(chunk)
                yield chunk
        else:
            yield from self._members(chunk)

    def finish(self) -> None:
        """End the input. Raises IntegrityError if it ended too early or was never a layer."""
        if not self.kind:
            raise IntegrityError(self.what, _not_a_layer(self._head))
        if self._decoder is not None or self._head:
            raise IntegrityError(self.what, f"it ends inside its {self.kind} data, after {self.packed_size} bytes")

    def _members(self, chunk: bytes) -> Iterator[bytes]:
        base = self.packed_size - len(chunk)
        view = memoryview(chunk)
        at, bite = 0, len(chunk)
        while at < len(chunk):
            decoder = self._decoder
            given: Bytes
            if decoder is None:
                begun = self._begin(chunk, at, base)
                if begun is None:
                    return
                self._decoder, given, at = begun
                decoder, bite = self._decoder, _FIRST_BITE
            else:
                given = view[at : at + bite]
                at += len(given)
                bite *= 2
            idle = False
            while True:
                try:
                    piece = decoder.decompress(given, PIECE)
                except self._faults as error:
                    raise IntegrityError(self.what, _damage(self.kind, error)) from error
                if piece:
                    self._count(piece)
                    yield piece
                if decoder.eof:
                    at -= len(decoder.unused_data)
                    self._decoder = None
                    break
                if decoder.needs_input or (idle and not piece):
                    break
                idle, given = not piece, b""

    def _begin(self, chunk: bytes, at: int, base: int) -> tuple[Decoder, bytes, int] | None:
        """Begin a member at ``at``: return its decoder, its magic and where the rest begins; None if the chunk holds too little."""
        if self.kind == "gzip" and self.starts and not self._head and (self._padding or chunk[at] == 0):
            # Zeros fill the last record of a tape or a disk: gzip(1) takes them at the end, and nothing after them.
            self._padding = True
            if chunk.count(0, at) != len(chunk) - at:
                raise IntegrityError(self.what, "something follows its gzip data")
            return None
        wanted = _MAGIC[self.kind]
        missing = wanted - len(self._head)
        self._head += chunk[at : at + missing]
        at += missing
        if len(self._head) < wanted:
            return None
        head, self._head = self._head, b""
        if _kind_of(head) != self.kind:
            raise IntegrityError(self.what, f"something that is no {self.kind} follows its {self.kind} data")
        if len(self.starts) < STARTS_LIMIT:
            self.starts.append((base + at - wanted, self.unpacked_size))
        return self._make(), head, at

    def _count(self, piece: bytes) -> None:
        self.unpacked_size += len(piece)
        size, limits = self.unpacked_size, self._limits
        if size > limits.unpacked:
            raise LimitError(self.what, "unpacked bytes", limits.unpacked).with_hint(
                "the setting layers.unpackedLimit, and layer_limits in Python, raise the limit"
            )
        if size > limits.ratio_from and size > limits.ratio * self.packed_size:
            raise LimitError(self.what, "unpacked bytes for a packed one", limits.ratio)
        if self._unpacked is not None:
            self._unpacked.update(piece)

    def _sniff(self, head: bytes) -> str:
        kind = _kind_of(head)
        if kind:
            return kind
        if len(head) < BLOCK:
            return ""
        block = head[:BLOCK]
        if is_header(block) or not any(block):
            return "tar"
        raise IntegrityError(self.what, _not_a_layer(head))


def _kind_of(head: bytes) -> str:
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD) or (head[1:4] == _SKIPPABLE and head[0] >> 4 == 5):
        return "zstd"
    return ""


def _not_a_layer(head: bytes) -> str:
    if not head:
        return "it is empty"
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return f"it is {name}, and a layer is a tar archive, plain or packed by gzip or zstd"
    if len(head) < BLOCK:
        return f"it is {len(head)} bytes, too few for a tar archive, and neither gzip nor zstd"
    return "it is neither a tar archive nor gzip nor zstd"


def _damage(kind: str, error: Exception) -> str:
    if "too much memory" in str(error):
        return "its zstd window is larger than 128 MiB"
    return f"its {kind} data is damaged: {error}"
