"""What ``docker save`` writes, and others after it: images as ``manifest.json`` lists them.

The old form has a folder a layer, the new one (Docker 25, BuildKit) is an OCI layout as well. Where the layout holds the
manifest of an image, that is the image's manifest. Else none exists, and one is **made here**, as Docker 25 would have
made it: the config keeps its digest, plain layers have their diff_id's, packed ones are hashed; ``seen`` then says
``manifest: made here``. The same archive gives the same digest each time.
Rule: moby, image/spec/v1.2.md; skopeo and go-containerregistry for what else is found in the wild.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.content.archive import TarFiles
from orlop.content.base import Resolved
from orlop.content.layout import Layout
from orlop.content.layoutindex import INDEX_LIMIT, blob_path
from orlop.content.local import CHUNK, LocalSource
from orlop.content.names import Entry, only, tagged, wanted
from orlop.content.reader import HeldReader
from orlop.content.spool import SPOOL_LIMIT, sniffed
from orlop.errors import (
    BlobNotFoundError,
    IntegrityError,
    InvalidDocumentError,
    InvalidManifestError,
    NotFoundError,
    OrlopError,
    UnsupportedError,
)
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest, Hasher
from orlop.model.imageconfig import parse_config
from orlop.model.jsondoc import load_json
from orlop.model.manifest import ImageManifest
from orlop.model.mediatype import OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orlop.content.reader import Reader
    from orlop.model.reference import Tag
    from orlop.runtime import Runtime

CONFIG_LIMIT = 16 * 1024 * 1024
"""Most bytes of an image config in an archive."""
_LAYERS = {"": OCI_LAYER, "gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD}

_MADE_HERE = {"manifest": "made here"}


class _Image(NamedTuple):
    """One line of manifest.json: paths in the archive, and where layers that are not in it come from."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]
    sources: dict[str, Any]

    @property
    def key(self) -> Descriptor:
        """What tells it from another image before its manifest is known."""
        raw = json.dumps([self.config, self.layers]).encode()
        return Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw))


class DockerArchive(LocalSource):
    """The images of an archive, read-only. Layers are hashed when an image needs it, not before.

    Names are ``RepoTags`` as they are written; where there are none, those of the layout's index.
    """

    def __init__(self, name: str, files: TarFiles, runtime: Runtime, manifest_limit: int) -> None:
        super().__init__(name, runtime, manifest_limit)
        self._files = files
        self._lock = threading.RLock()
        self._layout = Layout(name, files, runtime, manifest_limit) if files.index.find("index.json") else None
        self._images = self._listed()
        self._found: dict[int, Descriptor] = {}
        self._packed: dict[Digest, list[ImageManifest]] | None = None
        self._held: dict[Digest, bytes] = {}
        self._paths: dict[Digest, str] = {}
        self._hashes: dict[str, Digest] = {}

    def close(self) -> None:
        """See LocalSource."""
        self._files.close()

    # --- what manifest.json lists --------------------------------------------------------------

    def _listed(self) -> list[_Image]:
        what = f"manifest.json of {self._name}"
        raw = self._files.read("manifest.json", INDEX_LIMIT, what)
        listed = load_json(raw or b"null", what, limit=INDEX_LIMIT)
        if not isinstance(listed, list):
            raise InvalidDocumentError(what, "it is not a list of images")
        return [_image(value, f"image {number} of {what}") for number, value in enumerate(listed)]

    def _named(self) -> Sequence[Entry]:
        return [Entry(one.key, self._names_of(n), n) for n, one in enumerate(self._images)]

    def _names_of(self, number: int) -> tuple[str, ...]:
        names = self._images[number].names
        if names or self._layout is None or not any(entry.names for entry in self._layout.listed()):
            return names
        with self._lock:
            try:
                digest = self._manifest_of(number).digest
            except (IntegrityError, NotFoundError):
                return ()
        return next((one.names for one in self._layout.listed() if one.descriptor.digest == digest), ())

    def _settle(self, name: str) -> Digest:
        return self._manifest_of(wanted(self._named(), name, self._name).number).digest

    def _entry(self, name: Tag | Digest) -> Entry:
        if isinstance(name, Digest):
            found = [entry for entry in self._sound() if entry.descriptor.digest == name]
            return only(found, str(name), self._name)
        number = tagged(self._named(), name, self._name).number
        return Entry(self._manifest_of(number), self._images[number].names, number)

    def listed(self) -> Sequence[Entry]:
        """See LocalSource. Every image has to be sound for it; ``names`` asks for less."""
        numbers = range(len(self._images))
        return [Entry(self._manifest_of(n), self._names_of(n), n) for n in numbers]

    def _sound(self) -> Iterator[Entry]:
        """Yield the entries of the images that can be read."""
        for number in range(len(self._images)):
            try:
                yield Entry(self._manifest_of(number), self._images[number].names, number)
            except (IntegrityError, NotFoundError):
                continue

    def _roots(self) -> Sequence[Entry]:
        return [*self._sound(), *(self._layout.listed() if self._layout is not None else ())]

    def _resolve(self, name: Tag | Digest) -> Resolved:
        found = super()._resolve(name)
        if found.descriptor.digest in self._held:
            return Resolved(found.descriptor, {**found.seen, **_MADE_HERE})
        return found

    # --- manifests -----------------------------------------------------------------------------

    def _manifest_of(self, number: int) -> Descriptor:
        """Return the descriptor of an image's manifest, which is made where there is none."""
        with self._lock:
            known = self._found.get(number)
            if known is None:
                known = self._found[number] = self._look(self._images[number])
            return known

    def _look(self, image: _Image) -> Descriptor:
        what = f"config of {self._name}"
        raw = self._files.read(image.config, CONFIG_LIMIT, what)
        if raw is None:
            raise self._missing(image.config)
        config = parse_config(raw, limit=CONFIG_LIMIT, what=what)
        self._paths[config.digest] = image.config
        stored = self._stored(config.digest, image)
        if stored is not None:
            return Descriptor(stored.media_type, stored.digest, len(stored.raw))
        diff_ids = config.diff_ids if len(config.diff_ids) == len(image.layers) else ()
        layers = [
            self._layer(path, diff_ids[at] if diff_ids else None, image.sources) for at, path in enumerate(image.layers)
        ]
        made = _encoded(Descriptor(OCI_CONFIG, config.digest, len(raw)), layers)
        digest = Digest.of(made)
        self._held[digest] = made
        return Descriptor(OCI_MANIFEST, digest, len(made))

    def _stored(self, config: Digest, image: _Image) -> ImageManifest | None:
        """Return the layout's own manifest of an image."""
        if self._layout is None:
            return None
        if self._packed is None:
            self._packed = {}
            for manifest in self._layout.walk(self._layout.listed()):
                if isinstance(manifest, ImageManifest) and manifest.has_config:
                    self._packed.setdefault(manifest.config.digest, []).append(manifest)
        for manifest in self._packed.get(config, ()):
            paths = [blob_path(layer.digest) for layer in manifest.layers]
            if len(paths) == len(image.layers) and all(
                _plain(path) == stored or not _plain(path).startswith("blobs/")
                for path, stored in zip(image.layers, paths, strict=True)
            ):
                return manifest
        return None

    def _layer(self, path: str, diff_id: Digest | None, sources: dict[str, Any]) -> Descriptor:
        reader = self._files.open(path)
        if reader is None:
            source = sources.get(diff_id.value) if diff_id is not None else None
            if source is None:
                raise self._missing(path)
            return Descriptor.from_json(source, f"a layer of {self._name}")
        kind = sniffed(reader.read(0, 6))
        if kind not in _LAYERS:
            raise UnsupportedError("reading a layer", self._name, f"{path} is compressed with {kind}")
        digest = diff_id if diff_id is not None and not kind else self._hashes.get(path)
        if digest is None:
            digest = self._hashes[path] = _hashed(reader)
        self._paths.setdefault(digest, path)
        return Descriptor(_LAYERS[kind], digest, reader.size)

    def _missing(self, path: str) -> IntegrityError:
        if not self._files.index.whole:
            return self._files.lacks(path, "whole archive")
        return InvalidManifestError(
            self._name, f"its manifest.json names {path[:200]!r}, and that is not in the archive"
        )

    # --- blobs ---------------------------------------------------------------------------------

    def _blob(self, digest: Digest) -> Reader:
        with self._lock:
            reader = self._files.open(blob_path(digest)) or self._known(digest)
            if reader is None:
                for _ in self._sound():  # now every layer's digest is known
                    pass
                reader = self._known(digest)
        if reader is None:
            raise BlobNotFoundError(str(digest), self._name)
        return reader

    def _known(self, digest: Digest) -> Reader | None:
        if digest in self._held:
            return HeldReader(self._held[digest])
        path = self._paths.get(digest)
        return None if path is None else self._files.open(path)


