"""A server on a real socket that plays a script: this request, that answer, right or wrong.

::

    with scripted([
        Step("GET", "/v2/", answer(401, headers={"WWW-Authenticate": 'Bearer realm="{url}/token"'})),
        Step("GET", "/token", html()),
    ]) as server:
        ...  # talk to server.host, look at server.requests

The answers are in ``orlop.testing.replies``: ``answer``, ``Drop``, ``Stall``, ``Trickle``, ``Endless``, ...
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orlop.testing.replies import (
    Answer,
    Computed,
    Drop,
    Endless,
    GzipBomb,
    Raw,
    Stall,
    Trickle,
    answer,
    html,
    redirect,
    refusal,
)
from orlop.testing.sockets import Reply, Seen, SocketServer, unused_port

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping
    from types import TracebackType

__all__ = [
    "Answer",
    "Computed",
    "Drop",
    "Endless",
    "GzipBomb",
    "Raw",
    "Reply",
    "Scripted",
    "Seen",
    "Stall",
    "Step",
    "Trickle",
    "answer",
    "html",
    "redirect",
    "refusal",
    "scripted",
    "unused_port",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a script: the requests that it fits, and what they get.

    method: empty fits any. path: the path, or with a ``?`` path and query, exactly; a compiled pattern has to
    match the whole of path and query. headers: those that must be there (None: must not), others do not matter. times: how
    often it answers, None for ever. body_limit: read only so much of the request's body before answering.
    """

    method: str
    path: str | re.Pattern[str]
    reply: Reply
    headers: Mapping[str, str | None] = field(default_factory=dict)
    times: int | None = 1
    body_limit: int | None = None

    def fits(self, seen: Seen) -> bool:
        """Whether this request is meant."""
        if self.method and self.method != seen.method:
            return False
        if isinstance(self.path, re.Pattern):
            if not self.path.fullmatch(seen.target):
                return False
        elif self.path != (seen.target if "?" in self.path else seen.path):
            return False
        return all(seen.headers.get(name) == value for name, value in self.headers.items())


class Scripted(SocketServer):
    """The server of ``scripted``: ``.host``, ``.url``, ``.requests``, ``.unexpected``, ``.left_over()``."""

    def __init__(self, steps: Iterable[Step], *, strict: bool = True, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(self._next, tls=tls, body_limit=self._limit)
        self._steps = [(step, [step.times]) for step in steps]
        self._strict = strict
        self._turn = threading.Lock()
        self.unexpected: list[Seen] = []

    def add(self, *steps: Step) -> None:
        """Put more steps behind the others, such as those that need the address of a server."""
        with self._turn:
            self._steps += [(step, [step.times]) for step in steps]

    def left_over(self) -> list[Step]:
        """Return the steps that still wait to be used; those without an end never do."""
        with self._turn:
            return [step for step, left in self._steps if left[0]]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; raise AssertionError when the script was not kept, unless something else went wrong."""
        super().__exit__(kind, error, trace)
        if not self._strict or kind is not None:
            return
        if self.unexpected:
            raise AssertionError(f"requests that no step fits: {self.unexpected}")
        if left := self.left_over():
            raise AssertionError(f"steps that were never asked for: {[(step.method, step.path) for step in left]}")

    def _limit(self, seen: Seen) -> int | None:
        with self._turn:
            found = self._find(seen)
            return found[0].body_limit if found else None

    def _next(self, seen: Seen) -> Reply:
        with self._turn:
            found = self._find(seen)
            if found is None:
                self.unexpected.append(seen)
                return refusal(501, "UNSUPPORTED", "the script has no answer to this request")
            step, left = found
            if left[0] is not None:
                left[0] -= 1
            return step.reply

    def _find(self, seen: Seen) -> tuple[Step, list[int | None]] | None:
        for step, left in self._steps:
            if left[0] != 0 and step.fits(seen):
                return step, left
        return None


def scripted(steps: Iterable[Step] = (), *, strict: bool = True, tls: ssl.SSLContext | None = None) -> Scripted:
    """Return a server that answers the first step that fits and is not used up; enter it with ``with``.

    strict: leaving it raises AssertionError for a request without a step and for a step without its request.
    """
    return Scripted(steps, strict=strict, tls=tls)
