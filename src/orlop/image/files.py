"""Questions about the files of an image: one file with no more layers read than that takes, or all that match."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from orlop.errors import InputError, NotFoundError
from orlop.image.links import fill, stated
from orlop.image.tree import GONE, Node, layer_numbers, not_a_file, nothing
from orlop.layer.entry import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARDLINK,
    SYMLINK,
    Entry,
    clean,
    parent,
)
from orlop.layer.overlay import LayerTree
from orlop.layer.paths import follow
from orlop.layer.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from typing import Any

    from orlop.content.base import ByteStream
    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree
    from orlop.image.view import Image

KINDS = (FILE, DIRECTORY, SYMLINK, HARDLINK, CHARACTER, BLOCK_DEVICE, FIFO)
"""The kinds of what a layer holds."""

_KEPT_IN_MEMORY = 1024 * 1024
_COPY = 256 * 1024
_LETTERS = {DIRECTORY: "d", SYMLINK: "l", HARDLINK: "h", CHARACTER: "c", BLOCK_DEVICE: "b", FIFO: "p", GONE: "w"}


# --- one file ------------------------------------------------------------------------------------


class Lookup:
    """Finds single paths of an image from the top layer down, and reads no layer below the one that decides.

    layer: in this layer alone. asked: paths that will be asked for: a layer whose index is not kept is read once, and what is
    asked for by then is kept from it. Close it in the end.
    """

    def __init__(self, store: LayerStore, image: Image, *, layer: int | None = None, asked: Iterable[str] = ()) -> None:
        self._store, self._image = store, image
        self._numbers = layer_numbers(image, layer=layer)
        self._trees: dict[int, LayerTree] = {}
        self._made_from: dict[int, dict[int, Entry]] = {}
        self._asked = {clean(path) for path in asked}
        self._kept: dict[tuple[int, int], IO[bytes]] = {}

    async def find(self, path: str) -> Node:
        """Return what a path leads to, links followed, hard ones too. Raises NotFoundError."""
        self._asked.add(clean(path))
        steps = follow(path)
        node: Node | None = None
        try:
            asked = next(steps)
            while True:
                node = await self._top(asked, len(self._numbers))
                if node is not None and node.entry.kind == SYMLINK:
                    link = node.entry.link
                    self._asked.add(clean(link if link.startswith("/") else f"{parent(asked)}/{link}"))
                asked = steps.send(node.entry if node is not None else None)
        except StopIteration as stop:
            found = None if stop.value is None else await self._top(stop.value, len(self._numbers))
            if found is None:
                raise self._missing(path, node) from None
            return found._replace(path=stop.value)

    @asynccontextmanager
    async def read(self, path: str) -> AsyncIterator[ByteStream]:
        """Open the content of the file that a path leads to, verified. Raises NotFoundError; InputError for what is no file."""
        node = await self.find(path)
        entry = node.entry
        if entry.kind != FILE:
            raise not_a_file(node.path, entry)
        kept = self._kept.get((node.layer_index, entry.offset))
        if not entry.size:
            yield nothing()
        elif kept is not None:
            kept.seek(0)
            yield _pieces(kept)
        else:
            async with self._store.open_file(self._image.layers[node.layer_index], entry) as stream:
                yield stream

    def close(self) -> None:
        """Let go of what was kept."""
        for file in self._kept.values():
            file.close()
        self._kept.clear()

    async def _top(self, path: str, below: int) -> Node | None:
        """Return what is at a path in the lowest ``below`` layers; a hard link is traced to what it was made from."""
        found = await self._look(path, below)
        seen: set[tuple[int, int]] = set()
        while found is not None and found.entry.kind == HARDLINK:
            at, entry = found.layer_index, found.entry
            if (at, entry.offset) in seen:
                return None
            seen.add((at, entry.offset))
            made_from = self._made_from[at].get(entry.offset)
            target = clean(entry.link)
            if made_from is None:
                self._asked.add(target)
                found = await self._look(target, self._numbers.index(at))
                made_from = stated(self._trees[at], target) if found is None else None
            if made_from is not None:
                found = Node(target, made_from, at)
        return found

    async def _look(self, path: str, below: int) -> Node | None:
        for number in reversed(self._numbers[:below]):
            look = (await self._tree(number)).look(path)
            if look.entry is not None:
                return Node(path, look.entry, number)
            if look.hidden:
                return None
        return None

    async def _tree(self, number: int) -> LayerTree:
        tree = self._trees.get(number)
        if tree is None:
            layer = self._image.layers[number]
            index = await self._store.known(layer)
            if index is None:
                index = await self._store.scan(layer, self._keeper(number))
            tree = LayerTree(f"layer {number} of {self._image.reference}", limits=self._store.limits)
            self._made_from[number] = await self._store.runtime.run(_filled, tree, index.entries)
            self._trees[number] = tree
        return tree

    def _keeper(self, number: int) -> Callable[[Entry], Sink | None]:
        def take(entry: Entry) -> Sink | None:
            if entry.path not in self._asked or not entry.size:
                return None
            from tempfile import SpooledTemporaryFile

            file = SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115  # it lives as long as the look-up
            return _Keep(file, lambda: self._kept.update({(number, entry.offset): file}))

        return take

    def _missing(self, path: str, node: Node | None) -> NotFoundError:
        reason = "not found"
        if node is not None and node.entry.kind == SYMLINK:
            reason = "links lead in a circle"
        error = NotFoundError(f"/{clean(path)}", self._image.reference, reason)
        error.noun = "path"
        return error


def _filled(tree: LayerTree, entries: Sequence[Entry]) -> dict[int, Entry]:
    """Fill a tree, and return by its offset what each hard link was made from, as far as the layer has that."""
    return {link.offset: made_from for link, made_from in fill(tree, entries) if made_from is not None}


class _Keep(Sink):
    def __init__(self, file: IO[bytes], done: Callable[[], object]) -> None:
        self._file, self._done = file, done

    def write(self, piece: bytes) -> None:
        self._file.write(piece)

    def close(self) -> None:
        self._done()


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(_COPY):
        yield piece


# --- those that match ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """What to find; all that is given has to fit.

    patterns: globs, one of which has to fit: of the name, or where they have a slash of the whole path; ``*`` and ``?`` stay
    within one name, ``**`` does not. hashes: of contents, sha256 in hex or the beginning of it. larger: more bytes than that.
    kinds: of ``KINDS``; ``file`` takes hard links to files as well.
    """

    patterns: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    larger: int | None = None
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in self.hashes:
            if not re.fullmatch(r"(sha256:)?[0-9a-f]{6,64}", text):
                error = InputError(text, "it is 6 to 64 of the digits 0-9a-f, sha256: before them or not")
                error.noun = "the hash of a content"
                raise error


def find(tree: ImageTree, question: Question, path: str = "", *, removed: bool = False) -> Iterator[Node]:
    """Yield what fits below a path, in order."""
    fits = matcher(question.patterns) if question.patterns else None
    hashes = tuple(text.removeprefix("sha256:") for text in question.hashes)
    for node in tree.walk(path, removed=removed):
        if fits is not None and not fits(node.path):
            continue
        if question.kinds or hashes or question.larger is not None:
            inode = tree.inode(node)
            if question.kinds and node.entry.kind not in question.kinds:
                to_file = node.entry.kind == HARDLINK and inode is not None and inode.entry.kind == FILE
                if not (to_file and FILE in question.kinds):
                    continue
            if question.larger is not None and (inode is None or inode.entry.size <= question.larger):
                continue
            if hashes and (inode is None or not inode.entry.sha256.hex().startswith(hashes)):
                continue
        yield node


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return what tells whether a cleaned path fits one of the globs. Raises InputError for an empty one."""
    names: list[str] = []
    paths: list[str] = []
    for pattern in patterns:
        if not pattern.strip("/"):
            error = InputError(pattern, "it names no path")
            error.noun = "a pattern"
            raise error
        (paths if "/" in pattern else names).append(_expression(pattern.strip("/")))
    by_name = re.compile("|".join(names), re.DOTALL).fullmatch if names else None
    by_path = re.compile("|".join(paths), re.DOTALL).fullmatch if paths else None

    def fits(path: str) -> bool:
        if by_name is not None and by_name(path.rpartition("/")[2]):
            return True
        return by_path is not None and by_path(path) is not None

    return fits


