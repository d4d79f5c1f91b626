"""Options that several commands share. Their values go to ``App.options``, so that commands take only what is their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import click

from orlop.cli.settings import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from orlop.cli.context import App

F = TypeVar("F", bound="Callable[..., Any]")

BATCH_HELP = "references, one a line (- is standard input; empty lines and # lines are skipped)"


def _keep(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    app: App | None = ctx.obj
    if app is not None and parameter.name is not None:  # without an App the command is only parsed, for its help
        app.options[parameter.name] = value


def _there(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value and value != "-" and not os.path.exists(value):
        raise click.BadParameter(f"there is no file {value!r}.", ctx, parameter)
    _keep(ctx, parameter, value)


def _positive(ctx: click.Context, parameter: click.Parameter, value: float | None) -> None:
    if value is not None and not 0 < value < 1e9:
        raise click.BadParameter(f"{value:g} is not above 0.", ctx, parameter)
    _keep(ctx, parameter, value)


def kept(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Declare an option whose value goes to ``App.options``."""
    attributes.setdefault("callback", _keep)
    return click.option(*names, expose_value=False, **attributes)


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


def connection(function: F) -> F:
    """Add how to reach a registry, and as whom."""
    return _all(
        kept(
            "--timeout",
            type=float,
            metavar="SECONDS",
            callback=_positive,
            help="Give up after so long without a byte (30).",
        ),
        kept("--ca-file", metavar="FILE", callback=_there, help="Authorities to trust beside the system's (PEM)."),
        kept("--client-cert", metavar="FILE", callback=_there, help="Certificate to show to the registry (PEM)."),
        kept("--client-key", metavar="FILE", callback=_there, help="Its key, when it is not in the same file (PEM)."),
        kept("--plain-http", is_flag=True, help="Speak http, not https. On loopback hosts that is so by itself."),
        kept("--insecure", is_flag=True, help="Speak https, and do not verify the certificate."),
        kept("--authfile", metavar="FILE", help="Take credentials from this file alone."),
        debug,
    )(function)


def debug(function: F) -> F:
    """Add --debug; that it is there is seen before any parsing."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show each exchange on standard error, without secrets."
    )(function)


def curl(function: F) -> F:
    """Add --curl."""
    return kept("--curl", is_flag=True, help="Print the curl that does the same instead, secrets as variables.")(
        function
    )


def output(*, raw: bool = True) -> Callable[[F], F]:
    """Add --output and --format. raw: whether the command has bytes of the registry to give."""
    modes = OUTPUTS if raw else tuple(mode for mode in OUTPUTS if mode != "raw")
    return _all(
        kept("--output", "-o", type=click.Choice(modes), help="How to print. A terminal gets table, a pipe plain."),
        kept("--format", metavar="TEMPLATE", help="Print this for each item; {field} and {a.b} are of the JSON."),
    )


def platform(function: F) -> F:
    """Add the choice of a platform."""
    return _all(
        kept("--platform", metavar="OS/ARCH[/VARIANT]", help="Which platform: linux/arm64, windows(10.0.20348)/amd64."),
        kept("--os", metavar="OS", help="Which operating system; what is not given does not restrict."),
        kept("--arch", metavar="ARCH", help="Which architecture."),
        kept("--os-version", metavar="VERSION", help="Which version of Windows."),
    )(function)


def batch(function: F) -> F:
    """Add what many references need."""
    return _all(
        kept("--from-file", metavar="FILE", callback=_there, help=f"Read {BATCH_HELP}."),
        kept("--concurrency", type=click.IntRange(1, 1024), metavar="N", help="References at once (32)."),
        kept("--ordered", is_flag=True, help="Answer in the order of the input, not of completion."),
    )(function)


def refs(metavar: str = "REF...") -> Callable[[F], F]:
    """Add the arguments REF, several of which are a batch."""
    return click.argument("refs", nargs=-1, metavar=metavar)
