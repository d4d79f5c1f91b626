"""What payloads say: envelopes, statements, SBOMs, signatures; and what cannot be right."""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.unit.image import attaching as made

from orlop.errors import InvalidDocumentError
from orlop.image import attachments_x509 as x509
from orlop.image.attachments_decode import decode, guess
from orlop.image.attachments_summary import SHOWN_LIMIT
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.image.attachments import Decoded

VECTORS = os.environ.get("ORLOP_VECTORS", "")
real = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")
SUBJECT = Digest.of(b"the image")


def said(raw: bytes, media_type: str = "application/json", notes: Mapping[str, str] | None = None) -> Decoded:
    return decode(raw, Descriptor(media_type, Digest.of(raw), len(raw), notes or {}))


def vector(name: str) -> bytes:
    return Path(VECTORS, "signatures", name).read_bytes()


# --- statements and envelopes ------------------------------------------------------------------


def test_a_statement_tells_its_predicate_and_what_it_is_about() -> None:
    found = said(made.statement(SUBJECT, {"result": "ok", "deep": {}}, "https://example.com/v1"), made.IN_TOTO)
    assert (found.kind, found.format, found.envelope) == ("attestation", "in-toto", "")
    assert (found.predicate_type, found.about) == ("https://example.com/v1", (SUBJECT.value,))
    assert found.summary == {"result": "ok"}


def test_a_dsse_envelope_is_opened_and_its_bytes_are_kept() -> None:
    inner = made.statement(SUBJECT, made.SPDX, made.SPDX_TYPE)
    found = said(made.dsse(inner), made.DSSE)
    assert (found.kind, found.format, found.envelope, found.inner) == ("sbom", "in-toto", "dsse", inner)
    assert [one.key_id for one in found.signatures] == ["k1"]
    assert found.summary["packages"] == 2


def test_a_dsse_payload_may_be_base64url_without_padding() -> None:
    inner = made.statement(SUBJECT, {"a": "\u00ff\u00fe?>"}, "x")
    envelope = json.loads(made.dsse(inner))
    envelope["payload"] = base64.urlsafe_b64encode(inner).decode().rstrip("=")
    assert said(made.encode(envelope)).inner == inner


def test_a_bundle_with_a_statement_is_what_the_statement_is() -> None:
    found = said(made.bundle(made.dsse(made.statement(SUBJECT, made.PROVENANCE, made.SLSA_1))))
    assert (found.kind, found.envelope, found.predicate_type) == ("provenance", "sigstore-bundle", made.SLSA_1)
    signature = found.signatures[0]
    assert (signature.log_index, signature.signed_at) == ("17", "2024-01-01T00:00:00Z")


def test_a_bundle_of_a_message_is_a_signature_of_its_digest() -> None:
    found = said(made.bundle(message=SUBJECT))
    assert (found.kind, found.format, found.about) == ("signature", "sigstore-signature", (SUBJECT.value,))
    assert found.signatures[0].key_id == "the-key"


def test_cosigns_newest_signatures_are_statements_and_signatures_all_the_same() -> None:
    found = said(made.bundle(made.dsse(made.statement(SUBJECT, {}, "https://sigstore.dev/cosign/sign/v1"))))
    assert found.kind == "signature"


def test_a_simple_signing_payload_tells_what_it_signs() -> None:
    notes = {"dev.cosignproject.cosign/signature": "c2ln"}
    found = said(made.simple_signing(SUBJECT), made.SIMPLE_SIGNING, notes)
    assert (found.kind, found.format, found.about) == ("signature", "simple-signing", (SUBJECT.value,))
    assert found.summary == {"reference": "ghcr.io/o/n", "creator": "me"}
    assert found.signatures[0].value == "c2ln"


def test_envelopes_in_envelopes_are_opened_a_few_deep_only() -> None:
    raw = b"{}"
    for _ in range(20):
        raw = made.dsse(raw)
    assert said(raw).format == "json"


# --- provenance --------------------------------------------------------------------------------


def test_provenance_1_is_summed_up() -> None:
    found = said(made.statement(SUBJECT, made.PROVENANCE, made.SLSA_1))
    materials = found.summary.pop("materials")  # type: ignore[attr-defined]
    assert found.summary == {
        "builder": "https://github.com/actions/runner",
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "source": "https://github.com/o/n",
        "revision": "c0ffee",
        "ref": "refs/tags/v1",
        "entryPoint": ".github/workflows/r.yml",
        "started": "2024-01-01T00:00:00Z",
        "materialCount": 2,
    }
    assert materials[1] == {"uri": "pkg:docker/debian@12", "digest": {"sha256": "ab" * 32}}


def test_provenance_of_buildkit_tells_the_source_it_was_given() -> None:
    vcs = {"source": "https://github.com/o/n", "revision": "c0ffee"}
    predicate = {
        "builder": {"id": "me"},
        "invocation": {"configSource": {"entryPoint": "Dockerfile"}},
        "materials": [],
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": vcs}},
    }
    found = said(made.statement(SUBJECT, predicate, "https://slsa.dev/provenance/v0.2"))
    assert found.summary == {
        "builder": "me",
        "source": "https://github.com/o/n",
        "revision": "c0ffee",
        "entryPoint": "Dockerfile",
    }


