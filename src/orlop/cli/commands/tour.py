"""``orlop tour``: the whole journey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from typing import NoReturn

    from orlop.cli.context import App


@click.command("tour", cls=Command)
@click.option("--check-curl", is_flag=True, help="Run each curl as well, and compare (needs curl and sh).")
@click.pass_obj
def tour(app: App, check_curl: bool) -> None:
    """Make the whole journey on real images, step by step, without a network.

    Registries are started in this process, on free ports of this machine, and filled with images built from real files.
    Each step shows a command, the curl that does the same and the real output, and checks the answer; a wrong
    one ends the tour with status 1. Your settings, sign-ins and cache are neither read nor written.
    """
    import signal

    from orlop.cli.tour.guide import guide

    # Told to end, it leaves nothing behind either: the status is the one that the signal would have given.
    before = signal.signal(signal.SIGTERM, _end)
    try:
        guide(app, check_curl=check_curl)
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)
