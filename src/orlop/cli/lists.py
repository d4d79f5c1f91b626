"""Lists of names: tags, repositories."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.cli.render import TEMPLATE, Paint, document, mode_of
from orlop.cli.streams import safe, safe_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop import Client
    from orlop.cli.context import App


def show_names(app: App, field: str, names: Iterable[str]) -> None:
    """Print names as they come, one a line; as JSON they are an array of strings.

    field: what a template calls them, and the heading of a table.
    """
    mode, streams = mode_of(app), app.streams
    if mode == "json":
        streams.write(document(list(names), indent=streams.terminal))
        return
    streams.pulse()
    if mode == TEMPLATE:
        from orlop.cli.template import Template

        template = Template(app.options["format"])
        for name in names:
            streams.text(template.fill({field: name}, known=True) + "\n")
        return
    heading = Paint(colour=streams.colour).heading(field.upper()) + "\n" if mode == "table" else ""
    for name in names:  # the first may be an error, which needs no heading
        streams.text(f"{heading}{safe(name)}\n")
        heading = ""
    streams.text(heading)


def show_pages(app: App, client: Client, host: str, path: str) -> None:
    """Print the registry's own answers of a list, page after page, to the byte."""
    for page in client.pages(host, path):
        app.streams.write(safe_json(page.body) if app.streams.terminal else page.body)


def names_line(key: str, names: Iterable[object]) -> bytes:
    """Return what a batch line says of a list."""
    return f'"{key}":{json.dumps(list(names), separators=(",", ":"))}'.encode()


def texts(values: Iterable[object]) -> Iterator[str]:
    """Yield each value as text."""
    for value in values:
        yield str(value)
