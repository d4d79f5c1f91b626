"""Untrusted text, made fit for one line of output."""

from __future__ import annotations

import re

# A registry or a proxy may quote the request: its credentials, and signed URLs with their signature.
_CREDENTIALS = r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}"
_URL_QUERY = r"(?i)(https?://)(?:[^\s/?#@\"'<>]*@)?([^\s?#\"'<>]*)(?:[?#][^\s\"'<>]*)?"


def one_line(text: str, limit: int) -> str:
    """Return the text on one line of at most ``limit`` characters: no control or direction marks, no credentials."""
    text = text[: 4 * limit]
    if not text.isprintable():
        text = "".join([character if character.isprintable() else " " for character in text])
    text = " ".join(text.split())
    if "://" in text:
        text = re.sub(_URL_QUERY, r"\1\2", text)
    text = re.sub(_CREDENTIALS, r"\1 ***", text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
