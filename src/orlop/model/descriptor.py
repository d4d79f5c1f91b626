"""Descriptors: what content is, how it is named, how large it is. Rule: image-spec 1.1, descriptor.md."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, InvalidDigestError, InvalidManifestError, SizeMismatchError
from orlop.model.annotations import ATTESTATION_MANIFEST, DOCKER_REFERENCE_TYPE
from orlop.model.digest import Digest, find_digest
from orlop.model.mediatype import CONFIG_TYPES, DOCKER_LAYER_GZIP, MANIFEST_TYPES, OCI_LAYER, OCI_LAYER_GZIP, is_sound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.model.platform import Platform

UNKNOWN_SIZE = -1
"""The size of what a document names without one: the layers of schema 1."""

SIZE_LIMIT = 2**63 - 1

_KNOWN = frozenset({"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"})
_COMMON = frozenset((*MANIFEST_TYPES, *CONFIG_TYPES, OCI_LAYER, OCI_LAYER_GZIP, DOCKER_LAYER_GZIP))
_PLAIN = frozenset({"mediaType", "digest", "size"})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content.

    data: the content itself, as the document claims; ``content()`` is checked. extra: fields that are not known here, kept as they came; under ``platform`` the object itself, where
    it says more than a Platform holds.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    platform: Platform | None = None
    urls: tuple[str, ...] = ()
    data: bytes | None = field(default=None, repr=False)
    artifact_type: str = ""
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, value: object, what: str = "descriptor") -> Descriptor:
        """Return the descriptor of a JSON object.

        what: names it in a message. Raises InvalidManifestError: a missing or wrong field, a digest that is none, a size
        below zero or over 63 bits, ``data`` that is not base64.
        """
        if not isinstance(value, dict):
            raise InvalidManifestError(what, "it is not an object")
        media_type, digits, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(media_type, str):
            raise InvalidManifestError(what, "its mediaType is missing or not a text")
        if media_type not in _COMMON and not is_sound(media_type):
            raise InvalidManifestError(what, "its mediaType is too long or not printable ASCII")
        if type(size) is not int:  # a bool is an int, and no size
            raise InvalidManifestError(what, "its size is missing or not a whole number")
        if not 0 <= size <= SIZE_LIMIT:
            raise InvalidManifestError(what, f"its size {shown_number(size)} is not between 0 and {SIZE_LIMIT}")
        if not isinstance(digits, str):
            raise InvalidManifestError(what, "its digest is missing or not a text")
        try:
            digest = Digest(digits)
        except InvalidDigestError as error:
            raise InvalidManifestError(what, str(error)) from None
        if value.keys() <= _PLAIN:
            return _plain(media_type, digest, size)
        extra = {key: kept for key, kept in value.items() if key not in _KNOWN}
        platform = None
        stated = value.get("platform")
        if stated is not None:
            from orlop.model.platform import Platform  # a manifest's descriptors state none: 1.6 ms of start-up saved

            platform = Platform.from_json(stated, what)
            if platform.to_json() != stated:
                extra["platform"] = stated
            if platform.is_unknown and not (stated.get("os") or stated.get("architecture")):
                platform = None  # what tools write that fill in every field; it states no platform
        return cls(
            media_type,
            digest,
            size,
            text_map(value.get("annotations"), what, "annotations"),
            platform,
            tuple(text_list(value.get("urls"), what, "urls")),
            _decoded(value.get("data"), what),
            text(value.get("artifactType"), what, "artifactType"),
            extra,
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON object, fields in the order of image-spec's Go types, unknown ones last."""
        made: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest.value, "size": self.size}
        if self.urls:
            made["urls"] = list(self.urls)
        if self.annotations:
            made["annotations"] = dict(self.annotations)
        if self.data is not None:
            made["data"] = binascii.b2a_base64(self.data, newline=False).decode("ascii")
        if self.platform is not None:
            made["platform"] = self.platform.to_json()
        if self.artifact_type:
            made["artifactType"] = self.artifact_type
        made.update(self.extra)
        return made

    def content(self, what: str = "data of a descriptor") -> bytes | None:
        """Return the content that the descriptor carries, or None when it carries none.

        Raises SizeMismatchError or DigestMismatchError, naming ``what``, when it is not what size and digest say.
        """
        if self.data is not None:
            if len(self.data) != self.size:
                raise SizeMismatchError(what, self.size, len(self.data))
            actual = Digest.of(self.data, self.digest.algorithm)
            if actual != self.digest:
                raise DigestMismatchError(what, self.digest.value, actual.value)
        return self.data

    @property
    def is_attestation(self) -> bool:
        """Whether it is BuildKit's note on another entry of the index, not an image."""
        return self.annotations.get(DOCKER_REFERENCE_TYPE) == ATTESTATION_MANIFEST

    def with_platform(self, platform: Platform | None) -> Descriptor:
        """Return the same descriptor with this platform."""
        extra = {key: kept for key, kept in self.extra.items() if key != "platform"}
        return replace(self, platform=platform, extra=extra)


