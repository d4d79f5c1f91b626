"""Images that are little more than a history."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.image.view import Image
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, parse_manifest
from orlop.model.mediatype import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping


def image_of(
    *steps: str | Mapping[str, Any],
    layers: int | None = None,
    annotations: Mapping[str, str] | None = None,
    **document: Any,
) -> Image:
    """Return an image of this history. steps: entries, or what created them; layers: as many as they made unless given."""
    history = [{"created_by": step} if isinstance(step, str) else dict(step) for step in steps]
    made = sum(not step.get("empty_layer") for step in history) if layers is None else layers
    config = {"os": "linux", "architecture": "amd64", "history": history, **document}
    config.setdefault("rootfs", {"type": "layers", "diff_ids": [digest(at + 1000) for at in range(made)]})
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest(0), "size": 1},
        "layers": [{"mediaType": OCI_LAYER_GZIP, "digest": digest(at + 1), "size": at + 1} for at in range(made)],
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    parsed = parse_manifest(json.dumps(manifest).encode())
    assert isinstance(parsed, ImageManifest)
    return Image("example/image:1", parsed, parse_config(json.dumps(config).encode()))


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def vectors(*parts: str) -> Path:
    """Return a path in the folder of recorded documents; the test is skipped where there is none."""
    folder = os.environ.get("ORLOP_VECTORS")
    if not folder:
        pytest.skip("ORLOP_VECTORS names no folder of recorded documents")
    return Path(folder, *parts)


def recorded(*parts: str) -> Image:
    """Return an image of a recorded config."""
    document = json.loads(vectors(*parts).read_bytes())
    config = document if isinstance(document.get("config", {}), dict) else {"os": "linux"}
    config["history"] = document["history"]
    config.pop("rootfs", None)
    return image_of(*config.pop("history"), **config)