def test_a_summary_holds_many_materials_and_counts_all() -> None:
    predicate = {"materials": [{"uri": str(n)} for n in range(SHOWN_LIMIT + 5)]}
    found = said(made.statement(SUBJECT, predicate, "https://slsa.dev/provenance/v0.2"))
    assert found.summary["materialCount"] == SHOWN_LIMIT + 5
    assert len(found.summary["materials"]) == SHOWN_LIMIT  # type: ignore[arg-type]


# --- SBOMs -------------------------------------------------------------------------------------


def test_an_spdx_document_counts_its_packages() -> None:
    found = said(made.encode(made.SPDX), "application/spdx+json")
    assert (found.kind, found.format) == ("sbom", "spdx")
    assert (found.summary["name"], found.summary["packages"], found.summary["version"]) == ("demo", 2, "SPDX-2.3")


def test_spdx_3_counts_the_packages_of_its_graph() -> None:
    graph = [{"type": "SpdxDocument", "name": "d"}, {"type": "software_Package"}, {"type": "software_Package"}]
    found = said(made.encode({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}))
    assert (found.format, found.summary["name"], found.summary["packages"]) == ("spdx", "d", 2)


def test_spdx_as_tags_and_values_counts_its_packages() -> None:
    text = b"SPDXVersion: SPDX-2.3\nDocumentName: d\n\nPackageName: a\nPackageName: b\n"
    found = said(text, "text/spdx")
    assert (found.kind, found.summary) == ("sbom", {"version": "SPDX-2.3", "name": "d", "packages": 2})


def test_cyclonedx_counts_components_inside_components() -> None:
    found = said(made.encode(made.CYCLONEDX), "application/vnd.cyclonedx+json")
    assert (found.format, found.summary["name"], found.summary["packages"]) == ("cyclonedx", "demo 1", 3)


def test_syft_counts_its_artifacts() -> None:
    document = {
        "artifacts": [{}],
        "artifactRelationships": [],
        "descriptor": {"version": "1.2"},
        "source": {"name": "x"},
    }
    assert said(made.encode(document)).summary == {"version": "syft 1.2", "name": "x", "packages": 1}


def test_an_sbom_that_old_cosign_wrapped_into_a_text_is_found() -> None:
    predicate = {"Data": json.dumps(made.SPDX), "Timestamp": "now"}
    found = said(made.statement(SUBJECT, predicate, made.SPDX_TYPE))
    assert (found.kind, found.summary["packages"]) == ("sbom", 2)


# --- files, and what is wrong ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "format_"),
    [(b"hello\n", "text"), (b"\x00\x01", "binary"), (b"\xff\xfe", "binary"), (b"", "text"), (b"[1]", "json")],
)
def test_any_other_file_is_what_its_bytes_are(raw: bytes, format_: str) -> None:
    assert (said(raw, "application/octet-stream").kind, said(raw, "application/octet-stream").format) == (
        "file",
        format_,
    )


def test_broken_json_is_text_where_nothing_claims_otherwise() -> None:
    assert said(b"{nonsense", "text/plain").format == "text"


@pytest.mark.parametrize(
    "raw",
    [
        b"{nonsense",
        b'{"a": 1, "a": 2}',
        b'{"payload": "!!", "payloadType": "x"}',
        b'{"payload": 7, "payloadType": "x"}',
        b'{"payload": "e25vbnNlbnNl", "payloadType": "x"}',
        b'{"payload": "!!", "protected": "e30", "signature": ""}',
        b"[" * 200 + b"]" * 200,
    ],
)
def test_a_broken_document_says_what_is_wrong(raw: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        said(raw)


def test_a_statement_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidDocumentError, match="not JSON"):
        said(b"hello", made.IN_TOTO)


_keys = some.sampled_from(
    [
        "_type",
        "predicateType",
        "predicate",
        "subject",
        "digest",
        "payload",
        "payloadType",
        "signatures",
        "mediaType",
        "verificationMaterial",
        "dsseEnvelope",
        "tlogEntries",
        "critical",
        "image",
        "identity",
        "optional",
        "spdxVersion",
        "packages",
        "creationInfo",
        "bomFormat",
        "components",
        "metadata",
        "materials",
        "buildDefinition",
        "runDetails",
        "builder",
        "id",
        "invocation",
        "configSource",
        "protected",
        "header",
        "signature",
        "x5c",
        "Data",
        "@graph",
        "@context",
    ]
)
_json = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_SHAPES: tuple[dict[str, object], ...] = (
    {},
    {"_type": "https://in-toto.io/Statement/v1", "predicateType": made.SLSA_1},
    {"_type": "https://in-toto.io/Statement/v1", "predicateType": made.SPDX_TYPE},
    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
    {"payloadType": "x", "payload": "e30="},
    {"protected": "e30", "payload": "e30", "signature": "x"},
    {"bomFormat": "CycloneDX"},
    {"spdxVersion": "SPDX-2.3"},
)


