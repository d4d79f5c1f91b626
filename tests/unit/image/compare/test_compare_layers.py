"""Layers of two images, position by position, in dredge's words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.image.compare.made import Watched, sides_of, tar

from orlop.image.compare.layers import LayersComparison, compare_layers
from orlop.image.view import Image
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, parse_manifest
from orlop.testing.builders import Built, image

VECTORS = os.environ.get("ORLOP_VECTORS", "")
ONE, TWO, THREE = (tar(name) for name in "abc")


@pytest.fixture
def place() -> Watched:
    return Watched()


def compared(place: Watched, base: Built, target: Built, **options: bool) -> LayersComparison:
    left, right = sides_of(place, base, target, one=True).only
    return compare_layers(left, right, **options)


def diffs(found: LayersComparison) -> list[str]:
    return [pair.diff for pair in found.layers]


def summary(found: LayersComparison) -> Any:
    document: Any = found.to_json()
    return tuple(document["summary"].values())


def test_layers_are_compared_position_by_position(place: Watched) -> None:
    found = compared(place, image([ONE, TWO]), image([ONE, THREE, TWO]))
    assert diffs(found) == ["equal", "notEqual", "added"]
    assert summary(found) == (False, False, 0)
    assert diffs(compared(place, image([ONE, TWO]), image([ONE]))) == ["equal", "removed"]


def test_a_target_that_goes_on_where_the_base_ends_includes_it(place: Watched) -> None:
    assert summary(compared(place, image([ONE]), image([ONE, TWO]))) == (False, True, 0)


def test_the_last_common_layer_is_below_the_first_difference(place: Watched) -> None:
    assert summary(compared(place, image([ONE]), image([TWO]))) == (False, False, -1)
    assert summary(compared(place, image([ONE, TWO]), image([ONE, TWO]))) == (True, True, 1)
    assert summary(compared(place, image([]), image([]))) == (True, True, -1)


STEPS: list[dict[str, Any]] = [{"created_by": "ADD"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "RUN"}]


def test_history_brings_the_steps_that_made_no_layer(place: Watched) -> None:
    other = [STEPS[0], {"created_by": "ENV 2", "empty_layer": True}, STEPS[2]]
    base, target = image([ONE, TWO], history=STEPS), image([ONE, TWO], history=other)
    assert compared(place, base, target).equal
    found = compared(place, base, target, history=True, compressed_size=True)
    assert diffs(found) == ["equal", "notEqual", "equal"]
    document: Any = found.to_json()
    assert document["layerComparisons"][1] == {
        "base": {"digest": None, "history": "ENV", "compressedSize": 0},
        "target": {"digest": None, "history": "ENV 2", "compressedSize": 0},
        "layerDiff": "notEqual",
    }
    assert document["layerComparisons"][2]["base"] == {
        "digest": str(TWO.descriptor.digest),
        "history": "RUN",
        "compressedSize": TWO.descriptor.size,
    }


def test_without_history_the_json_has_nulls_as_dredge_has(place: Watched) -> None:
    document: Any = compared(place, image([ONE]), image([])).to_json()
    side = {"digest": str(ONE.descriptor.digest), "history": None, "compressedSize": None}
    assert document["layerComparisons"] == [{"base": side, "target": None, "layerDiff": "removed"}]


def test_a_history_that_is_shorter_or_longer_than_the_layers_loses_none(place: Watched) -> None:
    short, long = image([ONE, TWO], history=STEPS[:1]), image([ONE], history=STEPS)
    found = compared(place, short, long, history=True)
    assert [(pair.base and (pair.base.digest, pair.base.history)) for pair in found.layers] == [
        (ONE.descriptor.digest, "ADD"),
        (TWO.descriptor.digest, None),
        None,
    ]
    assert [(pair.target and (pair.target.digest, pair.target.history)) for pair in found.layers] == [
        (ONE.descriptor.digest, "ADD"),
        (None, "ENV"),
        (None, "RUN"),
    ]


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of recorded documents")
def test_real_images_include_the_bases_that_they_were_made_from() -> None:
    folder = Path(VECTORS)

    def view(path: str) -> Image:
        manifest = parse_manifest((folder / path).read_bytes())
        assert isinstance(manifest, ImageManifest)
        return Image(path, manifest, parse_config(b"{}"))

    pairs = json.loads((folder / "bases/hub.json").read_text("utf-8"))["pairs"]
    for pair in pairs:
        base, target = view(pair["base_manifest"]), view(pair["image_manifest"])
        found = compare_layers(base, target)
        assert found.target_includes_base
        assert diffs(found)[found.last_common + 1 :] == ["added"] * pair["layers_above"]
        assert not compare_layers(target, base).target_includes_base
    assert pairs
