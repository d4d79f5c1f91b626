"""``orlop image export``: the files of an image as one archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.archives import write_archive
from orlop.cli.filesview import limit_option
from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from orlop.cli.context import App


@click.command("export", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("file", metavar="[FILE]", default="-")
@limit_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def export(app: App, ref: str, file: str, limit: int | None) -> None:
    """Write the files of an image as one tar archive, its layers merged; without FILE, or with -, to standard output.

    Owners, modes, times and extended attributes are the image's. The same image gives the same bytes. A FILE appears when
    it is whole; standard output has no end of an archive where something is wrong, and the exit status is 5.
    """
    write_archive(app, ref, file, limit=limit)
