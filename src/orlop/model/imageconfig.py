"""Image configs and plugin configs: the raw bytes, and views on what they say.

Rule: image-spec 1.1, config.md; Docker's configs have the same fields; moby, docs/extend/config.md for plugins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import DigestMismatchError, InvalidDigestError, InvalidManifestError
from orlop.model.descriptor import text, text_list, text_map
from orlop.model.digest import Digest
from orlop.model.jsondoc import DOCUMENT_LIMIT, load_object
from orlop.model.mediatype import DOCKER_PLUGIN_CONFIG, bare
from orlop.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_LIMIT = DOCUMENT_LIMIT
"""Bytes of a config, where no other limit is given."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """How one layer came to be; an ``empty_layer`` changed the config only."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig:
    """The config of an image.

    Every field may be absent, and null is absent; one of a wrong type raises InvalidManifestError when it is
    asked for. ``document`` is shared, so it must not be changed.
    """

    __slots__ = ("digest", "document", "raw")

    def __init__(self, raw: bytes, digest: Digest, document: dict[str, object]) -> None:
        self.raw = raw
        self.digest = digest
        self.document = document

    @property
    def size(self) -> int:
        """The length of ``raw`` in bytes."""
        return len(self.raw)

    @property
    def _what(self) -> str:
        return f"config {self.digest.value[:19]}"

    @property
    def architecture(self) -> str:
        """As the config writes it; ``platform`` has it normalised."""
        return self._text("architecture")

    @property
    def os(self) -> str:
        """The operating system, as the config writes it."""
        return self._text("os")

    @property
    def variant(self) -> str:
        """The variant of the CPU, as the config writes it."""
        return self._text("variant")

    @property
    def os_version(self) -> str:
        """The version of the operating system: Windows' build."""
        return self._text("os.version")

    @property
    def platform(self) -> Platform | None:
        """The platform, or None where neither an os nor an architecture is stated."""
        platform = Platform.from_json(self.document, self._what)
        return None if platform.is_unknown else platform

    @property
    def created(self) -> str:
        """When it was made, RFC 3339, as the config writes it; or ""."""
        return self._text("created")

    @property
    def author(self) -> str:
        """Who made it, or ""."""
        return self._text("author")

    @property
    def history(self) -> list[HistoryEntry]:
        """How each layer came to be, bottom first, with the steps that made none."""
        return [self._history_entry(value) for value in self._list("history")]

    def _history_entry(self, value: object) -> HistoryEntry:
        if not isinstance(value, dict):
            raise InvalidManifestError(self._what, "an entry of its history is not an object")
        empty = value.get("empty_layer")
        if not isinstance(empty, bool | None):
            raise InvalidManifestError(self._what, "its history's empty_layer is not true or false")
        created, by, author, comment = (text(value.get(key), self._what, f"history's {key}") for key in _HISTORY_TEXTS)
        return HistoryEntry(created, by, author, comment, bool(empty))

    @property
    def diff_ids(self) -> list[Digest]:
        """The digests of the layers when they are not compressed, bottom first."""
        return self._digests(text_list(self._object("rootfs").get("diff_ids"), self._what, "rootfs.diff_ids"))

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels."""
        return text_map(self._object("config").get("Labels"), self._what, "Labels")

    @property
    def env(self) -> list[str]:
        """The environment, ``NAME=value`` each."""
        return text_list(self._object("config").get("Env"), self._what, "Env")

    @property
    def entrypoint(self) -> list[str]:
        """The program and its first arguments."""
        return text_list(self._object("config").get("Entrypoint"), self._what, "Entrypoint")

    @property
    def cmd(self) -> list[str]:
        """The arguments that a user may replace."""
        return text_list(self._object("config").get("Cmd"), self._what, "Cmd")

    @property
    def user(self) -> str:
        """The user that it runs as, or ""."""
        return text(self._object("config").get("User"), self._what, "User")

    @property
    def working_dir(self) -> str:
        """The folder that it starts in, or ""."""
        return text(self._object("config").get("WorkingDir"), self._what, "WorkingDir")

    @property
    def stop_signal(self) -> str:
        """The signal that ends it, or ""."""
        return text(self._object("config").get("StopSignal"), self._what, "StopSignal")

    @property
    def exposed_ports(self) -> list[str]:
        """The ports, ``8080/tcp``, in the document's order."""
        return self._keys("ExposedPorts")

    @property
    def volumes(self) -> list[str]:
        """The folders that are volumes, in the document's order."""
        return self._keys("Volumes")

    def _keys(self, key: str) -> list[str]:
        value = self._object("config").get(key)
        if value is not None and not isinstance(value, dict):
            raise InvalidManifestError(self._what, f"its {key} is not an object")
        return list(value or ())

    def validate(self) -> None:
        """Touch every field that this class reads. Raises InvalidManifestError for the first that is wrong."""
        for base in type(self).__mro__:
            for name, member in vars(base).items():
                if isinstance(member, property):
                    getattr(self, name)

    def _text(self, key: str) -> str:
        return text(self.document.get(key), self._what, key)

    def _object(self, key: str) -> dict[str, object]:
        value = self.document.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidManifestError(self._what, f"its {key} is not an object")
        return value

    def _list(self, key: str) -> list[object]:
        value = self.document.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidManifestError(self._what, f"its {key} is not a list")
        return value

    def _digests(self, values: list[str]) -> list[Digest]:
        try:
            return [Digest(value) for value in values]
        except InvalidDigestError as error:
            raise InvalidManifestError(self._what, str(error)) from None

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, ImageConfig) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.digest.value}, {self.size} bytes)"


