"""A merged tree onto a disk: nothing is written outside the folder, whatever the layers say.

It is safe by its order. Contents come into a private folder first, and nothing has its final name until all layers were
read and verified. Then the tree is made from its root down: every name is one part of a path, in a folder that was made
or entered just before, and a link is made where it stands and never followed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.errors import IntegrityError, StorageError
from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, FIFO, FILE, SYMLINK
from orlop.layer.folders import Descent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.layer.entry import Entry
    from orlop.layer.folders import Folder, Name
    from orlop.layer.overlay import Node
    from orlop.layer.stage import Key, Stage

    Inodes = Callable[[Node], "tuple[Key, Entry] | None"]

Chosen = dict[str, "Chosen | None"]
"""Which paths are meant, part by part; None: all from here on."""

_DEVICES = {CHARACTER: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}
_WINDOWS_TAKES_NOT = frozenset('<>:"/\\|?*')
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
# A name that this disk cannot have: too long, or bytes that are no text where names must be text.
_NO_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
# No links at all, or not with such a target: an empty or an endless one.
_NO_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOENT, errno.ENAMETOOLONG})
_COPY = 1024 * 1024


class Counts:
    """What was made: files and their bytes, further names of the same files, folders, symbolic links, all else."""

    def __init__(self) -> None:
        self.files = self.bytes = self.hard_links = self.folders = self.symlinks = self.others = 0


class Writer:
    """Makes a tree in a folder out of staged contents.

    inodes: of a node that is no folder, the key of its content and the entry that has its attributes; None where a hard link
    leads to nothing. shared: keys that have several names. force: files in the way are replaced and folders merged, where
    otherwise anything in the way is an error. folded: names that differ only in case are one here. windows: names are
    under the rules of Windows.
    """

    def __init__(
        self,
        root: Folder,
        stage: Stage,
        *,
        inodes: Inodes,
        shared: frozenset[Key] = frozenset(),
        force: bool = False,
        folded: bool = False,
        windows: bool = os.name == "nt",
    ) -> None:
        self.counts = Counts()
        self._root, self._stage, self._inodes, self._shared = root, stage, inodes, shared
        self._force, self._folded, self._windows = force, folded, windows
        self._attributes, self._notes = stage.attributes, stage.attributes.notes
        self._linked: set[Key] = set()
        self._temporary = 0
        self._parts: list[str] = []

    def write(self, tree: Node, chosen: Chosen | None = None, *, attributes: bool = False) -> None:
        """Make what is chosen of the tree. attributes: the root's own go on the folder itself.

        Raises StorageError where it cannot be written; what was made until then stays.
        """
        descent = Descent(self._root)
        waiting = [(tree, self._names(tree, chosen))]
        try:
            while waiting:
                node, names = waiting[-1]
                following = next(names, None)
                if following is not None:
                    name, inner = following
                    self._parts.append(name)
                    inside = self._make(descent, name, node.children[name])
                    if inside:
                        waiting.append((node.children[name], self._names(node.children[name], inner)))
                    else:
                        self._parts.pop()
                    continue
                waiting.pop()
                if waiting or attributes:
                    self._finish(descent.here, node)
                if waiting:
                    descent.up()
                    self._parts.pop()
        except OSError as error:
            raise StorageError(self._path, f"cannot be written: {error.strerror or error}") from error
        finally:
            descent.close()

    @property
    def _path(self) -> str:
        return "/" + "/".join(self._parts)

    def _note(self, reason: str) -> None:
        self._notes.add("/".join(self._parts), reason)

    def _names(self, node: Node, chosen: Chosen | None) -> Iterator[tuple[str, Chosen | None]]:
        """Yield the names in a folder that are chosen, and what is chosen below each."""
        taken: dict[str, str] = {}
        for name in sorted(node.children):
            if chosen is not None and name not in chosen:
                continue
            check_part(name)
            if self._windows and (reason := windows_refuses(name)):
                self._notes.add("/".join([*self._parts, name]), reason)
                continue
            if self._folded:
                first = taken.setdefault(fold(name), name)
                if first != name:
                    self._notes.add("/".join([*self._parts, name]), f"this disk takes it for the same name as {first}")
                    continue
            yield name, None if chosen is None else chosen[name]

    def _make(self, descent: Descent, name: str, node: Node) -> bool:
        """Make one name; return whether it is a folder, which ``descent`` is in then."""
        here, raw = descent.here, descent.here.raw(name)
        try:
            if node.folder:
                self._make_folder(here, raw)
                descent.down(raw)
                self.counts.folders += 1
                return True
            self._make_other(here, raw, node)
        except (OSError, UnicodeEncodeError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_NAME:
                raise
            self._note("this disk cannot have such a name")
        return False

    def _make_folder(self, here: Folder, raw: Name) -> None:
        try:
            here.make(raw)
            return
        except FileExistsError:
            found = here.stat(raw)
        if not self._force:
            raise self._in_the_way()
        if found is None or not stat.S_ISDIR(found.st_mode):
            here.remove(raw)  # a link to a folder is replaced as well, not followed
            here.make(raw)

    def _make_other(self, here: Folder, raw: Name, node: Node) -> None:
        inode = self._inodes(node)
        if inode is None:
            self._note("it is a hard link to what is not there")
            return
        key, entry = inode
        if entry.kind == FILE:
            self._make_file(here, raw, key, entry)
        elif entry.kind == SYMLINK:
            self._make_symlink(here, raw, entry)
        elif entry.kind == FIFO or entry.kind in _DEVICES:
            self._make_special(here, raw, entry)
        else:
            self._note(f"it is of type {entry.kind}")

    def _make_file(self, here: Folder, raw: Name, key: Key, entry: Entry) -> None:
        stage = self._stage
        if key not in stage:
            if entry.size:
                raise IntegrityError(self._path, "its content was not read")
            stage.empty(key, entry)
        name = stage.file(key)
        if key not in self._shared:
            self._into_place(name, here, raw)
        else:
            self._one_more_name(name, here, raw, entry)
        if key in self._linked:
            self.counts.hard_links += 1
        else:
            self.counts.files += 1
            self.counts.bytes += entry.size
            self._linked.add(key)

    def _one_more_name(self, name: Name, here: Folder, raw: Name, entry: Entry) -> None:
        spare = self._spare()
        folder = self._stage.folder
        try:
            folder.link(name, folder, spare)
        except OSError:  # too many names, or a disk that has no hard links
            self._copy(name, spare, entry)
        self._into_place(spare, here, raw)

    def _copy(self, name: Name, to: Name, entry: Entry) -> None:
        folder = self._stage.folder
        source = os.open(folder.of(name), os.O_RDONLY | getattr(os, "O_BINARY", 0), dir_fd=folder.handle)
        try:
            target = folder.create(to)
            try:
                while piece := os.read(source, _COPY):
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(target, view) :]
                self._attributes.put(target, entry)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _make_symlink(self, here: Folder, raw: Name, entry: Entry) -> None:
        folder, name = (self._stage.folder, self._spare()) if self._force else (here, raw)
        try:
            folder.symlink(name, folder.raw(entry.link))
        except FileExistsError:
            raise self._in_the_way() from None
        except OSError as error:
            if os.name != "nt" and error.errno not in _NO_LINK:
                raise
            self._note("this system makes no such symbolic link for this user")
            return
        self._attributes.put_named(folder, name, entry, is_link=True)
        if self._force:
            self._into_place(name, here, raw)
        self.counts.symlinks += 1

    def _make_special(self, here: Folder, raw: Name, entry: Entry) -> None:
        kind = _DEVICES.get(entry.kind)
        if kind is not None and not self._attributes.keep_owner:
            self._note("it is a device, which only root may make")
            return
        folder, name = (self._stage.folder, self._spare()) if self._force else (here, raw)
        try:
            if kind is None:
                os.mkfifo(folder.of(name), 0o600, dir_fd=folder.handle)
            else:
                os.mknod(folder.of(name), kind | 0o600, os.makedev(entry.major, entry.minor), dir_fd=folder.handle)
        except FileExistsError:
            raise self._in_the_way() from None
        except (PermissionError, OverflowError, ValueError, AttributeError, NotImplementedError):
            self._note(f"it is of type {entry.kind}, which cannot be made here")
            return
        self._attributes.put_named(folder, name, entry, is_link=False)
        if self._force:
            self._into_place(name, here, raw)
        self.counts.others += 1

    def _into_place(self, name: Name, here: Folder, raw: Name) -> None:
        """Give a staged file its final name; only with ``force`` something may be there."""
        folder = self._stage.folder
        if not self._force and here.handle is None and here.stat(raw) is not None:
            raise self._in_the_way()
        try:
            folder.move(name, here, raw)
        except OSError as error:
            found = here.stat(raw)
            if found is None or not stat.S_ISDIR(found.st_mode):
                raise
            with suppress(OSError):
                here.remove_folder(raw)
            if here.stat(raw) is not None:
                raise StorageError(
                    self._path, "a folder that is not empty is where the image has something else"
                ) from error
            folder.move(name, here, raw)

    def _finish(self, here: Folder, node: Node) -> None:
        """Put a folder's attributes on it, once all is in it."""
        if here.handle is None:
            if node.entry is not None:
                self._attributes.put_by_path(here.path, node.entry)
        elif node.entry is not None:
            self._attributes.put(here.handle, node.entry)
        else:
            os.chmod(here.handle, 0o755)  # noqa: S103  # as other programs make folders that no layer states

    def _spare(self) -> Name:
        self._temporary += 1
        return self._stage.folder.raw(f"t{self._temporary:x}")

    def _in_the_way(self) -> StorageError:
        return StorageError(self._path, "something is in its place already")


