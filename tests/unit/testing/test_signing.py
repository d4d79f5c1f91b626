from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orlop.testing.signing import HmacSigner, OpensslSigner, unb64

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")


def test_a_token_comes_back_as_its_claims() -> None:
    signer = HmacSigner(b"secret")
    assert signer.decode(signer.encode({"a": [1]})) == {"a": [1]}


def test_a_changed_token_is_not_taken() -> None:
    signer = HmacSigner(b"secret")
    head, body, signature = signer.encode({"a": 1}).split(".")
    assert signer.decode(f"{head}.{body[:-1]}x.{signature}") is None
    assert HmacSigner(b"other").decode(f"{head}.{body}.{signature}") is None


def test_claims_that_are_no_object_are_none() -> None:
    signer = HmacSigner()
    data = ".".join(part for part in signer.encode({}).split(".")[:1])
    assert signer.decode(f"{data}.x.y") is None


@needs_openssl
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_openssl_itself_accepts_the_signature(tmp_path: Path, algorithm: str) -> None:
    signer = OpensslSigner(str(tmp_path), algorithm)
    data, _, signature = signer.encode({"sub": "mary"}).rpartition(".")

    header = json.loads(unb64(data.partition(".")[0]))
    assert header["alg"] == algorithm
    certificate = tmp_path / "chain.der"
    certificate.write_bytes(base64.b64decode(header["x5c"][0]))
    key = openssl("x509", "-in", str(certificate), "-noout", "-pubkey")
    (tmp_path / "public.pem").write_bytes(key)
    raw = unb64(signature)
    (tmp_path / "signature").write_bytes(raw if algorithm == "RS256" else der(raw))
    (tmp_path / "data").write_bytes(data.encode())
    verify = ("-verify", str(tmp_path / "public.pem"), "-signature", str(tmp_path / "signature"))
    assert b"Verified OK" in openssl("dgst", "-sha256", *verify, str(tmp_path / "data"))


@needs_openssl
def test_the_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    first = OpensslSigner(str(tmp_path), chain=False)
    second = OpensslSigner(str(tmp_path), chain=False)

    assert first.decode(second.encode({"a": 1})) == {"a": 1}
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    key = json.loads(Path(first.jwks).read_text())["keys"][0]
    assert (key["kid"], key["kty"], len(unb64(key["n"]))) == (first.header["kid"], "RSA", 256)


@needs_openssl
def test_the_point_of_an_elliptic_key_is_in_its_jwks(tmp_path: Path) -> None:
    signer = OpensslSigner(str(tmp_path), "ES256")
    key = json.loads(Path(signer.jwks).read_text())["keys"][0]
    text = openssl("ec", "-in", str(tmp_path / "key.pem"), "-text", "-noout").decode()
    public = "".join(text.split("pub:")[1].split("ASN1")[0].split()).replace(":", "")
    assert public == f"04{unb64(key['x']).hex()}{unb64(key['y']).hex()}"


def test_another_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="HS512"):
        OpensslSigner(str(tmp_path), "HS512")


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def der(raw: bytes) -> bytes:
    parts = b""
    for number in (raw[:32], raw[32:]):
        value = number.lstrip(b"\0") or b"\0"
        value = b"\0" + value if value[0] & 0x80 else value
        parts += b"\x02" + bytes([len(value)]) + value
    return b"\x30" + bytes([len(parts)]) + parts
