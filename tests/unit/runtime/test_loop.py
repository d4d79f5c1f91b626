"""A loop steps tasks that other threads wake, and lets go of them."""

from __future__ import annotations

import subprocess
import sys
import threading
from asyncio import CancelledError
from queue import SimpleQueue
from typing import Any

import pytest

from orlop.loop import Loop
from orlop.loopmap import Feed
from orlop.threads import HERE, ThreadRuntime, step


async def collect(runtime: Any, function: Any, items: Any, **options: Any) -> list[Any]:
    return [outcome async for outcome in runtime.map(function, items, **options)]


def test_a_task_goes_on_when_another_thread_wakes_it() -> None:
    loop = Loop()

    async def wait() -> str:
        came = loop.signal()
        threading.Timer(0.01, came.wake).start()
        await came
        return "came"

    assert loop.drive(wait()) == "came"
    assert HERE.loop is None


def test_a_foreign_awaitable_is_refused() -> None:
    class Foreign:
        def __await__(self) -> Any:
            yield "something"

    async def wait() -> None:
        await Foreign()

    with pytest.raises(RuntimeError, match="not of this client"):
        Loop().drive(wait())


INTERRUPTED = """
import signal, threading
from orlop.loop import Loop

loop = Loop()

async def wait():
    threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    try:
        await loop.signal()
    except KeyboardInterrupt:
        await loop.after(0.001)  # what has to be tidied up may wait itself
        print("tidied", flush=True)
        raise

try:
    loop.drive(wait())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_reaches_the_coroutine_that_waits_and_then_the_caller() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=15, check=True)
    assert done.stdout.split() == ["tidied", "interrupted"]


def test_a_map_that_is_left_early_cancels_what_is_under_way() -> None:
    runtime, loop = ThreadRuntime(), Loop()
    cancelled = []

    async def work(x: int) -> int:
        if x:
            try:
                await loop.signal()
            except CancelledError:
                cancelled.append(x)
                raise
        return x

    async def first() -> int:
        stream = runtime.map(work, range(100), limit=4)
        async for outcome in stream:
            await stream.aclose()  # type: ignore[attr-defined]
            return outcome.result()
        raise AssertionError

    assert loop.drive(first()) == 0
    assert sorted(cancelled) == [1, 2, 3, 4]  # item 0 was over at once and made a place
    assert loop.live == 0
    runtime.close()


def test_a_lock_passes_between_a_loop_and_a_thread() -> None:
    runtime, loop = ThreadRuntime(), Loop()
    lock = runtime.lock()
    order: list[str] = []
    held = threading.Event()

    async def in_a_thread() -> None:
        async with lock:
            held.set()
            threading.Event().wait(0.05)
            order.append("thread")

    async def in_the_loop() -> None:
        async with lock:
            order.append("loop")

    thread = threading.Thread(target=lambda: step(in_a_thread()))
    thread.start()
    held.wait()
    loop.drive(in_the_loop())
    thread.join()
    assert order == ["thread", "loop"]
    step(in_the_loop())  # and it is free again
    runtime.close()


def test_a_lock_is_free_again_after_a_waiter_was_cancelled() -> None:
    runtime, loop = ThreadRuntime(), Loop()
    lock = runtime.lock()

    async def wait() -> None:
        async with lock:
            raise AssertionError("it was held")

    async def main() -> None:
        async with lock:
            task = loop.start(wait(), lambda _: None)
            loop.cancel(task)
            assert isinstance(task.error, CancelledError)
        async with lock:
            pass

    loop.drive(main())
    runtime.close()


def test_tasks_go_on_while_the_consumer_is_elsewhere() -> None:
    """Else a thread that waits for a lock which a paused task holds would wait for the consumer."""
    runtime = ThreadRuntime()
    loop = runtime.loop()
    lock = runtime.lock()

    async def hold(x: int) -> int:
        if x == 0:
            return x
        async with lock:
            await runtime.sleep(0.03)
        return x

    stream = runtime_map(runtime, loop, hold, [1, 0])
    assert loop.drive(anext(stream)).result() == 0  # the other is under way, and holds the lock

    async def wait() -> str:
        async with lock:
            return "had it"

    assert step(wait()) == "had it"
    assert loop.drive(anext(stream)).result() == 1
    loop.close()
    runtime.close()


def runtime_map(runtime: ThreadRuntime, loop: Loop, function: Any, items: Any) -> Any:
    async def made() -> Any:
        return runtime.map(function, items, limit=4)

    return loop.drive(made())


def test_blocking_work_does_not_stop_the_other_tasks() -> None:
    runtime, loop = ThreadRuntime(), Loop()
    together = threading.Barrier(3, timeout=10)

    async def work(x: int) -> int:
        await runtime.run(together.wait)  # ends only when three are here at once
        return x

    outcomes = loop.drive(collect(runtime, work, range(3), limit=3))
    assert sorted(outcome.result() for outcome in outcomes) == [0, 1, 2]
    runtime.close()


def test_what_blocking_work_raises_comes_back() -> None:
    runtime, loop = ThreadRuntime(), Loop()

    def fail() -> None:
        raise LookupError("there")

    async def work(_: int) -> None:
        await runtime.run(fail)

    outcomes = loop.drive(collect(runtime, work, range(3), limit=3))
    assert [type(outcome.error) for outcome in outcomes] == [LookupError] * 3
    runtime.close()


def test_an_iterable_that_waits_for_results_does_not_hold_them_up() -> None:
    """A crawler: what comes next is known from what came."""
    runtime = ThreadRuntime()
    loop = runtime.loop()
    found: SimpleQueue[int | None] = SimpleQueue()
    found.put(1)

    async def work(x: int) -> int:
        await runtime.sleep(0.001)
        return x

    stream = runtime_map(runtime, loop, work, iter(found.get, None))
    got = []
    while True:
        try:
            got.append(loop.drive(anext(stream)).result())
        except StopAsyncIteration:
            break
        found.put(got[-1] * 2 if got[-1] < 16 else None)
    assert got == [1, 2, 4, 8, 16]
    loop.close()
    runtime.close()


def test_a_feed_that_fails_hands_on_what_it_had() -> None:
    def items() -> Any:
        yield "a"
        raise OSError("the list broke")

    heard = threading.Event()

    def hire(work: Any) -> None:
        threading.Thread(target=work).start()

    feed: Feed[str] = Feed(items(), 4, hire)
    feed.heard = heard.set
    found: list[str] = []
    while not feed.ended:
        item = feed.take()
        if item is not None:
            found.extend(item)
    assert found == ["a"]
    assert isinstance(feed.error, OSError)
