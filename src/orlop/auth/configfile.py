"""The JSON of ``config.json`` and ``auth.json``: read, and written so that nothing else in it changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import ConfigError, InvalidDocumentError, StorageError
from orlop.model.jsondoc import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_LIMIT = 4 << 20
"""Bytes of a config file that are read."""

Document = dict[str, object]


def read(path: str) -> Document | None:
    """Return the document of the file; None when there is no such file. Raises ConfigError, naming the file."""
    try:
        with open(path, "rb") as file:
            raw = file.read(CONFIG_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(path, f"it cannot be read: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        raise ConfigError(repr(path), "that is no name of a file") from error
    if len(raw) > CONFIG_LIMIT:
        raise ConfigError(path, f"it is larger than {CONFIG_LIMIT} bytes")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        return {}  # docker takes an empty file so, and tools that create it first leave one
    try:
        return load_object(raw, path, limit=CONFIG_LIMIT)
    except InvalidDocumentError as error:
        raise ConfigError(path, f"it is broken: {error.reason}") from error


def section(document: Mapping[str, object], name: str, path: str) -> Document:
    """Return one object of the document, empty when it is absent or null. Raises ConfigError."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(path, f"its {name} is not an object")
    return value


def text_of(document: Mapping[str, object], name: str, path: str) -> str:
    """Return one text of the document, empty when it is absent or null. Raises ConfigError."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(path, f"its {name} is not a text")
    return value


def write(path: str, document: Document) -> None:
    """Put the document in place of the file at once, readable by its owner alone; links are followed.

    Raises StorageError; then the file is as it was.
    """
    import json

    path = os.path.realpath(path)  # a linked config.json (dotfiles) stays a link
    data = json.dumps(document, indent="\t", ensure_ascii=False).encode() + b"\n"
    temporary = f"{path}.{os.getpid()}.tmp"
    if os.path.exists(path) and not os.path.isfile(path):
        raise StorageError(path, "it cannot be written: it is no file")  # /dev/null would become one
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            _write_new(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            _remove(temporary)
            raise
    except OSError as error:
        raise StorageError(path, f"it cannot be written: {error.strerror or type(error).__name__}") from error


def _write_new(path: str, data: bytes) -> None:
    _remove(path)  # left by a process of the same number
    # O_EXCL: nobody's link is followed. The mode is the file's from its first byte on.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: str) -> None:
    import contextlib

    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
