"""What the disk or the database says, as orlop's errors."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orlop.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn what the disk or the database says into StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(what, error.strerror or str(error)) from error
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        raise StorageError(what, str(error)) from OSError(errno.ENOSPC, str(error)) if full else error
