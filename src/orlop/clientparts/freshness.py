"""Whether images are up to date with their bases: the client's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.clientparts.base import Part, selector_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from orlop.freshness.announce import Notice, Receiver
    from orlop.freshness.check import Checker
    from orlop.freshness.notebook import Notebook
    from orlop.freshness.observed import Observations
    from orlop.freshness.plan import CheckOptions
    from orlop.freshness.updates import Updates
    from orlop.freshness.values import Report
    from orlop.model.locator import Locator
    from orlop.model.platform import PlatformSelector
    from orlop.model.reference import Reference

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
        concurrency: instead of the client's. Tags and documents that several need are asked for once. All else as ``check``.
        """
        from orlop.freshness.plan import Asked

        wish = selector_of(platform)
        checker, notebook = self._checker(options, observed, 1)
        asked = (Asked(one, (), wish) if isinstance(one, str) else Asked(one[0], tuple(one[1]), wish) for one in images)
        limit = concurrency or self.concurrency
        try:
            async for outcome in self._runtime.map(checker.check, asked, limit=limit, ordered=ordered):
                report = outcome.result()
                notebook.announce(_notices(report, receivers, notebook.now()))
                if notebook.is_full:
                    notebook.flush()
                yield report
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
        from orlop.freshness.engine import Engine
        from orlop.freshness.notebook import Notebook
        from orlop.freshness.plan import CheckOptions

        notebook = Notebook(observed, self._runtime.now)
        engine = Engine(self.open, self._runtime, notebook)
        return Checker(engine, self._runtime, options or CheckOptions(), side_by_side=side_by_side), notebook


def _notices(report: Report, receivers: Sequence[Receiver], at: float) -> list[Notice]:
    if not receivers:
        return []
    from orlop.freshness.announce import notices

    return notices(report, receivers, at)
