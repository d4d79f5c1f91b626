"""From the bytes of a payload to what it says: envelopes opened, statements and SBOMs summed up, nothing verified.

What a payload is, its own shape tells; media types only say which bytes are worth a look. Rules: DSSE 1.0 (secure-systems-lab);
in-toto attestation, Statement 0.1 and 1; sigstore bundle 0.1 to 0.3; cosign, specs/SIGNATURE_SPEC.md; notation,
signature-envelope-jws.md; RFC 7515.
"""

from __future__ import annotations

import binascii
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError
from orlop.image import attachments_x509 as x509
from orlop.image.attachments import Decoded, Signature
from orlop.image.attachments_summary import (
    kind_of_predicate,
    predicate_summary,
    sbom_summary,
    spdx_text_summary,
)
from orlop.model.annotations import COSIGN_SIGNATURE, IN_TOTO_PREDICATE
from orlop.model.jsondoc import load_json
from orlop.model.mediatype import bare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.model.descriptor import Descriptor

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE_PREFIX = "application/vnd.dev.sigstore.bundle"
_COSIGN_CERTIFICATE, _COSIGN_BUNDLE = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"
_PREDICATE_ANNOTATIONS = (IN_TOTO_PREDICATE, "predicateType", "dev.sigstore.bundle.predicateType")
_STATEMENT = "https://in-toto.io/Statement/"
_SIGNATURE_TYPES = (
    SIMPLE_SIGNING,
    "application/jose+json",
    "application/cose",
    "application/vnd.cncf.notary.signature",
)
_SBOM_WORDS = ("spdx", "cyclonedx", "syft")
_ENVELOPES_DEEP = 3
_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
SIGNATURES_LIMIT = 100
"""Most signatures of one payload that are looked at."""


def guess(
    descriptor: Descriptor, annotations: Mapping[str, str], artifact_type: str, name: str = ""
) -> tuple[str, str]:
    """Return kind and predicate type of a payload that is not read, from types and annotations.

    annotations: of the attachment's manifest. name: the file's name, if it has one.
    """
    for key in _PREDICATE_ANNOTATIONS:
        predicate = descriptor.annotations.get(key) or annotations.get(key)
        if predicate:
            return kind_of_predicate(predicate), predicate
    media_type = bare(descriptor.media_type)
    for stated in (media_type, bare(artifact_type)):
        if stated in _SIGNATURE_TYPES:
            return "signature", ""
        if "in-toto" in stated or "dsse" in stated or stated.startswith(BUNDLE_PREFIX):
            kind = (
                "signature" if annotations.get("dev.sigstore.bundle.content") == "message-signature" else "attestation"
            )
            return kind, ""
        if any(word in stated for word in _SBOM_WORDS):
            return "sbom", ""
    return ("sbom" if name.endswith((".spdx.json", ".spdx", ".cdx.json")) else "file"), ""


def decode(raw: bytes, descriptor: Descriptor, what: str = "payload") -> Decoded:
    """Return what the bytes say.

    descriptor: of the payload; cosign keeps the signature in its annotations. Raises InvalidDocumentError where they claim to
    be JSON of a known kind and are not.
    """
    media_type = bare(descriptor.media_type)
    claims = media_type.endswith("json") or media_type in _SIGNATURE_TYPES
    if media_type == "application/cose":
        return Decoded("signature", "notation-cose")
    if not raw[:64].lstrip().startswith((b"{", b"[")):
        if claims and raw.strip() and media_type in {SIMPLE_SIGNING, "application/vnd.in-toto+json"}:
            load_json(raw, what, limit=len(raw))  # it raises, and says why
        return _no_json(raw)
    try:
        document = load_json(raw, what, limit=len(raw))
    except InvalidDocumentError:
        if claims:
            raise
        return _no_json(raw)
    found = _document(document, what)
    if found.format == "simple-signing" or COSIGN_SIGNATURE in descriptor.annotations:
        return replace(found, signatures=(*_cosign_signature(descriptor.annotations), *found.signatures))
    return found


def _no_json(raw: bytes) -> Decoded:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Decoded("file", "binary")
    if "\0" in text:
        return Decoded("file", "binary")
    spdx = spdx_text_summary(text)
    if spdx is not None:
        return Decoded("sbom", "spdx", summary=spdx, document=text)
    return Decoded("file", "text", document=text)


