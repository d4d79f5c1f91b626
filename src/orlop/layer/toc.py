"""The tables of contents that some layers carry: eStargz and zstd:chunked.

Each names all members of the archive, and where the pieces of their contents are packed. They tell what the layer's author
says; whoever wants what the archive holds reads the archive. Rules: stargz-snapshotter, docs/estargz.md;
containers/storage, pkg/chunked/toc.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.errors import InvalidDocumentError
from orlop.layer.chunks import Chunk, Chunks
from orlop.layer.entry import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARDLINK,
    NO_XATTRS,
    SYMLINK,
    Entry,
    clean,
)
from orlop.layer.tarheader import SIZE_LIMIT
from orlop.model.jsondoc import load_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.layer.limits import Limits

TOC_LIMIT = 16 * 1024 * 1024
"""Most bytes of a table, unpacked; a layer with a larger one is read as if it had none."""

ESTARGZ_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
"""The annotation of a layer that names its table's digest: of the JSON, unpacked."""
CHUNKED = ("io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.")
"""What the annotations of a zstd:chunked layer begin with, now and before 2022."""
CHUNKED_POSITION = "manifest-position"
"""The annotation that says where the table is: offset, size, unpacked size and version, with colons between."""
CHUNKED_DIGEST = "manifest-checksum"
"""The annotation that names its digest: of the bytes as stored."""

FOOTER = 51
"""Bytes of an eStargz's footer."""

_FOOTER = re.compile(rb"\x1f\x8b\x08\x04.{6}\x1a\0SG\x16\0([0-9a-f]{16})STARGZ\x01\0\0\xff\xff\0{8}", re.DOTALL)
_POSITION = re.compile(r"([0-9]{1,18}):([0-9]{1,9}):([0-9]{1,9}):1")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {
    "reg": FILE,
    "dir": DIRECTORY,
    "symlink": SYMLINK,
    "hardlink": HARDLINK,
    "char": CHARACTER,
    "block": BLOCK_DEVICE,
    "fifo": FIFO,
}
_EMPTY = hashlib.sha256().digest()
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")


class Table(NamedTuple):
    """What a table tells: the members in order, each with its number as ``offset``, and the pieces of the files."""

    entries: list[Entry]
    chunks: Chunks


def estargz_offset(footer: bytes) -> int | None:
    """Return where the table of an eStargz begins, from its last ``FOOTER`` bytes; None for another layer."""
    match = _FOOTER.fullmatch(footer)
    return int(match[1], 16) if match else None


def chunked_position(annotations: Mapping[str, str]) -> tuple[int, int, int, str] | None:
    """Return offset, size, unpacked size and digest of a zstd:chunked table, None where the annotations tell none."""
    for prefix in CHUNKED:
        match = _POSITION.fullmatch(annotations.get(prefix + CHUNKED_POSITION, ""))
        digest = annotations.get(prefix + CHUNKED_DIGEST)
        if match and digest is not None:
            return int(match[1]), int(match[2]), int(match[3]), digest
    return None


def parse_table(raw: bytes, what: str, end: int, limits: Limits) -> Table:
    """Return what a table of either form says. end: where the packed contents end. Raises InvalidDocumentError."""
    document = load_json(raw, what, limit=TOC_LIMIT)
    try:
        return _Parser(document, end, limits).table()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidDocumentError(what, f"a table of contents has {error!r:.80}") from error


