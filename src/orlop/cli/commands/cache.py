"""``orlop cache``: what is kept of documents that never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group
from orlop.cli.render import Answer, show

if TYPE_CHECKING:
    from orlop import Cache
    from orlop.cli.context import App
    from orlop.cli.render import Paint

cache = Group("cache", help="What is kept of documents that never change.")


@cache.command("info")
@options.output_without_raw
@options.debug
@click.pass_obj
def info(app: App) -> None:
    """Print where the cache is, how much it holds, and how much it may."""
    kept = _cache(app)
    entries, size = kept.usage()
    fields = {"path": kept.root, "entries": entries, "size": size, "limit": kept.limit}
    show(
        app,
        Answer(
            document=lambda: fields,
            plain=lambda: "".join(f"{name}={value}\n" for name, value in fields.items()),
            table=lambda paint: _facts(paint, kept, entries, size),
            known=True,
        ),
    )


@cache.command("clear")
@options.debug
@click.pass_obj
def clear(app: App) -> None:
    """Remove everything that the cache holds."""
    from orlop.cli.table import size

    removed = _cache(app).clear()
    app.streams.note(f"removed {size(removed)}")


def _cache(app: App) -> Cache:
    from orlop.content.cache import Cache

    return app.cache() or Cache(app.cache_folder, 0)


def _facts(paint: Paint, kept: Cache, entries: int, used: int) -> str:
    from orlop.cli.table import facts, size

    limit = size(kept.limit) if kept.limit else "nothing is kept (cache.limit is 0)"
    return facts(paint, [("Path", kept.root), ("Entries", str(entries)), ("Size", size(used)), ("Limit", limit)])
