"""What the commands on the files of an image share: options, the image and its tree, lists of paths, reports."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import click

from orlop.cli.images import chosen
from orlop.cli.render import TEMPLATE, Paint, document, mode_of
from orlop.cli.settings import parse_size
from orlop.cli.sources import named
from orlop.cli.streams import is_safe, safe
from orlop.cli.table import facts, table
from orlop.cli.table import size as size_text

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator
    from typing import Any

    from orlop import AsyncClient, Client, Image
    from orlop.cli.context import App
    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree, Node
    from orlop.layer.attributes import Note

R = TypeVar("R")

_NOTES_SHOWN = 10
_LINES = 1024  # that are written at once


def size_option(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Read an option that is a size, as a callback."""
    try:
        return None if value is None else parse_size(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not {error}.", ctx, parameter) from None


layer_option = click.option(
    "--layer", type=click.IntRange(0), metavar="N", help="This layer alone; 0 is the lowest, image layers lists them."
)
"""Add --layer."""

all_option = click.option(
    "--all", "-a", "everything", is_flag=True, help="Also what upper layers removed or replaced, and which layer did."
)
"""Add --all."""

null_option = click.option(
    "--null", "-0", "null", is_flag=True, help="End each path with a NUL, its bytes as they are: for xargs -0."
)
"""Add --null."""

limit_option = click.option(
    "--limit", metavar="SIZE", callback=size_option, help="Write at most so many bytes of files (64GiB)."
)
"""Add --limit."""


async def opened(app: App, client: AsyncClient, ref: str) -> tuple[LayerStore, Image]:
    """Return the one image that REF and the options choose, and what opens its layers. Raises PlatformChoiceError."""
    from orlop.model.platform import PlatformSelector

    image = await chosen(app, client, ref, app.selector(settings=True) or PlatformSelector())
    at = await client.open(named(app, ref))
    return client.layers_of(at.source), image


def only_asked(app: App, ref: str, *, layer: int | None = None, upto: int | None = None) -> bool:
    """Whether --curl wants the requests instead: then they are made here, a layer's no further than its first bytes."""
    if not app.curl:
        return False

    async def ask(client: AsyncClient) -> None:
        from orlop.image.tree import layer_numbers

        store, image = await opened(app, client, ref)
        for number in layer_numbers(image, layer=layer, upto=upto):
            async with store.source.open(image.layers[number].descriptor) as stream:
                async for _ in stream:
                    break

    with app.client() as client:
        client.runtime.call(ask(client.steps))
    return True


def written(client: Client, work: Coroutine[object, object, R]) -> R:
    """Run what writes files, and return its result; Ctrl-C leaves nothing half."""
    try:
        return client.runtime.call(work)
    except KeyboardInterrupt:
        from orlop.layer.leftovers import abandon

        abandon()
        raise


async def open_files(app: App, client: AsyncClient, ref: str, *, layer: int | None, removed: bool = False) -> ImageTree:
    """Return the tree of that image's files."""
    from orlop.image.tree import open_tree

    store, image = await opened(app, client, ref)
    app.held = tree = await open_tree(store, image, layer=layer, removed=removed)
    return tree


def show_nodes(
    app: App, tree: ImageTree, nodes: Iterable[Node], *, null: bool = False, paths: Iterable[str] | None = None
) -> int:
    """Print paths: a table with all that ls says, or a path a line, or JSON; return how many there were.

    paths: those of the nodes, where they are to be had in less time.
    """
    streams = app.streams
    count = 0
    if null:
        for node in nodes:
            count += 1
            path = f"/{node.path}"
            streams.text((safe(path) if streams.terminal else path) + "\0")
        return count
    mode = mode_of(app, raw=False)
    if mode == "json":
        from orlop.image.files import describe

        found = [describe(tree, node) for node in nodes]
        streams.write(document(found, indent=streams.terminal))
        return len(found)
    if mode == TEMPLATE:
        from orlop.cli.template import Template
        from orlop.image.files import describe

        template = Template(app.options["format"])
        for node in nodes:
            count += 1
            line = template.fill(describe(tree, node), known=True)
            streams.text((safe(line, keep="\n\t") if streams.terminal else line) + "\n")
        return count
    if mode == "table":
        rows = [_row(tree, node) for node in nodes]
        streams.text(
            table(
                Paint(colour=streams.colour),
                ("MODE", "OWNER", "SIZE", "MODIFIED", "LAYER", "REMOVED", "PATH"),
                rows,
                right=(2, 4),
            )
        )
        return len(rows)
    rest = iter(paths) if paths is not None else (node.path for node in nodes)
    while some := list(islice(rest, _LINES)):
        count += len(some)
        if not is_safe("".join(some)):
            some = [safe(path) for path in some]
        streams.text("/" + "\n/".join(some) + "\n")
    return count


def _row(tree: ImageTree, node: Node) -> tuple[str, ...]:
    from orlop.image.files import mode_text
    from orlop.image.tree import GONE
    from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, HARDLINK, SYMLINK

    entry = node.entry
    path = f"/{node.path}"
    if entry.kind == GONE:
        return "", "", "", "", "", "here", path
    size = f"{entry.major}, {entry.minor}" if entry.kind in {CHARACTER, BLOCK_DEVICE} else str(tree.size(node))
    if entry.kind == SYMLINK:
        path += f" -> {entry.link}"
    elif entry.kind == HARDLINK:
        path += f" link to /{entry.link.removeprefix('./').lstrip('/')}"
    removed = f"{'replaced' if node.replaced else 'removed'} by {node.removed_by}" if node.removed else ""
    owner = f"{entry.uname or entry.uid}:{entry.gname or entry.gid}"
    layer = str(node.layer_index) if node.layer_index >= 0 else ""
    return mode_text(entry), owner, size, _minute(entry.mtime_ns) if entry.offset >= 0 else "", layer, removed, path


def _minute(time_ns: int) -> str:
    from orlop.image.files import time_text

    text = time_text(time_ns)
    return text[:16].replace("T", " ") if text[4:5] == "-" else text


def tell_notes(app: App, notes: Iterable[Note], count: int) -> None:
    """Warn of what was left out."""
    shown = 0
    for note in notes:
        if shown == _NOTES_SHOWN:
            break
        app.warn(f"/{safe(note.path)}: {note.reason}")
        shown += 1
    if count > shown:
        app.warn(f"{count - shown} more were left out or changed; --output json lists them")


def notes_json(notes: Iterable[Note]) -> list[dict[str, str]]:
    """Return notes as JSON has them."""
    return [{"path": "/" + note.path.encode("utf-8", "replace").decode(), "reason": note.reason} for note in notes]


def report(app: App, found: Any, pairs: Iterable[tuple[str, str]]) -> None:
    """Tell what was written: facts on a terminal, JSON where it is asked for, nothing in a pipe."""
    from orlop.cli.render import Answer, show

    show(
        app,
        Answer(document=lambda: found, plain=lambda: "", table=lambda paint: facts(paint, pairs), known=True),
    )


def counted(count: int, one: str, many: str = "") -> Iterator[str]:
    """Yield a count in words unless it is nothing."""
    if count:
        yield f"{count} {one if count == 1 else many or one + 's'}"


__all__ = [
    "all_option",
    "counted",
    "layer_option",
    "limit_option",
    "notes_json",
    "null_option",
    "only_asked",
    "open_files",
    "opened",
    "report",
    "show_nodes",
    "size_option",
    "size_text",
    "tell_notes",
    "written",
]
