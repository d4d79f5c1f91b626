"""Archives, written: ustar headers, with PAX records for what does not fit them.

Rule: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header". Bytes of names stay as they are, also where they
are not UTF-8. One tree gives the same archive every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, DIRECTORY, FIFO, FILE, HARDLINK, SYMLINK
from orlop.layer.sinks import Sink
from orlop.layer.tarheader import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.layer.entry import Entry

_FLAGS = {
    FILE: b"0",
    HARDLINK: b"1",
    SYMLINK: b"2",
    CHARACTER: b"3",
    BLOCK_DEVICE: b"4",
    DIRECTORY: b"5",
    FIFO: b"6",
}
_SECOND = 1_000_000_000
_ZEROS = bytes(64 * 1024)
_LARGEST = {8: 0o7777777, 12: 0o77777777777}


def header(entry: Entry, path: str, *, kind: str = "", link: str = "") -> bytes:
    """Return what stands before the content of a member: its header, and one of records before it where that is needed.

    path: of the member, without a leading slash, "" for the root. kind, link: instead of the entry's own.
    """
    kind = kind or entry.kind
    link = link or entry.link
    name = _bytes(path) or b"."
    records: dict[str, bytes] = {}
    prefix = b""
    if len(name) > 100:
        prefix, name = _split(name, records)
    target = _bytes(link) if kind in {SYMLINK, HARDLINK} else b""
    if len(target) > 100:
        records["linkpath"] = target
        target = target[:100]
    size = entry.size if kind == FILE else 0
    seconds, fraction = divmod(entry.mtime_ns, _SECOND)
    if fraction or not 0 <= seconds <= _LARGEST[12]:
        records["mtime"] = _time(entry.mtime_ns)
    uname, gname = _text(entry.uname, "uname", records), _text(entry.gname, "gname", records)
    for key, value in entry.xattrs.items():
        if "=" in key:
            continue  # no record can name it
        records[f"SCHILY.xattr.{key}"] = value
    block = b"".join(
        [
            name.ljust(100, b"\0"),
            b"%07o\0" % (entry.mode & 0o7777),
            _number(entry.uid, 8, "uid", records),
            _number(entry.gid, 8, "gid", records),
            _number(size, 12, "size", records),
            _number(max(seconds, 0), 12, "", records),
            b"        ",
            _FLAGS[kind],
            target.ljust(100, b"\0"),
            b"ustar\00000",
            uname,
            gname,
            _number(entry.major, 8, "", records),
            _number(entry.minor, 8, "", records),
            prefix.ljust(155, b"\0"),
            bytes(12),
        ]
    )
    return (_extended(records, path) if records else b"") + _summed(block)


class TarWriter:
    """Writes one archive in order. write: takes its bytes, in pieces of any size. Call ``end`` after the last member."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write

    def add(self, entry: Entry, path: str, *, kind: str = "", link: str = "") -> None:
        """Write a member without content; ``header`` says what goes in."""
        self.write(header(entry, path, kind=kind, link=link))

    def file(self, entry: Entry, path: str, *, then: Callable[[], object] = lambda: None) -> Sink:
        """Write a file's header, and return what takes its content, all of ``entry.size``. then: called when it has it all."""
        self.write(header(entry, path, kind=FILE))
        return _Content(self.write, entry.size, then)

    def end(self) -> None:
        """Write the end of the archive."""
        self.write(bytes(2 * BLOCK))


class _Content(Sink):
    """Takes a content, and fills its last block."""

    def __init__(self, write: Callable[[bytes], object], size: int, then: Callable[[], object]) -> None:
        self._write, self._size, self._then = write, size, then

    def write(self, piece: bytes) -> None:
        self._write(piece)

    def hole(self, size: int) -> None:
        for _ in range(size // len(_ZEROS)):
            self._write(_ZEROS)
        self._write(_ZEROS[: size % len(_ZEROS)])

    def close(self) -> None:
        if self._size % BLOCK:
            self._write(bytes(-self._size % BLOCK))
        self._then()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _split(name: bytes, records: dict[str, bytes]) -> tuple[bytes, bytes]:
    """Return a long name in two parts, cut at a slash; where there is none that fits, a record has it."""
    at = name.find(b"/", len(name) - 101, -1)
    if 0 < at <= 155:
        return name[:at], name[at + 1 :]
    records["path"] = name
    return b"", name[:100]


def _text(text: str, key: str, records: dict[str, bytes]) -> bytes:
    value = _bytes(text)
    if len(value) > 31:
        records[key] = value
    return value[:31].ljust(32, b"\0")


def _number(value: int, room: int, key: str, records: dict[str, bytes]) -> bytes:
    """Return an octal number; one that does not fit goes into a record, a device's into base 256 as GNU tar has it."""
    if 0 <= value <= _LARGEST[room]:
        return b"%0*o\0" % (room - 1, value)
    if key:
        records[key] = b"%d" % value
        return b"0" * (room - 1) + b"\0"
    return b"\x80" + (value & (1 << (room * 8 - 8)) - 1).to_bytes(room - 1, "big")


def _time(time_ns: int) -> bytes:
    """Return seconds with the fraction's digits that are not zero."""
    sign, (seconds, fraction) = b"-" if time_ns < 0 else b"", divmod(abs(time_ns), _SECOND)
    return sign + b"%d" % seconds + (b".%09d" % fraction).rstrip(b"0").rstrip(b".")


def _extended(records: dict[str, bytes], path: str) -> bytes:
    body = b"".join(_record(_bytes(key), value) for key, value in sorted(records.items()))
    name = _bytes(f"PaxHeaders.0/{path.rpartition('/')[2]}")[:100]
    block = b"".join(
        [
            name.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % len(body) + b"0" * 11 + b"\0",
            b"        x",
            bytes(100),
            b"ustar\00000",
            bytes(64),
            b"0000000\0" * 2,
            bytes(155 + 12),
        ]
    )
    return _summed(block) + body + bytes(-len(body) % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    """Return ``LENGTH KEY=VALUE`` and newline, where the length counts its own digits."""
    bare = len(key) + len(value) + 3
    size = bare + len(str(bare))
    size = bare + len(str(size))
    return b"%d %b=%b\n" % (size, key, value)


def _summed(block: bytes) -> bytes:
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
