"""``orlop image compare packages``: what was installed, removed, upgraded and downgraded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import comparing, options
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns
from orlop.cli.sidebyside import GREEN, RED, paint
from orlop.cli.streams import safe
from orlop.cli.table import table
from orlop.layer.packages.package import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.compare.packages import PackageChange, PackagesComparison

_WARNINGS = 10
_ORDER = ("added", "removed", "upgraded", "downgraded", "changed")


@click.command("packages", cls=Command)
@comparing.two
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Packages of this kind; may be repeated."
)
@comparing.no_color
@options.platform
@comparing.all_platforms
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def packages(app: App, base: str, target: str, kinds: tuple[str, ...]) -> None:
    """Compare the packages of two images: added, removed, upgraded or downgraded, with both versions.

    Versions come in the order of their kind: dpkg's, rpm's, apk's, Python's, npm's and Go's own rules.
    """
    selector = comparing.selector_of(app)

    async def question(client: AsyncClient, left: Any, right: Any) -> PackagesComparison:
        return await client.compare_packages(
            left, right, platform=selector, strict_platform=app.platform_given, kinds=kinds
        )

    def answer(found: PackagesComparison) -> Answer:
        _warn(app, found)
        several = len(found.platforms) > 1
        return Answer(
            document=found.to_json,
            plain=lambda: columns([row for _, row in _rows(found, several=several)]),
            table=lambda kind: _table(kind, found, several=several, colour=comparing.coloured(app)),
            items=lambda: [
                {"platform": one.platform, **change.to_json()} for one in found.platforms for change in one.changes
            ],
            known=True,
        )

    comparing.compare(app, (base, target), question, answer=answer, equal=lambda found: found.equal)


def _warn(app: App, found: PackagesComparison) -> None:
    notes = [note for one in found.platforms for note in (*one.base_notes, *one.target_notes)]
    for note in notes[:_WARNINGS]:
        app.warn(str(note))
    if len(notes) > _WARNINGS:
        app.warn(f"and {len(notes) - _WARNINGS} more; --output json has all")


def _rows(found: PackagesComparison, *, several: bool) -> Iterator[tuple[str, list[str]]]:
    for one in found.platforms:
        platform = [one.platform] if several else []
        if one.base is None or one.target is None:
            where = "removed" if one.target is None else "added"
            yield where, [where, "", "", "", "", one.platform]
        for change in one.changes:
            yield change.change, [change.change, change.name, *_versions(change), change.kind, *platform]


def _versions(change: PackageChange) -> list[str]:
    both = change.base is not None and change.target is not None
    several = both and change.base is not None and change.target is not None
    architectures = several and change.base.architecture != change.target.architecture  # type: ignore[union-attr]
    return [
        "" if one is None else one.version + (f" ({one.architecture})" if architectures else "")
        for one in (change.base, change.target)
    ]


def _table(kind: Paint, found: PackagesComparison, *, several: bool, colour: bool) -> str:
    rows = list(_rows(found, several=several))
    if not rows:
        return "equal\n"
    headings = ["CHANGE", "NAME", "BASE", "TARGET", "KIND", *(["PLATFORM"] if several else [])]
    lines = table(kind, headings, [row for _, row in rows]).splitlines()
    styles = {"added": GREEN, "removed": RED}
    made = [lines[0]]
    made += [
        paint(line, styles.get(change, ""), colour=colour) for line, (change, _) in zip(lines[1:], rows, strict=True)
    ]
    counts = {change: sum(found_change == change for found_change, _ in rows) for change in _ORDER}
    said = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    systems = [
        f"{one.base_system.name or '?'} to {one.target_system.name or '?'}"
        for one in found.platforms
        if one.base_system.name != one.target_system.name
    ]
    made += ["", said, *(safe(text) for text in systems)]
    return "".join(f"{line}\n" for line in made)
