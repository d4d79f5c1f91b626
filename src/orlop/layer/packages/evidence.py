"""Which files of a layer tell of packages, and what they tell, as the layer streams by."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING

from orlop.errors import IntegrityError, LimitError
from orlop.layer.packages import apk, dpkg, golang, jar, npm, python, rpm
from orlop.layer.packages.package import (
    APK,
    DEB,
    GOLANG,
    KINDS,
    MAVEN,
    NPM,
    PACKAGES_LIMIT,
    PYPI,
    RPM,
    Package,
    text,
)
from orlop.layer.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any

    from orlop.layer.entry import Entry

DATABASE_LIMIT = 128 * 1024 * 1024
"""Most bytes of a database that is read; a large desktop's is below."""

HEAD_LIMIT = 128 * 1024
"""Bytes of a Python distribution's METADATA that are read; its description follows what counts."""

SYSTEM_LIMIT = 64 * 1024
"""Most bytes of an os-release file."""

SYSTEMS_LIMIT = 16
"""Files of that kind that are kept of one layer."""

NOTES_LIMIT = 1_000
"""Notes that are kept of one layer."""

_SYSTEM, _PROGRAM, _JOURNAL = "system", "program", "journal"
_LIST = "var/lib/rpmmanifest/container-manifest-2"
_RPM_FOLDERS = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_PLACES = {
    "var/lib/dpkg/status": DEB,
    "lib/apk/db/installed": APK,
    "usr/lib/apk/db/installed": APK,
    _LIST: RPM,
    **{f"{folder}/{name}": RPM for folder in _RPM_FOLDERS for name in ("Packages", "Packages.db", "rpmdb.sqlite")},
    **{f"{folder}/rpmdb.sqlite-wal": _JOURNAL for folder in _RPM_FOLDERS},
}
_DISTROLESS = "var/lib/dpkg/status.d/"
_LIMITS = {
    DEB: DATABASE_LIMIT,
    APK: DATABASE_LIMIT,
    RPM: DATABASE_LIMIT,
    _JOURNAL: DATABASE_LIMIT,
    NPM: npm.JSON_LIMIT,
    MAVEN: jar.JAR_LIMIT,
    _SYSTEM: SYSTEM_LIMIT,
}
_PARSERS: dict[str, Callable[[bytes, str], Iterator[Package]]] = {
    DEB: dpkg.parse,
    APK: apk.parse,
    PYPI: python.parse,
    NPM: npm.parse,
    MAVEN: jar.parse,
}
_SUM = 32


def told_by(path: str, mode: int) -> str:
    """Return what a file of this path tells of: a kind, or one of this module's own; "" for nothing."""
    place = _PLACES.get(path)
    if place is not None:
        return place
    folder, _, name = path.rpartition("/")
    if name == "package.json":
        return NPM if npm.is_place(path) else ""
    if name == "METADATA":
        return PYPI if folder.endswith(".dist-info") else ""
    if name == "PKG-INFO":
        return PYPI if folder.endswith((".egg-info", ".egg/EGG-INFO")) else ""
    if name.endswith(".egg-info"):
        return PYPI
    if "os-release" in name:
        return _SYSTEM
    if name.endswith(jar.SUFFIXES):
        return MAVEN
    if path.startswith(_DISTROLESS) and "/" not in path[len(_DISTROLESS) :]:
        return "" if name.endswith((".md5sums", ".preinst", ".postinst", ".prerm", ".postrm")) else DEB
    return _PROGRAM if mode & 0o111 or name.endswith(".exe") else ""


def named(path: str) -> bool:
    """Whether the name of a file alone says that it tells of packages or of the system."""
    return told_by(path, 0) not in {"", _PROGRAM}


class Told:
    """What one layer tells: packages, notes and os-release files, each by the path of the file as its archive has it."""

    def __init__(self) -> None:
        self.packages: dict[str, tuple[Package, ...]] = {}
        self.notes: dict[str, str] = {}
        self.systems: dict[str, bytes] = {}

    def dump(self) -> bytes:
        """Return it as bytes, which end with their own checksum."""
        rows = {path: [_row(package) for package in found] for path, found in self.packages.items()}
        systems = {path: data.decode("latin-1") for path, data in self.systems.items()}
        body = json.dumps([rows, self.notes, systems], separators=(",", ":")).encode()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def load(cls, data: bytes) -> Told | None:
        """Return what ``dump`` wrote; None for damaged bytes, or those of another version."""
        body = data[:-_SUM]
        if hashlib.sha256(body).digest() != data[-_SUM:]:
            return None
        told = cls()
        try:
            rows, told.notes, systems = json.loads(body)
            for path, found in rows.items():
                told.packages[path] = tuple(_restored(row, path) for row in found)
            told.systems = {path: data.encode("latin-1") for path, data in systems.items()}
        except (ValueError, TypeError, AttributeError):
            return None
        return told


def _row(package: Package) -> list[str]:
    p = package
    return [p.name, p.version, p.kind, p.architecture, p.source, p.source_version, p.licence]


def _restored(row: list[str], path: str) -> Package:
    name, version, kind, architecture, source, source_version, licence = row
    return Package(name, version, kind, architecture, source, source_version, licence, path)


