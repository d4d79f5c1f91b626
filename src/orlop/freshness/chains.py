"""Chain ids: names for stacks of layers, by which an image's base is found without being declared (E10); and the seam in a history (E11)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.freshness.values import Evidence
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.model.imageconfig import ImageConfig


def chain_ids(diff_ids: Sequence[Digest]) -> tuple[Digest, ...]:
    """Return the chain id of the first layer, of the first two, and so on.

    Empty layers that an image lists count like all others; history steps without a layer do not, other than in deps.dev's chains.
    Rule: image-spec 1.1, config.md ("Layer ChainID").
    """
    made: list[Digest] = []
    for diff_id in diff_ids:
        if not made:
            made.append(diff_id)
            continue
        text = f"{made[-1].value} {diff_id.value}"
        made.append(Digest.trusted("sha256:" + hashlib.sha256(text.encode()).hexdigest()))
    return tuple(made)


def history_seam(config: ImageConfig) -> Evidence | None:
    """Return a guess where the base ends: right above the last CMD or ENTRYPOINT that a filled layer follows.

    A base sets its command last, and the image built on it goes on with files. It is a guess for people, and never decides. None where
    the history shows no such place, or does not tell of each layer.
    """
    try:
        steps, layers = config.history, len(config.diff_ids)
    except OrlopError:
        return None
    if sum(not step.empty_layer for step in steps) != layers:
        return None
    filled, seam = 0, None
    pending = False
    for step in steps:
        if step.empty_layer:
            pending = pending or _sets_command(step.created_by)
            continue
        if pending and filled:
            seam = filled
        pending = False
        filled += 1
    if seam is None:
        return None
    return Evidence(
        "history", None, "unchecked", f"the history suggests that the first {seam} layers are the base's", seam
    )


def _sets_command(created_by: str) -> bool:
    """Whether a step sets the command, in the form of the classic builder (``#(nop)  CMD``) or of BuildKit and Buildah (``CMD [...]``)."""
    words = created_by.partition("#(nop)")[2].split(None, 1) or created_by.split(None, 1)
    return bool(words) and words[0].upper() in {"CMD", "ENTRYPOINT"}
