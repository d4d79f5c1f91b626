"""One step of the tour, and what is asked of its answers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orlop.model.digest import Digest
from orlop.model.jsondoc import load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.cli.tour.sandbox import Answer
    from orlop.testing.profiles import Profile

    Check = Callable[[Answer], str]

DOCUMENT_LIMIT = 16 * 1024 * 1024


class WrongAnswerError(Exception):
    """An answer is not what was put in. Its text is one sentence."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is said, typed and expected.

    command: the arguments of orlop. check: says in a few words what was found right, or raises WrongAnswerError.
    curl: shell lines that do the same, none where the output itself is a curl; curl_check: what they have to print; tool:
    what they are called. given: standard input; variables: environment; typed: how
    both are given in a shell, such as ``printf %s "$PASSWORD" |``. status: with which the command has to end. terminal: print what
    a terminal would get. watch: the registry whose requests are shown. head, tail: how many lines of the
    output are shown from its start and its end.
    """

    title: str
    text: str
    command: tuple[str, ...]
    check: Check
    curl: tuple[str, ...]
    curl_check: Check
    given: bytes = b""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    typed: str = ""
    status: int = 0
    terminal: bool = False
    tool: str = "curl"
    watch: Profile | None = None
    head: int = 12
    tail: int = 0

    @property
    def line(self) -> str:
        """The command as it is typed."""
        return f"{self.typed} {shlex.join(('orlop', *self.command))}".lstrip()


def same(what: str, got: object, expected: object) -> None:
    """Raise WrongAnswerError where they are not the same."""
    if got != expected:
        raise WrongAnswerError(f"{what} is {_short(got)}, and {_short(expected)} was put in")


def holds(where: str, text: str, *expected: str) -> None:
    """Raise WrongAnswerError where the text lacks one of these."""
    for one in expected:
        if one not in text:
            raise WrongAnswerError(f"{where} does not say {_short(one)}")


def equal(what: str, got: object, expected: object) -> str:
    """Check that they are the same; for checks that have nothing to say."""
    same(what, got, expected)
    return what


def has(answer: Answer, *expected: str) -> str:
    """Check that the output holds each of these; for checks that have nothing to say."""
    holds("the answer", answer.text, *expected)
    return "found"


def bytes_of(answer: Answer, digest: Digest) -> str:
    """Check that the output hashes to the digest, and say so."""
    same("the digest of the bytes", Digest.of(answer.out), digest)
    return f"these {len(answer.out):,} bytes hash to {digest}"


def document(data: bytes) -> Any:
    """Return a JSON document. Raises InvalidDocumentError."""
    return load_json(data, "the answer", limit=DOCUMENT_LIMIT)


def _short(value: object) -> str:
    text = str(value) or "nothing"
    return text if len(text) <= 100 else f"{text[:99]}…"
