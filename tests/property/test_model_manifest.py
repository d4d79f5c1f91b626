"""Manifests: raw in is raw out, and nothing but orlop's own errors comes of any bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import IntegrityError, InvalidDocumentError, InvalidManifestError
from orlop.model import mediatype
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.jsondoc import load_json
from orlop.model.manifest import ImageManifest, Index, parse_manifest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)
EXTRA = st.dictionaries(TEXT.map("x-".__add__), JSON, max_size=3)
PLATFORM = st.fixed_dictionaries(
    {
        "os": st.sampled_from(["linux", "Linux", "windows", ""]),
        "architecture": st.sampled_from(["arm64", "aarch64", "x86_64", ""]),
    },
    optional={
        "variant": st.sampled_from(["", "v8", "v7"]),
        "os.version": TEXT,
        "os.features": st.lists(TEXT, max_size=2),
        "features": st.lists(TEXT, max_size=2),
    },
)
DESCRIPTOR = st.builds(
    lambda known, extra: {**known, **extra},
    st.fixed_dictionaries(
        {
            "mediaType": st.sampled_from(
                [*mediatype.MANIFEST_TYPES, mediatype.OCI_LAYER_GZIP, mediatype.OCI_CONFIG, "x"]
            ),
            "digest": st.binary(max_size=3).map(lambda data: Digest.of(data).value),
            "size": st.integers(0, 2**63 - 1),
        },
        optional={
            "annotations": st.dictionaries(TEXT, TEXT, min_size=1, max_size=2),
            "urls": st.lists(TEXT, min_size=1, max_size=2),
            "platform": PLATFORM,
            "artifactType": TEXT.filter(bool),
            "data": st.sampled_from(["", "e30=", "AAAA"]),
        },
    ),
    EXTRA,
)
DESCRIPTORS = st.lists(DESCRIPTOR, max_size=3)
IMAGE = st.builds(
    lambda known, extra: {**extra, **known},
    st.fixed_dictionaries(
        {"schemaVersion": st.just(2), "config": DESCRIPTOR, "layers": DESCRIPTORS},
        optional={"mediaType": st.sampled_from(mediatype.IMAGE_TYPES), "subject": DESCRIPTOR},
    ),
    EXTRA,
)
INDEX = st.builds(
    lambda known, extra: {**extra, **known},
    st.fixed_dictionaries(
        {"schemaVersion": st.just(2), "manifests": DESCRIPTORS},
        optional={"mediaType": st.sampled_from(mediatype.INDEX_TYPES)},
    ),
    EXTRA,
)
SPACING = st.sampled_from([None, 0, 1, 3, "\t"])
SERVED = st.sampled_from(["", "text/plain", "application/json", *mediatype.MANIFEST_TYPES])


def one_line(error: Exception) -> None:
    assert "\n" not in str(error)


@given(IMAGE | INDEX, SPACING, st.booleans(), SERVED)
def test_raw_in_is_raw_out(
    document: dict[str, object], indent: int | str | None, ascii_only: bool, served: str
) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()

    manifest = parse_manifest(raw, served, expected=Digest.of(raw))

    assert manifest.raw == raw
    assert manifest.document == document
    manifest.validate()
    assert manifest.media_type == document.get("mediaType", manifest.media_type)
    assert parse_manifest(manifest.raw, manifest.media_type) == manifest


@given(IMAGE | INDEX)
def test_descriptors_are_written_as_they_came(document: dict[str, object]) -> None:
    manifest = parse_manifest(json.dumps(document).encode())

    if isinstance(manifest, ImageManifest):
        assert [manifest.config.to_json(), *(one.to_json() for one in manifest.layers)] == [
            document["config"],
            *document["layers"],  # type: ignore[misc]  # a list by its making
        ]
    if isinstance(manifest, Index):
        assert [one.to_json() for one in manifest.manifests] == document["manifests"]
    for child in manifest.children():
        assert Descriptor.from_json(child.to_json()) == child


@given(JSON)
def test_the_loader_reads_what_json_reads(value: object) -> None:
    assert load_json(json.dumps(value).encode(), "x") == value


@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=4), st.data())
def test_a_key_that_is_repeated_anywhere_is_refused(document: dict[str, object], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    inner = json.dumps(document)[:-1] + f", {json.dumps(key)}: 1}}"

    with pytest.raises(InvalidDocumentError, match="repeats the key"):
        load_json(f'[{{"a": {inner}}}]'.encode(), "x")


SOUP = st.lists(
    st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b",",
            b":",
            b"\\",
            b"1",
            b"-",
            b"NaN",
            b"null",
            b'"config":',
            b'"layers":[',
            b"\xff",
            b" ",
            b'"manifests":[',
            b'"schemaVersion":2',
            b'{"digest":"sha256:"',
            b'"mediaType":"x"',
            b"\\u",
            b"\\ud800",
            b"\x00",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(SOUP | st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()), SERVED)
def test_any_bytes_parse_or_are_refused_as_a_manifest(raw: bytes, served: str) -> None:
    try:
        manifest = parse_manifest(raw, served)
    except InvalidManifestError as error:
        one_line(error)
        return
    assert manifest.raw == raw
    try:
        manifest.validate()
    except IntegrityError as error:
        one_line(error)


@given(SOUP | JSON.map(lambda value: json.dumps({"config": value, "history": [value], "rootfs": value}).encode()))
def test_any_bytes_parse_or_are_refused_as_a_config(raw: bytes) -> None:
    try:
        parse_config(raw).validate()
    except IntegrityError as error:
        one_line(error)


@given(st.integers(0, 300), st.integers(1, 200))
def test_depth_is_counted_to_the_level(depth: int, limit: int) -> None:
    raw = b"[" * depth + b"1" + b"]" * depth

    if depth <= limit:
        load_json(raw, "x", depth=limit)
    else:
        with pytest.raises(InvalidDocumentError, match="deeper"):
            load_json(raw, "x", depth=limit)
