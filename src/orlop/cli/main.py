"""Where ``orlop`` starts, and the only place where it ends.

``--version`` is answered before anything is imported. All else is imported in the function that needs it, since every
start pays for it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from orlop.cli.context import App


def main() -> NoReturn:
    """Run the command of ``sys.argv`` and end the process with its exit status."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from orlop._version import __version__

        if _written(f"orlop {__version__}\n".encode()):
            sys.exit(0)
    import gc
    import os

    # Imports make many objects and no garbage: looking for it would cost a tenth of a short command's time.
    gc.set_threshold(100_000, 20, 100)
    try:
        status = run(arguments, os.environ)
    except KeyboardInterrupt:
        from orlop.cli.status import INTERRUPTED

        status = INTERRUPTED
    _leave(status)


def _written(data: bytes) -> bool:
    """Write to standard output; where that fails nothing is left for the interpreter to try again."""
    import os

    try:
        return os.write(sys.stdout.fileno(), data) == len(data)
    except (OSError, AttributeError, ValueError):
        return False  # the long way tells why


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and return its exit status. KeyboardInterrupt goes through."""
    from orlop.cli.context import App
    from orlop.cli.status import UNEXPECTED, status_of, tell

    app = App(environ, debug="--debug" in arguments)
    try:
        status = _invoke(arguments, app)
    except KeyboardInterrupt:
        app.failing()
        raise
    except BrokenPipeError:
        return 0  # whoever read has read enough
    except Exception as error:  # noqa: BLE001  # the last place where it can be told
        from orlop.errors import OrlopError

        if app.debug:
            import traceback

            app.streams.note("".join(traceback.format_exception(error)).rstrip())
        if isinstance(error, OrlopError):
            tell(app.streams, str(error), error.hint)
            return status_of(error)
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        tell(app.streams, f"unexpected: {said}", None if app.debug else "--debug shows where; please report it")
        return UNEXPECTED
    finally:
        app.streams.close()
    return status


def _invoke(arguments: Sequence[str], app: App) -> int:
    """Let click parse and call; translate what click raises."""
    import click

    from orlop.cli.root import root
    from orlop.cli.status import INTERRUPTED, USAGE, tell

    if "_ORLOP_COMPLETE" in app.environ:
        from orlop.cli.commands.completion import complete

        return complete(root, app)
    try:
        with root.make_context("orlop", list(arguments), obj=app) as context:
            result = root.invoke(context)
        app.finish()
    except click.exceptions.NoArgsIsHelpError as error:
        app.streams.note(error.format_message())
        return USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "orlop"
        tell(app.streams, _sentence(error.format_message()), f"{path} --help shows how it is used")
        return USAGE
    except click.exceptions.Exit as leaving:
        app.streams.flush()
        return leaving.exit_code
    except click.Abort:
        return INTERRUPTED
    except BaseException:
        app.failing()
        raise
    return result if isinstance(result, int) else app.status


def _sentence(message: str) -> str:
    """Return click's message in the manner of ours: no capital, no full stop."""
    head = message[:1].lower() + message[1:] if message[1:2].islower() else message
    return head.removesuffix(".")


def _leave(status: int) -> NoReturn:
    """End at once: threads that wait on the network, and the interpreter's own tidying, are not waited for."""
    import atexit
    import os

    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass
    atexit._run_exitfuncs()  # noqa: SLF001  # coverage and logging register there
    os._exit(status)
