"""``orlop blob``: layers and other content, by digest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.lazy import Group
from orlop.cli.sources import named
from orlop.cli.streams import safe
from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop import Client, Reference
    from orlop.cli.context import App
    from orlop.model.locator import Locator

blob = Group("blob", help="Layers and other content, by digest.")


@blob.command("get")
@click.argument("ref", metavar="REPO@DIGEST")
@click.option(
    "--to", metavar="FILE", help="Write to this file; it appears when it is whole, and a broken download goes on."
)
@options.curl
@options.connection
@click.pass_obj
def get(app: App, ref: str, to: str | None) -> None:
    """Write a blob to standard output, or to a file, checked against its digest.

    Standard output has been written when a wrong digest is noticed: then the exit status is 5.
    """
    reference = named(app, ref)
    if reference.digest is None:
        error = InputError(ref, "a blob is named REPO@DIGEST")
        error.noun = "the name of a blob"
        raise error.with_hint(f"orlop manifest get {ref} shows the digests of its layers")
    with app.client() as client:
        if app.options.get("curl"):
            with client.blob(reference) as chunks:
                next(chunks, b"")
            app.curl_to = "" if to in {None, "-"} else str(to)
        elif to is None or to == "-":
            _to_output(app, client, reference)
        else:
            _to_file(app, client, reference, to)


def _to_file(app: App, client: Client, reference: Reference | Locator, to: str) -> None:
    from orlop.cli.progress import Progress
    from orlop.cli.table import size

    if os.path.isdir(to):
        raise usage(f"{to} is a folder: --to names a file")
    with Progress(app, "blob") as progress:
        written = client.download(reference, to, progress=progress.at if app.streams.error_terminal else None)
    if app.streams.error_terminal:
        app.streams.note(f"{size(written)} in {to}")


def _to_output(app: App, client: Client, reference: Reference | Locator) -> None:
    with client.blob(reference) as chunks:
        if app.streams.terminal:
            _to_terminal(app, chunks)
            return
        for chunk in chunks:
            app.streams.write(chunk)


def _to_terminal(app: App, chunks: Iterator[bytes]) -> None:
    """Show text; what is no text would only harm the terminal."""
    first = True
    for chunk in chunks:
        text = chunk.decode("utf-8", "replace")
        if first and ("\0" in text or text.count("\ufffd") > len(text) // 50):
            raise usage("this blob is not text, and standard output is a terminal").with_hint(
                "write it to a file: --to FILE"
            )
        first = False
        app.streams.text(safe(text, keep="\n\t"))
    app.streams.text("\n")
