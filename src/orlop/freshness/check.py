"""The check of one image: its platforms, their bases, the bases' bases, and what earlier runs know."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from orlop.errors import OrlopError, PlatformChoiceError, UnsupportedError
from orlop.freshness import values
from orlop.freshness.ages import estimates, stated
from orlop.freshness.alike import Alike
from orlop.freshness.asking import Desk
from orlop.freshness.behind import behind
from orlop.freshness.cooling import cool_down, cooled_below
from orlop.freshness.engine import Trace
from orlop.freshness.fold import fold, with_ancestors
from orlop.freshness.images import Unread, images_in, read_config
from orlop.freshness.inquiry import inquire
from orlop.freshness.memory import Memory
from orlop.freshness.once import Once
from orlop.freshness.report import About
from orlop.freshness.values import Absent, BaseName, PlatformImage, Report, Verdict, platform_text
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.freshness.behind import Behind, Waiting
    from orlop.freshness.engine import Engine, Place
    from orlop.freshness.memory import Recalled
    from orlop.freshness.plan import Asked, CheckOptions
    from orlop.model.manifest import Manifest
    from orlop.runtime import Runtime

ANCESTORS_LIMIT = 8
_ANCESTORS_ROOM = 10_000
# States of bases that a run knows the age of.
_MOST = 10_000


class Checker:
    """Checks images in one run. side_by_side: how many platforms of an image at once."""

    def __init__(self, engine: Engine, runtime: Runtime, options: CheckOptions, *, side_by_side: int = 1) -> None:
        self._engine, self._runtime, self._options = engine, runtime, options
        self._notebook = engine.notebook
        self._rules = options.rules
        self._alike = Alike()
        self._memory = Memory(engine, options)
        self._side_by_side = side_by_side
        self._above: Once[tuple[tuple[Verdict, ...], Trace]] = Once(runtime, _ANCESTORS_ROOM)
        self._learnt: set[tuple[BaseName, Digest]] = set()
        self._times: dict[tuple[Digest, Digest | None], list[tuple[str, float]]] = {}
        self._lags: dict[tuple[str, str, Digest | None, Digest], Behind] = {}

    async def check(self, asked: Asked) -> Report:
        """Return the report on one image; what could not be asked is in its ``error``, and is not raised."""
        try:
            bases = asked.given()
            home = await self._engine.place(BaseName.parse(asked.subject))
        except OrlopError as error:
            return _failed(asked, None, error)
        digest = home.name
        if not isinstance(digest, Digest):
            resolved = await self._engine.resolve(home)
            if isinstance(resolved, Absent):
                return self._refused(asked, home, resolved)
            digest = resolved.descriptor.digest
        record = self._memory.record(self._memory.key(asked, digest))
        if record is not None:
            recalled = await self._memory.recall(record)
            if recalled is not None:
                return self._report(asked, home, digest, recalled.verdicts, recalled.trace, recalled)
        manifest = await self._engine.named(home, shared=False)
        if isinstance(manifest, Absent):
            return _failed(asked, digest, manifest.error)
        digest, trace = manifest.digest, Trace()
        try:
            images = await self._images(asked, home, manifest, trace)
        except OrlopError as error:
            return _failed(asked, digest, error)
        verdicts, trace = await self._decide(home, images, bases, trace)
        self._memory.remember(self._memory.key(asked, digest), verdicts, trace)
        return self._report(asked, home, digest, verdicts, trace)

    def _refused(self, asked: Asked, home: Place, absent: Absent) -> Report:
        """Return the report on an image that cannot be asked for, with what is known of it from before."""
        before = self._memory.last(asked, home, absent)
        if before is None:
            return _failed(asked, None, absent.error)
        about = tuple(About(kept=before.kept[one.digest], kept_at=before.at) for one in before.verdicts)
        return Report(asked.subject, None, values.UNKNOWN, before.verdicts, absent.error, about)

    # --- deciding ------------------------------------------------------------------------------------

    async def _images(
        self, asked: Asked, home: Place, manifest: Manifest, trace: Trace
    ) -> tuple[PlatformImage | Unread, ...]:
        found = await self._engine.run(images_in(Desk(), manifest, wish=asked.wish), home, trace)
        if found:
            return found
        if asked.wish is None:
            raise UnsupportedError("an up-to-date check", asked.subject, "it holds no image")
        there = await self._engine.run(images_in(Desk(), manifest), home, trace)
        raise PlatformChoiceError(asked.subject, str(asked.wish), tuple(str(one.platform) for one in there), 0)

    async def _decide(
        self, home: Place, images: Sequence[PlatformImage | Unread], bases: Sequence[BaseName], trace: Trace
    ) -> tuple[tuple[Verdict, ...], Trace]:
        async def one(image: PlatformImage | Unread) -> tuple[Verdict, Trace]:
            return await self._platform(home, image, bases)

        made: list[tuple[Verdict, Trace]] = []
        if self._side_by_side == 1 or len(images) == 1:
            made = [await one(image) for image in images]
        else:
            async for outcome in self._runtime.map(one, images, limit=self._side_by_side, ordered=True):
                made.append(outcome.result())
        for _, hung_on in made:
            trace.add(hung_on)
        return tuple(verdict for verdict, _ in made), trace

    async def _platform(
        self, home: Place, image: PlatformImage | Unread, bases: Sequence[BaseName]
    ) -> tuple[Verdict, Trace]:
        trace = Trace()
        if isinstance(image, Unread):
            trace.note(image.absent)
            detail = f"its own manifest cannot be read: {image.absent.detail}"
            unread = Verdict(values.UNKNOWN, values.NO_EVIDENCE, image.platform, image.digest, detail=detail)
            return replace(unread, absent=image.absent), trace
        key = None if bases or self._options.inputs else self._alike.key(image)
        known = None if key is None else self._alike.find(key, image)
        if known is not None:
            return known
        outcome = await self._engine.run(inquire(image, bases, self._rules, self._engine.shelf), home, trace)
        verdict = outcome.verdict
        if outcome.now is not None:
            await self._learn(outcome.now, home)
            if verdict.state == values.STALE:
                trace.stated[outcome.now.digest.value] = await self._stated(outcome.now, outcome.then, home)
            if self._options.ancestors:
                above = await self._ancestors(outcome.now)
                if above is not None:
                    verdict = with_ancestors(verdict, above[0], self._rules)
                    trace.add(above[1])
        if key is not None:
            self._alike.keep(key, image, outcome, verdict, trace)
        return verdict, trace

    async def _stated(self, now: PlatformImage, then: PlatformImage | None, home: Place) -> list[tuple[str, float]]:
        """Return when a base says that it was made: read once for all that are built on it."""
        key = (now.digest, None if then is None else then.digest)
        if key not in self._times and len(self._times) < _MOST:
            before = None if then is None else await self._whole(then, home)
            self._times[key] = stated(await self._whole(now, home), before)
        return self._times.get(key, [])

    async def _ancestors(self, image: PlatformImage) -> tuple[tuple[Verdict, ...], Trace] | None:
        """Return the verdicts on a base, on its base, and so on (V7): once for all that are built on it."""
        if image.place is None:
            return None
        place = image.place

        async def follow() -> tuple[tuple[Verdict, ...], Trace]:
            trace, made = Trace(), []
            home = await self._engine.place(place)
            seen: set[Digest] = set()
            now: PlatformImage | None = image
            while now is not None and now.digest not in seen and len(seen) < ANCESTORS_LIMIT:
                seen.add(now.digest)
                outcome = await self._engine.run(inquire(now, (), self._rules, self._engine.shelf), home, trace)
                made.append(outcome.verdict)
                now = outcome.now
            return tuple(made), trace

        found = await self._above.get(f"{image.digest.value} {place}", follow)
        return None if isinstance(found, Absent) else found

    async def _learn(self, image: PlatformImage, home: Place) -> None:
        """Note a base by its chain id (E10)."""
        base = image.place
        if not self._notebook.keeps or base is None or base.repository is None or (base, image.digest) in self._learnt:
            return
        self._learnt.add((base, image.digest))
        self._notebook.know(await self._whole(image, home), base)

    async def _whole(self, image: PlatformImage, home: Place) -> PlatformImage:
        """Return an image with its config."""
        return await self._engine.run(read_config(Desk(self._engine.shelf), image), home, Trace())

    # --- reporting -----------------------------------------------------------------------------------

    def _report(
        self,
        asked: Asked,
        home: Place,
        digest: Digest,
        verdicts: tuple[Verdict, ...],
        trace: Trace,
        recalled: Recalled | None = None,
    ) -> Report:
        self._see(home, digest, verdicts, trace)
        waits: list[Waiting | None] = [None] * len(verdicts)
        if self._options.min_age_s > 0:
            cooled = [self._cooled(one, home) for one in verdicts]
            verdicts, waits = tuple(one for one, _ in cooled), [one for _, one in cooled]
        about = tuple(self._about(one, waiting, trace, recalled) for one, waiting in zip(verdicts, waits, strict=True))
        error = next((one.absent.error for one in verdicts if _is_trouble(one) and one.absent), None)
        return Report(asked.subject, digest, fold(verdicts), verdicts, error, about)

    def _see(self, home: Place, digest: Digest, verdicts: Sequence[Verdict], trace: Trace) -> None:
        """Note what the tags point to, the image's own and those of bases (A1)."""
        seen: list[tuple[str, str, str, str, str]] = []
        own = _spot(home.base) if home.base.digest is None else None
        for one in verdicts:
            platform = platform_text(one.platform)
            if own is not None and one.digest is not None:
                seen.append((*own, platform, digest.value, one.digest.value))
            for at in (one, *one.ancestors, *one.others):
                if at.base is None or at.now_digest is None:
                    continue
                spot = _spot(at.base)
                index = trace.places.get(str(at.base)) if spot is not None else None
                if spot is not None and index is not None:
                    text = platform_text(at.platform) if at.platform is not None else platform
                    seen.append((*spot, text, index, at.now_digest.value))
        self._notebook.see_all(seen)

    def _cooled(self, verdict: Verdict, home: Place) -> tuple[Verdict, Waiting | None]:
        """Return the verdict with a base too young left out of account (A5), be it the image's own or one below."""
        if verdict.reason == values.UPSTREAM:
            below = (replace(one, platform=one.platform or verdict.platform) for one in verdict.ancestors)
            return cooled_below(verdict, [self._cooled(one, home) for one in below])
        base, own = verdict.base, home.base
        if base is None or base.repository is None or base.tag is None:
            return verdict, None
        platform = platform_text(verdict.platform)
        built_by = None
        if own.repository is not None and own.tag is not None and verdict.digest is not None:
            seen = self._notebook.history(str(own.repository), own.tag.value, platform)
            times = [span.first_seen for span in seen if span.platform_digest == verdict.digest.value]
            built_by = min(times, default=None)
        # What is not kept never grows old, so its age is none that counts.
        keeps = self._notebook.keeps
        history = self._notebook.history(str(base.repository), base.tag.value, platform) if keeps else []
        return cool_down(verdict, history, self._options.min_age_s, self._notebook.now(), built_by=built_by)

    def _about(self, verdict: Verdict, waiting: Waiting | None, trace: Trace, recalled: Recalled | None) -> About:
        kept = None if recalled is None else recalled.kept.get(verdict.digest)
        kept_at = recalled.at if recalled is not None and kept is not None else None
        remembered = recalled is not None and kept is None
        return About(self._behind(verdict, trace), waiting, kept, kept_at, remembered)

    def _behind(self, verdict: Verdict, trace: Trace) -> Behind | None:
        base = verdict.base
        if verdict.state != values.STALE or base is None or base.repository is None or base.tag is None:
            return None
        if verdict.now_digest is None:
            return None
        key = (base.text, platform_text(verdict.platform), verdict.then_digest, verdict.now_digest)
        known = self._lags.get(key)
        if known is not None:
            return known
        history = self._notebook.history(str(base.repository), base.tag.value, platform_text(verdict.platform))
        then = verdict.then_digest.value if verdict.then_digest else None
        # Where the digest is of an index, the platform's own is the one that was seen below it.
        then = next((span.platform_digest for span in history if then == span.digest), then)
        said = trace.stated.get(verdict.now_digest.value, ())
        times = estimates(self._engine.seen(base), said, self._notebook.now())
        made = behind(history, then, verdict.now_digest.value, times)
        if len(self._lags) < _MOST:
            self._lags[key] = made
        return made


def _is_trouble(verdict: Verdict) -> bool:
    """Whether something could not be asked, rather than decided (V4, V9)."""
    return verdict.reason in {values.BASE_UNREADABLE, values.NO_EVIDENCE} and verdict.absent is not None


def _failed(asked: Asked, digest: Digest | None, error: OrlopError | None) -> Report:
    return Report(asked.subject, digest, values.UNKNOWN, (), error)


@lru_cache(maxsize=1024)
def _spot(base: BaseName) -> tuple[str, str] | None:
    """Return the repository and the tag that a name has, None where it lacks either."""
    return None if base.repository is None or base.tag is None else (str(base.repository), base.tag.value)
