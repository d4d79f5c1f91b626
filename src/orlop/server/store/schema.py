"""The tables of the store, as numbered steps: ``PRAGMA user_version`` says how many were taken.

A step that has shipped is never edited; a change is a new step at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.content import tables
from orlop.errors import StorageError

if TYPE_CHECKING:
    import sqlite3

# Text is compared bytewise (BINARY, SQLite's default), which is the order that the distribution-spec asks of tags.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """CREATE TABLE manifests (
            repository INTEGER NOT NULL REFERENCES repositories (id),
            digest TEXT NOT NULL, media_type TEXT NOT NULL, body BLOB NOT NULL, pushed_at REAL NOT NULL,
            UNIQUE (repository, digest))""",
        """CREATE TABLE tags (
            repository INTEGER NOT NULL REFERENCES repositories (id),
            name TEXT NOT NULL, digest TEXT NOT NULL, moved_at REAL NOT NULL,
            PRIMARY KEY (repository, name)) WITHOUT ROWID""",
        "CREATE INDEX tags_by_digest ON tags (repository, digest)",
        """CREATE TABLE blobs (
            digest TEXT PRIMARY KEY, size INTEGER NOT NULL, stored_at REAL NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE links (
            repository INTEGER NOT NULL REFERENCES repositories (id),
            digest TEXT NOT NULL REFERENCES blobs (digest),
            PRIMARY KEY (repository, digest)) WITHOUT ROWID""",
        "CREATE INDEX links_by_digest ON links (digest)",
        # listed_by: '' when the referrer itself names the subject, else the fallback tag that lists it.
        """CREATE TABLE referrers (
            repository INTEGER NOT NULL REFERENCES repositories (id),
            subject TEXT NOT NULL, digest TEXT NOT NULL, listed_by TEXT NOT NULL,
            artifact_type TEXT NOT NULL, descriptor TEXT NOT NULL,
            PRIMARY KEY (repository, subject, digest, listed_by)) WITHOUT ROWID""",
        "CREATE INDEX referrers_by_digest ON referrers (repository, digest)",
        """CREATE TABLE uploads (
            session TEXT PRIMARY KEY, repository TEXT NOT NULL, size INTEGER NOT NULL,
            started_at REAL NOT NULL, touched_at REAL NOT NULL) WITHOUT ROWID""",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version, in one transaction. Raises StorageError for those of a later version."""
    tables.migrate(connection, STEPS, "opening the store")


def check(connection: sqlite3.Connection) -> None:
    """Check that the tables are of this version, where they may not be changed. Raises StorageError."""
    if tables.known(tables.version(connection), STEPS, "opening the store") != len(STEPS):
        raise StorageError("opening the store", "an earlier orlop wrote it").with_hint(
            "serve it once, to bring it up to date"
        )
