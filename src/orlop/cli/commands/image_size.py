"""``orlop image size``: what images weigh, share and waste, and rules for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import is_batch, references
from orlop.cli.context import usage
from orlop.cli.images import checked
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns, show
from orlop.cli.settings import parse_size
from orlop.cli.sources import named
from orlop.cli.status import NEGATIVE
from orlop.errors import InputError, LocalError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from orlop.cli.context import App
    from orlop.image.size import ImageSize, LayerSize, Rules, SharedLayer, SizeReport, WastedFile

_RULES = ("lowestEfficiency", "highestWastedBytes", "highestUserWastedPercent")
_SHARE = "a fraction from 0 to 1, or a percentage with %"


def _share(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else share(value, 1 if parameter.name == "lowest_efficiency" else None)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not {error}.", ctx, parameter) from None


def _bytes(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not {error}.", ctx, parameter) from None


def share(text: str, most: float | None = None) -> float:
    """Return the fraction that ``0.95`` or ``95%`` means. most: what it may be. Raises ValueError."""
    number = text.strip()
    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise ValueError(_SHARE) from None
    if not 0 <= value < float("inf") or (most is not None and value > most):
        raise ValueError(_SHARE)
    return value


@click.command("size", cls=Command)
@options.refs()
@click.option("--base", metavar="REF", help="The image that they are built on: it counts only where it is hidden.")
@click.option("--no-files", is_flag=True, help="Tell sizes and sharing alone: no layer is fetched.")
@click.option("--top", type=click.IntRange(0), metavar="N", help="Wasted files to list: all in JSON, 20 in a table.")
@click.option("--lowest-efficiency", metavar="FRACTION", callback=_share, help="Exit status 1 below this: 0.95 or 95%.")
@click.option(
    "--highest-wasted-bytes", metavar="SIZE", callback=_bytes, help="Exit status 1 when more is wasted: 20MB."
)
@click.option(
    "--highest-user-wasted-percent",
    metavar="FRACTION",
    callback=_share,
    help="Exit status 1 when more is wasted, against the layers above the base: 0.1.",
)
@click.option("--rules", metavar="FILE", help="Take these rules from a file, as dive's .dive-ci; options go first.")
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def size(
    app: App,
    refs: tuple[str, ...],
    base: str | None,
    no_files: bool,
    top: int | None,
    lowest_efficiency: float | None,
    highest_wasted_bytes: int | None,
    highest_user_wasted_percent: float | None,
    rules: str | None,
) -> None:
    """Print what images weigh, what layers they share, and what they store that nobody can see.

    Wasted is what an upper layer removed or replaced; efficiency is the part of the stored bytes that is seen.
    docs/guide/size.md has the definition. The exit status is 1 when an image does not keep to a rule.
    """
    from orlop.image.size import Rules
    from orlop.model.platform import PlatformSelector

    of_file = read_rules(rules) if rules else Rules()
    wanted = Rules(
        of_file.lowest_efficiency if lowest_efficiency is None else lowest_efficiency,
        of_file.highest_wasted_bytes if highest_wasted_bytes is None else highest_wasted_bytes,
        of_file.highest_user_wasted_percent if highest_user_wasted_percent is None else highest_user_wasted_percent,
    )
    if no_files and wanted != Rules():
        raise usage("--no-files tells no waste, and a rule needs it: leave one out")
    is_batch(app, refs)
    selector = app.selector(settings=True) or PlatformSelector()
    names = list(references(app, refs))
    places = [named(app, name) for name in names]
    below = named(app, base) if base else None
    with app.client() as client:
        report = client.size(places, platform=selector, base=below, files=not no_files)
    for name, one in zip(names, report.images, strict=True):
        checked(app, one.image, selector, name)
    view = _View(names, report, wanted, top)
    show(
        app,
        Answer(
            document=view.document,
            plain=view.plain,
            table=lambda paint: _table(paint, view),
            items=view.images,
            known=True,
        ),
    )
    for name, verdicts in zip(names, view.verdicts, strict=True):
        for verdict in verdicts:
            if not verdict.passed:
                app.status = max(app.status, NEGATIVE)
                app.streams.note(f"{name}: {verdict.name} is {verdict.limit:g}, and this is {verdict.value:g}")


class _View:
    """The answer in its forms. top: how many wasted files to list, None for the form's own number."""

    def __init__(self, names: Sequence[str], report: SizeReport, rules: Rules, top: int | None) -> None:
        self.names, self.report, self.top = names, report, top
        self.verdicts = [rules.check(one.waste) if one.waste is not None else [] for one in report.images]

    def document(self) -> dict[str, Any]:
        """Return all as JSON."""
        return {
            "size": self.report.size,
            "unpackedSize": self.report.unpacked_size,
            "passed": all(verdict.passed for verdicts in self.verdicts for verdict in verdicts),
            "images": self.images(),
            "shared": [self._shared(one) for one in self.report.shared],
        }

    def images(self) -> list[dict[str, Any]]:
        """Return an object for each image."""
        return [self._image(at, one) for at, one in enumerate(self.report.images)]

    def plain(self) -> str:
        """Return a line for each image: reference, size, unpacked size, wasted bytes, efficiency."""
        return columns(
            [
                [
                    name,
                    str(one.size),
                    "" if one.unpacked_size is None else str(one.unpacked_size),
                    *([str(one.waste.wasted), f"{one.waste.efficiency:.4f}"] if one.waste is not None else []),
                ]
                for name, one in zip(self.names, self.report.images, strict=True)
            ]
        )

    def _image(self, at: int, one: ImageSize) -> dict[str, Any]:
        made: dict[str, Any] = {
            "reference": self.names[at],
            "digest": one.image.digest.value,
            "platform": str(one.image.platform) if one.image.platform else None,
            "size": one.size,
            "unpackedSize": one.unpacked_size,
            "sharedSize": one.shared,
            "baseLayers": one.base_layers,
            "missingLayers": list(one.missing),
            "layers": [_layer(row) for row in one.layers],
        }
        waste = one.waste
        if waste is not None:
            made |= {
                "storedBytes": waste.stored,
                "wastedBytes": waste.wasted,
                "userBytes": waste.user,
                "efficiency": waste.efficiency,
                "userWastedPercent": waste.user_share,
                "wastedFiles": [_file(file) for file in waste.files[: self.top]],
            }
        made["rules"] = [
            {"rule": verdict.name, "limit": verdict.limit, "value": verdict.value, "passed": verdict.passed}
            for verdict in self.verdicts[at]
        ]
        return made

    def _shared(self, one: SharedLayer) -> dict[str, Any]:
        return {
            "digest": one.descriptor.digest.value,
            "size": one.descriptor.size,
            "unpackedSize": one.unpacked_size,
            "images": [self.names[at] for at in one.images],
        }


