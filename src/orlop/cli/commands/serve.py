"""``orlop serve``: run a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from orlop.cli.context import App


@click.command("serve", cls=Command)
@click.option("--root", metavar="DIR", help="Keep everything in this folder; without it, in memory.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Listen on this port; 0, the default, is a free one.",
)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Listen on this address (127.0.0.1).")
@options.debug
@click.pass_obj
def serve(app: App, root: str | None, port: int, host: str) -> None:
    """Run a registry until Ctrl-C. Its URL is printed once it answers.

    It has no accounts: whoever reaches it may read and write, so it listens on the loopback address unless told otherwise.
    """
    from orlop.server.run import serve as run

    def ready(url: str) -> None:
        app.streams.text(f"{url}\n")
        app.streams.flush()
        if app.streams.error_terminal:
            app.streams.note("Ctrl-C ends it")

    run(root, host, port, ready=ready, grace_s=2.0)
