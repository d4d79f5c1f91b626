"""A click group whose commands are imported when they are run."""

from __future__ import annotations

from importlib import import_module

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from click.shell_completion import CompletionItem

    from orlop.cli.context import App


class _Helpful(click.Command):
    """A command whose --help is our own: click's looks for translations, which takes a millisecond of every start."""

    _ours: click.Option | None = None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:  # noqa: ARG002  # click's signature
        """Return the option."""
        if self._ours is None:
            self._ours = click.Option(
                ["-h", "--help", "_help"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                help="Show this message and exit.",
                callback=_show_help,
            )
        return self._ours

    def make_parser(self, ctx: click.Context) -> Any:
        """Return the parser. It knows short flags at once, where click's looks for the nearest long option before it tries them."""
        parser: Any = super().make_parser(ctx)
        flags = getattr(parser, "_short_opt", {})
        known = getattr(parser, "_long_opt", {})
        known.update({name: flag for name, flag in flags.items() if not getattr(flag, "takes_value", True)})
        return parser

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters; while a shell completes, those that name files and folders say so."""
        found = super().get_params(ctx)
        return [_completing(each) for each in found] if ctx.resilient_parsing else found


def _completing(parameter: click.Parameter) -> click.Parameter:
    """Return the parameter as the shell needs it: a type that checks files would answer with other exit statuses."""
    if parameter.metavar not in {"FILE", "DIR"}:
        return parameter
    import copy

    made = copy.copy(parameter)
    made.type = click.Path(file_okay=parameter.metavar == "FILE", readable=False)
    return made


def _show_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        app: App = ctx.obj
        app.streams.text(f"{ctx.get_help()}\n")
        ctx.exit()


class Command(_Helpful, click.Command):
    """A verb, or a noun that is a command by itself."""


class LazyGroup(_Helpful, click.Group):
    """A group that knows its commands by a table: name to (module, attribute, short help)."""

    def __init__(self, *, table: dict[str, tuple[str, str, str]], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]  # click's own keywords
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: that is the order of a journey."""
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command = getattr(import_module(entry[0]), entry[1])
        assert isinstance(command, click.Command)  # noqa: S101  # the table is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; for a mistyped one say which is near."""
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(unknown(name, self, ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Write the table, importing none of it."""
        rows = [(name, entry[2]) for name, entry in self.table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that start so, importing none of them."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=entry[2]) for name, entry in self.table.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


class Group(_Helpful, click.Group):
    """A noun: its verbs in the order they were written, and the nearest one for a mistyped verb."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the verbs in the order they were written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; for a mistyped one say which is near."""
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            ctx.fail(unknown(args[0], self, ctx))
        return super().resolve_command(ctx, args)


def unknown(name: str, group: click.Group, ctx: click.Context) -> str:
    """Return the message for a command that does not exist, with the nearest ones."""
    import difflib

    names = group.list_commands(ctx)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}"
    return f"{ctx.command_path} has no command {name[:80]!r}; {meant}"
