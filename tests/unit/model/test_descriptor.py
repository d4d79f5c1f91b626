from __future__ import annotations

import pickle

import pytest

from orlop.errors import DigestMismatchError, InvalidManifestError, SizeMismatchError
from orlop.model.annotations import DOCKER_REFERENCE_TYPE
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.mediatype import OCI_LAYER, OCI_MANIFEST
from orlop.model.platform import Platform

EMPTY = Digest.of(b"{}")
PLAIN = {"mediaType": OCI_LAYER, "digest": EMPTY.value, "size": 2}


def test_a_descriptor_has_a_type_a_digest_and_a_size() -> None:
    assert Descriptor.from_json(PLAIN) == Descriptor(OCI_LAYER, EMPTY, 2)
    assert Descriptor(OCI_LAYER, EMPTY, 2).to_json() == PLAIN


def test_every_field_survives_the_way_through() -> None:
    value = {
        **PLAIN,
        "urls": ["https://a", "https://b"],
        "annotations": {"k": "v"},
        "data": "e30=",
        "platform": {"architecture": "arm", "os": "linux", "variant": "v6"},
        "artifactType": "a/b",
        "futureField": {"deep": [1, None, {"x": 1.5}]},
    }

    descriptor = Descriptor.from_json(value)

    assert descriptor.urls == ("https://a", "https://b")
    assert descriptor.platform == Platform("linux", "arm", "v6")
    assert descriptor.data == b"{}"
    assert descriptor.extra == {"futureField": value["futureField"]}
    assert descriptor.to_json() == value


@pytest.mark.parametrize(
    "stated",
    [
        {"architecture": "arm64", "os": "linux"},
        {"architecture": "x86_64", "os": "Linux"},
        {"architecture": "amd64", "os": "linux", "features": ["sse4"]},
        {"architecture": "", "os": ""},
        {},
    ],
)
def test_a_platform_that_is_not_canonical_is_written_as_it_came(stated: dict[str, object]) -> None:
    assert Descriptor.from_json({**PLAIN, "platform": stated}).to_json()["platform"] == stated


def test_an_empty_platform_is_none() -> None:
    assert Descriptor.from_json({**PLAIN, "platform": {"architecture": "", "os": ""}}).platform is None


def test_a_platform_that_is_put_in_replaces_the_one_that_came() -> None:
    descriptor = Descriptor.from_json({**PLAIN, "platform": {"architecture": "x86_64", "os": "linux"}})

    changed = descriptor.with_platform(Platform("linux", "arm64"))

    assert changed.to_json()["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    assert descriptor.with_platform(None).to_json() == PLAIN


def test_null_is_an_absent_field() -> None:
    value = {**PLAIN, "urls": None, "annotations": None, "data": None, "platform": None, "artifactType": None}

    assert Descriptor.from_json(value) == Descriptor(OCI_LAYER, EMPTY, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": None},
        {"mediaType": 1},
        {"mediaType": "a/b\r\nx: y"},
        {"mediaType": "a/\x1b[2J"},
        {"mediaType": "a/" + "b" * 300},
        {"digest": None},
        {"digest": 1},
        {"digest": "sha256:abc"},
        {"digest": "md5:" + "a" * 32},
        {"size": None},
        {"size": True},
        {"size": "2"},
        {"size": 2.0},
        {"size": -1},
        {"size": 2**63},
        {"size": 10**4000},
        {"urls": "https://a"},
        {"urls": [1]},
        {"annotations": []},
        {"annotations": {"k": 1}},
        {"data": 1},
        {"data": "e30"},
        {"data": "e3 0="},
        {"data": "e3\u00e4="},
        {"platform": "linux/amd64"},
        {"platform": {"os": 1}},
        {"artifactType": []},
    ],
)
def test_a_field_of_a_wrong_type_or_value_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidManifestError) as caught:
        Descriptor.from_json({**PLAIN, **change}, "layer 1 of x")

    assert str(caught.value).startswith("layer 1 of x cannot be right: ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("field", ["mediaType", "digest", "size"])
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidManifestError, match=field):
        Descriptor.from_json({key: value for key, value in PLAIN.items() if key != field})


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidManifestError):
        Descriptor.from_json(value)


def test_the_content_that_it_carries_is_checked_when_it_is_taken() -> None:
    assert Descriptor.from_json({**PLAIN, "data": "e30="}).content() == b"{}"
    assert Descriptor.from_json(PLAIN).content() is None
    with pytest.raises(DigestMismatchError):
        Descriptor.from_json({**PLAIN, "data": "W10="}).content()
    with pytest.raises(SizeMismatchError):
        Descriptor.from_json({**PLAIN, "data": "e30K"}).content()


def test_an_attestation_is_told_by_its_annotation() -> None:
    assert Descriptor(OCI_MANIFEST, EMPTY, 2, {DOCKER_REFERENCE_TYPE: "attestation-manifest"}).is_attestation
    assert not Descriptor(OCI_MANIFEST, EMPTY, 2).is_attestation


def test_a_descriptor_can_be_a_key_and_be_pickled() -> None:
    plain = Descriptor(OCI_LAYER, EMPTY, 2)
    full = Descriptor.from_json({**PLAIN, "annotations": {"a": "b"}, "x": [1]})

    assert {plain: 1, full: 2}[Descriptor(OCI_LAYER, EMPTY, 2)] == 1
    assert pickle.loads(pickle.dumps(full)) == full
    assert pickle.loads(pickle.dumps(plain)) == plain
