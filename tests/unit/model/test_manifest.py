from __future__ import annotations

import json

import pytest

from orlop.errors import DigestMismatchError, IntegrityError, InvalidManifestError
from orlop.model import mediatype
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import (
    KINDS,
    ArtifactManifest,
    ImageManifest,
    Index,
    Manifest,
    SignedManifest,
    UnknownManifest,
    parse_manifest,
)
from orlop.model.platform import Platform

Document = dict[str, object]


def blob(media_type: str, content: bytes = b"{}") -> Document:
    return {"mediaType": media_type, "digest": Digest.of(content).value, "size": len(content)}


def image(**fields: object) -> Document:
    made: Document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": blob(mediatype.OCI_CONFIG),
        "layers": [blob(mediatype.OCI_LAYER_GZIP, b"a"), blob(mediatype.OCI_LAYER_ZSTD, b"bc")],
    }
    return {key: value for key, value in {**made, **fields}.items() if value is not ...}


def index(**fields: object) -> Document:
    entry = {**blob(mediatype.OCI_MANIFEST), "platform": {"architecture": "arm", "os": "linux", "variant": "v6"}}
    made: Document = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [entry]}
    return {key: value for key, value in {**made, **fields}.items() if value is not ...}


SCHEMA1: Document = {"schemaVersion": 1, "fsLayers": [{"blobSum": Digest.of(b"a").value}], "history": []}


def parse(document: object, media_type: str = "") -> Manifest:
    return parse_manifest(json.dumps(document).encode(), media_type)


def test_an_image_has_a_config_and_layers() -> None:
    manifest = parse(image())

    assert isinstance(manifest, ImageManifest)
    assert manifest.kind == "image"
    assert manifest.config.media_type == mediatype.OCI_CONFIG
    assert [layer.size for layer in manifest.layers] == [1, 2]
    assert manifest.children() == [manifest.config, *manifest.layers]


def test_an_artifact_in_an_images_form_may_have_no_config() -> None:
    for config in (..., None):
        manifest = parse(image(config=config))

        assert isinstance(manifest, ImageManifest)
        assert not manifest.has_config
        assert manifest.children() == manifest.layers
        assert (len(manifest.layers), manifest.referrer_type) == (2, "")
        with pytest.raises(InvalidManifestError, match="no config"):
            _ = manifest.config


def test_an_index_has_entries_with_platforms() -> None:
    manifest = parse(index())

    assert isinstance(manifest, Index)
    assert manifest.kind == "index"
    assert [entry.platform for entry in manifest.manifests] == [Platform("linux", "arm", "v6")]
    assert manifest.children() == manifest.manifests


def test_an_artifact_manifest_has_blobs_or_none() -> None:
    document = {"mediaType": mediatype.OCI_ARTIFACT_MANIFEST, "artifactType": "a/b", "blobs": [blob("x/y")]}

    manifest = parse(document)

    assert isinstance(manifest, ArtifactManifest)
    assert (manifest.kind, manifest.artifact_type, len(manifest.blobs)) == ("artifact", "a/b", 1)
    assert parse({"mediaType": mediatype.OCI_ARTIFACT_MANIFEST, "artifactType": "a/b"}).children() == []


def test_the_raw_bytes_their_size_and_their_digest_are_kept() -> None:
    raw = b' {"schemaVersion" : 2, "manifests":[ ]}\n'

    manifest = parse_manifest(raw)

    assert (manifest.raw, manifest.size, manifest.digest) == (raw, len(raw), Digest.of(raw))
    assert manifest.descriptor == Descriptor(mediatype.OCI_INDEX, Digest.of(raw), len(raw))


def test_unknown_fields_survive() -> None:
    manifest = parse(image(future={"a": [1]}))

    assert manifest.document["future"] == {"a": [1]}


def test_annotations_subject_and_artifact_type_are_read() -> None:
    manifest = parse(image(annotations={"k": "v"}, subject=blob(mediatype.OCI_MANIFEST), artifactType="a/b"))

    assert manifest.annotations == {"k": "v"}
    assert manifest.subject == Descriptor(mediatype.OCI_MANIFEST, Digest.of(b"{}"), 2)
    assert (manifest.artifact_type, manifest.referrer_type) == ("a/b", "a/b")
    assert manifest.subject not in manifest.children()


def test_what_is_absent_or_null_is_empty() -> None:
    for manifest in (parse(image()), parse(image(annotations=None, subject=None, artifactType=None))):
        assert (dict(manifest.annotations), manifest.subject, manifest.artifact_type) == ({}, None, "")
    assert parse(image(layers=None)).children()[1:] == []
    assert parse(index(manifests=None)).children() == []


def test_an_image_without_an_artifact_type_is_listed_under_its_configs_type() -> None:
    assert parse(image()).referrer_type == mediatype.OCI_CONFIG
    assert parse(index()).referrer_type == ""


