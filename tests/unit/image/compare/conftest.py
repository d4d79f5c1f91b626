"""What the tests of comparing leave behind is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.image.compare.made import Watched

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Places that a test made, closed after it."""
    yield
    while Watched.made:
        Watched.made.pop().store.close()
