"""The ``package.json`` of a package that npm, yarn or pnpm put into ``node_modules``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import NPM, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON_LIMIT = 1024 * 1024
"""Most bytes of a package.json; real ones have less than 64 KiB."""

_PLACE = re.compile(r"(?:^|/)node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json\Z")


def is_place(path: str) -> bool:
    """Whether a file of this path tells of a package, and not of a folder inside one."""
    return _PLACE.search(path) is not None


def parse(data: bytes, path: str) -> Iterator[Package]:
    """Yield the package, if the file has a name and a version. Raises InvalidDocumentError for what is no JSON object.

    Of a key that is there twice the last counts, as it does for npm: packages that are in use have such.
    """
    try:
        document = json.loads(data.removeprefix(b"\xef\xbb\xbf")[:JSON_LIMIT])
    except (ValueError, RecursionError) as error:
        raise InvalidDocumentError(f"/{path}", "it is no JSON") from error
    if not isinstance(document, dict):
        raise InvalidDocumentError(f"/{path}", "it is no JSON object")
    name, version = text(document.get("name")), text(document.get("version"))
    if name and version:
        yield Package(name, version, NPM, licence=_licence(document), path=path)


def _licence(document: dict[str, object]) -> str:
    """Return the licence; old packages state it as {type, url}, or as a list of those."""
    said = document.get("license") or document.get("licenses")
    several = said if isinstance(said, list) else [said]
    names = [text(one.get("type") or one.get("name")) if isinstance(one, dict) else text(one) for one in several[:16]]
    return " OR ".join(filter(None, names))