def test_the_digest_is_checked_against_the_expected_one_in_its_own_algorithm() -> None:
    raw = json.dumps(image()).encode()

    assert parse_manifest(raw, expected=Digest.of(raw)).digest == Digest.of(raw)
    assert parse_manifest(raw, expected=Digest.of(raw, "sha512")).digest.algorithm == "sha512"
    assert parse_manifest(raw, algorithm="sha512").digest == Digest.of(raw, "sha512")
    with pytest.raises(DigestMismatchError) as caught:
        parse_manifest(raw, expected=Digest.of(b"other"), what="manifest x/y:1")
    assert caught.value.actual == Digest.of(raw).value
    assert caught.value.expected == Digest.of(b"other").value


@pytest.mark.parametrize(
    "served",
    [
        "",
        "text/plain",
        "application/json",
        "application/json; charset=utf-8",
        "application/octet-stream",
        mediatype.OCI_INDEX,
        mediatype.DOCKER_MANIFEST,
        mediatype.DOCKER_SCHEMA1,
        "application/vnd.example+json",
        "nonsense",
    ],
)
def test_the_documents_own_type_goes_before_what_the_server_says(served: str) -> None:
    manifest = parse(image(), served)

    assert isinstance(manifest, ImageManifest)
    assert manifest.media_type == mediatype.OCI_MANIFEST


@pytest.mark.parametrize(
    ("document", "served", "media_type"),
    [
        (image(mediaType=...), "", mediatype.OCI_MANIFEST),
        (image(mediaType=...), "text/plain", mediatype.OCI_MANIFEST),
        (image(mediaType=...), mediatype.DOCKER_MANIFEST, mediatype.DOCKER_MANIFEST),
        (image(mediaType=...), mediatype.DOCKER_MANIFEST.upper() + "; v=1", mediatype.DOCKER_MANIFEST),
        (image(mediaType=...), mediatype.OCI_INDEX, mediatype.OCI_MANIFEST),
        (image(mediaType="", config=blob(mediatype.DOCKER_CONFIG)), "", mediatype.DOCKER_MANIFEST),
        (image(mediaType=..., layers=...), "", mediatype.OCI_MANIFEST),
        (index(mediaType=...), "", mediatype.OCI_INDEX),
        (index(mediaType=...), mediatype.DOCKER_LIST, mediatype.DOCKER_LIST),
        (index(mediaType=...), mediatype.OCI_MANIFEST, mediatype.OCI_INDEX),
        ({"blobs": []}, "", mediatype.OCI_ARTIFACT_MANIFEST),
        (SCHEMA1, "application/json", mediatype.DOCKER_SCHEMA1),
        (SCHEMA1, mediatype.DOCKER_SCHEMA1_SIGNED, mediatype.DOCKER_SCHEMA1),
        (image(mediaType="application/vnd.example.v1+json"), "", "application/vnd.example.v1+json"),
        (image(mediaType=...), "application/vnd.example.v1+json", "application/vnd.example.v1+json"),
    ],
)
def test_without_an_own_type_the_served_one_counts_if_it_fits_and_else_the_shape(
    document: Document, served: str, media_type: str
) -> None:
    assert parse(document, served).media_type == media_type


@pytest.mark.parametrize(
    ("document", "served", "media_type"),
    [
        ({}, "", "application/json"),
        ({"schemaVersion": 99}, "application/json", "application/json"),
        ({"hello": "world"}, "application/vnd.example+json", "application/vnd.example+json"),
        ({"hello": "world"}, "application/vnd.\x1b[2J", "application/json"),
        ({"mediaType": "application/vnd.example+json"}, "text/plain", "application/vnd.example+json"),
        ({"architecture": "amd64", "config": {"Cmd": ["sh"]}, "rootfs": {}}, "", "application/json"),
    ],
)
def test_an_object_of_no_known_kind_can_be_held_and_has_no_children(
    document: Document, served: str, media_type: str
) -> None:
    manifest = parse(document, served)

    assert isinstance(manifest, UnknownManifest)
    assert (manifest.kind, manifest.media_type, manifest.children()) == ("unknown", media_type, [])


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        None,
        1,
        image(manifests=[]),
        index(layers=[]),
        index(config=blob(mediatype.OCI_CONFIG)),
        {**SCHEMA1, "layers": []},
        {**SCHEMA1, "config": blob(mediatype.OCI_CONFIG)},
        image(blobs=[]),
        image(mediaType=mediatype.OCI_INDEX),
        image(mediaType=mediatype.DOCKER_SCHEMA1),
        index(mediaType=mediatype.DOCKER_MANIFEST),
        {"mediaType": mediatype.OCI_MANIFEST},
        image(mediaType=1),
        image(mediaType="a/b\nx"),
        image(mediaType="a" * 1000),
        image(schemaVersion=-(10**4000)),
        image(config="x"),
        image(config=[]),
        image(layers={}),
        index(manifests={}),
        index(manifests="x"),
        {"blobs": {}},
        {**SCHEMA1, "fsLayers": {}},
        image(schemaVersion="2"),
        image(schemaVersion=True),
        image(schemaVersion=2.0),
        image(schemaVersion=1),
        index(schemaVersion=3),
        {**SCHEMA1, "schemaVersion": 2},
    ],
)
def test_a_document_that_is_no_manifest_or_two_at_once_is_refused(document: object) -> None:
    with pytest.raises(InvalidManifestError) as caught:
        parse(document)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("served", [mediatype.OCI_MANIFEST, mediatype.DOCKER_LIST, mediatype.DOCKER_SCHEMA1])