def _expression(pattern: str) -> str:
    """Return the regular expression of a glob."""
    made = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            made.append("(?:[^/]+/)*")
            at += 3
            continue
        if pattern.startswith("**", at):
            made.append(".*")
            at += 2
            continue
        closing = pattern.find("]", at + 2) if char == "[" else -1
        if closing > 0:
            inner = pattern[at + 1 : closing].replace("\\", "\\\\").replace("[", "\\[").replace("&&", "&\\&")
            made.append(f"(?!/)[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            at = closing + 1
            continue
        made.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return "".join(made)


# --- one entry in words ------------------------------------------------------------------------------


def mode_text(entry: Entry) -> str:
    """Return the mode as ls writes it: ``-rw-r--r--``, ``drwxrwxrwt``, ``lrwxrwxrwx``; ``h`` for a further name of a file."""
    mode = entry.mode
    letters = [letter if mode >> (8 - at) & 1 else "-" for at, letter in enumerate("rwxrwxrwx")]
    for bit, at, low, high in ((0o4000, 2, "s", "S"), (0o2000, 5, "s", "S"), (0o1000, 8, "t", "T")):
        if mode & bit:
            letters[at] = low if letters[at] != "-" else high
    return _LETTERS.get(entry.kind, "-") + "".join(letters)


def describe(tree: ImageTree, node: Node) -> dict[str, Any]:
    """Return all that is known of a path, as JSON has it; what its kind has not is None.

    A name that is not UTF-8 has replacement characters, and its bytes beside it in base64. mode: octal. mtime: RFC 3339 in
    UTC. layer: where it came from. removed_by: the layer that took it away; replaced: by putting something in its place.
    """
    entry = node.entry
    there = entry.kind != GONE
    inode = tree.inode(node)
    real = inode.entry if inode is not None else entry
    return {
        **_text("path", f"/{node.path}"),
        "type": entry.kind,
        "mode": f"{entry.mode:04o}" if there else None,
        "uid": entry.uid if there else None,
        "gid": entry.gid if there else None,
        **_text("user", entry.uname or None),
        **_text("group", entry.gname or None),
        "size": real.size if there else None,
        "mtime": time_text(entry.mtime_ns) if entry.offset >= 0 else None,
        **_text("link", entry.link or None),
        "device": [entry.major, entry.minor] if entry.kind in {CHARACTER, BLOCK_DEVICE} else None,
        "sha256": real.sha256.hex() or None,
        "xattrs": _xattrs(entry) if entry.xattrs else None,
        "layer": node.layer_index if node.layer_index >= 0 else None,
        "removed_by": node.removed_by if node.removed else None,
        "replaced": node.replaced,
    }


def _xattrs(entry: Entry) -> dict[str, str]:
    from base64 import b64encode

    return {
        key.encode("utf-8", "replace").decode(): b64encode(value).decode()
        for key, value in sorted(entry.xattrs.items())
    }


def time_text(time_ns: int) -> str:
    """Return a time in UTC, its fraction where it has one: ``2024-01-01T00:00:00Z``."""
    from datetime import UTC, datetime, timedelta

    seconds, fraction = divmod(time_ns, 1_000_000_000)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"@{seconds}"  # beyond the year 9999
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"


def _text(key: str, text: str | None) -> dict[str, str | None]:
    if text is None or text.isascii():
        return {key: text}
    try:
        text.encode()
    except UnicodeEncodeError:
        from base64 import b64encode

        raw = text.encode("utf-8", "surrogateescape")
        return {key: raw.decode("utf-8", "replace"), f"{key}_base64": b64encode(raw).decode()}
    return {key: text}
