"""What ``image check`` says beside the verdict: ends of life, and with --changes what a newer base brings."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from orlop.errors import OrlopError
from orlop.freshness.values import STALE

if TYPE_CHECKING:
    from orlop import Client
    from orlop.cli.context import App
    from orlop.freshness.eol import Life, Table
    from orlop.freshness.summaries.entry import Changes, Extra
    from orlop.freshness.values import BaseName, Report, Verdict
    from orlop.model.digest import Digest


class More:
    """Finds out more about a report. table: ends of life. changes: look inside the bases."""

    def __init__(self, app: App, table: Table, *, changes: bool) -> None:
        self._app, self._table, self._changes = app, table, changes
        self._known: dict[tuple[str, str, str], tuple[Changes, tuple[Life, ...]]] = {}
        self._releases: dict[str, tuple[dict[str, int] | None, bool]] = {}
        self._lives: dict[str, tuple[Life, ...]] = {}
        self._day: dt.date | None = None

    @classmethod
    def of(cls, app: App, eol_data: str | None, *, changes: bool) -> More:
        """Return it for the options. Raises ConfigError for a table that cannot be read."""
        from orlop.freshness.eol import own_table, read_table

        return cls(app, read_table(eol_data) if eol_data else own_table(), changes=changes)

    def extras(self, client: Client, report: Report) -> tuple[Extra, ...]:
        """Return what else is known of each platform of the report."""
        return tuple(self._extra(client, one) for one in report.platforms)

    def _extra(self, client: Client, verdict: Verdict) -> Extra:
        from orlop.freshness.summaries.entry import NO_EXTRA, Extra

        if verdict.base is None:
            return NO_EXTRA
        today = self._today(client)
        name = verdict.base.text
        if name not in self._lives:
            self._lives[name] = _by_tag(self._table, verdict.base, today)
        lives = self._lives[name]
        if not self._changes:
            return Extra(lives) if lives else NO_EXTRA
        base, then, now = verdict.base, verdict.then_digest, verdict.now_digest
        changes = None
        if verdict.state == STALE and now is not None:
            key = (str(base), str(then), str(now))
            if key not in self._known:
                self._known[key] = self._compared(client, base, then, now, today)
            changes, found = self._known[key]
            lives = tuple(dict.fromkeys((*found, *lives)))
        releases, whole = self._newer(client, base)
        return Extra(lives, releases, whole, changes)

    def _today(self, client: Client) -> dt.date:
        """Return the day of the client's clock; a table that is old is told of once (L4)."""
        from orlop.freshness.eol import OLD_DAYS

        if self._day is not None:
            return self._day
        self._day = today = dt.datetime.fromtimestamp(client.runtime.now(), dt.UTC).date()
        age = self._table.age_days(today)
        if age is not None and age > OLD_DAYS:
            self._app.warn(f"ends of life are {age} days old: --eol-data FILE takes newer ones")
        return today

    def _newer(self, client: Client, base: BaseName) -> tuple[dict[str, int] | None, bool]:
        """Return how many releases of the base's family are newer than its tag (A4)."""
        if base.repository is None or base.tag is None:
            return None, True
        key = str(base)
        if key not in self._releases:
            try:
                found = client.updates(base.text)
                self._releases[key] = (dict(found.behind), found.counted)
            except OrlopError:
                self._releases[key] = (None, True)
        return self._releases[key]

    def _compared(
        self, client: Client, base: BaseName, then: Digest | None, now: Digest, today: dt.date
    ) -> tuple[Changes, tuple[Life, ...]]:
        from orlop.freshness.eol import from_os_release
        from orlop.freshness.summaries.entry import Changes

        lives = list(_of_registry(client, base, now, today))
        if then is None or base.repository is None:
            return Changes(trouble="what it was built on is not known"), tuple(lives)
        lives += [life for life in _of_registry(client, base, then, today) if life not in lives]
        before, after = str(base.pinned(then)), str(base.pinned(now))
        try:
            packages = client.compare_packages(before, after)
            files = client.compare_files(before, after)
        except OrlopError as error:
            return Changes(trouble=str(error)), tuple(lives)
        changed = tuple(
            (one.change, one.name, one.base.version if one.base else "", one.target.version if one.target else "")
            for platform in packages.platforms
            for one in platform.changes
        )
        counts = {
            kind: sum(platform.count(kind) for platform in files.platforms) for kind in ("added", "removed", "changed")
        }
        for platform in packages.platforms:
            for system in (platform.base_system, platform.target_system):
                life = from_os_release(self._table, {"ID": system.id, "VERSION_ID": system.version}, today)
                if system.id and life not in lives:
                    lives.append(life)
        return Changes(changed, counts), tuple(life for life in lives if life.state != "unknown")


def _by_tag(table: Table, base: BaseName | None, today: dt.date) -> tuple[Life, ...]:
    from orlop.freshness.eol import from_tag

    if base is None or base.repository is None or base.tag is None:
        return ()
    return from_tag(table, base.repository.name.value, base.tag.value, today)


def _of_registry(client: Client, base: BaseName, digest: Digest, today: dt.date) -> tuple[Life, ...]:
    """Return what the registry itself says of the end of a digest (L3)."""
    from orlop.freshness.eol import MCR_LIFECYCLE, from_lifecycle

    if base.repository is None:
        return ()
    found = []
    try:
        for referrer in client.referrers(str(base.pinned(digest)), artifact_type=MCR_LIFECYCLE):
            life = from_lifecycle(referrer.annotations, today)
            if life is not None:
                found.append(life)
            if len(found) == 10:
                break
    except OrlopError:
        return ()
    return tuple(found)
