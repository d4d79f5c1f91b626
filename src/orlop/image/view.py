"""One image of one platform, as a view on any Source: manifest, config, layers, sizes, annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InvalidManifestError, UnsupportedError
from orlop.image.resolve import resolve_platform
from orlop.model.imageconfig import ImageConfig, parse_config
from orlop.model.manifest import ImageManifest, Index
from orlop.model.mediatype import DOCKER_PLUGIN_CONFIG, bare, is_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.content.base import Source
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.imageconfig import HistoryEntry
    from orlop.model.manifest import Manifest
    from orlop.model.platform import Platform, PlatformSelector
    from orlop.model.reference import Tag

CONFIG_LIMIT = 16 * 1024 * 1024
"""Most bytes of an image config that are read."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its descriptor, the digest of its unpacked bytes, and the history step that made it."""

    index: int
    descriptor: Descriptor
    diff_id: Digest | None
    history: HistoryEntry | None

    @property
    def size(self) -> int:
        """Size in bytes as it is stored."""
        return self.descriptor.size


@dataclass(frozen=True, slots=True)
class Image:
    """One image of one platform.

    reference: how it was asked for. manifest: the platform's own manifest. index: the index that it was chosen from, if
    there was one. All else is derived.
    """

    reference: str
    manifest: ImageManifest
    config: ImageConfig
    index: Index | None = None

    @property
    def digest(self) -> Digest:
        """Digest of the platform's manifest."""
        return self.manifest.digest

    @property
    def platform(self) -> Platform | None:
        """The platform that the config states; None where it states none."""
        return self.config.platform

    @property
    def size(self) -> int:
        """Bytes of all layers as they are stored, each distinct one once."""
        return sum({layer.digest: layer.size for layer in self.manifest.layers}.values())

    @property
    def annotations(self) -> Mapping[str, str]:
        """The manifest's annotations."""
        return self.manifest.annotations

    @property
    def labels(self) -> Mapping[str, str]:
        """The config's labels."""
        return self.config.labels

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers from the bottom up, each with its history step where the counts agree."""
        descriptors = self.manifest.layers
        diff_ids = self.config.diff_ids
        steps = [step for step in self.config.history if not step.empty_layer]
        matched = steps if len(steps) == len(descriptors) else [None] * len(descriptors)
        return tuple(
            Layer(at, layer, diff_ids[at] if at < len(diff_ids) else None, matched[at])
            for at, layer in enumerate(descriptors)
        )


async def open_image(source: Source, name: Tag | Digest, selector: PlatformSelector | None, reference: str) -> Image:
    """Return the image that the name and the selector leave.

    Raises PlatformChoiceError when it is not exactly one, UnsupportedError for what is no image.
    """
    manifest = await source.manifest(name)
    index = manifest if isinstance(manifest, Index) else None
    if index is not None:
        chosen = resolve_platform(index, selector, reference)
        manifest = await source.manifest(chosen.digest)
    return await image_of(source, manifest, index, reference)


async def image_of(source: Source, manifest: Manifest, index: Index | None, reference: str) -> Image:
    """Return the view of a manifest that is here. Raises UnsupportedError for what is no image."""
    if not isinstance(manifest, ImageManifest):
        raise UnsupportedError("inspecting as an image", reference, f"its manifest is of kind {manifest.kind}")
    config_type = manifest.config.media_type
    if not is_config(config_type) and bare(config_type) != DOCKER_PLUGIN_CONFIG:
        what = f"it is an artifact, its config is of type {config_type or '(none)'}"
        raise UnsupportedError("inspecting as an image", reference, what)
    return Image(reference, manifest, await read_config(source, manifest, reference), index)


async def read_config(source: Source, manifest: ImageManifest, reference: str) -> ImageConfig:
    """Return the image's config, read from its descriptor's inlined data or from the source, verified either way."""
    described = manifest.config
    if described.size > CONFIG_LIMIT:
        raise InvalidManifestError(f"config of {reference}", f"it is larger than {CONFIG_LIMIT} bytes")
    raw = described.data
    if raw is None:
        async with source.open(described) as stream:
            raw = b"".join([chunk async for chunk in stream])
    what = f"config {described.digest} of {reference}"
    return parse_config(raw, described.media_type, expected=described.digest, limit=CONFIG_LIMIT, what=what)
