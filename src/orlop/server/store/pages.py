"""Lists that are read in pages, as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PAGE = 1000
"""How many names are asked for at once."""


async def paged(page: Callable[[str, int], list[str]], after: str, limit: int | None) -> AsyncIterator[str]:
    """Yield up to ``limit`` names after ``after``; ``page`` gives a list of so many after a name."""
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        names = page(after, size)
        for name in names:
            yield name
        if len(names) < size:
            return
        after = names[-1]
        if left is not None:
            left -= len(names)
