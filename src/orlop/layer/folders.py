"""Folders of this machine that are held open while others may write beside us.

Names are looked up in the open folder itself, and a link in a folder's place is never followed, so that nothing is written
elsewhere. Where the system has no such calls (Windows), paths are used and each folder is checked before it is entered.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from orlop.errors import StorageError

if TYPE_CHECKING:
    from typing import Self

_CALLS = {os.open, os.mkdir, os.rename, os.symlink, os.link, os.stat, os.unlink, os.rmdir}
BY_HANDLE = os.supports_dir_fd >= _CALLS and os.name != "nt"
"""Whether names can be looked up in an open folder."""

_INTO = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_KEPT_OPEN = 64
_CLOSED = -1

Name = str | bytes


class Folder:
    """One open folder. handle: its descriptor, None where paths are used, -1 once it is closed. Close it in the end."""

    __slots__ = ("handle", "path")

    def __init__(self, path: Name, handle: int | None) -> None:
        self.path, self.handle = path, handle

    @classmethod
    def open(cls, path: str) -> Folder:
        """Open a folder by its path, in which links are followed: it is the user's own choice. Raises OSError."""
        if not BY_HANDLE:
            if not os.path.isdir(path):
                raise NotADirectoryError(20, "it is no folder", path)
            return cls(path, None)
        name = os.fsencode(path)
        return cls(name, os.open(name, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)))

    def of(self, name: Name) -> Name:
        """Return what to call a name of this folder together with its ``handle`` as ``dir_fd``."""
        return name if self.handle is not None else os.path.join(os.fsdecode(self.path), os.fsdecode(name))

    def raw(self, name: str) -> Name:
        """Return the name as the system takes it: the very bytes that an archive has, whatever the locale."""
        return name.encode("utf-8", "surrogateescape") if self.handle is not None else name

    def stat(self, name: Name) -> os.stat_result | None:
        """Return what is under a name, not following a link; None for nothing. Raises OSError."""
        try:
            return os.stat(self.of(name), dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str] | list[bytes]:
        """Return the names in it."""
        if self.handle is None:
            return os.listdir(os.fsdecode(self.path))
        return [os.fsencode(name) for name in os.listdir(self.handle)]

    def make(self, name: Name, mode: int = 0o700) -> None:
        """Make a folder in it. Raises FileExistsError and other OSErrors."""
        os.mkdir(self.of(name), mode, dir_fd=self.handle)

    def create(self, name: Name) -> int:
        """Make a file in it that only its owner may read, and return its descriptor. Raises FileExistsError, OSError."""
        return os.open(self.of(name), _NEW, 0o600, dir_fd=self.handle)

    def enter(self, name: Name) -> Folder:
        """Open a folder in it. Raises OSError for a link or anything else in its place."""
        if self.handle is not None:
            return Folder(name, os.open(name, _INTO, dir_fd=self.handle))
        path = self.of(name)
        if not stat.S_ISDIR(os.lstat(path).st_mode) or _is_junction(path):
            raise NotADirectoryError(20, "it is no folder", path)
        return Folder(path, None)

    def remove(self, name: Name) -> None:
        """Remove a name that is no folder. Raises OSError."""
        os.unlink(self.of(name), dir_fd=self.handle)

    def remove_folder(self, name: Name) -> None:
        """Remove an empty folder. Raises OSError."""
        os.rmdir(self.of(name), dir_fd=self.handle)

    def move(self, name: Name, into: Folder, to: Name) -> None:
        """Give something in it another name in another folder of the same disk, in the place of what is there."""
        os.replace(self.of(name), into.of(to), src_dir_fd=self.handle, dst_dir_fd=into.handle)

    def link(self, name: Name, into: Folder, to: Name) -> None:
        """Give a file in it one more name in another folder."""
        os.link(
            self.of(name), into.of(to), src_dir_fd=self.handle, dst_dir_fd=into.handle, follow_symlinks=os.name == "nt"
        )

    def symlink(self, name: Name, target: Name) -> None:
        """Make a link in it. Raises OSError."""
        os.symlink(target, self.of(name), dir_fd=self.handle)

    def close(self) -> None:
        """Close it; a second time does nothing. What is asked of it then fails, rather than meaning another folder."""
        handle = self.handle
        if handle is not None and handle >= 0:
            self.handle = _CLOSED
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Descent:
    """The way down from a folder: one folder for each level, few of them open however deep it goes.

    root: where it begins; not closed here. Raises OSError, and StorageError where a folder on the way back is another.
    """

    def __init__(self, root: Folder, *, kept_open: int = _KEPT_OPEN) -> None:
        self._stack = [root]
        self._marks: list[tuple[int, int]] = []
        self._kept = kept_open

    @property
    def here(self) -> Folder:
        """The folder that it is in."""
        return self._stack[-1]

    def down(self, name: Name) -> Folder:
        """Go into a folder."""
        folder = self.here.enter(name)
        self._marks.append(_mark(self.here))
        self._stack.append(folder)
        far = len(self._stack) - 1 - self._kept
        if far > 0:
            self._stack[far].close()
        return folder

    def up(self) -> None:
        """Go back."""
        left, mark = self._stack.pop(), self._marks.pop()
        parent = self._stack[-1]
        try:
            if parent.handle == _CLOSED and left.handle is not None:
                parent.handle = os.open("..", _INTO, dir_fd=left.handle)
                if _mark(parent) != mark:
                    raise StorageError(os.fsdecode(left.path), "its folder was moved while it was written")
        finally:
            left.close()

    def close(self) -> None:
        """Close what is open, but the root."""
        for folder in self._stack[1:]:
            folder.close()
        del self._stack[1:]


def _mark(folder: Folder) -> tuple[int, int]:
    if folder.handle is None:
        return (0, 0)
    status = os.fstat(folder.handle)
    return status.st_dev, status.st_ino


def _is_junction(path: Name) -> bool:
    check = getattr(os.path, "isjunction", None)
    return bool(check is not None and check(path))
