"""The names of a local place's entries, as they are written there, and what a user's name means among them.

A name may be a tag (``1.0``) or a whole reference (``docker.io/library/debian:12``). Nothing here does I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.errors import InputError, ManifestNotFoundError
from orlop.model.reference import Reference, Tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.model.descriptor import Descriptor

_NUMBER = re.compile(r"@([0-9]{1,6})\Z", re.ASCII)
# Tags of what is attached to another manifest: the referrers' fallback (distribution-spec 1.1) and cosign's.
_ATTACHED = re.compile(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\..*)?\Z", re.ASCII)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a place's index: what it points to, its names, the one to show first, and its number from 0 on."""

    descriptor: Descriptor
    names: tuple[str, ...] = ()
    number: int = 0

    @property
    def name(self) -> str:
        """The name to show, or ""."""
        return self.names[0] if self.names else ""


def tag_of(name: str) -> str:
    """Return the tag that a name is or ends in; "" where it has none."""
    rest = name.partition("@")[0]
    word = rest.rpartition(":")[2]
    if "/" in word:  # a port is no tag, and neither is a path
        return ""
    try:
        return Tag(word).value
    except InputError:
        return ""


def wanted(entries: Sequence[Entry], name: str, where: str) -> Entry:
    """Return the entry that the user's name means.

    The whole text goes before its tag, and both before the same reference written otherwise (``debian`` for
    ``docker.io/library/debian:latest``). ``@N`` is the N-th entry from 0 on. Without a name it is the only entry;
    what is attached to others does not count. Raises InputError when several are left, ManifestNotFoundError for none.
    """
    number = _NUMBER.match(name)
    if number:
        if int(number[1]) < len(entries):
            return entries[int(number[1])]
        raise ManifestNotFoundError(name, where, f"it has {len(entries)} images, counted from @0")
    if not name:
        return only(standing(entries), "", where)
    for found in (
        [entry for entry in entries if name in entry.names],
        [entry for entry in entries if any(tag_of(own) == name for own in entry.names)],
        _same(entries, name),
    ):
        if found:
            return only(found, name, where)
    missing = ManifestNotFoundError(name, where, "nothing there has this name")
    raise missing.with_hint(f"there are: {shown(entries)}") if entries else missing


def tagged(entries: Sequence[Entry], tag: Tag, where: str) -> Entry:
    """Return the entry of a tag: one of that very name, or of a whole reference that ends in it. Raises as ``wanted``."""
    found = [entry for entry in entries if tag.value in entry.names]
    found = found or [entry for entry in entries if any(tag_of(own) == tag.value for own in entry.names)]
    return only(found, tag.value, where)


def only(found: Sequence[Entry], name: str, where: str) -> Entry:
    """Return the entry, when all that were found point to one manifest. Raises InputError, ManifestNotFoundError."""
    if not found:
        missing = ManifestNotFoundError(name or "image", where, "it holds none")
        if not name:
            missing.noun = "an"
        raise missing
    if len({entry.descriptor.digest for entry in found}) > 1:
        count = len({entry.descriptor.digest for entry in found})
        text = f"{where}:{name}" if name else where
        error = InputError(text, f"{count} are meant by it: {shown(found)}")
        error.noun = "one image"
        raise error.with_hint("give one of these names after the path, or @DIGEST")
    return found[0]


def shown(entries: Iterable[Entry]) -> str:
    """Return the names for a message; of what has none its place, ``@N``, and digest."""
    texts = [entry.name or f"@{entry.number} ({_told(entry.descriptor)})" for entry in entries]
    more = f", and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _told(descriptor: Descriptor) -> str:
    platform = f"{descriptor.platform}, " if descriptor.platform else ""
    return f"{platform}{descriptor.digest}"


def standing(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries that are not attached to another by their tag; all of them when all are."""
    left = [entry for entry in entries if not (entry.names and all(_ATTACHED.match(tag_of(n)) for n in entry.names))]
    return left or entries


def _same(entries: Sequence[Entry], name: str) -> list[Entry]:
    try:
        meant = Reference.parse(name)
    except InputError:
        return []
    return [entry for entry in entries if any(_parsed(own) == meant for own in entry.names)]


def _parsed(name: str) -> Reference | None:
    try:
        return Reference.parse(name)
    except InputError:
        return None
