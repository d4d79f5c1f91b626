"""Manifests and images as tables, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.table import facts, size, table
from orlop.model.annotations import DOCKER_REFERENCE_TYPE

if TYPE_CHECKING:
    from orlop import Descriptor, Manifest
    from orlop.cli.render import Paint


def manifest_table(paint: Paint, ref: str, manifest: Manifest, kind: str) -> str:
    """Return a manifest as facts, and what belongs to it as a table."""
    subject = manifest.subject
    head = facts(
        paint,
        [
            ("Reference", ref),
            ("Kind", kind),
            ("Digest", manifest.digest.value),
            ("Media type", manifest.media_type),
            ("Artifact type", manifest.artifact_type),
            ("Size", size(manifest.size)),
            ("Subject", subject.digest.value if subject else ""),
            *((f"  {name}", value) for name, value in manifest.annotations.items()),
        ],
    )
    children = manifest.children()
    if not children:
        return head
    if manifest.kind == "index":
        headings = ["PLATFORM", "DIGEST", "SIZE", "MEDIA TYPE", "NOTE"]
        rows = [[_platform(c), c.digest.value, size(c.size), c.media_type, _note(c)] for c in children]
        right = (2,)
    else:
        headings = ["DIGEST", "SIZE", "MEDIA TYPE"]
        rows = [[c.digest.value, size(c.size), c.media_type] for c in children]
        right = (1,)
    return f"{head}\n{table(paint, headings, rows, right=right)}"


def _platform(entry: Descriptor) -> str:
    return str(entry.platform) if entry.platform else "-"


def _note(entry: Descriptor) -> str:
    return entry.annotations.get(DOCKER_REFERENCE_TYPE, "") or entry.artifact_type
