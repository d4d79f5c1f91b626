"""Manifests: the raw bytes, which are the truth, and views on what they say.

``parse_manifest`` checks what is cheap and decides the kind: that it is one JSON object of bounded size and depth, that no
key repeats, that the digest is the expected one, and that it is not two kinds at once. Descriptors are made, and
checked, when they are first asked for; ``validate`` asks for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, InvalidDigestError, InvalidDocumentError, InvalidManifestError
from orlop.model import mediatype
from orlop.model.descriptor import UNKNOWN_SIZE, Descriptor, descriptors, shown_number, text, text_map
from orlop.model.digest import Digest
from orlop.model.jsondoc import DOCUMENT_LIMIT, load_json, load_object
from orlop.model.schema1 import signed_payload

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KINDS",
    "MANIFEST_LIMIT",
    "ArtifactManifest",
    "ImageManifest",
    "Index",
    "Manifest",
    "SignedManifest",
    "UnknownManifest",
    "load_json",
    "parse_manifest",
]

MANIFEST_LIMIT = DOCUMENT_LIMIT
"""Bytes of a manifest, where no other limit is given; registries cap them near it (distribution-spec 1.1, "Push")."""


class Manifest:
    """What all manifests have. ``document`` is shared, so it must not be changed."""

    __slots__ = ("_children", "digest", "document", "media_type", "raw")

    kind = "unknown"
    """``image``, ``index``, ``artifact``, ``schema1`` or ``unknown``."""

    def __init__(self, raw: bytes, media_type: str, digest: Digest, document: dict[str, object]) -> None:
        self.raw = raw
        self.media_type = media_type
        self.digest = digest
        self.document = document
        self._children: tuple[Descriptor, ...] | None = None

    @property
    def size(self) -> int:
        """The length of ``raw`` in bytes."""
        return len(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor that points to this manifest."""
        return Descriptor(self.media_type, self.digest, len(self.raw), artifact_type=self.artifact_type)

    def children(self) -> list[Descriptor]:
        """Return the content that belongs to it, in the document's order: config, then layers; or the entries.

        Its ``subject`` is not among them. Raises InvalidManifestError for a descriptor that cannot be right.
        """
        if self._children is None:
            self._children = tuple(self._find_children())
        return list(self._children)

    def _find_children(self) -> list[Descriptor]:
        return []

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations; empty when there are none. Raises InvalidManifestError."""
        return text_map(self.document.get("annotations"), self._what, "annotations")

    @property
    def subject(self) -> Descriptor | None:
        """The manifest that this one refers to (image-spec 1.1, manifest.md). Raises InvalidManifestError."""
        value = self.document.get("subject")
        return None if value is None else Descriptor.from_json(value, f"the subject of {self._what}")

    @property
    def artifact_type(self) -> str:
        """The field ``artifactType``, or "". Raises InvalidManifestError."""
        return text(self.document.get("artifactType"), self._what, "artifactType")

    @property
    def referrer_type(self) -> str:
        """The artifactType by which a list of referrers names it (distribution-spec 1.1, "Listing Referrers")."""
        return self.artifact_type

    def validate(self) -> None:
        """Touch every field that this class reads. Raises InvalidManifestError for the first that is wrong."""
        self.children()
        _ = self.annotations, self.subject, self.referrer_type

    @property
    def _what(self) -> str:
        return f"manifest {self.digest.value[:19]}"

    def _descriptors(self, key: str, noun: str) -> list[Descriptor]:
        values = self.document.get(key)
        if values is None:  # Go writes an empty slice as null
            return []
        if not isinstance(values, list):
            raise InvalidManifestError(self._what, f"its {key} is not a list")
        return descriptors(values, f"{noun} {{}} of {self._what}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Manifest):
            return self.raw == other.raw and self.media_type == other.media_type
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.digest, self.media_type))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.digest.value}, {self.media_type!r}, {self.size} bytes)"


class ImageManifest(Manifest):
    """An image, or an artifact in an image's form: a config and layers (image-spec 1.1, manifest.md)."""

    __slots__ = ()
    kind = "image"

    def _find_children(self) -> list[Descriptor]:
        layers = self._descriptors("layers", "layer")
        if not self.has_config:
            return layers
        return [Descriptor.from_json(self.document["config"], f"the config of {self._what}"), *layers]

    @property
    def has_config(self) -> bool:
        """Whether it has a config. The specification demands one; tools that make artifacts leave it out."""
        return self.document.get("config") is not None

    @property
    def config(self) -> Descriptor:
        """The config's descriptor. Raises InvalidManifestError, also when there is none."""
        if not self.has_config:
            raise InvalidManifestError(self._what, "it has no config")
        return self.children()[0]

    @property
    def layers(self) -> list[Descriptor]:
        """The layers, bottom first. Raises InvalidManifestError."""
        return self.children()[self.has_config :]

    @property
    def referrer_type(self) -> str:
        """Without an artifactType, the config's media type."""
        return self.artifact_type or (self.config.media_type if self.has_config else "")


