"""What the server's tests share: both stores, and an application to call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.server.calling import Caller

from orlop.server.core import App
from orlop.server.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = Store.memory() if request.param == "memory" else Store.at(tmp_path)
    yield store
    store.close()


@pytest.fixture
def memory() -> Iterator[Callable[..., Store]]:
    """Make stores in memory with the options of ``Store``."""
    made: list[Store] = []

    def make(**options: Any) -> Store:
        made.append(Store.memory(**options))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def call(store: Store) -> Caller:
    return Caller(App(store))
