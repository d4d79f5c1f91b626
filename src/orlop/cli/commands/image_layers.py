"""``orlop image layers``: the layers of an image, and the steps that made them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.images import checked
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns
from orlop.cli.sources import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.history import LayerList, LayerRow, Step

_LONGEST_STEP = 80
_EMPTY = "<empty layer>"


@click.command("layers", cls=Command)
@options.refs()
@click.option("--history", "whole", is_flag=True, help="Also the steps that made no layer, in their order.")
@click.option("--unpacked", is_flag=True, help="Read layers whose unpacked size is not known yet.")
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def layers(app: App, refs: tuple[str, ...], whole: bool, unpacked: bool) -> None:
    """Print the layers of an image from the bottom up: digest, media type, sizes, and the step that made each.

    The unpacked size is told where the layer has been read before. JSON has all steps with all they say.
    """
    from orlop.model.platform import PlatformSelector

    selector = app.selector(settings=True) or PlatformSelector()

    async def question(client: AsyncClient, ref: str) -> LayerList:
        found = await client.layers(named(app, ref), platform=selector, unpacked=unpacked)
        checked(app, found.image, selector, ref)
        return found

    def answer(ref: str, found: LayerList) -> Answer:
        if found.history.remark:
            app.warn(f"{ref}: {found.history.remark}")
        rows = _rows(found, whole=whole)
        return Answer(
            document=lambda: {"reference": ref, **_fields(found)},
            plain=lambda: columns([_plain(*row) for row in rows]),
            table=lambda paint: _table(paint, rows),
            items=lambda: [_layer(row) for row in found.rows],
            known=True,
        )

    def line(_: str, found: LayerList) -> bytes:
        return json.dumps(_fields(found), separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=answer, line=line)


def _rows(found: LayerList, *, whole: bool) -> list[tuple[LayerRow | None, Step | None]]:
    """Return layers with their steps; with ``whole`` every step, in place where it is told which layer each made."""
    if not whole:
        return [(row, row.step) for row in found.rows]
    if not found.history.agrees:
        return [*((row, None) for row in found.rows), *((None, step) for step in found.history.steps)]
    return [(None if step.layer is None else found.rows[step.layer], step) for step in found.history.steps]


def _plain(row: LayerRow | None, step: Step | None) -> Sequence[str]:
    from orlop.image.history import short_text

    text = short_text(step.entry) if step is not None else ""
    if row is None:
        return ["", _EMPTY if step is not None and step.entry.empty_layer else "", "", "", "", text]
    described = row.layer.descriptor
    unpacked = "" if row.unpacked_size is None else str(row.unpacked_size)
    return [str(row.layer.index), described.digest.value, described.media_type, str(described.size), unpacked, text]


def _table(paint: Paint, rows: Sequence[tuple[LayerRow | None, Step | None]]) -> str:
    from orlop.cli.table import size, table

    cells = []
    for row, step in rows:
        index, digest, media_type, _, _, text = _plain(row, step)
        packed = size(row.layer.size) if row is not None else ""
        known = row.unpacked_size if row is not None else None
        shown = text if len(text) <= _LONGEST_STEP else text[: _LONGEST_STEP - 1] + "…"
        cells.append([index, digest, packed, "" if known is None else size(known), media_type, shown])
    headings = ["LAYER", "DIGEST", "SIZE", "UNPACKED", "MEDIA TYPE", "MADE BY"]
    return table(paint, headings, cells, right=(0, 2, 3))


def _fields(found: LayerList) -> dict[str, Any]:
    image = found.image
    return {
        "digest": image.digest.value,
        "platform": str(image.platform) if image.platform else None,
        "size": image.size,
        "remark": found.history.remark or None,
        "layers": [_layer(row) for row in found.rows],
        "history": [_step(step) for step in found.history.steps],
    }


def _layer(row: LayerRow) -> dict[str, Any]:
    described = row.layer.descriptor
    return {
        "index": row.layer.index,
        "digest": described.digest.value,
        "mediaType": described.media_type,
        "size": described.size,
        "unpackedSize": row.unpacked_size,
        "diffId": row.layer.diff_id.value if row.layer.diff_id else None,
        "urls": list(described.urls),
        "annotations": dict(described.annotations),
        "history": _step(row.step) if row.step is not None else None,
    }


def _step(step: Step) -> dict[str, Any]:
    entry = step.entry
    return {
        "step": step.number,
        "layer": step.layer,
        "emptyLayer": entry.empty_layer,
        "created": entry.created,
        "createdBy": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
    }
