"""Checking one claim of a base: what the base is now, what the image was built on, and whether the layers agree (E4 to E9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orlop.freshness.images import open_base, read_config
from orlop.freshness.layers import fit, is_squashed
from orlop.freshness.metadata import same_times
from orlop.freshness.values import Absent, Evidence, PlatformImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.asking import Desk, Steps
    from orlop.freshness.values import BaseName
    from orlop.model.digest import Digest


class Found(NamedTuple):
    """A claim that was checked.

    evidence: the claim with its binding. base: as the claim has it. now: what its tag is; None where it has none. then: what the image was
    built on, its digest alone where that is not served. fits: whether ``then``, or else ``now``, lies under the image. why: what could
    not be read of ``then``.
    """

    evidence: Evidence
    base: BaseName
    now: PlatformImage | Absent | None = None
    then: PlatformImage | Digest | None = None
    fits: bool = False
    why: Absent | None = None

    @property
    def depth(self) -> int:
        """How many layers of the image are the base's, as far as known; 0 where it is not."""
        return self.evidence.depth or 0

    @property
    def certainty(self) -> int:
        """How much it decides: 4 what the image was built on is known, 3 its digest is, 2 only the name is and it fits now, 1 only the name, 0 nothing."""
        if self.evidence.binding == "contradicted" or not self.base.is_tracked:
            return 0
        if isinstance(self.then, PlatformImage) or (self.evidence.depth and self.evidence.kind in _BY_DEPTH):
            return 4
        if self.then is not None:
            return 3
        return 2 if self.fits else 1


_BY_DEPTH = frozenset({"buildpacks", "chain-index"})


def weigh(desk: Desk, target: PlatformImage, claim: Evidence, base: BaseName, *, eager: bool = True) -> Steps[Found]:
    """Return the claim, checked: it costs what the base's tag is now, and what its digest was unless that is the same.

    eager: without it, what the tag is now is asked only where the digest is not served; ``with_now`` asks later.
    """
    now: PlatformImage | Absent | None = None
    if eager or base.digest is None:
        now = yield from _now(desk, target, base)
    if base.digest is None:
        if isinstance(now, PlatformImage) and (yield from fit(desk, target, now)) in {"digests", "content"}:
            return Found(_confirmed(claim, claim.depth or len(now.layers)), base, now, fits=True)
        return Found(claim, base, now)
    if isinstance(now, PlatformImage) and base.digest in now.digests:
        then: PlatformImage | Absent = now
    else:
        then = yield from open_base(desk, base, target.platform, base.digest)
    if isinstance(then, Absent):
        now = yield from _now(desk, target, base)
        return Found(replace(claim, binding="claimed", note=_noted(claim, then)), base, now, base.digest, why=then)
    how = yield from fit(desk, target, then)
    if how in {"digests", "content"}:
        return Found(_confirmed(claim, len(then.layers), then), base, now, then, fits=True)
    if how == "rewritten" or is_squashed(target, then) or not then.layers:
        note = f"{claim.note}; the image's layers say nothing".removeprefix("; ")
        return Found(replace(claim, binding="claimed", note=note, then=then.digest), base, now, then)
    note = f"{claim.note}; its layers are not the image's".removeprefix("; ")
    return Found(replace(claim, binding="contradicted", note=note, then=then.digest), base, now, then)


def with_now(desk: Desk, target: PlatformImage, found: Found) -> Steps[Found]:
    """Return the same with what its tag is now."""
    if found.now is not None:
        return found
    return found._replace(now=(yield from _now(desk, target, found.base)))


def _now(desk: Desk, target: PlatformImage, base: BaseName) -> Steps[PlatformImage | Absent | None]:
    if not base.is_tracked:
        return None
    return (yield from open_base(desk, base, target.platform))


def _confirmed(claim: Evidence, depth: int, then: PlatformImage | None = None) -> Evidence:
    return replace(claim, binding="confirmed", depth=depth, then=then.digest if then else None)


def _noted(claim: Evidence, absent: Absent) -> str:
    what = "is not served any more" if absent.is_gone else f"cannot be read: {absent.detail}"
    return f"{claim.note}; its digest {what}".removeprefix("; ")


def longest(desk: Desk, target: PlatformImage, found: Sequence[Found]) -> Steps[Found | None]:
    """Return the one with most layers; of equal ones that with a tag, then that whose times the image has, then the first (E3, C4)."""
    if not found:
        return None
    most = max((one.depth, one.base.is_tracked) for one in found)
    tied = [one for one in found if (one.depth, one.base.is_tracked) == most]
    images = {image.digest: image for one in tied if isinstance(image := one.then or one.now, PlatformImage)}
    if len(images) > 1:
        ours = yield from read_config(desk, target)
        for one in tied:
            image = one.then or one.now
            if isinstance(image, PlatformImage) and same_times(ours, (yield from read_config(desk, image))):
                return one
    return tied[0]


def walk_family(
    desk: Desk, target: PlatformImage, base: BaseName, now: PlatformImage | Absent | None, limit: int
) -> Steps[Found | None]:
    """Return the first other name of a base's repository that lies under the image, with ``now`` as what the base is (C5).

    Digests that its tag was seen at come first, then tags, the newest first. Configs are read only where the image looks recompressed:
    stored in another form than the base.
    """
    names = yield from desk.family(base.moving, target.platform, limit)
    recompressed = isinstance(now, PlatformImage) and _form(target) != _form(now)
    for name in names:
        if name == base.moving:
            continue
        image = yield from open_base(desk, name, target.platform, name.digest)
        if isinstance(image, Absent) or (isinstance(now, PlatformImage) and image.digest == now.digest):
            continue
        by_digest = bool(image.layers) and image.layer_digests == target.layer_digests[: len(image.layers)]
        if by_digest or (recompressed and (yield from fit(desk, target, image)) == "content"):
            note = f"{name} lies under the image"
            evidence = Evidence("observed", name, "confirmed", note, len(image.layers), image.digest)
            return Found(evidence, base, now, image, fits=True)
    return None


def _form(image: PlatformImage) -> str:
    return image.layers[0].media_type.rpartition(".")[2] if image.layers else ""
