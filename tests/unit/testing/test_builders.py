from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import Any

import pytest

from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ArtifactManifest, ImageManifest, Index, parse_manifest
from orlop.model.platform import Platform
from orlop.model.reference import RepositoryName, Tag
from orlop.server.store.blobs import MemoryBlobs
from orlop.server.store.metadata import Metadata
from orlop.server.store.store import Store
from orlop.testing.builders import artifact, image, index, push, push_now, random_image
from orlop.testing.layers import archive_layer, layer
from orlop.testing.samples import OS_RELEASE, tour_images, tour_tags

ONE = layer({"a": b"1"})
TWO = layer({"b": b"2"}, compression="zstd")


def test_an_image_parses_as_what_it_is() -> None:
    built = image([ONE, TWO], platform="linux/arm/v7", annotations={"x": "y"})
    manifest = parse_manifest(built.raw, expected=built.digest)

    assert isinstance(manifest, ImageManifest)
    assert manifest.media_type == mediatype.OCI_MANIFEST
    assert [one.digest for one in manifest.layers] == [ONE.descriptor.digest, TWO.descriptor.digest]
    assert manifest.annotations == {"x": "y"}
    assert built.descriptor.platform == Platform("linux", "arm", "v7")


def test_the_config_says_what_was_asked_for() -> None:
    built = image([ONE, TWO], labels={"l": "1"}, config={"Env": ["A=b"], "Cmd": ["sh"]}, extra={"author": "me"})
    config = parse_config(built.config)

    assert list(config.diff_ids) == [ONE.diff_id, TWO.diff_id]
    assert config.labels == {"l": "1"}
    assert list(config.env) == ["A=b"]
    assert config.author == "me"
    assert len(config.history) == 2


def test_dockers_types_go_all_the_way_down() -> None:
    built = image([ONE], docker=True)
    assert built.document["mediaType"] == mediatype.DOCKER_MANIFEST
    assert built.document["config"]["mediaType"] == mediatype.DOCKER_CONFIG
    assert built.document["layers"][0]["mediaType"] == mediatype.DOCKER_LAYER_GZIP


def test_one_image_has_one_digest() -> None:
    assert image([ONE]) == image([ONE])
    assert random_image(100, seed=1) == random_image(100, seed=1)
    assert random_image(100, seed=1).digest != random_image(100, seed=2).digest


def test_an_index_lists_its_children_with_their_platforms() -> None:
    children = [image([ONE]), image([TWO], platform="windows(10.0.17763.1)/amd64")]
    built = index(children)
    manifest = parse_manifest(built.raw, expected=built.digest)

    assert isinstance(manifest, Index)
    assert [one.digest for one in manifest.manifests] == [child.digest for child in children]
    assert [str(one.platform) for one in manifest.manifests] == ["linux/amd64", "windows(10.0.17763.1)/amd64"]


def test_walking_gives_children_before_their_parents() -> None:
    inner = index([image([ONE])])
    outer = index([inner, image([TWO])])
    assert [one.digest for one in outer.walk()] == [
        inner.children[0].digest,
        inner.digest,
        outer.children[1].digest,
        outer.digest,
    ]


def test_an_artifact_names_its_subject_and_its_type() -> None:
    subject = image([ONE], docker=True)
    built = artifact({"sbom.json": b"{ }"}, artifact_type="application/spdx+json", subject=subject)
    manifest = parse_manifest(built.raw)

    assert manifest.artifact_type == "application/spdx+json"
    assert manifest.subject is not None
    assert manifest.subject.digest == subject.digest
    assert manifest.subject.platform is None


def test_an_artifact_without_files_holds_the_empty_blob_once() -> None:
    built = artifact()
    assert [blob.data for blob in built.blobs] == [b"{}"]
    assert built.document["layers"] == [built.document["config"]]