@given(some.sampled_from(_SHAPES), some.dictionaries(_keys, _json, max_size=6))
def test_documents_of_wrong_shapes_are_decoded_or_refused_and_never_crash(
    shape: dict[str, object], rest: dict[str, object]
) -> None:
    raw = json.dumps({**rest, **shape}).encode()
    notes = {"dev.sigstore.cosign/bundle": raw.decode(), "dev.cosignproject.cosign/signature": "x"}
    with suppress(InvalidDocumentError):
        said(raw, "application/json", notes)


# --- what is not read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media_type", "notes", "of_manifest", "artifact_type", "expected"),
    [
        (made.IN_TOTO, {"in-toto.io/predicate-type": made.SLSA_1}, {}, "", ("provenance", made.SLSA_1)),
        (made.DSSE, {"predicateType": made.SPDX_TYPE}, {}, "", ("sbom", made.SPDX_TYPE)),
        (made.DSSE, {}, {"dev.sigstore.bundle.predicateType": "x"}, "", ("attestation", "x")),
        (made.SIMPLE_SIGNING, {}, {}, "", ("signature", "")),
        ("application/jose+json", {}, {}, "application/vnd.cncf.notary.signature", ("signature", "")),
        ("text/spdx", {}, {}, "", ("sbom", "")),
        ("application/octet-stream", {}, {}, "application/spdx+json", ("sbom", "")),
        ("application/octet-stream", {}, {}, "", ("file", "")),
    ],
)
def test_types_and_annotations_tell_what_a_payload_may_be(
    media_type: str, notes: dict[str, str], of_manifest: dict[str, str], artifact_type: str, expected: tuple[str, str]
) -> None:
    assert guess(Descriptor(media_type, SUBJECT, 1, notes), of_manifest, artifact_type) == expected


# --- certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "!!", "MIIC", "MAAwAA==", "A" * 200_000])
def test_what_is_no_certificate_is_none(text: str) -> None:
    assert x509.from_base64(text) is None
    assert x509.from_pem(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----") is None


@given(some.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_none(data: bytes) -> None:
    x509.from_der(data)


@real
@given(some.integers(0, 718), some.integers(0, 255))
def test_a_damaged_certificate_never_crashes(at: int, value: int) -> None:
    bundle = json.loads(vector("cosign-attestation-bundle.json"))
    der = bytearray(base64.b64decode(bundle["verificationMaterial"]["certificate"]["rawBytes"]))
    der[at] = value
    x509.from_der(bytes(der))


# --- real documents ----------------------------------------------------------------------------


@real
def test_a_real_sigstore_bundle() -> None:
    found = said(vector("cosign-attestation-bundle.json"), "application/vnd.dev.sigstore.bundle.v0.3+json")
    assert (found.kind, found.envelope) == ("attestation", "sigstore-bundle")
    assert found.predicate_type == "https://cosign.sigstore.dev/attestation/v1"
    assert found.about == ("sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4",)
    signature = found.signatures[0]
    assert (signature.log_index, signature.signed_at) == ("175508996", "2025-02-28T19:18:11Z")
    certificate = signature.certificate
    assert certificate is not None
    assert certificate.identities == ("cody@soyland.com",)
    assert certificate.oidc_issuer == "https://github.com/login/oauth"
    assert certificate.issuer == "O=sigstore.dev,CN=sigstore-intermediate"
    assert (certificate.not_before, certificate.not_after) == ("2025-02-28T19:18:11Z", "2025-02-28T19:28:11Z")


@real
def test_a_real_cosign_signature() -> None:
    layer = json.loads(vector("fulcio-rekor.annotations.json"))
    found = said(vector("fulcio-rekor.payload.json"), layer["mimeType"], layer["annotations"])
    assert found.about == ("sha256:0489474da8ea22426ece86ace6c1c0026ab2fd3cdfbbd62b7e94650266c37d9a",)
    assert found.summary == {"reference": "192.168.64.2:5000/cosign-signed/fulcio-rekor-1"}
    signature = found.signatures[0]
    assert signature.value.startswith("MEQCIBszrlQd")
    assert signature.certificate is not None
    assert signature.certificate.oidc_issuer == "https://github.com/login/oauth"
    assert signature.log_index.isdecimal()


@real
def test_a_real_notation_envelope() -> None:
    found = said(vector("notation-jws.json"), "application/jose+json")
    assert (found.kind, found.format, found.envelope) == ("signature", "notation-jws", "jws")
    assert found.about == ("sha256:19dbd2e48e921426ee8ace4dc892edfb2ecdc1d1a72d5416c83670c30acecef0",)
    signature = found.signatures[0]
    assert (signature.algorithm, signature.signed_at) == ("PS256", "2023-03-14T16:10:02+08:00")
    assert signature.certificate is not None
    assert signature.certificate.subject == "C=US,ST=WA,L=Seattle,O=Notary,CN=alpine"


@real
def test_a_real_spdx_document() -> None:
    found = said(vector("image-spdx.json"), "application/spdx+json")
    assert (found.format, found.summary["name"], found.summary["packages"]) == ("spdx", "golang-dist", 2)
