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


def kept(*names: str, **attributes: Any) -> click.Option:
    """Return an option whose value goes to ``App.options``."""
    attributes.setdefault("callback", _keep)
    return click.Option(list(names), expose_value=False, **attributes)


def shared(*options: click.Option) -> Callable[[F], F]:
    """Return a decorator that adds these options, in this order.

    One object serves every command that has it: making an option takes 30 us, and a noun has a hundred.
    """

    def apply(function: F) -> F:
        params: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
        params.extend(reversed(options))
        return function

    return apply


_DEBUG = click.Option(
    ["--debug"], is_flag=True, expose_value=False, help="Show each exchange on standard error, without secrets."
)

debug = shared(_DEBUG)
"""Add --debug; that it is there is seen before any parsing."""

connection = shared(
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
    _DEBUG,
)
"""Add how to reach a registry, and as whom."""

curl = shared(kept("--curl", is_flag=True, help="Print the curl that does the same instead, secrets as variables."))
"""Add --curl."""

_FORMAT = kept("--format", metavar="TEMPLATE", help="Print this for each item; {field} and {a.b} are of the JSON.")
_OUTPUT_HELP = "How to print. A terminal gets table, a pipe plain."

output = shared(kept("--output", "-o", type=click.Choice(OUTPUTS), help=_OUTPUT_HELP), _FORMAT)
"""Add --output and --format, for what the registry has documents of."""

output_without_raw = shared(
    kept("--output", "-o", type=click.Choice([mode for mode in OUTPUTS if mode != "raw"]), help=_OUTPUT_HELP), _FORMAT
)
"""Add --output and --format, where there are no bytes of the registry to give."""


def output_with(*more: str) -> Callable[[F], F]:
    """Add --output and --format, where there are other documents to give than the registry's."""
    outputs = (*(mode for mode in OUTPUTS if mode != "raw"), *more)
    return shared(kept("--output", "-o", type=click.Choice(outputs), help=_OUTPUT_HELP), _FORMAT)


platform = shared(
    kept("--platform", metavar="OS/ARCH[/VARIANT]", help="Which platform: linux/arm64, windows(10.0.20348)/amd64."),
    kept("--os", metavar="OS", help="Which operating system; what is not given does not restrict."),
    kept("--arch", metavar="ARCH", help="Which architecture."),
    kept("--os-version", metavar="VERSION", help="Which version of Windows."),
)
"""Add the choice of a platform."""

batch = shared(
    kept("--from-file", metavar="FILE", callback=_there, help=f"Read {BATCH_HELP}."),
    kept("--concurrency", type=click.IntRange(1, 1024), metavar="N", help="References at once (32)."),
    kept("--ordered", is_flag=True, help="Answer in the order of the input, not of completion."),
)
"""Add what many references need."""


def refs(metavar: str = "REF...") -> Callable[[F], F]:
    """Add the arguments REF, several of which are a batch."""
    return click.argument("refs", nargs=-1, metavar=metavar)
