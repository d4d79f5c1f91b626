"""Where the members of a tar file lie: read through once, then every member by its offset.

Nothing is unpacked, so that a name can do no harm by itself; one that climbs out with ``..`` is refused all the same, and
so is a link that does. Names may begin with ``./`` or ``/``. Of two members of one name the later one counts.
Rule: POSIX pax interchange format; GNU tar's long names; for links, what ``docker load`` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import IntegrityError, LimitError, TruncatedError

if TYPE_CHECKING:
    from orlop.content.reader import Reader

BLOCK = 512
MEMBER_LIMIT = 200_000
"""Members of one archive. An image of 100 layers has about 400."""
HEADER_LIMIT = 1024 * 1024
"""Bytes of one extended header."""
LINK_LIMIT = 40
"""Links that are followed for one name, as the kernel does."""

FILE, HARD, SYMBOLIC, OTHER = "file", "hard link", "symbolic link", "other"
_KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD, b"2": SYMBOLIC}
_WITHOUT_DATA = frozenset(b"123456")
_EMPTY = bytes(BLOCK)


class Member(NamedTuple):
    """One member: what it is, where its bytes are, and what a link points to, as written."""

    kind: str
    offset: int
    size: int
    target: str = ""


class TarIndex:
    """The members of a tar file by name.

    Raises IntegrityError for what is no tar, TruncatedError for one that ends inside a member, LimitError.
    """

    def __init__(self, reader: Reader, what: str) -> None:
        self.what = what
        self.members: dict[str, Member] = {}
        self.whole = False
        """Whether the archive ends as it should; without its end it may have been cut between two members."""
        _Scan(reader, self).run()

    def find(self, path: str) -> Member | None:
        """Return the file that a path leads to, links followed; None when there is none.

        Raises IntegrityError for a link that leaves the archive, or that leads in a circle.
        """
        waiting = _parts(path, self.what)[::-1]
        at: list[str] = []
        followed = 0
        while waiting:
            at.append(waiting.pop())
            member = self.members.get("/".join(at))
            if member is None or member.kind not in {SYMBOLIC, HARD}:
                continue
            followed += 1
            if followed > LINK_LIMIT:
                raise IntegrityError(self.what, f"its links of {path!r} lead in a circle")
            if member.kind == HARD:
                waiting += _parts(member.target, self.what)[::-1]
                at = []
            else:
                waiting += self._followed(at, member.target)[::-1]
                at = []
        member = self.members.get("/".join(at))
        return member if member is not None and member.kind == FILE else None

    def _followed(self, at: list[str], target: str) -> list[str]:
        """Return the parts, from the root of the archive, of what a symbolic link points to."""
        link = "/".join(at)
        if target.startswith("/"):
            raise IntegrityError(self.what, f"its link {link!r} leaves the archive: {target[:200]!r}")
        parts = at[:-1]
        for part in target.split("/"):
            if part == "..":
                if not parts:
                    raise IntegrityError(self.what, f"its link {link!r} leaves the archive: {target[:200]!r}")
                parts.pop()
            elif part not in {"", "."}:
                parts.append(part)
        return parts


class _Scan:
    """One pass over the headers."""

    def __init__(self, reader: Reader, into: TarIndex) -> None:
        self._reader, self._index, self._what = reader, into, into.what
        self._at = 0
        self._count = 0

    def run(self) -> None:
        pax: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind, size = header[156:157], _number(header[124:136], self._what)
            self._count += 1
            if self._count > MEMBER_LIMIT:
                raise LimitError(self._what, "members of an archive", MEMBER_LIMIT)
            if kind in {b"x", b"g", b"L", b"K"}:
                self._extended(kind, self._data(size), pax)
                continue
            if kind == b"S":
                self._skip_sparse_map(header)
            if "size" in pax:
                size = _decimal(pax["size"], self._what)
            self._member(header, 0 if kind[0] in _WITHOUT_DATA else size, pax)
            pax = {}

    def _header(self) -> bytes | None:
        header = self._reader.read(self._at, BLOCK)
        if not header:
            return None
        if len(header) < BLOCK:
            raise TruncatedError(self._what, self._at + BLOCK, self._at + len(header))
        if header == _EMPTY:
            self._index.whole = True
            return None
        _check(header, self._what, first=self._at == 0)
        self._at += BLOCK
        return header

    def _data(self, size: int) -> bytes:
        """Return the bytes of an extended header."""
        if size > HEADER_LIMIT:
            raise LimitError(self._what, "bytes of an extended header", HEADER_LIMIT)
        start = self._at
        self._pass(size)
        return self._reader.read(start, size)

    def _pass(self, size: int) -> None:
        """Go to behind the data, which must be there."""
        if self._at + size > self._reader.size:
            raise TruncatedError(self._what, self._at + size, self._reader.size)
        self._at += -(-size // BLOCK) * BLOCK

    def _skip_sparse_map(self, header: bytes) -> None:
        more = header[482]
        while more:
            block = self._reader.read(self._at, BLOCK)
            if len(block) < BLOCK:
                raise TruncatedError(self._what, self._at + BLOCK, self._reader.size)
            self._at += BLOCK
            more = block[504]

    def _extended(self, kind: bytes, data: bytes, pax: dict[str, str]) -> None:
        if kind == b"x":
            pax.update(_records(data, self._what))
        elif kind != b"g":  # a global header says nothing about where a member is
            pax["path" if kind == b"L" else "linkpath"] = _text(data.rstrip(b"\0"))

    def _member(self, header: bytes, size: int, pax: dict[str, str]) -> None:
        name = pax.get("path")
        if name is None:
            name = _text(header[:100].partition(b"\0")[0])
            prefix = _text(header[345:500].partition(b"\0")[0])
            if header[257:263] == b"ustar\0" and prefix:
                name = f"{prefix}/{name}"
        start = self._at
        self._pass(size)
        kind = _KINDS.get(header[156:157], OTHER)
        if any(key.startswith("GNU.sparse.") for key in pax) or name.endswith("/"):
            kind = OTHER
        target = pax.get("linkpath", _text(header[157:257].partition(b"\0")[0]))
        path = "/".join(_parts(name, self._what))
        if path:
            self._index.members[path] = Member(kind, start, size, target if kind in {HARD, SYMBOLIC} else "")


def _check(header: bytes, what: str, *, first: bool) -> None:
    """Check a header's sum. Rule: POSIX ustar; some old writers summed signed bytes."""
    stated = _number(header[148:156], what)
    blank = header[:148] + b" " * 8 + header[156:]
    if stated not in {sum(blank), sum(byte - 256 if byte > 127 else byte for byte in blank)}:
        raise IntegrityError(what, "it is no tar archive" if first else "a header of the archive is damaged")


def _number(field: bytes, what: str) -> int:
    """Return a number, in octal digits or in GNU's binary form."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40 or value >= 1 << 63:
            raise IntegrityError(what, "it is no tar archive: a number is negative or too large")
        return value
    try:
        return int(field.partition(b"\0")[0].strip() or b"0", 8)
    except ValueError:
        raise IntegrityError(what, "it is no tar archive") from None


def _records(data: bytes, what: str) -> dict[str, str]:
    """Return the records of a pax header: each is its own length in bytes, a blank, key=value and a line's end."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at]:
        digits, _, rest = data[at : at + 24].partition(b" ")
        if not rest or not digits.isdigit() or not len(digits) < int(digits) <= len(data) - at:
            raise IntegrityError(what, "an extended header of the archive is damaged")
        record = data[at + len(digits) + 1 : at + int(digits) - 1]
        key, equals, value = record.partition(b"=")
        if not equals:
            raise IntegrityError(what, "an extended header of the archive is damaged")
        found[_text(key)] = _text(value)
        at += int(digits)
    return found


def _decimal(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise IntegrityError(what, "a size in the archive is no number")
    return int(text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _parts(name: str, what: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise IntegrityError(what, f"the name {name[:200]!r} leaves the archive")
    return parts