def _image(value: object, what: str) -> _Image:
    if not isinstance(value, dict):
        raise InvalidDocumentError(what, "it is not an object")
    fields = {str(key).lower(): kept for key, kept in value.items()}  # Go takes either case, and Jib writes the other
    config, sources = fields.get("config"), fields.get("layersources") or {}
    if not isinstance(config, str) or not config:
        raise InvalidDocumentError(what, "its Config names no file")
    if not isinstance(sources, dict):
        raise InvalidDocumentError(what, "its LayerSources is not an object")
    texts = []
    for key in ("layers", "repotags"):
        listed = fields.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            raise InvalidDocumentError(what, f"its {key} is not a list of texts")
        texts.append(tuple(listed))
    return _Image(config, texts[0], texts[1], sources)


def _plain(path: str) -> str:
    return path.removeprefix("./").removeprefix("/")


def _hashed(reader: Reader) -> Digest:
    hasher, at = Hasher(), 0
    while piece := reader.read(at, CHUNK):
        hasher.update(piece)
        at += len(piece)
    return hasher.digest()


def _encoded(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """Return a manifest, byte for byte as Docker 25 and later write it for the same image."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def open_docker_archive(
    archive: str | Reader, runtime: Runtime, manifest_limit: int, name: str = "", limit: int = SPOOL_LIMIT
) -> DockerArchive:
    """Return the images of an archive. Blocks; raises as ``TarFiles``, InvalidDocumentError for another archive.

    archive: its path, or a reader of it, which then needs a name.
    """
    path = archive if isinstance(archive, str) else ""
    name = name or f"docker-archive:{path}"
    files = TarFiles(archive, name, limit)
    try:
        if files.index.find("manifest.json") is None:
            raise _other_archive(files, path)  # noqa: TRY301
        return DockerArchive(name, files, runtime, manifest_limit)
    except BaseException:
        files.close()
        raise


def _other_archive(files: TarFiles, path: str) -> OrlopError:
    find = files.index.find
    if find("repositories") is not None and files.index.whole:
        return UnsupportedError("reading", files.index.what, "Docker before 1.10 wrote it, which knew no image configs")
    hint = f"oci-archive:{path} reads it" if path and find("index.json") is not None else ""
    return files.lacks("manifest.json", "docker archive", hint)
