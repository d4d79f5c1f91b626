"""Attachments as cosign, BuildKit, notation and ORAS write them, made by code."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orlop.model.annotations import DOCKER_REFERENCE_DIGEST, DOCKER_REFERENCE_TYPE
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.mediatype import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from orlop.model.platform import Platform
from orlop.testing.builders import Blob, Built, index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
SPDX_TYPE = "https://spdx.dev/Document"
SLSA_1 = "https://slsa.dev/provenance/v1"

SPDX = {
    "spdxVersion": "SPDX-2.3",
    "name": "demo",
    "packages": [{"name": "a"}, {"name": "b"}],
    "files": [],
    "creationInfo": {"created": "2024-01-01T00:00:00Z", "creators": ["Tool: t-1"]},
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"name": "demo", "version": "1"}, "timestamp": "2024-01-01T00:00:00Z"},
    "components": [{"name": "a", "components": [{"name": "inner"}]}, {"name": "b"}],
}
PROVENANCE = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "repository": "https://github.com/o/n",
                "ref": "refs/tags/v1",
                "path": ".github/workflows/r.yml",
            }
        },
        "resolvedDependencies": [
            {"uri": "git+https://github.com/o/n@refs/tags/v1", "digest": {"gitCommit": "c0ffee"}},
            {"uri": "pkg:docker/debian@12", "digest": {"sha256": "ab" * 32}},
        ],
    },
    "runDetails": {
        "builder": {"id": "https://github.com/actions/runner"},
        "metadata": {"startedOn": "2024-01-01T00:00:00Z"},
    },
}


def encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def statement(subject: Digest, predicate: object, predicate_type: str) -> bytes:
    return encode(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": predicate_type,
            "subject": [{"name": "x", "digest": {"sha256": subject.hex}}],
            "predicate": predicate,
        }
    )


def dsse(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    signatures = [{"keyid": "k1", "sig": b64(b"not a signature")}]
    return encode({"payloadType": payload_type, "payload": b64(payload), "signatures": signatures})


def bundle(envelope: bytes | None = None, *, message: Digest | None = None) -> bytes:
    document: dict[str, Any] = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": "the-key"},
            "tlogEntries": [{"logIndex": "17", "integratedTime": "1704067200"}],
        },
    }
    if envelope is not None:
        document["dsseEnvelope"] = json.loads(envelope)
    if message is not None:
        digest = {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(message.hex))}
        document["messageSignature"] = {"messageDigest": digest, "signature": b64(b"not a signature")}
    return encode(document)


def simple_signing(subject: Digest, reference: str = "ghcr.io/o/n") -> bytes:
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": subject.value},
        "type": "cosign container image signature",
    }
    return encode({"critical": critical, "optional": {"creator": "me"}})


def carrier(
    payloads: Sequence[tuple[bytes, str, Mapping[str, str]]],
    *,
    config: bytes = b'{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
    config_type: str = OCI_CONFIG,
    artifact_type: str = "",
    subject: Built | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Built:
    """A manifest that carries these payloads: (bytes, media type, annotations of its descriptor)."""
    blobs = [Blob(Descriptor(kind, Digest.of(data), len(data), dict(notes)), data) for data, kind, notes in payloads]
    blob = Blob(Descriptor(config_type, Digest.of(config), len(config)), config)
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    if artifact_type:
        document["artifactType"] = artifact_type
    document |= {"config": blob.descriptor.to_json(), "layers": [one.descriptor.to_json() for one in blobs]}
    if subject is not None:
        whom = subject.descriptor
        document["subject"] = {"mediaType": whom.media_type, "digest": whom.digest.value, "size": whom.size}
    if annotations:
        document["annotations"] = dict(annotations)
    raw = encode(document)
    descriptor = Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw), artifact_type=artifact_type)
    return Built(raw, descriptor, (blob, *blobs))


def cosign_signature(subject: Digest, notes: Mapping[str, str] | None = None) -> Built:
    signed = {"dev.cosignproject.cosign/signature": b64(b"not a signature"), **(notes or {})}
    return carrier([(simple_signing(subject), SIMPLE_SIGNING, signed)])


def cosign_tag(subject: Digest, suffix: str) -> str:
    return f"sha256-{subject.hex}{suffix}"


def attestation(subject: Built, statements: Sequence[tuple[bytes, str]]) -> Built:
    """BuildKit's: statements without an envelope, and the entry that an index has of it."""
    payloads = [(raw, IN_TOTO, {"in-toto.io/predicate-type": kind}) for raw, kind in statements]
    made = carrier(payloads)
    notes = {DOCKER_REFERENCE_DIGEST: subject.digest.value, DOCKER_REFERENCE_TYPE: "attestation-manifest"}
    entry = replace(made.descriptor, annotations=notes, platform=Platform("unknown", "unknown"))
    return replace(made, descriptor=entry)


def attested_index(children: Sequence[Built]) -> Built:
    """An index whose entries keep their annotations."""
    made = index(children)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [child.descriptor.to_json() for child in children],
    }
    raw = encode(document)
    return replace(made, raw=raw, descriptor=replace(made.descriptor, digest=Digest.of(raw), size=len(raw)))


def empty_index(entries: Sequence[Built]) -> bytes:
    """What a fallback tag names."""
    entries_json = [entry.descriptor.to_json() for entry in entries]
    return encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries_json})
