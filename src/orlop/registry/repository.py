"""One repository of a registry, as a Target: picks /blobs/ or /manifests/ by the descriptor's media type.

Most runs of the command line read manifests alone, so the HTTP of the other nouns is imported when it is used.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from orlop.content.base import Content, Pushed, Resolved, Target
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.model.mediatype import is_manifest
from orlop.registry import manifests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from orlop.content.base import ByteStream
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Repository, RepositoryName, Tag
    from orlop.registry.session import Session


class RemoteRepository(Target):
    """A repository over HTTP."""

    def __init__(self, session: Session, repository: Repository, manifest_limit: int = MANIFEST_LIMIT) -> None:
        self.session = session
        self.repository = repository
        self.manifest_limit = manifest_limit

    @property
    def name(self) -> str:
        """See Source."""
        return str(self.repository)

    def resolve(self, name: Tag | Digest) -> Coroutine[Any, Any, Resolved]:
        """See Source."""
        return manifests.resolve_manifest(self.session, self.repository, name, self.manifest_limit)

    def manifest(self, name: Tag | Digest) -> Coroutine[Any, Any, Manifest]:
        """See Source."""
        return manifests.get_manifest(self.session, self.repository, name, self.manifest_limit)

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[ByteStream]:
        """See Source."""
        if isinstance(what, Descriptor) and is_manifest(what.media_type):
            raw = (await self.manifest(what.digest)).raw
            yield _once(raw[start:stop])
            return
        from orlop.registry.blobs import open_blob

        digest, size = (what, None) if isinstance(what, Digest) else (what.digest, what.size)
        async with open_blob(self.session, self.repository, digest, size, start, stop) as stream:
            yield stream

    async def has(self, what: Descriptor) -> bool:
        """See Source."""
        from orlop.registry import writes

        return await writes.present(self.session, self.repository, what)

    async def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        """See Source."""
        from orlop.registry.tags import tag_pages

        left = limit
        size = None if limit is None else max(1, min(limit, 1000))
        if limit == 0:
            return
        async for page in tag_pages(self.session, self.repository, after, size):
            for tag in page:
                yield tag
                if left is not None:
                    left -= 1
                    if left == 0:
                        return

    async def referrers(self, subject: Digest, *, artifact_type: str | None = None) -> AsyncIterator[Descriptor]:
        """See Source."""
        from orlop.registry.referrers import list_referrers

        limit = self.manifest_limit
        async for found in list_referrers(self.session, self.repository, subject, artifact_type, limit):
            yield found

    async def push(
        self, what: Descriptor, content: Content, *, tags: Sequence[Tag] = (), mount_from: Sequence[RepositoryName] = ()
    ) -> Pushed:
        """See Target."""
        from orlop.registry import writes

        if is_manifest(what.media_type):
            return await writes.push_manifest(self.session, self.repository, what, content, tags)
        return await writes.push_blob(self.session, self.repository, what, content, mount_from)

    async def point(self, tags: Sequence[Tag], at: Descriptor) -> None:
        """See Target."""
        from orlop.registry import writes

        manifest = await self.manifest(at.digest)
        for tag in tags:
            await writes.put_manifest(self.session, self.repository, tag, manifest.media_type, manifest.raw)

    async def remove(self, name: Tag | Digest) -> None:
        """See Target."""
        from orlop.registry import writes

        await writes.delete_manifest(self.session, self.repository, name)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
