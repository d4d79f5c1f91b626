"""Real images and their bases, decided: ``ORLOP_VECTORS`` names the folder of real documents."""

from __future__ import annotations

import json
import os
import tarfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orlop.freshness.asking import Desk, unanswered
from orlop.freshness.attested import choose_base
from orlop.freshness.images import diff_ids_of, image_of, schema1_trouble, with_config
from orlop.freshness.provenance import statement_of
from orlop.freshness.values import Evidence, LayerRef, Options, PlatformImage
from orlop.freshness.verdict import decide
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import parse_manifest
from orlop.model.platform import Platform

VECTORS = os.environ.get("ORLOP_VECTORS", "")

pytestmark = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS does not name the folder of real documents")

GIVEN = (Evidence("given"),)
NAMED = (Evidence("annotation", None, "claimed"),)
LAYERS_ALONE = Options(ignore_metadata=True)


def loaded(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Path(VECTORS, name).read_bytes())
    return made


def stored(name: str) -> PlatformImage:
    return image_of(parse_manifest(Path(VECTORS, name).read_bytes()))


def listed(digest: str, layers: list[str], platform: str) -> PlatformImage:
    """Return an image as the compilation of .NET's images knows it: digest and layers, bottom first."""
    return PlatformImage(Digest(digest), Platform.parse(platform), tuple(LayerRef(Digest(one)) for one in layers))


def dotnet() -> list[dict[str, Any]]:
    if not VECTORS:
        return []
    document = loaded("bases/dotnet.json")
    return [*document["fresh"], *document["stale"]]


def test_the_images_of_docker_hub_are_fresh_on_their_bases() -> None:
    pairs = loaded("bases/hub.json")["pairs"]
    assert pairs
    for pair in pairs:
        target, base = stored(pair["image_manifest"]), stored(pair["base_manifest"])
        assert len(target.layers) - len(base.layers) == pair["layers_above"]
        assert decide(target, base, None, GIVEN, LAYERS_ALONE).reason == "same-content"
        assert decide(target, base, base, NAMED).reason == "same-base"
        assert decide(target, base, base.digest, NAMED).reason == "same-base"


def test_an_image_of_docker_hub_is_not_fresh_on_another_platforms_base() -> None:
    pairs = loaded("bases/hub.json")["pairs"]
    for one, other in pairwise(pairs):
        target, base, foreign = (
            stored(name) for name in (one["image_manifest"], one["base_manifest"], other["base_manifest"])
        )
        assert decide(target, foreign, base, NAMED).reason == "layers"
        assert decide(target, foreign, None, GIVEN).reason == "not-based"


@pytest.mark.parametrize("pair", dotnet(), ids=lambda pair: f"{pair['image_tags'][0]}-{pair['fresh']}")
def test_the_images_of_dotnet_are_as_fresh_as_their_builds_say(pair: dict[str, Any]) -> None:
    target = listed(pair["image_digest"], pair["image_layers"], pair["platform"])
    now = listed(pair["base_digest_now"], pair["base_layers_now"], pair["platform"])
    then = Digest(pair["base_digest_built_on"])
    expected = ("fresh", "same-base") if pair["fresh"] else ("stale", "layers")
    made = decide(target, now, then, NAMED)
    assert (made.state, made.reason) == expected


def test_every_image_of_a_dotnet_chain_is_fresh_on_each_below() -> None:
    for entry in loaded("bases/dotnet.json")["chains"]:
        known = [one for one in entry["chain"] if one["layers"]]
        images = [listed(one["digest"], one["layers"], one["platform"]) for one in known]
        for at, target in enumerate(images):
            for base in images[at + 1 :]:
                assert decide(target, base, base, NAMED).reason == "same-base"
                assert decide(target, base, None, GIVEN, LAYERS_ALONE).state == "fresh"
                assert decide(base, target, None, GIVEN).state == "unknown"


def test_e1_the_attestation_of_a_real_archive_names_its_base() -> None:
    with tarfile.open(Path(VECTORS, "archives/snyk-busybox-attested.tar")) as archive:
        blobs = {one.name.rpartition("/")[2]: archive.extractfile(one) for one in archive if one.isfile()}
        raw = {name: held.read() for name, held in blobs.items() if held}
    statement = statement_of(next(data for data in raw.values() if b'"https://in-toto.io/Statement' in data))
    (one,) = statement.images
    assert (str(one.base.moving), str(one.platform)) == ("docker.io/library/busybox:latest", "linux/arm64/v8")
    (subject,) = statement.subjects
    target = image_of(parse_manifest(raw[subject.hex], expected=subject))
    assert statement.is_about(target)
    made = unanswered(choose_base(Desk(), target, [statement]))
    assert made.found is not None
    assert made.found.evidence.binding == "claimed"


def test_c9_real_signed_schema_1_manifests_can_be_compared_with_themselves() -> None:
    names = sorted(Path(VECTORS, "manifests").glob("*.signed.json"))
    assert names
    for name in names:
        image = image_of(parse_manifest(name.read_bytes()))
        if not schema1_trouble(image.manifest):
            assert decide(image, image, None, GIVEN).reason == "same-base"


def test_every_real_config_is_the_same_as_itself_and_no_shape_of_it_crashes() -> None:
    for name in sorted(Path(VECTORS, "configs").glob("*.json")):
        config = parse_config(name.read_bytes())
        digests = [Digest.of(str(n).encode()) for n in range(len(diff_ids_of(config)))]
        one = image_with(config, digests, b"one")
        other = image_with(config, digests, b"other")
        if digests:
            assert decide(one, other, other, NAMED).reason == "same-base"
            assert decide(one, other, image_with(config, digests, b"then"), NAMED).reason == "same-content"
            assert decide(one, other, None, GIVEN).reason == "same-content"


def image_with(config: Any, layers: list[Digest], salt: bytes) -> PlatformImage:
    return with_config(PlatformImage(Digest.of(salt), None, tuple(LayerRef(one) for one in layers)), config)
