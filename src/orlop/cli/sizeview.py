"""What images weigh, as tables for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.table import facts, size, table
from orlop.cli.views import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.cli.render import Paint
    from orlop.image.size import ImageSize, SizeReport, Verdict, Waste


def size_tables(
    paint: Paint, names: Sequence[str], report: SizeReport, verdicts: Sequence[Sequence[Verdict]], top: int
) -> str:
    """Return each image with its layers, wasted files and rules, and then what several images share.

    names: of the images. verdicts: of each. top: how many wasted files are listed.
    """
    parts = [
        _image(paint, name, one, rules, top, alone=len(names) == 1)
        for name, one, rules in zip(names, report.images, verdicts, strict=True)
    ]
    if len(names) > 1:
        parts.append(_together(paint, report))
    return "\n".join(parts)


def _image(paint: Paint, name: str, one: ImageSize, rules: Sequence[Verdict], top: int, *, alone: bool) -> str:
    waste = one.waste
    above = "above the base" if one.base_layers else "above the first layer"
    pairs = [
        ("Reference", name),
        ("Platform", str(one.image.platform) if one.image.platform else ""),
        ("Digest", one.image.digest.value),
        ("Size", f"{size(one.size)} in {counted(len(one.layers), 'layer')}"),
        ("Unpacked", _known(one.unpacked_size)),
        ("Shared", "" if alone else f"{size(one.shared)} with others here"),
        ("Base", counted(one.base_layers, "layer") if one.base_layers else ""),
    ]
    if waste is not None:
        pairs += [
            ("Wasted", f"{size(waste.wasted)} in {counted(len(waste.files), 'file')}"),
            ("Efficiency", _percent(waste.efficiency)),
            ("User wasted", f"{_percent(waste.user_share)} of {size(waste.user)} {above}"),
        ]
    if one.missing:
        pairs.append(("Left out", f"foreign and not here: layer {', '.join(map(str, one.missing))}"))
    parts = [facts(paint, pairs), _layers(paint, one)]
    if waste is not None and waste.files and top:
        parts.append(_files(paint, waste, top))
    if rules:
        parts.append(_rules(paint, rules))
    return "\n".join(parts)


def _layers(paint: Paint, one: ImageSize) -> str:
    rows = [
        [
            str(row.layer.index),
            row.layer.descriptor.digest.value,
            size(row.layer.size),
            _known(row.unpacked_size),
            _known(row.stored),
            _known(row.wasted),
        ]
        for row in one.layers
    ]
    return table(paint, ["LAYER", "DIGEST", "SIZE", "UNPACKED", "FILES", "WASTED"], rows, right=(0, 2, 3, 4, 5))


def _files(paint: Paint, waste: Waste, top: int) -> str:
    rows = [
        [
            size(file.wasted),
            str(file.copies),
            " ".join(map(str, file.layers)),
            "removed" if file.removed else "",
            f"/{file.path}",
        ]
        for file in waste.files[:top]
    ]
    more = len(waste.files) - len(rows)
    text = table(paint, ["WASTED", "COPIES", "LAYERS", "NOW", "PATH"], rows, right=(0, 1))
    return text + (paint.faint(f"and {counted(more, 'file')} more: --top, or --output json") + "\n" if more else "")


def _rules(paint: Paint, rules: Sequence[Verdict]) -> str:
    def shown(verdict: Verdict, value: float) -> str:
        return size(int(value)) if verdict.name == "highestWastedBytes" else f"{value:.4g}"

    rows = [
        [one.name, shown(one, one.limit), shown(one, one.value), "passed" if one.passed else "FAILED"] for one in rules
    ]
    return table(paint, ["RULE", "LIMIT", "VALUE", "RESULT"], rows, right=(1, 2))


def _together(paint: Paint, report: SizeReport) -> str:
    head = facts(
        paint,
        [
            ("Together", f"{size(report.size)} in distinct layers"),
            ("Unpacked", _known(report.unpacked_size)),
            ("Saved", size(sum(one.size for one in report.images) - report.size)),
        ],
    )
    if not report.shared:
        return head
    rows = [
        [
            one.descriptor.digest.value,
            size(one.descriptor.size),
            _known(one.unpacked_size),
            " ".join(str(at + 1) for at in one.images),
        ]
        for one in report.shared
    ]
    return f"{head}\n{table(paint, ['SHARED LAYER', 'SIZE', 'UNPACKED', 'IMAGES'], rows, right=(1, 2))}"


def _known(count: int | None) -> str:
    return "" if count is None else size(count)


def _percent(part: float) -> str:
    return f"{part * 100:.2f} %"
