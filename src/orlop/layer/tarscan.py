"""The members of an archive, told from its bytes as they are pushed in.

Python's tarfile ends in silence at a damaged header and at an archive that is cut between members, and takes four
times as long; here both are IntegrityErrors. Nothing but a partial header is kept between two calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import IntegrityError, LimitError, TruncatedError
from orlop.layer import pax
from orlop.layer.entry import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARDLINK,
    NO_XATTRS,
    SYMLINK,
    Entry,
    clean,
)
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.members import usual_members
from orlop.layer.sinks import SparseSink
from orlop.layer.tarheader import BLOCK, SIZE_LIMIT, Header, is_header, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.layer.limits import Limits
    from orlop.layer.pax import Pieces
    from orlop.layer.sinks import Sink

    Wanted = Callable[[Entry], Sink | None]

_KINDS = {
    b"0": FILE,
    b"\0": FILE,
    b"7": FILE,  # contiguous
    b"S": FILE,  # old GNU sparse
    b"1": HARDLINK,
    b"2": SYMLINK,
    b"3": CHARACTER,
    b"4": BLOCK_DEVICE,
    b"5": DIRECTORY,
    b"D": DIRECTORY,  # GNU incremental: its content is a list of names
    b"6": FIFO,
}
_LINKS = frozenset({HARDLINK, SYMLINK})
# These have no content, whatever their size says (Go's archive/tar and GNU tar agree).
_BARE = frozenset(b"123456"[at : at + 1] for at in range(6))
_EXTENDED = frozenset({b"x", b"X", b"g", b"L", b"K"})
_IGNORED = frozenset({b"V", b"M", b"N", b"A"})  # volume labels, continuations, old long names, Solaris ACLs
_REPEATED = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})
_TIME_LIMIT = 2**63 // 1_000_000_000
_CONTENTS = b"stargz.index.json\0"
_ZEROS = bytes(BLOCK)
_NONE: Mapping[str, bytes] = {}


class Scanner:
    """Finds the members of one archive.

    what: names it in a message. wanted: asked for every file as its content begins; the sink that it returns gets the
    content. hashed: the entries of files that are all in what is fed at once mostly have their ``sha256``. Feed every byte in
    order, then call ``finish``: only then was the archive whole.
    """

    def __init__(
        self, what: str, *, wanted: Wanted | None = None, limits: Limits = DEFAULT_LIMITS, hashed: bool = False
    ) -> None:
        self.what = what
        self.count = 0
        """Members so far."""
        self._wanted, self._limits, self._hashed = wanted, limits, hashed
        self._kept = b""
        self._base = 0  # offset of what is kept, or of what comes next
        self._left = 0  # bytes of content still to come, then padding
        self._pad = 0
        self._sink: Sink | None = None
        self._collected: bytearray | None = None  # an extended header on its way
        self._collect: Callable[[bytes], Entry | None]
        self._global: dict[str, bytes] = {}
        self._local: dict[str, bytes] = {}
        self._global_size = self._extended_size = 0
        self._pairs: list[bytes] = []  # offsets and sizes of a PAX 0.0 sparse map, whose keys repeat
        self._started: int | None = None  # where the extended headers of the next member began
        self._over = False
        self._contents = False

    def feed(self, chunk: bytes) -> list[Entry]:
        """Take the next bytes, and return the members whose headers ended in them, in order.

        Raises IntegrityError: a damaged header, or bytes after the archive's end. Raises LimitError.
        """
        data = self._kept + chunk if self._kept else chunk
        base, end, at = self._base, len(data), 0
        found: list[Entry] = []
        while True:
            if self._sink is None and self._collected is None and self._left + self._pad <= end - at:
                at += self._left + self._pad
                self._left = self._pad = 0
            if self._left:
                taken = min(self._left, end - at)
                if self._collected is not None:
                    self._collected += data[at : at + taken]
                elif self._sink is not None and taken:
                    self._sink.write(data[at : at + taken])
                at += taken
                self._left -= taken
                if self._left:
                    break
                if self._collected is None:
                    self._close()
            if self._pad:
                taken = min(self._pad, end - at)
                at += taken
                self._pad -= taken
                if self._pad:
                    break
            if self._collected is not None:
                whole, self._collected = bytes(self._collected), None
                entry = self._collect(whole)
            else:
                if not (self._over or self._global or self._local or self._started is not None):
                    at, goes_on = self._usual(data, at, base, found)
                    if goes_on:
                        continue
                if end - at < BLOCK:
                    break
                block = data[at : at + BLOCK]
                if block == _ZEROS or self._over:
                    zeros = end - at - len(data[at:].lstrip(b"\0"))
                    at += zeros // BLOCK * BLOCK
                    self._end(data[at : at + BLOCK], base + at)
                    if end - at < BLOCK:
                        break
                    at += BLOCK
                    continue
                at += BLOCK
                entry = self._header(block, base + at)
            if entry is not None:
                found.append(entry)
                self._begin(entry)
        self._base = base + at
        self._kept = data[at:]
        return found

    def finish(self, *, proven: bool = False) -> None:
        """End the archive. Raises TruncatedError if it ended before its end-of-archive block.

        proven: its digest is the stated one, so nothing was cut off. Then it may end behind a member, as Go's archive/tar has
        it and as archives of padded contents alone are (the layer of tianon/true), or within its padding (``umoci insert``).
        """
        at = self._base + len(self._kept)
        behind = proven and not self._kept and self._started is None and not self._local
        if not (self._over or behind) or self._left or (self._pad and not proven):
            raise TruncatedError(self.what, self._base + (self._left + self._pad or BLOCK), at)
        if any(self._kept):
            raise IntegrityError(self.what, f"something follows its end, at {self._base}")

    def _end(self, block: bytes, at: int) -> None:
        """Begin or go on behind the end. ``block``: the next one that is not all zeros, or a part of one.

        What readers skip could hide something, so nothing may follow but zeros and the table of contents of an eStargz
        that kept the archive's own end (stargz-snapshotter, docs/estargz.md; its converter's lossless mode).
        """
        if self._local or self._started is not None:
            raise IntegrityError(self.what, "the archive ends after an extended header")
        self._over = True
        if len(block) < BLOCK:
            return
        if self._contents or not block.startswith(_CONTENTS) or not is_header(block):
            raise IntegrityError(self.what, f"something follows its end, at {at}")
        self._contents = True
        self._skip(max(parse(block, self.what, at).size, 0))

    def _usual(self, data: bytes, at: int, base: int, found: list[Entry]) -> tuple[int, bool]:
        """Take the next members as long as they are of the form that most have; return where that ends, and whether in one."""
        before = len(found)
        at, self._left, self._pad, self._sink = usual_members(
            data,
            at,
            base,
            found,
            most=self._limits.entries - self.count,
            longest=self._limits.path,
            hashed=self._hashed,
            wanted=self._wanted,
        )
        self.count += len(found) - before
        return at, self._left + self._pad > 0

    def _header(self, block: bytes, after: int) -> Entry | None:
        """Take a header; ``after`` is the offset behind it."""
        start = after - BLOCK
        header = parse(block, self.what, start)
        if header.size < 0:
            raise IntegrityError(self.what, f"the tar header at {start} has a size below zero")
        kind = header.type
        if kind in _EXTENDED:
            if self._started is None and kind != b"g":
                self._started = start
            self._gather(header.size, lambda data: self._extended(kind, data, start))
            return None
        if kind in _IGNORED:
            self._skip(header.size)
            return None
        if self._started is not None:
            start = self._started
        try:
            if kind == b"S":
                return self._old_sparse(header, block, start, after)
            if self._local or self._global:
                return self._with_records(header, start, after)
            return self._entry(
                header, start, after, pax.text(header.name), pax.text(header.link), header.size, header.size, None
            )
        except ValueError as error:
            raise self._wrong(start, error) from None

    def _entry(
        self,
        header: Header,
        start: int,
        after: int,
        raw: str,
        link: str,
        size: int,
        stored: int,
        sparse: Pieces | None,
        records: Mapping[str, bytes] = _NONE,
    ) -> Entry:
        flag = header.type
        kind = _KINDS.get(flag, FILE)
        if flag in _BARE:
            size = stored = 0
        elif kind is FILE and raw.endswith("/") and flag in b"0\0":
            kind = DIRECTORY  # before ustar a slash was the only sign
        if len(raw) > self._limits.path or len(link) > self._limits.path:
            raise LimitError(self.what, "characters of a path", self._limits.path)
        self.count += 1
        if self.count > self._limits.entries:
            raise LimitError(self.what, "entries", self._limits.entries).with_hint(
                "the setting layers.entryLimit, and layer_limits in Python, raise the limit"
            )
        mtime = header.mtime
        if not -_TIME_LIMIT < mtime < _TIME_LIMIT:
            raise ValueError("a time out of range")
        uid, gid, uname, gname = header.uid, header.gid, pax.text(header.uname), pax.text(header.gname)
        mtime_ns = mtime * 1_000_000_000
        attributes = NO_XATTRS
        if records:
            if "mtime" in records:
                mtime_ns = pax.nanoseconds(records["mtime"])
                if abs(mtime_ns) > SIZE_LIMIT:
                    raise ValueError("a time out of range")
            uid = pax.signed(records["uid"]) if "uid" in records else uid
            gid = pax.signed(records["gid"]) if "gid" in records else gid
            uname = pax.text(records["uname"]) if "uname" in records else uname
            gname = pax.text(records["gname"]) if "gname" in records else gname
            attributes = pax.xattrs(records)
        entry = Entry(
            clean(raw),
            kind,
            header.mode & 0o7777,
            uid,
            gid,
            uname,
            gname,
            size if kind is FILE else 0,
            mtime_ns,
            link if kind in _LINKS else "",
            header.major,
            header.minor,
            attributes,
            start,
            after,
            stored,
            sparse,
            raw,
        )
        self._started = None
        return entry

    def _begin(self, entry: Entry) -> None:
        """Get ready for the content of a member."""
        self._skip(entry.stored)
        if entry.kind is FILE and self._wanted is not None:
            sink = self._wanted(entry)
            if sink is not None:
                self._sink = sink if entry.sparse is None else SparseSink(sink, entry.sparse, entry.size)
                if not entry.stored:
                    self._close()

    def _with_records(self, header: Header, start: int, after: int) -> Entry | None:
        """Take a header that extended ones go before."""
        records = {key: value for key, value in {**self._global, **self._local}.items() if value}
        pairs, self._pairs = self._pairs, []
        self._local, self._extended_size = {}, 0
        raw = pax.name(records["path"]) if "path" in records else pax.text(header.name)
        link = pax.name(records["linkpath"]) if "linkpath" in records else pax.text(header.link)
        stored = size = pax.whole(records["size"]) if "size" in records else header.size
        if not any(key.startswith("GNU.sparse.") for key in records) or _KINDS.get(header.type, FILE) is not FILE:
            return self._entry(header, start, after, raw, link, size, stored, None, records)
        if "GNU.sparse.name" in records:
            raw = pax.name(records["GNU.sparse.name"])
        size = pax.whole(records.get("GNU.sparse.realsize") or records.get("GNU.sparse.size") or b"%d" % stored)
        if records.get("GNU.sparse.major") == b"1":
            self._begin_map(header, start, after, raw, size, stored, records)
            return None
        if "GNU.sparse.map" in records:
            pairs = records["GNU.sparse.map"].split(b",")
        pieces = pax.sparse_pieces([pax.whole(one) for one in pairs], size, stored)
        return self._entry(header, start, after, raw, link, size, stored, pieces, records)

    def _begin_map(
        self, header: Header, start: int, after: int, raw: str, size: int, stored: int, records: Mapping[str, bytes]
    ) -> None:
        """Read the map of a PAX 1.0 sparse file."""
        reader = pax.MapReader()

        def more(block: bytes) -> Entry | None:
            try:
                if reader.feed(block):
                    left = stored - reader.taken
                    pieces = pax.sparse_pieces(reader.numbers, size, left)
                    return self._entry(header, start, after + reader.taken, raw, "", size, left, pieces, records)
                ask()
                return None
            except ValueError as error:
                raise self._wrong(start, error) from None

        def ask() -> None:
            if reader.taken + BLOCK > stored:
                raise ValueError("a sparse map that does not end")
            if reader.taken >= self._limits.header:
                raise LimitError(self.what, "bytes of a sparse map", self._limits.header)
            self._gather(BLOCK, more)

        ask()

    def _old_sparse(self, header: Header, block: bytes, start: int, after: int) -> Entry | None:
        """Read the map in the header itself, and in the blocks behind it."""
        records = {key: value for key, value in {**self._global, **self._local}.items() if value}
        self._local, self._extended_size = {}, 0
        raw = pax.name(records["path"]) if "path" in records else pax.text(header.name)
        size = pax.binary(block[483:495])
        numbers = pax.old_sparse_numbers(block[386:482], 4)
        taken = 0

        def more(extension: bytes) -> Entry | None:
            nonlocal taken
            taken += BLOCK
            if taken > self._limits.header:
                raise LimitError(self.what, "bytes of a sparse map", self._limits.header)
            try:
                numbers.extend(pax.old_sparse_numbers(extension[:504], 21))
                if not extension[504]:
                    return done()
                self._gather(BLOCK, more)
                return None
            except ValueError as error:
                raise self._wrong(start, error) from None

        def done() -> Entry:
            pieces = pax.sparse_pieces(numbers, size, header.size)
            return self._entry(header, start, after + taken, raw, "", size, header.size, pieces, records)

        if not block[482]:
            return done()
        self._gather(BLOCK, more)
        return None

    def _extended(self, kind: bytes, data: bytes, start: int) -> None:
        """Take the content of an extended header."""
        if kind == b"g":
            self._global_size += len(data)
        else:
            self._extended_size += len(data)
        if max(self._global_size, self._extended_size) > self._limits.header:
            raise LimitError(self.what, "bytes of an extended header", self._limits.header)
        if kind == b"L":
            self._local["path"] = data.partition(b"\0")[0]
        elif kind == b"K":
            self._local["linkpath"] = data.partition(b"\0")[0]
        else:
            into = self._global if kind == b"g" else self._local
            try:
                for key, value in pax.records(data):
                    if key in _REPEATED:
                        self._pairs.append(value)
                    else:
                        into[key] = value
            except ValueError as error:
                raise self._wrong(start, error) from None

    def _gather(self, size: int, then: Callable[[bytes], Entry | None]) -> None:
        """Collect the next bytes of the archive, and hand them to ``then``."""
        if size > self._limits.header:
            raise LimitError(self.what, "bytes of an extended header", self._limits.header)
        self._collected, self._collect = bytearray(), then
        self._skip(size)

    def _skip(self, size: int) -> None:
        self._left, self._pad = size, -size % BLOCK

    def _close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def _wrong(self, start: int, error: ValueError) -> IntegrityError:
        return IntegrityError(self.what, f"the tar header at {start} has {error}")
