"""Every runtime keeps the same promises."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from orlop.aio import AsyncRuntime
from orlop.loop import Loop
from orlop.threads import ThreadRuntime, step


def drive(work: Any) -> Any:
    return Loop().drive(work)


RUNTIMES = [
    pytest.param((ThreadRuntime, step), id="threads"),
    pytest.param((ThreadRuntime, drive), id="loop"),
    pytest.param((AsyncRuntime, asyncio.run), id="asyncio"),
]


@pytest.fixture(params=RUNTIMES)
def both(request: pytest.FixtureRequest) -> Any:
    make, run = request.param
    runtime = make()
    yield runtime, run
    if isinstance(runtime, ThreadRuntime):
        runtime.close()


async def collect(runtime: Any, function: Any, items: Any, **options: Any) -> Any:
    return [outcome async for outcome in runtime.map(function, items, **options)]


def test_every_item_has_its_outcome(both: Any) -> None:
    runtime, run = both

    async def double(x: int) -> Any:
        if x == 3:
            raise ValueError(x)
        return x * 2

    outcomes = run(collect(runtime, double, range(100), limit=8))
    assert sorted(o.item for o in outcomes) == list(range(100))
    assert sum(o.error is not None for o in outcomes) == 1
    assert all(o.error or o.result() == o.item * 2 for o in outcomes)


def test_ordered_outcomes_come_in_order_of_input(both: Any) -> None:
    runtime, run = both

    async def same(x: int) -> Any:
        await runtime.sleep(0.001 * (x % 3))
        return x

    outcomes = run(collect(runtime, same, range(60), limit=7, ordered=True))
    assert [o.result() for o in outcomes] == list(range(60))


def test_items_are_read_lazily(both: Any) -> None:
    runtime, run = both
    taken = 0

    def items() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    async def same(x: int) -> Any:
        return x

    async def first_ten() -> Any:
        stream = runtime.map(same, items(), limit=4)
        got = [(await anext(stream)).result() for _ in range(10)]
        await stream.aclose()
        return got

    assert len(run(first_ten())) == 10
    assert taken <= 10 + 4 * 4 + 4


def test_a_failing_iterable_is_raised_and_not_an_outcome(both: Any) -> None:
    runtime, run = both

    def items() -> Any:
        yield 1
        raise OSError("the list broke")

    async def same(x: int) -> Any:
        return x

    with pytest.raises(OSError, match="the list broke"):
        run(collect(runtime, same, items(), limit=2))


def test_no_more_run_at_once_than_asked(both: Any) -> None:
    runtime, run = both
    now = most = 0
    guard = threading.Lock()

    async def count(x: int) -> Any:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        await runtime.sleep(0.002)
        with guard:
            now -= 1
        return x

    run(collect(runtime, count, range(40), limit=5))
    assert 1 < most <= 5


def test_a_map_inside_a_map_ends(both: Any) -> None:
    runtime, run = both

    async def inner(x: int) -> Any:
        return x

    async def outer(x: int) -> Any:
        return sum([o.result() async for o in runtime.map(inner, range(x), limit=8)])

    outcomes = run(collect(runtime, outer, range(30), limit=16, ordered=True))
    assert [o.result() for o in outcomes] == [sum(range(x)) for x in range(30)]


def test_locks_and_gates_let_in_as_many_as_they_say(both: Any) -> None:
    runtime, run = both
    inside = 0

    async def main() -> Any:
        lock, gate = runtime.lock(), runtime.gate(2)

        async def work(x: int) -> Any:
            nonlocal inside
            async with gate, lock:
                inside += 1
                assert inside == 1
                inside -= 1
            return x

        return await collect(runtime, work, range(50), limit=8)

    assert all(o.error is None for o in run(main()))


def test_a_coroutine_that_suspends_is_refused_by_the_blocking_runtime() -> None:
    async def suspends() -> Any:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="suspended"):
        step(suspends())


def test_the_main_thread_hands_its_work_to_another() -> None:
    runtime = ThreadRuntime()

    async def where() -> Any:
        return threading.current_thread()

    assert runtime.call(where()) is not threading.main_thread()
    runtime.close()


def test_any_other_thread_does_its_own_work() -> None:
    runtime = ThreadRuntime()
    seen = []

    async def where() -> Any:
        return threading.current_thread()

    thread = threading.Thread(target=lambda: seen.append(runtime.call(where())))
    thread.start()
    thread.join()
    assert seen == [thread]


def test_an_error_comes_back_to_the_caller() -> None:
    runtime = ThreadRuntime()

    async def fail() -> Any:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        runtime.call(fail())
    runtime.close()


def test_slow_items_bring_more_threads_up_to_the_limit() -> None:
    runtime = ThreadRuntime()
    now = most = 0
    guard = threading.Lock()
    together = threading.Barrier(20, timeout=10)

    async def wait_for_others(x: int) -> int:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        if x < 16:
            await runtime.sleep(0.03)  # long enough to be taken for something far away
        else:
            together.wait()  # ends only when as many as the limit are here at once
        with guard:
            now -= 1
        return x

    outcomes = step(collect(runtime, wait_for_others, range(36), limit=20))
    assert all(outcome.error is None for outcome in outcomes)
    assert most == 20
    runtime.close()