def _document(document: object, what: str, depth: int = 0) -> Decoded:
    """Return what parsed JSON says, by its shape; an envelope is opened, a few deep."""
    if isinstance(document, dict) and depth < _ENVELOPES_DEEP:
        media_type = document.get("mediaType")
        if isinstance(media_type, str) and media_type.startswith(BUNDLE_PREFIX):
            return _bundle(document, what, depth)
        if "payload" in document and "payloadType" in document:
            return _dsse(document, what, depth)
        if "payload" in document and "signature" in document and ("protected" in document or "header" in document):
            return _jws(document, what)
        kind = document.get("_type")
        if isinstance(kind, str) and kind.startswith(_STATEMENT):
            return _statement(document)
        critical = document.get("critical")
        if isinstance(critical, dict):
            return _simple_signing(document, critical)
    sbom = sbom_summary(document)
    if sbom is not None:
        return Decoded("sbom", sbom[0], summary=sbom[1], document=document)
    return Decoded("file", "json", document=document)


# --- statements --------------------------------------------------------------------------------


def _statement(document: Mapping[str, object]) -> Decoded:
    predicate_type = document.get("predicateType")
    predicate_type = predicate_type if isinstance(predicate_type, str) else ""
    subjects = document.get("subject")
    about = [
        f"{algorithm}:{value}"
        for one in (subjects if isinstance(subjects, list) else [])
        if isinstance(one, dict) and isinstance(one.get("digest"), dict)
        for algorithm, value in one["digest"].items()
        if isinstance(value, str)
    ]
    summary = predicate_summary(predicate_type, document.get("predicate"))
    kind = kind_of_predicate(predicate_type)
    return Decoded(kind, "in-toto", "", predicate_type, tuple(dict.fromkeys(about)), summary, (), document)


def _simple_signing(document: Mapping[str, object], critical: Mapping[str, object]) -> Decoded:
    image, identity = critical.get("image"), critical.get("identity")
    digest = image.get("docker-manifest-digest") if isinstance(image, dict) else None
    reference = identity.get("docker-reference") if isinstance(identity, dict) else None
    summary: dict[str, object] = {}
    if isinstance(reference, str) and reference:
        summary["reference"] = reference
    optional = document.get("optional")
    if isinstance(optional, dict):
        summary |= {key: value for key, value in optional.items() if isinstance(value, str | int | float)}
    about = (digest,) if isinstance(digest, str) and digest else ()
    return Decoded("signature", "simple-signing", about=about, summary=summary, document=document)


# --- envelopes ---------------------------------------------------------------------------------


def _dsse(document: Mapping[str, object], what: str, depth: int) -> Decoded:
    inner = _base64(document.get("payload"), f"the payload of {what}")
    stated = document.get("signatures")
    signatures = []
    for one in (stated if isinstance(stated, list) else [])[:SIGNATURES_LIMIT]:
        if isinstance(one, dict):
            cert = one.get("cert")
            certificate = (x509.from_pem(cert) or x509.from_base64(cert)) if isinstance(cert, str) else None
            signatures.append(Signature(_text(one.get("sig")), _text(one.get("keyid")), certificate=certificate))
    found = _inner(inner, f"the payload of {what}", depth)
    return replace(found, envelope="dsse", signatures=(*signatures, *found.signatures), inner=inner)


def _inner(raw: bytes, what: str, depth: int) -> Decoded:
    if not raw[:64].lstrip().startswith((b"{", b"[")):
        return _no_json(raw)
    return _document(load_json(raw, what, limit=len(raw)), what, depth + 1)


