"""Layers and pairs of images by code, in memory, for the tests of comparing."""

from __future__ import annotations

import io
import tarfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from orlop.content.base import Located
from orlop.image.compare.files import Stores, compare_files
from orlop.image.compare.semantic import NOTHING
from orlop.image.compare.sides import open_sides
from orlop.image.layers import LayerStore
from orlop.model import mediatype
from orlop.model.reference import Reference, RepositoryName, Tag
from orlop.server.store.store import Store
from orlop.testing.builders import Built, image, push_now
from orlop.testing.layers import LayerBlob, archive_layer
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orlop.content.base import ByteStream, Source
    from orlop.image.compare.files import FileChange, FilesComparison
    from orlop.image.compare.sides import Sides
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest

TIME = 1_704_067_200
FILE, FOLDER, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


def member(path: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive. fields: of TarInfo."""
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.mtime = len(data), 0o644, TIME
    for name, value in fields.items():
        setattr(info, name, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes] | str, form: int = tarfile.PAX_FORMAT) -> LayerBlob:
    """Return a layer of these members in this order; a text is an empty file, with a slash at its end a folder."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form, errors="surrogateescape") as archive:
        for one in members:
            if isinstance(one, str):
                one = member(one, type=FOLDER, mode=0o755) if one.endswith("/") else member(one)
            archive.addfile(one[0], io.BytesIO(one[1]))
    return archive_layer(sink.getvalue(), media_type=mediatype.OCI_LAYER)


class Watched:
    """A place in memory that notes which blobs are opened; closed after the test."""

    made: ClassVar[list[Watched]] = []

    def __init__(self) -> None:
        self.made.append(self)
        self.store = Store.memory()
        self.repository = self.store.repository(RepositoryName("a/b"))
        self.opened: list[Digest] = []
        self._open = self.repository.open
        self.repository.open = self._noted  # type: ignore[method-assign]

    @asynccontextmanager
    async def _noted(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[ByteStream]:
        self.opened.append(getattr(what, "digest", what))  # type: ignore[arg-type]
        async with self._open(what, start=start, stop=stop) as stream:
            yield stream

    def put(self, built: Built, tag: str) -> Located:
        push_now(built, self.repository, tags=[tag])
        return Located(self.repository, Tag(tag), Reference.parse(f"example.com/a/b:{tag}"))

    def layers_read(self, *blobs: LayerBlob) -> list[bool]:
        """Return whether each of these layers was opened."""
        return [blob.descriptor.digest in self.opened for blob in blobs]


RUNTIME = ThreadRuntime()


def sides_of(place: Watched, base: Built, target: Built, **options: Any) -> Sides:
    left, right = place.put(base, "base"), place.put(target, "target")
    return step(open_sides(left, right, options.pop("selector", None), RUNTIME, **options))


def stores_of(source: Source) -> Stores:
    store = LayerStore(source, RUNTIME)
    return Stores(store, store)


def files(
    base: Built | Sequence[LayerBlob], target: Built | Sequence[LayerBlob], place: Watched | None = None, **options: Any
) -> FilesComparison:
    """Compare the files of two images, or of two lists of layers."""
    own = place or Watched()
    left = base if isinstance(base, Built) else image(base)
    right = target if isinstance(target, Built) else image(target)
    sides = sides_of(own, left, right, selector=options.pop("selector", None))
    options.setdefault("ignore", NOTHING)
    return step(compare_files(sides, stores_of(own.repository), **options))


def changes(base: Sequence[LayerBlob], target: Sequence[LayerBlob], **options: Any) -> dict[str, str]:
    """Return by path ``added``, ``removed``, or the kinds of the change."""
    (found,) = files(base, target, **options).platforms
    return {one.path: told(one) for one in found.changes}


def told(one: FileChange) -> str:
    return " ".join(one.kinds) if one.kinds else one.change
