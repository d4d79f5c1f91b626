"""The suites on the server's stores, and the suites' own teeth."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from orlop.model.reference import RepositoryName
from orlop.server.store.store import Store
from orlop.testing.contract import NamespaceContract, SourceContract, TargetContract, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Factory = Callable[[], AbstractAsyncContextManager[Any]]

NAME = RepositoryName("team/app")


class TestRepositoryInMemory(TargetContract):
    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with closing(Store.memory()) as store:
            yield lambda: opened(store.repository(NAME))


class TestRepositoryOnDisk(TargetContract):
    @pytest.fixture
    def factory(self, tmp_path: Path) -> Iterator[Factory]:
        with closing(Store.at(tmp_path)) as store:
            yield lambda: opened(store.repository(NAME))


class TestStoreInMemory(NamespaceContract):
    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with closing(Store.memory()) as store:
            yield lambda: opened(store)


class TestStoreOnDisk(NamespaceContract):
    @pytest.fixture
    def factory(self, tmp_path: Path) -> Iterator[Factory]:
        with closing(Store.at(tmp_path)) as store:
            yield lambda: opened(store)


class Filled(SourceContract):
    """A source that is filled before it is read, and can do less."""

    lists_referrers = False

    async def prepare(self, place: Any) -> None:
        await self.samples.fill(place)


class TestReadingOnly(Filled):
    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with closing(Store.memory()) as store:
            yield lambda: opened(store.repository(NAME))


def test_a_place_that_is_wrong_does_not_pass() -> None:
    class Wrong(TestRepositoryInMemory):
        async def prepare(self, place: Any) -> None:
            await super().prepare(place)
            await place.remove(self.samples.note.digest)

    with closing(Store.memory()) as store, pytest.raises(AssertionError):
        Wrong().test_referrers_are_found_by_their_subject(lambda: opened(store.repository(NAME)))


def test_an_ability_that_is_denied_skips_its_tests() -> None:
    with closing(Store.memory()) as store, pytest.raises(pytest.skip.Exception):
        Filled().test_referrers_are_found_by_their_subject(lambda: opened(store.repository(NAME)))


def test_the_samples_are_tagged_as_they_say() -> None:
    samples = Filled.samples
    assert samples.note.document["subject"]["digest"] == str(samples.image.digest)
