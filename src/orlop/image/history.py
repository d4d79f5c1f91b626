"""The steps of an image's history, each beside the layer that it made.

Rule: image-spec 1.1, config.md, "history": from the bottom up, one entry for each layer, and entries with ``empty_layer``
for steps that changed the config only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import UnsupportedError

if TYPE_CHECKING:
    from orlop.image.layers import LayerStore
    from orlop.image.view import Image, Layer
    from orlop.model.imageconfig import HistoryEntry

BUILDKIT = " # buildkit"
"""What BuildKit puts after a step that made a layer."""

# The shell that is set stands before the mark; PowerShell's has whole commands in it.
_MARKED = re.compile(
    r"(?:/bin/\w*sh (?:-[abd-z]+ |pipefail ){0,4}-\w*c |cmd /S /C |(?:powershell|pwsh).{0,400}? )?"
    r"#\(nop\)\s*(?=[A-Z]+\b)"
)
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One step. number: its place in the history, from 0. layer: the index of the layer that it made, None where it made
    none or where that cannot be told.
    """

    number: int
    entry: HistoryEntry
    layer: int | None


@dataclass(frozen=True, slots=True)
class History:
    """The steps, bottom first. agrees: whether as many of them made a layer as there are layers, so that each is told."""

    steps: tuple[Step, ...]
    layers: int
    agrees: bool

    @property
    def remark(self) -> str:
        """What to tell a reader where history and layers do not agree, else ""."""
        if self.agrees:
            return ""
        if not self.steps:
            return "the config has no history"
        made = sum(not step.entry.empty_layer for step in self.steps)
        steps = "1 step" if made == 1 else f"{made} steps"
        layers = "1 layer" if self.layers == 1 else f"{self.layers} layers"
        return f"the history has {steps} with a layer, the manifest {layers}: which made which cannot be told"


def history_of(image: Image) -> History:
    """Return the image's steps with their layers; where the counts differ, none has a layer.

    Raises InvalidManifestError for a history of another form.
    """
    entries = image.config.history
    layers = len(image.manifest.layers)
    agrees = sum(not entry.empty_layer for entry in entries) == layers
    made = 0
    steps = []
    for number, entry in enumerate(entries):
        layer = made if agrees and not entry.empty_layer else None
        made += not entry.empty_layer
        steps.append(Step(number, entry, layer))
    return History(tuple(steps), layers, agrees)


def without_mark(text: str) -> tuple[str, bool]:
    """Return a step's text without the classic builder's ``SHELL #(nop)`` before it, and whether that was there."""
    match = _MARKED.match(text)
    return (text, False) if match is None else (text[match.end() :], True)


def short_text(entry: HistoryEntry) -> str:
    """Return what a step did on one line, for a table: no shell before it, no mark of the builder."""
    text, _ = without_mark(entry.created_by)
    text = text.removesuffix(BUILDKIT).removeprefix("/bin/sh -c ")
    return " ".join(text.split()) or entry.comment


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer of a list. unpacked_size: bytes of the archive inside, None where that is not known without fetching it.

    step: the one that made it, None where that cannot be told.
    """

    layer: Layer
    unpacked_size: int | None
    step: Step | None


@dataclass(frozen=True, slots=True)
class LayerList:
    """An image's layers from the bottom up, and its whole history."""

    image: Image
    history: History
    rows: tuple[LayerRow, ...]


async def list_layers(store: LayerStore, image: Image, *, unpacked: bool = False) -> LayerList:
    """Return the image's layers with what is known of them.

    unpacked: read the layers whose unpacked size is not known; a foreign layer that is not there stays without. Raises what
    ``LayerStore.index`` raises.
    """
    history = history_of(image)
    sizes = await unpacked_sizes(store, image, read=unpacked)
    steps = {step.layer: step for step in history.steps if step.layer is not None}
    rows = [LayerRow(layer, size, steps.get(layer.index)) for layer, size in zip(image.layers, sizes, strict=True)]
    return LayerList(image, history, tuple(rows))


async def unpacked_sizes(store: LayerStore, image: Image, *, read: bool) -> list[int | None]:
    """Return the size of each layer's archive, None where it is not known. read: find it out, where the layer is there."""

    async def size(layer: Layer) -> int | None:
        if layer.diff_id == layer.descriptor.digest:
            return layer.size  # it is stored as it is
        if read:
            try:
                return (await store.index(layer)).unpacked_size
            except UnsupportedError:
                return None
        known = await store.known(layer)
        return known.unpacked_size if known is not None else None

    layers = image.layers
    outcomes = store.runtime.map(size, layers, limit=min(_AT_ONCE, len(layers) or 1), ordered=True)
    return [outcome.result() async for outcome in outcomes]
