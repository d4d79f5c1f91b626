"""``orlop image find``: files of an image by name, content, size or kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.filesview import all_option, layer_option, null_option, open_files, show_nodes, size_option
from orlop.cli.lazy import Command
from orlop.cli.status import NEGATIVE

if TYPE_CHECKING:
    from orlop.cli.context import App

_KINDS = ("file", "dir", "symlink", "hardlink", "char", "block", "fifo")


@click.command("find", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("patterns", metavar="[PATTERN...]", nargs=-1)
@click.option("--hash", "hashes", metavar="SHA256", multiple=True, help="Contents of this hash, or that begin with it.")
@click.option("--larger", metavar="SIZE", callback=size_option, help="More bytes than that: 10MiB.")
@click.option("--type", "kinds", multiple=True, type=click.Choice(_KINDS), help="Of this kind; may be repeated.")
@click.option("--in", "folder", metavar="PATH", default="/", help="Below this folder alone.")
@layer_option
@all_option
@null_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def find(
    app: App,
    ref: str,
    patterns: tuple[str, ...],
    hashes: tuple[str, ...],
    larger: int | None,
    kinds: tuple[str, ...],
    folder: str,
    layer: int | None,
    everything: bool,
    null: bool,
) -> None:
    """Find files of an image: by PATTERN, by the hash of their content, by size, by type. All that is given has to fit.

    A PATTERN is a glob for the name, or with a slash in it for the whole path: '*.so.*', '/usr/**/*.py'. Of several, one
    has to fit. Nothing found is exit status 1.
    """
    from orlop.image.files import Question, matcher
    from orlop.image.files import find as found

    if not (patterns or hashes or larger is not None or kinds):
        raise usage("what is to be found? Give a PATTERN, --hash, --larger or --type").with_hint(
            f"orlop image ls {ref} --recursive lists all"
        )
    question = Question(patterns, tuple(text.lower() for text in hashes), larger, kinds)
    matcher(patterns)
    with app.client() as client:
        tree = client.runtime.call(open_files(app, client.steps, ref, layer=layer, removed=everything))
        nodes = found(tree, question, tree.resolve(folder).path, removed=everything)
        if not show_nodes(app, tree, nodes, null=null):
            app.status = max(app.status, NEGATIVE)
