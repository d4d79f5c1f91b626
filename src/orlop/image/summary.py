"""The little that a list of tags tells of each: digest, kind, and of one platform when it was made and how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import PlatformChoiceError
from orlop.image.resolve import platforms_of, resolve_platform
from orlop.image.view import read_config
from orlop.model.manifest import ImageManifest, Index
from orlop.model.mediatype import is_config

if TYPE_CHECKING:
    from orlop.content.base import Source
    from orlop.model.digest import Digest
    from orlop.model.platform import Platform, PlatformSelector
    from orlop.model.reference import Tag


@dataclass(frozen=True, slots=True)
class Summary:
    """What a name stands for. digest, kind, media_type: of what the name itself names.

    platform: of an index, the one that created and size are of; of an image, its own. created: RFC 3339, or "". size: bytes
    of the layers as they are stored, -1 where there is no such image.
    """

    digest: Digest
    kind: str
    media_type: str
    platform: Platform | None = None
    created: str = ""
    size: int = -1


async def summarise(source: Source, name: Tag | Digest, selector: PlatformSelector | None = None) -> Summary:
    """Return the summary of a name.

    selector: of an index, which platform to look at; without one, or when it does not decide, the first that fits. Raises what
    reading a manifest raises.
    """
    named = await source.manifest(name)
    manifest, platform = named, None
    if isinstance(named, Index):
        try:
            entry = resolve_platform(named, selector, str(name))
        except PlatformChoiceError:
            fitting = [e for e in platforms_of(named) if not selector or (e.platform and selector.matches(e.platform))]
            if not fitting:
                return Summary(named.digest, named.kind, named.media_type)
            entry = fitting[0]
        platform = entry.platform
        manifest = await source.manifest(entry.digest)
    if not isinstance(manifest, ImageManifest):
        return Summary(named.digest, named.kind, named.media_type, platform)
    size = sum({layer.digest: layer.size for layer in manifest.layers}.values())
    created = ""
    if not manifest.artifact_type and is_config(manifest.config.media_type):
        config = await read_config(source, manifest, str(name))
        created, platform = config.created, platform or config.platform
    return Summary(named.digest, named.kind, named.media_type, platform, created, size)
