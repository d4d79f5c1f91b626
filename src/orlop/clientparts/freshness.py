"""Whether images are up to date with their bases: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of
from orlop.model.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from orlop.freshness.announce import Notice, Receiver
    from orlop.freshness.bases import BaseReport, Learnt
    from orlop.freshness.check import Checker
    from orlop.freshness.engine import Engine, Quota
    from orlop.freshness.notebook import Notebook
    from orlop.freshness.observed import Observations
    from orlop.freshness.plan import CheckOptions
    from orlop.freshness.updates import Updates
    from orlop.freshness.values import Report
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference, Repository

SIDE_BY_SIDE = 8


class Freshness(Part):
    """Up-to-date checks. Without bases, each finds the base itself from what the image and its registry say."""

    async def check(
        self,
        ref: str,
        bases: Sequence[str] = (),
        *,
        platform: str | PlatformSelector | None = None,
        options: CheckOptions | None = None,
        observed: Observations | None = None,
        receivers: Sequence[Receiver] = (),
    ) -> Report:
        """Return whether the image is up to date with its base, for each platform with a reason and the evidence.

        bases: to compare with; without any, the base is found from provenance, annotations, labels, buildpacks and known bases.
        platform: only those of the image's platforms that fit best. observed: what earlier runs saw, which this one adds to.
        receivers: who is to be told of a stale platform, once: written into ``observed`` together with the verdicts, for ``deliver``.
        What could not be asked is in the report's ``error``. Raises InvalidPlatformError, StorageError of ``observed``.
        """
        from orlop.freshness.plan import Asked

        asked = Asked(ref, tuple(bases), selector_of(platform))
        checker, notebook = self._checker(options, observed, SIDE_BY_SIDE)
        made = await checker.check(asked)
        notebook.announce(_notices(made, receivers, notebook.now()))
        await self._runtime.run(lambda: notebook.flush(whole=True))
        return made

    async def check_many(
        self,
        images: Iterable[str | tuple[str, Sequence[str]]],
        *,
        platform: str | PlatformSelector | None = None,
        options: CheckOptions | None = None,
        observed: Observations | None = None,
        receivers: Sequence[Receiver] = (),
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> AsyncIterator[Report]:
        """Yield the report on each image, many at once, each with its own error.

        images: references, or pairs of one and its bases, read lazily. ordered: in order of input instead of completion.
        concurrency: most at once, instead of the client's. Tags and documents that several need
        are asked for once. All else as ``check``.
        """
        from orlop.freshness.plan import Asked

        wish = selector_of(platform)
        limit = concurrency or self.concurrency
        checker, notebook = self._checker(options, observed, 1)
        asked = (Asked(one, (), wish) if isinstance(one, str) else Asked(one[0], tuple(one[1]), wish) for one in images)
        try:
            async for outcome in self._runtime.map(checker.check, asked, limit=limit, ordered=ordered):
                report = outcome.result()
                notebook.announce(_notices(report, receivers, notebook.now()))
                if notebook.is_full:
                    notebook.flush()
                yield report
        finally:
            notebook.flush(whole=True)

    async def base(
        self,
        ref: str,
        *,
        platform: str | PlatformSelector | None = None,
        options: CheckOptions | None = None,
        observed: Observations | None = None,
    ) -> BaseReport:
        """Return which base the image has, for each platform: how that is known, how surely, and the bases below it.

        observed: with the bases known from ``learn`` and from earlier checks. All else as ``check``.
        """
        from orlop.freshness.bases import bases_of

        return bases_of(await self.check(ref, platform=platform, options=options, observed=observed))

    async def learn(
        self,
        refs: Iterable[str],
        *,
        observed: Observations,
        platform: str | PlatformSelector | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> AsyncIterator[Learnt]:
        """Yield what was learnt of each image: it is known again as a base of others that declare none.

        refs: of registries, read lazily. observed: where it is kept. platform: only the platforms that fit best; all unless given. An error
        is of one image alone. Raises InvalidPlatformError, StorageError.
        """
        from orlop.freshness.bases import Learner

        engine, notebook = self._engine(observed, 0.0)
        learner = Learner(engine, selector_of(platform))
        limit = concurrency or self.concurrency
        try:
            async for outcome in self._runtime.map(learner.learn, refs, limit=limit, ordered=ordered):
                yield outcome.result()
        finally:
            notebook.flush(whole=True)

    async def updates(self, ref: str | Reference | Locator, *, limit: int = 50) -> Updates:
        """Return what is newer than the reference's tag in its family, and how many releases it is behind.

        limit: most tags whose digests are compared. Raises InputError for a reference without a tag,
        ManifestNotFoundError for a tag that is not there.
        """
        from orlop.errors import InputError
        from orlop.freshness.updates import find_updates
        from orlop.model.reference import Reference, Tag

        located = await self.open(ref)
        name = located.reference.tag if isinstance(located.reference, Reference) else located.name
        if not isinstance(name, Tag):
            name = located.name
        if not isinstance(name, Tag):
            error = InputError(str(ref), "only a tag has newer tags")
            error.noun = "a reference with a tag"
            raise error
        return await find_updates(located.source, name, str(ref), self._runtime, limit=limit)

    def _checker(
        self, options: CheckOptions | None, observed: Observations | None, side_by_side: int
    ) -> tuple[Checker, Notebook]:
        from orlop.freshness.check import Checker
        from orlop.freshness.engine import RESERVE
        from orlop.freshness.plan import CheckOptions

        # One image is somebody's question now; a list can wait, and leaves a part of the quota to others.
        engine, notebook = self._engine(observed, RESERVE if side_by_side == 1 else 0.0)
        return Checker(engine, self._runtime, options or CheckOptions(), side_by_side=side_by_side), notebook

    def _engine(self, observed: Observations | None, reserve: float) -> tuple[Engine, Notebook]:
        from orlop.freshness.engine import Engine
        from orlop.freshness.notebook import Notebook

        notebook = Notebook(observed, self._runtime.now)
        return Engine(self.open, self._runtime, notebook, self._quota, reserve=reserve), notebook

    def _quota(self, repository: Repository) -> Quota:
        """Return what the registry of a repository said that it grants. Docker Hub counts manifests also before it said so."""
        from orlop.freshness.engine import NO_QUOTA, Quota

        if not self._session.rate_limits and repository.host.value != DOCKER_HUB:
            return NO_QUOTA  # most registries never say a word of it
        said = self._session.rate_limits.get(self._session.base_url(repository.host).partition("://")[2])
        if said is None:
            return NO_QUOTA if repository.host.value != DOCKER_HUB else Quota(counts=True)
        return Quota(said.limit, said.remaining, counts=True)


def _notices(report: Report, receivers: Sequence[Receiver], at: float) -> list[Notice]:
    if not receivers:
        return []
    from orlop.freshness.announce import notices

    return notices(report, receivers, at)