_HISTORY_TEXTS = ("created", "created_by", "author", "comment")


class PluginConfig(ImageConfig):
    """The config of a Docker plugin: no platform, no history."""

    __slots__ = ()

    @property
    def description(self) -> str:
        """What it is for, or ""."""
        return self._text("description")

    @property
    def documentation(self) -> str:
        """Where to read about it, or ""."""
        return self._text("documentation")

    @property
    def entrypoint(self) -> list[str]:
        """The program and its arguments."""
        return text_list(self.document.get("entrypoint"), self._what, "entrypoint")

    @property
    def env(self) -> list[str]:
        """The variables that may be set, with their defaults, ``NAME=value`` each."""
        return [self._setting(value) for value in self._list("env")]

    def _setting(self, value: object) -> str:
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(name, str):
            raise InvalidManifestError(self._what, "an entry of its env has no name")
        return f"{name}={text(value.get('value'), self._what, 'env')}"

    @property
    def interface_types(self) -> list[str]:
        """What it plugs into: ``docker.volumedriver/1.0``."""
        return text_list(self._object("interface").get("types"), self._what, "interface.types")

    @property
    def working_dir(self) -> str:
        """The folder that it starts in, or ""."""
        return self._text("workdir")


def parse_config(
    raw: bytes,
    media_type: str = "",
    *,
    expected: Digest | None = None,
    limit: int = CONFIG_LIMIT,
    what: str = "image config",
) -> ImageConfig:
    """Return the config that the bytes are: a PluginConfig where the media type says so, else an ImageConfig.

    expected: the digest that its manifest states. limit: in bytes. what: names it in a message. Raises InvalidManifestError:
    too large, not JSON, too deep, a repeated key, not an object. Raises DigestMismatchError.
    """
    document = load_object(raw, what, limit=limit, error=InvalidManifestError)
    digest = Digest.of(raw, expected.algorithm if expected else "sha256")
    if expected is not None and digest != expected:
        raise DigestMismatchError(what, expected.value, digest.value)
    kind = PluginConfig if bare(media_type) == DOCKER_PLUGIN_CONFIG else ImageConfig
    return kind(raw, digest, document)
