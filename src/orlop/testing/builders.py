"""Real images by code: manifests, configs, indexes and artifacts, the same bytes every time.

::

    base = image([layer({"etc/hostname": b"demo"})])
    many = index([base, image([...], platform="linux/arm64")])
    await push(many, target, tags=["latest"])
"""

from __future__ import annotations

import json
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orlop.content.base import Content, Namespace, Target
from orlop.model import mediatype
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.platform import Platform
from orlop.model.reference import RepositoryName, Tag
from orlop.testing.layers import LayerBlob, layer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

CREATED = "2024-01-01T00:00:00Z"
"""When everything that is built was created, unless told otherwise."""

_DOCKER_LAYERS = {
    mediatype.OCI_LAYER: "application/vnd.docker.image.rootfs.diff.tar",
    mediatype.OCI_LAYER_GZIP: mediatype.DOCKER_LAYER_GZIP,
    # containerd's and BuildKit's name for it; Docker itself defines none.
    mediatype.OCI_LAYER_ZSTD: "application/vnd.docker.image.rootfs.diff.tar.zstd",
}


class Bytes(Content):
    """Bytes in memory as content that can be opened again and again."""

    def __init__(self, data: bytes, *, chunk: int = 64 * 1024) -> None:
        self._data, self._chunk = data, chunk

    @asynccontextmanager
    async def open(self, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the bytes from ``start`` on."""

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(start, len(self._data), self._chunk):
                yield self._data[at : at + self._chunk]

        yield pieces()


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes and the descriptor that names them."""

    descriptor: Descriptor
    data: bytes

    def __repr__(self) -> str:
        return f"Blob({self.descriptor.media_type}, {len(self.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Built:
    """A manifest by code with all that it needs: its blobs, and for an index its children.

    raw: the manifest's bytes. descriptor: what an index says of it. layers: as given, bottom first.
    """

    raw: bytes
    descriptor: Descriptor
    blobs: tuple[Blob, ...] = ()
    children: tuple[Built, ...] = ()
    config: bytes = b""
    layers: tuple[LayerBlob, ...] = ()
    platform: Platform | None = None

    @property
    def digest(self) -> Digest:
        """The manifest's digest."""
        return self.descriptor.digest

    @property
    def document(self) -> dict[str, Any]:
        """The manifest, parsed."""
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed

    def walk(self) -> Iterator[Built]:
        """Yield every manifest below and this one, children first."""
        for child in self.children:
            yield from child.walk()
        yield self

    def __repr__(self) -> str:
        return f"Built({self.descriptor.media_type}, {self.digest})"


def image(
    layers: Sequence[LayerBlob] = (),
    *,
    platform: Platform | str = "linux/amd64",
    labels: Mapping[str, str] | None = None,
    history: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    subject: Built | Descriptor | None = None,
    created: str = CREATED,
    docker: bool = False,
) -> Built:
    """Return an image of these layers, bottom first.

    config: what goes into the config blob's ``config`` (Env, Cmd, ...), labels beside it. extra: more
    fields of the config blob itself. history: its entries; one for each layer unless given. docker:
    Docker's media types and its three-space indent instead of OCI's.
    Rule: image-spec, "Image Manifest" and "Image Configuration".
    """
    where = _platform(platform)
    inner = {**(config or {}), **({"Labels": dict(labels)} if labels else {})}
    if history is None:
        history = [{"created": created, "created_by": f"layer {n}"} for n in range(1, len(layers) + 1)]
    document: dict[str, Any] = {
        "created": created,
        **where.to_json(),
        "config": inner,
        "rootfs": {"type": "layers", "diff_ids": [str(one.diff_id) for one in layers]},
        "history": [dict(entry) for entry in history],
        **(extra or {}),
    }
    raw_config = _encode(document)
    config_type = mediatype.DOCKER_CONFIG if docker else mediatype.OCI_CONFIG
    config_blob = _blob(raw_config, config_type)
    layer_blobs = [Blob(_layer_descriptor(one, docker=docker), one.data) for one in layers]
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": mediatype.DOCKER_MANIFEST if docker else mediatype.OCI_MANIFEST,
        "config": config_blob.descriptor.to_json(),
        "layers": [one.descriptor.to_json() for one in layer_blobs],
    }
    _finish(manifest, subject, annotations)
    raw = _encode(manifest, docker=docker)
    descriptor = Descriptor(manifest["mediaType"], Digest.of(raw), len(raw), platform=where)
    return Built(raw, descriptor, (config_blob, *layer_blobs), (), raw_config, tuple(layers), where)


def index(
    children: Sequence[Built | Descriptor],
    *,
    annotations: Mapping[str, str] | None = None,
    subject: Built | Descriptor | None = None,
    artifact_type: str = "",
    docker: bool = False,
) -> Built:
    """Return an index of these manifests (docker: a manifest list).

    A child given as a descriptor alone is named, and not pushed with the index.
    """
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": mediatype.DOCKER_LIST if docker else mediatype.OCI_INDEX,
    }
    if artifact_type:
        manifest["artifactType"] = artifact_type
    manifest["manifests"] = [_described(child).to_json() for child in children]
    _finish(manifest, subject, annotations)
    raw = _encode(manifest, docker=docker)
    descriptor = Descriptor(manifest["mediaType"], Digest.of(raw), len(raw), artifact_type=artifact_type)
    return Built(raw, descriptor, (), tuple(child for child in children if isinstance(child, Built)))


