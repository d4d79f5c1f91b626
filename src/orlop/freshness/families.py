"""Which tags are newer than a tag: never across families, and always saying what moved.

Rules T2 to T8 of the up-to-date check (docs/guide/freshness.md). Pure: tags and, where they are known, digests in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.freshness.tags import CALENDAR, TagName, read_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAJOR, MINOR, PATCH, RELEASE, VARIANT, BUILD, PRE = (
    "major",
    "minor",
    "patch",
    "release",
    "variant",
    "build",
    "pre-release",
)
_STEPS = (MAJOR, MINOR, PATCH, RELEASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tag that is newer than another. moved: what differs, the weightiest first: ``("minor", "variant")``."""

    tag: str
    moved: tuple[str, ...]
    digest: str | None = None

    @property
    def step(self) -> str:
        """The weightiest part that moved."""
        return self.moved[0]


@dataclass(frozen=True, slots=True)
class Newer:
    """What is newer than ``tag`` in its family.

    of_line: the newest of the same line of releases. of_family: the newest of all. Both keep the variants where they can.
    variants: the newest of the same release with newer variants (another distribution, another Alpine). across: the newest
    of all, whatever its variants, where that is another than of_family. tags: every newer tag of the same variants, oldest first. aliases: names of the same digest, the most precise first (T8). kind: how the tag itself is read.
    """

    tag: str
    kind: str
    of_line: Candidate | None = None
    of_family: Candidate | None = None
    variants: Candidate | None = None
    across: Candidate | None = None
    tags: tuple[Candidate, ...] = ()
    aliases: tuple[str, ...] = ()


def moved(old: TagName, new: TagName) -> tuple[str, ...]:
    """Return what differs between two tags of one family, the weightiest first (T2)."""
    parts: list[str] = []
    for at, (before, after) in enumerate(zip(old.release, new.release, strict=False)):
        if before != after:
            # Of a version of one part, and of a date, no part is a patch of another.
            parts.append(RELEASE if old.kind == CALENDAR or len(old.release) == 1 else _STEPS[at])
            break
    if old.pre != new.pre and not parts:
        parts.append(PRE)
    if old.variants != new.variants:
        parts.append(VARIANT)
    if old.build != new.build and not parts:
        parts.append(BUILD)
    return tuple(parts)


def same_family(one: TagName, other: TagName) -> bool:
    """Whether two tags may be compared at all."""
    return one.ordered and other.ordered and one.family == other.family


def newer(tag: str, tags: Iterable[str], digests: Mapping[str, str] | None = None) -> Newer:
    """Return what is newer than a tag among the tags of its repository.

    digests: of tags, as far as they are known; what has the tag's own digest is not newer (T8). Pre-releases are left out
    unless the tag is one itself (T4). A tag that cannot be ordered has nothing newer.
    """
    mine = read_tag(tag)
    known = digests or {}
    own = known.get(tag)
    aliases = _aliases(tag, tags := list(tags), known)
    if not mine.ordered:
        return Newer(tag, mine.kind, aliases=aliases)
    others = [found for found in map(read_tag, tags) if found.text != tag and same_family(mine, found)]
    others = [
        found
        for found in others
        if found.order > mine.order and (mine.pre or not found.pre) and (own is None or known.get(found.text) != own)
    ]
    others.sort(key=lambda found: (found.order, found.text))
    kept = [found for found in others if found.variants == mine.variants]
    of_release = [found for found in others if found.release == mine.release and found.pre == mine.pre]
    newer_variants = [found for found in of_release if found.variants > mine.variants]

    def best(found: list[TagName], fallback: list[TagName] | None = None) -> Candidate | None:
        chosen = found or fallback or []
        return _candidate(mine, chosen[-1], known) if chosen else None

    return Newer(
        tag,
        mine.kind,
        of_line=best(_in_line(mine, kept), _in_line(mine, others)),
        of_family=best(kept, others),
        variants=best(newer_variants),
        across=best(others) if others and kept and others[-1] is not kept[-1] else None,
        tags=tuple(_candidate(mine, found, known) for found in kept),
        aliases=aliases,
    )


def _in_line(mine: TagName, found: list[TagName]) -> list[TagName]:
    """Return those of the same line (T3): for a release of one part, the family is the line."""
    return [one for one in found if one.line == mine.line]


def _candidate(mine: TagName, found: TagName, known: Mapping[str, str]) -> Candidate:
    return Candidate(found.text, moved(mine, found), known.get(found.text))


def _aliases(tag: str, tags: list[str], known: Mapping[str, str]) -> tuple[str, ...]:
    own = known.get(tag)
    if own is None:
        return ()
    same = {other for other in tags if other != tag and known.get(other) == own}
    return tuple(sorted(same, key=precision, reverse=True))


def precision(tag: str) -> tuple[int, int, int, str]:
    """Return how precise a name is: more release parts, more of a tail, a build."""
    found = read_tag(tag)
    return len(found.release), len(found.tail) + sum(bool(token.version) for token in found.tail), len(found.build), tag


def releases_behind(found: Newer) -> dict[str, int]:
    """Return how many releases there are above the tag, by the first part that differs (A4): patch, minor, major, ...

    Tags of one digest are one release; tags whose digest is not known count each.
    """
    seen: set[str] = set()
    counts: dict[str, int] = {}
    for candidate in found.tags:
        name = candidate.digest or candidate.tag
        if name not in seen:
            seen.add(name)
            counts[candidate.step] = counts.get(candidate.step, 0) + 1
    return counts


def walk(tag: str, tags: Iterable[str], limit: int = 50) -> list[str]:
    """Return the tags of a tag's family, newest first, at most ``limit``: where to look for what an image was built on (C5).

    A tag that floats (``bookworm``, ``latest``) has no family; then its dated siblings come, by what they begin with.
    """
    mine = read_tag(tag)
    everything = [read_tag(other) for other in tags if other != tag]
    if mine.ordered:
        family = [found for found in everything if same_family(mine, found)]
        family.sort(key=lambda found: (found.variants == mine.variants, found.order, found.text), reverse=True)
        finer = [found for found in everything if _finer(mine, found)]
        finer.sort(key=lambda found: (found.order, found.text), reverse=True)
        return [found.text for found in [*finer, *family]][:limit]
    near = [found for found in everything if found.ordered and found.text.startswith(f"{tag}-")]
    near.sort(key=lambda found: (found.order, found.text), reverse=True)
    return [found.text for found in near][:limit]


def _finer(mine: TagName, found: TagName) -> bool:
    """Whether it is a more precise name inside the same release: 7.0.14 for 7.0, 3.12-bookworm-20240110 for 3.12-bookworm."""
    if not found.ordered or found.prefix != mine.prefix or found.pre:
        return False
    deeper = len(found.release) > len(mine.release) and found.release[: len(mine.release)] == mine.release
    names = [token.name for token in found.tail] == [token.name for token in mine.tail]
    return deeper and names
