"""Debian's database: ``var/lib/dpkg/status``, or a file for each package in ``status.d`` (distroless)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import DEB, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(rb"^(Package|Status|Version|Architecture|Source):[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)
_SOURCE = re.compile(r"(\S+)(?:[ \t]+\((.*)\))?")
_GONE = frozenset({"not-installed", "config-files"})


def parse(data: bytes, path: str) -> Iterator[Package]:
    """Yield the packages of the database whose files are there, in its order.

    Raises InvalidDocumentError where it is not empty and has no package at all. Rule: deb822(5), dpkg-query(1); a record without
    Status, as distroless images have them, is an installed package.
    """
    known = False
    for record in re.split(rb"\n[ \t\r]*\n", data):
        fields = {name.lower(): value for name, value in _FIELD.findall(record)}
        name = text(fields.get(b"package"))
        if not name:
            continue
        known = True
        status = fields.get(b"status", b"install ok installed").split()
        if not status or status[-1].decode("latin-1") in _GONE:
            continue
        version = text(fields.get(b"version"))
        source = _SOURCE.match(text(fields.get(b"source")))
        yield Package(
            name,
            version,
            DEB,
            architecture=text(fields.get(b"architecture")),
            source=source[1] if source else name,
            source_version=(source[2] if source else "") or version,
            path=path,
        )
    if not known and data.strip(b" \t\r\n\0"):
        raise InvalidDocumentError(f"/{path}", "it has no record of a package")
