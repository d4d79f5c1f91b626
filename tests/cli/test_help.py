"""Every command has help, every option says what it does, and the table of commands says the same as the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from orlop.cli.root import TABLE, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Orlop, Said


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands())
NAMES = [" ".join(path) for path, _ in ALL]


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_a_command_has_help(path: tuple[str, ...], command: click.Command, orlop: Orlop) -> None:
    assert command.help
    assert command.help.splitlines()[0].endswith((".", ":", ","))
    said = orlop(*path, "--help")
    assert said.status == 0
    assert said.text.startswith(f"Usage: orlop {' '.join(path)} ")
    assert orlop(*path, "-h").text == said.text


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_every_option_says_what_it_does(path: tuple[str, ...], command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith("."), option.help
            assert len(option.help) < 90


def test_the_table_says_what_the_commands_say() -> None:
    for noun, (_, _, short) in TABLE.items():
        command = dict(ALL)[(noun,)]
        if isinstance(command, click.Group):
            assert command.help == short


def test_what_was_asked_for_is_there() -> None:
    wanted = {
        *("tag list", "repo list", "manifest get", "manifest digest", "manifest resolve", "referrer list", "blob get"),
        *("image layers", "image dockerfile", "image size"),
        *("image inspect", "image os", "registry ping", "auth login", "auth logout", "auth status", "auth token"),
        *(
            "settings get",
            "settings set",
            "settings open",
            "settings path",
            "cache info",
            "cache clear",
            "serve",
            "tour",
        ),
        *("api", "ref parse", "completion"),
    }
    assert wanted <= set(NAMES)


def test_every_reading_command_takes_the_connection_options() -> None:
    wanted = {
        "--timeout",
        "--ca-file",
        "--client-cert",
        "--client-key",
        "--plain-http",
        "--insecure",
        "--debug",
        "--curl",
    }
    for path, command in ALL:
        if not isinstance(command, click.Group) and " ".join(path).startswith(
            ("tag l", "repo l", "manifest ", "referrer l", "blob g", "image ", "registry p", "api")
        ):
            given = {name for option in command.params for name in option.opts}
            assert wanted <= given, path


def test_no_command_takes_a_password_as_an_argument() -> None:
    for _, command in ALL:
        assert not {name for option in command.params for name in option.opts} & {"--password", "-p", "--token"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(orlop: Orlop, shell: str) -> None:
    said = orlop("completion", shell)
    assert said.status == 0
    assert f"_ORLOP_COMPLETE={shell}_complete" in said.text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("orlop ma", {"manifest"}),
        ("orlop manifest re", {"resolve"}),
        ("orlop manifest get --plat", {"--platform"}),
        ("orlop tag list x --sort ", {"version", "name", "date"}),
        ("orlop completion z", {"zsh"}),
        ("orlop settings set platform.o", {"platform.os", "platform.osVersion"}),
        ("orlop settings get hosts.a.example.plain", {"hosts.a.example.plainHttp"}),
        ("orlop nothing-like-it x", set()),
        ("orlop manifest nothing-like-it x", set()),
    ],
)
def test_completion_answers(orlop: Orlop, words: str, expected: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = completed(orlop, words, monkeypatch)
    assert {line.partition(",")[2] for line in said.text.splitlines() if line} == expected
    assert said.notes == ""


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("orlop manifest get --from-file x", "file"),
        ("orlop auth login a.example --authfile x", "file"),
        ("orlop blob get a --to x", "file"),
        ("orlop serve --root x", "dir"),
    ],
)
def test_files_and_folders_are_completed_by_the_shell(
    orlop: Orlop, words: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(orlop, words, monkeypatch).text == f"{kind},x\n"


def completed(orlop: Orlop, words: str, monkeypatch: pytest.MonkeyPatch) -> Said:
    for name, value in (("COMP_WORDS", words), ("COMP_CWORD", str(words.count(" ")))):
        monkeypatch.setenv(name, value)
    return orlop(env={"_ORLOP_COMPLETE": "bash_complete"})


def test_completion_of_a_shell_that_is_not_known(orlop: Orlop) -> None:
    assert orlop("completion", "tcsh").status == 2
    assert orlop(env={"_ORLOP_COMPLETE": "tcsh_complete"}).status == 1
