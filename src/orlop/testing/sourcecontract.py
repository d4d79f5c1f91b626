"""What every ``Source`` has to do; see ``contract.py``, which is where to import it from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.errors import BlobNotFoundError, ManifestNotFoundError
from orlop.model.descriptor import Descriptor
from orlop.model.reference import Tag
from orlop.testing.suite import ABSENT, Suite, read, steps, tags

if TYPE_CHECKING:
    from orlop.content.base import Source


class SourceContract(Suite):
    """A place to read from. ``factory`` opens one that already holds ``self.samples``."""

    lists_referrers = True

    @steps
    async def test_resolve_gives_the_descriptor_of_a_tag(self, place: Source) -> None:
        found = (await place.resolve(Tag("one"))).descriptor
        assert (found.digest, found.size) == (self.samples.image.digest, len(self.samples.image.raw))
        assert found.media_type == self.samples.image.descriptor.media_type

    @steps
    async def test_resolve_takes_a_digest(self, place: Source) -> None:
        found = await place.resolve(self.samples.index.digest)
        assert found.descriptor.digest == self.samples.index.digest

    @steps
    async def test_a_manifest_comes_byte_for_byte(self, place: Source) -> None:
        for tag, built in self.samples.tags.items():
            manifest = await place.manifest(Tag(tag))
            assert (manifest.raw, manifest.digest) == (built.raw, built.digest)
            assert manifest.media_type == built.descriptor.media_type

    @steps
    async def test_a_manifest_of_no_tag_comes_by_digest(self, place: Source) -> None:
        assert (await place.manifest(self.samples.note.digest)).raw == self.samples.note.raw

    @steps
    async def test_a_blob_is_read_whole(self, place: Source) -> None:
        for blob in self.samples.image.blobs:
            assert await read(place, blob.descriptor) == blob.data

    @steps
    async def test_a_blob_of_unknown_size_is_read_by_its_digest(self, place: Source) -> None:
        descriptor, data = self.samples.layer
        assert await read(place, descriptor.digest) == data

    @steps
    async def test_a_manifest_is_opened_by_its_descriptor(self, place: Source) -> None:
        assert await read(place, self.samples.image.descriptor) == self.samples.image.raw

    @pytest.mark.parametrize(("start", "stop"), [(0, 10), (5, 20), (17, None), (0, None), (3, 4)])
    @steps
    async def test_a_part_of_a_blob_is_read(self, place: Source, start: int, stop: int | None) -> None:
        descriptor, data = self.samples.layer
        assert await read(place, descriptor, start=start, stop=stop) == data[start:stop]

    @steps
    async def test_a_stream_can_be_left_early(self, place: Source) -> None:
        blob = self.samples.image.blobs[2]
        async with place.open(blob.descriptor) as stream:
            assert await anext(aiter(stream))
        assert await read(place, blob.descriptor) == blob.data

    @steps
    async def test_what_is_absent_is_told_by_its_kind(self, place: Source) -> None:
        with pytest.raises(ManifestNotFoundError):
            await place.resolve(Tag("absent"))
        with pytest.raises(ManifestNotFoundError):
            await place.manifest(Tag("absent"))
        with pytest.raises(ManifestNotFoundError):
            await place.manifest(ABSENT)
        with pytest.raises(BlobNotFoundError):
            await read(place, ABSENT)

    @steps
    async def test_has_never_claims_what_is_absent(self, place: Source) -> None:
        assert not await place.has(Descriptor("application/octet-stream", ABSENT, 23))

    @steps
    async def test_tags_are_each_listed_once(self, place: Source) -> None:
        assert sorted(await tags(place)) == sorted(self.samples.tags)

    @steps
    async def test_tags_stop_at_the_limit(self, place: Source) -> None:
        everything = await tags(place)
        assert await tags(place, limit=3) == everything[:3]
        assert await tags(place, limit=0) == []

    @steps
    async def test_tags_go_on_after_one(self, place: Source) -> None:
        everything = await tags(place)
        assert await tags(place, after=everything[0]) == everything[1:]
        assert await tags(place, after=everything[1], limit=1) == everything[2:3]
        assert await tags(place, after=everything[-1]) == []

    @steps
    async def test_referrers_are_found_by_their_subject(self, place: Source) -> None:
        self.need(self.lists_referrers)
        found = [one async for one in place.referrers(self.samples.image.digest)]
        assert [(one.digest, one.artifact_type) for one in found] == [
            (self.samples.note.digest, "application/vnd.orlop.note")
        ]

    @steps
    async def test_referrers_are_filtered_by_type(self, place: Source) -> None:
        self.need(self.lists_referrers)
        digest = self.samples.image.digest
        assert [one async for one in place.referrers(digest, artifact_type="application/vnd.other")] == []
        assert [one async for one in place.referrers(digest, artifact_type="application/vnd.orlop.note")]

    @steps
    async def test_what_nobody_refers_to_has_no_referrers(self, place: Source) -> None:
        self.need(self.lists_referrers)
        assert [one async for one in place.referrers(ABSENT)] == []
