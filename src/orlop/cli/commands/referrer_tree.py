"""``orlop referrer tree``: all that is attached to an image, decoded, as one tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.lazy import Command
from orlop.cli.render import Answer
from orlop.cli.sources import named

if TYPE_CHECKING:
    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.attachments import AttachmentTree


def read_size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Return the bytes that an option's text means."""
    from orlop.cli.settings import parse_size

    if value is None:
        return None
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not {error}.", ctx, parameter) from None


@click.command("tree", cls=Command)
@options.refs()
@click.option("--depth", type=click.IntRange(1, 100), metavar="N", help="Levels of attachments to attachments (8).")
@click.option(
    "--payload-limit",
    metavar="SIZE",
    callback=read_size,
    help="Largest payload that is read and decoded (4MiB); 0 reads none.",
)
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def tree(app: App, refs: tuple[str, ...], depth: int | None, payload_limit: int | None) -> None:
    """Print all that is attached to REF as one tree: signatures, attestations, SBOMs and files, decoded.

    Found through the referrers API or its fallback tag, cosign's tags (sha256-HEX.sig, .att, .sbom), and BuildKit's attestations in
    the index; of an index, for each of its platforms as well, and what is attached to attachments in turn. Nothing is
    verified: signatures and certificates are shown as they are written.
    """
    selector = app.selector(settings=False)

    async def question(client: AsyncClient, ref: str) -> AttachmentTree:
        return await client.attachments(named(app, ref), platform=selector, depth=depth, read_limit=payload_limit)

    def line(_: str, found: AttachmentTree) -> bytes:
        from orlop.cli.commands.referrer_views import tree_json

        fields = tree_json(found)
        del fields["reference"]
        return json.dumps(fields, separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=lambda _, found: _answer(found), line=line)


def _answer(found: AttachmentTree) -> Answer:
    from orlop.cli.commands import referrer_views as views

    return Answer(
        document=lambda: views.tree_json(found),
        plain=lambda: views.tree_plain(found),
        table=lambda paint: views.tree_table(paint, found),
        items=lambda: views.tree_items(found),
        known=True,
    )
