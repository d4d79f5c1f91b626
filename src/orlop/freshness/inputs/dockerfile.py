"""The images that a Dockerfile names: bases of stages, and what COPY and RUN --mount take from.

Rules: Dockerfile reference, "Parser directives", "Here-Documents", "FROM", "Understand how ARG and FROM interact".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InputError
from orlop.freshness.inputs.found import FoundImage, expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SIZE_LIMIT = 4 * 1024 * 1024
SCRATCH = "scratch"

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*\Z")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_.]*)\2")
_WORD = re.compile(r"""(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_MOUNT_FROM = re.compile(r"--mount=(\S+)")


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM line. name: after AS, else empty. base: the image, or None where it is an earlier stage or scratch.

    from_stage: the index of the earlier stage that it continues. line: where it stands, from 1.
    """

    index: int
    name: str
    base: FoundImage | None
    from_stage: int | None
    scratch: bool
    line: int


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What a Dockerfile is built from. others: images of COPY --from, RUN --mount and the syntax line."""

    stages: tuple[Stage, ...]
    others: tuple[FoundImage, ...] = ()

    def stage(self, target: str = "") -> Stage:
        """Return the stage of a name or number, the last one for none. Raises InputError."""
        if not target:
            return self.stages[-1]
        for stage in self.stages:
            if target.lower() == stage.name.lower() or target == str(stage.index):
                return stage
        raise _wrong(target, "the Dockerfile has no such stage")

    def base_of(self, target: str = "") -> FoundImage | None:
        """Return the image that a stage is in the end built on; None for scratch."""
        stage = self.stage(target)
        while stage.from_stage is not None:
            stage = self.stages[stage.from_stage]
        return stage.base

    def images(self) -> tuple[FoundImage, ...]:
        """Return every distinct image, bases of stages first."""
        found = [stage.base for stage in self.stages if stage.base is not None]
        return tuple({one.text or one.raw: one for one in [*found, *self.others]}.values())


def read_dockerfile(text: str, arguments: Mapping[str, str] | None = None, what: str = "Dockerfile") -> Dockerfile:
    """Return what a Dockerfile names. arguments: values of --build-arg, which go before defaults.

    Raises InputError for a file that cannot be a Dockerfile: no FROM, a FROM without an image, a here-document without an end.
    """
    if len(text) > SIZE_LIMIT:
        raise _wrong(what, f"it is larger than {SIZE_LIMIT} bytes")
    given = dict(arguments or {})
    defaults: dict[str, str] = {name: value for name, value in given.items() if name.startswith("TARGET")}
    reader = _Reader(given, defaults, what)
    for line, instruction, rest in _instructions(text, what):
        reader.take(line, instruction, rest)
    if not reader.stages:
        raise _wrong(what, "it has no FROM line")
    syntax = _directives(text).get("syntax")
    if syntax:
        reader.others.append(FoundImage(syntax, syntax, "line 1"))
    return Dockerfile(tuple(reader.stages), tuple(reader.others))


class _Reader:
    def __init__(self, given: dict[str, str], defaults: dict[str, str], what: str) -> None:
        self.given, self.values, self.what = given, defaults, what
        self.stages: list[Stage] = []
        self.others: list[FoundImage] = []
        self.names: dict[str, int] = {}

    def take(self, line: int, instruction: str, rest: str) -> None:
        if instruction == "ARG" and not self.stages:
            for word in _WORD.findall(rest):
                name, sign, value = word.partition("=")
                if name in self.given:
                    self.values[name] = self.given[name]
                elif sign:
                    self.values[name] = expand(_unquoted(value), self.values)[0]
        elif instruction == "FROM":
            self._stage(line, rest)
        elif instruction in {"COPY", "ADD"}:
            for word in _WORD.findall(rest):
                if not word.startswith("--"):
                    break
                if word.startswith("--from="):
                    self._other(line, word[7:])
        elif instruction == "RUN":
            for mount in _MOUNT_FROM.findall(rest):
                for pair in mount.split(","):
                    if pair.startswith("from="):
                        self._other(line, pair[5:])

    def _stage(self, line: int, rest: str) -> None:
        words = _WORD.findall(rest)
        platform = ""
        while words and words[0].startswith("--"):
            option = words.pop(0)
            if option.startswith("--platform="):
                platform = expand(option[11:], self.values)[0]
        if not words or (len(words) not in {1, 3}) or (len(words) == 3 and words[1].upper() != "AS"):
            raise _wrong(self.what, f"line {line}: FROM takes an image, and perhaps AS and a name")
        name = words[2] if len(words) == 3 else ""
        image, missing = expand(_unquoted(words[0]), self.values)
        earlier = self.names.get(image.lower())
        scratch = image == SCRATCH
        base = None
        if earlier is None and not scratch:
            base = FoundImage(image, words[0], f"line {line}", platform, _problem(image, missing))
        self.stages.append(Stage(len(self.stages), name, base, earlier, scratch, line))
        if name:
            self.names[name.lower()] = len(self.stages) - 1

    def _other(self, line: int, source: str) -> None:
        text, missing = expand(_unquoted(source), self.values)
        if text.isdecimal() or text.lower() in self.names or text == SCRATCH:
            return
        self.others.append(FoundImage(text, source, f"line {line}", "", _problem(text, missing)))


def _problem(image: str, missing: list[str]) -> str:
    from orlop.model.reference import Reference

    if missing:
        return f"no value for {', '.join(missing)}: give it with --build-arg"
    try:
        Reference.parse(image)
    except InputError as error:
        return error.reason
    return ""


def _directives(text: str) -> dict[str, str]:
    """Return the parser directives: comments of the form ``# name=value`` before everything else."""
    found: dict[str, str] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        directive = _DIRECTIVE.match(line.strip())
        if directive is None or directive[1].lower() in found:
            break
        found[directive[1].lower()] = directive[2]
    return found


def _instructions(text: str, what: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, INSTRUCTION, rest) with continued lines joined, comments dropped and here-documents skipped."""
    escape = _directives(text).get("escape", "\\")
    lines = text.removeprefix("\ufeff").splitlines()
    at = 0
    while at < len(lines):
        start = at
        joined = ""
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.lstrip().startswith("#") or (joined and not line.strip()):
                if not joined:
                    start = at
                continue
            if line.rstrip().endswith(escape):
                joined += line.rstrip()[:-1]
                continue
            joined += line
            break
        if not joined.strip():
            continue
        instruction, _, rest = joined.strip().partition(" ")
        yield start + 1, instruction.upper(), rest.strip()
        if instruction.upper() in {"RUN", "COPY", "ADD"}:
            at = _after_heredocs(lines, at, rest, what)


def _after_heredocs(lines: list[str], at: int, rest: str, what: str) -> int:
    for dash, _, name in _HEREDOC.findall(rest):
        while True:
            if at >= len(lines):
                raise _wrong(what, f"the here-document {name} has no end")
            line = lines[at].lstrip("\t") if dash else lines[at]
            at += 1
            if line == name:
                break
    return at


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _wrong(text: str, reason: str) -> InputError:
    error = InputError(text, reason)
    error.noun = "a Dockerfile that can be read"
    return error
