"""``orlop image compare files``: two images, file by file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import comparing, options
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns
from orlop.cli.sidebyside import GREEN, RED, paint
from orlop.cli.streams import safe
from orlop.cli.table import size, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.compare.files import FileChange, FilesComparison, FilesOfPlatform
    from orlop.image.compare.walk import Side

_STYLES = {"added": GREEN, "removed": RED}
_DIFF_STYLES = {"+": GREEN, "-": RED, "@": "36"}
_TOOL = "external-tool"
_LAYER = click.IntRange(0)
_OUTPUT = comparing.output(
    {_TOOL: _TOOL}, "How to print. A terminal gets table, a pipe plain. external-tool: as --tool."
)


@click.command("files", cls=Command)
@comparing.two
@click.option("--diff", is_flag=True, help="With unified diffs of text files, up to 1 MiB each.")
@click.option(
    "--tool", is_flag=True, help="Write both images to folders and open the settings' fileCompareTool on them."
)
@click.option("--ignore-path", "paths", multiple=True, metavar="GLOB", help="Leave such paths out; may be repeated.")
@comparing.ignore_files
@click.option("--layer", type=_LAYER, metavar="N", help="Layer N of both by itself; 0 is the lowest.")
@click.option("--base-layer", type=_LAYER, metavar="N", help="Of BASE this layer by itself.")
@click.option("--target-layer", type=_LAYER, metavar="N", help="Of TARGET this layer by itself.")
@click.option("--base-layer-index", type=_LAYER, metavar="N", help="Of BASE the layers up to and with N.")
@click.option("--target-layer-index", type=_LAYER, metavar="N", help="Of TARGET the layers up to and with N.")
@comparing.no_color
@options.platform
@comparing.all_platforms
@_OUTPUT
@options.curl
@options.connection
@click.pass_obj
def files(
    app: App,
    base: str,
    target: str,
    diff: bool,
    tool: bool,
    paths: tuple[str, ...],
    layer: int | None,
    base_layer: int | None,
    target_layer: int | None,
    base_layer_index: int | None,
    target_layer_index: int | None,
) -> None:
    """Compare the files of two images: added, removed, or changed in content, type, mode, owner, time, link or more.

    Layers that both images begin with are fetched only where they decide something, and what was fetched once is not fetched
    again. Of two indexes without a choice of platform it is platform by platform. GLOB: a pattern with a slash is of whole
    paths, one without is of names; ** goes over slashes.
    """
    ignore = comparing.ignored(app, paths)
    selector = comparing.selector_of(app)
    scope: dict[str, int | None] = {
        "layer": layer,
        "base_layer": base_layer,
        "target_layer": target_layer,
        "base_upto": base_layer_index,
        "target_upto": target_layer_index,
    }
    if tool or app.options.get("output") == _TOOL:
        from orlop.cli.comparetool import open_tool

        app.options["output"] = None
        open_tool(app, (base, target), scope, ignore)
        return

    async def question(client: AsyncClient, left: Any, right: Any) -> FilesComparison:
        return await client.compare_files(
            left, right, platform=selector, strict_platform=app.platform_given, ignore=ignore, diff=diff, **scope
        )

    def answer(found: FilesComparison) -> Answer:
        colour = comparing.coloured(app)
        several = len(found.platforms) > 1
        return Answer(
            document=found.to_json,
            plain=lambda: _plain(found, several=several, colour=colour),
            table=lambda kind: _table(kind, found, several=several, colour=colour),
            items=lambda: list(_items(found)),
            known=True,
        )

    comparing.compare(app, (base, target), question, answer=answer, equal=lambda found: found.equal)


def _items(found: FilesComparison) -> Iterator[dict[str, object]]:
    document: Any = found.to_json()
    for platform in document["platforms"]:
        for change in platform["changes"]:
            yield {"platform": platform["platform"], **change}


def _plain(found: FilesComparison, *, several: bool, colour: bool) -> str:
    rows = []
    for one in found.platforms:
        platform = [one.platform] if several else []
        if one.base is None or one.target is None:
            rows.append(["removed" if one.target is None else "added", "", "", "", "", one.platform])
        rows += [
            [change.change, _path(change), ",".join(change.kinds), _size(change.base), _size(change.target), *platform]
            for change in one.changes
        ]
        rows += [["changed", "", f"archive:{kind}", "", "", *platform] for kind in one.archive]
    return columns(rows) + "".join(_diffs(found, colour=colour))


def _size(side: Side | None) -> str:
    return str(side.entry.size) if side is not None and side.entry.kind == "file" else ""


def _path(change: FileChange) -> str:
    side = change.target or change.base
    folder = side is not None and side.entry.kind == "dir"
    return f"/{change.path}{'/' if folder else ''}"


def _table(kind: Paint, found: FilesComparison, *, several: bool, colour: bool) -> str:
    parts = []
    for one in found.platforms:
        if several:
            parts.append(kind.heading(safe(_heading(found, one))) + "\n")
        if one.changes:
            rows = [[change.change, _path(change), _sizes(change), _how(change)] for change in one.changes]
            lines = table(kind, ["CHANGE", "PATH", "SIZE", "HOW"], rows, right=(2,)).splitlines()
            parts.append(lines[0] + "\n")
            for line, change in zip(lines[1:], one.changes, strict=True):
                parts.append(paint(line, _STYLES.get(change.change, ""), colour=colour) + "\n")
            parts.append(f"\n{_counts(one)}\n")
        parts += [f"{_ARCHIVE[kind_of]}\n" for kind_of in one.archive]
        if several:
            parts.append("\n")
    if found.equal and not several:
        parts.append("equal\n")
    if any(change.diff is not None for one in found.platforms for change in one.changes):
        parts += ["\n", *_diffs(found, colour=colour)]
    return "".join(parts)


_ARCHIVE = {
    "order": "the archives have their members in another order",
    "names": "the archives write names in another way: a, ./a or /a",
    "format": "the archives differ in their form alone",
}


def _heading(found: FilesComparison, one: FilesOfPlatform) -> str:
    platform = one.platform or "no platform"
    if one.base is None or one.target is None:
        return f"{platform}: only in {found.base if one.target is None else found.target}"
    return f"{platform}: equal" if one.equal else platform


def _counts(one: FilesOfPlatform) -> str:
    counts = [(one.count(change), change) for change in ("added", "removed", "changed")]
    return ", ".join(f"{count} {change}" for count, change in counts if count)


def _sizes(change: FileChange) -> str:
    sizes = [
        size(side.entry.size) for side in (change.base, change.target) if side is not None and side.entry.kind == "file"
    ]
    return " → ".join(dict.fromkeys(sizes))


def _how(change: FileChange) -> str:
    """Return the kinds of a change with what each was and is, where that is short."""
    base, target = change.base, change.target
    if base is None or target is None:
        side = target or base
        return side.entry.kind if side is not None and side.entry.kind != "file" else ""
    said = {
        "type": f"type {base.entry.kind} → {target.entry.kind}",
        "mode": f"mode {base.entry.mode:04o} → {target.entry.mode:04o}",
        "owner": f"owner {base.entry.uid}:{base.entry.gid} → {target.entry.uid}:{target.entry.gid}",
        "link": _link(base, target),
    }
    return ", ".join(said.get(kind, kind) for kind in change.kinds)


def _link(base: Side, target: Side) -> str:
    if base.entry.kind == "symlink" == target.entry.kind:
        return f"link {base.entry.link} → {target.entry.link}"
    return f"link {base.hard_link or '(own file)'} → {target.hard_link or '(own file)'}"


def _diffs(found: FilesComparison, *, colour: bool) -> Iterator[str]:
    for one in found.platforms:
        for change in one.changes:
            if change.diff is None:
                continue
            for line in change.diff.lines:
                style = "1" if line.startswith(("--- ", "+++ ")) else _DIFF_STYLES.get(line[:1], "")
                yield paint(safe(line, keep="\t"), style, colour=colour) + "\n"
            if change.diff.note:
                yield safe(f"# /{change.path}: {change.diff.note}") + "\n"