def artifact(
    files: Mapping[str, bytes] | None = None,
    *,
    artifact_type: str = "application/vnd.orlop.test",
    subject: Built | Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
    media_type: str = "application/octet-stream",
    legacy: bool = False,
) -> Built:
    """Return an artifact: an OCI manifest of the empty config, one layer for each file, titled by its name.

    subject: what it refers to. legacy: the withdrawn artifact manifest of image-spec 1.1-rc1 instead.
    Rule: image-spec, "Guidelines for Artifact Usage".
    """
    blobs = [
        Blob(replace(_described(data, media_type), annotations={"org.opencontainers.image.title": name}), data)
        for name, data in sorted((files or {}).items())
    ]
    empty = _blob(b"{}", mediatype.OCI_EMPTY)
    manifest: dict[str, Any]
    if legacy:
        manifest = {"mediaType": mediatype.OCI_ARTIFACT_MANIFEST, "artifactType": artifact_type}
        manifest["blobs"] = [one.descriptor.to_json() for one in blobs]
    else:
        blobs = blobs or [empty]
        manifest = {"schemaVersion": 2, "mediaType": mediatype.OCI_MANIFEST, "artifactType": artifact_type}
        manifest["config"] = empty.descriptor.to_json()
        manifest["layers"] = [one.descriptor.to_json() for one in blobs]
        blobs = [empty, *(one for one in blobs if one is not empty)]
    _finish(manifest, subject, annotations)
    raw = _encode(manifest)
    descriptor = Descriptor(
        manifest["mediaType"],
        Digest.of(raw),
        len(raw),
        annotations=dict(annotations or {}),
        artifact_type=artifact_type,
    )
    return Built(raw, descriptor, tuple(blobs))


def random_image(
    size: int = 1024, *, layers: int = 1, seed: int = 0, platform: Platform | str = "linux/amd64"
) -> Built:
    """Return an image whose layers hold ``size`` bytes each that do not compress; one seed, one image."""
    source = random.Random(seed)  # noqa: S311  # not a secret: the same bytes every time are the point
    made = [layer({f"data/{n}": source.randbytes(size)}, compression="gzip", level=1) for n in range(layers)]
    return image(made, platform=platform)


async def push(built: Built, to: Target | Namespace, repository: str = "", *, tags: Sequence[str] = ()) -> Descriptor:
    """Push it with its blobs and children, tag it, and return its descriptor.

    to: a repository, or with ``repository`` the registry that it is in.
    """
    target = to.repository(RepositoryName(repository)) if isinstance(to, Namespace) else to
    sent: set[Digest] = set()
    for one in built.walk():
        for blob in one.blobs:
            if blob.descriptor.digest not in sent and not blob.descriptor.urls:
                sent.add(blob.descriptor.digest)
                await target.push(blob.descriptor, Bytes(blob.data))
        named = [Tag(tag) for tag in tags] if one is built else []
        await target.push(one.descriptor, Bytes(one.raw), tags=named)
    return built.descriptor


def push_now(built: Built, to: Any, repository: str = "", *, tags: Sequence[str] = ()) -> Descriptor:
    """Push it from plain code into a place that never waits: a store, or a running registry's (``registry()``).

    Raises RuntimeError for a place that would have to wait, such as a registry over the network.
    """
    steps = push(built, getattr(to, "store", to), repository, tags=tags)
    try:
        steps.send(None)
    except StopIteration as done:
        descriptor: Descriptor = done.value
        return descriptor
    steps.close()
    raise RuntimeError("this place has to be waited for: await push(...)")


def _platform(text: Platform | str) -> Platform:
    return Platform.parse(text) if isinstance(text, str) else text


def _described(what: Built | Descriptor | bytes, media_type: str = "") -> Descriptor:
    if isinstance(what, bytes):
        return Descriptor(media_type, Digest.of(what), len(what))
    return what.descriptor if isinstance(what, Built) else what


def _blob(data: bytes, media_type: str) -> Blob:
    return Blob(_described(data, media_type), data)


def _layer_descriptor(one: LayerBlob, *, docker: bool) -> Descriptor:
    media_type = one.descriptor.media_type
    return replace(one.descriptor, media_type=_DOCKER_LAYERS.get(media_type, media_type)) if docker else one.descriptor


def _finish(
    manifest: dict[str, Any], subject: Built | Descriptor | None, annotations: Mapping[str, str] | None
) -> None:
    if subject is not None:
        whom = _described(subject)
        manifest["subject"] = Descriptor(whom.media_type, whom.digest, whom.size).to_json()
    if annotations:
        manifest["annotations"] = dict(annotations)


def _encode(document: Mapping[str, Any], *, docker: bool = False) -> bytes:
    if docker:
        return json.dumps(document, indent=3).encode()
    return json.dumps(document, separators=(",", ":")).encode()
