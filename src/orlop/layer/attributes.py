"""What a file has beside its content, put on it as far as this user may."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from orlop.layer.entry import FILE

if TYPE_CHECKING:
    from orlop.layer.entry import Entry
    from orlop.layer.folders import Folder, Name

NOTES_LIMIT = 1000
"""Most notes that are kept; all are counted."""

# What overlayfs keeps in attributes would hide files where the folder is used as a layer of it.
_OVERLAYFS = ("trusted.overlay.", "user.overlay.")
_SPECIAL = 0o6000
_FURTHEST_NS = 2**63 - 1


class Note(NamedTuple):
    """Something that was left out, and why. path: in the image, without a leading slash."""

    path: str
    reason: str


class Notes:
    """Collects notes."""

    def __init__(self) -> None:
        self.kept: list[Note] = []
        self.count = 0

    def add(self, path: str, reason: str) -> None:
        """Take a note."""
        self.count += 1
        if len(self.kept) < NOTES_LIMIT:
            self.kept.append(Note(path, reason))


class Attributes:
    """Puts owner, mode, times and extended attributes on what was written.

    keep_owner: what only root may: owners, setuid and setgid, devices. Without it all becomes the user's own, and programs
    run as whoever starts them.
    """

    def __init__(self, notes: Notes, *, keep_owner: bool) -> None:
        self.notes, self.keep_owner = notes, keep_owner
        self._fchown = getattr(os, "fchown", None)
        self._fchmod = getattr(os, "fchmod", None)
        self._times = os.utime in os.supports_fd
        self._setxattr = getattr(os, "setxattr", None)

    def mode(self, entry: Entry) -> int:
        """Return the permission bits that an entry gets."""
        return entry.mode if self.keep_owner else entry.mode & ~_SPECIAL

    def put(self, handle: int, entry: Entry) -> None:
        """Put them on an open file or folder. Raises OSError where its owner or mode cannot be set."""
        if self.keep_owner and self._fchown is not None:
            self._fchown(handle, entry.uid, entry.gid)  # first: it takes setuid away
        if self._fchmod is not None:
            self._fchmod(handle, self.mode(entry))
        if entry.xattrs:
            self._put_xattrs(handle, entry)
        if self._times:
            time = bounded(entry.mtime_ns)
            os.utime(handle, ns=(time, time))

    def put_named(self, folder: Folder, name: Name, entry: Entry, *, is_link: bool) -> None:
        """Put them on what cannot be opened: a link, a device, a pipe. Raises OSError."""
        here, handle = folder.of(name), folder.handle
        if self.keep_owner and self._fchown is not None:
            os.chown(here, entry.uid, entry.gid, dir_fd=handle, follow_symlinks=False)
        if not is_link:
            os.chmod(here, self.mode(entry), dir_fd=handle)
        if os.utime in os.supports_follow_symlinks:
            time = bounded(entry.mtime_ns)
            os.utime(here, ns=(time, time), dir_fd=handle, follow_symlinks=False)

    def late(self, path: Name, entry: Entry) -> None:
        """Put on a closed file what this system sets by path alone. Raises OSError."""
        if self._fchmod is None:
            os.chmod(path, self.mode(entry) | 0o200)
        if not self._times:
            time = bounded(entry.mtime_ns)
            os.utime(path, ns=(time, time))

    def put_by_path(self, path: Name, entry: Entry) -> None:
        """Put them on a folder where folders cannot be opened. Raises OSError."""
        if self.keep_owner and self._fchown is not None:
            os.chown(path, entry.uid, entry.gid)
        os.chmod(path, self.mode(entry))
        time = bounded(entry.mtime_ns)
        os.utime(path, ns=(time, time))

    def _put_xattrs(self, handle: int, entry: Entry) -> None:
        for name, value in entry.xattrs.items():
            if not name.startswith(_OVERLAYFS) and not self._put_xattr(handle, name, value):
                self.notes.add(entry.path, f"its extended attribute {name} cannot be set here")

    def _put_xattr(self, handle: int, name: str, value: bytes) -> bool:
        if self._setxattr is None:
            return False
        try:
            self._setxattr(handle, name.encode("utf-8", "surrogateescape"), value)
        except (OSError, ValueError):
            return False
        return True


def bounded(time_ns: int) -> int:
    """Return a time that the system's calls take."""
    return max(-_FURTHEST_NS, min(_FURTHEST_NS, time_ns))


def has_content(entry: Entry) -> bool:
    """Whether there are bytes of its own in the archive or holes of a sparse file: not for what is empty."""
    return entry.kind == FILE and entry.size > 0
