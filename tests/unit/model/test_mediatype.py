from __future__ import annotations

import pytest

from orlop.model import mediatype


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (mediatype.OCI_LAYER, ""),
        (mediatype.OCI_LAYER_GZIP, "gzip"),
        (mediatype.OCI_LAYER_ZSTD, "zstd"),
        (mediatype.OCI_FOREIGN_LAYER_GZIP, "gzip"),
        (mediatype.DOCKER_LAYER, ""),
        (mediatype.DOCKER_LAYER_GZIP, "gzip"),
        (mediatype.DOCKER_LAYER_ZSTD, "zstd"),
        (mediatype.DOCKER_FOREIGN_LAYER, "gzip"),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "gzip"),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", None),
        ("application/vnd.in-toto+json", None),
        ("", None),
    ],
)
def test_a_media_type_says_its_compression(name: str, expected: str | None) -> None:
    assert mediatype.compression(name) == expected


def test_layers_foreign_layers_manifests_and_indexes_are_told_apart() -> None:
    assert mediatype.is_layer(mediatype.DOCKER_LAYER_GZIP)
    assert mediatype.is_layer(mediatype.OCI_FOREIGN_LAYER)
    assert mediatype.is_layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")
    assert not mediatype.is_layer(mediatype.OCI_CONFIG)
    assert mediatype.is_foreign(mediatype.DOCKER_FOREIGN_LAYER)
    assert mediatype.is_foreign(mediatype.OCI_FOREIGN_LAYER_ZSTD)
    assert not mediatype.is_foreign(mediatype.OCI_LAYER_ZSTD)
    assert mediatype.is_manifest(mediatype.DOCKER_SCHEMA1_SIGNED)
    assert not mediatype.is_manifest(mediatype.DOCKER_CONFIG)
    assert mediatype.is_index(mediatype.DOCKER_LIST)
    assert not mediatype.is_index(mediatype.OCI_MANIFEST)
    assert mediatype.is_config(mediatype.OCI_CONFIG)


def test_the_accept_header_names_every_manifest_type_once() -> None:
    named = [part.partition(";")[0] for part in mediatype.ACCEPT.split(", ")]

    assert named == list(mediatype.MANIFEST_TYPES)


def test_parameters_and_case_do_not_change_a_type() -> None:
    assert mediatype.bare("Application/JSON; charset=utf-8") == "application/json"
