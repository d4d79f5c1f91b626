"""What was seen is kept: spans of tags (A1), whole lists (T10), bases (E10), verdicts (V8), announcements (W5)."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from orlop.errors import StorageError
from orlop.freshness.behind import Since, behind, is_date, old_enough
from orlop.freshness.observed import Observations, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

R, T, P = "docker.io/library/debian", "bookworm", "linux/amd64"
DAY = 86400.0
START = 1_700_000_000.0


@pytest.fixture
def seen() -> Iterator[Observations]:
    with Observations(":memory:") as observations:
        yield observations


def watch(seen: Observations, *digests: str) -> list[Sighting]:
    for day, digest in enumerate(digests):
        seen.see(R, T, P, f"index-{digest}", digest, START + day * DAY)
    return seen.history(R, T, P)


def test_a1_a_tag_that_stays_grows_its_span(seen: Observations) -> None:
    (span,) = watch(seen, "a", "a", "a")
    assert (span.first_seen, span.last_seen) == (START, START + 2 * DAY)


def test_a1_a_tag_that_moves_begins_another(seen: Observations) -> None:
    assert [span.platform_digest for span in watch(seen, "a", "b", "b", "a")] == ["a", "b", "a"]


def test_a1_the_index_may_move_while_the_platform_stays(seen: Observations) -> None:
    seen.see(R, T, P, "index-1", "a", START)
    seen.see(R, T, P, "index-2", "a", START + DAY)
    (span,) = seen.history(R, T, P)
    assert span.digest == "index-2"


def test_a1_many_at_once_are_kept_like_one_after_the_other(seen: Observations) -> None:
    first = [(R, tag, P, f"i-{tag}", f"p-{tag}", START) for tag in ("c", "a", "b")]
    seen.see_all(first)
    seen.see_all(
        [(R, tag, P, f"i-{tag}", moved, START + DAY) for tag, moved in (("b", "p-b"), ("d", "p-d"), ("a", "x"))]
    )
    spans = {tag: [(one.platform_digest, one.last_seen) for one in seen.history(R, tag, P)] for tag in "abcd"}
    assert spans == {
        "a": [("p-a", START), ("x", START + DAY)],
        "b": [("p-b", START + DAY)],
        "c": [("p-c", START)],
        "d": [("p-d", START + DAY)],
    }


def test_a1_one_tag_twice_in_the_first_rows_of_a_file_is_two_sightings(seen: Observations) -> None:
    seen.see_all([(R, T, P, "index-a", "a", START), (R, T, P, "index-b", "b", START + DAY)])
    assert [(one.platform_digest, one.first_seen) for one in seen.history(R, T, P)] == [
        ("a", START),
        ("b", START + DAY),
    ]


def test_an_earlier_clock_shortens_no_span(seen: Observations) -> None:
    watch(seen, "a", "b")
    seen.see(R, T, P, "i", "c", START - DAY)
    spans = seen.history(R, T, P)
    assert [span.platform_digest for span in spans] == ["a", "b", "c"]
    assert all(one.last_seen < other.first_seen for one, other in itertools.pairwise(spans))


def test_a1_stale_since_is_the_interval_between_two_sightings(seen: Observations) -> None:
    found = behind(watch(seen, "a", "a", "b", "c"), "a", "c")
    assert found.since == Since("observed", START + DAY, START + 2 * DAY)
    assert (found.updates, found.at_least) == (2, False)


def test_a2_what_was_not_seen_is_estimated_and_says_so() -> None:
    found = behind([], "a", "b", [("last-modified", START), ("created", START + DAY)])
    assert found.since == Since("estimated", None, START, "last-modified")
    assert found.updates is None


@pytest.mark.parametrize("time", [0.0, -62135596800.0, 315532800.0])
def test_a3_dates_of_1970_and_0001_are_none(time: float) -> None:
    assert not is_date(time)
    assert behind([], "a", "b", [("created", time)]).since.how == "unknown"


def test_a3_a_date_in_the_future_is_none() -> None:
    assert not is_date(START + 10 * DAY, now=START)


def test_a4_updates_are_a_lower_bound_when_watching_began_later(seen: Observations) -> None:
    found = behind(watch(seen, "b", "c"), "a", "c")
    assert (found.updates, found.at_least) == (2, True)


def test_a5_a_young_base_waits_until_it_is_old_enough(seen: Observations) -> None:
    history = watch(seen, "a", "b")
    waiting = old_enough(history, "b", 7 * DAY, START + 2 * DAY)
    assert (waiting.counts, waiting.until) == (None, START + DAY + 7 * DAY)


def test_a5_a_tag_that_moves_daily_does_not_starve(seen: Observations) -> None:
    history = watch(seen, *"abcdefghijkl")
    waiting = old_enough(history, "l", 7 * DAY, START + 11.5 * DAY)
    assert waiting.counts == "e"
    assert waiting.until == START + 18 * DAY


def test_a5_an_unknown_age_waits() -> None:
    waiting = old_enough([], "x", DAY, START)
    assert (waiting.counts, waiting.known) == (None, False)


def test_t10_the_last_whole_list_is_kept(seen: Observations) -> None:
    assert seen.kept_tags(R) is None
    seen.keep_tags(R, ["1", "2"], START)
    seen.keep_tags(R, ["1", "2", "3"], START + DAY)
    assert seen.kept_tags(R) == (["1", "2", "3"], START + DAY)


def test_e10_the_longest_known_base_comes_first_and_an_empty_one_is_none(seen: Observations) -> None:
    seen.learn("c0", 0, R, "empty", P, "d0", START)
    seen.learn("c1", 1, R, "bookworm", P, "d1", START)
    seen.learn("c3", 3, R, "python", P, "d3", START)
    assert [base.tag for base in seen.bases(["c0", "c1", "c2", "c3"])] == ["python", "bookworm"]
    assert seen.bases([f"x{n}" for n in range(2000)]) == []


def test_v8_a_verdict_is_remembered_under_its_rules_and_options(seen: Observations) -> None:
    seen.remember(("s", "b", "n", 1, ""), {"state": "fresh"}, START)
    assert seen.recall(("s", "b", "n", 1, "")) == {"state": "fresh"}
    assert seen.recall(("s", "b", "n", 2, "")) is None
    assert seen.recall(("s", "b", "n", 1, "ignore-metadata")) is None


def test_w5_a_fact_is_announced_once_to_each_receiver(seen: Observations) -> None:
    assert seen.announce("1", "https://a", "s p n stale", "{}", START)
    assert not seen.announce("2", "https://a", "s p n stale", "{}", START)
    assert seen.announce("3", "https://b", "s p n stale", "{}", START)
    assert [one.id for one in seen.due(START)] == ["1", "3"]


def test_w5_tries_are_counted_put_off_and_given_up(seen: Observations) -> None:
    seen.announce("1", "https://a", "f", "{}", START)
    seen.failed("1", START + 60, "503")
    assert seen.due(START) == []
    assert seen.due(START + 60)[0].tries == 1
    seen.failed("1", None, "410")
    assert (seen.due(START + 9999), seen.waiting()) == ([], 0)


def test_a_transaction_is_kept_whole_or_not_at_all(seen: Observations) -> None:
    with pytest.raises(RuntimeError), seen.writing():
        seen.remember(("s", "b", "n", 1, ""), {}, START)
        seen.announce("1", "https://a", "f", "{}", START)
        raise RuntimeError
    assert seen.recall(("s", "b", "n", 1, "")) is None
    assert seen.waiting() == 0


def test_the_file_outlives_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "observed.sqlite")
    with Observations(path) as one:
        watch(one, "a", "b")
    with Observations(path) as other:
        assert len(other.history(R, T, P)) == 2


def test_several_may_write_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "observed.sqlite")

    def work(number: int) -> bool:
        with Observations(path) as one:
            for day in range(20):
                one.see(R, f"t{number}", P, "i", "d", START + day)
            return one.announce(f"id{number}", "https://a", "the same fact", "{}", START)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(8))) == 1


def test_who_comes_while_another_begins_the_file_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "observed.sqlite")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, other.execute, ["COMMIT"])
    timer.start()
    with Observations(path) as one:
        one.see(R, "t", P, "i", "d", START)
        assert one.last(R, "t") == "i"
    timer.join()
    other.close()


@pytest.mark.parametrize("content", [b"this is not a database, it is a letter to a friend" * 40])
def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "observed.sqlite"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"observed\.sqlite"):
        Observations(str(path))
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Observations(str(tmp_path / "none" / "observed.sqlite"))


def test_what_is_told_is_written_through(tmp_path: Path) -> None:
    def level(seen: Observations) -> int:
        return int(seen._db.execute("PRAGMA synchronous").fetchone()[0])

    with Observations(str(tmp_path / "seen.db")) as seen:
        seen.see("r", "t", "linux/amd64", "d", "p", START)
        assert level(seen) == 1
        seen.announce("id", "receiver", "fact", "{}", START)
        assert level(seen) == 2
