"""``orlop image save-layers``: the layers of an image into a folder, merged or each for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.commands.image_extract import extracted_json, extracted_text
from orlop.cli.filesview import limit_option, only_asked, opened, tell_notes, written
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, lines, show
from orlop.cli.table import table

if TYPE_CHECKING:
    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.extract import Extracted, Rules


@click.command("save-layers", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("to", metavar="DIR")
@click.option("--no-squash", is_flag=True, help="Each layer into a folder of its own, layer<index>-<digest>.")
@click.option(
    "--layer-index",
    "layer",
    type=click.IntRange(0),
    metavar="N",
    help="Up to and with this layer; with --no-squash this one alone. 0 is the lowest.",
)
@click.option("--force", is_flag=True, help="Into a folder that is not empty: merge folders, replace files in the way.")
@click.option("--no-owner", is_flag=True, help="Make all files this user's own, even as root.")
@limit_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def save_layers(
    app: App,
    ref: str,
    to: str,
    no_squash: bool,
    layer: int | None,
    force: bool,
    no_owner: bool,
    limit: int | None,
) -> None:
    """Write the layers of an image to DIR, which is made, or is empty: merged into one tree unless --no-squash.

    A layer by itself has the files that say what it takes away from those below: .wh.NAME. A pipe gets the folders that
    were written, one a line.
    """
    from orlop.cli.progress import Progress
    from orlop.image.extract import LIMIT, Rules, check_target

    check_target(to, force=force)
    if only_asked(app, ref, layer=layer if no_squash else None, upto=None if no_squash else layer):
        return
    with app.client() as client, Progress(app, "layers") as progress:
        rules = Rules(force, False if no_owner else None, LIMIT if limit is None else limit, progress.at)
        found = written(client, _save(app, client.steps, ref, to, squash=not no_squash, layer=layer, rules=rules))
    for one in found:
        tell_notes(app, one.notes, one.skipped)
    show(
        app,
        Answer(
            document=lambda: [extracted_json(one) for one in found],
            plain=lambda: lines([one.to for one in found]),
            table=lambda paint: table(paint, ("FOLDER", "WRITTEN"), [(one.to, extracted_text(one)) for one in found]),
            known=True,
        ),
    )


async def _save(
    app: App, client: AsyncClient, ref: str, to: str, *, squash: bool, layer: int | None, rules: Rules
) -> list[Extracted]:
    from orlop.image.extract import save_layers as save

    store, image = await opened(app, client, ref)
    return await save(store, image, to, squash=squash, layer=layer, rules=rules)
