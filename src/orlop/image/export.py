"""Files of an image as one archive: the merged tree as ``crane export`` gives it, or a part of it.

First what has no content, in order of the paths; then the files as the layers have them, bottom first, each followed by its
further names. Folders that no layer states are left out. So an archive can be written while layers are read, and one image
gives the same archive every time.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orlop.content.files import replaceable
from orlop.errors import LimitError, StorageError
from orlop.image.extract import LIMIT, resolved
from orlop.image.gather import Wanted, fetch, gather, worth_single
from orlop.image.tree import layer_numbers
from orlop.layer.attributes import Attributes, Note, Notes, has_content
from orlop.layer.entry import FILE, HARDLINK, clean
from orlop.layer.extract import chosen
from orlop.layer.folders import Folder
from orlop.layer.leftovers import Leftover, live
from orlop.layer.stage import Stage
from orlop.layer.tarwrite import TarWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree
    from orlop.image.view import Image
    from orlop.layer.entry import Entry
    from orlop.layer.extract import Chosen
    from orlop.layer.sinks import Sink
    from orlop.layer.stage import Key

_COPY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exported:
    """What an archive holds. bytes: of the files' contents. notes: what was left out and why, of ``skipped`` the first thousand."""

    members: int
    files: int
    bytes: int
    skipped: int
    notes: tuple[Note, ...]


