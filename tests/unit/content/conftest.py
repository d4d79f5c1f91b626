"""What the tests of local places share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.content.places import Opened, run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Open places by locator; they are closed at the end."""
    made = Opened()
    yield made
    run(made.places.close())
