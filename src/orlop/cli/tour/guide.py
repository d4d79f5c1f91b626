"""Leads through the tour: runs each step, shows it, and checks its answer."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from orlop.cli.context import usage
from orlop.cli.status import NEGATIVE, tell
from orlop.cli.tour import asking, looking, signing
from orlop.cli.tour.harbour import Watch, harbour
from orlop.cli.tour.page import Page
from orlop.cli.tour.sandbox import TookTooLongError, sandbox
from orlop.cli.tour.step import WrongAnswerError
from orlop.errors import InvalidDocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orlop.cli.context import App
    from orlop.cli.tour.harbour import Harbour
    from orlop.cli.tour.sandbox import Answer, Sandbox
    from orlop.cli.tour.step import Check, Step

NEXT = (
    ("Microsoft (MCR), no sign-in", "tag list mcr.microsoft.com/dotnet/runtime | wc -l"),
    ("", "image os mcr.microsoft.com/dotnet/runtime:8.0 --platform linux/arm64"),
    ("Docker Hub", "manifest get debian:12"),
    ("", "manifest resolve debian:12 --platform linux/arm/v7"),
    ("GitHub (GHCR)", "tag list ghcr.io/homebrew/core/hello"),
    ("", "auth login ghcr.io --username YOU"),
    ("Azure (ACR)", "auth login NAME.azurecr.io --username YOU"),
    ("a registry of your own", "serve"),
)
"""What to type on a machine with a network; after the name of the program."""


def guide(app: App, *, check_curl: bool = False) -> None:
    """Make the tour; ``app.status`` is 1 where an answer was wrong.

    Raises StorageError or LocalError where this machine is in the way, InputError for check_curl without curl.
    """
    if check_curl and not (shutil.which("curl") and shutil.which("sh")):
        raise usage("--check-curl runs curl by sh, and one of them is not on PATH")
    page = Page(app.streams)
    page.title("orlop tour: ask a registry what it has, on real images, without a network")
    started = time.perf_counter()
    # The sandbox is the inner one: it is what has to be gone first when the tour is interrupted.
    with harbour() as there, sandbox(app.environ) as place:
        _welcome(page, there)
        parts = (
            ("Ask a registry", list(asking.steps(there))),
            ("Look inside", list(looking.steps(there, place))),
            ("Sign in", list(signing.steps(there))),
        )
        tour = _Tour(page, there, place, sum(len(steps) for _, steps in parts), check_curl=check_curl)
        for title, steps in parts:
            page.part(title)
            for step in steps:
                if not tour.make(app, step):
                    return
    _farewell(page, f"All {tour.of} answers were right, in {time.perf_counter() - started:.1f} s.", app.environ)


class _Tour:
    def __init__(self, page: Page, there: Harbour, place: Sandbox, of: int, *, check_curl: bool) -> None:
        self._page, self._there, self._place, self.of, self._check_curl = page, there, place, of, check_curl
        self._number = 0

    def make(self, app: App, step: Step) -> bool:
        """Make one step; return whether its answer is right."""
        self._number += 1
        self._page.step(self._number, self.of, step)
        try:
            answer = self._ask(step)
            found = _checked(step.check, answer)
            if self._check_curl:
                self._ask_curl(step, answer)
                found += f"; {step.tool} says the same"
        except (WrongAnswerError, TookTooLongError) as error:
            app.streams.flush()
            tell(
                app.streams,
                f"the tour failed at step {self._number} of {self.of} ({step.title}): {error}",
                "please report it, with the output above",
            )
            app.status = NEGATIVE
            return False
        self._page.right(found)
        return True

    def _ask(self, step: Step) -> Answer:
        watch = Watch(step.watch) if step.watch else None
        answer = self._place.orlop(step.command, given=step.given, variables=step.variables, terminal=step.terminal)
        if watch:
            answer = replace(answer, wire=tuple(watch.messages()))
        self._no_secret_in(answer)
        self._page.answer(step, answer)
        if watch:
            self._page.wire(answer.wire)
        self._page.same(step)
        if answer.status != step.status:
            raise WrongAnswerError(f"it ended with status {answer.status}, and {step.status} was due")
        return answer

    def _ask_curl(self, step: Step, printed: Answer) -> None:
        variables = {"ACCEPT": asking.ACCEPT, "PASSWORD": self._there.password, "PAT": self._there.token}
        answer = self._place.shell("\n".join(step.curl) or printed.text, variables)
        if answer.status:
            raise WrongAnswerError(f"{step.tool} ended with status {answer.status}: {answer.notes.strip()}")
        try:
            _checked(step.curl_check, answer)
        except WrongAnswerError as error:
            raise WrongAnswerError(f"{step.tool} says something else: {error}") from error

    def _no_secret_in(self, answer: Answer) -> None:
        if any(secret.encode() in answer.out + answer.err for secret in self._there.secrets):
            raise WrongAnswerError("a secret is in the output")


def _checked(check: Check, answer: Answer) -> str:
    """Return what the check says. Raises WrongAnswerError also for an answer of another shape than the check expects."""
    try:
        return check(answer)
    except InvalidDocumentError as error:
        raise WrongAnswerError(str(error)) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise WrongAnswerError(f"the answer lacks what was expected in it ({error})") from error


def _welcome(page: Page, there: Harbour) -> None:
    page.prose(
        "Four registries run on free ports of this machine until the tour ends. In them are images that were built just now "
        "from real files. Your settings, sign-ins and cache are neither read nor written."
    )
    page.gap()
    page.pairs(
        [
            (there.mcr.host, "like Microsoft's (MCR): open to all, blobs behind a redirect"),
            (there.hub.host, "like Docker Hub: a token even for what is public"),
            (there.acr.host, "like Azure's (ACR): user and password, for a token"),
            (there.ghcr.host, "like GitHub's (GHCR): a personal access token"),
        ]
    )


def _farewell(page: Page, done: str, environ: Mapping[str, str]) -> None:
    page.part("What to type next")
    page.prose(f"{done} With a network the same commands ask any registry:")
    page.gap()
    page.commands(farewell_lines(), indent="  ")
    page.gap()
    if shutil.which("orlop", path=environ.get("PATH")) is None:
        page.prose("orlop is not on your PATH yet. In this shell it will be after:")
        page.commands([f"alias orlop='{_called()}'"], indent="  ")
        page.gap()
    page.prose("Help: orlop --help, and orlop NOUN VERB --help. In Python: from orlop import Client.")
    page.prose("With curl on PATH, orlop tour --check-curl runs each curl of the tour as well, and compares.")


def farewell_lines() -> Iterator[str]:
    """Yield the commands to type next, with a remark where a registry begins."""
    wide = max(len(command) for _, command in NEXT) + len("orlop ")
    for remark, command in NEXT:
        line = f"orlop {command}"
        yield f"{line:<{wide}}  # {remark}" if remark else line


def _called() -> str:
    """Return how this program was called, for an alias."""
    if os.path.basename(sys.argv[0]).startswith("orlop"):
        return os.path.abspath(sys.argv[0])
    return f"{sys.executable} -m orlop"
