"""Where ``image check`` puts things: the observations, summaries for other programs, announcements."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.cli.context import usage
from orlop.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop import Client
    from orlop.cli.context import App
    from orlop.freshness.announce import Receiver, Secrets
    from orlop.freshness.observed import Observations
    from orlop.freshness.summaries.entry import Entry

OFF = "off"
_NETWORK, _REFUSED = 6, 7


@contextmanager
def observing(app: App, given: str | None, *, needed: bool) -> Iterator[Observations | None]:
    """Open what was observed: the file given, or that of the user's data folder; None for ``off``.

    Where the user's own file cannot be had, the check goes on without, unless announcements are to be kept. Raises StorageError.
    """
    if given == OFF:
        if needed:
            raise usage("--on-stale needs the observations: what was told is kept there")
        yield None
        return
    from orlop.freshness.observed import Observations

    observed: Observations | None = None
    try:
        path = given or _own(app)
        observed = Observations(path)
    except StorageError as error:
        if given or needed:
            raise
        app.warn(f"nothing is remembered: {error}")
    if observed is None:
        yield None
        return
    with observed:
        yield observed


def _own(app: App) -> str:
    from orlop.cli.folders import data_folder

    folder = data_folder(app.environ)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(folder, f"cannot be made: {error.strerror}") from error
    return os.path.join(folder, "observations.db")


class Announcer:
    """Who is told of stale images, and with what."""

    def __init__(self, receivers: tuple[Receiver, ...], secrets: Secrets | None, token: str) -> None:
        self.receivers, self._secrets, self._token = receivers, secrets, token

    @property
    def wanted(self) -> bool:
        """Whether anyone is told."""
        return bool(self.receivers)

    @classmethod
    def of(cls, app: App, urls: Sequence[str], repositories: Sequence[str], secret_file: str | None) -> Announcer:
        """Return it for the options and the environment. Raises InputError, ConfigError."""
        if not urls and not repositories:
            if secret_file:
                raise usage("--webhook-secret-file is for --on-stale")
            return cls((), None, "")
        from orlop.freshness.announce import GITHUB_API, Receiver

        secrets = _secrets(app, secret_file) if urls else None
        token = app.environ.get("GITHUB_TOKEN", "").strip()
        if repositories and not token:
            raise usage("--on-stale-github needs a token in GITHUB_TOKEN").with_hint(
                "in a workflow: env: GITHUB_TOKEN: ${{ secrets.YOUR_TOKEN }}, one that may write contents there"
            )
        api = app.environ.get("GITHUB_API_URL") or GITHUB_API
        made = [Receiver.webhook(url) for url in urls]
        made += [Receiver.github(repository, api) for repository in repositories]
        return cls(tuple({one.key: one for one in made}.values()), secrets, token)

    def deliver(self, app: App, client: Client, observed: Observations, *, quiet: bool) -> set[int]:
        """Tell what is to be told, also what earlier runs left, and return the exit statuses of what failed."""
        if not self.receivers:
            return set()
        statuses: set[int] = set()
        told = client.deliver(observed, self.receivers, secrets=self._secrets, token=self._token)
        for one in told:
            about = f"{one.subject} {one.platform}".strip()
            if one.fate.state == "delivered":
                if app.streams.error_terminal and not quiet:
                    app.streams.note(f"told {one.receiver} of {about}")
                continue
            statuses.add(_REFUSED if one.status else _NETWORK)
            again = "a later run tries again" if one.fate.state == "later" else "it is not tried again"
            app.warn(f"{one.receiver} was not told of {about}: {one.fate.reason}; {again}")
        waiting = sum(observed.waiting(receiver.key) for receiver in self.receivers)
        if waiting and not statuses:
            app.warn(f"{waiting} announcements wait for a later run: their receivers asked for that")
        return statuses


def _secrets(app: App, path: str | None) -> Secrets:
    from orlop.freshness.announce import SECRET_FILE_LIMIT, Secrets

    if path is None:
        text = app.environ.get("ORLOP_WEBHOOK_SECRET", "")
        if not text.strip():
            raise usage(
                "--on-stale signs what it posts: set ORLOP_WEBHOOK_SECRET, or name a --webhook-secret-file"
            ).with_hint("make a secret with: echo whsec_$(openssl rand -base64 32)")
        return Secrets.parse(text, "ORLOP_WEBHOOK_SECRET")
    try:
        with open(path, "rb") as file:
            raw = file.read(SECRET_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}") from error
    return Secrets.parse(raw[:SECRET_FILE_LIMIT].decode("ascii", "replace"), path)


# --- summaries ---------------------------------------------------------------------------------------


def write_summary(app: App, kind: str, where: str, entries: Sequence[Entry]) -> None:
    """Write one summary: to standard output for ``-``, to a file; of github, to the step's summary and as annotations."""
    if kind == "github":
        _github(app, entries)
        return
    if kind == "markdown":
        from orlop.freshness.summaries.markdown import markdown as make
    elif kind == "junit":
        from orlop.freshness.summaries.junit import junit as make
    else:
        from orlop.freshness.summaries.sarif import sarif as make
    text = make(entries)
    if where == "-":
        app.streams.text(text)
    else:
        _write(where, text.encode("utf-8", "replace"), append=False)


def _github(app: App, entries: Sequence[Entry]) -> None:
    from orlop.freshness.summaries.github import SUMMARY_LIMIT, annotate, cut
    from orlop.freshness.summaries.markdown import markdown

    # The runner reads commands from standard error as well, where they are in nobody's way.
    app.streams.flush()
    for line in annotate(entries):
        app.streams.note(line)
    path = app.environ.get("GITHUB_STEP_SUMMARY", "")
    if path:
        size = os.path.getsize(path) if os.path.exists(path) else 0
        _write(path, cut(markdown(entries), max(0, SUMMARY_LIMIT - size)).encode("utf-8", "replace"), append=True)


def _write(path: str, data: bytes, *, append: bool) -> None:
    try:
        with open(path, "ab" if append else "wb") as file:
            file.write(data)
    except OSError as error:
        raise StorageError(path, f"cannot be written: {error.strerror or error}") from error
