"""One case's corner of a registry: images are put there by name, and their documents read back without asking it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orlop.testing.builders import push_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.testing import Registry
    from orlop.testing.builders import Built


class Shelf:
    """The repositories of one case, below a namespace of its own."""

    def __init__(self, registry: Registry, case: str) -> None:
        self._registry, self._prefix = registry, f"{registry.host}/{case}"
        self._case = case
        self._documents: dict[str, dict[str, Any]] = {}
        self._configs: dict[str, dict[str, Any]] = {}

    def name(self, what: str) -> str:
        """Return the whole name of ``repository:tag`` here."""
        return f"{self._prefix}/{what}"

    def put(self, what: str, built: Built) -> str:
        """Store an image as ``repository:tag``, over what that tag named before, and return its whole name."""
        repository, _, tag = what.partition(":")
        push_now(built, self._registry, f"{self._case}/{repository}", tags=[tag])
        for one in built.walk():
            self._documents[str(one.digest)] = one.document
            for blob in one.blobs:
                if one.config == blob.data:
                    self._configs[str(blob.descriptor.digest)] = json.loads(blob.data)
        self._documents[self.name(what)] = built.document
        return self.name(what)

    def document(self, name: str) -> Mapping[str, Any] | None:
        """Return the manifest of a whole name or of a digest."""
        return self._documents.get(name)

    def config(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the config of a manifest."""
        return self._configs.get(manifest["config"]["digest"], {})
