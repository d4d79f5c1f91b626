"""Well-known annotation keys.

Source: image-spec 1.1, annotations.md; BuildKit, docs/attestations; containerd, images/annotations.go.
"""

from __future__ import annotations

CREATED = "org.opencontainers.image.created"
AUTHORS = "org.opencontainers.image.authors"
URL = "org.opencontainers.image.url"
DOCUMENTATION = "org.opencontainers.image.documentation"
SOURCE = "org.opencontainers.image.source"
VERSION = "org.opencontainers.image.version"
REVISION = "org.opencontainers.image.revision"
VENDOR = "org.opencontainers.image.vendor"
LICENSES = "org.opencontainers.image.licenses"
REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
DESCRIPTION = "org.opencontainers.image.description"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"

DOCKER_REFERENCE_TYPE = "vnd.docker.reference.type"
"""On an index entry of BuildKit; its value is ATTESTATION_MANIFEST."""
DOCKER_REFERENCE_DIGEST = "vnd.docker.reference.digest"
"""The digest of the image that an attestation is about."""
ATTESTATION_MANIFEST = "attestation-manifest"
IN_TOTO_PREDICATE = "in-toto.io/predicate-type"

CONTAINERD_IMAGE_NAME = "io.containerd.image.name"
"""In the index of a layout: the whole name, where REF_NAME holds the tag alone."""
ORAS_UNPACK = "io.deis.oras.content.unpack"
ORAS_CONTENT_DIGEST = "io.deis.oras.content.digest"
ESTARGZ_TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
ZSTD_CHUNKED_MANIFEST_CHECKSUM = "io.github.containers.zstd-chunked.manifest-checksum"
ZSTD_CHUNKED_MANIFEST_POSITION = "io.github.containers.zstd-chunked.manifest-position"
COSIGN_SIGNATURE = "dev.cosignproject.cosign/signature"
