"""Two images, layer by layer. The words and the shape of the JSON are dredge's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orlop.image.view import Image
    from orlop.model.digest import Digest

EQUAL, NOT_EQUAL, ADDED, REMOVED = "equal", "notEqual", "added", "removed"


class LayerSide(NamedTuple):
    """A layer of one image. digest: None for a step that made none. history, compressed_size: None where not asked for."""

    digest: Digest | None
    history: str | None = None
    compressed_size: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as dredge's JSON."""
        return {
            "digest": self.digest.value if self.digest is not None else None,
            "history": self.history,
            "compressedSize": self.compressed_size,
        }


class LayerPair(NamedTuple):
    """The layers of two images at one position. diff: ``equal``, ``notEqual``, ``added`` (to the base) or ``removed``."""

    base: LayerSide | None
    target: LayerSide | None
    diff: str

    def to_json(self) -> dict[str, object]:
        """Return it as dredge's JSON."""
        return {
            "base": self.base.to_json() if self.base is not None else None,
            "target": self.target.to_json() if self.target is not None else None,
            "layerDiff": self.diff,
        }


@dataclass(frozen=True, slots=True)
class LayersComparison:
    """The layers of two images, position by position. base, target: how the images were asked for."""

    base: str
    target: str
    layers: tuple[LayerPair, ...]

    @property
    def equal(self) -> bool:
        """Whether every position is equal."""
        return all(pair.diff == EQUAL for pair in self.layers)

    @property
    def target_includes_base(self) -> bool:
        """Whether the target begins with all of the base's layers."""
        return not any(pair.diff in {NOT_EQUAL, REMOVED} for pair in self.layers)

    @property
    def last_common(self) -> int:
        """The position of the last layer of those that are equal from the bottom up; -1 when the first differs."""
        for at, pair in enumerate(self.layers):
            if pair.diff != EQUAL:
                return at - 1
        return len(self.layers) - 1

    def to_json(self) -> dict[str, object]:
        """Return it as dredge's JSON."""
        return {
            "summary": {
                "areEqual": self.equal,
                "targetIncludesAllBaseLayers": self.target_includes_base,
                "lastCommonLayerIndex": self.last_common,
            },
            "layerComparisons": [pair.to_json() for pair in self.layers],
        }


def compare_layers(
    base: Image, target: Image, *, history: bool = False, compressed_size: bool = False
) -> LayersComparison:
    """Return the layers of both images side by side.

    history: with the step that made each, which then has to be equal too, and the steps that made no layer.
    compressed_size: with the size of each as it is stored. Rule: dredge, ``image compare layers``.
    """
    left = layer_sides(base, history=history, compressed_size=compressed_size)
    right = layer_sides(target, history=history, compressed_size=compressed_size)
    pairs = []
    for at in range(max(len(left), len(right))):
        one, other = left[at] if at < len(left) else None, right[at] if at < len(right) else None
        if one is None or other is None:
            diff = ADDED if one is None else REMOVED
        else:
            diff = EQUAL if (one.digest, one.history) == (other.digest, other.history) else NOT_EQUAL
        pairs.append(LayerPair(one, other, diff))
    return LayersComparison(base.reference, target.reference, tuple(pairs))


def layer_sides(image: Image, *, history: bool = False, compressed_size: bool = False) -> list[LayerSide]:
    """Return the layers of one image from the bottom up, with history also the steps that made none.

    A history that names fewer layers than there are leaves the upper ones without a step; steps beyond the last layer made
    none that is here.
    """
    layers = image.manifest.layers
    if not history:
        return [LayerSide(one.digest, None, one.size if compressed_size else None) for one in layers]
    found: list[LayerSide] = []
    at = 0
    for step in image.config.history:
        layer = None
        if not step.empty_layer and at < len(layers):
            layer = layers[at]
            at += 1
        size = (layer.size if layer is not None else 0) if compressed_size else None
        found.append(LayerSide(layer.digest if layer is not None else None, step.created_by, size))
    found += [LayerSide(one.digest, None, one.size if compressed_size else None) for one in layers[at:]]
    return found
