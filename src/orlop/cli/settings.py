"""The settings file: JSON, with dredge's names; what it holds beside ours stays."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from orlop.errors import ConfigError, InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE_LIMIT = 1 << 20
"""Bytes of a settings file that are read."""

OUTPUTS = ("table", "plain", "json", "raw")

Value = str | int | float | bool | tuple[str, ...]


def _text(text: str) -> Value:
    return text


def _flag(text: str) -> Value:
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        raise ValueError("true or false")
    return lowered == "true"


def _seconds(text: str) -> Value:
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError("a number of seconds above 0")
    return int(number) if number == int(number) else number


def _count(text: str) -> Value:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("a whole number above 0")
    return int(text)


def _size(text: str) -> Value:
    return parse_size(text)


def _mirrors(text: str) -> Value:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(map(_is_mirror, names)):
        raise ValueError("hosts, such as mirror.example:5000, with commas between")
    return names


def _is_mirror(name: str) -> bool:
    from orlop.model.reference import RegistryHost

    scheme, mark, rest = name.rpartition("://")
    try:
        RegistryHost(rest.partition("/")[0])
    except InputError:
        return False
    return not mark or scheme in {"http", "https"}


def _proxy(text: str) -> Value:
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in {"http", "https", "socks5", "socks5h"} or not rest.strip("/"):
        raise ValueError("a URL, such as http://proxy.example:3128")
    return text


def _output(text: str) -> Value:
    if text not in OUTPUTS:
        raise ValueError(f"one of {', '.join(OUTPUTS)}")
    return text


KNOWN: dict[str, tuple[Callable[[str], Value], str]] = {
    "platform.os": (_text, "operating system for the image commands and manifest resolve: linux, windows"),
    "platform.arch": (_text, "likewise the architecture: amd64, arm64, arm"),
    "platform.osVersion": (_text, "likewise the version of Windows: 10.0.20348"),
    "output": (_output, "the default of --output"),
    "concurrency": (_count, "references at once, the default of --concurrency"),
    "manifestLimit": (_size, "largest manifest: 4 MiB unless set"),
    "layers.unpackedLimit": (_size, "most bytes that one layer may unpack to: 64 GiB unless set"),
    "layers.entryLimit": (_count, "most files of one layer: 4,000,000 unless set"),
    "cache.path": (_text, "folder of the cache"),
    "cache.limit": (_size, "largest size of the cache: 512 MiB unless set; 0 keeps nothing"),
    "fileCompareTool.exePath": (_text, "the program that image compare files --tool opens"),
    "fileCompareTool.args": (_text, "its arguments; {0} and {1} stand for the two folders"),
}
"""Every setting that is not of one host: how its text is read, and what it means."""

HOST_KNOWN: dict[str, tuple[Callable[[str], Value], str, str]] = {
    "plainHttp": (_flag, "plain_http", "http instead of https"),
    "insecure": (_flag, "insecure", "the certificate is not verified"),
    "caFile": (_text, "ca_file", "authorities to trust, a PEM file"),
    "clientCert": (_text, "client_cert", "a certificate of our own, a PEM file"),
    "clientKey": (_text, "client_key", "its key, a PEM file"),
    "timeout": (_seconds, "timeout_s", "seconds without a byte"),
    "connectTimeout": (_seconds, "connect_timeout_s", "seconds until there is a connection"),
    "totalTimeout": (_seconds, "total_timeout_s", "seconds for one whole exchange"),
    "mirrors": (_mirrors, "mirrors", "hosts that are asked first when reading, with commas between"),
    "concurrency": (_count, "concurrency", "requests at once"),
    "requestsPerSecond": (_seconds, "requests_per_second", "requests started in a second"),
    "proxy": (_proxy, "proxy", "URL of a proxy"),
}
"""Every setting under ``hosts.HOST``: how its text is read, the field of HostOptions, and what it means."""

_UNITS = {"": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def parse_size(text: str) -> int:
    """Return the bytes that a text such as ``512MiB`` or ``4194304`` means. Raises ValueError."""
    digits = text.strip().rstrip("BKMGbkmgi ")
    unit = text.strip()[len(digits) :].strip().lower().removesuffix("b")
    factor = _UNITS.get(unit + "b" if unit else "")
    if factor is None or not digits.isdecimal():
        raise ValueError("a number of bytes, such as 512MiB")
    return int(digits) * factor


class Settings:
    """The settings of one file, which need not exist. ``document`` is all of it."""

    def __init__(self, path: str, document: dict[str, object]) -> None:
        self.path, self.document = path, document
        self.unknown: list[str] = []
        """Names under a host that are not known, once ``hosts`` was asked for."""

    @classmethod
    def load(cls, path: str) -> Settings:
        """Return the settings of a file. Raises ConfigError for one that is broken or cannot be read."""
        try:
            with open(path, "rb") as file:
                raw = file.read(FILE_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, {})
        except OSError as error:
            raise _broken(path, f"cannot be read: {error.strerror or error}") from error
        if len(raw) > FILE_LIMIT:
            raise _broken(path, f"is larger than {FILE_LIMIT} bytes")
        if not raw.strip():
            return cls(path, {})
        from orlop.errors import InvalidDocumentError
        from orlop.model.jsondoc import load_object

        try:
            return cls(path, load_object(raw.removeprefix(b"\xef\xbb\xbf"), "the settings file", limit=FILE_LIMIT))
        except InvalidDocumentError as error:
            raise _broken(path, f"is broken: {error.reason}") from error

    def get(self, name: str) -> object:
        """Return the value of a setting; None where it is not set. Raises ConfigError, InputError."""
        value: object = self.document
        for part in parts_of(name):
            if value is None:
                return None
            if not isinstance(value, dict):
                raise _broken(self.path, f"is broken: {name} is under something that is not an object")
            value = value.get(part)
        return value

    def text(self, name: str) -> str:
        """Return a known setting that is a text; "" where it is not set. Raises ConfigError."""
        value = self.checked(name)
        return "" if value is None else str(value)

    def checked(self, name: str) -> Value | None:
        """Return a known setting, its type checked. Raises ConfigError."""
        value = self.get(name)
        if value is None or value == "":
            return None
        return self._of_type(name, value, KNOWN[name][0])

    def hosts(self) -> dict[str, dict[str, Value]]:
        """Return, by host, the fields of HostOptions that are set. Raises ConfigError."""
        hosts = self.document.get("hosts")
        if hosts is None:
            return {}
        if not isinstance(hosts, dict):
            raise _broken(self.path, "is broken: hosts is not an object")
        found: dict[str, dict[str, Value]] = {}
        for host, fields in hosts.items():
            if not isinstance(fields, dict):
                raise _broken(self.path, f"is broken: hosts.{host} is not an object")
            found[host] = {
                HOST_KNOWN[key][1]: self._of_type(f"hosts.{host}.{key}", value, HOST_KNOWN[key][0])
                for key, value in fields.items()
                if key in HOST_KNOWN and value is not None
            }
            self.unknown += [f"hosts.{host}.{key}" for key in fields if key not in HOST_KNOWN]
        return found

    def _of_type(self, name: str, value: object, read: Callable[[str], Value]) -> Value:
        if isinstance(value, list | tuple) and read is _mirrors and all(isinstance(item, str) for item in value):
            value = ",".join(value)
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise _broken(self.path, f"is broken: {name} is of a wrong kind")
        try:
            return read(str(value))
        except ValueError as error:
            raise _broken(self.path, f"is broken: {name} is not {_wanted(error)}") from None

    def set(self, name: str, text: str) -> None:
        """Set a setting, or with an empty text take it away, and write the file. Raises InputError, StorageError, ConfigError."""
        parts = parts_of(name)
        value = value_of(name, text) if text else None
        place: dict[str, object] = self.document
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise _broken(self.path, f"is broken: {part} is not an object")
            place = inner
        if value is None:
            place.pop(parts[-1], None)
        else:
            place[parts[-1]] = value
        write(self.path, self.document)


def parts_of(name: str) -> list[str]:
    """Return the keys that lead to a setting: the host in ``hosts.HOST.NAME`` may hold dots."""
    parts = name.split(".")
    if parts[0] == "hosts" and len(parts) > 2:
        parts = ["hosts", ".".join(parts[1:-1]), parts[-1]]
    if not all(parts):
        raise _unknown(name, "a part of it is empty")
    return parts


def _known(name: str) -> tuple[object, ...]:
    """Return the entry of a setting, whose first is how its text is read. Raises InputError for an unknown name."""
    parts = parts_of(name)
    if parts[0] == "hosts" and len(parts) == 3:
        known: tuple[object, ...] | None = HOST_KNOWN.get(parts[2])
        names = [f"hosts.{parts[1]}.{key}" for key in HOST_KNOWN]
    else:
        known = KNOWN.get(name)
        names = [*KNOWN, *(f"hosts.HOST.{key}" for key in HOST_KNOWN)]
    if known is not None:
        return known
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    raise _unknown(name, f"did you mean {near[0]}?" if near else "it is not known").with_hint(
        f"there are: {', '.join(names)}"
    )


def check_known(name: str) -> None:
    """Raise InputError for what is neither a setting nor the beginning of one, such as ``platform`` or ``hosts.HOST``."""
    beginning = name.partition(".")[0] == "hosts" or any(known.startswith(f"{name}.") for known in KNOWN)
    if not beginning:
        _known(name)


def value_of(name: str, text: str) -> Value:
    """Return what the text means for the setting. Raises InputError for an unknown name or a wrong value."""
    known = _known(name)
    read: Callable[[str], Value] = known[0]  # type: ignore[assignment]  # the first of either table's entries
    try:
        return read(text)
    except ValueError as error:
        wrong = InputError(text, f"it is {_wanted(error)}")
        wrong.noun = f"a value of {name}"
        raise wrong from None


def write(path: str, document: Mapping[str, object]) -> None:
    """Put the document in place of the file at once; links are followed. Raises StorageError."""
    path = os.path.realpath(path)
    part = f"{path}.{os.getpid()}.part"
    if os.path.exists(path) and not os.path.isfile(path):
        raise StorageError(path, "cannot be written: it is no file")  # /dev/null would become one
    data = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            if os.path.exists(part):
                os.unlink(part)
            raise
    except OSError as error:
        raise StorageError(path, f"cannot be written: {error.strerror or error}") from error


def _wanted(error: ValueError) -> str:
    said = str(error)
    return "a number" if "could not convert" in said else said


def _broken(path: str, reason: str) -> ConfigError:
    return ConfigError(f"the settings file {path}", f"it {reason}")


def _unknown(name: str, reason: str) -> InputError:
    error = InputError(name, reason)
    error.noun = "a setting"
    return error