class _Parser:
    def __init__(self, document: Any, end: int, limits: Limits) -> None:
        rows: list[dict[str, Any]] = document["entries"]
        if document["version"] != 1 or not isinstance(rows, list):
            raise ValueError("an unknown version")
        self._rows, self._end, self._limits = rows, end, limits
        if len(rows) > limits.entries:
            raise ValueError("too many entries")
        # A piece that tells no end ends where the next one begins.
        self._starts = sorted({_whole(row.get("offset", 0)) for row in rows if row["type"] in {"reg", "chunk"}})

    def table(self) -> Table:
        entries: list[Entry] = []
        chunks: list[tuple[int, Chunk]] = []
        pieces: list[dict[str, Any]] = []
        for row in self._rows:
            if row["type"] == "chunk":
                if not entries or entries[-1].kind != FILE or entries[-1].raw != row["name"]:
                    raise ValueError("a piece of no file")
                pieces.append(row)
                continue
            if pieces:
                chunks += self._chunks(entries[-1], pieces)
            entry = self._entry(row, len(entries))
            entries.append(entry)
            pieces = [row] if entry.kind == FILE and entry.size else []
        if pieces:
            chunks += self._chunks(entries[-1], pieces)
        return Table(entries, Chunks(chunks))

    def _entry(self, row: dict[str, Any], number: int) -> Entry:
        kind, raw, link = _KINDS[row["type"]], _text(row["name"]), _text(row.get("linkName", ""))
        if max(len(raw), len(link)) > self._limits.path or "\0" in raw or "\0" in link:
            raise ValueError("a name that no file system takes")
        size = _whole(row.get("size", 0)) if kind == FILE else 0
        return Entry(
            clean(raw),
            kind,
            _whole(row.get("mode", 0)) & 0o7777,
            _number(row.get("uid", 0)),
            _number(row.get("gid", 0)),
            _text(row.get("userName", "")),
            _text(row.get("groupName", "")),
            size,
            _time(row.get("modtime", "")),
            link if kind in {SYMLINK, HARDLINK} else "",
            _number(row.get("devMajor", 0)),
            _number(row.get("devMinor", 0)),
            _xattrs(row.get("xattrs")),
            number,
            -1,
            size,
            None,
            raw,
            _content(row.get("digest", ""), size) if kind == FILE else b"",
        )

    def _chunks(self, entry: Entry, pieces: list[dict[str, Any]]) -> Iterator[tuple[int, Chunk]]:
        done = 0
        for row in pieces:
            at, size = _whole(row.get("chunkOffset", 0)), _whole(row.get("chunkSize", 0)) or entry.size - done
            if at != done or size <= 0 or at + size > entry.size:
                raise ValueError("pieces of a file that do not follow one another")
            done += size
            start = _whole(row.get("offset", 0))
            if row.get("chunkType", "") == "zeros":
                yield entry.offset, Chunk(start, start, 0, size, b"")
                continue
            # zstd:chunked states an end with the first piece, and means the file's.
            end = min(self._following(start), _whole(row.get("endOffset", pieces[0].get("endOffset", self._end))))
            if not start < end <= self._end:
                raise ValueError("a piece beyond the contents")
            yield (
                entry.offset,
                Chunk(start, end, _whole(row.get("innerOffset", 0)), size, _sha256(row.get("chunkDigest", ""))),
            )
        if done != entry.size:
            raise ValueError("a file without some of its pieces")

    def _following(self, start: int) -> int:
        from bisect import bisect_right

        at = bisect_right(self._starts, start)
        return self._starts[at] if at < len(self._starts) else self._end


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text that is none")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or not -SIZE_LIMIT <= value <= SIZE_LIMIT:
        raise ValueError("a number that is none")
    return value


def _whole(value: object) -> int:
    number = _number(value)
    if number < 0:
        raise ValueError("a number below zero")
    return number


def _sha256(value: object) -> bytes:
    match = _SHA256.fullmatch(_text(value))
    return bytes.fromhex(match[1]) if match else b""


def _content(value: object, size: int) -> bytes:
    return _sha256(value) if size else _EMPTY


def _time(value: object) -> int:
    """Return nanoseconds since 1970. Rule: RFC 3339."""
    text = _text(value)
    if not text:
        return 0
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("a time that is none")
    zone = "+00:00" if match[3] == "Z" else match[3]
    seconds = (datetime.fromisoformat(match[1] + zone) - _EPOCH) // (datetime.resolution * 1_000_000)
    return _number(seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0")))


def _xattrs(value: object) -> Mapping[str, bytes]:
    if not value:
        return NO_XATTRS
    if not isinstance(value, dict):
        raise TypeError("attributes that are none")
    try:
        return MappingProxyType(
            {_text(name): base64.b64decode(_text(one), validate=True) for name, one in value.items()}
        )
    except binascii.Error:
        raise ValueError("an attribute that is not base64") from None
