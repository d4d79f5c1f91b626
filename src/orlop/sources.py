"""From locators to open sources: a folder, an archive, a store on disk, a container engine.

``parse_locator`` tells locators from references; ``Places`` keeps what was opened until it is closed, so that an archive
is read through once and not with every question.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING

from orlop.content.base import Located
from orlop.errors import NotFoundError, StorageError
from orlop.model.locator import Locator, parse_locator
from orlop.model.manifest import MANIFEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.local import Place
    from orlop.runtime import Runtime

    # What changes when the place is another than before, and what opens it: with the runtime and the most bytes of a manifest.
    _Found = tuple[object, Callable[[Runtime, int], Place]]

__all__ = ["Locator", "Places", "parse_locator"]


class Places:
    """The local places that a client has opened.

    runtime: what their work runs on. manifest_limit: most bytes of a manifest. engine: the address of the container engine,
    "" for the first that is there.
    """

    def __init__(self, runtime: Runtime, manifest_limit: int = MANIFEST_LIMIT, engine: str = "") -> None:
        self._runtime, self._manifest_limit, self._engine = runtime, manifest_limit, engine
        self._open: dict[str, tuple[object, Place]] = {}
        self._outdated: list[Place] = []
        self._opening = runtime.lock()

    async def open(self, locator: str | Locator) -> Located:
        """Return the place, and the digest or the tag that the locator names in it.

        Raises InputError for several images and no name, ManifestNotFoundError, and as ``source``.
        """
        parsed = Locator.parse(locator) if isinstance(locator, str) else locator
        source = await self.source(parsed)
        return Located(source, parsed.digest or await source.settle(parsed.name), parsed)

    async def source(self, locator: str | Locator) -> Place:
        """Return the place, without a name in it.

        Raises NotFoundError where there is none; StorageError, IntegrityError's kinds, LimitError for what cannot be read;
        NetworkError's kinds where no engine answers.
        """
        parsed = Locator.parse(locator) if isinstance(locator, str) else locator
        async with self._opening:
            return await self._runtime.run(self._source, parsed)

    def _source(self, locator: Locator) -> Place:
        stamp, opener = _OPENERS[locator.scheme](locator, self._engine)
        known = self._open.get(locator.place)
        if known is not None:
            if known[0] == stamp:
                return known[1]
            self._outdated.append(known[1])  # someone may still read it
        source = opener(self._runtime, self._manifest_limit)
        self._open[locator.place] = (stamp, source)
        return source

    async def close(self) -> None:
        """Close what is open."""
        places = [*self._outdated, *(source for _, source in self._open.values())]
        self._outdated, self._open = [], {}
        for source in places:
            await self._runtime.run(source.close)


def _stamp(locator: Locator) -> object:
    """Return what changes when the place is another than before. Raises NotFoundError, StorageError."""
    folder = locator.scheme in {"oci", "store"}
    try:
        about = os.stat(locator.path)
    except (FileNotFoundError, NotADirectoryError):
        error = NotFoundError(locator.path, "the file system", f"{locator} names no {'folder' if folder else 'file'}")
        error.noun = "folder" if folder else "file"
        raise error from None
    except (OSError, ValueError) as cause:
        raise StorageError(locator.path, f"cannot be read: {cause}") from cause
    if stat.S_ISDIR(about.st_mode) is not folder:
        hint = "oci:DIR reads a layout in a folder, oci-archive:FILE and docker-archive:FILE a file"
        raise StorageError(locator.path, f"is {'no folder' if folder else 'a folder'}").with_hint(hint)
    if folder or not stat.S_ISREG(about.st_mode):  # a layout looks for itself; a pipe cannot be read again
        return None
    return (about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)


def _layout(locator: Locator, _: str) -> _Found:
    from orlop.content.layout import LayoutFolder

    return _stamp(locator), partial(LayoutFolder, locator.path)


def _oci_archive(locator: Locator, _: str) -> _Found:
    from orlop.content.archive import open_oci_archive

    return _stamp(locator), partial(open_oci_archive, locator.path)


def _docker_archive(locator: Locator, _: str) -> _Found:
    from orlop.content.dockerarchive import open_docker_archive

    return _stamp(locator), partial(open_docker_archive, locator.path)


def _engine_image(locator: Locator, address: str) -> _Found:
    from orlop.content.engine import Engine, open_engine_image

    engine = Engine(address)
    identity, exact = engine.look(locator.path)
    return identity, partial(open_engine_image, engine, locator.path, exact)


def _store(locator: Locator, _: str) -> _Found:
    from orlop.server.store.reading import StoredPlace

    return _stamp(locator), lambda _runtime, limit: StoredPlace(locator.path, locator.repository, limit)


_OPENERS: dict[str, Callable[[Locator, str], _Found]] = {
    "oci": _layout,
    "oci-archive": _oci_archive,
    "docker-archive": _docker_archive,
    "docker-daemon": _engine_image,
    "store": _store,
}
