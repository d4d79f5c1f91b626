"""Single files of an image, found from the top layer down.

Few paths are looked at, so few are remembered: of each layer that is read, only what concerns the watched paths. Where a
link leads to a path that was not watched when a layer was read, that layer is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import LimitError
from orlop.layer.entry import FILE, HARDLINK, SYMLINK, clean, parent
from orlop.layer.limits import DEFAULT_LIMITS
from orlop.layer.overlay import OPAQUE, WHITEOUT, LayerTree
from orlop.layer.paths import follow
from orlop.layer.reader import LayerReader
from orlop.layer.sinks import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orlop.content.base import Source
    from orlop.image.view import Image
    from orlop.layer.entry import Entry
    from orlop.layer.limits import Limits
    from orlop.layer.sinks import Sink

READS_LIMIT = 16
"""How often one layer is read before links are given up; two are rare."""

LIKELY_LIMIT = 256
"""Files of a likely name that are kept of one layer."""


class LayerFiles:
    """Reads files of one image by path.

    watched: paths that will be asked for. likely: a part of the names that links may lead to; such files are kept as they
    stream by. limit: most bytes of a file.
    """

    def __init__(
        self,
        source: Source,
        image: Image,
        *,
        watched: Iterable[str],
        likely: str,
        limit: int,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._source, self._image, self._likely, self._limit, self._limits = source, image, likely, limit, limits
        self._layers = image.layers
        self._watched: set[str] = {""}
        self._read: dict[int, _Pass] = {}
        self._reads: dict[int, int] = {}
        for path in watched:
            self._watch(path)

    async def read(self, path: str) -> bytes | None:
        """Return the content of the file that the path leads to, links followed; None where there is none.

        Raises LimitError for a larger file, and IntegrityError's kinds for a layer that is damaged.
        """
        steps = follow(path)
        found: tuple[Entry, int] | None = None
        answer: Entry | None = None
        try:
            asked = next(steps)
            while True:
                found = await self._find(asked, len(self._layers) - 1)
                answer = found[0] if found else None
                if answer is not None and answer.kind == SYMLINK:
                    self._watch_link(asked, answer.link)
                asked = steps.send(answer)
        except StopIteration as stop:
            if stop.value is None or found is None:
                return None
        return await self._content(*found)

    async def _find(self, path: str, top: int) -> tuple[Entry, int] | None:
        """Return what is at a path in the layers from ``top`` down, and the layer that has it; a hard link is traced."""
        for _ in range(len(self._layers) + READS_LIMIT):
            found = await self._look(path, top)
            if found is None or found[0].kind != HARDLINK:
                return found
            entry, at = found
            # A hard link's target is what was there when it was made: in its own layer, or below.
            path, top = clean(entry.link), at
        return None

    async def _look(self, path: str, top: int) -> tuple[Entry, int] | None:
        self._watch(path)
        for at in range(top, -1, -1):
            layer = self._read.get(at) or await self._scan(at)
            look = layer.tree.look(path)
            if look.entry is None and path not in layer.watched:
                layer = await self._scan(at)
                look = layer.tree.look(path)
            if look.entry is not None:
                return look.entry, at
            if look.hidden:
                return None
        return None

    async def _content(self, entry: Entry, at: int) -> bytes | None:
        if entry.kind != FILE:
            return None
        if entry.size > self._limit:
            raise LimitError(f"/{entry.path} of {self._image.reference}", "bytes of a file", self._limit)
        kept = self._read[at].content(entry)
        if kept is None:
            self._watch(entry.path)
            kept = (await self._scan(at)).content(entry)
        return kept

    def _watch(self, path: str) -> None:
        while path not in self._watched:
            self._watched.add(path)
            path = parent(path)

    def _watch_link(self, path: str, link: str) -> None:
        self._watch(clean(link if link.startswith("/") else f"{parent(path)}/{link}"))

    async def _scan(self, at: int) -> _Pass:
        """Read a layer to its end, and keep what concerns the paths that are watched now."""
        layer = self._layers[at]
        what = f"layer {layer.descriptor.digest.value[:19]} of {self._image.reference}"
        self._reads[at] = self._reads.get(at, 0) + 1
        if self._reads[at] > READS_LIMIT:
            raise LimitError(what, "reads because of links", READS_LIMIT)
        made = self._read[at] = _Pass(what, self._watched, self._watch_link, self._likely, self._limit)
        reader = LayerReader(what, diff_id=layer.diff_id, wanted=made.wanted, limits=self._limits)
        async with self._source.open(layer.descriptor) as stream:
            async for chunk in stream:
                for entry in reader.feed(chunk):
                    made.take(entry)
        reader.finish()
        return made


class _Pass:
    """One reading of one layer. live: the paths that are watched, which grow; ``watched``: those from its beginning on."""

    def __init__(
        self, what: str, live: set[str], watch_link: Callable[[str, str], None], likely: str, limit: int
    ) -> None:
        self.tree = LayerTree(what)
        self.watched = frozenset(live)
        self._live, self._watch_link, self._likely, self._limit = live, watch_link, likely, limit
        self._content: dict[str, tuple[int, Collector]] = {}
        self._kept: set[str] = set()
        self._folder = ""

    def content(self, entry: Entry) -> bytes | None:
        """Return the content of a file of the tree, if it was kept."""
        offset, kept = self._content.get(entry.path, (-1, None))
        return kept.data if kept is not None and offset == entry.offset else None

    def wanted(self, entry: Entry) -> Sink | None:
        """Keep the content of a file that concerns us."""
        if entry.size > self._limit or not self._concerns(entry.path):
            return None
        kept = Collector(entry.path, self._limit)
        self._content[entry.path] = (entry.offset, kept)
        return kept

    def take(self, entry: Entry) -> None:
        """Take note of a member where it concerns us."""
        folder, _, name = entry.path.rpartition("/")
        if name.startswith(WHITEOUT):
            target = f"{folder}/{name[len(WHITEOUT) :]}" if folder else name[len(WHITEOUT) :]
            if target in self._live or (name == OPAQUE and folder in self._live):
                self.tree.add(entry)
        elif self._concerns(entry.path):
            self.tree.add(entry)
            if entry.kind == SYMLINK and entry.path in self._live:
                self._watch_link(entry.path, entry.link)
        elif folder != self._folder:
            self._folder = folder
            while folder not in self._live:
                folder = parent(folder)
            self.tree.imply(folder)

    def _concerns(self, path: str) -> bool:
        if path in self._live:
            return True
        if self._likely not in path or self._likely not in path.rpartition("/")[2]:
            return False
        if len(self._kept) < LIKELY_LIMIT:
            self._kept.add(path)
        return path in self._kept
