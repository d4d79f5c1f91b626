"""What the store knows about its content, in SQLite: manifests with their bytes, tags, links, referrers, uploads.

It is the one truth, for several processes too: whoever reads goes to the database, and what is remembered in memory is
forgotten when ``PRAGMA data_version`` says that another connection wrote. All of it blocks, and may be called from any
thread. Reading never waits for a writer (WAL); every write is one transaction, durable when it returns.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from orlop.content.tables import write_ahead

from .schema import check, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Manifests that are kept in memory: bytes of all, what one costs beside its body, and the largest body.
_REMEMBERED = 16 * 1024 * 1024
_REMEMBERED_COST = 1024
_REMEMBERED_SIZE = 64 * 1024
_BUSY_S = 30.0

_BY_DIGEST = """SELECT m.digest, m.media_type, m.body FROM repositories r
    JOIN manifests m ON m.repository = r.id WHERE r.name = ? AND m.digest = ?"""
_BY_TAG = """SELECT m.digest, m.media_type, m.body FROM repositories r
    JOIN tags t ON t.repository = r.id
    JOIN manifests m ON m.repository = r.id AND m.digest = t.digest WHERE r.name = ? AND t.name = ?"""


_HERE = "repository = (SELECT id FROM repositories WHERE name = ?)"
_UNTAG = f"DELETE FROM tags WHERE {_HERE} AND name = ?"  # noqa: S608  # of constants, here and below
_UNLIST = f"DELETE FROM referrers WHERE {_HERE} AND listed_by = ?"  # noqa: S608
_UNLINK = f"DELETE FROM links WHERE {_HERE} AND digest = ?"  # noqa: S608
_TAGS_OF = "SELECT name FROM tags WHERE tags.repository = referrers.repository AND tags.digest = ?"
_REMOVE = (
    f"DELETE FROM referrers WHERE {_HERE} AND listed_by IN ({_TAGS_OF})",  # noqa: S608
    f"DELETE FROM tags WHERE {_HERE} AND digest = ?",  # noqa: S608
    f"DELETE FROM referrers WHERE {_HERE} AND digest = ? AND listed_by = ''",  # noqa: S608
    f"DELETE FROM manifests WHERE {_HERE} AND digest = ?",  # noqa: S608
)


class StoredManifest(NamedTuple):
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    body: bytes


class Referrer(NamedTuple):
    """One entry of a referrers list. ``descriptor`` is its JSON text; ``listed_by`` the fallback tag, or ''."""

    subject: str
    digest: str
    artifact_type: str
    descriptor: str
    listed_by: str = ""


class Metadata:
    """The tables of one store.

    path: a file, made when absent, or ``:memory:``. read_only: the file has to be there, and stays as it is.
    """

    def __init__(self, path: str = ":memory:", *, read_only: bool = False) -> None:
        self._write_lock = threading.Lock()
        self._writer = _connect_to_read(path) if read_only else _connect(path, synchronous="FULL")
        try:
            (check if read_only else migrate)(self._writer)
        except BaseException:
            self._writer.close()
            raise
        if path == ":memory:" or read_only:
            self._reader, self._read_lock = self._writer, self._write_lock
            self._hasty = self._writer
        else:
            self._reader, self._read_lock = _connect(path, synchronous="FULL"), threading.Lock()
            # An upload's progress may be lost with the power, as its bytes may: it is not worth a sync.
            self._hasty = _connect(path, synchronous="NORMAL")
        self._remembered: dict[tuple[str, str], StoredManifest] = {}
        self._remembered_bytes = 0
        self._seen_version = -1

    def close(self) -> None:
        """Close the database."""
        with self._write_lock:
            for connection in {self._reader, self._hasty, self._writer}:
                connection.close()

    def _forget(self) -> None:
        self._remembered.clear()
        self._remembered_bytes = 0

    # --- manifests and tags ---------------------------------------------------------------------

    def manifest(self, repository: str, reference: str) -> StoredManifest | None:
        """Return the manifest that a tag or a digest names."""
        with self._read_lock:
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
            if version != self._seen_version:
                self._forget()
                self._seen_version = version
            key = (repository, reference)
            found = self._remembered.get(key)
            if found is None:
                query = _BY_DIGEST if ":" in reference else _BY_TAG
                row = self._reader.execute(query, key).fetchone()
                if row is None:
                    return None
                found = StoredManifest._make(row)
                if len(found.body) <= _REMEMBERED_SIZE:
                    self._remembered_bytes += len(found.body) + _REMEMBERED_COST
                    if self._remembered_bytes > _REMEMBERED:
                        self._forget()
                    self._remembered[key] = found
            return found

    def put_manifest(
        self,
        repository: str,
        manifest: StoredManifest,
        *,
        tags: Sequence[str] = (),
        referrers: Sequence[Referrer] = (),
        blobs: Sequence[str] = (),
        manifests: Sequence[str] = (),
    ) -> str | None:
        """Store the manifest, its tags and its entries in referrers lists; or return a digest that is missing.

        blobs, manifests: the digests that have to be in the repository. Nothing is stored when one is missing.
        """
        now = time.time()
        with self._writing() as write:
            key = _repository(write, repository)
            for digest in blobs:
                if not _exists(write, "SELECT 1 FROM links WHERE repository = ? AND digest = ?", key, digest):
                    write.execute("ROLLBACK")
                    return digest
            for digest in manifests:
                if not _exists(write, "SELECT 1 FROM manifests WHERE repository = ? AND digest = ?", key, digest):
                    write.execute("ROLLBACK")
                    return digest
            write.execute(
                """INSERT INTO manifests (repository, digest, media_type, body, pushed_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (repository, digest) DO UPDATE
                SET media_type = excluded.media_type, pushed_at = excluded.pushed_at""",
                (key, manifest.digest, manifest.media_type, manifest.body, now),
            )
            for tag in tags:
                _point(write, key, tag, manifest.digest, now)
            write.executemany(
                """INSERT OR REPLACE INTO referrers
                (repository, subject, digest, artifact_type, descriptor, listed_by) VALUES (?, ?, ?, ?, ?, ?)""",
                [(key, *referrer) for referrer in referrers],
            )
        return None

    def remove_tag(self, repository: str, tag: str) -> bool:
        """Remove a tag; return whether it was there."""
        at = (repository, tag)
        with self._writing() as write:
            write.execute(_UNLIST, at)
            return write.execute(_UNTAG, at).rowcount > 0

    def remove_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest with every tag on it and its entries in referrers lists; return whether it was there."""
        at = (repository, digest)
        with self._writing() as write:
            for statement in _REMOVE[:-1]:
                write.execute(statement, at)
            return write.execute(_REMOVE[-1], at).rowcount > 0

    # --- lists ----------------------------------------------------------------------------------

    def tags(self, repository: str, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` tags after ``after``, in bytewise order."""
        query = """SELECT t.name FROM repositories r JOIN tags t ON t.repository = r.id
            WHERE r.name = ? AND t.name > ? ORDER BY t.name LIMIT ?"""
        return [name for (name,) in self._read(query, repository, after, limit)]

    def repositories(self, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` names of repositories after ``after``, in bytewise order."""
        query = "SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?"
        return [name for (name,) in self._read(query, after, limit)]

    def has_repository(self, repository: str) -> bool:
        """Whether anything was ever pushed there."""
        return bool(self._read("SELECT 1 FROM repositories WHERE name = ?", repository))

    def referrers(
        self, repository: str, subject: str, artifact_type: str | None, after: str, limit: int
    ) -> list[tuple[str, str]]:
        """Return up to ``limit`` pairs of digest and descriptor (JSON) that refer to ``subject``, by digest."""
        # Beside min(), SQLite takes the other columns from the row that has it: the referrer's own word goes first.
        query = """SELECT f.digest, f.descriptor, min(f.listed_by) FROM repositories r JOIN referrers f ON f.repository = r.id
            WHERE r.name = ? AND f.subject IN (?, ?) AND f.digest > ? AND f.artifact_type = ifnull(?, f.artifact_type)
            GROUP BY f.digest ORDER BY f.digest LIMIT ?"""
        # A fallback tag names at most 64 characters of the digest (distribution-spec 1.1, "Referrers Tag Schema").
        algorithm, _, encoded = subject.partition(":")
        cut = f"{algorithm}:{encoded[:64]}"
        rows = self._read(query, repository, subject, cut, after, artifact_type, limit)
        return [(digest, descriptor) for digest, descriptor, _ in rows]

    # --- blobs ----------------------------------------------------------------------------------

    def linked(self, repository: str, digest: str) -> int | None:
        """Return the size of a blob that the repository holds, or None."""
        query = """SELECT b.size FROM repositories r JOIN links l ON l.repository = r.id
            JOIN blobs b ON b.digest = l.digest WHERE r.name = ? AND l.digest = ?"""
        rows = self._read(query, repository, digest)
        return int(rows[0][0]) if rows else None

    def linked_anywhere(self, digest: str) -> int | None:
        """Return the size of a blob that any repository holds, or None."""
        query = (
            "SELECT size FROM blobs WHERE digest = ? AND EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest)"
        )
        rows = self._read(query, digest)
        return int(rows[0][0]) if rows else None

    def link(self, repository: str, digest: str, size: int, *, session: str = "") -> None:
        """Make a blob whose bytes are stored part of the repository, and end the upload it came by."""
        with self._writing() as write:
            write.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", (digest, size, time.time()))
            write.execute("INSERT OR IGNORE INTO links VALUES (?, ?)", (_repository(write, repository), digest))
            if session:
                write.execute("DELETE FROM uploads WHERE session = ?", (session,))

    def unlink(self, repository: str, digest: str) -> bool:
        """Remove a blob from the repository; return whether it was there. Its bytes stay: others may hold it."""
        with self._writing() as write:
            return write.execute(_UNLINK, (repository, digest)).rowcount > 0

    # --- uploads --------------------------------------------------------------------------------

    def begin_upload(self, session: str, repository: str) -> None:
        """Note a new upload."""
        now = time.time()
        with self._writing(hasty=True) as write:
            write.execute("INSERT INTO uploads VALUES (?, ?, 0, ?, ?)", (session, repository, now, now))

    def upload(self, session: str, repository: str) -> int | None:
        """Return how many bytes the upload holds, or None when there is none."""
        rows = self._read("SELECT size FROM uploads WHERE session = ? AND repository = ?", session, repository)
        return int(rows[0][0]) if rows else None

    def move_upload(self, session: str, before: int, after: int) -> bool:
        """Note that the upload grew; return False, changing nothing, when it did not hold ``before`` bytes."""
        query = "UPDATE uploads SET size = ?, touched_at = ? WHERE session = ? AND size = ?"
        with self._writing(hasty=True) as write:
            return write.execute(query, (after, time.time(), session, before)).rowcount > 0

    def end_upload(self, session: str) -> None:
        """Forget an upload."""
        with self._writing(hasty=True) as write:
            write.execute("DELETE FROM uploads WHERE session = ?", (session,))

    def stale_uploads(self, idle_s: float) -> list[str]:
        """Return the sessions that nothing was added to for so many seconds."""
        rows = self._read("SELECT session FROM uploads WHERE touched_at < ?", time.time() - idle_s)
        return [session for (session,) in rows]

    # --- inside ---------------------------------------------------------------------------------

    def _read(self, query: str, *values: object) -> list[Any]:
        with self._read_lock:
            return self._reader.execute(query, values).fetchall()

    @contextmanager
    def _writing(self, *, hasty: bool = False) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction; it is undone when the body raises, or has rolled back itself."""
        connection = self._hasty if hasty else self._writer
        with self._write_lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if connection is self._reader:  # its own writes do not change its data_version
                    self._remembered.clear()


def _connect(path: str, *, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    write_ahead(connection, _BUSY_S)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def _connect_to_read(path: str) -> sqlite3.Connection:
    """Open the database beside whoever writes it; SQLite needs its two side files for that, or leave to make them."""
    alone = not os.path.exists(f"{path}-wal") and not os.access(os.path.dirname(path) or ".", os.W_OK)
    uri = f"file:{quote(os.path.abspath(path))}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _repository(write: sqlite3.Connection, name: str) -> int:
    """Return the row of the repository, which is made when absent."""
    row = write.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()
    if row is None:
        return int(write.execute("INSERT INTO repositories (name) VALUES (?)", (name,)).lastrowid or 0)
    return int(row[0])


def _exists(write: sqlite3.Connection, query: str, *values: object) -> bool:
    return write.execute(query, values).fetchone() is not None


def _point(write: sqlite3.Connection, repository: int, tag: str, digest: str, now: float) -> None:
    write.execute("DELETE FROM referrers WHERE repository = ? AND listed_by = ?", (repository, tag))
    write.execute(
        """INSERT INTO tags (repository, name, digest, moved_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, moved_at = excluded.moved_at""",
        (repository, tag, digest, now),
    )
