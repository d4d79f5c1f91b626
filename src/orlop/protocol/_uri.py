"""Percent-encoding and queries, without the start-up cost of ``urllib.parse``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Every byte but the unreserved ones of RFC 3986 is written as %XX: the form Go's clients send, which is thus the form
# that every registry has met.
_PLAIN = r"[A-Za-z0-9._~-]*\Z"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED = tuple(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256))
_ESCAPES = rb"%([0-9A-Fa-f]{2})"


def quote(text: str) -> str:
    """Return the text, percent-encoded for a query value or one path component."""
    if re.match(_PLAIN, text):
        return text
    return "".join([_ENCODED[byte] for byte in text.encode()])


def unquote(text: str) -> str:
    """Return the text, percent-decoded; a lone ``%`` stays. Raises UnicodeDecodeError when it is not UTF-8."""
    if "%" not in text:
        return text
    return re.sub(_ESCAPES, _byte, text.encode()).decode()


def build_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return ``?a=b&c=d``, or nothing when there are no pairs."""
    joined = "&".join([f"{name}={quote(value)}" for name, value in pairs])
    return f"?{joined}" if joined else ""


def parse_query(query: str) -> dict[str, list[str]]:
    """Return the values of each name, in order. Raises UnicodeDecodeError when one is not UTF-8."""
    found: dict[str, list[str]] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        found.setdefault(unquote(name), []).append(unquote(value.replace("+", " ")))
    return found


def add_query(url: str, name: str, value: str) -> str:
    """Return the URL with one more parameter; what it already holds is kept byte for byte."""
    return f"{url}{'&' if '?' in url else '?'}{name}={quote(value)}"


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))
