"""SQLite tables that change in numbered steps: ``PRAGMA user_version`` says how many were taken.

A step that has shipped is never edited; a change is a new step at the end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orlop.errors import StorageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_PAUSE_S = 0.01


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]], what: str) -> None:
    """Bring the tables to this version, in one transaction. The connection does not open transactions by itself.

    Two processes that open new tables at the same moment take turns. what: names them in a message. Raises StorageError
    when they were written by a later version, which this one cannot understand.
    """
    if version(connection) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        taken = known(version(connection), steps, what)
        for step in steps[taken:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def write_ahead(connection: sqlite3.Connection, patience_s: float) -> None:
    """Have the file keep a write-ahead log. patience_s: how long to wait for others who begin the file at the same time.

    SQLite itself does not wait for them here, whatever the connection's timeout. Raises sqlite3.OperationalError.
    """
    import sqlite3

    for left in range(int(patience_s / _PAUSE_S), -1, -1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def known(taken: int, steps: Sequence[Sequence[str]], what: str) -> int:
    """Return how many steps were taken. Raises StorageError for more than there are."""
    if taken > len(steps):
        raise StorageError(what, f"its tables are at step {taken}, and this orlop knows {len(steps)}")
    return taken


def version(connection: sqlite3.Connection) -> int:
    """Return how many steps the tables have taken."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
