"""A comparison of files as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.layer.entry import BLOCK_DEVICE, CHARACTER, FILE, SYMLINK

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
    made: dict[str, object] = {
        "platform": found.platform,
        "base": found.base.value if found.base else None,
        "target": found.target.value if found.target else None,
        "equal": found.equal,
        "added": found.count("added"),
        "removed": found.count("removed"),
        "changed": found.count("changed"),
        "changes": [_change(one) for one in found.changes],
    }
    if found.archive:
        made["archive"] = list(found.archive)
    return made


def _change(one: FileChange) -> dict[str, object]:
    made: dict[str, object] = {
        "path": f"/{text(one.path)}",
        "change": one.change,
        "kinds": list(one.kinds),
        "base": side(one.base),
        "target": side(one.target),
    }
    if one.diff is not None:
        made["diff"] = one.diff.to_json()
    return made


def side(one: Side | None) -> dict[str, object] | None:
    """Return what one image has at a path."""
    if one is None:
        return None
    entry = one.entry
    made: dict[str, object] = {
        "type": entry.kind,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "mtime": time(entry.mtime_ns),
        "layer": one.layer if one.layer >= 0 else None,
    }
    if entry.kind == FILE:
        made["size"] = entry.size
        made["digest"] = f"sha256:{entry.sha256.hex()}" if entry.sha256 else None
    if entry.kind == SYMLINK:
        made["link"] = text(entry.link)
    if one.hard_link:
        made["hardLink"] = f"/{text(one.hard_link)}"
    if entry.kind in {CHARACTER, BLOCK_DEVICE}:
        made["device"] = [entry.major, entry.minor]
    if entry.xattrs:
        made["xattrs"] = {text(name): value.hex() for name, value in entry.xattrs.items()}
    return made


def text(name: str) -> str:
    r"""Return a name as text that JSON takes: bytes that are not UTF-8 as ``\xff``."""
    if name.isascii():
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair, out of a table of contents
        return name.encode("utf-8", "backslashreplace").decode()


def time(nanoseconds: int) -> str:
    """Return a time in RFC 3339, UTC, with as many digits of a second as there are; "" for one that no calendar has."""
    from datetime import UTC, datetime, timedelta

    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        made = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{made:%Y-%m-%dT%H:%M:%S}{fraction}Z"
