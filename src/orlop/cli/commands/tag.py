"""``orlop tag``: the tags of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group

if TYPE_CHECKING:
    from orlop.cli.context import App


tag = Group("tag", help="The tags of a repository.")


@tag.command("list")
@click.argument("repository", metavar="REPO")
@options.output()
@options.curl
@options.connection
@click.pass_obj
def list_(app: App, repository: str) -> None:
    """Print the tags of REPO, all pages."""
    with app.client() as client:
        for name in client.tags(repository):
            app.streams.text(f"{name}\n")
