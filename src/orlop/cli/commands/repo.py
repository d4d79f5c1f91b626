"""``orlop repo``: the repositories of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group
from orlop.cli.lists import show_names, show_pages
from orlop.cli.render import mode_of
from orlop.cli.sources import registry_named

if TYPE_CHECKING:
    from orlop.cli.context import App

repo = Group("repo", help="The repositories of a registry.")


@repo.command("list")
@click.argument("registry", metavar="REGISTRY")
@options.output
@options.curl
@options.connection
@click.pass_obj
def list_(app: App, registry: str) -> None:
    """Print the repositories of REGISTRY, all pages. Not every registry has a catalog: Docker Hub and GHCR have none."""
    host = registry_named(app, registry)
    with app.client() as client:
        if mode_of(app) == "raw":
            show_pages(app, client, host.value, "/v2/_catalog?n=1000")
        else:
            show_names(app, "repository", (str(name) for name in client.catalog(host.value)))
