"""Alpine's database: ``lib/apk/db/installed``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import APK, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(rb"^([PVALo]):(.*)$", re.MULTILINE)


def parse(data: bytes, path: str) -> Iterator[Package]:
    """Yield the packages of the database, in its order.

    Raises InvalidDocumentError where it is not empty and has no package at all. Rule: apk-tools, apk-installed(5).
    """
    known = False
    for record in data.split(b"\n\n"):
        fields = dict(_FIELD.findall(record))
        name, version = text(fields.get(b"P")), text(fields.get(b"V"))
        if not name:
            continue
        known = True
        yield Package(
            name,
            version,
            APK,
            architecture=text(fields.get(b"A")),
            source=text(fields.get(b"o")) or name,
            source_version=version,
            licence=text(fields.get(b"L")),
            path=path,
        )
    if not known and data.strip(b" \t\r\n\0"):
        raise InvalidDocumentError(f"/{path}", "it has no record of a package")
