"""The decision: an image, what its base is now, what it was built on, and so a verdict with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.freshness import values
from orlop.freshness.asking import Desk, unanswered
from orlop.freshness.images import fits_platform, read_config, schema1_trouble
from orlop.freshness.layers import fit, is_rewritten, is_squashed, same_layers
from orlop.freshness.metadata import config_changes, history_changes
from orlop.freshness.values import DEFAULTS, REASONS, Absent, PlatformImage, Verdict

if TYPE_CHECKING:
    from orlop.freshness.asking import Steps
    from orlop.freshness.layers import Fit
    from orlop.freshness.values import BaseName, Evidence, Options
    from orlop.model.digest import Digest

PACKAGES_HINT = "its layers say nothing; compare the packages of both images instead"


class Case(NamedTuple):
    """Everything that a verdict is made of.

    then: what the image was built on: its platform image, or the digest alone where that is not served any more, or None. depth: how
    many of the image's layers are the base's, where something says so without ``then``. evidence: what named the base; what was only given by
    hand declares nothing.
    """

    target: PlatformImage
    now: PlatformImage | Absent
    then: PlatformImage | Digest | None = None
    evidence: tuple[Evidence, ...] = ()
    options: Options = DEFAULTS
    base: BaseName | None = None
    depth: int | None = None

    @property
    def is_declared(self) -> bool:
        """Whether the image itself names the base."""
        return any(one.kind in _DECLARING and one.binding != "contradicted" for one in self.evidence)


_DECLARING = frozenset({"provenance", "annotation", "label", "buildpacks", "chain-index"})


def decide(
    target: PlatformImage,
    now: PlatformImage | Absent,
    then: PlatformImage | Digest | None = None,
    evidence: tuple[Evidence, ...] = (),
    options: Options = DEFAULTS,
    *,
    base: BaseName | None = None,
    depth: int | None = None,
) -> Verdict:
    """Return the verdict on an image of one platform, from documents that are at hand.

    What is missing among them (a config) counts as not to be had. The arguments are those of Case.
    """
    return unanswered(judge(Desk(), Case(target, now, then, evidence, options, base, depth)))


def judge(desk: Desk, case: Case) -> Steps[Verdict]:
    """Return the verdict, asking for the configs that it takes. Rules: V2, V5, V6, V9, C1 to C4, C6, C7, E4, E7."""
    target, now = case.target, case.now
    trouble = schema1_trouble(target.manifest)
    if trouble:
        return verdict(case, values.NO_EVIDENCE, trouble)
    if isinstance(now, Absent):
        return (yield from _without_now(desk, case, now))
    trouble = schema1_trouble(now.manifest)
    if trouble:
        return verdict(case, values.BASE_UNREADABLE, trouble, absent=Absent("invalid", trouble))
    if not now.layers:
        return verdict(case, values.EMPTY_BASE, "a base without layers is under every image")
    if target.digest == now.digest:
        return verdict(case, values.SAME_BASE, "the image is the base itself", then=now)
    if isinstance(case.then, PlatformImage):
        return (yield from _knowing_then(desk, case, now, case.then))
    if case.then is not None:
        return (yield from _claimed(desk, case, now, case.then))
    return (yield from _without_then(desk, case, now))


def verdict(
    case: Case,
    reason: str,
    detail: str = "",
    *,
    hint: str = "",
    then: PlatformImage | Digest | None = None,
    absent: Absent | None = None,
) -> Verdict:
    """Return the verdict of this reason. then: what the image was built on, where the case does not have it."""
    then = then or case.then
    return Verdict(
        REASONS[reason],
        reason,
        case.target.platform,
        case.target.digest,
        case.base,
        then.digest if isinstance(then, PlatformImage) else then,
        case.now.digest if isinstance(case.now, PlatformImage) else None,
        case.evidence,
        detail=detail,
        hint=hint,
        absent=absent,
    )


def _without_now(desk: Desk, case: Case, absent: Absent) -> Steps[Verdict]:
    if isinstance(case.then, PlatformImage):
        how = yield from fit(desk, case.target, case.then)
        if how == "none" and not is_squashed(case.target, case.then):
            return verdict(case, values.CONFLICT, "the base that is named is no prefix of the image", absent=absent)
    if absent.kind == "platform-missing":
        return verdict(case, values.PLATFORM_MISSING, absent.detail)
    by_hand = any(one.kind == "given" for one in case.evidence)
    if absent.kind == "not-found" and case.is_declared and not by_hand:
        return verdict(case, values.RETAGGED_AWAY, f"{case.base or 'the base'} is not there any more", absent=absent)
    return verdict(case, values.BASE_UNREADABLE, absent.detail, absent=absent)


def _knowing_then(desk: Desk, case: Case, now: PlatformImage, then: PlatformImage) -> Steps[Verdict]:
    if not then.layers:
        return verdict(case, values.EMPTY_BASE, "what the image is said to be built on has no layers")
    how = yield from fit(desk, case.target, then)
    detail = ""
    if how in {"rewritten", "none"}:
        if how == "none" and not is_squashed(case.target, then):
            return verdict(case, values.CONFLICT, "what the image is said to be built on is no prefix of it")
        # C6 and C7: the layers contradict nothing, and what the base was is known by its digest.
        detail = "by digests, since the image's layers were " + ("rewritten" if how == "rewritten" else "squashed")
    return (yield from _moved(desk, case, now, then, detail))


def _moved(desk: Desk, case: Case, now: PlatformImage, then: PlatformImage, detail: str) -> Steps[Verdict]:
    """Compare what the base was with what it is: layers (C3), then the rest (C4)."""
    if then.digest == now.digest:
        return verdict(case, values.SAME_BASE, detail)
    if not (yield from same_layers(desk, then, now)):
        return verdict(case, values.LAYERS, detail or _layer_detail(then, now))
    if case.options.ignore_metadata:
        return verdict(case, values.SAME_CONTENT, detail)
    was, new = (yield from read_config(desk, then)), (yield from read_config(desk, now))
    changes = history_changes(was, new)
    fields = config_changes(was.config, new.config, None)
    if fields:
        ours = yield from read_config(desk, case.target)
        fields = config_changes(was.config, new.config, ours.config)
    changes += fields
    if changes:
        return verdict(case, values.METADATA, "; ".join(changes[:_CHANGES]))
    return verdict(case, values.SAME_CONTENT, detail)


def _claimed(desk: Desk, case: Case, now: PlatformImage, then: Digest) -> Steps[Verdict]:
    """Only a digest is known of what the image was built on: an index's or a platform's (E4, E7)."""
    how = yield from fit(desk, case.target, now)
    under = how in {"digests", "content"}
    silent = how == "rewritten" or (how == "none" and is_squashed(case.target, now))
    if then in now.digests:
        if under or silent:
            return verdict(case, values.SAME_BASE, "" if under else "by digests alone", then=now)
        return verdict(case, values.CONFLICT, "what the image is said to be built on is no prefix of it")
    if under and (case.depth or 0) > len(now.layers):
        return verdict(case, values.LAYERS, _shorter(case, now))
    if under:
        return (yield from _on_now(desk, case, now))
    why = "the image's layers say nothing" if silent else "the base that is now is no prefix of the image"
    return verdict(case, values.LAYERS, f"{then.value[:19]} is not served any more, and {why}")


def _without_then(desk: Desk, case: Case, now: PlatformImage) -> Steps[Verdict]:
    how = yield from fit(desk, case.target, now)
    depth = case.depth
    if how in {"digests", "content"}:
        if depth is not None and depth > len(now.layers):
            return verdict(
                case, values.LAYERS, f"the image has {depth} layers of its base, which has {len(now.layers)} now"
            )
        return (yield from _on_now(desk, case, now))
    if depth is not None and not is_rewritten(case.target, depth):
        return verdict(case, values.LAYERS, f"the image's first {depth} layers are the base's, which has others now")
    return (yield from _unrelated(desk, case, now, how))


def _shorter(case: Case, now: PlatformImage) -> str:
    return f"the image has {case.depth} layers of its base, which has {len(now.layers)} now"


def _unrelated(desk: Desk, case: Case, now: PlatformImage, how: Fit) -> Steps[Verdict]:
    if how == "rewritten":
        return verdict(case, values.REWRITTEN, "the image's layers have rewritten times", hint=PACKAGES_HINT)
    if now.index is None:
        there = (yield from read_config(desk, now)).platform
        if not fits_platform(case.target.platform, there):
            return verdict(case, values.PLATFORM_MISSING, f"the base is of {there} alone")
    if case.is_declared and is_squashed(case.target, now):
        return verdict(case, values.SQUASHED, "the image may be squashed", hint=PACKAGES_HINT)
    return verdict(case, values.NOT_BASED, "no known state of the base is a prefix of the image")


def _on_now(desk: Desk, case: Case, now: PlatformImage) -> Steps[Verdict]:
    """Compare the history of the base's layers, which are the image's first (C4); what the base was is not at hand (C10)."""
    if not case.options.ignore_metadata:
        ours, new = (yield from read_config(desk, case.target)), (yield from read_config(desk, now))
        changes = history_changes(ours, new, prefix=True)
        if changes:
            return verdict(case, values.METADATA, "; ".join(changes[:_CHANGES]))
    return verdict(case, values.SAME_CONTENT)


_CHANGES = 3


def _layer_detail(then: PlatformImage, now: PlatformImage) -> str:
    for at, (was, new) in enumerate(zip(then.layers, now.layers, strict=False), 1):
        if was.digest != new.digest:
            return (
                f"the base's layer {at} of {len(then.layers)} was {was.digest.value[:19]}, now {new.digest.value[:19]}"
            )
    return f"the base had {len(then.layers)} layers, now {len(now.layers)}"
