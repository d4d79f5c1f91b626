"""One member of a layer's archive, as a value, and the form of its path."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FILE = "file"
DIRECTORY = "dir"
SYMLINK = "symlink"
HARDLINK = "hardlink"
CHARACTER = "char"
BLOCK_DEVICE = "block"
FIFO = "fifo"

NO_XATTRS: Mapping[str, bytes] = MappingProxyType({})


class Entry(NamedTuple):
    """A member of an archive. A tuple underneath: a frozen dataclass takes four times as long to make.

    path: cleaned (``clean``), "" for the root; bytes that are not UTF-8 stand as surrogates (PEP 383), as in all texts here.
    kind: one of this module's constants. mode: the permission bits, with setuid, setgid and sticky. size: bytes of content
    when it is read. mtime_ns: nanoseconds since 1970. link: target of a link, as written. offset: of its first header in the
    unpacked layer, extended ones counted; data_offset: of its content there. stored: bytes there, which for a sparse file are
    fewer than ``size``; sparse: where its (offset, length) pieces go, None for an ordinary one. raw: the path as written.
    sha256: of a file's content, 32 bytes; b"" before it was read (an entry that a Scanner gives), and for what is no file.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    uname: str
    gname: str
    size: int
    mtime_ns: int
    link: str
    major: int
    minor: int
    xattrs: Mapping[str, bytes]
    offset: int
    data_offset: int
    stored: int
    sparse: tuple[tuple[int, int], ...] | None
    raw: str
    sha256: bytes = b""

    @property
    def mtime(self) -> float:
        """Seconds since 1970; ``mtime_ns`` is exact."""
        return self.mtime_ns / 1_000_000_000


entry_of: Callable[[Iterable[object]], Entry] = partial(tuple.__new__, Entry)
"""Makes an Entry of all its fields in their order, unchecked, in half of what a call of the class takes."""


class Rows(ABC):
    """Entries that are unpacked when one of them is looked at."""

    __slots__ = ()

    @abstractmethod
    def __getitem__(self, at: int) -> Entry:
        """Return one of them."""


Told = Entry | tuple[Rows, int]
"""An entry, or where it is to be had."""


def entry_told(told: Told) -> Entry:
    """Return the entry."""
    return told if isinstance(told, Entry) else told[0][told[1]]


class Outlined(Sequence[Entry]):
    """Entries of which paths and kinds are to be had in a third of the time that they take."""

    @abstractmethod
    def outlines(self) -> Iterator[tuple[str, str, Told]]:
        """Yield each entry's path and kind, and it."""


def clean(path: str) -> str:
    """Return the path from the root of the image: no leading ``/`` or ``./``, no empty, ``.`` or ``..`` part, "" for the root.

    ``..`` above the root stays at the root, as in a chroot; ``escapes`` tells that it was so.
    """
    path = path.removeprefix("./")
    path = path.strip("/")
    if "/." not in path and "//" not in path and not path.startswith("."):
        return path
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part and part != ".":
            parts.append(part)
    return "/".join(parts)


def escapes(path: str) -> bool:
    """Whether the ``..`` of a path lead above where it begins. A leading slash counts as the root, and is no escape."""
    depth = 0
    for part in path.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part and part != ".":
            depth += 1
    return False


def parent(path: str) -> str:
    """Return the cleaned path of the folder that a cleaned path is in; "" for what is at the root."""
    return path.rpartition("/")[0]
