"""``orlop referrer list``: the manifests that refer to one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns
from orlop.cli.sources import named

if TYPE_CHECKING:
    from orlop import AsyncClient, Descriptor
    from orlop.cli.context import App
    from orlop.cli.render import Paint


@click.command("list", cls=Command)
@options.refs()
@click.option("--artifact-type", metavar="TYPE", help="Only referrers of this artifact type.")
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def list_(app: App, refs: tuple[str, ...], artifact_type: str | None) -> None:
    """Print the manifests that refer to REF: digest, artifact type and size.

    A registry without the referrers API is asked for its fallback tag. JSON is an index of the referrers' descriptors.
    """

    async def question(client: AsyncClient, ref: str) -> list[Descriptor]:
        return [found async for found in client.referrers(named(app, ref), artifact_type=artifact_type)]

    def line(_: str, found: list[Descriptor]) -> bytes:
        return b'"referrers":' + json.dumps([each.to_json() for each in found], separators=(",", ":")).encode()

    ask(app, refs, question, answer=lambda _, found: _answer(found), line=line)


def _answer(found: list[Descriptor]) -> Answer:
    from orlop.model.mediatype import OCI_INDEX

    def table(paint: Paint) -> str:
        from orlop.cli.table import size, table

        if not found:
            return "no referrers\n"
        headings = ["DIGEST", "ARTIFACT TYPE", "SIZE", "ANNOTATIONS"]
        rows = [[each.digest.value, each.artifact_type, size(each.size), _annotations(each)] for each in found]
        return table(paint, headings, rows, right=(2,))

    return Answer(
        document=lambda: {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [each.to_json() for each in found]},
        plain=lambda: columns([[each.digest.value, each.artifact_type, str(each.size)] for each in found]),
        table=table,
        items=lambda: [each.to_json() for each in found],
    )


def _annotations(found: Descriptor) -> str:
    return ", ".join(f"{name}={value}" for name, value in found.annotations.items())
