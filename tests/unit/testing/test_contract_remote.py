"""The suites on a registry over HTTP: client and server prove each other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orlop.auth.credential import Credential, CredentialSource
from orlop.client import AsyncClient
from orlop.model.reference import RepositoryName
from orlop.testing import faults, registry
from orlop.testing.contract import NamespaceContract, TargetContract
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from orlop.content.base import Namespace, Target
    from orlop.model.reference import RegistryHost, Repository

    Factory = Callable[[], AbstractAsyncContextManager[Any]]

NAME = RepositoryName("team/app")


class Mary(CredentialSource):
    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        return Credential(username="mary", password="pw")


@asynccontextmanager
async def namespace(host: str) -> AsyncIterator[Namespace]:
    async with AsyncClient(credentials=Mary()) as client:
        yield client.registry(host)


@asynccontextmanager
async def repository(host: str) -> AsyncIterator[Target]:
    async with namespace(host) as place:
        yield place.repository(NAME)


class TestRemoteRepository(TargetContract):
    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with registry() as r:
            yield lambda: repository(r.host)


class TestRemoteRegistry(NamespaceContract):
    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with registry() as r:
            yield lambda: namespace(r.host)


class TestRemoteRepositoryWithPages(TargetContract):
    """One tag and one referrer to a page."""

    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with registry(page_limit=1) as r:
            yield lambda: repository(r.host)


class TestRemoteRepositoryBehindSignIn(TargetContract):
    """Docker Hub's way to sign in, and blobs at a second origin."""

    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        with profile("hub", users={"mary": "pw"}, private=["*"], pulls=10_000) as p:
            yield lambda: repository(p.host)


class TestRemoteRepositoryOfAnOldRegistry(TargetContract):
    """No referrers API, no digest header, and ranges are ignored."""

    lists_referrers = False

    @pytest.fixture
    def factory(self) -> Iterator[Factory]:
        old = [faults.no_referrers(), faults.header("docker-content-digest", None), faults.ignore_ranges()]
        with registry(middleware=old) as r:
            yield lambda: repository(r.host)
