"""A model of lucy, as its source has it: whether the base's layers, by digest, are the target's first ones.

It answers what lucy prints, ``fresh`` or ``stale``, and where lucy prints none of both, ``error`` or ``crash``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.interop.shelf import Shelf

OCI_TO_DOCKER = {
    "application/vnd.oci.image.manifest.v1+json": "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json": "application/vnd.docker.distribution.manifest.list.v2+json",
}
MANIFEST, LIST = OCI_TO_DOCKER.values()


class Failed(Exception):  # noqa: N818  # it is an answer, not an error of the model
    """lucy gives no state. args: ``error`` for its "Something went wrong.", ``crash`` for an exception of .NET."""


class Lucy:
    """lucy, asked on images of a shelf. reads_oci: take OCI's media types for Docker's, which the real one does not."""

    def __init__(self, shelf: Shelf, *, reads_oci: bool) -> None:
        self._shelf, self._reads_oci = shelf, reads_oci

    def answer(self, image: str, base: str) -> str:
        """Return what it says on an image and the base that it is told."""
        try:
            return "fresh" if self._is_fresh(self._asked(image), self._asked(base)) else "stale"
        except Failed as failed:
            return str(failed)

    def _asked(self, name: str) -> Mapping[str, Any]:
        document = self._shelf.document(name)
        if document is None or self._type(document) not in {MANIFEST, LIST}:
            raise Failed("error")
        return document

    def _type(self, document: Mapping[str, Any]) -> str:
        said = str(document["mediaType"])
        return OCI_TO_DOCKER.get(said, said) if self._reads_oci else said

    def _is_fresh(self, image: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
        if self._type(image) == MANIFEST and self._type(base) == MANIFEST:
            return compared(image, base)
        if self._type(image) == MANIFEST:
            return self._against_list(image, self._shelf.config(image), base)
        if self._type(base) == MANIFEST:
            raise Failed("error")
        # The first stale platform ends it.
        return all(
            self._against_list(self._asked(entry["digest"]), entry.get("platform") or {}, base)
            for entry in image["manifests"]
        )

    def _against_list(self, image: Mapping[str, Any], platform: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
        for entry in base["manifests"]:
            if same_platform(platform, entry.get("platform") or {}):
                return compared(image, self._asked(entry["digest"]))
        return False


def same_platform(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether lucy takes both for one platform: variants do not count, the version of Windows does."""
    keys = ("os", "architecture", "os.version") if one.get("os") == "windows" else ("os", "architecture")
    return bool(one.get("os")) and all(one.get(key) == other.get(key) for key in keys)


def compared(image: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Walk the base's layers; a target that has fewer is read past its end."""
    for at, layer in enumerate(base["layers"]):
        if at >= len(image["layers"]):
            raise Failed("crash")
        if image["layers"][at]["digest"] != layer["digest"]:
            return False
    return True
