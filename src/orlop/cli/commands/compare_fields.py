"""``orlop image compare config`` and ``orlop image compare metadata``: two images, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import comparing, options
from orlop.cli.lazy import Command
from orlop.cli.render import Answer
from orlop.cli.sidebyside import GREEN, RED, Cell, columns_of, frame, paint
from orlop.cli.streams import safe, safe_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.compare.config import ConfigComparison
    from orlop.image.compare.fields import FieldChange
    from orlop.image.compare.metadata import MetadataComparison

_WORDS = {"added": "Added", "removed": "Removed", "changed": "Not Equal"}

Section = tuple[str, bool, tuple["FieldChange", ...]]
"""A heading, whether it has to be said, and what differs."""


@click.command("config", cls=Command)
@comparing.two
@comparing.ignore_config
@comparing.no_color
@options.platform
@comparing.all_platforms
@comparing.fields_output
@options.curl
@options.connection
@click.pass_obj
def config(app: App, base: str, target: str) -> None:
    """Compare the configs of two images: environment, labels, command, user, history and all else that they say.

    Of two indexes without a choice of platform it is platform by platform. What is empty says as much as what is missing.
    """
    ignore = comparing.ignored(app)
    selector = comparing.selector_of(app)

    async def question(client: AsyncClient, left: Any, right: Any) -> ConfigComparison:
        return await client.compare_config(
            left, right, platform=selector, strict_platform=app.platform_given, ignore=ignore
        )

    def answer(found: ConfigComparison) -> Answer:
        return _answer(app, (base, target), found)

    comparing.compare(app, (base, target), question, answer=answer, equal=lambda found: found.equal)


@click.command("metadata", cls=Command)
@comparing.two
@comparing.ignore_metadata
@comparing.no_color
@options.platform
@comparing.all_platforms
@comparing.fields_output
@options.curl
@options.connection
@click.pass_obj
def metadata(app: App, base: str, target: str) -> None:
    """Compare all that is said of two images: platforms, media types, annotations, digests, sizes, and their configs.

    The fields of an index begin with index, those of a manifest with manifest, those of a config with image. No layer is
    read.
    """
    ignore = comparing.ignored(app)
    selector = comparing.selector_of(app)

    async def question(client: AsyncClient, left: Any, right: Any) -> MetadataComparison:
        return await client.compare_metadata(
            left, right, platform=selector, strict_platform=app.platform_given, ignore=ignore
        )

    def answer(found: MetadataComparison) -> Answer:
        return _answer(app, (base, target), found)

    comparing.compare(app, (base, target), question, answer=answer, equal=lambda found: found.equal)


def _answer(app: App, refs: tuple[str, str], found: ConfigComparison | MetadataComparison) -> Answer:
    colour = comparing.coloured(app)
    sections = list(_sections(found))
    return Answer(
        document=found.to_json,
        plain=lambda: _inline(sections, colour=colour),
        table=lambda _: _table(sections, refs, columns_of(app), colour=colour),
        items=lambda: list(_items(found)),
        known=True,
    )


def _sections(found: ConfigComparison | MetadataComparison) -> Iterator[Section]:
    index: tuple[FieldChange, ...] = getattr(found, "index", ())
    several = len(found.platforms) > 1
    if index:
        yield "index", several, index
    for one in found.platforms:
        platform = one.platform or "no platform"
        if one.base is None or one.target is None:
            yield f"{platform}: only in {found.base if one.target is None else found.target}", True, ()
        elif one.changes:
            yield platform, several, one.changes
        elif several:
            yield f"{platform}: equal", True, ()


def _items(found: ConfigComparison | MetadataComparison) -> Iterator[dict[str, object]]:
    for change in getattr(found, "index", ()):
        yield {"platform": "", **change.to_json()}
    for one in found.platforms:
        for change in one.changes:
            yield {"platform": one.platform, **change.to_json()}


def _inline(sections: list[Section], *, colour: bool) -> str:
    lines: list[str] = []
    for heading, said, changes in sections:
        if said:
            lines.append(safe(f"@@ {heading} @@"))
        for change in changes:
            if change.change != "added":
                lines.append(paint(f"- {safe(change.field)} = {value(change.base)}", RED, colour=colour))
            if change.change != "removed":
                lines.append(paint(f"+ {safe(change.field)} = {value(change.target)}", GREEN, colour=colour))
    return "".join(f"{line}\n" for line in lines)


def _table(sections: list[Section], refs: tuple[str, str], columns: int, *, colour: bool) -> str:
    parts: list[str] = []
    for heading, said, changes in sections:
        if said:
            parts.append(safe(heading) + "\n")
        if changes:
            rows = []
            for change in changes:
                cells = [
                    Cell(change.field),
                    Cell("" if change.change == "added" else value(change.base), RED),
                    Cell("" if change.change == "removed" else value(change.target), GREEN),
                ]
                if not colour:
                    cells.insert(2, Cell(_WORDS[change.change]))
                rows.append(cells)
            headings = ["Field", refs[0], refs[1]] if colour else ["Field", refs[0], "Compare", refs[1]]
            parts.append(frame(headings, rows, columns=columns, centred=() if colour else (2,), colour=colour))
    return "".join(parts) or "equal\n"


def value(found: object) -> str:
    """Return a JSON value on one line, with nothing that commands a terminal."""
    data = json.dumps(found, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return safe_json(data).decode()