def check_part(name: str) -> None:
    """Check that a name is one part of a path, as the tree has them. Raises IntegrityError."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise IntegrityError(repr(name), "it is no name of a file")


def windows_refuses(name: str) -> str:
    """Return why Windows cannot have such a name, "" where it can. Rule: "Naming Files, Paths, and Namespaces"."""
    if _WINDOWS_TAKES_NOT & set(name) or any(ord(char) < 32 for char in name):
        return "Windows takes no name with such characters"
    if name[-1] in ". " or name.partition(".")[0].rstrip(" ").casefold() in _WINDOWS_DEVICES:
        return "Windows takes no such name"
    return ""


def fold(name: str) -> str:
    """Return what is the same for names that a disk without case takes for one."""
    from unicodedata import normalize

    return normalize("NFC", normalize("NFD", name).casefold())


def is_folded(stage: Stage) -> bool:
    """Whether names that differ only in case are one on the disk of the stage."""
    folder = stage.folder
    upper, lower = folder.raw("Case"), folder.raw("cASE")
    os.close(folder.create(upper))
    try:
        return folder.stat(lower) is not None
    finally:
        folder.remove(upper)


def chosen(paths: list[str]) -> Chosen | None:
    """Return what these cleaned paths choose, each with all below it."""
    root: Chosen = {}
    for path in paths:
        if not path:
            return None
        here = root
        *folders, name = path.split("/")
        for part in folders:
            inner = here.setdefault(part, {})
            if inner is None:
                break
            here = inner
        else:
            here[name] = None
    return root
