"""A Dockerfile out of a history reads back as the same steps."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.unit.image.dockerfile_reading import read, values
from tests.unit.image.histories import image_of

from orlop.image.dockerfile import dockerfile_of
from orlop.image.dockerfile_steps import KEYWORDS
from orlop.image.dockerfile_words import go_list

if TYPE_CHECKING:
    from orlop.image.dockerfile import Dockerfile

# Words that mean something to a shell, to a Dockerfile, or to a builder's print.
PIECES = ["&&", "||", ";", "|", "#", "<<", "<<EOF", "EOF", "--flag=x", "-y", "'a  b'", '"c d"', "$(x y)", "`x`", "\\", "'",
          '"', "do", "then", "for", "x", "y z", "#(nop)", "|2", "A=1", "/bin/sh", "-c", "[", "]", '["a"]', "{}", "ENV", "é"]  # fmt: skip
BLANKS = [" ", "  ", "   ", "\t", " \t", " \t\t", "     "]
commands = (
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BLANKS)), min_size=1, max_size=40)
    .map(lambda parts: "".join(word + blank for word, blank in parts).strip())
    .filter(lambda command: not command.startswith("#(nop)"))
)
lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), max_size=60)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def of(*steps: str, windows: bool = False, **config: Any) -> Dockerfile:
    return dockerfile_of(image_of(*steps, os="windows" if windows else "linux", config=config))


def go_quoted(text: str) -> str:
    """Quote as Go's ``%q`` does."""
    short = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    made = ""
    for char in text:
        if char in short:
            made += short[char]
        elif char in '"\\':
            made += "\\" + char
        elif char.isprintable():
            made += char
        elif ord(char) < 0x80:
            made += f"\\x{ord(char):02x}"
        else:
            made += f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
    return f'"{made}"'


def the_one(found: Dockerfile, *, broken: bool = True) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    base, *instructions = read(found.text(lines=broken))
    assert base.keyword == "FROM"
    (one,) = instructions
    return one


def command_of(arguments: str) -> str:
    """The command that a RUN gives to the shell, whichever of its forms it has."""
    if arguments.startswith('["/bin/sh", "-c", '):
        listed: list[str] = json.loads(arguments)
        return listed[2]
    return arguments


@given(commands)
def test_a_command_is_the_same_on_one_line(command: str) -> None:
    keyword, arguments, _ = the_one(of(f"/bin/sh -c {command}"), broken=False)
    assert (keyword, command_of(arguments)) == ("RUN", command)


@given(commands)
def test_a_command_on_lines_differs_in_blanks_alone(command: str) -> None:
    keyword, arguments, _ = the_one(of(f"/bin/sh -c {command}"))
    assert keyword == "RUN"
    assert command_of(arguments).split() == command.split()


@given(commands)
def test_a_command_on_lines_has_the_same_words_for_its_shell(command: str) -> None:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        assume(condition=False)
    _, arguments, _ = the_one(of(f"/bin/sh -c {command}"))
    assert shlex.split(command_of(arguments), comments=True) == words


@given(commands.filter(lambda command: "\t" in command))
def test_a_command_with_traces_of_its_lines_is_the_very_same(command: str) -> None:
    assert command_of(the_one(of(f"/bin/sh -c {command}"))[1]) == command


@given(st.lists(lines, min_size=2, max_size=6))
def test_a_command_of_several_lines_is_a_here_document(parts: list[str]) -> None:
    assume(all("<<" not in part for part in parts))
    script = "\n".join(parts)
    assume(script.strip() == script and script.count("\n") and not script.startswith("/"))
    _, arguments, documents = the_one(of(f"RUN /bin/sh -c {script}\n # buildkit"))
    assert [body for _, body in documents] == [script + "\n"]
    assert arguments == f"<<{documents[0][0]}"


@given(st.dictionaries(names, lines, min_size=1, max_size=5), st.booleans())
def test_values_of_the_environment_come_back(environment: dict[str, str], windows: bool) -> None:
    pairs = [f"{name}={value}" for name, value in environment.items()]
    assume(all(value == value.strip() for value in environment.values()))
    found = of(f"ENV {' '.join(pairs)} # buildkit", windows=windows, Env=pairs)
    keyword, arguments, _ = the_one(found)
    assert (keyword, values(arguments, found.escape)) == ("ENV", environment)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4))
def test_a_list_of_words_comes_back(words: list[str]) -> None:
    printed = f"[{' '.join(map(go_quoted, words))}]"
    assert go_list(printed) == words
    assume(words[:-1] != ["/bin/sh", "-c"])
    assert json.loads(the_one(of(f"/bin/sh -c #(nop)  ENTRYPOINT {printed}"))[1]) == words


texts = st.text(max_size=80) | commands | st.lists(commands, max_size=4).map("\n".join)
steps_of_builders = st.tuples(
    st.sampled_from(["", "/bin/sh -c #(nop) ", "/bin/sh -c ", "|1 A=b /bin/sh -c ", "cmd /S /C "]),
    st.sampled_from(["", *(f"{keyword} " for keyword in sorted(KEYWORDS))]),
    texts | texts.map(lambda text: f"[{text}]") | texts.map(lambda text: f"&{{[{go_quoted(text)}]}}"),
    st.sampled_from(["", " # buildkit"]),
).map("".join)


@given(st.lists(texts | steps_of_builders, max_size=5), st.booleans(), st.booleans())
def test_every_history_gives_a_dockerfile(steps: list[str], windows: bool, broken: bool) -> None:
    found = of(*steps, windows=windows)
    instructions = read(found.text(lines=broken))
    assert [one.keyword for one in instructions].count("FROM") == 1
    assert len(instructions) == 1 + sum(bool(one.keyword) for one in found.instructions)
