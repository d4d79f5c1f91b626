"""Provenance that is attached to an image: which documents to read, and which of the images in them is the base (E1 to E4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import OrlopError
from orlop.freshness import values
from orlop.freshness.candidates import longest, weigh, with_now
from orlop.freshness.images import annotations_of, fits_platform, read_config
from orlop.freshness.layers import is_rewritten
from orlop.freshness.metadata import history_changes, history_of
from orlop.freshness.provenance import (
    DSSE,
    IN_TOTO,
    PROVENANCE_PREFIX,
    SIGSTORE_BUNDLE,
    STATEMENT_LIMIT,
    statement_of,
)
from orlop.freshness.values import Absent, BuildInput, Evidence, PlatformImage
from orlop.model.annotations import DOCKER_REFERENCE_DIGEST, IN_TOTO_PREDICATE
from orlop.model.mediatype import bare

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orlop.freshness.asking import Desk, Steps
    from orlop.freshness.candidates import Found
    from orlop.freshness.provenance import Statement
    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest

ATTESTATIONS_LIMIT = 4
REFERRERS_LIMIT = 100
"""Most referrers that are looked through; ATTESTATIONS_LIMIT of them are read."""
STATEMENTS_LIMIT = 4
CANDIDATES_LIMIT = 24
"""Most images of one build that are fetched to see which one is the base."""

_REFUSED = frozenset({"unreadable", "too-large", "invalid"})

BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_ATTESTATION_TYPE = "application/vnd.docker.attestation.manifest.v1+json"


class Provenance(NamedTuple):
    """What the statements come to.

    found: the base. reason: why there is none, of ``values``; "" where nothing was said. evidence: of what was looked at. inputs: the
    other images of the build.
    """

    found: Found | None = None
    reason: str = ""
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    inputs: tuple[BuildInput, ...] = ()
    absent: Absent | None = None


def from_index(desk: Desk, target: PlatformImage) -> Steps[Provenance]:
    """Return what the attestations say that the image's own index lists."""
    listed: list[Descriptor] = []
    if target.index is not None:
        try:
            entries = target.index.manifests
        except OrlopError:
            entries = []
        listed = [
            entry
            for entry in entries
            if entry.is_attestation and entry.annotations.get(DOCKER_REFERENCE_DIGEST) == target.digest.value
        ]
    return (yield from _read(desk, target, listed))


def from_referrers(desk: Desk, target: PlatformImage) -> Steps[Provenance]:
    """Return what the attestations say that refer to the image."""
    referrers = yield from desk.referrers(target.place, target.digest, REFERRERS_LIMIT)
    return (yield from _read(desk, target, [entry for entry in referrers if _may_hold_provenance(entry)]))


def _may_hold_provenance(entry: Descriptor) -> bool:
    predicate = entry.annotations.get(IN_TOTO_PREDICATE) or entry.annotations.get(BUNDLE_PREDICATE)
    if predicate:
        return predicate.startswith(PROVENANCE_PREFIX)
    kind = bare(entry.artifact_type)
    return kind in {_ATTESTATION_TYPE, IN_TOTO, DSSE} or kind.startswith(SIGSTORE_BUNDLE)


def _read(desk: Desk, target: PlatformImage, entries: Sequence[Descriptor]) -> Steps[Provenance]:
    statements: list[Statement] = []
    evidence: list[Evidence] = []
    for entry in entries[:ATTESTATIONS_LIMIT]:
        manifest = yield from desk.manifest(target.place, entry.digest, entry)
        if isinstance(manifest, Absent):
            evidence.append(Evidence("provenance", None, "unchecked", manifest.detail))
            continue
        for descriptor in _statements_in(manifest)[:STATEMENTS_LIMIT]:
            raw = yield from desk.blob(target.place, descriptor, STATEMENT_LIMIT)
            try:
                if isinstance(raw, Absent):
                    evidence.append(Evidence("provenance", None, "unchecked", raw.detail))
                    continue
                statement = statement_of(raw, f"provenance {descriptor.digest.value[:19]}")
            except OrlopError as error:
                evidence.append(Evidence("provenance", None, "unchecked", str(error)))
                continue
            if not statement.is_provenance:
                continue
            if statement.is_about(target):
                statements.append(statement)
            else:
                evidence.append(Evidence("provenance", None, "contradicted", "the statement is about another image"))
    if not statements:
        return Provenance(evidence=tuple(evidence))
    made = yield from choose_base(desk, target, statements)
    return made._replace(evidence=(*made.evidence, *evidence))


def _statements_in(manifest: Manifest) -> list[Descriptor]:
    """Return the layers that may be provenance: by their annotation, where they have one. Unknown media types are ignored."""
    try:
        layers = manifest.children()
    except OrlopError:
        return []
    whole = annotations_of(manifest).get(BUNDLE_PREDICATE, "")
    made: list[Descriptor] = []
    for layer in layers:
        kind = bare(layer.media_type)
        predicate = layer.annotations.get(IN_TOTO_PREDICATE, "") or layer.annotations.get("predicateType", "") or whole
        known = kind in {IN_TOTO, DSSE} or kind.startswith(SIGSTORE_BUNDLE)
        if known and (not predicate or predicate.startswith(PROVENANCE_PREFIX)):
            made.append(layer)
    return made


