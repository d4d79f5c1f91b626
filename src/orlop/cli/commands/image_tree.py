"""``orlop image tree``: the folders of an image, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.filesview import all_option, counted, layer_option, open_files
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, show
from orlop.cli.streams import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.tree import ImageTree, Node


@click.command("tree", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("path", default="/")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="So many levels; all of them unless given.")
@click.option("--folders", is_flag=True, help="Folders alone.")
@layer_option
@all_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def tree(app: App, ref: str, path: str, depth: int | None, folders: bool, layer: int | None, everything: bool) -> None:
    """Draw what is below a folder of an image as a tree. JSON has folders with what is in them."""
    with app.client() as client:
        files = client.runtime.call(open_files(app, client.steps, ref, layer=layer, removed=everything))
    top = files.resolve(path)

    def nodes() -> Iterator[Node]:
        found = files.walk(top.path, depth=depth, removed=everything)
        return (node for node in found if not folders or files.is_folder(node))

    def drawn(paint: Paint | None) -> str:
        return "\n".join([safe(f"/{top.path}"), *_lines(nodes(), top.path, paint), "", _summary(files, nodes())]) + "\n"

    show(
        app,
        Answer(
            document=lambda: _nested(files, top, nodes()),
            plain=lambda: drawn(None),
            table=drawn,
        ),
    )


def _lines(nodes: Iterable[Node], top: str, paint: Paint | None) -> list[str]:
    """Return a line for each path; drawn from the last to the first, as only what comes after decides the strokes."""
    levels = top.count("/") + 1 if top else 0
    lines: list[str] = []
    open_below: set[int] = set()
    for node in reversed(list(nodes)):
        level = node.path.count("/") - levels
        open_below = {one for one in open_below if one <= level}
        strokes = "".join("│   " if one in open_below else "    " for one in range(level))
        corner = "├── " if level in open_below else "└── "
        open_below.add(level)
        lines.append(strokes + corner + _label(node, paint))
    return lines[::-1]


def _label(node: Node, paint: Paint | None) -> str:
    text = safe(node.name)
    if node.entry.link:
        text += f" -> {safe(node.entry.link)}"
    if node.removed:
        text += f" ({'replaced' if node.replaced else 'removed'} by layer {node.removed_by})"
        return paint.faint(text) if paint is not None else text
    return text


def _summary(files: ImageTree, nodes: Iterable[Node]) -> str:
    folders = others = removed = 0
    for node in nodes:
        if node.removed:
            removed += 1
        elif files.is_folder(node):
            folders += 1
        else:
            others += 1
    parts = [*counted(folders, "folder"), *counted(others, "file"), *counted(removed, "removed path")]
    return ", ".join(parts) or "nothing"


def _nested(files: ImageTree, top: Node, nodes: Iterable[Node]) -> dict[str, Any]:
    from orlop.image.files import describe

    root = _item(describe(files, top), files, top)
    inside = {top.path: root}
    for node in nodes:
        item = _item(describe(files, node), files, node)
        folder = node.path.rpartition("/")[0]
        inside.get(folder, root).setdefault("children", []).append(item)
        if files.is_folder(node):
            inside[node.path] = item
    return root


def _item(said: dict[str, Any], files: ImageTree, node: Node) -> dict[str, Any]:
    kept = ("path", "path_base64", "type", "size", "link", "layer", "removed_by")
    item = {key: said[key] for key in kept if said.get(key) is not None}
    if files.is_folder(node):
        item["children"] = []
    return item
