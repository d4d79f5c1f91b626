"""The shipped suite on layouts in folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.aio import AsyncRuntime
from orlop.content.layout import LayoutFolder
from orlop.testing.contract import TargetContract, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Factory = Callable[[], AbstractAsyncContextManager[Any]]


class TestLayoutFolder(TargetContract):
    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        return lambda: opened(LayoutFolder(str(tmp_path / "layout"), AsyncRuntime()))
