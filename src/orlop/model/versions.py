"""An order of tags in which versions come as people count them.

Tags such as ``3.11.4-slim-bookworm`` are neither PEP 440 nor SemVer, so the order is our own: digits count as numbers, a
pre-release (``-rc1``, ``-preview.2``, ``b1``) comes before its release, any other suffix after it, and names without a
version (``latest``) before all versions.
"""

from __future__ import annotations

import re

Key = tuple[object, ...]

_TOKEN = re.compile(r"[0-9]+|[A-Za-z]+")
_VERSION = re.compile(r"[vV]?[0-9]")
_PRE_RELEASES = {
    word: rank
    for rank, words in enumerate(
        (
            ("dev", "snapshot", "nightly", "canary"),
            ("alpha", "a"),
            ("beta", "b"),
            ("milestone", "m"),
            ("pre", "preview", "ea"),
            ("rc", "cr", "c"),
        )
    )
    for word in words
}
# One letter is a pre-release only between numbers, as in 1.0a1: an image's variant may have such a name as well.
_LETTERS = frozenset("abcm")
_PRE, _END, _TEXT, _NUMBER = range(4)


def version_key(text: str) -> Key:
    """Return what to sort tags by: ``sorted(tags, key=version_key)`` ends with the newest version."""
    if not _VERSION.match(text):
        return (0, text.lower(), text)
    tokens = _TOKEN.findall(text.lstrip("vV") if text[0] in "vV" else text)
    parts: list[Key] = []
    for at, token in enumerate(tokens):
        if token.isdecimal():
            digits = token.lstrip("0")
            parts.append((_NUMBER, len(digits), digits))
            continue
        word = token.lower()
        numbered = at + 1 < len(tokens) and tokens[at + 1].isdecimal()
        if word in _PRE_RELEASES and (word not in _LETTERS or numbered):
            parts.append((_PRE, _PRE_RELEASES[word], ""))
        else:
            parts.append((_TEXT, 0, word))
    return (1, (*parts, (_END, 0, "")), text)
