"""Python's record of a distribution: ``*.dist-info/METADATA`` and ``*.egg-info``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import PYPI, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(rb"^(Name|Version|License|License-Expression):[ \t]*(.*)$", re.MULTILINE | re.IGNORECASE)
_BODY = re.compile(rb"\r?\n\r?\n")


def parse(data: bytes, path: str) -> Iterator[Package]:
    """Yield the distribution that the file tells of; its description may be cut off.

    Raises InvalidDocumentError for a file that names none. Rule: packaging.python.org, "Core metadata specifications".
    """
    head = _BODY.split(data, maxsplit=1)[0]
    fields: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(head):
        fields.setdefault(name.lower(), value)
    name = text(fields.get(b"name"))
    if not name:
        raise InvalidDocumentError(f"/{path}", "it names no distribution")
    licence = text(fields.get(b"license-expression") or fields.get(b"license"))
    yield Package(name, text(fields.get(b"version")), PYPI, licence="" if licence == "UNKNOWN" else licence, path=path)
