"""What one run adds to the observations: gathered in memory, and written in few transactions.

Lookups see what earlier runs wrote and not what this one adds, so that answers do not hang on the order of the checks.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from orlop.freshness.chains import chain_ids
from orlop.freshness.observed import Sighting
from orlop.freshness.values import platform_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.freshness.announce import Notice
    from orlop.freshness.observed import KnownBase, Observations
    from orlop.freshness.values import BaseName, PlatformImage

FLUSH_AT = 20_000
FLUSH_S = 30.0
"""Notes, and seconds, that are gathered before they are written: each time costs the disk several waits."""

Key = tuple[str, str, str, int, str]
LEARNT: Key = ("", "learnt", "", 0, "")


class Notebook:
    """Notes of one run. observed: where they go, None for nowhere. now: the clock, seconds since 1970."""

    def __init__(self, observed: Observations | None, now: Callable[[], float]) -> None:
        self._observed, self._now = observed, now
        self._guard = threading.Lock()
        self._written = now()
        # A new file has nothing to look up, for thousands of images.
        self._blank = observed is not None and observed.is_empty
        self._seen: dict[tuple[str, str, str], tuple[str, str, float]] = {}
        self._learnt: dict[tuple[str, str, str, str], tuple[int, str, float]] = {}
        self._verdicts: dict[Key, tuple[dict[str, Any] | str, float]] = {}
        self._tags: dict[str, tuple[list[str], float]] = {}
        self._notices: list[tuple[Notice, float]] = []

    @property
    def keeps(self) -> bool:
        """Whether notes outlive the run."""
        return self._observed is not None

    def now(self) -> float:
        """Return the time."""
        return self._now()

    # --- adding --------------------------------------------------------------------------------------

    def see(self, repository: str, tag: str, platform: str, digest: str, platform_digest: str) -> None:
        """Note what a tag points to now, for one platform."""
        self.see_all([(repository, tag, platform, digest, platform_digest)])

    def see_all(self, sightings: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Note many; each has the arguments of ``see``."""
        now = self._now()
        with self._guard:
            for repository, tag, platform, digest, platform_digest in sightings:
                self._seen[repository, tag, platform] = (digest, platform_digest, now)

    def learn(self, chain: str, layers: int, repository: str, tag: str, platform: str, digest: str) -> None:
        """Note a base by the chain id of its layers (E10)."""
        if self._observed is not None:
            with self._guard:
                self._learnt[chain, repository, tag, platform] = (layers, digest, self._now())

    def know(self, image: PlatformImage, base: BaseName) -> int:
        """Note an image as a base that others may be on, and return how many layers it has; 0 where they are not known."""
        chain = chain_ids(image.diff_ids or ())
        if chain and base.repository is not None:
            tag = base.tag.value if base.tag else ""
            platform = platform_text(image.platform)
            self.learn(chain[-1].value, len(chain), str(base.repository), tag, platform, image.digest.value)
        return len(chain)

    def keep_tags(self, repository: str, tags: list[str]) -> None:
        """Note a whole list of tags (T10)."""
        if self._observed is not None:
            with self._guard:
                self._tags[repository] = (tags, self._now())

    def remember(self, key: Key, record: dict[str, Any] | str) -> None:
        """Note a verdict (V8). record: or its JSON text."""
        if self._observed is not None:
            with self._guard:
                self._verdicts[key] = (record, self._now())

    def announce(self, notices: Sequence[Notice]) -> None:
        """Note what is to be told: it is written together with the verdicts (W5)."""
        if self._observed is not None and notices:
            with self._guard:
                self._notices.extend((notice, self._now()) for notice in notices)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        notes = len(self._verdicts) + len(self._seen) + len(self._notices)
        return notes >= FLUSH_AT or (notes > 0 and self._now() - self._written >= FLUSH_S)

    def flush(self, *, whole: bool = False) -> None:
        """Write the notes in one transaction; bases only at the ``whole`` end of the run. Raises StorageError."""
        observed = self._observed
        self._written = self._now()
        with self._guard:
            seen, self._seen = self._seen, {}
            verdicts, self._verdicts = self._verdicts, {}
            tags, self._tags = self._tags, {}
            notices, self._notices = self._notices, []
            learnt: dict[tuple[str, str, str, str], tuple[int, str, float]] = {}
            if whole:
                learnt, self._learnt = self._learnt, {}
        if observed is None or not (seen or verdicts or tags or notices or learnt):
            return
        self._blank = False
        if notices:
            observed.durable()
        with observed.writing():
            observed.see_all([(*name, *what) for name, what in seen.items()])
            observed.remember_all((key, record, at) for key, (record, at) in verdicts.items())
            for repository, (names, at) in tags.items():
                observed.keep_tags(repository, names, at)
            for notice, at in notices:
                observed.announce(notice.id, notice.receiver, notice.fact, notice.body, at)
            for (chain, repository, tag, platform), (layers, digest, at) in learnt.items():
                observed.learn(chain, layers, repository, tag, platform, digest, at)

    # --- looking up ----------------------------------------------------------------------------------

    def recall(self, key: Key) -> dict[str, Any] | None:
        """Return a verdict that is kept, or None."""
        return None if self._observed is None or self._blank else self._observed.recall(key)

    def knows(self, repository: str, tag: str) -> bool:
        """Whether an earlier run saw this tag."""
        return self._observed is not None and not self._blank and self._observed.knows(repository, tag)

    def last(self, repository: str, tag: str) -> str | None:
        """Return the digest that earlier runs last saw a tag name."""
        return None if self._observed is None else self._observed.last(repository, tag)

    def bases(self, chains: Sequence[str]) -> list[KnownBase]:
        """Return bases known by these chain ids, the longest first."""
        return [] if self._observed is None else self._observed.bases(chains)

    def kept_tags(self, repository: str) -> list[str] | None:
        """Return the last whole list of a repository's tags."""
        kept = None if self._observed is None else self._observed.kept_tags(repository)
        return None if kept is None else kept[0]

    def history(self, repository: str, tag: str, platform: str) -> list[Sighting]:
        """Return the spans of a tag for one platform, oldest first, with what this run saw of it."""
        spans = [] if self._observed is None else self._observed.history(repository, tag, platform)
        return _extended(spans, self._seen.get((repository, tag, platform)))


def _extended(spans: list[Sighting], seen: tuple[str, str, float] | None) -> list[Sighting]:
    if seen is None:
        return spans
    digest, platform_digest, at = seen
    if spans and spans[-1].platform_digest == platform_digest:
        last = spans[-1]
        return [*spans[:-1], Sighting(digest, platform_digest, last.first_seen, max(last.last_seen, at))]
    begins = max(at, spans[-1].last_seen) if spans else at
    return [*spans, Sighting(digest, platform_digest, begins, begins)]