def test_the_withdrawn_artifact_manifest_can_be_built() -> None:
    manifest = parse_manifest(artifact({"a": b"1"}, legacy=True).raw)
    assert isinstance(manifest, ArtifactManifest)
    assert [one.digest for one in manifest.blobs] == [Digest.of(b"1")]


def test_a_push_brings_everything_and_tags_the_top() -> None:
    built = index([image([ONE]), image([TWO])])

    async def work(store: Store) -> None:
        assert await push(built, store, "team/app", tags=["a", "b"]) == built.descriptor
        repository = store.repository(RepositoryName("team/app"))
        assert (await repository.manifest(Tag("b"))).raw == built.raw
        for one in built.walk():
            assert (await repository.manifest(one.digest)).raw == one.raw
            for blob in one.blobs:
                assert await repository.has(blob.descriptor)

    store = Store.memory()
    asyncio.run(work(store))
    store.close()


def test_a_foreign_layer_is_named_and_not_pushed() -> None:
    foreign = archive_layer(b"windows", media_type=mediatype.DOCKER_FOREIGN_LAYER, urls=("https://example.com/l",))
    built = image([foreign, ONE], docker=True)
    assert built.document["layers"][0]["urls"] == ["https://example.com/l"]

    async def work(store: Store) -> None:
        await push(built, store, "win", tags=["1"])
        repository = store.repository(RepositoryName("win"))
        assert [await repository.has(blob.descriptor) for blob in built.blobs] == [True, False, True]

    with closing(Store.memory()) as store:
        asyncio.run(work(store))


def test_plain_code_pushes_into_a_place_that_never_waits() -> None:
    with closing(Store.memory()) as store:
        assert push_now(image([ONE]), store, "app", tags=["1"]) == image([ONE]).descriptor


def test_plain_code_is_told_of_a_place_that_waits() -> None:
    class Waiting(Store):
        async def work(self, what: str, function: Any, *args: object) -> Any:
            await asyncio.sleep(0)

    with closing(Waiting(Metadata(), MemoryBlobs())) as store, pytest.raises(RuntimeError, match="waited for"):
        push_now(image([ONE]), store, "app")


def test_what_is_built_does_not_show_its_bytes() -> None:
    assert "schemaVersion" not in repr(image([ONE]))
    assert "schemaVersion" not in repr(image([ONE]).blobs)


def test_the_tours_images_stand_on_each_other() -> None:
    samples = tour_images(limit=100_000)
    for below, above in ((samples.base, samples.runtime), (samples.runtime, samples.app)):
        for lower, upper in zip(below.children, above.children, strict=True):
            assert upper.layers[: len(lower.layers)] == lower.layers
            assert len(upper.layers) > len(lower.layers)
            label = json.loads(upper.config)["config"]["Labels"]["org.opencontainers.image.base.digest"]
            assert label == str(below.digest)


def test_the_tours_images_have_five_platforms_in_dockers_list() -> None:
    for _, built in tour_images(limit=10_000).repositories():
        assert built.descriptor.media_type == mediatype.DOCKER_LIST
        assert [str(child.platform) for child in built.children] == [
            "linux/amd64",
            "linux/arm/v7",
            "linux/arm64/v8",
            "windows(10.0.17763.6054)/amd64",
            "windows(10.0.20348.2582)/amd64",
        ]


def test_the_tours_configs_explain_each_layer() -> None:
    for child in tour_images(limit=10_000).app.children:
        config = parse_config(child.config)
        assert sum(not entry.empty_layer for entry in config.history) == len(child.layers) == 4


def test_the_os_release_is_one_that_os_release_5_describes() -> None:
    lines = OS_RELEASE.decode().splitlines()
    assert "ID=orlop-tour" in lines
    assert all("=" in line for line in lines)


def test_tour_tags_are_as_many_as_asked_and_each_valid_once() -> None:
    for count in (0, 1, 2000):
        tags = tour_tags(count)
        assert len({Tag(tag) for tag in tags}) == count
    assert tour_tags() != sorted(tour_tags())
