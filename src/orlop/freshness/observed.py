"""What was seen, when: tags and what they pointed to, bases by their chain ids, verdicts, and announcements to be made.

Registries keep no history of tags (rule A1), so each run adds what it saw to one SQLite file; several processes may share it.
Times are seconds since 1970. Nothing here asks the network or a clock.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from orlop.content.tables import migrate, write_ahead
from orlop.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Self

    from orlop.errors import OrlopError

_BUSY_S = 30.0
_MOST_TAGS = 1_000_000

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE sightings (
            repository TEXT NOT NULL, tag TEXT NOT NULL, platform TEXT NOT NULL,
            digest TEXT NOT NULL, platform_digest TEXT NOT NULL,
            first_seen REAL NOT NULL, last_seen REAL NOT NULL,
            PRIMARY KEY (repository, tag, platform, first_seen)) WITHOUT ROWID""",
        """CREATE TABLE chains (
            chain TEXT NOT NULL, layers INTEGER NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL,
            platform TEXT NOT NULL, platform_digest TEXT NOT NULL, seen REAL NOT NULL,
            PRIMARY KEY (chain, repository, tag, platform)) WITHOUT ROWID""",
        """CREATE TABLE verdicts (
            subject TEXT NOT NULL, base TEXT NOT NULL, now_digest TEXT NOT NULL, rules INTEGER NOT NULL,
            options TEXT NOT NULL, verdict TEXT NOT NULL, decided REAL NOT NULL,
            PRIMARY KEY (subject, base, now_digest, rules, options)) WITHOUT ROWID""",
        """CREATE TABLE tag_lists (
            repository TEXT PRIMARY KEY, tags TEXT NOT NULL, seen REAL NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE outbox (
            id TEXT PRIMARY KEY, receiver TEXT NOT NULL, fact TEXT NOT NULL, body TEXT NOT NULL, made REAL NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, delivered REAL, gave_up TEXT,
            UNIQUE (receiver, fact)) WITHOUT ROWID""",
        "CREATE INDEX outbox_due ON outbox (due) WHERE delivered IS NULL AND gave_up IS NULL",
    ),
)


# A row is (repository, tag, platform, digest, platform_digest, at).
# By name: Python 3.12 warns of numbered ones.
_NAMES = ("repository", "tag", "platform", "digest", "moved", "at")
_NAME, _KEY = itemgetter(0, 1, 2), itemgetter(0)
_LATEST = "SELECT max(first_seen) FROM sightings WHERE repository = :repository AND tag = :tag AND platform = :platform"
_SAME = f"repository = :repository AND tag = :tag AND platform = :platform AND platform_digest = :moved AND first_seen = ({_LATEST})"
_GROW = f"UPDATE sightings SET last_seen = max(last_seen, :at), digest = :digest WHERE {_SAME}"  # noqa: S608  # constants only
_BEGIN = (
    "INSERT INTO sightings SELECT :repository, :tag, :platform, :digest, :moved, begins, begins FROM (SELECT max(:at, ifnull((SELECT last_seen + 0.001"  # noqa: S608  # constants only
    f" FROM sightings WHERE repository = :repository AND tag = :tag AND platform = :platform AND first_seen = ({_LATEST})), :at)) AS begins)"
    f" WHERE NOT EXISTS (SELECT 1 FROM sightings WHERE {_SAME})"
)


class Sighting(NamedTuple):
    """One span in which a tag was seen to point to one platform manifest. digest: what the tag itself named, often an index's."""

    digest: str
    platform_digest: str
    first_seen: float
    last_seen: float


class KnownBase(NamedTuple):
    """A base that was met before, found again by a chain id of ``layers`` layers."""

    chain: str
    layers: int
    repository: str
    tag: str
    platform: str
    platform_digest: str


class Announcement(NamedTuple):
    """Something to tell a receiver. id: stays the same through all tries. tries: how many there were."""

    id: str
    receiver: str
    body: str
    tries: int


def _unkept(path: str, error: sqlite3.Error) -> OrlopError:
    made = StorageError(path, f"what was observed cannot be kept there: {error}")
    if getattr(error, "sqlite_errorname", "").partition("_")[2].startswith(("CORRUPT", "NOTADB")):
        return made.with_hint("move the file away, and a new one is begun; what was told may then be told again")
    return made


