"""Unified diffs of the text files that two images have differently, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.image.compare.linediff import Budget, hunks
from orlop.image.compare.walk import CONTENT
from orlop.layer.sinks import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.image.compare.files import FileChange, Stores
    from orlop.image.compare.walk import Side
    from orlop.image.layers import LayerStore
    from orlop.image.view import Image, Layer
    from orlop.layer.entry import Entry
    from orlop.layer.sinks import Sink

FILE_LIMIT = 1024 * 1024
"""Largest file in bytes whose text is compared."""
TOTAL_LIMIT = 64 * 1024 * 1024
"""Bytes of all files together that are read for it."""
LINES_LIMIT = 2000
"""Lines of one diff that are kept."""
SEPARATE_READS = 3
"""Files of one layer that are fetched each by itself; more are taken out of one reading of the layer."""

_BINARY_LOOK = 8000

BINARY, TOO_LARGE, ENOUGH, SHORTENED = "binary", "too large", "the limit of all files is reached", "shortened"


class TextDiff(NamedTuple):
    """A unified diff. lines: without their ends. note: why there are none, or not all: ``binary``, ``too large``, ``shortened``."""

    lines: tuple[str, ...]
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        from orlop.image.compare.filesjson import printable

        return {"text": "".join(f"{printable(line)}\n" for line in self.lines), "note": self.note}


class _Wanted(NamedTuple):
    """A file that has to be read. side: 0 for the base, 1 for the target."""

    side: int
    layer: int
    offset: int


async def with_diffs(
    stores: Stores, images: tuple[Image, Image], changes: Sequence[FileChange]
) -> tuple[FileChange, ...]:
    """Return the changes, those of files' contents with their diffs.

    Files over ``FILE_LIMIT`` are not read, nor what is beyond ``TOTAL_LIMIT`` in the order of the paths.
    """
    notes: dict[int, str] = {}
    wanted: dict[_Wanted, Entry] = {}
    left = TOTAL_LIMIT
    for at, one in enumerate(changes):
        if CONTENT not in one.kinds or one.base is None or one.target is None:
            continue
        size = one.base.entry.size + one.target.entry.size
        if max(one.base.entry.size, one.target.entry.size) > FILE_LIMIT:
            notes[at] = TOO_LARGE
        elif size > left:
            notes[at] = ENOUGH
        else:
            left -= size
            notes[at] = ""
            wanted.update({_key(number, side): side.entry for number, side in enumerate((one.base, one.target))})
    contents = await _read(stores, images, wanted)
    budget = Budget()

    def made() -> tuple[FileChange, ...]:
        found = []
        for at, one in enumerate(changes):
            note = notes.get(at)
            if note is None or one.base is None or one.target is None:
                found.append(one)
            elif note:
                found.append(one._replace(diff=TextDiff((), note)))
            else:
                pair = contents[_key(0, one.base)], contents[_key(1, one.target)]
                found.append(one._replace(diff=text_diff(one.path, *pair, budget)))
        return tuple(found)

    return await stores.base.runtime.run(made)


def text_diff(path: str, base: bytes, target: bytes, budget: Budget | None = None) -> TextDiff:
    """Return the unified diff of two contents; of what is binary only that it is.

    A NUL in the first 8,000 bytes makes it binary, as for git. What is not UTF-8 stands as surrogates (PEP 383).
    """
    if b"\0" in base[:_BINARY_LOOK] or b"\0" in target[:_BINARY_LOOK]:
        return TextDiff((), BINARY)
    old, new = _lines(base), _lines(target)
    shown = [f"--- a/{path}", f"+++ b/{path}"]
    for line in _unified(old, new, budget or Budget()):
        if len(shown) >= LINES_LIMIT:
            return TextDiff(tuple(shown), SHORTENED)
        shown.append(line)
    return TextDiff(tuple(shown))


def _lines(data: bytes) -> list[str]:
    # Not splitlines: it also parts lines at form feeds and other characters that are none of a line's end.
    parts = data.decode("utf-8", "surrogateescape").split("\n")
    lines = [f"{part}\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _unified(old: list[str], new: list[str], budget: Budget) -> Iterator[str]:
    for start, stop, begin, end, rows in hunks(old, new, budget):
        yield f"@@ -{_range(start, stop)} +{_range(begin, end)} @@"
        for mark, line in rows:
            yield mark + line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"


def _range(start: int, stop: int) -> str:
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _key(number: int, side: Side) -> _Wanted:
    return _Wanted(number, side.layer, side.entry.offset)


async def _read(stores: Stores, images: tuple[Image, Image], wanted: dict[_Wanted, Entry]) -> dict[_Wanted, bytes]:
    """Return the contents; files of one layer are taken out of one reading where they are many."""
    groups: dict[tuple[int, int], dict[int, Entry]] = {}
    for key, entry in wanted.items():
        groups.setdefault((key.side, key.layer), {})[key.offset] = entry

    async def layer(job: tuple[int, int]) -> dict[_Wanted, bytes]:
        side, number = job
        files = groups[job]
        from_layer = _scanned if len(files) > SEPARATE_READS else _separate
        found = await from_layer(stores[side], images[side].layers[number], files)
        return {_Wanted(side, number, offset): data for offset, data in found.items()}

    contents: dict[_Wanted, bytes] = {}
    async for outcome in stores.base.runtime.map(layer, list(groups), limit=min(4, len(groups) or 1)):
        contents.update(outcome.result())
    return contents


async def _separate(store: LayerStore, layer: Layer, files: dict[int, Entry]) -> dict[int, bytes]:
    found = {}
    for offset, entry in files.items():
        async with store.open_file(layer, entry) as stream:
            found[offset] = b"".join([chunk async for chunk in stream])
    return found


async def _scanned(store: LayerStore, layer: Layer, files: dict[int, Entry]) -> dict[int, bytes]:
    kept: dict[int, Collector] = {}

    def sink(entry: Entry) -> Sink | None:
        if entry.offset not in files:
            return None
        kept[entry.offset] = Collector(entry.path, FILE_LIMIT)
        return kept[entry.offset]

    await store.scan(layer, sink)
    return {offset: one.data or b"" for offset, one in kept.items()}
