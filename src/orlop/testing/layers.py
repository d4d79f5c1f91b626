"""Real layers by code: tar archives, compressed or not, the same bytes every time.

Names are sorted, times are fixed, every owner is root, and folders above a file are made as real build
tools make them, so two runs give one digest. ``tarfile`` is imported when a layer is built, not before.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol

from orlop.model import mediatype
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Callable, Collection, Iterator, Mapping

EPOCH = 1_704_067_200
"""The time of everything that is built: 2024-01-01T00:00:00Z, in seconds since 1970."""

LAYER_LIMIT = 8 * 1024 * 1024
"""Bytes of file content that ``directory_layer`` takes unless told otherwise."""

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file with its mode; plain ``bytes`` in a layer's mapping are a file of mode 0644."""

    data: bytes
    mode: int = 0o644
    mtime: int = EPOCH


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of its own (those above a file are made anyway)."""

    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to ``target``; with ``hard``, another name of the file ``target`` of this layer."""

    target: str
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Whiteout:
    """This path of the layers below is gone (image-spec, "Whiteouts": an empty file ``.wh.NAME``)."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A folder that hides all that the layers below have in it (an entry ``.wh..wh..opq``)."""


Entry = bytes | File | Folder | Link | Whiteout | Opaque


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """A built layer: its bytes as stored, their descriptor, and the digest of the archive inside."""

    data: bytes
    descriptor: Descriptor
    diff_id: Digest

    def __repr__(self) -> str:
        return f"LayerBlob({self.descriptor.media_type}, {len(self.data)} bytes)"


def layer(files: Mapping[str, Entry], *, compression: str = "gzip", level: int = 6) -> LayerBlob:
    """Return a layer that holds these paths.

    files: paths without a leading slash to content. compression: ``"gzip"``, ``"zstd"`` or ``""``.
    Raises ValueError for another compression. The result differs between versions of zlib and
    libzstd, never between two calls.
    """
    sink = _Sink(compression, level)
    with _archive(sink) as archive:
        made: set[str] = set()
        for path in sorted(files):
            _add(archive, path.strip("/"), files[path], made)
    return sink.finish()


def directory_layer(
    root: str,
    at: str = "",
    *,
    keep: Callable[[str], bool] = lambda _: True,
    skip: Collection[str] = ("__pycache__",),
    limit: int = LAYER_LIMIT,
    extra: Mapping[str, Entry] | None = None,
    compression: str = "gzip",
    level: int = 1,
) -> LayerBlob:
    """Return a layer of the real files below a folder of this machine.

    root: the folder. at: the path that it has in the layer. keep: says of a path below root, with slashes, whether it is
    taken. skip: names of
    folders to leave out. limit: the bytes of content to take at most; a file that would pass it is left
    out. extra: more entries, which come first. Memory: the compressed layer and one piece. Links and what cannot be read are left out.
    """
    sink = _Sink(compression, level)
    with _archive(sink) as archive:
        made: set[str] = set()
        for path, entry in sorted((extra or {}).items()):
            _add(archive, path.strip("/"), entry, made)
        taken = 0
        prefix = PurePosixPath(at.strip("/"))
        for found in _walk(Path(root), frozenset(skip)):
            try:
                inside = found.relative_to(root)
                if not keep(inside.as_posix()):
                    continue
                with found.open("rb") as stream:
                    size = os.fstat(stream.fileno()).st_size
                    if taken + size > limit:
                        continue
                    taken += size
                    _add_stream(archive, prefix.joinpath(*inside.parts).as_posix(), stream, size, made)
            except PermissionError:
                continue
    return sink.finish()


def archive_layer(
    data: bytes, *, media_type: str, diff_id: Digest | None = None, urls: tuple[str, ...] = ()
) -> LayerBlob:
    """Return bytes that exist already as a layer; ``diff_id`` is their own digest unless it is given.

    urls: where a foreign layer is fetched from; such a layer is named by its image and not pushed with it.
    """
    digest = Digest.of(data)
    return LayerBlob(data, Descriptor(media_type, digest, len(data), urls=urls), diff_id or digest)


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Sink(io.RawIOBase):
    """Where the archive is written to: hashed as it is, kept compressed."""

    def __init__(self, compression: str, level: int) -> None:
        super().__init__()
        self._compressor = _compressor(compression, level)
        self._media_type = _MEDIA_TYPES[compression]
        self._kept: list[bytes] = []
        self._inside = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self._inside.update(data)
        self._kept.append(self._compressor.compress(data) if self._compressor else data)
        return len(data)

    def finish(self) -> LayerBlob:
        if self._compressor:
            self._kept.append(self._compressor.flush())
        data = b"".join(self._kept)
        descriptor = Descriptor(self._media_type, Digest.of(data), len(data))
        return LayerBlob(data, descriptor, Digest(f"sha256:{self._inside.hexdigest()}"))


_MEDIA_TYPES = {
    "": mediatype.OCI_LAYER,
    "gzip": mediatype.OCI_LAYER_GZIP,
    "zstd": mediatype.OCI_LAYER_ZSTD,
}


def _compressor(compression: str, level: int) -> _Compressor | None:
    if compression == "":
        return None
    if compression == "gzip":
        # 31: gzip framing; zlib leaves the time in its header at zero.
        return zlib.compressobj(level, zlib.DEFLATED, 31)
    if compression == "zstd":
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        return zstd.ZstdCompressor(level)
    raise ValueError(f"compression {compression!r} is none of gzip, zstd and the empty text")


def _archive(sink: _Sink) -> tarfile.TarFile:
    import tarfile

    return tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_PIECE)


def _add(archive: tarfile.TarFile, path: str, entry: Entry, made: set[str]) -> None:
    """Write one entry, and the folders above it that are not there yet."""
    import tarfile

    folder, _, name = path.rpartition("/")
    if isinstance(entry, Opaque):
        folder = path
    _add_folders(archive, folder, made)
    if isinstance(entry, bytes):
        entry = File(entry)
    if isinstance(entry, File):
        info = _header(path, len(entry.data), entry.mode, entry.mtime)
        archive.addfile(info, io.BytesIO(entry.data))
    elif isinstance(entry, Folder):
        if path not in made:
            made.add(path)
            info = _header(path, 0, entry.mode)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
    elif isinstance(entry, Link):
        info = _header(path, 0, 0o777)
        info.type = tarfile.LNKTYPE if entry.hard else tarfile.SYMTYPE
        info.linkname = entry.target
        archive.addfile(info)
    else:
        marker = ".wh..wh..opq" if isinstance(entry, Opaque) else f".wh.{name}"
        archive.addfile(_header(f"{folder}/{marker}".strip("/"), 0, 0))


def _add_stream(archive: tarfile.TarFile, path: str, stream: IO[bytes], size: int, made: set[str]) -> None:
    _add_folders(archive, path.rpartition("/")[0], made)
    archive.addfile(_header(path, size, 0o644), stream)


def _add_folders(archive: tarfile.TarFile, folder: str, made: set[str]) -> None:
    import tarfile

    if not folder or folder in made:
        return
    _add_folders(archive, folder.rpartition("/")[0], made)
    made.add(folder)
    info = _header(folder, 0, 0o755)
    info.type = tarfile.DIRTYPE
    archive.addfile(info)


def _header(path: str, size: int, mode: int, mtime: int = EPOCH) -> tarfile.TarInfo:
    import tarfile

    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = size, mode, mtime
    return info


def _walk(root: Path, skip: frozenset[str]) -> Iterator[Path]:
    """Yield the regular files below a folder, in order."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in skip)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