class Observations:
    """The file of what was seen. ``:memory:`` keeps it for this object's life only. Use as ``with Observations(path)``."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unkept(path, error) from error
        try:
            # Of a new file only. A verdict takes 2 KB, of which smaller pages would put a part on a page of its own.
            self._db.execute("PRAGMA page_size = 16384")
            write_ahead(self._db, _BUSY_S)
            # A power cut may take what was seen last, which is seen again; a killed process takes nothing.
            self._db.execute("PRAGMA synchronous = NORMAL")
            migrate(self._db, STEPS, path)
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                raise _unkept(path, error) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def durable(self) -> None:
        """Have what is written from now on survive a power cut as well, as what was told has to (W5)."""
        if not self._db.in_transaction:
            self._execute("PRAGMA synchronous = FULL")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Do all that is inside in one transaction: everything of it is kept, or nothing. Raises StorageError."""
        if self._db.in_transaction:
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def _execute(self, statement: str, values: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise _unkept(self.path, error) from error

    def _execute_all(self, statement: str, rows: Sequence[Sequence[object] | Mapping[str, object]]) -> None:
        try:
            self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _unkept(self.path, error) from error

    @property
    def is_empty(self) -> bool:
        """Whether no tag was ever seen and no verdict kept."""
        row = self._execute("SELECT EXISTS (SELECT 1 FROM sightings) OR EXISTS (SELECT 1 FROM verdicts)").fetchone()
        return not row[0]

    # --- tags (A1) -----------------------------------------------------------------------------------

    def see(self, repository: str, tag: str, platform: str, digest: str, platform_digest: str, at: float) -> None:
        """Note that the tag points there now: the last span grows, or a new one begins.

        An older time than the last one does not shorten a span: clocks of machines that share a file differ.
        """
        self.see_all([(repository, tag, platform, digest, platform_digest, at)])

    def see_all(self, rows: Sequence[tuple[str, str, str, str, str, float]]) -> None:
        """Note many tags at once; each row has the arguments of ``see``."""
        rows = sorted(rows, key=_NAME)  # in the table's order, its pages are filled one after the other
        with self.writing():
            begun = self._execute("SELECT EXISTS (SELECT 1 FROM sightings)").fetchone()[0]
            if not begun and len(set(map(_NAME, rows))) == len(rows):
                self._execute_all(
                    "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?)", [(*row, row[-1]) for row in rows]
                )
                return
            named = [dict(zip(_NAMES, row, strict=True)) for row in rows]
            self._execute_all(_GROW, named)
            self._execute_all(_BEGIN, named)

    def history(self, repository: str, tag: str, platform: str) -> list[Sighting]:
        """Return the spans of a tag for one platform, oldest first."""
        rows = self._execute(
            "SELECT digest, platform_digest, first_seen, last_seen FROM sightings"
            " WHERE repository = ? AND tag = ? AND platform = ? ORDER BY first_seen",
            (repository, tag, platform),
        )
        return [Sighting(*row) for row in rows]

    def knows(self, repository: str, tag: str) -> bool:
        """Whether the tag was ever seen."""
        row = self._execute("SELECT 1 FROM sightings WHERE repository = ? AND tag = ? LIMIT 1", (repository, tag))
        return row.fetchone() is not None

    def last(self, repository: str, tag: str) -> str | None:
        """Return the digest that the tag itself was last seen to name, or None."""
        row = self._execute(
            "SELECT digest FROM sightings WHERE repository = ? AND tag = ? ORDER BY last_seen DESC LIMIT 1",
            (repository, tag),
        ).fetchone()
        return None if row is None else str(row[0])

    # --- lists of tags (T10) --------------------------------------------------------------------------

    def keep_tags(self, repository: str, tags: Iterable[str], at: float) -> None:
        """Keep a whole list of tags. A list that ended early is not to be given here: it would replace a whole one."""
        text = json.dumps(list(tags)[:_MOST_TAGS])
        with self.writing():
            self._execute("INSERT OR REPLACE INTO tag_lists VALUES (?, ?, ?)", (repository, text, at))

    def kept_tags(self, repository: str) -> tuple[list[str], float] | None:
        """Return the last whole list and when it was seen, or None."""
        row = self._execute("SELECT tags, seen FROM tag_lists WHERE repository = ?", (repository,)).fetchone()
        return (json.loads(row[0]), row[1]) if row else None

    # --- bases by chain id (E10) ----------------------------------------------------------------------

    def learn(self, chain: str, layers: int, repository: str, tag: str, platform: str, digest: str, at: float) -> None:
        """Remember a base by the chain id of all its layers; a base without layers is the prefix of everything and is not."""
        if layers > 0:
            with self.writing():
                row = (chain, layers, repository, tag, platform, digest, at)
                self._execute("INSERT OR REPLACE INTO chains VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def bases(self, chains: Sequence[str]) -> list[KnownBase]:
        """Return known bases whose chain id is among these, the longest first."""
        found: list[KnownBase] = []
        for start in range(0, len(chains), 500):
            part = chains[start : start + 500]
            marks = ", ".join("?" * len(part))
            rows = self._execute(
                "SELECT chain, layers, repository, tag, platform, platform_digest FROM chains"  # noqa: S608  # marks only
                f" WHERE chain IN ({marks})",
                part,
            )
            found += [KnownBase(*row) for row in rows]
        return sorted(found, key=lambda base: (-base.layers, base.repository, base.tag))

    # --- verdicts (V8) --------------------------------------------------------------------------------

    def remember(self, key: tuple[str, str, str, int, str], verdict: dict[str, Any], at: float) -> None:
        """Keep a verdict. key: subject digest, base, digest of the base now, version of the rules, options."""
        self.remember_all([(key, verdict, at)])

    def remember_all(self, rows: Iterable[tuple[tuple[str, str, str, int, str], dict[str, Any] | str, float]]) -> None:
        """Keep many verdicts at once; each row has the arguments of ``remember``, the verdict perhaps as JSON text."""
        made = [
            (*key, verdict if isinstance(verdict, str) else json.dumps(verdict, separators=(",", ":")), at)
            for key, verdict, at in sorted(rows, key=_KEY)
        ]
        with self.writing():
            self._execute_all("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", made)

    def recall(self, key: tuple[str, str, str, int, str]) -> dict[str, Any] | None:
        """Return a kept verdict, or None."""
        row = self._execute(
            "SELECT verdict FROM verdicts WHERE subject = ? AND base = ? AND now_digest = ? AND rules = ? AND options = ?",
            key,
        ).fetchone()
        return dict(json.loads(row[0])) if row else None

    # --- announcements (W5) ---------------------------------------------------------------------------

    def announce(self, id_: str, receiver: str, fact: str, body: str, at: float) -> bool:
        """Put an announcement into the outbox; False when this receiver was told, or is to be told, this fact already."""
        self.durable()
        with self.writing():
            made = self._execute(
                "INSERT OR IGNORE INTO outbox (id, receiver, fact, body, made, due) VALUES (?, ?, ?, ?, ?, ?)",
                (id_, receiver, fact, body, at, at),
            )
            return made.rowcount > 0

    def due(self, at: float, limit: int = 100, *, receiver: str | None = None) -> list[Announcement]:
        """Return announcements whose time has come, the oldest first. receiver: only those for this one."""
        rows = self._execute(
            "SELECT id, receiver, body, tries FROM outbox WHERE delivered IS NULL AND gave_up IS NULL AND due <= :at"
            " AND (:receiver IS NULL OR receiver = :receiver) ORDER BY made, id LIMIT :most",
            {"receiver": receiver, "at": at, "most": limit},
        )
        return [Announcement(*row) for row in rows]

    def delivered(self, id_: str, at: float) -> None:
        """Note that the receiver took it."""
        self.durable()
        with self.writing():
            self._execute("UPDATE outbox SET delivered = ?, tries = tries + 1 WHERE id = ?", (at, id_))

    def failed(self, id_: str, next_try: float | None, reason: str) -> None:
        """Note that a try failed, and when the next is due; None gives up for good, for this reason."""
        self.durable()
        with self.writing():
            gave_up = None if next_try is not None else reason
            values = (next_try or 0.0, gave_up, id_)
            self._execute("UPDATE outbox SET tries = tries + 1, due = ?, gave_up = ? WHERE id = ?", values)

    def waiting(self, receiver: str | None = None) -> int:
        """Return how many announcements are still to be delivered. receiver: only those to this one."""
        row = self._execute(
            "SELECT count(*) FROM outbox WHERE delivered IS NULL AND gave_up IS NULL AND (:receiver IS NULL OR receiver = :receiver)",
            {"receiver": receiver},
        ).fetchone()
        return int(row[0])
