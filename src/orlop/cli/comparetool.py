"""The external tool of the settings, opened on two images that were written to folders."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.cli import comparing
from orlop.cli.context import usage
from orlop.cli.status import NEGATIVE
from orlop.errors import ConfigError, LocalError

if TYPE_CHECKING:
    from orlop.cli.context import App
    from orlop.image.compare.semantic import Ignore


def open_tool(app: App, refs: tuple[str, str], scope: dict[str, int | None], ignore: Ignore) -> None:
    """Write both images below a folder of their own, run the tool on them, wait for it, and take the folder away.

    The exit status is 1 where the files differ, whatever the tool says. Raises ConfigError without the two settings, InputError
    where more than one platform is left, LocalError for a tool that cannot be started.
    """
    from tempfile import mkdtemp

    from orlop.cli.sources import named
    from orlop.image.compare.folders import BASE, TARGET
    from orlop.model.platform import PlatformSelector

    command = _command(app)
    base, target = (named(app, text) for text in refs)
    selector = comparing.selector_of(app) or PlatformSelector()
    folder = mkdtemp(prefix="orlop-compare-")
    try:
        with app.client() as client:
            found = client.compare_folders(
                base,
                target,
                folder,
                platform=selector,
                strict_platform=app.platform_given,
                ignore=ignore,
                **scope,
            )
        folders = [os.path.join(folder, name) for name in (BASE, TARGET)]
        if app.curl:
            return
        app.streams.flush()
        _run([word.replace("{0}", folders[0]).replace("{1}", folders[1]) for word in command])
    finally:
        _remove(folder)
    if not found.equal:
        app.status = max(app.status, NEGATIVE)


def _command(app: App) -> list[str]:
    """Return the tool and its arguments, in which {0} and {1} stand for the folders."""
    import shlex

    path, arguments = app.settings.text("fileCompareTool.exePath"), app.settings.text("fileCompareTool.args")
    if not path or not arguments:
        missing = "fileCompareTool.args" if path else "fileCompareTool.exePath"
        raise ConfigError("the external tool", f"the setting {missing} is not set").with_hint(
            "orlop settings set fileCompareTool.exePath meld; orlop settings set fileCompareTool.args '{0} {1}'"
        )
    try:
        return [path, *shlex.split(arguments)]
    except ValueError as error:
        raise usage(f"the setting fileCompareTool.args cannot be parted into words: {error}") from error


def _run(command: list[str]) -> None:
    import subprocess

    try:
        subprocess.run(command, check=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LocalError(command[0], f"cannot be started: {reason}") from error


def _remove(folder: str) -> None:
    """Remove a folder with all in it, also where an image's modes keep even its owner out."""
    import shutil

    for here, folders, _ in os.walk(folder):
        for name in folders:
            inner = os.path.join(here, name)
            if not os.path.islink(inner):
                with suppress(OSError):
                    os.chmod(inner, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
