"""From manifests and configs to platform images: which entries of an index count, and which one is for a platform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import OrlopError
from orlop.freshness.values import Absent, LayerRef, PlatformImage
from orlop.model.descriptor import UNKNOWN_SIZE
from orlop.model.digest import Digest
from orlop.model.manifest import ImageManifest, Index, SignedManifest
from orlop.model.mediatype import IMAGE_TYPES, INDEX_TYPES, SCHEMA1_TYPES, is_config
from orlop.model.platform import Platform, PlatformSelector, choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.freshness.asking import Desk, Steps
    from orlop.freshness.values import BaseName
    from orlop.model.descriptor import Descriptor
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.manifest import Manifest

DEPTH_LIMIT = 4
"""Levels of indexes in indexes."""
CHILDREN_LIMIT = 200
"""Most entries of an index that are looked at."""

EMPTY_LAYER = Digest("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4")
"""The gzip of an empty tar, which schema 1 lists for each step that changed no file."""

_IMAGES = frozenset((*INDEX_TYPES, *IMAGE_TYPES, *SCHEMA1_TYPES))


class Unread(NamedTuple):
    """An entry of an index that is an image and could not be read."""

    digest: Digest
    platform: Platform | None
    absent: Absent


def image_of(
    manifest: Manifest,
    config: ImageConfig | None = None,
    *,
    entry: Descriptor | None = None,
    index: Index | None = None,
    place: BaseName | None = None,
) -> PlatformImage:
    """Return what manifest, config and the index say of one platform's image.

    Raises InvalidManifestError for descriptors that cannot be right. Annotations and a config that are junk count as none.
    """
    platform = entry.platform if entry else None
    if isinstance(manifest, ImageManifest):
        layers = tuple(
            [LayerRef(layer.digest, None, layer.size, layer.media_type, layer.annotations) for layer in manifest.layers]
        )
    else:
        layers = tuple(
            LayerRef(layer.digest, None, UNKNOWN_SIZE, layer.media_type)
            for layer in (manifest.children() if isinstance(manifest, SignedManifest) else ())
            if layer.digest != EMPTY_LAYER
        )
    if isinstance(manifest, SignedManifest):
        platform = platform or _schema1_platform(manifest)
    image = PlatformImage(
        manifest.digest, platform, layers, None, manifest, entry, index, annotations_of(manifest), place
    )
    return image if config is None else with_config(image, config)


def with_config(image: PlatformImage, config: ImageConfig) -> PlatformImage:
    """Return the image with its config: diff_ids where there is one for each layer, and the platform that the index left open."""
    layers = image.layers
    diff_ids = diff_ids_of(config)
    if len(diff_ids) == len(layers):
        layers = tuple(layer._replace(diff_id=diff_id) for layer, diff_id in zip(layers, diff_ids, strict=True))
    return replace(image, config=config, layers=layers, platform=_merged(image.platform, config))


def diff_ids_of(config: ImageConfig) -> tuple[Digest, ...]:
    """Return the diff_ids; none for a config that cannot be right there."""
    try:
        return tuple(config.diff_ids)
    except OrlopError:
        return ()


def annotations_of(manifest: Manifest) -> Mapping[str, str]:
    """Return the annotations; none where they cannot be right."""
    try:
        return manifest.annotations
    except OrlopError:
        return {}


def is_image(manifest: Manifest) -> bool:
    """Whether it is an image of a platform rather than an index, an artifact or an attestation (V3).

    One whose descriptors cannot be right is taken for an image, so that it is told of rather than passed over.
    """
    if isinstance(manifest, SignedManifest):
        return True
    try:
        return (
            isinstance(manifest, ImageManifest)
            and not manifest.artifact_type
            and manifest.has_config
            and is_config(manifest.config.media_type)
        )
    except OrlopError:
        return True


def entries_of(index: Index) -> list[Descriptor]:
    """Return the entries that can be images: no attestations, artifacts, or ``unknown/unknown`` (V3).

    Raises InvalidManifestError.
    """
    made: list[Descriptor] = []
    seen: set[tuple[Digest, Platform | None]] = set()
    for entry in index.manifests:
        stated = entry.platform is not None and entry.platform.is_unknown
        if entry.is_attestation or entry.artifact_type or stated or entry.media_type not in _IMAGES:
            continue
        if (entry.digest, entry.platform) not in seen:
            seen.add((entry.digest, entry.platform))
            made.append(entry)
    return made


def images_in(
    desk: Desk, manifest: Manifest, place: BaseName | None = None, wish: PlatformSelector | None = None
) -> Steps[tuple[PlatformImage | Unread, ...]]:
    """Return every platform's image of a manifest or an index; nothing where it holds none (V3).

    wish: only those platforms that fit it best. Entries of others are not opened.
    """
    if isinstance(manifest, Index):
        found = yield from _children(desk, manifest, place, DEPTH_LIMIT, wish)
    elif is_image(manifest):
        found = ((yield from _opened(desk, manifest, None, None, place)),)
    else:
        found = ()
    if not wish:
        return found
    return tuple(found[at] for at in choose(wish, [one.platform for one in found]))


def wished(entries: Sequence[Descriptor], wish: PlatformSelector | None) -> list[Descriptor]:
    """Return the entries that may be of the platforms wished for: the best of those that state one, and all that do not."""
    if not wish:
        return list(entries)
    stated = [entry.platform if _states_platform(entry.platform) else None for entry in entries]
    best = set(choose(wish, stated))
    return [entry for at, entry in enumerate(entries) if at in best or stated[at] is None]


def _children(
    desk: Desk, index: Index, place: BaseName | None, depth: int, wish: PlatformSelector | None = None
) -> Steps[tuple[PlatformImage | Unread, ...]]:
    try:
        entries = wished(entries_of(index)[:CHILDREN_LIMIT], wish)
    except OrlopError as error:
        return (Unread(index.digest, None, Absent.of(error)),)
    made: list[PlatformImage | Unread] = []
    for entry in entries:
        manifest = yield from desk.manifest(place, entry.digest, entry)
        if isinstance(manifest, Absent):
            made.append(Unread(entry.digest, entry.platform, manifest))
        elif isinstance(manifest, Index):
            if depth > 1:
                made.extend((yield from _children(desk, manifest, place, depth - 1, wish)))
        elif is_image(manifest):
            made.append((yield from _opened(desk, manifest, entry, index, place)))
    return tuple(made)


def _opened(
    desk: Desk, manifest: Manifest, entry: Descriptor | None, index: Index | None, place: BaseName | None
) -> Steps[PlatformImage | Unread]:
    """Return the image, with its config where only that states the platform."""
    try:
        image = image_of(manifest, entry=entry, index=index, place=place)
    except OrlopError as error:
        return Unread(manifest.digest, entry.platform if entry else None, Absent.of(error))
    if _states_platform(image.platform):
        return image
    return (yield from read_config(desk, image))


def read_config(desk: Desk, image: PlatformImage) -> Steps[PlatformImage]:
    """Return the image with its config, or as it is where that cannot be had."""
    if image.config is not None or not isinstance(image.manifest, ImageManifest):
        return image
    try:
        descriptor = image.manifest.config
    except OrlopError:
        return image
    # What has a place is a base, and many are built on it.
    key = None if image.place is None else ("config", image.digests, image.platform, image.place)
    known = None if key is None else desk.shelved(key)
    if known is not None:
        return known
    config = yield from desk.config(image.place, descriptor)
    if isinstance(config, Absent):
        return image
    made = with_config(image, config)
    return made if key is None else desk.shelve(key, made)


def open_base(
    desk: Desk, base: BaseName, platform: Platform | None, digest: Digest | None = None
) -> Steps[PlatformImage | Absent]:
    """Return what a base is for a platform: by its tag, or at a digest of an index or of a platform (C8, E7).

    Absent of kind ``platform-missing`` where its index has no child for the platform.
    """
    place = base.moving
    manifest = yield from desk.manifest(place, digest)
    if isinstance(manifest, Absent):
        return manifest
    key = ("base", place, manifest.digest, platform)
    known = desk.shelved(key)
    if known is not None:
        return known
    entry: Descriptor | None = None
    index = None
    for _ in range(DEPTH_LIMIT):
        if not isinstance(manifest, Index):
            break
        index = manifest
        chosen = yield from _child(desk, index, platform, place)
        if isinstance(chosen, Absent):
            return chosen
        entry = chosen
        manifest = yield from desk.manifest(place, entry.digest, entry)
        if isinstance(manifest, Absent):
            return manifest
    if not is_image(manifest):
        return Absent("invalid", f"{base} is no image, its manifest is of kind {manifest.kind}")
    try:
        return desk.shelve(key, image_of(manifest, entry=entry, index=index, place=place))
    except OrlopError as error:
        return Absent.of(error)


def _child(desk: Desk, index: Index, platform: Platform | None, place: BaseName) -> Steps[Descriptor | Absent]:
    try:
        entries = entries_of(index)[:CHILDREN_LIMIT]
    except OrlopError as error:
        return Absent.of(error)
    wanted = selector_of(platform)
    left = choose(wanted, [entry.platform if _states_platform(entry.platform) else None for entry in entries])
    if not wanted or (wanted.os == "windows" and not wanted.os_version):
        # Windows' builds are never crossed, and without a version nobody knows which one it is.
        distinct = {entries[at].digest for at in left} if wanted else {entry.digest for entry in entries}
        if len(distinct) == 1:
            return next(entry for entry in entries if entry.digest in distinct)
        return Absent("platform-missing", "the image does not state its whole platform, and the base has several")
    if left:
        return entries[left[0]]
    # A child without a platform, or of Windows without its version, says it in its config (V3).
    open_ones = [entry for entry in entries if not _states_platform(entry.platform)]
    stated: list[Platform | None] = []
    for entry in open_ones:
        manifest = yield from desk.manifest(place, entry.digest, entry)
        if not isinstance(manifest, Absent) and is_image(manifest):
            opened = yield from _opened(desk, manifest, entry, index, place)
            stated.append(opened.platform)
        else:
            stated.append(entry.platform if isinstance(manifest, Index) else None)
    left = choose(wanted, stated)
    if left:
        return open_ones[left[0]]
    return Absent("platform-missing", f"the base has no child for {platform}; it has {_listed(entries)}")


def selector_of(platform: Platform | None) -> PlatformSelector:
    """Return the wish that a base's child has to meet. An os.version matters for Windows alone, whose build must be equal (C8)."""
    if platform is None:
        return PlatformSelector()
    if platform.os != "windows" and platform.os_version:
        platform = replace(platform, os_version="")
    return PlatformSelector.of(platform)


