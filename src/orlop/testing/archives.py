"""Layouts and archives by code: what ``skopeo copy ... oci-archive:`` and ``docker save`` write, from built images.

::

    files = layout_files({"1.0": image([...])})
    (folder / "x.tar").write_bytes(tar(files))
    (folder / "y.tar").write_bytes(docker_archive({"app:1": image([...])}))
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orlop.model.annotations import REF_NAME
from orlop.model.digest import Digest
from orlop.model.mediatype import OCI_INDEX
from orlop.testing.layers import EPOCH, File, Folder, Link

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.testing.builders import Built

Files = dict[str, bytes | File | Folder | Link]
Named = Mapping[str, "Built"] | Iterable[tuple[str, "Built"]]


def layout_files(named: Named, *, others: Iterable[Built] = ()) -> Files:
    """Return the files of an OCI layout by path.

    named: images by name, "" for one without; pairs where two have the same. others: listed without a name.
    """
    pairs = [*_pairs(named), *(("", one) for one in others)]
    listed: list[dict[str, Any]] = []
    files: Files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    for name, built in pairs:
        entry = built.descriptor.to_json()
        if name:
            entry["annotations"] = {**built.descriptor.annotations, REF_NAME: name}
        listed.append(entry)
        for one in built.walk():
            files[blob_path(one.digest)] = one.raw
            files.update({blob_path(blob.descriptor.digest): blob.data for blob in one.blobs})
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    files["index.json"] = json.dumps(document, separators=(",", ":")).encode()
    return files


def _pairs(named: Named) -> list[tuple[str, Built]]:
    return list(named.items()) if isinstance(named, Mapping) else list(named)


def blob_path(digest: Digest) -> str:
    """Return where a layout keeps a blob."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def write_files(root: Path, files: Mapping[str, bytes | File | Folder | Link]) -> Path:
    """Write plain files under a folder, and return it."""
    for path, data in files.items():
        if isinstance(data, bytes):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    return root


def docker_files(images: Named, *, old: bool = True) -> Files:
    """Return the files of a docker archive by path: images by tag, several tags of one image in one entry, "" for none.

    Layers are stored as the images have them; Docker itself stores them unpacked. old: the form before Docker 25, a folder
    for each layer; else blobs by digest, with an OCI layout's index beside.
    """
    pairs = _pairs(images)
    files: Files = {} if old else layout_files(pairs)
    entries: dict[Digest, dict[str, Any]] = {}
    for name, built in pairs:
        config = Digest.of(built.config)
        entry = entries.get(config)
        if entry is None:
            paths = []
            for blob in built.blobs[1:]:
                digest = blob.descriptor.digest
                paths.append(f"{digest.hex}/layer.tar" if old else blob_path(digest))
                files[paths[-1]] = blob.data
            config_path = f"{config.hex}.json" if old else blob_path(config)
            files[config_path] = built.config
            entry = entries[config] = {"Config": config_path, "RepoTags": None, "Layers": paths}
        if name:
            entry["RepoTags"] = [*(entry["RepoTags"] or []), name]
    files["manifest.json"] = json.dumps(list(entries.values())).encode()
    return files


def docker_archive(images: Named, *, old: bool = True) -> bytes:
    """Return a docker archive; see ``docker_files``."""
    return tar(docker_files(images, old=old))


def tar(files: Mapping[str, bytes | File | Folder | Link], *, compression: str = "", prefix: str = "") -> bytes:
    """Return a tar archive of the files, in their order and under exactly their names.

    compression: ``gzip``, ``zstd`` or "". prefix: before each name, such as ``./``.
    """
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, what in files.items():
            info = tarfile.TarInfo(prefix + path)
            info.mtime = EPOCH
            data = b""
            if isinstance(what, Link):
                info.type, info.linkname = (tarfile.LNKTYPE if what.hard else tarfile.SYMTYPE), what.target
            elif isinstance(what, Folder):
                info.type = tarfile.DIRTYPE
            else:
                data = what if isinstance(what, bytes) else what.data
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed(out.getvalue(), compression)


def packed(data: bytes, compression: str) -> bytes:
    """Return the bytes compressed with ``gzip`` or ``zstd``, or as they are for ""."""
    if compression == "gzip":
        return gzip.compress(data, mtime=0)
    if compression == "zstd":
        library: Any
        if sys.version_info >= (3, 14):
            from compression import zstd as library
        else:
            from backports import zstd as library
        return bytes(library.compress(data))
    return data
