"""``orlop browse``: a terminal browser of images."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.lazy import Command
from orlop.cli.sources import named
from orlop.errors import UnsupportedError

if TYPE_CHECKING:
    from orlop.cli.context import App


@click.command("browse", cls=Command)
@click.argument("refs", nargs=-1, metavar="[REF [REF]]")
@options.platform
@options.connection
@click.pass_obj
def browse(app: App, refs: tuple[str, ...]) -> None:
    """Look into an image in the terminal: tags, platforms, layers, the files and their text; of two, what differs.

    Needs the extra: pip install 'orlop[tui]'. The keys are at the foot of the screen; q quits.
    """
    if len(refs) > 2:
        raise usage("browse takes one image to look into, or two to compare")
    selector = app.selector(settings=True)
    for ref in refs:
        named(app, ref)
    from importlib.util import find_spec

    from orlop.cli.streams import is_terminal

    if find_spec("textual") is None:
        error = UnsupportedError("browsing", "this installation", "Textual is not installed")
        raise error.with_hint("pip install 'orlop[tui]'")

    if not (is_terminal(sys.stdin) and app.streams.terminal):
        error = UnsupportedError("browsing", "standard input and output", "it needs a terminal")
        raise error.with_hint("orlop image ls, cat and compare answer in a pipe")
    from orlop.browse.app import browse as run

    app.draws = True
    with app.client() as client:
        run(client, refs, platform=selector)
