"""The documents of an OCI layout: ``oci-layout``, and ``index.json`` as entries and as what is written back.

Fields that are not known here stay. Nothing here does I/O. Rule: image-spec 1.1, image-layout.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orlop.content.names import Entry
from orlop.errors import InvalidDocumentError, UnsupportedError
from orlop.model.annotations import CONTAINERD_IMAGE_NAME, REF_NAME
from orlop.model.descriptor import Descriptor
from orlop.model.jsondoc import load_object
from orlop.model.mediatype import OCI_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.model.digest import Digest

INDEX_LIMIT = 64 * 1024 * 1024
"""Most bytes of an index.json: about 200,000 entries."""
HEADER = b'{"imageLayoutVersion":"1.0.0"}'
_NAMES = (CONTAINERD_IMAGE_NAME, REF_NAME)


def check_header(raw: bytes, what: str) -> None:
    """Check an ``oci-layout`` file. Raises InvalidDocumentError, UnsupportedError for another version."""
    version = load_object(raw, f"oci-layout of {what}").get("imageLayoutVersion")
    if not isinstance(version, str):
        raise InvalidDocumentError(f"oci-layout of {what}", "it states no imageLayoutVersion")
    if not version.startswith("1."):
        raise UnsupportedError("reading a layout", what, f"its version is {version[:64]!r}, and this reads 1")


def entries_of(document: dict[str, Any], what: str) -> list[Entry]:
    """Return the entries of an index.json, in its order. Raises InvalidManifestError."""
    listed = document.get("manifests")
    if listed is None:  # Go writes an empty slice as null
        return []
    if not isinstance(listed, list):
        raise InvalidDocumentError(f"index.json of {what}", "its manifests are no list")
    found = []
    for number, value in enumerate(listed):
        descriptor = Descriptor.from_json(value, f"entry {number} of index.json of {what}")
        said = (descriptor.annotations.get(key) for key in _NAMES)
        found.append(Entry(descriptor, tuple(dict.fromkeys(name for name in said if name)), number))
    return found


class IndexFile:
    """An index.json that is changed: entries are objects as they were read."""

    def __init__(self, raw: bytes | None, what: str) -> None:
        self.document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        if raw is not None:
            self.document = load_object(raw, f"index.json of {what}", limit=INDEX_LIMIT)
        entries_of(self.document, what)
        self.document.setdefault("manifests", [])
        listed: Any = self.document["manifests"] or []
        self.listed: list[dict[str, Any]] = list(listed)

    def point(self, names: Iterable[str], at: Descriptor) -> None:
        """Make the names, as written, point to a manifest, and to nothing else; without a name it is listed once."""
        names = list(names)
        for name in names:
            self.unname(name, keep=False)
        if names:
            self.drop({at.digest.value}, named=False)
            self.listed += [self._entry(at, name) for name in names]
        elif at.digest.value not in self.digests():
            self.listed.append(self._entry(at, ""))

    def _entry(self, at: Descriptor, name: str) -> dict[str, Any]:
        made = at.to_json()
        made.pop("data", None)
        annotations = {k: v for k, v in at.annotations.items() if k not in _NAMES}
        if name:
            annotations[REF_NAME] = name
        made.pop("annotations", None)
        return {**made, "annotations": annotations} if annotations else made

    def digests(self) -> set[str]:
        """Return the digests of all entries."""
        return {str(entry.get("digest")) for entry in self.listed}

    def drop(self, digests: set[str], *, named: bool = True) -> None:
        """Remove the entries of these digests. named: those with a name as well."""
        self.listed = [one for one in self.listed if one.get("digest") not in digests or (not named and _names(one))]

    def unname(self, name: str, *, keep: bool = True) -> bool:
        """Remove a name, and return whether it was there. keep: what loses its last name stays listed without one."""
        found = [one for one in self.listed if name in _names(one)]
        self.listed = [one for one in self.listed if name not in _names(one)]
        for one in found if keep else ():
            if one.get("digest") not in self.digests():
                annotations = dict(one["annotations"])
                for key in _NAMES:
                    annotations.pop(key, None)
                self.listed.append({**one, "annotations": annotations})
        return bool(found)

    def written(self) -> bytes:
        """Return the document as text."""
        return json.dumps({**self.document, "manifests": self.listed}, separators=(",", ":")).encode()


def _names(entry: dict[str, Any]) -> Sequence[str]:
    annotations = entry.get("annotations") or {}
    return [annotations[key] for key in _NAMES if annotations.get(key)]


def blob_path(digest: Digest) -> str:
    """Return where a layout keeps a blob, with slashes."""
    return f"blobs/{digest.algorithm}/{digest.hex}"