def fits_platform(wanted: Platform | None, there: Platform | None) -> bool:
    """Whether a base of one platform can be under an image of another; unknown ones may."""
    return wanted is None or there is None or selector_of(wanted).matches(there)


def schema1_trouble(manifest: Manifest | None) -> str:
    """Return why a schema 1 manifest cannot be compared, or "" (C9): it has no diff_ids to go by, so its list must be vouched for."""
    if not isinstance(manifest, SignedManifest):
        return ""
    try:
        layers, steps = len(manifest.fs_layers), len(manifest.history)
    except OrlopError as error:
        return str(error)
    if not manifest.signed:
        return "its manifest is schema 1 and not signed"
    return "" if layers == steps and layers else f"its schema 1 manifest is cut: {layers} layers, {steps} steps"


def _states_platform(platform: Platform | None) -> bool:
    return platform is not None and not (platform.os == "windows" and not platform.os_version)


def _merged(platform: Platform | None, config: ImageConfig) -> Platform | None:
    if _states_platform(platform):
        return platform
    try:
        stated = config.platform
    except OrlopError:
        return platform
    if platform is None or stated is None:
        return stated or platform
    return replace(platform, os_version=stated.os_version) if stated.os == platform.os else platform


def _schema1_platform(manifest: SignedManifest) -> Platform | None:
    try:
        steps = manifest.history
        about = {**manifest.document, **(steps[0] if steps else {})}
        return Platform.from_json(
            {"os": "linux", **{key: about[key] for key in ("os", "architecture") if key in about}}
        )
    except OrlopError:
        return None


def _listed(entries: Sequence[Descriptor]) -> str:
    return ", ".join(str(entry.platform) if entry.platform else "one without" for entry in entries[:20]) or "none"
