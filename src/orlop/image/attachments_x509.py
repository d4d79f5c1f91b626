"""The few fields of a signing certificate that tell who signed. No signature and no chain is verified.

Rule: RFC 5280, 4.1 and 4.2.1.6; sigstore's Fulcio, docs/oid-info.md.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from orlop.image.attachments import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATE_LIMIT = 64 * 1024
"""Most bytes of a certificate that is looked into; real ones have one or two KiB."""

_SAN = bytes.fromhex("551d11")
_FULCIO = bytes.fromhex("2b0601040183bf3001")
_ISSUER_V1, _OTHER_NAME, _ISSUER_V2 = _FULCIO + b"\x01", _FULCIO + b"\x07", _FULCIO + b"\x08"
_NAMES = {
    bytes.fromhex("550403"): "CN",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("2a864886f70d010901"): "emailAddress",
}
_SEQUENCE, _OID, _OCTETS, _UTC_TIME, _TIME = 0x30, 0x06, 0x04, 0x17, 0x18
_EXTENSIONS = 0xA3
_GENERAL_NAMES = frozenset({0x81, 0x82, 0x86})
_PEM_START, _PEM_END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def from_pem(text: str) -> Certificate | None:
    """Return the first certificate of a PEM text; None where there is none that can be read."""
    body = text.partition(_PEM_START)[2].partition(_PEM_END)[0]
    return from_base64(body) if body else None


def from_base64(text: str) -> Certificate | None:
    """Return the certificate of base64 DER; None where it cannot be read."""
    if len(text) > 2 * CERTIFICATE_LIMIT:
        return None
    try:
        return from_der(binascii.a2b_base64(text))
    except ValueError:
        return None


def from_der(der: bytes) -> Certificate | None:
    """Return what a certificate says; None where it cannot be read."""
    if len(der) > CERTIFICATE_LIMIT:
        return None
    try:
        return _certificate(der)
    except (ValueError, IndexError, StopIteration):
        return None


def _certificate(der: bytes) -> Certificate:
    _, whole = next(_members(der))
    _, signed = next(_members(whole))
    fields = list(_members(signed))
    if fields[0][0] == 0xA0:  # the version, left out by version 1
        del fields[0]
    issuer, validity, subject = fields[2][1], fields[3][1], fields[4][1]
    times = [_time(tag, value) for tag, value in _members(validity)]
    identities: list[str] = []
    oidc = ""
    for tag, value in fields[5:]:
        if tag != _EXTENSIONS:
            continue
        for _, extension in _members(next(_members(value))[1]):
            parts = list(_members(extension))
            oid, content = parts[0][1], parts[-1][1]
            if oid == _SAN:
                identities += _identities(content)
            elif oid == _ISSUER_V2:
                oidc = _text(next(_members(content))[1])
            elif oid == _ISSUER_V1:
                oidc = oidc or _text(content)
    return Certificate(_name(subject), _name(issuer), tuple(identities), oidc, times[0], times[1])


def _identities(content: bytes) -> Iterator[str]:
    for tag, value in _members(next(_members(content))[1]):
        if tag in _GENERAL_NAMES:
            yield _text(value)
        elif tag == 0xA0:
            parts = list(_members(value))
            if parts[0][1] == _OTHER_NAME:
                yield _text(next(_members(parts[1][1]))[1])


def _name(content: bytes) -> str:
    parts = []
    for _, relative in _members(content):
        for _, pair in _members(relative):
            (_, oid), (_, value) = list(_members(pair))[:2]
            if oid in _NAMES:
                parts.append(f"{_NAMES[oid]}={_text(value)}")
    return ",".join(parts)


def _time(tag: int, value: bytes) -> str:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _TIME:
        raise ValueError("no time")
    if not text[:14].isdecimal():
        raise ValueError("no time")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}Z"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _members(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of DER, one after another. Raises ValueError, IndexError."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise ValueError("an indefinite or absurd length")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("cut short")
        yield tag, data[at : at + length]
        at += length
