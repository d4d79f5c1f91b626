"""RPM's databases: SQLite, Berkeley DB, ndb, and the plain list of images without any; the headers inside are all alike."""

from __future__ import annotations

import re
from struct import Struct, error
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import RPM, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME, _VERSION, _RELEASE, _EPOCH, _LICENCE, _ARCH, _SOURCE = 1000, 1001, 1002, 1003, 1014, 1022, 1044
_WANTED = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH, _LICENCE, _ARCH, _SOURCE})
_INT32, _STRING, _I18N = 4, 6, 9
_ENTRY = Struct(">IIII")
_COUNTS = Struct(">II")
_ENTRIES_LIMIT = 0xFFFF  # rpm's own bounds (lib/header.c)
_DATA_LIMIT = 256 * 1024 * 1024
_NEVRA = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm\Z")


def parse(data: bytes, path: str, *, journal: bytes = b"") -> Iterator[Package]:
    """Yield the packages of a database of any form, told by its first bytes.

    journal: of ``rpmdb.sqlite-wal`` beside it. Raises InvalidDocumentError. The keys that RPM keeps as packages of the name
    gpg-pubkey are no software, and left out.
    """
    for blob in _headers(data, path, journal):
        package = header(blob, path)
        if package is not None:
            yield package


def _headers(data: bytes, path: str, journal: bytes) -> Iterator[bytes]:
    if data.startswith(b"SQLite format 3\0"):
        from orlop.layer.packages.rpmsqlite import headers

        return headers(data, path, journal)
    if data.startswith(b"RpmP"):
        from orlop.layer.packages.rpmndb import headers as ndb

        return ndb(data, path)
    from orlop.layer.packages.rpmbdb import headers as bdb

    return bdb(data, path)


def header(blob: bytes, path: str) -> Package | None:
    """Return the package of one header, None for a key. Raises InvalidDocumentError.

    Rule: rpm's docs, manual/hregions.md and format_header.md: counts, an index of (tag, type, offset, count), and the data.
    """
    try:
        entries, size = _COUNTS.unpack_from(blob)
        start = 8 + 16 * entries
        if entries > _ENTRIES_LIMIT or size > _DATA_LIMIT or start + size > len(blob):
            raise InvalidDocumentError(f"/{path}", "a header in it is longer than its record")
        found: dict[int, object] = {}
        for tag, kind, offset, _ in _ENTRY.iter_unpack(blob[8:start]):
            if tag not in _WANTED or tag in found or offset >= size:
                continue
            at = start + offset
            if kind in {_STRING, _I18N}:
                end = blob.find(b"\0", at, start + size)
                found[tag] = text(blob[at : end if end >= 0 else start + size])
            elif kind == _INT32:
                found[tag] = int.from_bytes(blob[at : at + 4], "big")
    except error as cause:
        raise InvalidDocumentError(f"/{path}", "a header in it is cut short") from cause
    name = found.get(_NAME)
    if not isinstance(name, str) or not name:
        raise InvalidDocumentError(f"/{path}", "a header in it names no package")
    if name == "gpg-pubkey":
        return None
    version = f"{found.get(_VERSION, '')}-{found.get(_RELEASE, '')}".strip("-")
    epoch = found.get(_EPOCH)
    return _package(
        name,
        f"{epoch}:{version}" if isinstance(epoch, int) else version,
        str(found.get(_ARCH, "")),
        str(found.get(_SOURCE, "")),
        str(found.get(_LICENCE, "")),
        path,
    )


def parse_manifest(data: bytes, path: str) -> Iterator[Package]:
    """Yield the packages of ``var/lib/rpmmanifest/container-manifest-2``, which images without RPM have (Azure Linux distroless).

    Its columns: name, version-release, two times, vendor, epoch or (none), size, architecture, epoch number, source.
    Raises InvalidDocumentError for a line of fewer.
    """
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        fields = [text(field) for field in line.split(b"\t")]
        if len(fields) < 8 or not fields[0]:
            raise InvalidDocumentError(f"/{path}", "a line has not the columns of a package")
        if fields[0] == "gpg-pubkey":
            continue
        version = f"{fields[5]}:{fields[1]}" if fields[5].isdigit() else fields[1]
        yield _package(fields[0], version, fields[7], fields[9] if len(fields) > 9 else "", "", path)


def _package(name: str, version: str, architecture: str, source_file: str, licence: str, path: str) -> Package:
    source = _NEVRA.match(source_file)
    return Package(
        name,
        version,
        RPM,
        architecture=architecture if architecture != "(none)" else "",
        source=source[1] if source else "",
        source_version=source[2] if source else "",
        licence=licence,
        path=path,
    )
