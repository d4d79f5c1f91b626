"""What streams by is hashed and counted, on whichever thread: inline, on one of its own, or by others that wait."""

from __future__ import annotations

import hashlib
import random
import threading
from typing import TYPE_CHECKING

import pytest

from orlop.content import backlog, verify
from orlop.content.backlog import Backlog, Helper
from orlop.content.verify import Verifier
from orlop.errors import DigestMismatchError, SizeMismatchError, TruncatedError
from orlop.layer.aside import Aside
from orlop.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = random.Random(1).randbytes(6 * 1024 * 1024)
CHUNKS = [CONTENT[at : at + 200_000] for at in range(0, len(CONTENT), 200_000)]


@pytest.fixture(params=[1, 2, 8], ids=lambda count: f"{count} cores")
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    threads = threading.active_count()
    monkeypatch.setattr(verify, "cores", lambda: request.param)
    yield request.param
    assert not backlog._open
    assert threading.active_count() == threads


@pytest.fixture(params=["nobody waits", "somebody waits"])
def company(request: pytest.FixtureRequest) -> Iterator[None]:
    """A thread that has nothing to do, or none."""
    if request.param == "nobody waits":
        yield
        return
    aside: Aside[int] = Aside(lambda _: None, "idle", alone_from=0)
    aside.put(0)
    yield
    aside.finish()


def fed(check: Verifier) -> Verifier:
    for chunk in CHUNKS:
        check.feed(chunk)
    return check


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_right_content_ends_quietly(cores: int, algorithm: str) -> None:
    fed(Verifier("it", Digest.of(CONTENT, algorithm), len(CONTENT))).finish()


@pytest.mark.usefixtures("cores", "company")
def test_other_content_is_refused_at_the_end() -> None:
    check = fed(Verifier("it", Digest.of(CONTENT[:-1]), len(CONTENT)))
    with pytest.raises(DigestMismatchError):
        check.finish()
    check.close()


@pytest.mark.usefixtures("cores", "company")
def test_too_much_and_too_little_are_refused() -> None:
    check = Verifier("it", Digest.of(CONTENT), len(CONTENT) - 1)
    with pytest.raises(SizeMismatchError):
        fed(check)
    check.close()
    check = fed(Verifier("it", Digest.of(CONTENT), len(CONTENT) + 1))
    with pytest.raises(TruncatedError):
        check.finish()
    check.close()


@pytest.mark.usefixtures("cores", "company")
def test_what_is_given_up_leaves_nothing_behind() -> None:
    fed(Verifier("it", Digest.of(CONTENT), len(CONTENT))).close()


# --- chunks that wait for a hash ---------------------------------------------------------------


def test_chunks_are_hashed_at_once_where_nobody_helps() -> None:
    done: list[bytes] = []
    waiting = Backlog(done.append)
    for chunk in CHUNKS:
        waiting.put(chunk)
        assert done[-1] is chunk
    waiting.close()


def test_chunks_wait_for_help_but_not_many() -> None:
    done: list[bytes] = []
    waiting = Backlog(done.append)
    with Helper():
        for count, chunk in enumerate(CHUNKS, 1):
            waiting.put(chunk)
            assert count - len(done) <= backlog._AHEAD
        assert len(done) < len(CHUNKS)
        waiting.settle()
    assert done == CHUNKS


def test_a_thread_that_waits_hashes_for_another() -> None:
    by: list[str] = []
    more, hashed = threading.Semaphore(0), threading.Semaphore(0)

    def update(_: bytes) -> None:
        by.append(threading.current_thread().name)
        hashed.release()

    waiting = Backlog(update)
    aside: Aside[int] = Aside(lambda _: more.acquire(), "other", alone_from=0)
    aside.put(0)  # it is busy, and then has nothing to do
    for chunk in CHUNKS[:5]:
        waiting.put(chunk)
    assert not by
    more.release()
    assert all(hashed.acquire(timeout=30) for _ in range(5))
    aside.finish()
    waiting.close()
    assert by == ["orlop other"] * 5


def test_chunks_keep_their_order_however_many_help() -> None:
    hasher = hashlib.sha256()
    waiting = Backlog(hasher.update)
    over = threading.Event()

    def work() -> None:
        with Helper() as helper:
            while not over.is_set():
                helper.help()

    helpers = [threading.Thread(target=work) for _ in range(3)]
    for thread in helpers:
        thread.start()
    for chunk in CHUNKS * 3:
        waiting.put(chunk)
    waiting.settle()
    over.set()
    for thread in helpers:
        thread.join()
    assert hasher.digest() == hashlib.sha256(CONTENT * 3).digest()