def descriptors(values: list[object], what: str) -> list[Descriptor]:
    """Return the descriptors of a list of JSON objects; ``what`` names each with its place, ``layer {} of ...``.

    Raises as ``Descriptor.from_json``.
    """
    made = []
    for place, value in enumerate(values):
        # Most are of three fields that are as they should be, and a platform: straight through, without words for what
        # is not wrong.
        if type(value) is dict and 3 <= len(value) <= 4:
            media_type, digits, size = value.get("mediaType"), value.get("digest"), value.get("size")
            stated = value.get("platform")
            if type(media_type) is str and type(digits) is str and type(size) is int:
                if len(value) == 3 and stated is None and len(digits) <= _SHORT and media_type in _COMMON:
                    usual = _usual(media_type, digits, size) if 0 <= size <= SIZE_LIMIT else None
                    if usual is not None:
                        made.append(usual)
                        continue
                elif type(stated) is dict and len(stated) <= _FEW and all(map(_is_short, (*stated, *stated.values()))):
                    platform = _usual_platform(tuple(stated.items()))
                    digest = find_digest(digits) if media_type in _COMMON and 0 <= size <= SIZE_LIMIT else None
                    if platform is not None and digest is not None:
                        made.append(_plain(media_type, digest, size))
                        _set_platform(made[-1], platform)
                        continue
        made.append(Descriptor.from_json(value, what.format(place)))
    return made


# What is remembered comes from outside: short texts alone, and few of them, so that its memory is bounded.
_SHORT, _FEW = 160, 8


def _is_short(one: object) -> bool:
    return type(one) is str and len(one) <= _SHORT


@lru_cache(maxsize=4096)
def _usual(media_type: str, digits: str, size: int) -> Descriptor | None:
    """Return the descriptor of these fields alone, if it can be right: images of one base share most of their layers."""
    digest = find_digest(digits)
    return None if digest is None else _plain(media_type, digest, size)


@lru_cache(maxsize=256)
def _usual_platform(stated: tuple[tuple[str, str], ...]) -> Platform | None:
    """Return the platform that an object of texts states, if it says nothing else and can be right."""
    from orlop.model.platform import Platform  # as in from_json

    try:
        platform = Platform.from_json(dict(stated))
    except InvalidManifestError:
        return None
    return None if platform.is_unknown or platform.to_json() != dict(stated) else platform


def _plain(media_type: str, digest: Digest, size: int) -> Descriptor:
    """Return a descriptor of these fields alone. Most are such, and setting the slots takes half the time of ``__init__``."""
    made = object.__new__(Descriptor)
    _set_media_type(made, media_type)
    _set_digest(made, digest)
    _set_size(made, size)
    _set_annotations(made, {})
    _set_platform(made, None)
    _set_urls(made, ())
    _set_data(made, None)
    _set_artifact_type(made, "")
    _set_extra(made, {})
    return made


(
    _set_media_type,
    _set_digest,
    _set_size,
    _set_annotations,
    _set_platform,
    _set_urls,
    _set_data,
    _set_artifact_type,
    _set_extra,
) = (Descriptor.__dict__[name].__set__ for name in Descriptor.__slots__)


def text(value: object, what: str, key: str) -> str:
    """Return an optional text of a document; null is absent. Raises InvalidManifestError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidManifestError(what, f"its {key} is not a text")
    return value


def text_list(value: object, what: str, key: str) -> list[str]:
    """Return an optional list of texts; null is absent. Raises InvalidManifestError."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidManifestError(what, f"its {key} is not a list of texts")
    return value


def text_map(value: object, what: str, key: str) -> Mapping[str, str]:
    """Return an optional object of texts; null is absent. Raises InvalidManifestError."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise InvalidManifestError(what, f"its {key} is not an object of texts")
    return value


def _decoded(value: object, what: str) -> bytes | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:  # not ASCII, or binascii.Error
        pass
    raise InvalidManifestError(what, "its data is not base64")


def shown_number(value: int) -> str:
    """Return a number of a document for a message, however long it is."""
    return str(value) if abs(value) < 10**30 else "of more than 30 digits"
