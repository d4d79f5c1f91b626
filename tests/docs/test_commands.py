"""The commands that pages show: each exists, with its options; and the generated pages are in step."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from orlop.cli.root import root

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
CONSOLE = re.compile(r"^```(?:console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What stands before a command in a shell: nothing, an assignment, a pipe, a substitution.
COMMAND = re.compile(r"(?:^|[|($] ?|\n\s*|- run: |<\()(?:[A-Z_]+=(?:\$\([^)]*\)|\S+) )*(orlop [^\n]+)")
END = {"|", "||", "&&", ";", ">", "<", "&", ")", "#"}


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each orlop command that the text shows."""
    for block in CONSOLE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for found in COMMAND.findall(line.removeprefix("$ ").strip()):
                lexer = shlex.shlex(found, posix=True, punctuation_chars="|&;()<>")
                lexer.whitespace_split, lexer.commenters = True, "#"
                words: list[str] = []
                for word in lexer:
                    if word in END or set(word) <= set("|&;()<>"):
                        break
                    words.append(word)
                yield words[1:]


def shown() -> list[tuple[str, list[str]]]:
    return [
        (page.relative_to(ROOT).as_posix(), arguments)
        for page in PAGES
        for arguments in commands(page.read_text("utf-8"))
        if "reference" not in page.parts
    ]


def understood(arguments: list[str]) -> str:
    """Parse as click would, without running anything; return the command's path."""
    command: click.Command = root
    context = click.Context(root, info_name="orlop")
    while isinstance(command, click.Group):
        name, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None
        command = inner
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=context)
    return command.make_context(command.name, arguments, parent=context).command_path


def test_the_pages_show_commands() -> None:
    assert len(shown()) > 50


@pytest.mark.parametrize(
    ("page", "arguments"), shown(), ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_a_command_that_a_page_shows_is_one(
    page: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images.txt").write_text("debian\n", "utf-8")
    Path("corp.pem").touch()
    assert understood(arguments), page


def leaves(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from leaves(command, inner)
        elif not command.hidden:
            yield inner.command_path


def test_the_guide_names_every_command() -> None:
    table = (ROOT / "docs/guide/cli.md").read_text("utf-8")
    for path in leaves(root, click.Context(root, info_name="orlop")):
        words = path.split()[1:]
        rows = [row.split("|")[1] for row in table.splitlines() if row.startswith(f"| `{words[0]}")]
        assert any(re.search(rf"[` ]{words[-1]}\b", row) for row in rows), f"docs/guide/cli.md does not name {path}"


def test_the_generated_pages_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
