"""Images of hand-made archives, in memory, and ways to write them to a disk."""

from __future__ import annotations

import os
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from orlop.content.base import Resolved, Source
from orlop.content.verify import verified
from orlop.errors import BlobNotFoundError
from orlop.image.extract import Extracted, Rules, extract
from orlop.image.layers import LayerStore
from orlop.image.tree import ImageTree, open_tree
from orlop.image.view import Image
from orlop.layer.entry import DIRECTORY, FILE, HARDLINK, NO_XATTRS, SYMLINK, Entry
from orlop.layer.limits import DEFAULT_LIMITS, Limits
from orlop.layer.tarwrite import TarWriter
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, parse_manifest
from orlop.model.mediatype import OCI_LAYER_GZIP
from orlop.testing.builders import image
from orlop.testing.layers import LayerBlob, archive_layer
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag

MTIME_NS = 1_600_000_000 * 1_000_000_000


class Member:
    """One member of an archive, whatever its name says."""

    def __init__(self, path: str, kind: str = FILE, data: bytes = b"", *, link: str = "", **more: Any) -> None:
        fields: dict[str, Any] = {
            "mode": 0o755 if kind == DIRECTORY else 0o644,
            "uid": os.getuid(),
            "gid": os.getgid(),
            "uname": "",
            "gname": "",
            "mtime_ns": MTIME_NS,
            "major": 0,
            "minor": 0,
            "xattrs": NO_XATTRS,
            **more,
        }
        self.data = data
        self.entry = Entry(
            path=path,
            kind=kind,
            size=len(data),
            link=link,
            offset=0,
            data_offset=0,
            stored=len(data),
            sparse=None,
            raw=path,
            **fields,
        )


def file(path: str, data: bytes = b"x", **more: Any) -> Member:
    return Member(path, FILE, data, **more)


def folder(path: str, **more: Any) -> Member:
    return Member(path, DIRECTORY, **more)


def symlink(path: str, to: str, **more: Any) -> Member:
    return Member(path, SYMLINK, link=to, mode=0o777, **more)


def hardlink(path: str, to: str, **more: Any) -> Member:
    return Member(path, HARDLINK, link=to, **more)


def archive(*members: Member) -> bytes:
    parts: list[bytes] = []
    writer = TarWriter(parts.append)
    for member in members:
        if member.data:
            sink = writer.file(member.entry, member.entry.path)
            sink.write(member.data)
            sink.close()
        else:
            writer.add(member.entry, member.entry.path)
    writer.end()
    return b"".join(parts)


def packed(data: bytes, *, diff_id: Digest | None = None) -> LayerBlob:
    """An archive as a gzip layer; diff_id: what the config is to say, be it wrong."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    stored = compressor.compress(data) + compressor.flush()
    return archive_layer(stored, media_type=OCI_LAYER_GZIP, diff_id=diff_id or Digest.of(data))


def layer(*members: Member) -> LayerBlob:
    return packed(archive(*members))


class Blobs(Source):
    """The layers of one image, in memory. opened: digest and first byte of what was read."""

    def __init__(self, layers: Sequence[LayerBlob]) -> None:
        self.blobs = {blob.descriptor.digest: blob.data for blob in layers}
        self.opened: list[tuple[Digest, int]] = []

    @property
    def name(self) -> str:
        return "memory"

    async def resolve(self, name: Tag | Digest) -> Resolved:
        raise NotImplementedError

    async def manifest(self, name: Tag | Digest) -> Manifest:
        raise NotImplementedError

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        raise NotImplementedError

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        digest, size = (what, None) if isinstance(what, Digest) else (what.digest, what.size)
        data = self.blobs.get(digest)
        if data is None:
            raise BlobNotFoundError(str(digest), self.name)
        self.opened.append((digest, start))
        if start or stop is not None:
            yield self._chunks(data[start:stop])
        else:
            yield verified(self._chunks(data), str(digest), digest, size)

    async def _chunks(self, data: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(data), 4000):
            yield data[at : at + 4000]


class Case:
    """An image of these layers, bottom first, and what reads it."""

    def __init__(self, *layers: LayerBlob, limits: Limits = DEFAULT_LIMITS) -> None:
        built = image(layers)
        manifest = parse_manifest(built.raw)
        assert isinstance(manifest, ImageManifest)
        self.image = Image("test:1", manifest, parse_config(built.config))
        self.source = Blobs(layers)
        self.store = LayerStore(self.source, ThreadRuntime(), limits=limits)

    def tree(self, **options: Any) -> ImageTree:
        return step(open_tree(self.store, self.image, **options))

    def paths(self, **options: Any) -> list[str]:
        return [node.path for node in self.tree(**options).walk()]

    def extract(
        self, to: Path, *paths: str, rules: Rules | None = None, follow: bool = False, layer: int | None = None
    ) -> Extracted:
        """Extract as an ordinary user does, unless the rules say otherwise."""
        work = extract(
            self.store,
            self.image,
            str(to),
            paths=paths,
            follow=follow,
            layer=layer,
            rules=rules or Rules(keep_owner=False),
        )
        return step(work)

    def read(self, path: str) -> bytes:
        async def content() -> bytes:
            tree = await open_tree(self.store, self.image)
            async with tree.read(path) as stream:
                return b"".join([chunk async for chunk in stream])

        return step(content())


def listing(root: Path) -> list[str]:
    """All paths below a folder, sorted; links are not followed."""
    found = []
    for here, folders, names in os.walk(root):
        found += [os.path.relpath(os.path.join(here, name), root) for name in (*folders, *names)]
    return sorted(found)
