"""What the Go linker leaves in a program: its toolchain, and the modules that it was built from."""

from __future__ import annotations

import re
from struct import Struct, error
from typing import TYPE_CHECKING

from orlop.layer.packages.package import GOLANG, Package, text
from orlop.layer.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\xff Go buildinf:"
INFO_LIMIT = 1024 * 1024
"""Most bytes of one program's list of modules; Kubernetes has 20 KiB."""

_INLINE = 2  # flag: the texts follow the header, since Go 1.18
_HEADER = 32
# What encloses the list (cmd/go/internal/modload, build.go): in programs older than Go 1.18 it is found by these alone.
_BEGIN = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
_END = bytes.fromhex("f932433186182072008242104116d8f2")
_VERSION = re.compile(rb"(?:go1|devel )[^\0\n]{0,200}\Z")
_HEAD_LIMIT = 64 * 1024
_TRIES_LIMIT = 1_000
_KEEP = 64

_ELF_TYPES = {
    1: ("IIIIIIII", 28, 42, 32),
    2: ("IIQQQQQQ", 32, 54, 56),
}  # class: segment, where its table and sizes stand


class ProgramSink(Sink):
    """Looks for a program's build information as it streams by; keeps one piece, and at most ``INFO_LIMIT`` bytes.

    found: (version of Go, list of modules) once closed; None for what is no program, or none of Go's. A list in the data segment
    goes before any other, which may be of a program inside the program. Rule: Go, debug/buildinfo.
    """

    def __init__(self) -> None:
        self.found: tuple[str, bytes] | None = None
        self._kept = bytearray()
        self._base = 0  # offset of what is kept
        self._at = 0  # where the search goes on in it
        self._is_program: bool | None = None
        self._data: list[tuple[int, int]] | None = None
        self._sure = False
        self._old = b""
        self._tries = 0

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        if self._is_program is False or self._sure:
            return
        self._kept += piece
        if self._is_program is None and len(self._kept) >= 4:
            self._is_program = self._kept.startswith((b"\x7fELF", b"MZ"))
        if self._is_program:
            if self._data is None and len(self._kept) >= _HEAD_LIMIT:
                self._data = writable(bytes(self._kept[:_HEAD_LIMIT]))
            if self._data is not None:
                self._search(ended=False)

    def hole(self, size: int) -> None:
        """Skip zeros, which hold nothing that is looked for."""
        self.write(bytes(min(size, _KEEP)))
        if size > _KEEP:
            # A number beside the bytes instead of the bytes: what lies before a hole cannot go on behind it.
            self._base += size - _KEEP

    def close(self) -> None:
        """End the program."""
        if self._is_program:
            if self._data is None:
                self._data = writable(bytes(self._kept))
            self._search(ended=True)
            if self.found is None and self._old:
                self.found = ("", self._old)
        self._kept = bytearray()

    def _search(self, *, ended: bool) -> None:
        while not self._sure and self._tries < _TRIES_LIMIT:
            at = self._next()
            if at < 0:
                break
            self._tries += 1
            taken = self._inline(at) if self._kept.startswith(MAGIC, at) else self._enclosed(at)
            if taken is None and not ended and len(self._kept) - at < INFO_LIMIT + _HEADER:
                self._drop(at)
                self._tries -= 1
                return
            self._at = at + 1
        self._drop(max(self._at, len(self._kept) - _KEEP))

    def _next(self) -> int:
        found = [at for at in (self._kept.find(MAGIC, self._at), self._kept.find(_BEGIN, self._at)) if at >= 0]
        return min(found, default=-1)

    def _drop(self, count: int) -> None:
        del self._kept[:count]
        self._base += count
        self._at = max(self._at - count, 0)

    def _inline(self, at: int) -> bool | None:
        """Take the texts behind a header; None when they go on behind what is here."""
        if len(self._kept) < at + _HEADER:
            return None
        if not self._kept[at + 15] & _INLINE:
            return False
        version, end = self._counted(at + _HEADER)
        if version is None:
            return None if end < 0 else False
        if not _VERSION.match(version):
            return False
        modules, end = self._counted(end)
        if modules is None:
            return None if end < 0 else False
        if modules and not modules.startswith(_BEGIN):
            return False
        place = self._base + at
        self._sure = any(start <= place < stop for start, stop in self._data or ())
        if self._sure or self.found is None:
            self.found = (version.decode("utf-8", "replace"), modules)
        return True

    def _counted(self, at: int) -> tuple[bytes | None, int]:
        """Return a text behind its length, and where it ends; (None, -1) when it is not all here, (None, 0) when it is none."""
        size = shift = 0
        while True:
            if at >= len(self._kept):
                return None, -1
            byte = self._kept[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 28:
                return None, 0
        if size > INFO_LIMIT:
            return None, 0
        if at + size > len(self._kept):
            return None, -1
        return bytes(self._kept[at : at + size]), at + size

    def _enclosed(self, at: int) -> bool | None:
        end = self._kept.find(_END, at, at + INFO_LIMIT)
        if end < 0:
            return None
        self._old = self._old or bytes(self._kept[at : end + len(_END)])
        return True


def writable(head: bytes) -> list[tuple[int, int]]:
    """Return where in a program (ELF, PE) the data lie that it may write: (start, end) offsets, as its first bytes say."""
    try:
        return _elf(head) if head.startswith(b"\x7fELF") else _pe(head)
    except (error, IndexError, KeyError, OverflowError):
        return []


def _elf(head: bytes) -> list[tuple[int, int]]:
    order = "<" if head[5] == 1 else ">"
    form, table_at, sizes_at, size = _ELF_TYPES[head[4]]
    (table,) = Struct(order + ("I" if head[4] == 1 else "Q")).unpack_from(head, table_at)
    each, count = Struct(f"{order}HH").unpack_from(head, sizes_at)
    segment = Struct(order + form)
    found = []
    for at in range(table, table + min(count, 512) * max(each, size), max(each, size)):
        fields = segment.unpack_from(head, at)
        flags, offset, stored = (fields[6], fields[1], fields[4]) if head[4] == 1 else (fields[1], fields[2], fields[5])
        if fields[0] == 1 and flags & 3 == 2:  # PT_LOAD; PF_W without PF_X
            found.append((offset, offset + stored))
    return found


def _pe(head: bytes) -> list[tuple[int, int]]:
    (start,) = Struct("<I").unpack_from(head, 0x3C)
    if head[start : start + 4] != b"PE\0\0":
        return []
    count, optional = Struct("<H").unpack_from(head, start + 6)[0], Struct("<H").unpack_from(head, start + 20)[0]
    found = []
    for number in range(min(count, 512)):
        fields = Struct("<8sIIIIIIHHI").unpack_from(head, start + 24 + optional + 40 * number)
        if fields[9] & 0xC0000040 == 0xC0000040:  # initialised data, to read and write
            found.append((fields[4], fields[4] + fields[3]))
    return found


def packages(found: tuple[str, bytes], path: str) -> Iterator[Package]:
    """Yield the modules of a program, the main one first, and the standard library.

    found: what a ``ProgramSink`` found. A module that was replaced is told as what it was replaced with. A version ``(devel)``
    is none. Rule: Go, runtime/debug, BuildInfo.
    """
    version, data = found
    if data.startswith(_BEGIN):
        data = data[16:-16]
    waiting: tuple[str, str] | None = None
    for line in data.decode("utf-8", "replace").split("\n"):
        fields = line.split("\t")
        if fields[0] not in {"mod", "dep", "=>"} or len(fields) < 2:
            continue
        if fields[0] == "=>" and fields[1].startswith((".", "/")):
            continue  # a folder of the machine that built it has no name elsewhere
        if fields[0] != "=>" and waiting:
            yield _module(waiting, path)
        waiting = (text(fields[1]), text(fields[2]) if len(fields) > 2 else "")
    if waiting:
        yield _module(waiting, path)
    if version.startswith("go1"):
        yield Package(
            "stdlib", text(version.removeprefix("go").split(" ")[0]), GOLANG, licence="BSD-3-Clause", path=path
        )


def _module(module: tuple[str, str], path: str) -> Package:
    name, version = module
    return Package(name or "command-line-arguments", "" if version == "(devel)" else version, GOLANG, path=path)
