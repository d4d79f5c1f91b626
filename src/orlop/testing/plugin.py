"""The pytest plugin: the fixture ``registry``.

Pytest loads this file in every run on every machine that has orlop, so it imports nothing before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.testing import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """Give an empty registry of this test's own, on a free port: ``registry.host``, ``registry.push(...)``."""
    from orlop.testing import registry as start

    with start() as running:
        yield running