async def export(
    store: LayerStore,
    image: Image,
    write: Callable[[bytes], object],
    *,
    paths: Sequence[str] = (),
    follow: bool = False,
    layer: int | None = None,
    upto: int | None = None,
    limit: int = LIMIT,
    folder: str = "",
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Write an archive of the image's files, and return what it holds.

    write: takes its bytes, from any thread. paths, follow, layer, upto: as ``extract``. limit: most bytes of contents.
    folder: where contents wait of layers that were never read before; "" the system's folder for temporary files. Of layers
    whose indexes are kept nothing waits, and a damaged one shows when a part of it was written: then the archive has no end.
    Raises as ``extract``.
    """
    numbers = layer_numbers(image, layer=layer, upto=upto)
    notes = Notes()
    async with _stage(store, image, numbers, folder, limit, progress) as stage:
        meant = chosen([clean(path) for path in paths]) if paths else None
        tree = await gather(store, image, numbers, stage, meant, alone=layer is not None)
        picked = chosen(resolved(tree, paths, follow=follow)) if paths else None
        wanted = Wanted(tree, picked)
        if stage is not None:
            await fetch(tree, wanted, stage)
        made = _Archive(tree, write, notes, None if stage is not None else progress)
        made.plan(picked, limit)
        await store.runtime.run(made.heads)
        for number in numbers:
            files = wanted.by_layer.get(number)
            if files and stage is not None:
                await store.runtime.run(made.staged, number, files, stage)
            elif files:
                await made.streamed(number, files)
        await store.runtime.run(made.end)
    return Exported(made.members, made.files, made.bytes, notes.count, tuple(notes.kept))


@asynccontextmanager
async def _stage(
    store: LayerStore,
    image: Image,
    numbers: Sequence[int],
    folder: str,
    limit: int,
    progress: Callable[[int], None] | None,
) -> AsyncIterator[Stage | None]:
    """Open a folder for contents, None where all layers are known."""
    for number in numbers:
        if await store.known(image.layers[number]) is None:
            break
    else:
        yield None
        return
    if not folder:
        from tempfile import gettempdir

        folder = gettempdir()
    try:
        root = Folder.open(folder)
    except OSError as error:
        raise StorageError(folder, f"cannot be written: {error.strerror or error}") from error
    with root:
        attributes = Attributes(Notes(), keep_owner=False)
        stage = Stage(root, attributes, what=image.reference, limit=limit, progress=progress)
        try:
            yield stage
        finally:
            await store.runtime.run(stage.close)


class _Archive:
    """One archive on its way."""

    def __init__(
        self,
        tree: ImageTree,
        write: Callable[[bytes], object],
        notes: Notes,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.members = self.files = self.bytes = 0
        self._tree, self._tar, self._notes, self._progress = tree, TarWriter(write), notes, progress
        self._heads: list[tuple[str, Key | None, Entry]] = []
        self._names: dict[Key, list[str]] = {}

    def plan(self, picked: Chosen | None, limit: int) -> None:
        """Part the chosen paths into those without content, and the names of each content. Raises LimitError."""
        total = 0
        waiting = [("", self._tree.root, picked)]
        while waiting:
            path, node, inner = waiting.pop()
            if node.folder:
                if node.entry is not None and (path or picked is None):
                    self._heads.append((path, None, node.entry))
                names = sorted(node.children if inner is None else inner.keys() & node.children.keys(), reverse=True)
                prefix = f"{path}/" if path else ""
                waiting += [
                    (prefix + name, node.children[name], None if inner is None else inner[name]) for name in names
                ]
                continue
            inode = self._tree.inode_of(node)
            if inode is None:
                self._notes.add(path, "it is a hard link to what is not there")
            elif has_content(inode.entry):
                known = self._names.setdefault(inode.key, [])
                total += 0 if known else inode.entry.size
                known.append(path)
            else:
                self._heads.append((path, inode.key, inode.entry))
        if total > limit:
            raise LimitError(self._tree.image.reference, "bytes of files", limit)

    def heads(self) -> None:
        """Write what has no content."""
        first: dict[Key, str] = {}
        for path, key, entry in self._heads:
            self.members += 1
            known = path if key is None else first.setdefault(key, path)
            if entry.kind == FILE and known != path:
                self._tar.add(entry, path, kind=HARDLINK, link=known)
            else:
                self.files += entry.kind == FILE
                self._tar.add(entry, path)
        self._heads.clear()

    def staged(self, number: int, files: dict[int, Entry], stage: Stage) -> None:
        """Write the files of one layer, which wait in the stage. Raises StorageError."""
        folder = stage.folder
        for offset in sorted(files):
            key = (number, offset)
            name = stage.file(key)
            sink = self._file(key, files[offset])
            try:
                handle = os.open(folder.of(name), os.O_RDONLY | getattr(os, "O_BINARY", 0), dir_fd=folder.handle)
                try:
                    while piece := os.read(handle, _COPY):
                        sink.write(piece)
                finally:
                    os.close(handle)
                folder.remove(name)
            except OSError as error:
                raise StorageError(os.fsdecode(folder.path), f"cannot be read: {error.strerror or error}") from error
            sink.close()

    async def streamed(self, number: int, files: dict[int, Entry]) -> None:
        """Write the files of one layer as it is read."""
        store, layer = self._tree.store, self._tree.layers[number]
        left = dict(files)
        if not worth_single(await store.index(layer), files.values()):

            def take(entry: Entry) -> Sink | None:
                wanted = left.pop(entry.offset, None)
                return self._file((number, entry.offset), wanted) if wanted is not None else None

            await store.scan(layer, take)
        for offset in sorted(left):  # of a table of contents that names more than the archive has
            async with store.open_file(layer, files[offset]) as stream:
                sink = self._file((number, offset), files[offset])
                async for chunk in stream:
                    await store.runtime.run(sink.write, chunk)
                await store.runtime.run(sink.close)

    def end(self) -> None:
        """Write the archive's end."""
        self._tar.end()

    def _file(self, key: Key, entry: Entry) -> Sink:
        name, *others = self._names[key]
        self.members += 1 + len(others)
        self.files += 1

        def links() -> None:
            self.bytes += entry.size
            for other in others:
                self._tar.add(entry, other, kind=HARDLINK, link=name)
            if self._progress is not None:
                self._progress(self.bytes)

        return self._tar.file(entry, name, then=links)


@asynccontextmanager
async def into_file(path: str) -> AsyncIterator[Callable[[bytes], object]]:
    """Give what writes to a file, which has its name only when the block has ended well. Raises StorageError.

    A link is followed, and what is no file (a pipe, ``/dev/null``) is written to as it is.
    """
    real = replaceable(path)
    if real is None:
        with _written(path, path, "wb") as write:
            yield write
        return
    folder, name = os.path.split(real)
    part = _Part(os.path.join(folder, f".{name}.{os.urandom(6).hex()}.part"))
    try:
        with _written(path, part.path, "xb") as write:
            yield write
        os.replace(part.path, real)
    except OSError as error:
        raise StorageError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        part.close()


@contextmanager
def _written(shown: str, path: str, mode: Literal["wb", "xb"]) -> Iterator[Callable[[bytes], object]]:
    """Open a file and give what writes to it; ``shown`` is its name in errors."""
    try:
        with open(path, mode, buffering=0) as file:

            def write(data: bytes) -> None:
                view = memoryview(data)
                try:
                    while view:
                        view = view[file.write(view) :]
                except OSError as error:
                    raise StorageError(shown, f"cannot be written: {error.strerror or error}") from error

            yield write
    except OSError as error:
        raise StorageError(shown, f"cannot be written: {error.strerror or error}") from error


class _Part(Leftover):
    """A file that is not whole yet."""

    def __init__(self, path: str) -> None:
        self.path = path
        live.add(self)

    def close(self) -> None:
        live.discard(self)
        with suppress(OSError):
            os.unlink(self.path)
