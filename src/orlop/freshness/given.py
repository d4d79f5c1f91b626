"""Against bases that were given by hand (C10, V9): evidence says at most what the image was built on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orlop.freshness.attested import from_index
from orlop.freshness.candidates import walk_family
from orlop.freshness.evidence import annotation_claims, label_claims
from orlop.freshness.images import open_base, read_config
from orlop.freshness.inquiry import Outcome
from orlop.freshness.layers import fit, is_squashed
from orlop.freshness.values import Absent, Evidence, PlatformImage
from orlop.freshness.verdict import Case, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.asking import Desk, Steps
    from orlop.freshness.values import BaseName, Binding, Options, Verdict
    from orlop.model.digest import Digest


@dataclass(slots=True)
class _Given:
    base: BaseName
    now: PlatformImage | Absent
    fits: bool
    then: PlatformImage | Digest | None = None
    evidence: tuple[Evidence, ...] = ()
    named: bool = False
    verdict: Verdict | None = None

    @property
    def depth(self) -> int:
        return len(self.now.layers) if self.fits and isinstance(self.now, PlatformImage) else 0


def against(desk: Desk, target: PlatformImage, bases: Sequence[BaseName], options: Options) -> Steps[Outcome]:
    """Return the outcome for the base that evidence names, else for the one with most layers under the image; all are reported."""
    claims = annotation_claims(target)
    if target.config is not None:
        claims += label_claims(target.config)
    given: list[_Given] = []
    for base in dict.fromkeys(bases):
        now = yield from open_base(desk, base, target.platform, base.digest)
        fits = isinstance(now, PlatformImage) and (yield from fit(desk, target, now)) in {"digests", "content"}
        one = _Given(base, now, fits)
        yield from _use(desk, target, one, claims)
        given.append(one)
    if not any(one.fits or one.then is not None for one in given):
        yield from _search(desk, target, given, claims, options)
    for one in given:
        if one.fits and one.then is None and not options.ignore_metadata:
            # C4 reads the config now in any case, and a label in it may prove the digest.
            target = yield from read_config(desk, target)
            yield from _use(desk, target, one, label_claims(target.config) if target.config else ())
        binding: Binding = "confirmed" if one.fits else "unchecked"
        evidence = (Evidence("given", one.base, binding, "given", one.depth or None), *one.evidence)
        case = Case(target, one.now, one.then, evidence, options, one.base)
        one.verdict = yield from judge(desk, case)
    main = _main(given)
    if main.verdict is None:  # pragma: no cover  # all were judged
        raise AssertionError
    others = tuple(one.verdict for one in given if one is not main and one.verdict is not None)
    return Outcome(
        replace(main.verdict, others=others),
        main.now if isinstance(main.now, PlatformImage) else None,
        main.then if isinstance(main.then, PlatformImage) else None,
    )


def _main(given: list[_Given]) -> _Given:
    """Return the one that evidence names; else the longest prefix; else one that a former state of is under the image; else the first."""
    named = [one for one in given if one.named and one.then is not None] or [one for one in given if one.named]
    if named:
        return named[0]
    return max(given, key=lambda one: (one.depth, isinstance(one.then, PlatformImage)))


def _use(desk: Desk, target: PlatformImage, one: _Given, claims: Sequence[Evidence]) -> Steps[None]:
    """Take from claims at hand what the image was built on: those of this base, or whose digest is what it is now."""
    for claim in claims:
        if claim.base is None or one.then is not None:
            continue
        digest = claim.base.digest
        same = claim.base.same_place(one.base) and (claim.base.tag in {None, one.base.tag})
        if one.fits and isinstance(one.now, PlatformImage) and digest in one.now.digests:
            one.then, one.named = one.now, True
            one.evidence += (replace(claim, binding="confirmed"),)
        elif same and claim.kind == "annotation":
            yield from _take(desk, target, one, claim, digest)


def _take(desk: Desk, target: PlatformImage, one: _Given, claim: Evidence, digest: Digest | None) -> Steps[None]:
    if digest is None:
        one.named = True
        one.evidence += (claim,)
        return
    then = yield from open_base(desk, one.base, target.platform, digest)
    if isinstance(then, Absent):
        one.then, one.named = digest, True
        one.evidence += (replace(claim, binding="claimed"),)
        return
    how = yield from fit(desk, target, then)
    if how in {"digests", "content"}:
        one.then, one.named = then, True
        one.evidence += (replace(claim, binding="confirmed", depth=len(then.layers), then=then.digest),)
    elif how == "rewritten" or is_squashed(target, then):
        one.then, one.named = then, True
        one.evidence += (replace(claim, binding="claimed", then=then.digest),)
    else:
        # What was given by hand stands for itself; a lie about its past only stays on record.
        one.evidence += (replace(claim, binding="contradicted", then=then.digest),)


def _search(
    desk: Desk, target: PlatformImage, given: Sequence[_Given], claims: Sequence[Evidence], options: Options
) -> Steps[None]:
    """Look for what the image was built on where no given base fits: other tags that are claimed, provenance, families (C5)."""
    for one in given:
        for claim in claims:
            if claim.kind == "annotation" and claim.base and claim.base.digest and claim.base.same_place(one.base):
                yield from _take(desk, target, one, claim, claim.base.digest)
                if one.then is not None:
                    return
    said = yield from from_index(desk, target)
    found = said.found
    for one in given:
        if found is not None and found.base.same_place(one.base) and found.then is not None:
            one.then, one.named = found.then, True
            one.evidence += (found.evidence,)
            return
    for one in given:
        if isinstance(one.now, PlatformImage):
            walked = yield from walk_family(desk, target, one.base, one.now, options.family_limit)
            if walked is not None:
                one.then = walked.then
                one.evidence += (walked.evidence,)
                return
