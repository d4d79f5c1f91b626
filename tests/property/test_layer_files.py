"""Files found from the top layer down, with few paths watched, against the merged tree of all layers."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from orlop.content.base import Resolved, Source
from orlop.errors import NotFoundError
from orlop.image.osinfo import PATHS, read_os
from orlop.image.view import Image
from orlop.layer.overlay import LayerTree, MergedTree
from orlop.layer.paths import follow
from orlop.layer.reader import LayerReader
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, parse_manifest
from orlop.testing.builders import Built, image
from orlop.testing.layers import Folder, LayerBlob, Link, Opaque, Whiteout, layer
from orlop.threads import step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag
    from orlop.testing.layers import Entry

FOLDER = st.sampled_from(["etc", "usr", "usr/lib", "etc/static", "x"])
TARGETS = st.sampled_from(
    ["os-release", "../usr/lib/os-release", "/usr/lib/os-release", "/x/y", "static/os-release", "../x", "usr", "/etc"]
)
FILES = st.sampled_from(["etc/os-release", "usr/lib/os-release", "x/y", "x/os-release", "etc/static/os-release"])
NAMES = FILES | FOLDER


class Blobs(Source):
    """The blobs of one image."""

    def __init__(self, built: Built) -> None:
        self.blobs = {blob.descriptor.digest: blob.data for blob in built.blobs}
        self.opened: list[Digest] = []

    @property
    def name(self) -> str:
        return "test"

    async def resolve(self, name: Tag | Digest) -> Resolved:
        raise NotImplementedError

    async def manifest(self, name: Tag | Digest) -> Manifest:
        raise NotImplementedError

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        digest = what if isinstance(what, Digest) else what.digest
        self.opened.append(digest)
        yield self._chunks(self.blobs[digest])

    async def _chunks(self, data: bytes) -> AsyncIterator[bytes]:
        yield data

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        raise NotImplementedError


@st.composite
def layers(draw: st.DrawFn) -> list[LayerBlob]:
    made = []
    for at in range(draw(st.integers(1, 4))):
        files: dict[str, Entry] = {}
        for number in range(draw(st.integers(0, 4))):
            path = draw(NAMES)
            # A layer that packs what it has on disk names nothing below what is no folder of its own.
            above = [
                other
                for other in files
                if path.startswith(other + "/") and not isinstance(files[other], Folder | Opaque)
            ]
            below = [other for other in files if other.startswith(path + "/")]
            if path in files or above:
                continue
            kind = draw(st.sampled_from(["file", "file", "link", "folder", "whiteout", "opaque"]))
            if below:
                kind = "opaque" if kind == "opaque" else "folder"
            choices: dict[str, Entry] = {
                "file": b"ID=%d.%d\n" % (at, number),
                "link": Link(draw(TARGETS)),
                "folder": Folder(),
                "whiteout": Whiteout(),
                "opaque": Opaque(),
            }
            files[path] = choices[kind]
        made.append(layer(files, compression=""))
    return made


def expected(blobs: list[LayerBlob]) -> str | None:
    """What the merged tree of all layers has at the first path that leads to a file."""
    merged = MergedTree()
    data = []
    for blob in blobs:
        reader, tree = LayerReader("a layer"), LayerTree("a layer")
        for entry in reader.feed(blob.data):
            tree.add(entry)
        merged.apply(tree)
        data.append(blob.data)
    for path in PATHS:
        steps = follow(path)
        try:
            asked = next(steps)
            while True:
                found = merged.find(asked)
                asked = steps.send(found.entry if found else None)
        except StopIteration as stop:
            end = merged.find(stop.value) if stop.value is not None else None
            if end is not None and end.entry.kind == "file":
                start = end.entry.data_offset
                return data[end.layer][start : start + end.entry.size].decode().strip()[3:]
    return None


@given(layers())
def test_the_file_that_is_found_is_the_one_of_the_merged_tree(blobs: list[LayerBlob]) -> None:
    built = image(blobs)
    manifest = parse_manifest(built.raw)
    assert isinstance(manifest, ImageManifest)
    source = Blobs(built)
    said: object = None
    with suppress(NotFoundError):
        said = step(read_os(source, Image("test", manifest, parse_config(built.blobs[0].data))))["ID"]
    assert said == expected(blobs)