class Index(Manifest):
    """An OCI index or a Docker manifest list (image-spec 1.1, image-index.md)."""

    __slots__ = ()
    kind = "index"

    def _find_children(self) -> list[Descriptor]:
        return self._descriptors("manifests", "entry")

    @property
    def manifests(self) -> list[Descriptor]:
        """The entries, in their order. Raises InvalidManifestError."""
        return self.children()


class ArtifactManifest(Manifest):
    """An artifact manifest as OCI 1.1 had it until its second release candidate, or ORAS before it: blobs, no config."""

    __slots__ = ()
    kind = "artifact"

    def _find_children(self) -> list[Descriptor]:
        return self._descriptors("blobs", "blob")

    @property
    def blobs(self) -> list[Descriptor]:
        """The blobs, in their order. Raises InvalidManifestError."""
        return self.children()


class SignedManifest(Manifest):
    """Schema 1, signed or not: layers by digest alone, top first, and a history of texts.

    ``digest`` is of the payload, and ``document`` is the payload's: what is beside it in ``raw`` is not covered by the
    digest. Rule: distribution, docs/spec/manifest-v2-1.md and json.md of libtrust.
    """

    __slots__ = ()
    kind = "schema1"

    def _find_children(self) -> list[Descriptor]:
        return [Descriptor(mediatype.DOCKER_LAYER_GZIP, digest, UNKNOWN_SIZE) for digest in reversed(self.fs_layers)]

    @property
    def fs_layers(self) -> list[Digest]:
        """The layers' digests, **top** first as the document has them, repeats kept. Raises InvalidManifestError."""
        return [self._blob_sum(item) for item in self._list("fsLayers")]

    @property
    def history(self) -> list[dict[str, object]]:
        """The parsed ``v1Compatibility`` of each layer, top first. Raises InvalidManifestError."""
        return [self._compatibility(item) for item in self._list("history")]

    @property
    def signed(self) -> bool:
        """Whether it carries signatures. They are not checked."""
        return self.media_type == mediatype.DOCKER_SCHEMA1_SIGNED

    def validate(self) -> None:
        """Touch every field that this class reads. Raises InvalidManifestError for the first that is wrong."""
        super().validate()
        _ = self.history

    def _list(self, key: str) -> list[object]:
        values = self.document.get(key)
        if values is not None and not isinstance(values, list):
            raise InvalidManifestError(self._what, f"its {key} is not a list")
        return values or []

    def _blob_sum(self, item: object) -> Digest:
        value = item.get("blobSum") if isinstance(item, dict) else None
        if not isinstance(value, str):
            raise InvalidManifestError(self._what, "an entry of its fsLayers has no blobSum")
        try:
            return Digest(value)
        except InvalidDigestError as error:
            raise InvalidManifestError(self._what, str(error)) from None

    def _compatibility(self, item: object) -> dict[str, object]:
        value = item.get("v1Compatibility") if isinstance(item, dict) else None
        if not isinstance(value, str):
            raise InvalidManifestError(self._what, "an entry of its history has no v1Compatibility")
        return load_object(value.encode(), f"history of {self._what}", error=InvalidManifestError)


class UnknownManifest(Manifest):
    """A JSON object of no kind that is known here: it can be shown and stored, and has no children."""

    __slots__ = ()


KINDS: dict[str, type[Manifest]] = {
    **dict.fromkeys(mediatype.IMAGE_TYPES, ImageManifest),
    **dict.fromkeys(mediatype.INDEX_TYPES, Index),
    **dict.fromkeys(mediatype.ARTIFACT_TYPES, ArtifactManifest),
    **dict.fromkeys(mediatype.SCHEMA1_TYPES, SignedManifest),
}
"""The class of each media type in ``mediatype.MANIFEST_TYPES``."""


def parse_manifest(
    raw: bytes,
    media_type: str = "",
    *,
    expected: Digest | None = None,
    algorithm: str = "sha256",
    limit: int = MANIFEST_LIMIT,
    what: str = "manifest",
) -> Manifest:
    """Return the manifest that the bytes are.

    media_type: what the server calls it; the document's own ``mediaType`` and its shape go before it, since servers get it wrong
    or leave it out. expected: the digest it was asked by. algorithm: of the digest where none is expected. limit: in bytes.
    what: names it in a message.

    Raises InvalidManifestError: too large, not JSON, too deep, a repeated key, not an object, of two kinds at
    once, or of another kind than it says. Raises DigestMismatchError.
    """
    document = load_json(raw, what, limit=limit, error=InvalidManifestError)
    if not isinstance(document, dict):
        raise InvalidManifestError(what, "it is JSON, but not an object")
    kind, media_type = _recognise(document, media_type, what)
    payload = raw
    if media_type == mediatype.DOCKER_SCHEMA1_SIGNED:
        payload = signed_payload(raw, document, what)
        document = _signed_document(payload, document, limit)
        if _shape(document, what) is not SignedManifest:
            raise InvalidManifestError(what, "its signed payload is not schema 1")
    digest = Digest.of(payload, expected.algorithm if expected else algorithm)
    if expected is not None and digest.value != expected.value:
        raise DigestMismatchError(what, expected.value, digest.value)
    return kind(raw, media_type, digest, document)


