"""Layers with a table of contents: any layer of ``orlop.testing.layers`` made an eStargz or zstd:chunked one.

Rules: stargz-snapshotter, docs/estargz.md; containers/storage, pkg/chunked/toc.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import tarfile
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orlop.layer.tarheader import BLOCK
from orlop.layer.tarscan import Scanner
from orlop.model import mediatype
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.testing.layers import LayerBlob

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.layer.entry import Entry

_TYPES = {
    "file": "reg",
    "dir": "dir",
    "symlink": "symlink",
    "hardlink": "hardlink",
    "char": "char",
    "block": "block",
    "fifo": "fifo",
}


def estargz(blob: LayerBlob, *, chunk_size: int = 4096) -> LayerBlob:
    """Return the layer as eStargz, its table's digest among the descriptor's annotations.

    blob: plain or gzip. chunk_size: most bytes of a piece. The archive gains the table as its last member.
    """
    packed = _Packed(_gzip, chunk_size)
    packed.take(_archive_of(blob), ending=False)
    raw = json.dumps({"version": 1, "entries": packed.rows}).encode()
    table = io.BytesIO()
    with tarfile.open(fileobj=table, mode="w") as archive:
        info = tarfile.TarInfo("stargz.index.json")
        info.size = len(raw)
        archive.addfile(info, io.BytesIO(raw))
    at = packed.put(table.getvalue())
    mark = f"{at:016x}STARGZ".encode()
    footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + (len(mark) + 4).to_bytes(2, "little") + b"SG"
    footer += len(mark).to_bytes(2, "little") + mark + b"\x01\0\0\xff\xff" + bytes(8)
    annotations = {"containerd.io/snapshot/stargz/toc.digest": str(Digest.of(raw))}
    return packed.layer(mediatype.OCI_LAYER_GZIP, footer, annotations)


def zstd_chunked(blob: LayerBlob, *, chunk_size: int = 4096) -> LayerBlob:
    """Return the layer as zstd:chunked, the place of its table among the descriptor's annotations.

    blob: plain or gzip. chunk_size: most bytes of a piece; pieces of nothing but zeros are told as such.
    """
    packed = _Packed(_zstd, chunk_size, zeros=True)
    packed.take(_archive_of(blob), ending=True)
    raw = json.dumps({"version": 1, "entries": packed.rows}).encode()
    table = _zstd(raw)
    at = packed.size + 8
    position = f"{at}:{len(table)}:{len(raw)}:1"
    annotations = {
        "io.github.containers.zstd-chunked.manifest-position": position,
        "io.github.containers.zstd-chunked.manifest-checksum": str(Digest.of(table)),
    }
    end = b"".join(
        _skippable(part) for part in (table, b"".join(_number(one) for one in (at, len(table), len(raw), 1)))
    )
    return packed.layer(mediatype.OCI_LAYER_ZSTD, end, annotations)


class _Packed:
    """A layer being packed piece by piece, and the rows of its table."""

    def __init__(self, pack: Callable[[bytes], bytes], chunk_size: int, *, zeros: bool = False) -> None:
        self.rows: list[dict[str, Any]] = []
        self.size = 0
        self._pack, self._chunk_size, self._zeros = pack, chunk_size, zeros
        self._parts: list[bytes] = []
        self._inside: list[bytes] = []

    def put(self, data: bytes) -> int:
        """Pack data on its own, and return where."""
        at = self.size
        if data:
            packed = self._pack(data)
            self._parts.append(packed)
            self._inside.append(data)
            self.size += len(packed)
        return at

    def take(self, archive: bytes, *, ending: bool) -> None:
        """Pack an archive. ending: with what follows its last member."""
        done = end = 0
        scanner = Scanner("the archive")
        for entry in scanner.feed(archive):
            self.rows.append(_row(entry))
            end = -(-(entry.data_offset + entry.stored) // BLOCK) * BLOCK
            if entry.kind == "file" and entry.size:
                self.put(archive[done : entry.data_offset])
                done = entry.data_offset + entry.stored
                self._contents(entry, archive[entry.data_offset : done])
        scanner.finish()
        self.put(archive[done:] if ending else archive[done:end])

    def _contents(self, entry: Entry, data: bytes) -> None:
        row = self.rows[-1]
        row["digest"] = str(Digest.of(data))
        pieces = [data[at : at + self._chunk_size] for at in range(0, len(data), self._chunk_size)]
        at = 0
        for piece in pieces:
            about: dict[str, Any] = {"chunkSize": len(piece), "chunkOffset": at, "chunkDigest": str(Digest.of(piece))}
            at += len(piece)
            about["offset"] = self.put(piece)
            if self._zeros and not any(piece):
                about["chunkType"] = "zeros"
            row.update(about)
            self.rows[-1] = row
            if at < len(data):
                row = {"type": "chunk", "name": entry.raw}
                self.rows.append(row)

    def layer(self, media_type: str, end: bytes, annotations: dict[str, str]) -> LayerBlob:
        """Return what was packed, and ``end``."""
        data = b"".join(self._parts) + end
        described = Descriptor(media_type, Digest.of(data), len(data), annotations=annotations)
        return LayerBlob(data, described, Digest.of(b"".join(self._inside)))


def _row(entry: Entry) -> dict[str, Any]:
    seconds, rest = divmod(entry.mtime_ns, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    row: dict[str, Any] = {
        "name": entry.raw,
        "type": _TYPES[entry.kind],
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "userName": entry.uname,
        "groupName": entry.gname,
        "modtime": datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z",
        "devMajor": entry.major,
        "devMinor": entry.minor,
    }
    if entry.size:
        row["size"] = entry.size
    if entry.link:
        row["linkName"] = entry.link
    if entry.xattrs:
        row["xattrs"] = {name: base64.b64encode(value).decode() for name, value in entry.xattrs.items()}
    return row


def _archive_of(blob: LayerBlob) -> bytes:
    return zlib.decompress(blob.data, 31) if blob.data[:2] == b"\x1f\x8b" else blob.data


def _gzip(data: bytes) -> bytes:
    maker = zlib.compressobj(6, zlib.DEFLATED, 31)
    return maker.compress(data) + maker.flush()


def _zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(data)


def _skippable(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")
