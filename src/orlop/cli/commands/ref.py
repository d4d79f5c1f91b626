"""``orlop ref``: references, taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group
from orlop.cli.render import Answer, show
from orlop.cli.sources import named

if TYPE_CHECKING:
    from orlop import Reference
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.model.locator import Locator

ref = Group("ref", help="References, taken apart.")


@ref.command("parse")
@click.argument("text", metavar="REF")
@options.output_without_raw
@options.debug
@click.pass_obj
def parse(app: App, text: str) -> None:
    """Print the whole name of REF, and with --output table or json its parts. Nothing is asked of any registry."""
    reference = named(app, text)
    fields = _fields(reference)
    show(
        app,
        Answer(
            document=lambda: fields,
            plain=lambda: f"{reference}\n",
            table=lambda paint: _facts(paint, fields),
            known=True,
        ),
    )


def _fields(reference: Reference | Locator) -> dict[str, str | None]:
    from orlop.model.locator import Locator

    if isinstance(reference, Locator):
        return {
            "locator": str(reference),
            "scheme": reference.scheme,
            "path": reference.path,
            "repository": reference.repository or None,
            "name": reference.name or None,
            "digest": reference.digest.value if reference.digest else None,
        }
    return {
        "reference": str(reference),
        "registry": reference.host.value,
        "repository": reference.name.value,
        "tag": reference.tag.value if reference.tag else None,
        "digest": reference.digest.value if reference.digest else None,
        "familiar": reference.familiar,
    }


def _facts(paint: Paint, fields: dict[str, str | None]) -> str:
    from orlop.cli.table import facts

    return facts(paint, [(name.capitalize(), value or "") for name, value in fields.items()])
