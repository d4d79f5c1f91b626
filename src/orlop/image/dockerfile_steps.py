"""From one step of a history to the instruction that it came from.

Forms, as their builders write them: classic Docker ``/bin/sh -c #(nop) ENV A=1``, ``|1 ARG=x /bin/sh -c command``;
BuildKit ``RUN |1 ARG=x /bin/sh -c command # buildkit``; Buildah like classic Docker, with flags and here-documents in a RUN;
Kaniko the instruction as it stood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.image import dockerfile_words as words
from orlop.image.history import BUILDKIT, without_mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.model.imageconfig import HistoryEntry, ImageConfig

KEYWORDS = frozenset(
    {
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    }
)
"""What may begin an instruction after FROM."""
LINUX_SHELL = ["/bin/sh", "-c"]
WINDOWS_SHELL = ["cmd", "/S", "/C"]

_ARGUMENTS = re.compile(r"\|(\d{1,4}) ")
_ARGUMENT = re.compile(r"(?:^|(?<= ))([A-Za-z_][A-Za-z0-9_.-]*)=")
_SHELLS = ("sh", "bash", "ash", "dash", "zsh", "ksh", "cmd", "powershell", "pwsh")
_LAST_OPTION = re.compile(r"-[a-z]*c|/[cC]|-[Cc]ommand|-[Ff]ile")
_PROGRAM = re.compile(r"\.{0,2}/[\w./+-]+|[A-Za-z]:[\\/]\S+|(?:" + "|".join(_SHELLS) + r")(?:\.exe)?")
_HERE = re.compile(r"(?:^|(?<=\s))\d*<<(-?)([\"']?)([A-Za-z0-9_.-]+)\2(?=\s|$)")
_HERE_WORD = re.compile(r"\d*<<-?([\"']?)([^<\"'\s]+)\1")
_HERE_LIKE = re.compile(r"(?:^|(?<=\s))\d*<<-?[^<\s]")
_FLAGS = re.compile(r"(?:--(?:mount|network|security|device)=\S+\s+)+")


@dataclass(frozen=True, slots=True)
class Parsed:
    """An instruction. keyword: "" for a step that is none. arguments: on one line, here-documents on more. command: of a
    shell form, which may be broken into lines. parts: what else may stand on lines of their own. notes: what to say before it.
    """

    keyword: str = ""
    arguments: str = ""
    command: bool = False
    parts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()


class StepReader:
    """Reads the steps of one history, bottom first; knows which shell is set by then, and which arguments were told."""

    def __init__(self, config: ImageConfig) -> None:
        inner = config.document.get("config")
        inner = inner if isinstance(inner, dict) else {}
        self.windows = config.os.lower() == "windows"
        self.escape = "`" if self.windows else "\\"
        self.shell = WINDOWS_SHELL if self.windows else LINUX_SHELL
        self._last_shell = _texts(inner.get("Shell"))
        self._known: dict[str, Mapping[str, str]] = {
            "ENV": dict(map(_pair, config.env)),
            "LABEL": config.labels,
        }
        self._volumes = config.volumes
        self._told: dict[str, str] = {}

    def read(self, entry: HistoryEntry) -> Parsed:
        """Return what the step was. Every text gives an answer."""
        made = self._read(entry)
        if made.arguments.partition("\n")[0].endswith(self.escape):
            return Parsed(notes=(_remark(entry.created_by, entry.comment),))  # it would go on with the next line
        return made

    def _read(self, entry: HistoryEntry) -> Parsed:
        text, marked = without_mark(entry.created_by)
        text = text.strip(" \t") if marked else text
        keyword, _, rest = text.partition(" ")
        by_buildkit = text.endswith(BUILDKIT) or entry.comment.startswith("buildkit.dockerfile")
        if keyword in KEYWORDS and (marked or by_buildkit):
            rest = rest.removesuffix(BUILDKIT)
            if keyword == "RUN":
                return self._shell_form(keyword, rest) if marked else self._run(rest)
            return self._instruction(keyword, rest.strip(" \t"))
        if keyword in KEYWORDS and rest:
            return self._as_it_stood(keyword, rest.strip())
        if not marked and (text.startswith((*_prefixes(self.shell), "/bin/sh -c ")) or _ARGUMENTS.match(text)):
            return self._run(text, lenient=True)
        if not marked and text and "," not in keyword and _PROGRAM.fullmatch(keyword):
            return self._exec(text)
        return Parsed(notes=(_remark(text, entry.comment),))

    # --- RUN -----------------------------------------------------------------------------------

    def _run(self, text: str, *, lenient: bool = False) -> Parsed:
        """Read a command with its shell before it. lenient: /bin/sh is a shell form even where another one is set."""
        given, text = self._arguments(text)
        notes = (f"with {' '.join(given)}",) if given else ()
        for prefix in _prefixes(self.shell):
            if text.startswith(prefix):
                return self._shell_form("RUN", text[len(prefix) :], notes)
        if lenient and text.startswith("/bin/sh -c "):
            return self._shell_form("RUN", text[len("/bin/sh -c ") :], notes)
        return self._exec(text, notes)

    def _shell_form(self, keyword: str, command: str, notes: tuple[str, ...] = ()) -> Parsed:
        command = command.replace("\r\n", "\n").strip(" \t")
        shell = tuple(self.shell)
        listed = words.go_list(command) if command.startswith("[") else None
        if listed:
            return Parsed(keyword, words.exec_form(listed), notes=notes)
        if "\n" in command.strip("\n"):
            return Parsed(keyword, _here_document(command), notes=notes, shell=shell)
        command = command.strip("\n")
        flags = _FLAGS.match(command)
        rest = command[flags.end() :] if flags else command
        if not rest or rest.endswith(self.escape) or _HERE_LIKE.search(rest):
            # What a Dockerfile would read otherwise: a line that goes on, a here-document.
            exact = words.exec_form([*shell, rest])
            return Parsed(keyword, f"{flags[0]}{exact}" if flags else exact, notes=notes)
        return Parsed(keyword, command, command=True, notes=notes, shell=shell)

    def _exec(self, text: str, notes: tuple[str, ...] = ()) -> Parsed:
        """Return an exec form of words that were joined by spaces: what follows ``sh -c`` is one word."""
        listed = text.split()
        program = re.split(r"[/\\]", listed[0])[-1].lower().removesuffix(".exe") if listed else ""
        if program in _SHELLS:
            for match in re.finditer(r"(?<=\s)\S+", text):
                if _LAST_OPTION.fullmatch(match[0]):
                    command = text[match.end() :].strip()
                    listed = [*text[: match.end()].split(), *([command] if command else [])]
                    break
        return Parsed("RUN", words.exec_form(listed), notes=notes)

    def _arguments(self, text: str) -> tuple[list[str], str]:
        """Take ``|2 A=1 B=2 `` off; return those that no ARG has told, as a comment writes them, and the rest."""
        count = _ARGUMENTS.match(text)
        if count is None:
            return [], text
        body = text[count.end() :]
        starts = [body.find(f" {prefix}") for prefix in (*_prefixes(self.shell), "/bin/sh -c ")]
        ends = [start for start in starts if start >= 0]
        if ends:
            told, rest = body[: min(ends)], body[min(ends) + 1 :]
            places = [match.start() for match in _ARGUMENT.finditer(told)][: int(count[1])]
            found = [told[start:stop].rstrip() for start, stop in zip(places, [*places[1:], len(told)], strict=True)]
        else:
            split = body.split(" ")
            found, rest = split[: int(count[1])], " ".join(split[int(count[1]) :])
        fresh = [one for one in found if self._told.get(one.partition("=")[0]) != one.partition("=")[2]]
        self._told.update(map(_pair, found))
        return [" ".join(one.split()) for one in fresh], rest

    # --- the other instructions ----------------------------------------------------------------

    def _as_it_stood(self, keyword: str, rest: str) -> Parsed:
        """Read an instruction that its builder copied from the Dockerfile."""
        if keyword == "RUN":
            return self._shell_form(keyword, rest)
        if keyword in {"ARG", "ENV", "LABEL"} and re.search(r"[\"'\\]", rest):
            return Parsed(keyword, _on_one_line(rest))
        return self._instruction(keyword, rest)

    def _instruction(self, keyword: str, rest: str) -> Parsed:
        made: Parsed | None = None
        match keyword:
            case "ADD" | "COPY":
                made = self._copied(keyword, rest)
            case "ARG" | "ENV" | "LABEL":
                made = self._pairs(keyword, rest)
            case "CMD" | "ENTRYPOINT":
                made = self._command(keyword, rest)
            case "SHELL":
                made = self._set_shell(rest)
            case "VOLUME":
                made = self._volume(rest)
            case "EXPOSE":
                made = Parsed(keyword, _ports(rest) if rest.startswith("map[") else _unlisted(rest))
            case "STOPSIGNAL" | "USER":
                made = Parsed(keyword, _unlisted(rest))
            case "ONBUILD":
                made = Parsed(keyword, _on_one_line(rest[1:-1] if rest[:1] + rest[-1:] == "[]" else rest))
            case "HEALTHCHECK":
                made = _health(rest)
        return made or Parsed(keyword, _on_one_line(rest))

    def _pairs(self, keyword: str, rest: str) -> Parsed:
        known = self._known.get(keyword, {})
        if keyword != "ARG" and "=" not in rest:
            name, _, value = rest.partition(" ")  # Docker before 1.4
            found: list[tuple[str, str | None]] = [(name, value.strip())]
        else:
            found = words.pairs(rest, known)
        if keyword == "ARG":
            self._told.update((name, value) for name, value in found if value is not None)
        parts = tuple(
            name if value is None else f"{_name(name, self.escape)}={words.quoted(value, self.escape)}"
            for name, value in found
        )
        return Parsed(keyword, " ".join(parts), parts=parts)

    def _copied(self, keyword: str, rest: str) -> Parsed:
        source, place, target = rest.partition(" in ")
        if place and re.search(r"(?:^| )(?:file|dir|multi):[0-9a-f]+$", source):
            rest = f"{source} {target.strip()}"
            if " " in target.strip() or target.strip().endswith(self.escape):
                flags, _, name = source.rpartition(" ")
                return Parsed(keyword, f"{flags} {words.exec_form([name, target.strip()])}".lstrip())
        listed = words.go_list(rest)
        if listed:
            return Parsed(keyword, words.exec_form(listed))
        here = [match[2] for match in map(_HERE_WORD.fullmatch, rest.split()) if match]
        if here:
            return Parsed(
                keyword,
                "\n".join([_on_one_line(rest), *here]),
                notes=("the history does not keep what the here-document held",),
            )
        if rest.endswith(self.escape):
            split = rest.split(" ")
            first = next((at for at, word in enumerate(split) if not word.startswith("--")), len(split))
            return Parsed(keyword, " ".join([*split[:first], words.exec_form(split[first:])]))
        return Parsed(keyword, _on_one_line(rest))

    def _command(self, keyword: str, rest: str) -> Parsed | None:
        found = words.go_list(rest)
        if found is None:
            return None
        shell = self.shell
        if len(found) == len(shell) + 1 and found[:-1] == shell:
            command = found[-1]
            if command.strip() == command != "" and command.isprintable() and not command.startswith("["):
                return self._shell_form(keyword, command)
        return Parsed(keyword, words.exec_form(found))

    def _set_shell(self, rest: str) -> Parsed | None:
        found = words.go_list(rest) if '"' in rest else None
        if found is None:
            found = words.bare_list(rest, [self._last_shell])
            if found is not None and found != self._last_shell:
                found = _shell_words(found)
        if not found:
            return None
        self.shell = found
        return Parsed("SHELL", words.exec_form(found))

    def _volume(self, rest: str) -> Parsed | None:
        found = words.go_list(rest) if '"' in rest else words.bare_list(rest, [[one] for one in self._volumes])
        return None if found is None else Parsed("VOLUME", words.exec_form(found))


def _health(text: str) -> Parsed | None:
    made = _health_check(text)
    if made is None:
        return None
    options, test = made
    if test == ["NONE"]:
        return Parsed("HEALTHCHECK", "NONE")
    if test[:1] == ["CMD-SHELL"] and len(test) == 2 and test[1].isprintable():
        command = f"CMD {test[1].strip()}"
    elif test[:1] == ["CMD"] and len(test) > 1:
        command = f"CMD {words.exec_form(test[1:])}"
    else:
        return None
    flags = " ".join(options)
    return Parsed("HEALTHCHECK", f"{flags} {command}".lstrip(), parts=(flags, command) if flags else ())


def _health_check(text: str) -> tuple[list[str], list[str]] | None:
    r"""Return options and test of Go's print of a health check: ``&{["CMD" "x"] "30s" "0s" "0s" '\x03'}``.

    The fields are test, interval, timeout, start period, since Docker 25 start interval, and retries.
    """
    match = re.fullmatch(r"&\{(\[.*\])((?: \"[0-9a-zµ.]+\"){3,4}) ('.*')\}", text, re.DOTALL)
    test = words.go_list(match[1]) if match else None
    if match is None or test is None:
        return None
    times = re.findall(r'"([^"]*)"', match[2])
    names = ["interval", "timeout", "start-period", "start-interval"]
    options = [f"--{name}={time}" for name, time in zip(names, times, strict=False) if time != "0s"]
    retries = words.go_rune(match[3])
    if retries:
        options.append(f"--retries={retries}")
    return options, test


def _shell_words(found: Sequence[str]) -> list[str]:
    """Return the words of a shell whose last argument may have spaces: what follows ``-Command`` is one word."""
    for at, word in enumerate(found):
        if word.lower() == "-command" and len(found) > at + 2:
            return [*found[: at + 1], " ".join(found[at + 1 :])]
    return list(found)


def _prefixes(shell: Sequence[str]) -> tuple[str, ...]:
    return (" ".join(shell) + " ",)


def _here_document(command: str) -> str:
    """Return a command of several lines as a here-document, which it may already be."""
    first, _, body = command.partition("\n")
    names = [match[3] for match in _HERE.finditer(first)]
    if names:
        lines = body.rstrip("\n").split("\n")
        missing = [name for name in names if name not in {line.strip("\t") for line in lines}]
        return "\n".join([first, *lines, *missing])
    lines = command.rstrip("\n").split("\n")
    name, number = "EOF", 1
    while name in {line.strip() for line in lines}:
        number += 1
        name = f"EOF{number}"
    return "\n".join([f"<<{name}", *lines, name])


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _ports(text: str) -> str:
    """Return the ports of Go's print of a set, ``map[80/tcp:{} 443/tcp:{}]``."""
    return " ".join(word.removesuffix(":{}") for word in text.removeprefix("map[").removesuffix("]").split())


def _unlisted(text: str) -> str:
    """Return the words of ``[a b]``, or the text that is no list."""
    found = words.bare_list(text)
    return _on_one_line(text) if found is None else " ".join(found)


def _on_one_line(text: str) -> str:
    return " ".join(text.split("\n")) if "\n" in text else text


def _name(name: str, escape: str) -> str:
    return words.quoted(name, escape) if name else '""'


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _remark(text: str, comment: str) -> str:
    """Return what to say of a step that is no instruction."""
    said = " ".join(text.lstrip("# ").split())
    more = " ".join(comment.split())
    if not said:
        return f"no instruction is recorded ({more})" if more else "no instruction is recorded"
    return f"made by: {said} ({more})" if more else f"made by: {said}"
