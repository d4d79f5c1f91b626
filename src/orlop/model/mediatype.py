"""Media types of registries, and what each of them says about its content."""

from __future__ import annotations

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_ARTIFACT_MANIFEST = "application/vnd.oci.artifact.manifest.v1+json"
ORAS_ARTIFACT_MANIFEST = "application/vnd.cncf.oras.artifact.manifest.v1+json"
OCI_LAYOUT_HEADER = "application/vnd.oci.layout.header.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
OCI_FOREIGN_LAYER_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
OCI_FOREIGN_LAYER_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_PLUGIN_CONFIG = "application/vnd.docker.plugin.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER_FOREIGN_LAYER_PLAIN = "application/vnd.docker.image.rootfs.foreign.diff.tar"

INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
IMAGE_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
ARTIFACT_TYPES = (OCI_ARTIFACT_MANIFEST, ORAS_ARTIFACT_MANIFEST)
SCHEMA1_TYPES = (DOCKER_SCHEMA1_SIGNED, DOCKER_SCHEMA1)
CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)

MANIFEST_TYPES = (*INDEX_TYPES, *IMAGE_TYPES, *ARTIFACT_TYPES, *SCHEMA1_TYPES)
"""Every type that is fetched from /manifests/, the preferred first."""

# Schema 1 last and with a lower weight: a registry that can answer with more should.
ACCEPT = ", ".join((*INDEX_TYPES, *IMAGE_TYPES, *ARTIFACT_TYPES, *(f"{name};q=0.5" for name in SCHEMA1_TYPES)))
"""The value of an Accept header that takes a manifest of any known type."""

_MANIFESTS = frozenset(MANIFEST_TYPES)
_LAYER_PREFIXES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_FOREIGN_PREFIXES = (OCI_FOREIGN_LAYER, DOCKER_FOREIGN_LAYER_PLAIN)


def bare(media_type: str) -> str:
    """Return the type without its parameters, in lower case: ``Text/Plain; charset=x`` gives ``text/plain``."""
    return media_type.partition(";")[0].strip().lower()


def is_sound(media_type: str) -> bool:
    """Whether it can stand in a header and on a terminal: printable ASCII of at most 255 characters (RFC 6838, 4.2)."""
    return len(media_type) <= 255 and media_type.isascii() and media_type.isprintable()


def is_manifest(media_type: str) -> bool:
    """Whether content of this type is fetched from /manifests/ rather than /blobs/."""
    return media_type in _MANIFESTS


def is_index(media_type: str) -> bool:
    """Whether it is an OCI index or a Docker manifest list."""
    return media_type in INDEX_TYPES


def is_layer(media_type: str) -> bool:
    """Whether it is a layer of an image's file system, compressed or not."""
    return media_type.startswith(_LAYER_PREFIXES)


def is_foreign(media_type: str) -> bool:
    """Whether it is a layer that is fetched from its ``urls`` and is not pushed."""
    return media_type.startswith(_FOREIGN_PREFIXES)


def is_config(media_type: str) -> bool:
    """Whether it is an image config, of which platform and history can be read."""
    return media_type in CONFIG_TYPES


def compression(media_type: str) -> str | None:
    """Return ``gzip``, ``zstd``, "" for a plain tar, or None when the type does not say.

    The suffixes of RFC 6839 and Docker's ``.tar.gzip`` count for any vendor's type.
    """
    if media_type.endswith(("+gzip", ".tar.gzip", ".tar.gz")):
        return "gzip"
    if media_type.endswith(("+zstd", ".tar.zstd")):
        return "zstd"
    return "" if media_type.endswith((".tar", "+tar", "/x-tar")) else None