def choose_base(desk: Desk, target: PlatformImage, statements: Sequence[Statement]) -> Steps[Provenance]:
    """Return which image of a build is the base: the one whose layers are the longest prefix of the image's (E3)."""
    trouble = tuple(
        Evidence("provenance", None, "unchecked", note) for statement in statements for note in statement.trouble
    )
    images = list(dict.fromkeys(image for statement in statements for image in statement.images))
    frontends = tuple(BuildInput(image.base, image.platform, "frontend") for image in images if image.is_frontend)
    stages = [image for image in images if not image.is_frontend]
    if not stages:
        if not images and not trouble and any(statement.is_buildkit for statement in statements):
            note = "the build used no image at all"
            return Provenance(None, values.NO_BASE, note, (Evidence("provenance", None, "confirmed", note),))
        return Provenance(None, values.NO_EVIDENCE, "the provenance names no image of a stage", trouble, frontends)
    fitting = [image for image in stages if fits_platform(target.platform, image.platform)]
    weighed: list[Found] = []
    for image in fitting[:CANDIDATES_LIMIT]:
        claim = Evidence("provenance", image.base, "unchecked", "among the images of the build")
        weighed.append((yield from weigh(desk, target, claim, image.base, eager=False)))
    chosen, reason, detail = yield from _chosen(desk, target, weighed)
    evidence = tuple(found.evidence for found in weighed if chosen is None or _is_tie(found, chosen))
    inputs = tuple(
        BuildInput(image.base, image.platform) for image in stages if chosen is None or image.base != chosen.base
    )
    if chosen is not None:
        chosen = yield from with_now(desk, target, chosen)
    absent = next((one.why for one in weighed if one.why is not None and one.why.kind in _REFUSED), None)
    return Provenance(chosen, reason, detail, (*evidence, *trouble), (*inputs, *frontends), absent)


def _is_tie(found: Found, chosen: Found) -> bool:
    return found is chosen or (found.fits and chosen.fits and found.depth == chosen.depth)


def _chosen(desk: Desk, target: PlatformImage, found: Sequence[Found]) -> Steps[tuple[Found | None, str, str]]:
    """Return the base, or the reason why none of the images is known to be it."""
    confirmed = [one for one in found if one.evidence.binding == "confirmed"]
    if confirmed:
        return (yield from longest(desk, target, confirmed)), "", ""
    if not found:
        return None, values.CONFLICT, "no image of the build is of the image's platform"
    readable = [one for one in found if isinstance(one.then, PlatformImage)]
    if any(is_rewritten(target, len(image.layers)) for image in _images(readable)):
        by_history = yield from _by_history(desk, target, readable)
        if by_history is not None:
            return by_history, "", ""
        return None, values.REWRITTEN, "the image's layers have rewritten times, and several images may be the base"
    gone = [one for one in found if one.why is not None and one.why.is_gone and _may_be_under(target, one)]
    if len(gone) == 1:
        return gone[0], "", ""
    if gone:
        return None, values.NO_EVIDENCE, "several images of the build are not served any more, and any may be the base"
    refused = next((one.why for one in found if one.why is not None and one.why.kind in _REFUSED), None)
    if refused is not None:
        return None, values.BASE_UNREADABLE, f"an image of the build cannot be read: {refused.detail}"
    if readable and all(len(target.layers) < len(image.layers) for image in _images(readable)):
        # A squash leaves its trace in the history, or none of it; a build from scratch shows each layer as BuildKit's own step.
        if _is_built_whole((yield from read_config(desk, target))):
            return None, values.NO_EVIDENCE, "the images of the build may all be stages of an image from scratch"
        return None, values.SQUASHED, "the image has fewer layers than each image of its build"
    return None, values.CONFLICT, "no image of the build is a prefix of the image"


def _by_history(desk: Desk, target: PlatformImage, found: Sequence[Found]) -> Steps[Found | None]:
    """Return the one base whose whole history the image's begins with; without histories the only one that there is (C7)."""
    if len(found) == 1:
        return found[0]
    ours = yield from read_config(desk, target)
    fitting: list[tuple[int, Found]] = []
    for one in found:
        if isinstance(one.then, PlatformImage):
            there = yield from read_config(desk, one.then)
            steps = history_of(there)
            if steps and history_of(ours) and not history_changes(ours, there, prefix=True):
                fitting.append((len(steps), one))
    longest_history = max((steps for steps, _ in fitting), default=0)
    best = [one for steps, one in fitting if steps == longest_history]
    return best[0] if len(best) == 1 else None


def _may_be_under(target: PlatformImage, found: Found) -> bool:
    """Whether an image that is not served may be the base, as far as its present state tells: with no more layers than the image."""
    return not isinstance(found.now, PlatformImage) or len(found.now.layers) <= len(target.layers)


def _is_built_whole(target: PlatformImage) -> bool:
    steps = history_of(target)
    return steps is not None and all(
        step.comment.startswith("buildkit.") or step.created_by.endswith("# buildkit")
        for step in steps
        if not step.empty_layer
    )


def _images(found: Iterable[Found]) -> list[PlatformImage]:
    return [one.then for one in found if isinstance(one.then, PlatformImage)]
