"""The payload of a signed schema 1 manifest: what its digest is of.

Rule: distribution 2.8, docs/spec/api.md ("Content Digests"), and libtrust's JSON signature: each signature protects
``formatLength``, how many bytes of the document are payload, and ``formatTail``, what closes it again.
"""

from __future__ import annotations

import binascii
import re

from orlop.errors import InvalidManifestError
from orlop.model.jsondoc import load_object

_TAIL_LIMIT = 1024
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)
_STANDARD = str.maketrans("-_", "+/")


def signed_payload(raw: bytes, document: dict[str, object], what: str = "manifest") -> bytes:
    """Return the bytes that were signed.

    document: the parsed ``raw``. Raises InvalidManifestError when the signatures do not say, or not the same.
    """
    signatures = document.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise InvalidManifestError(what, "it has no signatures")
    cuts = {_cut(signature, what) for signature in signatures}
    if len(cuts) != 1:
        raise InvalidManifestError(what, "its signatures are of different payloads")
    length, tail = cuts.pop()
    if not 0 < length <= len(raw):
        raise InvalidManifestError(what, "the formatLength of its signature is out of range")
    return raw[:length] + tail


def _cut(signature: object, what: str) -> tuple[int, bytes]:
    protected = signature.get("protected") if isinstance(signature, dict) else None
    if not isinstance(protected, str):
        raise InvalidManifestError(what, "a signature has no protected header")
    head = load_object(_base64url(protected, what), f"a signature of {what}", error=InvalidManifestError)
    length, tail = head.get("formatLength"), head.get("formatTail")
    if type(length) is not int or not isinstance(tail, str) or len(tail) > _TAIL_LIMIT:
        raise InvalidManifestError(what, "a signature has no formatLength and formatTail")
    return length, _base64url(tail, what)


def _base64url(text: str, what: str) -> bytes:
    bare = text.rstrip("=")
    if _BASE64URL.match(bare) is None:
        raise InvalidManifestError(what, "a signature is not base64url")
    try:
        return binascii.a2b_base64(bare.translate(_STANDARD) + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise InvalidManifestError(what, "a signature is not base64url") from None