def _bundle(document: Mapping[str, object], what: str, depth: int) -> Decoded:
    """Return what a sigstore bundle holds: a DSSE envelope, or the signature of a message that is elsewhere."""
    material = _object(document.get("verificationMaterial"))
    chain = _object(material.get("x509CertificateChain")).get("certificates")
    certificates = [material.get("certificate"), *(chain if isinstance(chain, list) else [])]
    first = next((one for one in map(_object, certificates) if one), {})
    certificate = x509.from_base64(_text(first.get("rawBytes")))
    key_id = _text(_object(material.get("publicKey")).get("hint"))
    entries = material.get("tlogEntries")
    entry = _object(entries[0]) if isinstance(entries, list) and entries else {}
    log_index, signed_at = _number(entry.get("logIndex")), _time(entry.get("integratedTime"))

    def signed(value: str, of: str = "") -> Signature:
        return Signature(value, of or key_id, "", certificate, log_index, signed_at)

    envelope = _object(document.get("dsseEnvelope"))
    if envelope:
        found = _dsse(envelope, what, depth)
        signatures = tuple(signed(one.value, one.key_id) for one in found.signatures)
        return replace(found, envelope="sigstore-bundle", signatures=signatures)
    message = _object(document.get("messageSignature"))
    digest = _object(message.get("messageDigest"))
    algorithm = _HASHES.get(_text(digest.get("algorithm")), "")
    about: tuple[str, ...] = ()
    if algorithm and _text(digest.get("digest")):
        about = (f"{algorithm}:{_base64(digest.get('digest'), what).hex()}",)
    return Decoded(
        "signature", "sigstore-signature", "sigstore-bundle", about=about,
        signatures=(signed(_text(message.get("signature"))),), document=document,
    )  # fmt: skip


def _jws(document: Mapping[str, object], what: str) -> Decoded:
    """Return what notation signed, and who with what."""
    inner = _base64(document.get("payload"), f"the payload of {what}")
    payload = load_json(inner, f"the payload of {what}", limit=len(inner))
    protected: Mapping[str, object] = {}
    if isinstance(document.get("protected"), str):
        raw = _base64(document.get("protected"), f"the header of {what}")
        protected = _object(load_json(raw, f"the header of {what}", limit=len(raw)))
    header = _object(document.get("header"))
    chain = header.get("x5c")
    leaf = chain[0] if isinstance(chain, list) and chain else None
    certificate = x509.from_base64(leaf) if isinstance(leaf, str) else None
    target = _object(_object(payload).get("targetArtifact"))
    signature = Signature(
        _text(document.get("signature")), "", _text(protected.get("alg")), certificate, "",
        _text(protected.get("io.cncf.notary.signingTime")),
    )  # fmt: skip
    summary = {
        "scheme": _text(protected.get("io.cncf.notary.signingScheme")),
        "agent": _text(header.get("io.cncf.notary.signingAgent")),
        "mediaType": _text(target.get("mediaType")),
    }
    kept: dict[str, object] = {name: value for name, value in summary.items() if value}
    about = (_text(target.get("digest")),) if target.get("digest") else ()
    format_ = "notation-jws" if target else "jws"
    return Decoded("signature", format_, "jws", "", about, kept, (signature,), payload, inner)


def _cosign_signature(annotations: Mapping[str, str]) -> tuple[Signature, ...]:
    """Return the signature that cosign keeps beside a layer of its tags."""
    value = annotations.get(COSIGN_SIGNATURE, "")
    certificate = x509.from_pem(annotations.get(_COSIGN_CERTIFICATE, ""))
    entry: Mapping[str, object] = {}
    bundle = annotations.get(_COSIGN_BUNDLE, "").encode()
    if bundle:
        try:
            entry = _object(_object(load_json(bundle, "the annotation of Rekor", limit=len(bundle))).get("Payload"))
        except InvalidDocumentError:
            entry = {}
    if not value and certificate is None and not entry:
        return ()
    return (Signature(value, "", "", certificate, _number(entry.get("logIndex")), _time(entry.get("integratedTime"))),)


# --- fields of unknown shape -------------------------------------------------------------------


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> str:
    """Return a number that JSON holds as a number or, as protobuf writes 64 bits, as a text."""
    return str(value) if isinstance(value, str | int) and str(value).isdecimal() and len(str(value)) < 20 else ""


def _time(value: object) -> str:
    text = _number(value)
    if not text or len(text) > 11:
        return ""
    from datetime import datetime

    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(value: object, what: str) -> bytes:
    """Return the bytes of base64 in either alphabet, padded or not, as DSSE and JWS take it. Raises InvalidDocumentError."""
    if isinstance(value, str):
        text = value.translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
        try:
            return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        except ValueError:
            pass
    raise InvalidDocumentError(what, "it is not base64")
