"""``orlop settings``: defaults, kept in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Group
from orlop.cli.render import Answer, show
from orlop.errors import LocalError

if TYPE_CHECKING:
    from orlop.cli.context import App
    from orlop.cli.render import Paint

settings = Group("settings", help="Defaults, kept in a file.")


def _names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from orlop.cli.settings import HOST_KNOWN, KNOWN

    host, dot = incomplete.rpartition(".")[:2]
    mine = [f"{host}.{name}" for name in HOST_KNOWN] if dot and host.startswith("hosts.") else []
    return [name for name in (*KNOWN, *mine) if name.startswith(incomplete)]


@settings.command("get")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=_names)
@options.output_without_raw
@options.debug
@click.pass_obj
def get(app: App, name: str | None) -> None:
    """Print the value of a setting, or all that are set.

    The exit status is 1 when the setting is not set.
    """
    from orlop.cli.settings import check_known, parts_of
    from orlop.cli.status import NEGATIVE

    if name is None:
        flat = dict(_flat(app.settings.document, ""))
        show(
            app,
            Answer(
                document=lambda: app.settings.document,
                plain=lambda: "".join(f"{key}={_text(value)}\n" for key, value in flat.items()),
                table=lambda paint: _table(paint, flat),
            ),
        )
        return
    parts_of(name)
    value = app.settings.get(name)
    if value is None:
        check_known(name)
        app.status = NEGATIVE
        return
    show(
        app,
        Answer(
            document=lambda: value, plain=lambda: f"{_text(value)}\n", items=lambda: [{"name": name, "value": value}]
        ),
    )


@settings.command("set", context_settings={"ignore_unknown_options": True})  # a value may begin with a dash
@click.argument("name", metavar="NAME", shell_complete=_names)
@click.argument("value", metavar="VALUE")
@options.debug
@click.pass_obj
def set_(app: App, name: str, value: str) -> None:
    """Set a setting; an empty VALUE takes it away.

    Names: platform.os, platform.arch, platform.osVersion, output, concurrency, manifestLimit, layers.unpackedLimit,
    layers.entryLimit, cache.path, cache.limit, and hosts.HOST. with plainHttp, insecure, caFile, clientCert, clientKey, timeout, connectTimeout, totalTimeout, mirrors,
    concurrency, requestsPerSecond or proxy.
    """
    app.settings.set(name, value)


@settings.command("path")
@options.debug
@click.pass_obj
def path(app: App) -> None:
    """Print where the settings file is; it need not exist."""
    from orlop.cli.folders import settings_file

    app.streams.text(f"{settings_file(app.environ)}\n")


@settings.command("open")
@options.debug
@click.pass_obj
def open_(app: App) -> None:
    """Open the settings file in $VISUAL or $EDITOR; it is made when it does not exist."""
    import shlex
    import subprocess

    from orlop.cli.folders import settings_file
    from orlop.cli.settings import write

    file = settings_file(app.environ)
    if not os.path.exists(file):
        write(file, {})
    editor = app.environ.get("VISUAL") or app.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    try:
        done = subprocess.run([*shlex.split(editor), file], check=False)
    except (OSError, ValueError) as error:
        raise LocalError(editor, f"this editor cannot be started: {error}").with_hint("set VISUAL or EDITOR") from error
    if done.returncode != 0:
        raise LocalError(editor, f"it ended with status {done.returncode}")


def _flat(value: object, name: str) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(inner, f"{name}.{key}" if name else key)]
    return [(name, value)]


def _text(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(paint: Paint, flat: dict[str, object]) -> str:
    from orlop.cli.table import table

    if not flat:
        return "nothing is set\n"
    return table(paint, ["SETTING", "VALUE"], [[name, _text(value)] for name, value in flat.items()])
