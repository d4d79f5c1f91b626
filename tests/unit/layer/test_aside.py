"""Work beside: in order, bounded, and its errors heard."""

from __future__ import annotations

import threading

import pytest

from orlop.layer.aside import Aside


@pytest.mark.parametrize("alone_from", [0, 3, 1000])
def test_items_are_worked_on_in_order(alone_from: int) -> None:
    done: list[int] = []
    aside = Aside(done.append, "test", alone_from=alone_from)
    for number in range(100):
        aside.put(number)
    aside.finish()
    assert done == list(range(100))


def test_few_items_need_no_thread() -> None:
    before = threading.active_count()
    seen: list[int] = []
    aside: Aside[int] = Aside(lambda _: seen.append(threading.active_count()), "test", alone_from=5)
    for number in range(5):
        aside.put(number)
    aside.finish()
    assert seen == [before] * 5


@pytest.mark.parametrize("alone_from", [0, 1000])
def test_an_error_is_raised_to_who_hands_over_or_finishes(alone_from: int) -> None:
    def fail(_: int) -> None:
        raise KeyError("wrong")

    aside = Aside(fail, "test", ahead=2, alone_from=alone_from)
    with pytest.raises(KeyError, match="wrong"):
        for number in range(10):
            aside.put(number)
    aside.close()


def test_an_error_of_the_last_item_is_raised_at_the_end() -> None:
    def fail(_: int) -> None:
        raise KeyError("wrong")

    aside = Aside(fail, "test", alone_from=0)
    aside.put(1)
    with pytest.raises(KeyError):
        aside.finish()


def test_who_hands_over_waits_while_too_many_items_do() -> None:
    go = threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        go.wait(10)
        done.append(item)

    aside = Aside(work, "test", ahead=2, alone_from=0)
    handed: list[int] = []

    def hand_over() -> None:
        for number in range(6):
            aside.put(number)
            handed.append(number)

    thread = threading.Thread(target=hand_over)
    thread.start()
    thread.join(0.05)
    assert len(handed) <= 2
    go.set()
    thread.join(10)
    aside.finish()
    assert done == list(range(6))