class Gatherer:
    """Takes the contents of one layer that tell of packages, and reads each as it ends.

    kinds: of packages. ``told`` is complete after ``finish``. A file that is damaged or too large becomes a note. Reading
    raises LimitError for more than ``PACKAGES_LIMIT`` packages.
    """

    def __init__(self, what: str, kinds: Collection[str] = KINDS) -> None:
        self.told = Told()
        self.kinds = frozenset(kinds)
        self._what = what
        self._wanted = {_SYSTEM, *kinds}
        if GOLANG in kinds:
            self._wanted.add(_PROGRAM)
        if RPM in kinds:
            self._wanted.add(_JOURNAL)
        self._count = 0
        self._databases: dict[str, bytes] = {}
        self._journals: dict[str, bytes] = {}

    def wants(self, entry: Entry, path: str = "") -> bool:
        """Whether the content of a file is asked for; where there is one too large, that is noted.

        path: instead of the entry's own, for another name of the same file.
        """
        path = path or entry.path
        what = told_by(path, entry.mode)
        if what not in self._wanted or not entry.size:
            return False
        if what == _PROGRAM:
            return entry.size >= 4096
        limit = _LIMITS.get(what, entry.size)
        if entry.size > limit:
            self._note(path, f"it has more than {limit} bytes, and was not read")
            return False
        return what != _SYSTEM or len(self.told.systems) < SYSTEMS_LIMIT

    def wanted(self, entry: Entry, path: str = "") -> Sink | None:
        """Return where the content of a file goes, None for one that tells of nothing."""
        if not self.wants(entry, path):
            return None
        path = path or entry.path
        # What came earlier in the archive under this path is gone, also when the later one cannot be read.
        self.told.packages.pop(path, None)
        what = told_by(path, entry.mode)
        if what == _PROGRAM:
            return _Program(partial(self._program, path))
        return _Head(HEAD_LIMIT if what == PYPI else _LIMITS[what], partial(self._take, what, path))

    def alias(self, known: str, path: str) -> bool:
        """Take note of another name of a file that was read; False when it has to be read under that name as well."""
        if told_by(known, 0) != told_by(path, 0):
            return False
        mappings: tuple[dict[str, Any], ...] = (
            self.told.packages,
            self.told.notes,
            self.told.systems,
            self._databases,
        )
        for mapping in mappings:
            if known in mapping:
                mapping[path] = mapping[known]
                return True
        return False

    def finish(self) -> Told:
        """Read the databases that had to wait for their journals, and return all."""
        for path, data in self._databases.items():
            journal = self._journals.pop(f"{path}-wal", b"")
            self._read(path, rpm.parse(data, path, journal=journal))
        self._databases.clear()
        for path in self._journals:
            self._note(path, "it belongs to a database of another layer, and was not read")
        self._journals.clear()
        return self.told

    def _take(self, what: str, path: str, data: bytes) -> None:
        if what == _SYSTEM:
            self.told.systems[path] = data
        elif what == _JOURNAL:
            self._journals[path] = data
        elif path == _LIST:
            self._read(path, rpm.parse_manifest(data, path))
        elif what == RPM and path.endswith(".sqlite"):
            self._databases[path] = data
        elif what == RPM:
            self._read(path, rpm.parse(data, path))
        else:
            self._read(path, _PARSERS[what](data, path))

    def _program(self, path: str, found: tuple[str, bytes] | None) -> None:
        if found is not None:
            self._read(path, golang.packages(found, path))

    def _read(self, path: str, packages: Iterable[Package]) -> None:
        """Keep what a parser yields; what it told before it met damage stays."""
        kept: list[Package] = []
        try:
            for package in packages:
                self._count += 1
                if self._count > PACKAGES_LIMIT:
                    raise LimitError(self._what, "packages of a layer", PACKAGES_LIMIT)
                kept.append(package)
        except IntegrityError as error:
            self._note(path, error.reason)
        self.told.packages[path] = tuple(kept)

    def _note(self, path: str, reason: str) -> None:
        if len(self.told.notes) < NOTES_LIMIT:
            self.told.notes[path] = text(reason)


class _Head(Sink):
    """Keeps the first bytes of a file, and hands them on at its end."""

    def __init__(self, limit: int, then: Callable[[bytes], None]) -> None:
        self._left, self._then = limit, then
        self._parts: list[bytes] = []

    def write(self, piece: bytes) -> None:
        """Keep the bytes, as long as there is room."""
        if self._left:
            self._parts.append(piece[: self._left])
            self._left -= len(self._parts[-1])

    def hole(self, size: int) -> None:
        """Keep zeros, as long as there is room."""
        super().hole(min(size, self._left))

    def close(self) -> None:
        """Hand on what came."""
        self._then(b"".join(self._parts))


class _Program(golang.ProgramSink):
    """Hands on what a program told."""

    def __init__(self, then: Callable[[tuple[str, bytes] | None], None]) -> None:
        super().__init__()
        self._then = then

    def close(self) -> None:
        """End the program, and hand on what was found."""
        super().close()
        self._then(self.found)
