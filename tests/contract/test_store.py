"""The shipped suite on a repository of the embedded registry's disk, read beside the process that writes it."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import pytest

from orlop.aio import AsyncRuntime
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store
from orlop.sources import Places
from orlop.testing.contract import SourceContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from orlop.content.base import Source

    Factory = Callable[[], AbstractAsyncContextManager[Any]]


class TestStoreOnDisk(SourceContract):
    @pytest.fixture
    def factory(self, tmp_path: Path) -> Iterator[Factory]:
        with closing(Store.at(tmp_path)) as writer:

            @asynccontextmanager
            async def place() -> AsyncIterator[Source]:
                await self.samples.fill(writer.repository(RepositoryName("team/app")))
                places = Places(AsyncRuntime(), MANIFEST_LIMIT)
                try:
                    yield await places.source(f"store:{tmp_path}//team/app")
                finally:
                    await places.close()

            yield place
