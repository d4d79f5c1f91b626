"""What of two texts is the same, line by line, in bounded time: Myers' greedy way, and a whole block where that takes too long.

difflib's takes hours on texts that are made for it; these texts come from anybody. Rule: E. Myers, An O(ND) Difference
Algorithm and Its Variations (1986), section 4.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STEPS = 20_000_000
"""Steps of one comparison, over all its files: some seconds."""
EDITS = 1000
"""Lines of one text that may differ before what differs is one block; the memory that they take grows with the square."""
CONTEXT = 3

Opcode = tuple[bool, int, int, int, int]
"""Whether it is the same, then the lines of the old text and of the new one."""


class Budget:
    """Steps that are left."""

    def __init__(self, steps: int = STEPS) -> None:
        self.left = steps


def hunks(
    old: Sequence[str], new: Sequence[str], budget: Budget
) -> Iterator[tuple[int, int, int, int, list[tuple[str, str]]]]:
    """Yield the parts of a unified diff: the lines of the old text, of the new one, and the rows with their marks."""
    group: list[Opcode] = []
    for code in opcodes(old, new, budget):
        same, start, stop, begin, _ = code
        if same and stop - start > (2 * CONTEXT if group else 0):
            if group:
                group.append((True, start, start + CONTEXT, begin, begin + CONTEXT))
                yield _hunk(old, new, group)
            group = []
            last = (True, stop - CONTEXT, stop, code[4] - CONTEXT, code[4]) if stop - start > CONTEXT else code
            group = [last]
        else:
            group.append(code)
    if any(not same for same, *_ in group):
        same, start, stop, begin, _ = group[-1]
        if same and stop - start > CONTEXT:
            group[-1] = (True, start, start + CONTEXT, begin, begin + CONTEXT)
        yield _hunk(old, new, group)


def _hunk(
    old: Sequence[str], new: Sequence[str], group: list[Opcode]
) -> tuple[int, int, int, int, list[tuple[str, str]]]:
    rows: list[tuple[str, str]] = []
    for same, start, stop, begin, end in group:
        if same:
            rows += [(" ", line) for line in old[start:stop]]
        else:
            rows += [("-", line) for line in old[start:stop]]
            rows += [("+", line) for line in new[begin:end]]
    return group[0][1], group[-1][2], group[0][3], group[-1][4], rows


def opcodes(old: Sequence[str], new: Sequence[str], budget: Budget) -> Iterator[Opcode]:
    """Yield what is the same and what is not, from the beginning to the end, in turns."""
    head = 0
    most = min(len(old), len(new))
    while head < most and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < most - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head:
        yield True, 0, head, 0, head
    yield from _middle(old[head : len(old) - tail], new[head : len(new) - tail], head, budget)
    if tail:
        yield True, len(old) - tail, len(old), len(new) - tail, len(new)


def _middle(old: Sequence[str], new: Sequence[str], at: int, budget: Budget) -> Iterator[Opcode]:
    if not old and not new:
        return
    matches = _matches(old, new, budget) if old and new else []
    done, there = 0, 0
    for x, y, length in [*(matches or ()), (len(old), len(new), 0)]:
        if x > done or y > there:
            yield False, at + done, at + x, at + there, at + y
        if length:
            yield True, at + x, at + x + length, at + y, at + y + length
        done, there = x + length, y + length


def _matches(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[tuple[int, int, int]] | None:
    """Return the runs that are the same as (place in old, place in new, length); None where it takes too long."""
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(line, len(numbers)) for line in old]
    b = [numbers.setdefault(line, len(numbers)) for line in new]
    count, other = len(a), len(b)
    most = min(EDITS, count + other)
    zero = most + 1
    reach = array("l", [0]) * (2 * zero + 1)
    trail: list[array[int]] = []
    for edits in range(most + 1):
        trail.append(reach[zero - edits : zero + edits + 1])
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and reach[zero + k - 1] < reach[zero + k + 1])
            x = reach[zero + k + 1] if down else reach[zero + k - 1] + 1
            y = x - k
            start = x
            while x < count and y < other and a[x] == b[y]:
                x += 1
                y += 1
            budget.left -= x - start + 1
            reach[zero + k] = x
            if x >= count and y >= other:
                return _way_back(trail, count, other)
        if budget.left <= 0:
            return None
    return None


def _way_back(trail: list[array[int]], x: int, y: int) -> list[tuple[int, int, int]]:
    """Return the runs on the way to (x, y). trail: how far each diagonal reached before each number of edits, from the middle."""
    runs: list[tuple[int, int, int]] = []
    for edits in range(len(trail) - 1, -1, -1):
        reach, k = trail[edits], x - y
        if edits:
            down = k == -edits or (k != edits and reach[edits + k - 1] < reach[edits + k + 1])
            px = reach[edits + k + 1] if down else reach[edits + k - 1]
            py = px - (k + 1 if down else k - 1)
            start = px if down else px + 1
        else:
            px = py = start = 0
        if x > start:
            runs.append((start, start - k, x - start))
        x, y = px, py
    return runs[::-1]
