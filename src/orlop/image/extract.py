"""Files of an image onto this machine's disk: all, some, or each layer for itself."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InputError, StorageError
from orlop.image.gather import Wanted, fetch, gather
from orlop.image.tree import layer_numbers, markers
from orlop.layer.attributes import Attributes, Note, Notes
from orlop.layer.entry import FILE, NO_XATTRS, Entry, clean
from orlop.layer.extract import Writer, chosen, is_folded
from orlop.layer.folders import Folder
from orlop.layer.overlay import Node as Place
from orlop.layer.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.image.layers import LayerStore
    from orlop.image.tree import ImageTree
    from orlop.image.view import Image
    from orlop.layer.stage import Key

LIMIT = 64 * 1024 * 1024 * 1024
"""Most bytes of files that are written unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was written. to: the folder. files, bytes: regular files and their sizes. hard_links: further names of them.

    others: devices and pipes. notes: what was left out and why, of ``skipped`` the first thousand.
    """

    to: str
    files: int
    bytes: int
    hard_links: int
    folders: int
    symlinks: int
    others: int
    skipped: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """How to write. force: into a folder that is not empty: files in the way are replaced, folders merged.

    keep_owner: give files their owners, and setuid, and make devices; None: where the user is root. limit: most bytes of
    files. progress: called with the bytes that are written.
    """

    force: bool = False
    keep_owner: bool | None = None
    limit: int = LIMIT
    progress: Callable[[int], None] | None = None

    @property
    def owner(self) -> bool:
        """Whether files get their owners."""
        return is_root() if self.keep_owner is None else self.keep_owner


DEFAULT_RULES = Rules()


async def extract(
    store: LayerStore,
    image: Image,
    to: str,
    *,
    paths: Sequence[str] = (),
    follow: bool = False,
    layer: int | None = None,
    upto: int | None = None,
    rules: Rules = DEFAULT_RULES,
    with_markers: bool = False,
) -> Extracted:
    """Write files of the image into a folder, each at its own path below it, and return what was written.

    paths: files, or folders with all in them; none means all. Links on the way to one are followed, and with ``follow`` what
    it leads to is written too. layer, upto: as ``open_tree``. with_markers: of one layer, also the files that say what it
    takes away. All is read and verified before anything has its name; a call that fails before leaves nothing.
    Raises InputError for a folder that is not empty without ``force``, NotFoundError for a path, StorageError, LimitError, and
    what ``LayerStore.scan`` raises.
    """
    numbers = layer_numbers(image, layer=layer, upto=upto)
    check_target(to, force=rules.force)
    notes = Notes()
    attributes = Attributes(notes, keep_owner=rules.owner)
    run = store.runtime.run
    root, made = await run(_open_target, to)
    try:
        stage = Stage(root, attributes, what=image.reference, limit=rules.limit, progress=rules.progress)
        try:
            meant = chosen([clean(path) for path in paths]) if paths else None
            tree = await gather(store, image, numbers, stage, meant, alone=layer is not None)
            picked = chosen(resolved(tree, paths, follow=follow)) if paths else None
            if with_markers:
                _put_markers(tree)
            wanted = Wanted(tree, picked)
            await fetch(tree, wanted, stage)
            writer = _writer(root, stage, tree, wanted, force=rules.force)
            await run(lambda: writer.write(tree.root, picked, attributes=bool(made) and not paths))
        finally:
            await run(stage.close)
    except BaseException:
        _unmake(made)
        raise
    finally:
        root.close()
    count = writer.counts
    return Extracted(
        to,
        count.files,
        count.bytes,
        count.hard_links,
        count.folders,
        count.symlinks,
        count.others,
        notes.count,
        tuple(notes.kept),
    )


async def save_layers(
    store: LayerStore,
    image: Image,
    to: str,
    *,
    squash: bool = True,
    layer: int | None = None,
    rules: Rules = DEFAULT_RULES,
) -> list[Extracted]:
    """Write the layers into a folder: merged, or without ``squash`` each into ``layer<index>-<digest>`` with its whiteouts.

    layer: with ``squash`` merge up to and with this one, without write it alone. Raises as ``extract``.
    """
    if squash:
        return [await extract(store, image, to, upto=layer, rules=rules)]
    check_target(to, force=rules.force)
    saved = []
    for number in layer_numbers(image, layer=layer):
        folder = os.path.join(to, layer_folder(image, number))
        saved.append(await extract(store, image, folder, layer=number, rules=rules, with_markers=True))
    return saved


def layer_folder(image: Image, number: int) -> str:
    """Return the name of the folder of one layer."""
    return f"layer{number}-{image.layers[number].descriptor.digest.hex[:12]}"


def is_root() -> bool:
    """Whether this process may give files away."""
    user = getattr(os, "geteuid", None)
    return user is not None and user() == 0


def check_target(to: str, *, force: bool) -> None:
    """Check that one may write into a folder: it is not there, or empty, or ``force``. Raises InputError, StorageError."""
    try:
        names = os.listdir(to)
    except FileNotFoundError:
        if not os.path.lexists(to):
            return
        raise _no_target(to, "it is a link that leads to nothing") from None
    except NotADirectoryError:
        raise _no_target(to, "it is no folder") from None
    except OSError as error:
        raise StorageError(to, f"cannot be read: {error.strerror or error}") from error
    if names and not force:
        raise _no_target(to, "it is not empty").with_hint(
            "--force merges folders and replaces files that are in the way"
        )


def _no_target(to: str, reason: str) -> InputError:
    error = InputError(to, reason)
    error.noun = "a folder to write into"
    return error


def _open_target(to: str) -> tuple[Folder, list[str]]:
    """Return the folder, open, and the folders that were made for it, outermost first."""
    made: list[str] = []
    try:
        missing = os.path.abspath(to)
        while not os.path.isdir(missing):
            made.insert(0, missing)
            missing = os.path.dirname(missing)
        for path in made:
            os.mkdir(path)
        return Folder.open(to), made
    except OSError as error:
        raise StorageError(to, f"cannot be written: {error.strerror or error}") from error


def _unmake(made: list[str]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            os.rmdir(path)


def resolved(tree: ImageTree, paths: Sequence[str], *, follow: bool) -> list[str]:
    """Return where the paths are; with ``follow`` also what they lead to. Raises NotFoundError."""
    found = []
    for path in paths:
        found.append(tree.resolve(path, last=False).path)
        if follow:
            found.append(tree.resolve(path).path)
    return found


def _writer(root: Folder, stage: Stage, tree: ImageTree, wanted: Wanted, *, force: bool) -> Writer:
    def inodes(place: Place) -> tuple[Key, Entry] | None:
        inode = tree.inode_of(place)
        return None if inode is None else (inode.key, inode.entry)

    try:
        folded = is_folded(stage)
    except OSError as error:
        raise StorageError(stage.what, f"cannot be written: {error.strerror or error}") from error
    return Writer(root, stage, inodes=inodes, shared=frozenset(wanted.shared), force=force, folded=folded)


def _put_markers(tree: ImageTree) -> None:
    """Put the files that say what the layer takes away into its tree; each has an offset of its own, below all real ones."""
    for number, path in enumerate(markers(tree), 2):
        *folders, name = path.split("/")
        place = tree.root
        for part in folders:
            place = place.children[part]
        entry = Entry(path, FILE, 0o644, 0, 0, "", "", 0, 0, "", 0, 0, NO_XATTRS, -number, -1, 0, None, path)
        place.children.setdefault(name, Place(entry, layer=place.layer))
