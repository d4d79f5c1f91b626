"""Which base an image has, how that is known, and how surely; and images learnt as bases of others (E10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from orlop.errors import OrlopError, UnsupportedError
from orlop.freshness.asking import Desk
from orlop.freshness.engine import Trace
from orlop.freshness.images import images_in, read_config
from orlop.freshness.notebook import LEARNT
from orlop.freshness.values import Absent, BaseName, PlatformImage, Verdict, platform_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.engine import Engine, Place
    from orlop.freshness.values import Evidence, Report
    from orlop.model.digest import Digest
    from orlop.model.platform import Platform, PlatformSelector

Sureness = Literal["confirmed", "claimed", "contradicted", "unchecked", "guess", "none"]
"""How sure a base is: as the binding of the evidence that names it; guess: by the history alone; none: nothing names one."""


@dataclass(frozen=True, slots=True)
class FoundBase:
    """The base of one platform's image.

    digest: of the image. base: None where none is known. depth: how many of the image's layers are the base's, where that is known.
    then, now: the base's platform manifest when the image was built, and now. below: the base's own base, and so on down.
    """

    platform: Platform | None
    digest: Digest | None
    base: BaseName | None
    sure: Sureness
    evidence: tuple[Evidence, ...] = ()
    depth: int | None = None
    then: Digest | None = None
    now: Digest | None = None
    detail: str = ""
    below: tuple[FoundBase, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseReport:
    """The bases of an image as it was named, platform by platform. error: what could not be asked."""

    subject: str
    digest: Digest | None
    platforms: tuple[FoundBase, ...] = ()
    error: OrlopError | None = field(default=None, compare=False)


def bases_of(report: Report) -> BaseReport:
    """Return what a report says of bases."""
    found = tuple(_found(verdict) for verdict in report.platforms)
    return BaseReport(report.subject, report.digest, found, report.error)


def _found(verdict: Verdict) -> FoundBase:
    evidence = verdict.evidence
    named = next((one for one in evidence if _names(one, verdict)), None)
    guess = next((one for one in evidence if one.kind == "history"), None)
    sure: Sureness = "none"
    if named is not None:
        sure = named.binding
    elif guess is not None:
        sure = "guess"
    depth = next((one.depth for one in (named, guess) if one is not None), None)
    # The last of a chain is the image at its bottom, which has no base any more.
    below = tuple(_found(one) for one in verdict.ancestors if one.base is not None)
    return FoundBase(
        verdict.platform,
        verdict.digest,
        verdict.base,
        sure,
        evidence,
        depth,
        verdict.then_digest,
        verdict.now_digest,
        verdict.detail,
        below,
    )


def _names(evidence: Evidence, verdict: Verdict) -> bool:
    return evidence.base is not None and verdict.base is not None and evidence.base.moving == verdict.base.moving


@dataclass(frozen=True, slots=True)
class Learnt:
    """An image that is known as a base from now on. platforms: of each, how many layers it has. error: why it is not."""

    subject: str
    digest: Digest | None = None
    platforms: tuple[tuple[Platform | None, int], ...] = ()
    error: OrlopError | None = field(default=None, compare=False)


class Learner:
    """Reads images to know them again under others. wish: only those platforms that fit it best."""

    def __init__(self, engine: Engine, wish: PlatformSelector | None = None) -> None:
        self._engine, self._wish = engine, wish

    async def learn(self, subject: str) -> Learnt:
        """Note all platforms of an image by the chain ids of their layers; an error is the result's."""
        try:
            place = await self._engine.place(BaseName.parse(subject))
        except OrlopError as error:
            return Learnt(subject, error=error)
        if place.base.repository is None:
            reason = "what is learnt has to be found again, in a registry"
            return Learnt(subject, error=UnsupportedError("learning a base", subject, reason))
        manifest = await self._engine.named(place, shared=False)
        if isinstance(manifest, Absent):
            return Learnt(subject, error=manifest.error)
        found = await self._engine.run(images_in(Desk(), manifest, wish=self._wish), place, Trace())
        images = [one for one in found if isinstance(one, PlatformImage)]
        whole = [await self._engine.run(read_config(Desk(), image), place, Trace()) for image in images]
        made = tuple((image.platform, self._engine.notebook.know(image, place.base)) for image in whole)
        self._see(place, manifest.digest, whole)
        if not any(layers for _, layers in made):
            return Learnt(subject, error=UnsupportedError("learning a base", subject, "it holds no image with layers"))
        notebook = self._engine.notebook
        notebook.remember(LEARNT, {"at": notebook.now()})
        return Learnt(subject, manifest.digest, made)

    def _see(self, place: Place, digest: Digest, images: Sequence[PlatformImage]) -> None:
        base = place.base
        if base.repository is None or base.tag is None or base.digest is not None:
            return
        for image in images:
            platform = platform_text(image.platform)
            self._engine.notebook.see(str(base.repository), base.tag.value, platform, digest.value, image.digest.value)