def _signed_document(payload: bytes, whole: dict[str, object], limit: int) -> dict[str, object]:
    """Return what was signed: another reader of the whole document might find fields that the digest does not cover.

    A document that was indented again after it was signed cuts into nonsense. No digest that anyone vouched for is of such
    a payload, so that reading the whole document instead lets nobody pass it off as another.
    """
    try:
        return load_object(payload, "the signed payload", limit=limit)
    except InvalidDocumentError:
        return whole


_TELLING = frozenset({"manifests", "config", "layers", "fsLayers", "blobs"})
_IMAGE_KEYS = {"config", "layers"}


def _recognise(document: dict[str, object], served: str, what: str) -> tuple[type[Manifest], str]:
    """Return the class of a document and its media type: its own, else the served one, else by its shape."""
    shape = _shape(document, what)
    own = document.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise InvalidManifestError(what, "its mediaType is not a text")
    if own and not mediatype.is_sound(own):
        raise InvalidManifestError(what, "its mediaType is too long or not printable ASCII")
    if own:
        stated = KINDS.get(own)
        if stated is shape or stated is None:
            return shape, own
        if stated is ArtifactManifest and shape is UnknownManifest:
            return stated, own  # an artifact may have no blobs
        raise InvalidManifestError(what, f"its mediaType is {own}, and its fields are not of that kind")
    if shape is SignedManifest:
        return shape, mediatype.DOCKER_SCHEMA1_SIGNED if "signatures" in document else mediatype.DOCKER_SCHEMA1
    served = mediatype.bare(served)
    stated = KINDS.get(served)
    foreign = stated is None and served.startswith("application/vnd.") and mediatype.is_sound(served)
    if stated is shape or foreign:
        return shape, served
    if shape is UnknownManifest:
        if stated is not None:
            raise InvalidManifestError(what, f"it is served as {served}, and its fields are not of that kind")
        return shape, served if served and mediatype.is_sound(served) else "application/json"
    return shape, _guess(shape, document)


def _guess(shape: type[Manifest], document: dict[str, object]) -> str:
    if shape is Index:
        return mediatype.OCI_INDEX  # Docker's list always has its mediaType
    if shape is ArtifactManifest:
        return mediatype.OCI_ARTIFACT_MANIFEST
    config = document.get("config")
    own = config.get("mediaType") if isinstance(config, dict) else None
    docker = isinstance(own, str) and own.startswith("application/vnd.docker.")
    return mediatype.DOCKER_MANIFEST if docker else mediatype.OCI_MANIFEST


def _shape(document: dict[str, object], what: str) -> type[Manifest]:
    """Return the class that the fields belong to. Two kinds at once are refused (CVE-2021-41190)."""
    telling = _TELLING & document.keys()
    version = document.get("schemaVersion", 2)
    if type(version) is not int:
        raise InvalidManifestError(what, "its schemaVersion is not a whole number")
    if not telling:
        return UnknownManifest
    if telling <= _IMAGE_KEYS:
        config = document.get("config")
        if "layers" not in telling and not (isinstance(config, dict) and "digest" in config):
            return UnknownManifest  # an image config, perhaps: its field of that name is something else
        if config is not None and not isinstance(config, dict):
            raise InvalidManifestError(what, "its config is not an object")
        _check_list(document, "layers", what)
        shape: type[Manifest] = ImageManifest
    elif len(telling) > 1:
        raise InvalidManifestError(what, f"its fields are of two kinds at once: {', '.join(sorted(telling))}")
    else:
        (key,) = telling
        _check_list(document, key, what)
        shape = _BY_KEY[key]
    due = 1 if shape is SignedManifest else 2
    if version != due:
        raise InvalidManifestError(what, f"its schemaVersion is {shown_number(version)}, where {due} was due")
    return shape


_BY_KEY = {"manifests": Index, "fsLayers": SignedManifest, "blobs": ArtifactManifest}


def _check_list(document: dict[str, object], key: str, what: str) -> None:
    value = document.get(key)
    if value is not None and not isinstance(value, list):
        raise InvalidManifestError(what, f"its {key} is not a list")
