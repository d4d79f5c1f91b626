"""Manifests and images as tables, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.streams import safe
from orlop.cli.table import facts, size, table
from orlop.model.annotations import DOCKER_REFERENCE_TYPE

if TYPE_CHECKING:
    from orlop import Descriptor, Image, Manifest
    from orlop.cli.render import Paint
    from orlop.model.imageconfig import HistoryEntry

_LONGEST_STEP = 60


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


def image_table(paint: Paint, ref: str, image: Image) -> str:
    """Return one image: what its config says, its labels, and its layers with their sizes."""
    config = image.config
    head = facts(
        paint,
        [
            ("Reference", ref),
            ("Kind", "platform" if image.index is not None else "image"),
            ("Platform", str(image.platform) if image.platform else ""),
            ("Digest", image.digest.value),
            ("Index", image.index.digest.value if image.index is not None else ""),
            ("Config", config.digest.value),
            ("Created", config.created),
            ("Author", config.author),
            ("Size", f"{size(image.size)} in {counted(len(image.layers), 'layer')}"),
            ("User", config.user),
            ("Working dir", config.working_dir),
            ("Entrypoint", _words(config.entrypoint)),
            ("Command", _words(config.cmd)),
            ("Ports", " ".join(config.exposed_ports)),
            ("Volumes", " ".join(config.volumes)),
            ("Stop signal", config.stop_signal),
        ],
    )
    sections = [head]
    if config.env:
        sections.append(_section(paint, "Environment", config.env))
    for title, pairs in (("Labels", image.labels), ("Annotations", image.annotations)):
        if pairs:
            sections.append(_section(paint, title, [f"{name}={value}" for name, value in pairs.items()]))
    rows = [
        [str(layer.index), layer.descriptor.digest.value, size(layer.size), _made_by(layer.history)]
        for layer in image.layers
    ]
    sections.append(table(paint, ["LAYER", "DIGEST", "SIZE", "MADE BY"], rows, right=(0, 2)))
    return "\n".join(sections)


def index_table(paint: Paint, ref: str, images: list[Image]) -> str:
    """Return every platform of an index, and then each in full."""
    index = images[0].index if images else None
    head = facts(paint, [("Reference", ref), ("Kind", "index"), ("Digest", index.digest.value if index else "")])
    rows = [
        [str(one.platform or "-"), one.digest.value, str(len(one.layers)), size(one.size), one.config.created[:19]]
        for one in images
    ]
    platforms = table(paint, ["PLATFORM", "DIGEST", "LAYERS", "SIZE", "CREATED"], rows, right=(2, 3))
    return "\n".join([head, platforms, *(image_table(paint, ref, one) for one in images)])


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: 1 layer, 2 layers."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _section(paint: Paint, title: str, lines: list[str]) -> str:
    return paint.heading(title) + "\n" + "".join(f"  {safe(line)}\n" for line in lines)


def _words(words: list[str]) -> str:
    from shlex import join

    return join(words)


def _made_by(step: HistoryEntry | None) -> str:
    if step is None:
        return ""
    text = " ".join(step.created_by.removeprefix("/bin/sh -c #(nop) ").split())
    return text if len(text) <= _LONGEST_STEP else text[: _LONGEST_STEP - 1] + "…"
