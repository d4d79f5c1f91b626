"""The files of an image: the client's methods."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from typing import IO

    from orlop.content.base import ByteStream
    from orlop.image.export import Exported
    from orlop.image.extract import Extracted
    from orlop.image.layers import LayerStore
    from orlop.image.tree import Node
    from orlop.image.view import Image
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference

READ_LIMIT = 64 * 1024 * 1024


class Files(Part):
    """Reading the merged file tree of an image, or one layer of it, and writing it out.

    A ``layer`` is an index from 0 at the bottom. Every method raises what ``image`` raises, InputError for a layer that there
    is not, IntegrityError's kinds for a damaged one, and LimitError.
    """

    async def files(
        self,
        ref: str | Reference | Locator,
        path: str = "/",
        *,
        platform: str | PlatformSelector | None = None,
        layer: int | None = None,
        depth: int | None = None,
        removed: bool = False,
    ) -> AsyncIterator[Node]:
        """Yield what is below a folder of the image, in order, each path with its entry and its layer.

        layer: of this layer alone. depth: of so many levels, 1 for the folder's own. removed: also what upper layers took
        away, with ``removed_by``; of one layer, what that takes away. Raises NotFoundError.
        """
        from orlop.image.tree import open_tree

        store, image = await self._opened(ref, platform)
        tree = await open_tree(store, image, layer=layer, removed=removed)
        for node in tree.walk(tree.resolve(path).path, depth=depth, removed=removed):
            yield node

    @asynccontextmanager
    async def open_file(
        self,
        ref: str | Reference | Locator,
        path: str,
        *,
        platform: str | PlatformSelector | None = None,
        layer: int | None = None,
    ) -> AsyncIterator[ByteStream]:
        """Open a file of the image as a stream of chunks, verified as it is read; links are followed inside the image.

        Layers are looked at from the top down, and none below the one that decides. Raises NotFoundError, InputError for
        what is no file.
        """
        from orlop.image.files import Lookup

        store, image = await self._opened(ref, platform)
        lookup = Lookup(store, image, layer=layer)
        try:
            async with lookup.read(path) as stream:
                yield stream
        finally:
            lookup.close()

    async def read_file(
        self,
        ref: str | Reference | Locator,
        path: str,
        *,
        platform: str | PlatformSelector | None = None,
        layer: int | None = None,
        limit: int = READ_LIMIT,
    ) -> bytes:
        """Return the content of a file of the image. limit: most bytes. Raises as ``open_file``, and LimitError."""
        from orlop.errors import LimitError

        parts: list[bytes] = []
        size = 0
        async with self.open_file(ref, path, platform=platform, layer=layer) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    raise LimitError(path, "limit", limit)
                parts.append(chunk)
        return b"".join(parts)

    async def extract(
        self,
        ref: str | Reference | Locator,
        to: str,
        paths: Sequence[str] = (),
        *,
        platform: str | PlatformSelector | None = None,
        layer: int | None = None,
        follow: bool = False,
        force: bool = False,
        keep_owner: bool | None = None,
        limit: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Extracted:
        """Write files of the image into a folder, each at its own path below it, and return what was written.

        to: is made if it is not there, and must be empty without ``force``, which merges folders and replaces files that are
        in the way. paths: files, and folders with all in them; none means all. follow: also what links at their ends lead to.
        keep_owner: owners, setuid and devices as in the image; None where the user is root. limit: most bytes of files
        (64 GiB). All is read and verified before anything has its name. Raises NotFoundError, InputError, StorageError.
        """
        from orlop.image.extract import LIMIT, Rules, check_target, extract

        check_target(to, force=force)
        store, image = await self._opened(ref, platform)
        rules = Rules(force, keep_owner, LIMIT if limit is None else limit, progress)
        return await extract(store, image, to, paths=paths, follow=follow, layer=layer, rules=rules)

    async def save_layers(
        self,
        ref: str | Reference | Locator,
        to: str,
        *,
        platform: str | PlatformSelector | None = None,
        squash: bool = True,
        layer: int | None = None,
        force: bool = False,
        keep_owner: bool | None = None,
        limit: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Extracted]:
        """Write the layers into a folder: merged, or without ``squash`` each into ``layer<index>-<digest>``.

        layer: with ``squash`` those up to and with this one, without it this one alone. A layer by itself has the files that
        say what it takes away, ``.wh.NAME``. All else as ``extract``.
        """
        from orlop.image.extract import LIMIT, Rules, check_target, save_layers

        check_target(to, force=force)
        store, image = await self._opened(ref, platform)
        rules = Rules(force, keep_owner, LIMIT if limit is None else limit, progress)
        return await save_layers(store, image, to, squash=squash, layer=layer, rules=rules)

    async def export(
        self,
        ref: str | Reference | Locator,
        file: str | IO[bytes],
        paths: Sequence[str] = (),
        *,
        platform: str | PlatformSelector | None = None,
        layer: int | None = None,
        follow: bool = False,
        limit: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Exported:
        """Write an archive of the image's files, and return what it holds; the same image gives the same bytes.

        file: the name of one, which appears when it is whole, or something with ``write``. All else as ``extract``. Contents of
        layers that were never read before wait beside the file, or where temporary files do.
        """
        import os

        from orlop.image.export import export, into_file
        from orlop.image.extract import LIMIT

        most = LIMIT if limit is None else limit
        store, image = await self._opened(ref, platform)
        if isinstance(file, str):
            folder = os.path.split(file)[0] or os.curdir
            async with into_file(file) as write:
                return await export(
                    store,
                    image,
                    write,
                    paths=paths,
                    follow=follow,
                    layer=layer,
                    limit=most,
                    folder=folder,
                    progress=progress,
                )
        return await export(
            store, image, file.write, paths=paths, follow=follow, layer=layer, limit=most, progress=progress
        )

    async def _opened(
        self, ref: str | Reference | Locator, platform: str | PlatformSelector | None
    ) -> tuple[LayerStore, Image]:
        from orlop.image.view import open_image

        at = await self.open(ref)
        image = await open_image(at.source, at.name, selector_of(platform), str(ref))
        return self.layers_of(at.source), image
