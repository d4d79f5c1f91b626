"""``orlop registry``: a registry itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group
from orlop.cli.render import Answer, show
from orlop.cli.sources import registry_named

if TYPE_CHECKING:
    from orlop import Ping
    from orlop.cli.context import App
    from orlop.cli.render import Paint

registry = Group("registry", help="A registry itself.")


@registry.command("ping")
@click.argument("host", metavar="HOST")
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def ping(app: App, host: str) -> None:
    """Ask whether a registry answers at HOST, and how it wants to be signed in to."""
    registry_host = registry_named(app, host)
    with app.client() as client:
        show(app, _answer(client.ping(registry_host.value)))


def _answer(found: Ping) -> Answer:
    document = {
        "host": found.host,
        "url": found.url,
        "status": found.status,
        "apiVersion": found.api_version or None,
        "schemes": list(found.schemes),
        "realm": found.realm or None,
        "signedIn": found.signed_in,
        "anonymous": found.anonymous,
        "seen": dict(found.seen),
    }
    return Answer(
        document=lambda: document,
        plain=lambda: f"{found.url} {found.status} {_access(found)}\n",
        table=lambda paint: _facts(paint, found),
        known=True,
    )


def _access(found: Ping) -> str:
    if not found.schemes:
        return "open" if found.status == 200 else "closed"
    if not found.signed_in:
        return f"wants {' or '.join(found.schemes)}"
    return "open, with a token" if found.anonymous else "signed in"


def _facts(paint: Paint, found: Ping) -> str:
    from orlop.cli.table import facts

    return facts(
        paint,
        [
            ("Registry", found.host),
            ("URL", found.url),
            ("Status", str(found.status)),
            ("Access", _access(found)),
            ("Tokens from", found.realm),
            ("API version", found.api_version),
            *((name.replace("-", " ").capitalize(), value) for name, value in found.seen.items()),
        ],
    )
