"""``orlop image compare layers``: two images, layer by layer, as dredge shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import comparing, options
from orlop.cli.lazy import Command
from orlop.cli.render import Answer
from orlop.cli.sidebyside import GREEN, INVERTED, RED, Cell, columns_of, frame, paint
from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.compare.layers import LayerPair, LayersComparison, LayerSide

_WORDS = {"equal": "Equal", "notEqual": "Not Equal", "added": "Added", "removed": "Removed"}
_EMPTY = "<empty layer>"


@click.command("layers", cls=Command)
@comparing.two
@click.option("--history", is_flag=True, help="With the steps that made the layers, also those that made none.")
@click.option("--compressed-size", is_flag=True, help="With the sizes of the layers as they are stored.")
@comparing.no_color
@options.platform
@comparing.fields_output
@options.curl
@options.connection
@click.pass_obj
def layers(app: App, base: str, target: str, history: bool, compressed_size: bool) -> None:
    """Compare the layers of two images position by position: equal, not equal, added or removed.

    With --history the steps have to be equal too. JSON has dredge's shape.
    """
    from orlop.model.platform import PlatformSelector

    selector = app.selector(settings=True) or PlatformSelector()

    async def question(client: AsyncClient, left: Any, right: Any) -> LayersComparison:
        return await client.compare_layers(
            left,
            right,
            platform=selector,
            strict_platform=app.platform_given,
            history=history,
            compressed_size=compressed_size,
        )

    def answer(found: LayersComparison) -> Answer:
        colour = comparing.coloured(app)
        more = history or compressed_size
        return Answer(
            document=found.to_json,
            plain=lambda: _inline(found, more=more, colour=colour),
            table=lambda _: _side_by_side(found, (base, target), columns_of(app), more=more, colour=colour),
            items=lambda: [pair.to_json() for pair in found.layers],
            known=True,
        )

    comparing.compare(app, (base, target), question, answer=answer, equal=lambda found: found.equal)


def _styles(pair: LayerPair, *, colour: bool) -> tuple[str, str]:
    if not colour or pair.diff == "equal":
        return "", ""
    return RED, GREEN


def _lines(side: LayerSide) -> Iterator[str]:
    """Yield what is said of a layer: its digest, then what was asked for."""
    yield side.digest.value if side.digest is not None else _EMPTY
    if side.history is not None:
        yield safe(side.history)
    if side.compressed_size is not None:
        yield f"Size (compressed): {dredge_size(side.compressed_size)}"


def _side_by_side(found: LayersComparison, refs: tuple[str, str], columns: int, *, more: bool, colour: bool) -> str:
    rows: list[list[Cell]] = []
    for at, pair in enumerate(found.layers):
        styles = _styles(pair, colour=colour)
        said = [list(_lines(side)) if side is not None else [] for side in (pair.base, pair.target)]
        for number in range(max(map(len, said))):
            cells = [
                Cell(lines[number] if number < len(lines) else "", _joined(style, inverted=more and not number))
                for lines, style in zip(said, styles, strict=True)
            ]
            if not colour:
                cells.insert(1, Cell(_WORDS[pair.diff] if not number else ""))
            rows.append(cells)
        if more and at + 1 < len(found.layers):
            rows.append([Cell() for _ in range(2 if colour else 3)])
    headings = list(refs) if colour else [refs[0], "Compare", refs[1]]
    return frame(headings, rows, columns=columns, centred=() if colour else (1,), colour=colour)


def _joined(style: str, *, inverted: bool) -> str:
    return ";".join(one for one in (INVERTED if inverted else "", style) if one)


def _inline(found: LayersComparison, *, more: bool, colour: bool) -> str:
    made: list[str] = []
    for at, pair in enumerate(found.layers):
        sides = [(pair.base, "  " if pair.diff == "equal" else "- ", _styles(pair, colour=colour)[0])]
        if pair.diff != "equal":
            sides.append((pair.target, "+ ", _styles(pair, colour=colour)[1]))
        for side, sign, style in sides:
            if side is not None:
                made += [paint(sign + line, style, colour=colour) for line in _lines(side)]
        if more and at + 1 < len(found.layers):
            made.append("")
    return "".join(f"{line}\n" for line in made)


def dredge_size(count: int) -> str:
    """Return a count of bytes as dredge writes it: 3.4 MB, steps of 1024."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if round(amount, 1) < 1000 or unit == "TB":
            return f"{amount:,.1f}".removesuffix(".0") + f" {unit}"
        amount /= 1024
    raise AssertionError("unreachable")
