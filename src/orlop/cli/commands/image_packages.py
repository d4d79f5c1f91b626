"""``orlop image packages``: what is installed in an image, and bills of materials of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.images import chosen
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns, document
from orlop.cli.table import facts, table
from orlop.errors import InputError
from orlop.layer.packages.package import KINDS

if TYPE_CHECKING:
    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.packages.find import PackageList
    from orlop.layer.packages.package import Package

BILLS = ("cyclonedx", "spdx")
_WARNINGS = 10


@click.command("packages", cls=Command)
@options.refs()
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Packages of this kind; may be repeated."
)
@click.option("--layer", type=click.IntRange(0), metavar="N", help="Only what appeared in this layer; 0 is the lowest.")
@options.platform
@options.output_with(*BILLS)
@options.batch
@options.curl
@options.connection
@click.pass_obj
def packages(app: App, refs: tuple[str, ...], kinds: tuple[str, ...], layer: int | None) -> None:
    """Print the packages of an image: name, version, kind, architecture, and the layer that each appeared in.

    Read from the databases of dpkg, apk and rpm, from what Python, npm and Java packages say of themselves, and from Go
    programs. --output cyclonedx and spdx are bills of materials; their time is the image's, or SOURCE_DATE_EPOCH.
    """
    from orlop.model.platform import PlatformSelector

    selector = app.selector(settings=True) or PlatformSelector()
    created = _created(app)

    async def question(client: AsyncClient, ref: str) -> PackageList:
        from orlop.cli.sources import named

        if app.platform_given:
            await chosen(app, client, ref, selector)
        return await client.packages(named(app, ref), platform=selector, kinds=kinds, layer=layer)

    def answer(ref: str, found: PackageList) -> Answer:
        for note in found.notes[:_WARNINGS]:
            app.warn(str(note))
        if len(found.notes) > _WARNINGS:
            app.warn(f"and {len(found.notes) - _WARNINGS} more; --output json has all")
        if (bill := app.options.get("output")) in BILLS:
            made = found.cyclonedx(created=created) if bill == "cyclonedx" else found.spdx(created=created)
            return Answer(document=lambda: made, plain=lambda: document(made, indent=app.streams.terminal))
        return Answer(
            document=found.to_json,
            plain=lambda: columns([_row(package) for package in found.packages]),
            table=lambda paint: _table(paint, ref, found),
            items=lambda: [package.to_json() for package in found.packages],
            known=True,
        )

    def line(_: str, found: PackageList) -> bytes:
        fields = found.to_json()
        del fields["reference"]
        return json.dumps(fields, separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=answer, line=line)


def _created(app: App) -> str:
    """Return the time that SOURCE_DATE_EPOCH sets for bills of materials. Raises InputError."""
    given = app.environ.get("SOURCE_DATE_EPOCH", "")
    if not given or app.options.get("output") not in BILLS:
        return ""
    from orlop.image.packages.bill import from_epoch

    try:
        return from_epoch(given)
    except ValueError as error:
        wrong = InputError(given, "it counts seconds since 1970")
        wrong.noun = "a value of SOURCE_DATE_EPOCH"
        raise wrong from error


def _row(package: Package) -> list[str]:
    return [package.name, package.version, package.kind, package.architecture, str(package.layer)]


def _table(paint: Paint, ref: str, found: PackageList) -> str:
    distribution = found.distribution
    head = facts(
        paint,
        [
            ("Reference", ref),
            ("Digest", found.image.digest.value),
            ("Platform", str(found.image.platform or "")),
            ("Distribution", distribution.name or f"{distribution.id} {distribution.version}".strip()),
            ("Packages", str(len(found.packages))),
        ],
    )
    if not found.packages:
        return head
    headings = ["NAME", "VERSION", "KIND", "ARCH", "LAYER"]
    return f"{head}\n{table(paint, headings, map(_row, found.packages), right=(4,))}"
