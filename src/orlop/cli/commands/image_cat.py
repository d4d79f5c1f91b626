"""``orlop image cat``: files of an image, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.filesview import layer_option, opened
from orlop.cli.lazy import Command
from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop import AsyncClient
    from orlop.cli.context import App


@click.command("cat", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Write what is no text to a terminal, too, as it is.")
@layer_option
@options.platform
@options.curl
@options.connection
@click.pass_obj
def cat(app: App, ref: str, paths: tuple[str, ...], force: bool, layer: int | None) -> None:
    """Write files of an image to standard output, one after the other, as they are.

    Links are followed inside the image. Layers are looked at from the top down; of one that was read before, only the part
    with the file is fetched. Text on a terminal has control characters written out. Contents are checked as they are
    read: a wrong one has been written in part, and the exit status is 5.
    """
    with app.client() as client:
        client.runtime.call(_copy(app, client.steps, ref, paths, layer=layer, force=force))


async def _copy(
    app: App, client: AsyncClient, ref: str, paths: tuple[str, ...], *, layer: int | None, force: bool
) -> None:
    from orlop.image.files import Lookup

    store, image = await opened(app, client, ref)
    lookup = Lookup(store, image, layer=layer, asked=paths)
    streams = app.streams
    try:
        for path in paths:
            async with lookup.read(path) as stream:
                if not streams.terminal or force:
                    async for chunk in stream:
                        streams.write(chunk)
                    continue
                decode = _decoder(path)
                async for chunk in stream:
                    streams.text(safe(decode(chunk), keep="\n\t"))
                streams.text(safe(decode(b""), keep="\n\t"))
    finally:
        lookup.close()


def _decoder(path: str) -> Callable[[bytes], str]:
    """Return what makes text of chunks, an empty one at the end; for what is no text it raises InputError at the beginning."""
    from codecs import getincrementaldecoder

    decoder = getincrementaldecoder("utf-8")("replace")
    first = True

    def decode(chunk: bytes) -> str:
        nonlocal first
        text = decoder.decode(chunk, not chunk)
        if first and ("\0" in text or text.count("\ufffd") > max(len(text) // 50, 1)):
            raise usage(f"{safe(path)} is not text, and standard output is a terminal").with_hint(
                "--force writes it as it is; image extract --to DIR writes it to a file"
            )
        first = False
        return text

    return decode
