"""JSON web tokens by a token service: signed with a shared secret, or with a key that other registries can check.

Rule: RFC 7515, RFC 7518, and distribution's "Token Authentication Implementation".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

_SHA256_OF_P256 = 32


class Signer(ABC):
    """Signs, and knows its own signature again."""

    header: dict[str, Any]
    """The token's header: ``alg`` and how to find the key (``kid``, ``x5c``)."""

    @abstractmethod
    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, in the encoding of RFC 7518."""

    @abstractmethod
    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the signature was made by this signer."""

    def encode(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token."""
        parts = [b64(json.dumps(part, separators=(",", ":")).encode()) for part in (self.header, claims)]
        data = ".".join(parts)
        return f"{data}.{b64(self.sign(data.encode()))}"

    def decode(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token of this signer, None for any other text. Its time is not looked at."""
        data, _, signature = token.rpartition(".")
        try:
            if not self.verify(data.encode(), unb64(signature)):
                return None
            claims = json.loads(unb64(data.partition(".")[2]))
        except ValueError:
            return None
        return claims if isinstance(claims, dict) else None


class HmacSigner(Signer):
    """HS256 with a secret of the process: quick, and nobody else can check it."""

    def __init__(self, secret: bytes = b"orlop.testing") -> None:
        self._secret = secret
        self.header = {"typ": "JWT", "alg": "HS256"}

    def sign(self, data: bytes) -> bytes:
        """Return the HMAC of the data."""
        return hmac.digest(self._secret, data, "sha256")

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether this is the HMAC of the data."""
        return hmac.compare_digest(self.sign(data), signature)


class OpensslSigner(Signer):
    """RS256 or ES256 by the ``openssl`` program, with a certificate that a registry can trust.

    folder: where the key and the certificate are made, once: ``key.pem``, ``cert.pem`` (for
    ``rootcertbundle``) and ``jwks.json`` (for ``jwks``). algorithm: ``"RS256"`` or ``"ES256"``.
    chain: the token carries the certificate (``x5c``), which the oldest registries want as well;
    without it only the key's name, for those that were given the JWKS.
    """

    def __init__(self, folder: str, algorithm: str = "RS256", *, chain: bool = True) -> None:
        if algorithm not in _NEW_KEY:
            raise ValueError(f"algorithm {algorithm!r} is none of {', '.join(_NEW_KEY)}")
        self._algorithm = algorithm
        self._key = Path(folder, "key.pem")
        self.certificate = str(Path(folder, "cert.pem"))
        self.jwks = str(Path(folder, "jwks.json"))
        if not self._key.exists():
            self._make()
        der = _openssl("x509", "-in", self.certificate, "-outform", "DER")
        public = self._public_key()
        # RFC 7638: the hash of the required members, in lexical order.
        kid = b64(hashlib.sha256(json.dumps(public, sort_keys=True, separators=(",", ":")).encode()).digest())
        self.header = {"typ": "JWT", "alg": algorithm}
        self.header |= {"x5c": [base64.b64encode(der).decode()]} if chain else {"kid": kid}
        keys = {"keys": [{**public, "kid": kid, "alg": algorithm, "use": "sig"}]}
        Path(self.jwks).write_text(json.dumps(keys), encoding="ascii")

    def sign(self, data: bytes) -> bytes:
        """Return openssl's signature; of ES256 the two numbers one after another instead of DER."""
        made = _openssl("dgst", "-sha256", "-sign", str(self._key), stdin=data)
        return made if self._algorithm == "RS256" else _joined(made)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the public key accepts it. RSA signatures are the same every time, so those are made again."""
        if self._algorithm == "RS256":
            return hmac.compare_digest(self.sign(data), signature)
        raise NotImplementedError("ES256 tokens are for other registries to check")

    def _make(self) -> None:
        _openssl("genpkey", *_NEW_KEY[self._algorithm], "-out", str(self._key))
        self._key.chmod(0o600)
        subject = ("-subj", "/CN=orlop token service", "-days", "3650")
        _openssl("req", "-x509", "-new", "-key", str(self._key), *subject, "-out", self.certificate)

    def _public_key(self) -> dict[str, str]:
        """Return the public key as a JSON web key, with its required members only."""
        if self._algorithm == "ES256":
            # The key ends with the point: 0x04 and the two coordinates (RFC 5480, 2.2).
            point = _openssl("pkey", "-in", str(self._key), "-pubout", "-outform", "DER")[-2 * _SHA256_OF_P256 :]
            return {
                "crv": "P-256",
                "kty": "EC",
                "x": b64(point[:_SHA256_OF_P256]),
                "y": b64(point[_SHA256_OF_P256:]),
            }
        text = _openssl("rsa", "-in", str(self._key), "-noout", "-modulus").decode()
        return {"e": "AQAB", "kty": "RSA", "n": b64(bytes.fromhex(text.partition("=")[2].strip()))}


_NEW_KEY = {
    "RS256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ES256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
}


def b64(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    import subprocess

    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True, timeout=30).stdout


def _joined(der: bytes) -> bytes:
    """Return the r and s of a DER signature (30 len 02 len r 02 len s), 32 bytes each."""
    size = der[3]
    r, s = der[4 : 4 + size], der[4 + size + 2 :]
    return b"".join(int.from_bytes(part, "big").to_bytes(_SHA256_OF_P256, "big") for part in (r, s))
