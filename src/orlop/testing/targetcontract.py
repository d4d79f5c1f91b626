"""What every ``Target`` and ``Namespace`` has to do; see ``contract.py``, which is where to import it from."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orlop.content.base import Pushed
from orlop.errors import BlobNotFoundError, IntegrityError, ManifestNotFoundError, NotFoundError, OrlopError
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName, Tag
from orlop.testing.builders import Bytes, artifact, image, push, random_image
from orlop.testing.sourcecontract import SourceContract
from orlop.testing.suite import ABSENT, Failing, Suite, read, steps, tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.content.base import Namespace, Target

    Change = Callable[[bytes], bytes]

BLOB = b"some content, long enough to be cut in two"
TYPE = "application/octet-stream"


class TargetContract(SourceContract):
    """A place to read and write. ``factory`` opens an empty one."""

    moves_tags = True
    deletes = True
    takes_sha512 = True
    can_be_cancelled = True

    async def prepare(self, place: Target) -> None:
        """Store the samples."""
        await self.samples.fill(place)

    @steps
    async def test_what_was_pushed_is_read_back(self, place: Target) -> None:
        built = random_image(3 * 1024 * 1024, layers=2, seed=1)
        await push(built, place, tags=["big"])
        for blob in built.blobs:
            assert await read(place, blob.descriptor) == blob.data

    @steps
    async def test_an_empty_blob_is_content_like_any_other(self, place: Target) -> None:
        empty = Descriptor(TYPE, Digest.of(b""), 0)
        await place.push(empty, Bytes(b""))
        assert await read(place, empty) == b""

    @steps
    async def test_pushing_says_what_was_done(self, place: Target) -> None:
        assert await place.push(described(BLOB), Bytes(BLOB)) is Pushed.SENT

    @steps
    async def test_pushing_twice_succeeds(self, place: Target) -> None:
        await place.push(described(BLOB), Bytes(BLOB))
        assert await place.push(described(BLOB), Bytes(BLOB)) in {Pushed.SENT, Pushed.PRESENT}
        again = await place.push(self.samples.index.descriptor, Bytes(self.samples.index.raw))
        assert again in {Pushed.SENT, Pushed.PRESENT}
        assert await read(place, described(BLOB)) == BLOB

    @steps
    async def test_pushing_the_same_twice_at_once_succeeds(self, place: Target) -> None:
        await asyncio.gather(*(place.push(described(BLOB), Bytes(BLOB)) for _ in range(4)))
        assert await read(place, described(BLOB)) == BLOB

    @pytest.mark.parametrize(
        "sent", [BLOB[:-1], BLOB + b"!", BLOB.upper(), b""], ids=["short", "long", "other", "empty"]
    )
    @steps
    async def test_a_blob_of_other_bytes_is_refused_and_leaves_nothing(self, place: Target, sent: bytes) -> None:
        with pytest.raises(IntegrityError):
            await place.push(described(BLOB), Bytes(sent))
        await self._expect_nothing(place)

    @pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b" ", bytes.swapcase])
    @steps
    async def test_a_manifest_of_other_bytes_is_refused_and_moves_no_tag(self, place: Target, change: Change) -> None:
        built = image(labels={"never": "stored"})
        await place.push(built.blobs[0].descriptor, Bytes(built.config))
        with pytest.raises(IntegrityError):
            await place.push(built.descriptor, Bytes(change(built.raw)), tags=[Tag("one")])
        with pytest.raises(ManifestNotFoundError):
            await place.manifest(built.digest)
        assert (await place.resolve(Tag("one"))).descriptor.digest == self.samples.image.digest

    @steps
    async def test_content_that_fails_midway_leaves_nothing(self, place: Target) -> None:
        # The error itself, or the word of the place for an upload that was cut.
        with pytest.raises((RuntimeError, OrlopError)):
            await place.push(described(BLOB), Failing(BLOB[:10], RuntimeError("the disk went away")))
        await self._expect_nothing(place)

    @steps
    async def test_a_push_that_is_cancelled_leaves_nothing(self, place: Target) -> None:
        self.need(self.can_be_cancelled)
        content = Failing(BLOB[:10])
        task = asyncio.create_task(place.push(described(BLOB), content))
        await content.reached.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await self._expect_nothing(place)

    async def _expect_nothing(self, place: Target) -> None:
        """Check that the blob is not there, and can still be pushed."""
        assert not await place.has(described(BLOB))
        with pytest.raises(BlobNotFoundError):
            await read(place, described(BLOB))
        await place.push(described(BLOB), Bytes(BLOB))
        assert await read(place, described(BLOB)) == BLOB

    @steps
    async def test_sha512_names_content_too(self, place: Target) -> None:
        self.need(self.takes_sha512)
        named = Descriptor(TYPE, Digest.of(BLOB, "sha512"), len(BLOB))
        await place.push(named, Bytes(BLOB))
        assert await read(place, named) == BLOB

    @steps
    async def test_a_manifest_keeps_its_bytes_whatever_its_layout(self, place: Target) -> None:
        raw = self.samples.image.raw.replace(b":", b" :\n\t", 1) + b"\n\n"
        await place.push(replace(described(raw), media_type=self.samples.image.descriptor.media_type), Bytes(raw))
        assert (await place.manifest(Digest.of(raw))).raw == raw

    @steps
    async def test_a_push_moves_a_tag(self, place: Target) -> None:
        await place.push(self.samples.other.descriptor, Bytes(self.samples.other.raw), tags=[Tag("one")])
        assert (await place.resolve(Tag("one"))).descriptor.digest == self.samples.other.digest
        assert (await place.resolve(Tag("two"))).descriptor.digest == self.samples.image.digest

    @steps
    async def test_point_moves_tags_without_content(self, place: Target) -> None:
        self.need(self.moves_tags)
        await place.point([Tag("one"), Tag("new")], self.samples.index.descriptor)
        for tag in ("one", "new"):
            assert (await place.resolve(Tag(tag))).descriptor.digest == self.samples.index.digest

    @steps
    async def test_removing_a_tag_leaves_the_manifest(self, place: Target) -> None:
        self.need(self.deletes)
        await place.remove(Tag("one"))
        with pytest.raises(ManifestNotFoundError):
            await place.resolve(Tag("one"))
        assert (await place.resolve(Tag("two"))).descriptor.digest == self.samples.image.digest

    @steps
    async def test_removing_a_digest_takes_its_tags_along(self, place: Target) -> None:
        self.need(self.deletes)
        await place.remove(self.samples.index.digest)
        with pytest.raises(ManifestNotFoundError):
            await place.manifest(self.samples.index.digest)
        assert "many" not in await tags(place)

    @steps
    async def test_removing_what_is_absent_says_so(self, place: Target) -> None:
        self.need(self.deletes)
        with pytest.raises(NotFoundError):
            await place.remove(Tag("absent"))
        with pytest.raises(NotFoundError):
            await place.remove(ABSENT)

    @steps
    async def test_a_removed_referrer_is_listed_no_more(self, place: Target) -> None:
        self.need(self.deletes and self.lists_referrers)
        await place.remove(self.samples.note.digest)
        assert [one async for one in place.referrers(self.samples.image.digest)] == []

    @steps
    async def test_a_referrer_may_come_before_its_subject(self, place: Target) -> None:
        self.need(self.lists_referrers)
        subject = image(labels={"comes": "later"})
        note = artifact(artifact_type="application/vnd.early", subject=subject)
        await push(note, place)
        assert [one.digest async for one in place.referrers(subject.digest)] == [note.digest]


class NamespaceContract(Suite):
    """Many repositories. ``factory`` opens an empty place."""

    async def prepare(self, place: Namespace) -> None:
        """Store something in three repositories."""
        for name in ("team/b", "a", "team/a"):
            await push(image(labels={"name": name}), place, name, tags=["latest"])

    @steps
    async def test_repositories_are_each_listed_once(self, place: Namespace) -> None:
        assert sorted(await names(place)) == ["a", "team/a", "team/b"]

    @steps
    async def test_repositories_stop_at_the_limit_and_go_on_after_one(self, place: Namespace) -> None:
        everything = await names(place)
        assert await names(place, limit=2) == everything[:2]
        assert await names(place, after=everything[0]) == everything[1:]

    @steps
    async def test_repositories_are_apart_from_each_other(self, place: Namespace) -> None:
        mine = image(labels={"name": "a"})
        assert (await place.repository(RepositoryName("a")).manifest(Tag("latest"))).raw == mine.raw
        with pytest.raises(NotFoundError):
            await place.repository(RepositoryName("team/a")).manifest(mine.digest)

    @steps
    async def test_a_repository_that_is_not_there_has_nothing(self, place: Namespace) -> None:
        with pytest.raises(NotFoundError):
            await place.repository(RepositoryName("nobody")).resolve(Tag("latest"))
        assert "nobody" not in await names(place)


def described(data: bytes) -> Descriptor:
    """Return the descriptor of plain bytes."""
    return Descriptor(TYPE, Digest.of(data), len(data))


async def names(place: Namespace, *, after: str = "", limit: int | None = None) -> list[str]:
    """Return the names of the repositories as texts."""
    return [str(name) async for name in place.repositories(after=after, limit=limit)]
