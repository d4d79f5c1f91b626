from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from orlop.aio import AsyncRuntime
from orlop.freshness.pace import SLOW_S, START, Pace


async def fits(pace: Pace, wanted: int) -> int:
    """Return how many of so many are let in at once."""
    inside = 0

    async def enter(stack: AsyncExitStack) -> None:
        nonlocal inside
        await stack.enter_async_context(pace.gate)
        inside += 1

    async with AsyncExitStack() as stack:
        waiting = [asyncio.create_task(enter(stack)) for _ in range(wanted)]
        for _ in range(3):
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return inside


async def paced(limit: int, *times: float) -> int:
    pace = Pace(AsyncRuntime(), limit)
    await pace.begin()
    for seconds in times:
        await pace.took(seconds)
    return await fits(pace, limit + 5)


SLOW, QUICK = SLOW_S * 2, SLOW_S / 2


@pytest.mark.parametrize(
    ("limit", "times", "inside"),
    [
        (32, [], START),
        (32, [QUICK] * 100, START),
        (32, [SLOW] * 7, START),
        (32, [SLOW] * 8, 32),
        (32, [SLOW] * 100, 32),
        (32, [SLOW, QUICK] * 100, START),
        (32, [*[QUICK] * 50, *[SLOW] * 8], 32),
        (2, [], 2),
        (1, [SLOW] * 20, 1),
        (START, [], START),
    ],
)
def test_more_are_let_in_once_answers_take_time(limit: int, times: list[float], inside: int) -> None:
    assert asyncio.run(paced(limit, *times)) == inside