def _layer(row: LayerSize) -> dict[str, Any]:
    return {
        "index": row.layer.index,
        "digest": row.layer.descriptor.digest.value,
        "size": row.layer.size,
        "unpackedSize": row.unpacked_size,
        "storedBytes": row.stored,
        "wastedBytes": row.wasted,
    }


def _file(file: WastedFile) -> dict[str, Any]:
    return {
        "path": f"/{file.path}",
        "wastedBytes": file.wasted,
        "copies": file.copies,
        "layers": list(file.layers),
        "removed": file.removed,
    }


def _table(paint: Any, view: _View) -> str:
    from orlop.cli.sizeview import size_tables

    return size_tables(paint, view.names, view.report, view.verdicts, 20 if view.top is None else view.top)


def read_rules(path: str) -> Rules:
    """Return the rules of a file such as dive's: lines ``lowestEfficiency: 0.95``; ``disabled`` leaves one out.

    Raises LocalError, and InputError for a rule that there is not or whose value is none.
    """
    from orlop.image.size import Rules

    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(64 * 1024).splitlines()
    except OSError as error:
        raise LocalError(path, f"cannot be read: {error.strerror}") from error
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip(), value.strip().strip("'\"")
        if not colon or not value or name == "rules":
            continue
        if name not in _RULES:
            raise _wrong(name, f"{path}: the rules are {', '.join(_RULES)}", "a rule")
        if value not in {"disabled", "~", "null"}:
            found[name] = value
    try:
        efficiency, wasted, user = (found.get(name) for name in _RULES)
        return Rules(
            None if efficiency is None else share(efficiency, 1),
            None if wasted is None else parse_size(wasted),
            None if user is None else share(user),
        )
    except ValueError as error:
        raise _wrong(path, f"a value in it is not {error}", "a file of rules") from None


def _wrong(text: str, reason: str, noun: str) -> InputError:
    error = InputError(text, reason)
    error.noun = noun
    return error
