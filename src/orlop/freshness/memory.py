"""What earlier runs decided: verdicts that still stand, and those that stand in for what cannot be asked now (V8, Q5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from orlop.errors import OrlopError
from orlop.freshness import values
from orlop.freshness.engine import Trace
from orlop.freshness.notebook import LEARNT
from orlop.freshness.report import verdict_of
from orlop.freshness.texts import Texts, encoded
from orlop.freshness.values import Absent, BaseName, Verdict
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.freshness.engine import Engine, Place
    from orlop.freshness.notebook import Key, Notebook
    from orlop.freshness.plan import Asked, CheckOptions

OPEN_S = 86400.0
"""Seconds that a verdict stands which more referrers, tags or known bases might change."""


class Recalled(NamedTuple):
    """Verdicts of an earlier run. kept: those that could not be asked again, as they were, by the image's digest. at: when."""

    verdicts: tuple[Verdict, ...]
    trace: Trace
    at: float
    kept: Mapping[Digest | None, Verdict]


class Memory:
    """Remembers verdicts, and asks whether they still hold."""

    def __init__(self, engine: Engine, options: CheckOptions) -> None:
        self._engine, self._options = engine, options.text
        self._notebook: Notebook = engine.notebook
        self._texts = Texts()

    def key(self, asked: Asked, digest: Digest) -> Key:
        """Return what the verdicts on an image are kept under."""
        return asked.key(digest, self._options)

    def remember(self, key: Key, verdicts: Sequence[Verdict], trace: Trace) -> None:
        """Keep verdicts, if they follow from what the trace has alone: from digests, and from places that were not there to fail."""
        if not self._notebook.keeps or trace.trouble or not verdicts:
            return
        plain = not trace.grows and not trace.missed
        if all(one.is_lasting or plain for one in verdicts):
            about = {"at": self._notebook.now(), "grows": trace.grows, "places": trace.places, "stated": trace.stated}
            platforms = ",".join([self._texts.verdict(one) for one in verdicts])
            record = f'{encoded(about)[:-1]},"platforms":[{platforms}]}}'
            self._notebook.remember(key, record)

    def record(self, key: Key) -> dict[str, Any] | None:
        """Return what was decided before, whether it still holds or not."""
        return self._notebook.recall(key)

    async def recall(self, record: Mapping[str, Any]) -> Recalled | None:
        """Return the verdicts of a record if nothing has moved that they hang on; it costs the HEADs of those tags.

        Where one cannot be asked, nothing is decided anew from less: what hangs on it is unknown, and keeps what it was before.
        """
        if record["grows"]:
            learnt = self._notebook.recall(LEARNT)
            if self._notebook.now() - record["at"] > OPEN_S or (learnt and learnt["at"] > record["at"]):
                return None
        trace = Trace()
        trace.places.update(record["places"])
        trace.stated.update(record.get("stated", {}))
        refused: dict[str, Absent] = {}
        for text, digest in trace.places.items():
            try:
                place = await self._engine.place(BaseName.parse(text))
            except OrlopError:
                return None
            now = await self._engine.resolve(place, known=True)
            if not isinstance(now, Absent):
                if now.descriptor.digest.value != digest:
                    return None
            elif now.is_gone:
                return None
            else:
                refused[text] = now
        verdicts = [verdict_of(one) for one in record["platforms"]]
        kept: dict[Digest | None, Verdict] = {}
        for at, verdict in enumerate(verdicts):
            why = refused.get(verdict.base.text) if verdict.base is not None else None
            if why is not None:
                kept[verdict.digest] = verdict
                verdicts[at] = postponed(verdict, why)
        return Recalled(tuple(verdicts), trace, record["at"], kept)

    def last(self, asked: Asked, home: Place, absent: Absent) -> Recalled | None:
        """Return what was decided of an image that cannot be asked for now, at the digest that its tag was last seen at."""
        own = home.base
        if own.repository is None or own.tag is None or absent.is_gone:
            return None
        digest = self._notebook.last(str(own.repository), own.tag.value)
        record = None if digest is None else self.record(self.key(asked, Digest(digest)))
        if record is None:
            return None
        before = [verdict_of(one) for one in record["platforms"]]
        made = tuple(postponed(verdict, absent) for verdict in before)
        return Recalled(made, Trace(), record["at"], {verdict.digest: verdict for verdict in before})


def postponed(verdict: Verdict, absent: Absent) -> Verdict:
    """Return the verdict as it is while it cannot be asked for: unknown, on the same evidence. Nothing turns stale for want of quota."""
    return replace(
        verdict,
        state=values.UNKNOWN,
        reason=values.BASE_UNREADABLE,
        now_digest=None,
        upstream="",
        detail=absent.detail,
        hint="",
        ancestors=(),
        absent=absent,
    )
