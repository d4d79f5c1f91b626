"""One repository of a store on this disk, read without a server: what ``store:DIR//REPO`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.content.local import Place
from orlop.model.reference import DEFAULT_TAG, RepositoryName, Tag

from .store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from orlop.content.base import ByteStream, Resolved
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.manifest import Manifest


class StoredPlace(Place):
    """A repository to read, while a server may write it. Opening it blocks; raises as ``Store.to_read``."""

    def __init__(self, root: str, repository: str, manifest_limit: int) -> None:
        self._name = f"store:{root}//{repository}"
        name = RepositoryName(repository)
        self._store = Store.to_read(root, manifest_limit=manifest_limit)
        self._repository = self._store.repository(name)

    @property
    def name(self) -> str:
        """The locator of the repository."""
        return self._name

    def close(self) -> None:
        """See Place."""
        self._store.close()

    async def settle(self, name: str = "") -> Tag | Digest:
        """See Place. As of a registry, no name means ``latest``."""
        return Tag(name or DEFAULT_TAG)

    async def size_of(self, digest: Digest) -> int | None:
        """See Place."""
        reader = await self._repository.blob(digest)
        reader.close()
        return reader.size

    async def resolve(self, name: Tag | Digest) -> Resolved:
        """See Source."""
        return await self._repository.resolve(name)

    async def manifest(self, name: Tag | Digest) -> Manifest:
        """See Source."""
        return await self._repository.manifest(name)

    def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AbstractAsyncContextManager[ByteStream]:
        """See Source."""
        return self._repository.open(what, start=start, stop=stop)

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """See Source."""
        return self._repository.tags(after=after, limit=limit)

    async def has(self, what: Descriptor) -> bool:
        """See Source."""
        return await self._repository.has(what)

    def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """See Source."""
        return self._repository.referrers(subject, artifact_type=artifact_type)
