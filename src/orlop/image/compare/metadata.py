"""What differs between all that is said of two images: indexes, manifests, configs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.image.compare.config import FieldsOfPlatform, config_fields
from orlop.image.compare.fields import FieldChange, Fields, compare_fields, keyed, put, spread, spread_map
from orlop.image.compare.semantic import NOTHING, Ignore
from orlop.model.annotations import CREATED, REF_NAME

if TYPE_CHECKING:
    from orlop.image.compare.sides import Pair, Sides
    from orlop.image.view import Image
    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Index

_IMAGE_NAMES = frozenset({REF_NAME, "io.containerd.image.name"})


@dataclass(frozen=True, slots=True)
class MetadataComparison:
    """What is said of two images. index: of the two indexes themselves. platforms: of each platform's manifest and config.

    The fields of an index are ``index.…``, those of a manifest ``manifest.…``, those of a config ``image.…``.
    """

    base: str
    target: str
    index: tuple[FieldChange, ...]
    platforms: tuple[FieldsOfPlatform, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs and no platform is missing."""
        return not self.index and all(one.equal for one in self.platforms)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "base": self.base,
            "target": self.target,
            "equal": self.equal,
            "index": [change.to_json() for change in self.index],
            "platforms": [one.to_json() for one in self.platforms],
        }


def compare_metadata(sides: Sides, ignore: Ignore = NOTHING) -> MetadataComparison:
    """Return what differs; no layer is read."""
    index = compare_fields(_index_fields(sides.base_index, ignore), _index_fields(sides.target_index, ignore))
    return MetadataComparison(
        sides.base, sides.target, index, tuple(_compare_pair(pair, ignore) for pair in sides.pairs)
    )


def _compare_pair(pair: Pair, ignore: Ignore) -> FieldsOfPlatform:
    changes: tuple[FieldChange, ...] = ()
    if pair.base is not None and pair.target is not None:
        left = image_fields(pair.base, ignore)
        right = image_fields(pair.target, ignore)
        changes = compare_fields(left, right)
    return FieldsOfPlatform(pair.platform, pair.base_digest, pair.target_digest, changes)


def image_fields(image: Image, ignore: Ignore = NOTHING) -> Fields:
    """Return what the manifest and the config say, as fields.

    With differences ignored that change a config or a layer, digests and sizes tell nothing and are left out.
    """
    fields: Fields = {}
    manifest = image.manifest
    put(fields, "manifest.mediaType", manifest.media_type)
    if not ignore.documents_may_differ:
        fields["manifest.digest"] = manifest.digest.value
        fields["manifest.size"] = manifest.size
    for key, value in manifest.document.items():
        if key == "annotations":
            _annotations(fields, "manifest.annotations", value, ignore)
        elif key == "layers":
            for at, layer in enumerate(manifest.layers):
                _descriptor(fields, f"manifest.layers[{at}]", layer, ignore)
        elif key == "config":
            _descriptor(fields, "manifest.config", manifest.config, ignore)
        elif key == "subject":
            if manifest.subject is not None:
                _descriptor(fields, "manifest.subject", manifest.subject, ignore)
        elif key != "mediaType":
            spread(fields, f"manifest.{key}", value)
    fields.update({f"image.{name}": value for name, value in config_fields(image.config, ignore).items()})
    if not ignore.documents_may_differ:
        fields["manifest.layersSize"] = image.size
    return fields


def _index_fields(index: Index | None, ignore: Ignore) -> Fields:
    fields: Fields = {}
    if index is None:
        return fields
    put(fields, "index.mediaType", index.media_type)
    if not ignore.documents_may_differ:
        fields["index.digest"] = index.digest.value
    seen: dict[str, int] = {}
    for entry in index.manifests:
        platform = str(entry.platform) if entry.platform is not None else ""
        count = seen[platform] = seen.get(platform, 0) + 1
        where = keyed("index.manifests", f"{platform}#{count}" if count > 1 else platform)
        _descriptor(fields, where, entry, ignore)
    for key, value in index.document.items():
        if key == "annotations":
            _annotations(fields, "index.annotations", value, ignore)
        elif key not in {"manifests", "mediaType"}:
            spread(fields, f"index.{key}", value)
    return fields


def _descriptor(fields: Fields, where: str, described: Descriptor, ignore: Ignore) -> None:
    for key, value in described.to_json().items():
        if key == "annotations":
            _annotations(fields, f"{where}.annotations", value, ignore)
        elif not (ignore.documents_may_differ and key in {"digest", "size", "data"}):
            spread(fields, f"{where}.{key}", value)


def _annotations(fields: Fields, where: str, value: object, ignore: Ignore) -> None:
    if isinstance(value, dict):
        value = {key: inner for key, inner in value.items() if not _passed_over(key, ignore)}
    spread_map(fields, where, value)


def _passed_over(key: str, ignore: Ignore) -> bool:
    return (ignore.image_timestamps and key == CREATED) or (ignore.image_name and key in _IMAGE_NAMES)
