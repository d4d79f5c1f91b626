"""A comparison of files as JSON; what is said of a file has the names that ``image ls`` uses."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from orlop.image.files import time_text
from orlop.image.tree import GONE
from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, FILE

if TYPE_CHECKING:
    from orlop.image.compare.files import FileChange, FilesComparison, FilesOfPlatform
    from orlop.image.compare.walk import Side


def comparison(found: FilesComparison) -> dict[str, object]:
    """Return all of it."""
    return {
        "base": found.base,
        "target": found.target,
        "equal": found.equal,
        "platforms": [_platform(one) for one in found.platforms],
    }


def _platform(found: FilesOfPlatform) -> dict[str, object]:
    return {
        "platform": found.platform,
        "base": found.base.value if found.base else None,
        "target": found.target.value if found.target else None,
        "equal": found.equal,
        "added": found.count("added"),
        "removed": found.count("removed"),
        "changed": found.count("changed"),
        "archive": list(found.archive),
        "changes": [change(one) for one in found.changes],
    }


def change(one: FileChange) -> dict[str, object]:
    """Return one path. diff: None where none was asked for, or there is none to make."""
    return {
        **_text("path", f"/{one.path}"),
        "change": one.change,
        "kinds": list(one.kinds),
        "base": _side(one.base),
        "target": _side(one.target),
        "diff": one.diff.to_json() if one.diff is not None else None,
    }


def _side(one: Side | None) -> dict[str, object] | None:
    if one is None:
        return None
    entry = one.entry
    if entry.kind == GONE:
        return {"type": GONE}
    stated = entry.offset >= 0
    return {
        "type": entry.kind,
        "mode": f"{entry.mode:04o}" if stated else None,
        "uid": entry.uid if stated else None,
        "gid": entry.gid if stated else None,
        "size": entry.size if entry.kind == FILE else None,
        "mtime": time_text(entry.mtime_ns) if stated else None,
        **_text("link", entry.link or None),
        **_text("hard_link", f"/{one.hard_link}" if one.hard_link else None),
        "device": [entry.major, entry.minor] if entry.kind in {CHARACTER, BLOCK_DEVICE} else None,
        "sha256": entry.sha256.hex() or None,
        "xattrs": {printable(name): b64encode(value).decode() for name, value in sorted(entry.xattrs.items())} or None,
        "layer": one.layer if one.layer >= 0 else None,
    }


def _text(key: str, text: str | None) -> dict[str, object]:
    """Return a name for JSON; of one that is not UTF-8 the bytes in base64 as well."""
    if text is None or text.isascii():
        return {key: text}
    shown = printable(text)
    if shown == text:
        return {key: text}
    return {key: shown, f"{key}_base64": b64encode(text.encode("utf-8", "surrogateescape")).decode()}


def printable(text: str) -> str:
    """Return a text in which what is not UTF-8 is replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half a surrogate pair, out of a table of contents
        return text.encode("utf-8", "replace").decode()
