"""What a Java archive says of itself and of what is packed into it: Maven's ``pom.properties``, else its manifest."""

from __future__ import annotations

import re
import zlib
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import InvalidDocumentError
from orlop.layer.packages.package import MAVEN, Package, text

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".jar", ".war", ".ear", ".jpi", ".hpi")
"""How the names of Java archives end."""

JAR_LIMIT = 64 * 1024 * 1024
"""Most bytes of an archive that is read."""

INNER_LIMIT = 256 * 1024 * 1024
"""Most bytes that come out of one archive."""

_FILE_LIMIT = 64 * 1024
_END = Struct("<4s4H2IH")
_MEMBER = Struct("<4s6H3I5H2I")
_LOCAL = Struct("<4s5H3I2H")
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties\Z")
_FROM_NAME = re.compile(r"(.+?)-(\d[^/]*)\Z")
_PAIR = re.compile(r"^[ \t]*([A-Za-z][\w.-]*)[ \t]*[=:][ \t]*(.*)$", re.MULTILINE)


class _Member(NamedTuple):
    name: str
    method: int
    stored: int
    size: int
    at: int


class _Budget:
    def __init__(self) -> None:
        self.left = INNER_LIMIT


def parse(data: bytes, path: str) -> Iterator[Package]:
    """Yield the archive, and what it holds: shaded libraries, and archives one level down.

    Raises InvalidDocumentError for what is no archive, or one that unpacks to more than ``INNER_LIMIT``.
    Rule: PKWARE's APPNOTE; the JAR file specification.
    """
    yield from _archive(data, path, path, _Budget(), inner=True)


def _archive(data: bytes, name: str, path: str, budget: _Budget, *, inner: bool) -> Iterator[Package]:
    manifest: dict[str, str] = {}
    poms = 0
    for member in _members(data, path):
        if _POM.match(member.name):
            fields = _fields(_content(data, member, _FILE_LIMIT, path, budget))
            group, artifact = fields.get("groupId", ""), fields.get("artifactId", "")
            if artifact:
                poms += 1
                yield _package(group, artifact, fields.get("version", ""), path)
        elif member.name == "META-INF/MANIFEST.MF":
            manifest = _fields(_content(data, member, _FILE_LIMIT, path, budget))
        elif inner and member.name.endswith(SUFFIXES):
            packed = _content(data, member, JAR_LIMIT, path, budget)
            try:
                yield from _archive(packed, member.name, path, budget, inner=False)
            except InvalidDocumentError:
                continue  # a file of that name that is no archive is nothing to tell of
    if not poms:
        yield from _unnamed(manifest, name, path)


def _unnamed(manifest: dict[str, str], name: str, path: str) -> Iterator[Package]:
    """Yield an archive that Maven did not write into, by its manifest and its file's name."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    named = _FROM_NAME.match(stem)
    artifact = named[1] if named else manifest.get("Implementation-Title") or stem
    version = named[2] if named else ""
    version = version or manifest.get("Implementation-Version") or manifest.get("Bundle-Version") or ""
    if artifact and version and " " not in artifact:
        yield _package(manifest.get("Implementation-Vendor-Id", ""), artifact, version, path)


def _package(group: str, artifact: str, version: str, path: str) -> Package:
    group, artifact = text(group), text(artifact)
    return Package(f"{group}:{artifact}" if group else artifact, text(version), MAVEN, path=path)


def _members(data: bytes, path: str) -> Iterator[_Member]:
    at = data.rfind(b"PK\5\6", max(len(data) - 65_557, 0))
    if at < 0 or at + _END.size > len(data):
        raise InvalidDocumentError(f"/{path}", "it is no archive, or cut short")
    _, _, _, _, _, size, start, _ = _END.unpack_from(data, at)
    shift = at - size - start  # a program may stand before the archive
    place = start + shift
    if place < 0 or shift < 0:
        raise InvalidDocumentError(f"/{path}", "its directory lies outside the file")
    while place + _MEMBER.size <= at:
        fields = _MEMBER.unpack_from(data, place)
        if fields[0] != b"PK\1\2":
            raise InvalidDocumentError(f"/{path}", "its directory is damaged")
        length, extra, comment = fields[10:13]
        name = data[place + _MEMBER.size : place + _MEMBER.size + length].decode("utf-8", "replace")
        yield _Member(name, fields[4], fields[8], fields[9], fields[16] + shift)
        place += _MEMBER.size + length + extra + comment


def _content(data: bytes, member: _Member, limit: int, path: str, budget: _Budget) -> bytes:
    """Return a member's content, up to ``limit`` bytes of it."""
    if member.at + _LOCAL.size > len(data) or data[member.at : member.at + 4] != b"PK\3\4":
        raise InvalidDocumentError(f"/{path}", f"{text(member.name)} in it is damaged")
    length, extra = _LOCAL.unpack_from(data, member.at)[9:11]
    start = member.at + _LOCAL.size + length + extra
    packed = memoryview(data)[start : start + member.stored]
    if member.method == 0:
        found = bytes(packed[:limit])
    elif member.method == 8:
        try:
            found = zlib.decompressobj(-15).decompress(packed, limit)
        except zlib.error as error:
            raise InvalidDocumentError(f"/{path}", f"{text(member.name)} in it is damaged") from error
    else:
        found = b""
    budget.left -= len(found)
    if budget.left < 0:
        raise InvalidDocumentError(f"/{path}", f"it unpacks to more than {INNER_LIMIT} bytes")
    return found


def _fields(data: bytes) -> dict[str, str]:
    return {key: value.strip() for key, value in _PAIR.findall(data.decode("utf-8", "replace"))}
