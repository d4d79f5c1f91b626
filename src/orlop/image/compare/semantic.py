"""What a comparison passes over: times, history, names of images, the form of archives, paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Ignore:
    """Differences that do not count; diffoci's words.

    file_timestamps: of files. image_timestamps: when an image and its steps were made. history: how each layer was made.
    file_order: of the members of a layer. file_mode_redundant_bits: bits of a mode that tell the type once more; orlop never
    counts them. image_name: annotations that name the image. tar_format: of a layer's archive. canonical_paths: whether a
    member is written ``a``, ``./a`` or ``/a``. paths: patterns (``matcher``) of paths to leave out.
    """

    file_timestamps: bool = False
    image_timestamps: bool = False
    history: bool = False
    file_order: bool = False
    file_mode_redundant_bits: bool = False
    image_name: bool = False
    tar_format: bool = False
    canonical_paths: bool = False
    paths: tuple[str, ...] = ()

    @property
    def documents_may_differ(self) -> bool:
        """Whether digests and sizes no longer tell anything, since what they are of may differ."""
        return any(
            (
                self.file_timestamps,
                self.image_timestamps,
                self.history,
                self.file_order,
                self.file_mode_redundant_bits,
                self.image_name,
                self.tar_format,
                self.canonical_paths,
            )
        )


NOTHING = Ignore()
"""Every difference counts."""

SEMANTIC = Ignore(
    file_timestamps=True,
    image_timestamps=True,
    history=True,
    file_order=True,
    file_mode_redundant_bits=True,
    image_name=True,
    tar_format=True,
    canonical_paths=True,
)
"""What two builds of one source may differ in: diffoci's ``--semantic``."""


def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool] | None:
    """Return what tells whether a cleaned path is meant by one of the patterns; None for no patterns.

    A pattern with a slash is of whole paths from the root, one without is of a name at any depth. ``*`` and ``?`` stop at a
    slash, ``**`` does not; ``[...]`` is a set of characters. Whoever names a folder means all in it too. Raises InputError for
    a set that is none.
    """
    if not patterns:
        return None
    import re

    expressions = []
    for pattern in patterns:
        expression = _expression(pattern)
        try:
            re.compile(expression)
        except re.error as error:
            wrong = InputError(pattern, str(error))
            wrong.noun = "a pattern of paths"
            raise wrong from None
        expressions.append(f"(?:{expression})")
    whole = re.compile("|".join(expressions), re.DOTALL)
    return lambda path: whole.match(path) is not None


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern. It has no nested repeats but ``**``, so it cannot run away."""
    import re

    text = pattern.strip("/")
    anywhere = "/" not in pattern.rstrip("/")
    parts: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if text.startswith("**/", at - 1) and (at == 1 or text[at - 2] == "/"):
            parts.append("(?:.*/)?")
            at += 2
        elif char == "*":
            stars = len(text[at - 1 :]) - len(text[at - 1 :].lstrip("*"))
            parts.append(".*" if stars > 1 else "[^/]*")
            at += stars - 1
        elif char == "?":
            parts.append("[^/]")
        elif char == "[" and (end := text.find("]", at + 1 + (text[at : at + 1] in {"!", "^"}))) > 0:
            inside = text[at:end].replace("\\", "\\\\").replace("[", "\\[")
            negated = inside[:1] in {"!", "^"}
            parts.append(f"(?!/)[{'^' if negated else ''}{inside[negated:]}]")
            at = end + 1
        else:
            parts.append(re.escape(char))
    return f"{'(?:.*/)?' if anywhere else ''}{''.join(parts)}(?:/.*)?\\Z"