def test_an_error_document_that_is_served_as_a_manifest_is_refused(served: str) -> None:
    with pytest.raises(InvalidManifestError, match="served as"):
        parse({"errors": [{"code": "DENIED"}]}, served)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "HTML"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "repeats the key"),
        (b'{"manifests":[{"size":1,"size":2}]}', "repeats the key"),
        (b'{"manifests":' + b"[" * 5000 + b"]" * 5000 + b"}", "deeper"),
        (b'{"manifests":[],"x":NaN}', "NaN"),
    ],
)
def test_bytes_that_are_no_sound_json_are_refused_by_name(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidManifestError, match=reason) as caught:
        parse_manifest(raw, what="manifest of x/y:1")

    assert str(caught.value).startswith("manifest of x/y:1 cannot be right: ")


def test_four_mebibytes_are_the_limit_and_it_can_be_set() -> None:
    raw = b'{"manifests":[]}'
    large = raw + b" " * (4 * 1024 * 1024)

    with pytest.raises(InvalidManifestError, match="more than the limit of 4194304"):
        parse_manifest(large)
    assert parse_manifest(large, limit=5 * 1024 * 1024).size == len(large)
    with pytest.raises(InvalidManifestError):
        parse_manifest(raw, limit=15)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (image(layers=[blob("x"), {**blob("x"), "size": -1}]), "layer 1 of manifest sha256:"),
        (image(layers=["x"]), "layer 0 of manifest"),
        (image(config={**blob("x"), "digest": "sha256:1"}), "the config of manifest"),
        (image(subject={**blob("x"), "size": True}), "the subject of manifest"),
        (image(subject=[]), "the subject of manifest"),
        (image(annotations={"a": 1}), "its annotations is not an object of texts"),
        (image(annotations=["a"]), "its annotations is not an object of texts"),
        (image(artifactType=1), "its artifactType is not a text"),
        (index(manifests=[{**blob("x"), "platform": 1}]), "entry 0 of manifest"),
        ({"blobs": [None]}, "blob 0 of manifest"),
        ({**SCHEMA1, "fsLayers": [{"blobSum": "x"}]}, "not a digest"),
        ({**SCHEMA1, "fsLayers": [{}]}, "no blobSum"),
        ({**SCHEMA1, "fsLayers": ["x"]}, "no blobSum"),
        ({**SCHEMA1, "history": [{"v1Compatibility": 1}]}, "no v1Compatibility"),
        ({**SCHEMA1, "history": [{"v1Compatibility": "{"}]}, "not JSON"),
        ({**SCHEMA1, "history": 1}, "its history is not a list"),
    ],
)
def test_a_wrong_part_is_found_when_it_is_touched_and_named(document: Document, what: str) -> None:
    manifest = parse(document)

    with pytest.raises(InvalidManifestError) as caught:
        manifest.validate()
    assert what in str(caught.value)


def test_children_are_made_once_and_the_list_is_the_callers_own() -> None:
    manifest = parse(image())

    manifest.children().clear()

    assert len(manifest.children()) == 3
    assert manifest.children()[0] is manifest.children()[0]


def test_manifests_are_equal_by_their_bytes_and_type() -> None:
    one, two = parse(image(mediaType=...)), parse(image(mediaType=...))

    assert one == two
    assert len({one, two}) == 1
    assert one != parse(image(mediaType=...), mediatype.DOCKER_MANIFEST)
    assert one != one.raw


def test_a_manifest_shows_its_digest_and_not_its_bytes() -> None:
    manifest = parse(image())

    assert repr(manifest) == f"ImageManifest({manifest.digest}, {manifest.media_type!r}, {manifest.size} bytes)"


def test_there_is_a_class_for_every_known_type() -> None:
    assert set(KINDS) == set(mediatype.MANIFEST_TYPES)


def test_schema_1_lists_its_layers_top_first_and_its_children_bottom_first() -> None:
    tops = [Digest.of(b"top"), Digest.of(b"bottom")]
    document = {
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": digest.value} for digest in tops],
        "history": [{"v1Compatibility": '{"id":"a"}'}, {"v1Compatibility": '{"id":"b"}'}],
    }

    manifest = parse(document)

    assert isinstance(manifest, SignedManifest)
    assert not manifest.signed
    assert manifest.fs_layers == tops
    assert [child.digest for child in manifest.children()] == tops[::-1]
    assert [child.size for child in manifest.children()] == [-1, -1]
    assert manifest.history == [{"id": "a"}, {"id": "b"}]
    assert manifest.digest == Digest.of(manifest.raw)


@pytest.mark.parametrize("depth", [50, 101, 1_000, 50_000])
def test_nothing_but_an_integrity_error_leaves_the_parser(depth: int) -> None:
    for text in ('{"a":', "[", '{"manifests":[', '"', "\\", "9", "-", "{", '{"mediaType":'):
        with pytest.raises(IntegrityError):
            parse_manifest((text * depth).encode())
