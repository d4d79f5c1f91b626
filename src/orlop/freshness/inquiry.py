"""The whole question about one image of one platform: which base, how it is known, and whether the image is up to date with it.

It asks for the cheapest documents first, and for no more than the answer takes (E1, C1, C5).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orlop.freshness import values
from orlop.freshness.asking import Desk
from orlop.freshness.attested import Provenance, from_index, from_referrers
from orlop.freshness.candidates import Found, longest, walk_family, weigh
from orlop.freshness.chains import chain_ids, history_seam
from orlop.freshness.evidence import annotation_claims, buildpack_claims, label_claims
from orlop.freshness.images import open_base, read_config, schema1_trouble
from orlop.freshness.values import DEFAULTS, Absent, BuildInput, Evidence, PlatformImage, Verdict
from orlop.freshness.verdict import Case, judge, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.asking import Steps
    from orlop.freshness.values import BaseName, Options
    from orlop.model.digest import Digest


class Outcome(NamedTuple):
    """The verdict, and the base as it is and as it was, to go on from: its own base, its age, what changed in it."""

    verdict: Verdict
    now: PlatformImage | None = None
    then: PlatformImage | None = None


def inquire(
    target: PlatformImage,
    bases: Sequence[BaseName] = (),
    options: Options = DEFAULTS,
    shelf: dict[object, PlatformImage] | None = None,
) -> Steps[Outcome]:
    """Return the outcome for an image of one platform.

    bases: those that were given by hand; without any, the base is found from evidence. shelf: as for Desk. See ``asking`` for how to
    run it.
    """
    desk = Desk(shelf)
    if bases:
        from orlop.freshness.given import against

        return (yield from against(desk, target, bases, options))
    return (yield from _Search(desk, target, options).run())


class _Search:
    """Looks for the base from kind to kind of evidence, until what is found decides."""

    def __init__(self, desk: Desk, target: PlatformImage, options: Options) -> None:
        self._desk, self._target, self._options = desk, target, options
        self._evidence: list[Evidence] = []
        self._best: Found | None = None
        self._anchors: list[Found] = []
        self._provenance = Provenance()

    def run(self) -> Steps[Outcome]:
        trouble = schema1_trouble(self._target.manifest)
        if trouble:
            return self._without_base(values.NO_EVIDENCE, trouble)
        for claim in annotation_claims(self._target):
            if claim.base is not None and claim.base.is_scratch:
                self._evidence.append(claim)
                return self._without_base(values.NO_BASE, "its base is named as scratch")
            yield from self._weigh(claim)
        if self._certainty < 4 or self._options.inputs:
            self._take((yield from from_index(self._desk, self._target)))
        # What is declared and cannot be asked is no reason to take another base for it: labels are inherited, and known bases are for
        # images that declare none (E6, E10, V9).
        unasked = self._best is not None and isinstance(self._best.now, Absent)
        if self._certainty < 2 and not unasked and self._provenance.reason != values.NO_BASE:
            yield from self._config_claims()
        if self._certainty < 2 and not self._provenance.reason:
            self._take((yield from from_referrers(self._desk, self._target)))
        if self._certainty == 0:
            return self._nothing()
        return (yield from self._decided())

    @property
    def _certainty(self) -> int:
        return self._best.certainty if self._best else 0

    def _weigh(self, claim: Evidence) -> Steps[None]:
        if claim.base is None:
            self._evidence.append(claim)
            return
        found = yield from weigh(self._desk, self._target, claim, claim.base)
        self._evidence.append(found.evidence)
        self._keep(found)

    def _keep(self, found: Found) -> None:
        if found.certainty > self._certainty:
            self._best = found
        elif found.then is not None and not found.base.is_tracked and found.evidence.binding != "contradicted":
            self._anchors.append(found)

    def _take(self, provenance: Provenance) -> None:
        self._evidence.extend(provenance.evidence)
        self._provenance = provenance
        if provenance.found is not None:
            self._keep(provenance.found)

    def _config_claims(self) -> Steps[None]:
        """Look at what takes the config: buildpacks, labels, chain ids. The one with most layers wins (E6, E9, E10)."""
        self._target = yield from read_config(self._desk, self._target)
        config = self._target.config
        if config is None:
            return
        found: list[Found] = []
        for claim in buildpack_claims(config):
            if claim.base is None:
                self._evidence.append(claim)
            else:
                found.append((yield from weigh(self._desk, self._target, claim, claim.base)))
        labels: list[Found] = []
        for claim in label_claims(config):
            if claim.base is None or claim.base.is_scratch:
                self._evidence.append(claim)
            else:
                labels.append((yield from self._label(claim, claim.base)))
        matches = yield from self._desk.chain(chain_ids(self._target.diff_ids or ())[::-1])
        for match in matches:
            whole = match.depth >= len(self._target.layers)
            if whole and (match.digest is None or match.digest in self._target.digests):
                continue  # the image itself, which is known as a base of others
            base = match.base if match.digest is None else match.base.pinned(match.digest)
            claim = Evidence("chain-index", base, "confirmed", "by the chain of its layers", match.depth)
            one = yield from weigh(self._desk, self._target, claim, base)
            if one.evidence.binding != "contradicted":
                found.append(one if one.fits else one._replace(evidence=replace(one.evidence, binding="confirmed")))
                break
        believed = found + [one for one in labels if one.evidence.binding == "confirmed"]
        self._evidence.extend(one.evidence for one in (*found, *labels))
        tracked = [one for one in believed if one.certainty]
        best = yield from longest(self._desk, self._target, tracked)
        for one in ([best] if best else []) + [one for one in believed if one is not best]:
            self._keep(one)

    def _label(self, claim: Evidence, base: BaseName) -> Steps[Found]:
        """Return a label's base; where neither its digest nor its tag confirms it, perhaps another state of it does."""
        found = yield from weigh(self._desk, self._target, claim, base)
        if found.evidence.binding in {"confirmed", "contradicted"} or not base.is_tracked:
            return found
        walked = yield from walk_family(self._desk, self._target, base, found.now, self._options.family_limit)
        if walked is None:
            return found
        bound = replace(
            claim, binding="confirmed", note=walked.evidence.note, depth=walked.depth, then=walked.evidence.then
        )
        return walked._replace(evidence=bound)

    def _decided(self) -> Steps[Outcome]:
        best = self._best
        if best is None:  # pragma: no cover  # the caller has looked
            return self._nothing()
        then = best.then
        if then is None:
            then = next((one.then for one in self._anchors if one.base.same_place(best.base)), None)
        if then is None and isinstance(best.now, PlatformImage) and not best.fits and not best.evidence.depth:
            walked = yield from walk_family(self._desk, self._target, best.base, best.now, self._options.family_limit)
            if walked is not None:
                self._evidence.append(walked.evidence)
                then = walked.then
        now = best.now if best.now is not None else Absent("not-found", "its tag is not known")
        made = yield from self._judged(best, now, then)
        inputs, state = yield from self._inputs()
        if inputs:
            made = replace(made, build_inputs=inputs)
        if state == values.STALE and made.state == values.FRESH:
            moved = next(one for one in inputs if one.state == values.STALE)
            made = replace(
                made, state=values.STALE, reason=values.LAYERS, detail=f"the build used {moved.base}, which has moved"
            )
        return Outcome(
            made,
            now if isinstance(now, PlatformImage) else None,
            then if isinstance(then, PlatformImage) else None,
        )

    def _judged(self, best: Found, now: PlatformImage | Absent, then: PlatformImage | Digest | None) -> Steps[Verdict]:
        depth = best.evidence.depth if best.evidence.kind in {"buildpacks", "chain-index"} else None
        evidence = (best.evidence, *(one for one in self._evidence if one != best.evidence))
        case = Case(self._target, now, then, evidence, self._options, best.base.moving, depth)
        return (yield from judge(self._desk, case))

    def _inputs(self) -> Steps[tuple[tuple[BuildInput, ...], str]]:
        """Return the other images of the build; where that was asked for, with their states (E3)."""
        made: list[BuildInput] = []
        base = self._best.base.moving if self._best else None
        for one in self._provenance.inputs:
            if one.base.moving == base:
                continue
            if not self._options.inputs or one.base.digest is None or not one.base.is_tracked:
                made.append(one)
                continue
            platform = one.platform or self._target.platform
            now = yield from open_base(self._desk, one.base, platform)
            if isinstance(now, Absent):
                made.append(replace(one, state=values.UNKNOWN))
                continue
            same = one.base.digest in now.digests
            if not same:
                then = yield from open_base(self._desk, one.base, platform, one.base.digest)
                same = isinstance(then, PlatformImage) and then.digest == now.digest
            made.append(replace(one, state=values.FRESH if same else values.STALE, now_digest=now.digest))
        return tuple(made), values.STALE if any(one.state == values.STALE for one in made) else ""

    def _nothing(self) -> Outcome:
        """Return the outcome where no base was found that can be compared with."""
        said = self._provenance
        if said.reason == values.NO_BASE:
            return self._without_base(said.reason, said.detail)
        if said.reason and said.reason != values.CONFLICT:
            return self._without_base(said.reason, said.detail)
        if said.reason or any(one.binding == "contradicted" and one.base is not None for one in self._evidence):
            return self._without_base(values.CONFLICT, said.detail or "what names a base is contradicted by its layers")
        if self._anchors:
            return self._without_base(
                values.NO_EVIDENCE, f"{self._anchors[0].base} is a digest, and nothing says of which tag"
            )
        return self._without_base(values.NO_EVIDENCE, "nothing says what the image was built on")

    def _without_base(self, reason: str, detail: str) -> Outcome:
        if reason != values.NO_BASE and self._target.config is not None:
            guess = history_seam(self._target.config)
            if guess is not None:
                self._evidence.append(guess)
        absent = self._provenance.absent if reason == values.BASE_UNREADABLE else None
        case = Case(self._target, absent or _NONE, None, tuple(self._evidence), self._options)
        made = verdict(case, reason, detail, absent=absent)
        return Outcome(replace(made, build_inputs=self._provenance.inputs))


_NONE = Absent("not-found")
