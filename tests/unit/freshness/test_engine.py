from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from orlop.aio import AsyncRuntime
from orlop.errors import DeniedError, ManifestNotFoundError
from orlop.freshness.announce import Notice
from orlop.freshness.engine import Quota, Trace
from orlop.freshness.memory import postponed
from orlop.freshness.notebook import Notebook
from orlop.freshness.observed import Observations
from orlop.freshness.once import Once
from orlop.freshness.plan import Asked, CheckOptions
from orlop.freshness.values import Absent, BaseName, Verdict
from orlop.model.digest import Digest
from orlop.model.platform import PlatformSelector
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.runtime import Runtime


@pytest.fixture
def observed() -> Iterator[Observations]:
    with Observations(":memory:") as made:
        yield made


# --- single flight -----------------------------------------------------------------------------------


def test_q4_tasks_that_ask_at_once_make_it_once() -> None:
    made: list[str] = []

    async def make() -> str:
        made.append("x")
        await asyncio.sleep(0)
        return "x"

    async def run() -> list[Any]:
        once: Once[str] = Once(AsyncRuntime(), 10)
        return await asyncio.gather(*(once.get("key", make) for _ in range(20)))

    assert asyncio.run(run()) == ["x"] * 20
    assert made == ["x"]


def test_q4_threads_that_ask_at_once_make_it_once() -> None:
    once: Once[str] = Once(ThreadRuntime(), 10)
    made: list[str] = []
    arrived = threading.Barrier(8)

    async def make() -> str:
        made.append("x")
        return "x"

    def ask() -> None:
        arrived.wait()
        step(once.get("key", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["x"]


@pytest.mark.parametrize("runtime", [ThreadRuntime(), AsyncRuntime()])
def test_a_failure_is_an_answer_to_all_who_ask(runtime: Runtime) -> None:
    tries: list[int] = []

    async def make() -> str:
        tries.append(1)
        raise DeniedError("here", "no")

    async def run() -> list[Any]:
        once: Once[str] = Once(runtime, 10)
        return [await once.get("key", make) for _ in range(3)]

    found = asyncio.run(run())
    assert all(isinstance(one, Absent) and isinstance(one.error, DeniedError) for one in found)
    assert tries == [1]


def test_a_bug_is_raised_and_not_kept() -> None:
    once: Once[str] = Once(ThreadRuntime(), 10)

    async def broken() -> str:
        raise ZeroDivisionError

    async def make() -> str:
        return "x"

    with pytest.raises(ZeroDivisionError):
        step(once.get("key", broken))
    assert step(once.get("key", make)) == "x"


def test_who_was_cancelled_leaves_the_work_to_the_next() -> None:
    async def run() -> str | Absent:
        once: Once[str] = Once(AsyncRuntime(), 10)

        async def stuck() -> str:
            await asyncio.Event().wait()
            return "never"

        async def make() -> str:
            return "x"

        first = asyncio.create_task(once.get("key", stuck))
        await asyncio.sleep(0)
        second = asyncio.create_task(once.get("key", make))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(run()) == "x"


def test_what_is_kept_is_bounded_by_its_weight() -> None:
    once: Once[str] = Once(ThreadRuntime(), 10, len)
    for n in range(5):
        once.keep(f"key {n}", "xxxx")
    assert [once.known(f"key {n}") for n in range(5)] == [None, None, None, "xxxx", "xxxx"]
    once.keep("key 4", "y" * 20)
    assert once.known("key 3") is None
    assert once.known("key 4") == "y" * 20


def test_keeping_a_key_again_does_not_count_it_twice() -> None:
    once: Once[str] = Once(ThreadRuntime(), 10, len)
    once.keep("other", "zz")
    for _ in range(10):
        once.keep("key", "xxxx")
    assert once.known("other") == "zz"


# --- the notebook ------------------------------------------------------------------------------------


def notebook(observed: Observations | None, times: list[float] | None = None) -> Notebook:
    clock = iter([0.0, *(times or [])])  # the first is when it is opened
    return Notebook(observed, lambda: next(clock, 1000.0))


def test_notes_are_written_with_the_flush_and_not_before(observed: Observations) -> None:
    notes = notebook(observed)
    notes.see("r/a", "1", "linux/amd64", "index", "child")
    assert observed.history("r/a", "1", "linux/amd64") == []
    notes.flush()
    assert [span.platform_digest for span in observed.history("r/a", "1", "linux/amd64")] == ["child"]
    assert observed.knows("r/a", "1")
    assert observed.last("r/a", "1") == "index"
    assert not observed.knows("r/a", "2")
    assert observed.last("r/b", "1") is None


def test_a1_the_history_has_what_this_run_saw(observed: Observations) -> None:
    observed.see("r/a", "1", "", "i1", "p1", 100.0)
    notes = notebook(observed, [200.0])
    notes.see("r/a", "1", "", "i2", "p2")
    assert [(one.platform_digest, one.first_seen) for one in notes.history("r/a", "1", "")] == [
        ("p1", 100.0),
        ("p2", 200.0),
    ]
    notes.flush()
    assert [one.platform_digest for one in notes.history("r/a", "1", "")] == ["p1", "p2"]


def test_a1_a_span_that_goes_on_grows(observed: Observations) -> None:
    observed.see("r/a", "1", "", "i1", "p1", 100.0)
    notes = notebook(observed, [200.0])
    notes.see("r/a", "1", "", "i1", "p1")
    (span,) = notes.history("r/a", "1", "")
    assert (span.first_seen, span.last_seen) == (100.0, 200.0)


def test_e10_bases_of_this_run_are_known_to_the_next_alone(observed: Observations) -> None:
    notes = notebook(observed)
    notes.learn("chain", 2, "r/base", "1", "linux/amd64", "sha256:" + "1" * 64)
    notes.flush()
    assert notes.bases(["chain"]) == []
    notes.flush(whole=True)
    assert [base.repository for base in notes.bases(["chain"])] == ["r/base"]


def test_without_observations_nothing_is_kept() -> None:
    notes = notebook(None)
    notes.see("r/a", "1", "", "i", "p")
    notes.learn("chain", 2, "r/base", "1", "", "x")
    notes.remember(("a", "b", "", 1, ""), {"x": 1})
    notes.keep_tags("r/a", ["1"])
    notes.flush(whole=True)
    assert (notes.keeps, notes.bases(["chain"]), notes.recall(("a", "b", "", 1, "")), notes.kept_tags("r/a")) == (
        False,
        [],
        None,
        None,
    )
    assert not notes.knows("r/a", "1")
    assert notes.last("r/a", "1") is None


# --- nouns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quota", "reserve", "short"),
    [
        (Quota(100, 20), 0.2, True),
        (Quota(100, 21), 0.2, False),
        (Quota(100, None), 0.2, False),
        (Quota(None, 0), 0.2, False),
        (Quota(), 0.2, False),
        (Quota(100, 0), 0.0, True),
    ],
)
def test_q5_a_part_of_the_quota_is_left_alone(quota: Quota, reserve: float, *, short: bool) -> None:
    assert quota.is_short(reserve) is short


def test_a_trace_takes_over_all_that_another_hung_on() -> None:
    one, other = Trace(), Trace()
    one.places["a"] = "1"
    other.places["b"] = "2"
    other.stated["c"] = [("created", 1.0)]
    other.grows = True
    other.note(Absent("unreadable"))
    one.add(other)
    one.note(Absent.of(ManifestNotFoundError("x", "y")))
    assert one.places == {"a": "1", "b": "2"}
    assert one.stated == {"c": [("created", 1.0)]}
    assert (one.grows, one.trouble, one.missed) == (True, True, True)


def test_v8_the_key_has_all_that_decides() -> None:
    digest = Digest.of(b"x")
    keys = {
        Asked("a").key(digest, CheckOptions().text),
        Asked("a", ("b",)).key(digest, CheckOptions().text),
        Asked("a").key(Digest.of(b"y"), CheckOptions().text),
        Asked("a").key(digest, CheckOptions(ignore_metadata=True).text),
        Asked("a").key(digest, CheckOptions(inputs=True).text),
        Asked("a").key(digest, CheckOptions(through=True).text),
        Asked("a").key(digest, CheckOptions(family_limit=3).text),
        Asked("a").key(digest, CheckOptions(ancestors=False).text),
        Asked("a", wish=PlatformSelector.parse("linux/arm64")).key(digest, CheckOptions().text),
    }
    assert len(keys) == 9
    # Age is judged with each run, and the name is only a name.
    assert Asked("b").key(digest, CheckOptions(min_age_s=9).text) == Asked("a").key(digest, CheckOptions().text)


def test_q5_a_verdict_that_cannot_be_asked_for_is_unknown_on_the_same_evidence() -> None:
    base = BaseName.parse("debian:12")
    before = Verdict("fresh", "same-base", base=base, then_digest=Digest.of(b"then"), now_digest=Digest.of(b"now"))
    absent = Absent.of(DeniedError("here", "no"))
    made = postponed(before, absent)
    assert (made.state, made.reason, made.base, made.then_digest) == (
        "unknown",
        "base-unreadable",
        base,
        before.then_digest,
    )
    assert (made.now_digest, made.absent) == (None, absent)


def test_notes_that_have_waited_for_long_are_to_be_written(observed: Observations) -> None:
    clock = [0.0]
    notes = Notebook(observed, lambda: clock[0])
    clock[0] = 3600.0
    full = [notes.is_full]
    notes.see("r/a", "1", "", "i", "p")
    full.append(notes.is_full)
    notes.flush()
    notes.see("r/a", "1", "", "i", "p")
    full.append(notes.is_full)
    assert full == [False, True, False]


def test_an_announcement_that_comes_alone_is_written(observed: Observations) -> None:
    notes = notebook(observed)
    notes.announce([Notice("id", "receiver", "fact", "{}")])
    notes.flush(whole=True)
    assert [one.id for one in observed.due(2000.0)] == ["id"]
