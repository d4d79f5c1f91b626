"""Whether an image's layers start with a base's: by digest, by unpacked content, or not to be told (C1, C2, C6, C7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from orlop.freshness.images import read_config

if TYPE_CHECKING:
    from orlop.freshness.asking import Desk, Steps
    from orlop.freshness.values import PlatformImage
    from orlop.model.digest import Digest

Fit = Literal["digests", "content", "rewritten", "none"]
"""digests: a prefix as stored. content: a prefix once unpacked. rewritten: the image's layers were rewritten where the base's would be, so that nothing can be equal. none: no prefix."""

REWRITTEN_TIMESTAMP = "buildkit/rewritten-timestamp"
"""On the descriptor of a layer whose times BuildKit clamped to SOURCE_DATE_EPOCH: neither its digest nor its diff_id is the base's."""


def is_prefix(base: tuple[Digest, ...], target: tuple[Digest, ...]) -> bool:
    """Whether the base's are the target's first ones. Nothing is a prefix of everything, and counts for none (V6)."""
    return bool(base) and base == target[: len(base)]


def fit(desk: Desk, target: PlatformImage, base: PlatformImage) -> Steps[Fit]:
    """Return how the base lies under the target. Configs are asked for only where the digests differ (C1)."""
    if is_prefix(base.layer_digests, target.layer_digests):
        return "digests"
    if not base.layers or len(base.layers) > len(target.layers):
        return "rewritten" if is_rewritten(target, len(base.layers)) else "none"
    if is_rewritten(target, len(base.layers)):
        return "rewritten"
    ours = (yield from read_config(desk, target)).diff_ids
    if ours is None:
        return "none"
    theirs = (yield from read_config(desk, base)).diff_ids
    return "content" if theirs is not None and is_prefix(theirs, ours) else "none"


def same_layers(desk: Desk, one: PlatformImage, other: PlatformImage) -> Steps[bool]:
    """Return whether two images have the same layers, as stored or once unpacked; neither may be more than a prefix (C3)."""
    if one.layer_digests == other.layer_digests:
        return True
    if len(one.layers) != len(other.layers):
        return False
    ours = (yield from read_config(desk, one)).diff_ids
    theirs = (yield from read_config(desk, other)).diff_ids
    return ours is not None and ours == theirs


def is_rewritten(target: PlatformImage, depth: int) -> bool:
    """Whether any of the first ``depth`` layers was rewritten (C7)."""
    return any(REWRITTEN_TIMESTAMP in layer.annotations for layer in target.layers[:depth])


def is_squashed(target: PlatformImage, base: PlatformImage) -> bool:
    """Whether a target that does not start with the base may be the base flattened: fewer layers, or a single one (C6)."""
    return len(target.layers) < len(base.layers) or len(target.layers) == 1
