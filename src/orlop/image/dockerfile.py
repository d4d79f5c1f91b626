"""A readable Dockerfile out of an image's history.

What is lost in an image stays lost: stages, mounts of a RUN, where a COPY came from, comments. What is there reads back as
the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.image.dockerfile_format import broken, syntax_of
from orlop.image.dockerfile_steps import StepReader
from orlop.image.history import history_of
from orlop.model.annotations import BASE_DIGEST, BASE_NAME

if TYPE_CHECKING:
    from orlop.image.dockerfile_steps import Parsed
    from orlop.image.history import History, Step
    from orlop.image.view import Image

SCRATCH = "scratch"
_INDENT = "    "
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step as an instruction.

    keyword: "" for a step that no Dockerfile made. arguments: what follows it, on one line; a here-document on several.
    lines: the whole instruction broken into lines for reading. notes: what to say before it. step: its number in the
    history. layer: the index of the layer that it made, None for none and where that cannot be told. of_base: whether it
    belongs to the base image.
    """

    keyword: str
    arguments: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    step: int
    layer: int | None
    of_base: bool


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile. base: what it begins from: ``scratch`` unless the base's steps could be told. notes: what to say first.

    base_name, base_digest: what the image's annotations say of its base, or "". escape: its escape character.
    """

    image: Image
    base: str
    base_name: str
    base_digest: str
    escape: str
    notes: tuple[str, ...]
    instructions: tuple[Instruction, ...]

    def text(self, *, lines: bool = True) -> str:
        """Return it as text. lines: break long instructions for reading.

        Control characters in it are as the history has them.
        """
        parts = ["# escape=`"] if self.escape == "`" else []
        parts += [f"# {note}" for note in self.notes]
        of_base = [one for one in self.instructions if one.of_base]
        if of_base:
            parts.append(f"# steps of the base image, {self.base}:")
            parts += [f"#   {line.removeprefix('# ')}" for one in of_base for line in _written(one, lines=lines)]
        parts.append(f"FROM {self.base}")
        for one in self.instructions:
            if not one.of_base:
                parts += _written(one, lines=lines)
        return "\n".join(parts) + "\n"


def _written(one: Instruction, *, lines: bool) -> list[str]:
    notes = [f"# {note}" for note in one.notes]
    if not one.keyword:
        return notes
    whole = list(one.lines) if lines else f"{one.keyword} {one.arguments}".split("\n")
    return [*notes, *(line.rstrip() if not one.arguments else line for line in whole)]


def dockerfile_of(image: Image, *, base: Image | None = None, base_name: str = "") -> Dockerfile:
    """Return the Dockerfile that the image's history tells.

    base: the image that it is built on, if that is to be left to FROM; base_name: what FROM calls it. Raises InputError where
    its layers are not the lowest of the image, InvalidManifestError for a history of another form.
    """
    history = history_of(image)
    reader = StepReader(image.config)
    parsed = [reader.read(step.entry) for step in history.steps]
    name, count = _base(image, history, base, base_name)
    stated = image.annotations.get(BASE_NAME, "") or image.labels.get(BASE_NAME, "")
    notes = [history.remark] if history.remark else []
    if stated and not count:
        notes.append(f"base image, as the image states it: {stated}")
    return Dockerfile(
        image,
        name if count else SCRATCH,
        stated,
        image.annotations.get(BASE_DIGEST, "") or image.labels.get(BASE_DIGEST, ""),
        reader.escape,
        tuple(" ".join(note.split()) for note in notes),
        tuple(
            _instruction(step, one, reader.escape, of_base=number < count)
            for number, (step, one) in enumerate(zip(history.steps, parsed, strict=True))
        ),
    )


def _instruction(step: Step, parsed: Parsed, escape: str, *, of_base: bool) -> Instruction:
    lines = _lines(parsed, escape)
    return Instruction(parsed.keyword, parsed.arguments, lines, parsed.notes, step.number, step.layer, of_base)


def _lines(parsed: Parsed, escape: str) -> tuple[str, ...]:
    whole = f"{parsed.keyword} {parsed.arguments}"
    if parsed.command:
        first, *more = broken(parsed.arguments, syntax_of(parsed.shell), escape)
        return (f"{parsed.keyword} {first}", *more)
    if len(parsed.parts) > 1 and len(whole) > _WIDTH:
        first, *more = parsed.parts
        lines = [f"{parsed.keyword} {first}", *(_INDENT + part for part in more)]
        return (*(f"{line} {escape}" for line in lines[:-1]), lines[-1])
    return tuple(whole.split("\n"))


def _base(image: Image, history: History, base: Image | None, base_name: str) -> tuple[str, int]:
    """Return what FROM names, and how many of the first steps are its."""
    if base is not None:
        return base_name or base.reference, _base_steps(image, history, base)
    for step in reversed(history.steps):
        # Buildah notes on the first step of a stage what it began from.
        name = step.entry.comment.removeprefix("FROM ").strip()
        if name != step.entry.comment and name and len(name.split()) == 1 and step.number > 0:
            return name, step.number
    if image.config.os.lower() == "windows":
        return _windows_base(image, history)
    return SCRATCH, 0


def _base_steps(image: Image, history: History, base: Image) -> int:
    from orlop.image.size import base_layers

    below = base_layers(image, base)
    steps = base.config.history
    mine = [step.entry for step in history.steps]
    if mine[: len(steps)] == steps:
        return len(steps)
    made = 0
    for step in history.steps if history.agrees else ():
        made += not step.entry.empty_layer
        if made == below:
            return step.number + 1
    return 0


def _windows_base(image: Image, history: History) -> tuple[str, int]:
    """Return Windows' own image by what it is told from, and the steps ``Apply image`` and ``Install update``."""
    from orlop.image.osinfo import windows

    count = 0
    for step in history.steps:
        if not step.entry.created_by.startswith(("Apply image", "Install update")):
            break
        count += 1
    if not count:
        return SCRATCH, 0
    found = windows(image)
    version = str(found.get("Version", ""))
    return f"{_WINDOWS[str(found['Type'])]}{':' if version else ''}{version}", count


_WINDOWS = {
    "Nano Server": "mcr.microsoft.com/windows/nanoserver",
    "Server Core": "mcr.microsoft.com/windows/servercore",
    "Server": "mcr.microsoft.com/windows/server",
    "Windows": "mcr.microsoft.com/windows",
}
"""Where Microsoft publishes each kind of Windows base image."""
