"""``orlop image ls``: the files of an image, with the layer of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.filesview import all_option, layer_option, null_option, open_files, show_nodes
from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from orlop.cli.context import App


@click.command("ls", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("path", default="/")
@click.option("--recursive", "-R", is_flag=True, help="All levels below it.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="So many levels below it.")
@layer_option
@all_option
@null_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def ls(
    app: App,
    ref: str,
    path: str,
    recursive: bool,
    depth: int | None,
    layer: int | None,
    everything: bool,
    null: bool,
) -> None:
    """List what is in a folder of an image, or one file: mode, owner, size, time, the layer that it came from.

    A pipe gets one path a line, as image cat takes it. Links on the way to PATH are followed, and so is PATH itself where it
    leads to a folder. With --layer, --all tells what that layer takes away from those below it.
    """
    if recursive and depth is not None:
        raise usage("--recursive is all levels, --depth so many: give one")
    levels = None if recursive else depth or 1
    with app.client() as client:
        tree = client.runtime.call(open_files(app, client.steps, ref, layer=layer, removed=everything))
        from orlop.layer.entry import clean

        gone = [node for node in tree.removed if node.path == clean(path)]
        if gone and tree.get(path, follow=True) is None:
            show_nodes(app, tree, gone, null=null)
            return
        node = tree.resolve(path)
        if tree.is_folder(node):
            inside = tree.walk(node.path, depth=levels, removed=everything)
            show_nodes(app, tree, inside, null=null, paths=None if everything else tree.paths(node.path, depth=levels))
        else:
            show_nodes(app, tree, [tree.resolve(path, last=False)], null=null)
