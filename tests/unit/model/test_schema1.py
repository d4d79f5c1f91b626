"""Signed schema 1: the digest is of the payload, and so is what is read."""

from __future__ import annotations

import base64
import json

import pytest

from orlop.errors import DigestMismatchError, InvalidManifestError
from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.model.manifest import SignedManifest, parse_manifest

LAYER = Digest.of(b"layer").value
PAYLOAD = json.dumps({"schemaVersion": 1, "name": "a/b", "fsLayers": [{"blobSum": LAYER}], "history": []}, indent=3)


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def head(length: int = len(PAYLOAD) - 2, tail: bytes = b"\n}") -> dict[str, object]:
    return {"formatLength": length, "formatTail": encoded(tail), "time": "2016-01-01T00:00:00Z"}


def signed(*signatures: object, more: str = "") -> bytes:
    return f'{PAYLOAD[:-2]}{more},\n   "signatures": {json.dumps(signatures)}\n}}'.encode()


def good() -> dict[str, object]:
    return {"header": {"alg": "ES256"}, "signature": "xx", "protected": encoded(head())}


def test_the_digest_is_of_the_payload() -> None:
    manifest = parse_manifest(signed(good()), mediatype.DOCKER_SCHEMA1_SIGNED, expected=Digest.of(PAYLOAD.encode()))

    assert isinstance(manifest, SignedManifest)
    assert manifest.signed
    assert manifest.digest == Digest.of(PAYLOAD.encode())
    assert [digest.value for digest in manifest.fs_layers] == [LAYER]
    assert manifest.raw == signed(good())


def test_the_type_is_told_by_the_signatures_whatever_the_server_says() -> None:
    for served in ("", "application/json", mediatype.DOCKER_SCHEMA1, mediatype.OCI_MANIFEST):
        assert parse_manifest(signed(good()), served).media_type == mediatype.DOCKER_SCHEMA1_SIGNED


def test_the_digest_of_the_whole_text_is_not_accepted() -> None:
    with pytest.raises(DigestMismatchError):
        parse_manifest(signed(good()), expected=Digest.of(signed(good())))


def test_a_second_signature_may_stand_beside_the_first() -> None:
    assert parse_manifest(signed(good(), good())).digest == Digest.of(PAYLOAD.encode())


def test_fields_that_the_signature_does_not_cover_are_not_read() -> None:
    manifest = parse_manifest(signed(good(), more=',\n   "tag": "smuggled"'))

    assert "tag" not in manifest.document


def test_a_payload_of_another_kind_is_refused() -> None:
    raw = (
        b'{"schemaVersion":1'
        b',"fsLayers":[],"signatures":' + json.dumps([{"protected": encoded(head(18, b"}"))}]).encode() + b"}"
    )

    with pytest.raises(InvalidManifestError, match="payload"):
        parse_manifest(raw)


def test_a_text_that_was_indented_after_signing_is_read_whole() -> None:
    signature = {"protected": encoded(head(len(PAYLOAD) - 10))}

    manifest = parse_manifest(signed(signature))

    assert isinstance(manifest, SignedManifest)
    assert len(manifest.fs_layers) == 1
    assert manifest.digest == Digest.of(PAYLOAD[:-10].encode() + b"\n}")


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        ["x"],
        [{}],
        [{"protected": 1}],
        [{"protected": ""}],
        [{"protected": "!!!"}],
        [{"protected": "a"}],
        [{"protected": "\u00e4"}],
        [{"protected": encoded([])}],
        [{"protected": encoded({})}],
        [{"protected": encoded(b"\xff")}],
        [{"protected": encoded({"formatLength": 5})}],
        [{"protected": encoded({"formatLength": "5", "formatTail": "Cn0"})}],
        [{"protected": encoded({"formatLength": True, "formatTail": "Cn0"})}],
        [{"protected": encoded({"formatLength": -1, "formatTail": "Cn0"})}],
        [{"protected": encoded({"formatLength": 0, "formatTail": "Cn0"})}],
        [{"protected": encoded({"formatLength": 10**9, "formatTail": "Cn0"})}],
        [{"protected": encoded({"formatLength": 5, "formatTail": "!"})}],
        [{"protected": encoded({"formatLength": 5, "formatTail": "A" * 5000})}],
        [{"protected": encoded(head())}, {"protected": encoded(head(7))}],
    ],
)
def test_signatures_that_do_not_say_what_they_sign_are_refused(signatures: list[object]) -> None:
    with pytest.raises(InvalidManifestError):
        parse_manifest(signed(*signatures))
