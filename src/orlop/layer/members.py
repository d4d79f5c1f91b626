"""Members of an archive in the form that most have: ustar headers without a prefix, octal numbers, short names.

A layer has ten thousand of them, and nothing here is called for each that need not be: a third of the time of the way that
takes all others (``orlop.layer.tarscan``), which gets what is not in this form, and what is refused.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import IntegrityError
from orlop.layer.entry import DIRECTORY, FILE, HARDLINK, NO_XATTRS, SYMLINK, Entry, clean, entry_of
from orlop.layer.pax import text
from orlop.layer.tarheader import BLOCK, NUMBERS_KEPT, parse, sums_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.layer.sinks import Sink

_KINDS = {b"0": FILE, b"1": HARDLINK, b"2": SYMLINK, b"5": DIRECTORY}
# Names; what is mostly alike, before and behind; numbers, each with its end; the first byte of a prefix.
_unpack = Struct("100s24s11sc11sc6s2sc100s88sc").unpack_from
_ENDS = frozenset({b"\0", b" "})
_NOTHING = hashlib.sha256().digest()


class _Alike(NamedTuple):
    """What the headers of an archive mostly have in common: all but names, sizes and times."""

    mode: int
    uid: int
    gid: int
    uname: str
    gname: str
    major: int
    minor: int


_alike: dict[bytes, _Alike] = {}


def usual_members(
    data: bytes,
    at: int,
    base: int,
    found: list[Entry],
    *,
    most: int,
    longest: int,
    hashed: bool,
    wanted: Callable[[Entry], Sink | None] | None,
) -> tuple[int, int, int, Sink | None]:
    """Add to ``found`` the members from a header on, until one has another form or is not all there.

    data: of the archive; at: offset of the header in it; base: of the data in the archive. most: members that may be added;
    longest: characters of a path. hashed: files that are all there get their ``sha256``. wanted: as ``Scanner`` takes it.
    Returns where it stopped, how many bytes of content go on there and how many of padding behind, and what takes the content.
    """
    end = len(data)
    view = memoryview(data)
    sha256 = hashlib.sha256
    while most > 0 and end - at >= BLOCK:
        kind = _KINDS.get(data[at + 156 : at + 157])
        if kind is None:
            break
        name, common, octal, size_end, time, time_end, stated, stated_end, _, linked, rest, prefix = _unpack(data, at)
        if prefix != b"\0" or stated_end != b"\0 " or size_end not in _ENDS or time_end not in _ENDS:
            break
        if not (octal + time + stated).isdigit():
            break
        try:
            if not sums_to(data, int(stated, 8), at):
                break
            size, seconds = int(octal, 8), int(time, 8)
            alike = _alike.get(common + rest) or _learn(data[at : at + BLOCK], common + rest)
        except (ValueError, IntegrityError):
            break
        raw, link = text(name.partition(b"\0")[0]), ""
        if kind is not FILE:
            size = 0
            if kind is not DIRECTORY:
                link = text(linked.partition(b"\0")[0])
        elif raw[-1:] == "/":
            break
        if len(raw) > longest or len(link) > longest:
            break
        most -= 1
        begin = at + BLOCK
        stop = begin + size
        content = b""
        if hashed and kind is FILE and stop <= end:
            content = sha256(view[begin:stop]).digest() if size else _NOTHING
        mode, uid, gid, uname, gname, major, minor = alike
        entry = entry_of(
            (
                clean(raw),
                kind,
                mode,
                uid,
                gid,
                uname,
                gname,
                size,
                seconds * 1_000_000_000,
                link,
                major,
                minor,
                NO_XATTRS,
                base + at,
                base + begin,
                size,
                None,
                raw,
                content,
            )
        )
        found.append(entry)
        at = begin
        sink = wanted(entry) if wanted is not None and kind is FILE else None
        if stop > end:
            return at, size, -size % BLOCK, sink
        if sink is not None:
            if size:
                sink.write(data[begin:stop])
            sink.close()
        at = stop + -size % BLOCK
        if at > end:
            return end, 0, at - end, None
    return at, 0, 0, None


def _learn(block: bytes, key: bytes) -> _Alike:
    """Return what a header has beside names, sizes and times, and remember it. Raises IntegrityError."""
    header = parse(block, "", 0)
    names = text(header.uname), text(header.gname)
    made = _Alike(header.mode & 0o7777, header.uid, header.gid, *names, header.major, header.minor)
    if len(_alike) >= NUMBERS_KEPT:
        _alike.clear()
    _alike[key] = made
    return made
