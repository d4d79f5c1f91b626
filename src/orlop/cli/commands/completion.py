"""``orlop completion``: shell completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from orlop.cli.context import App

VARIABLE = "_ORLOP_COMPLETE"


def complete(root: click.Group, app: App) -> int:
    """Answer the shell's question, or print the script that asks it."""
    from click.shell_completion import shell_complete

    return shell_complete(root, {"obj": app}, "orlop", VARIABLE, app.environ[VARIABLE])


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion(app: App, shell: str) -> None:
    """Print the completion script of a shell.

    bash: source <(orlop completion bash). zsh: the same, in .zshrc. fish: orlop completion fish | source
    """
    from click.shell_completion import get_completion_class

    from orlop.cli.root import root

    made = get_completion_class(shell)
    if made is not None:
        app.streams.text(made(root, {}, "orlop", VARIABLE).source() + "\n")
