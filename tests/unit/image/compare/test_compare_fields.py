"""Configs and metadata of two images, field by field; and which images stand beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.image.compare.made import Watched, sides_of, tar

from orlop.errors import PlatformChoiceError, UnsupportedError
from orlop.image.compare.config import compare_configs
from orlop.image.compare.fields import compare_fields, spread
from orlop.image.compare.metadata import compare_metadata
from orlop.image.compare.semantic import NOTHING, SEMANTIC, Ignore
from orlop.model.platform import PlatformSelector
from orlop.testing.builders import artifact, image, index

if TYPE_CHECKING:
    from orlop.testing.builders import Built

Found = dict[str, tuple[str, Any, Any]]


@pytest.fixture
def place() -> Watched:
    return Watched()


def configs(place: Watched, base: Built, target: Built, ignore: Ignore = NOTHING) -> Found:
    (pair,) = sides_of(place, base, target).pairs
    return {one.field: (one.change, one.base, one.target) for one in compare_configs(pair, ignore).changes}


def metadata(place: Watched, base: Built, target: Built, ignore: Ignore = NOTHING) -> Found:
    found = compare_metadata(sides_of(place, base, target), ignore)
    changes = [*found.index, *(change for one in found.platforms for change in one.changes)]
    return {one.field: (one.change, one.base, one.target) for one in changes}


def test_the_environment_is_compared_by_name_and_labels_by_key(place: Watched) -> None:
    base = image(config={"Env": ["A=1", "B=2=3", "C"]}, labels={"x": "1", "y.z": ""})
    target = image(config={"Env": ["C", "B=2", "D="]}, labels={"x": "2"})
    assert configs(place, base, target) == {
        'config.Env["A"]': ("removed", "1", None),
        'config.Env["B"]': ("changed", "2=3", "2"),
        'config.Env["D"]': ("added", None, ""),
        'config.Labels["x"]': ("changed", "1", "2"),
        'config.Labels["y.z"]': ("removed", "", None),
    }


def test_a_variable_that_is_set_twice_is_two_fields(place: Watched) -> None:
    found = configs(place, image(config={"Env": ["A=1"]}), image(config={"Env": ["A=1", "A=2"]}))
    assert found == {'config.Env["A"]#2': ("added", None, "2")}


def test_every_field_of_a_config_counts_and_commands_are_one_value(place: Watched) -> None:
    one = {
        "User": "app",
        "Cmd": ["a", "b"],
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "x"], "Retries": 3},
        "WorkingDir": "/a",
        "OnBuild": ["RUN x"],
        "Future": {"Deep": [{"a": 1}]},
    }
    found = configs(place, image(config=one), image(config={**one, "Cmd": ["a"], "ExposedPorts": {"81/tcp": {}}}))
    assert found == {
        "config.Cmd": ("changed", ["a", "b"], ["a"]),
        'config.ExposedPorts["80/tcp"]': ("removed", True, None),
        'config.ExposedPorts["81/tcp"]': ("added", None, True),
    }
    assert set(configs(place, image(config=one), image())) == {
        "config.Cmd",
        'config.ExposedPorts["80/tcp"]',
        "config.Future.Deep[0].a",
        "config.Healthcheck.Retries",
        "config.Healthcheck.Test",
        "config.OnBuild",
        "config.User",
        "config.WorkingDir",
    }


def test_what_is_empty_says_as_much_as_what_is_missing(place: Watched) -> None:
    empty: dict[str, Any] = {
        "User": "",
        "Cmd": None,
        "Volumes": None,
        "AttachStdin": False,
        "OnBuild": [],
        "Labels": {},
    }
    assert configs(place, image(config=empty), image()) == {}


def test_history_is_compared_by_position_in_the_order_of_numbers(place: Watched) -> None:
    base = [{"created_by": f"step {n}", "created": "2024-01-01T00:00:00Z"} for n in range(12)]
    target = [{**step, "created_by": step["created_by"] + "!", "created": "2025-01-01T00:00:00Z"} for step in base]
    found = configs(place, image(history=base), image(history=target, created="2025-01-01T00:00:00Z"))
    names = [name for name in found if name.endswith("created_by")]
    assert names == [f"history[{n}].created_by" for n in range(12)]
    assert found["created"] == ("changed", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")


def test_times_history_and_diff_ids_do_not_count_where_they_are_ignored(place: Watched) -> None:
    base = image([tar("a")])
    target = image(
        [tar("b")], created="2025-01-01T00:00:00Z", history=[{"created_by": "x", "created": "2025-01-01T00:00:00Z"}]
    )
    assert set(configs(place, base, target)) == {
        "created",
        "history[0].created",
        "history[0].created_by",
        "rootfs.diff_ids[0]",
    }
    assert set(configs(place, base, target, Ignore(image_timestamps=True))) == {"history[0].created_by"}
    assert configs(place, base, target, SEMANTIC) == {}


def test_metadata_tells_manifest_index_and_config(place: Watched) -> None:
    base = index([image([tar("a")], config={"User": "a"})], annotations={"x": "1"})
    target = index([image([tar("b")], annotations={"org.opencontainers.image.created": "x"}, docker=True)])
    found = metadata(place, base, target)
    for field in (
        "index.digest",
        'index.annotations["x"]',
        'index.manifests["linux/amd64"].digest',
        "manifest.digest",
        "manifest.mediaType",
        "manifest.config.digest",
        "manifest.layers[0].digest",
        'manifest.annotations["org.opencontainers.image.created"]',
        "image.config.User",
        "image.rootfs.diff_ids[0]",
    ):
        assert field in found
    left = set(metadata(place, base, target, SEMANTIC))
    assert {name for name in left if "digest" in name or "size" in name or "created" in name} == set()
    assert {"manifest.mediaType", "image.config.User", 'index.annotations["x"]'} <= left


def test_the_name_of_an_image_does_not_count_where_it_is_ignored(place: Watched) -> None:
    name = "org.opencontainers.image.ref.name"
    base, target = image(annotations={name: "a", "x": "1"}), image(annotations={name: "b", "x": "2"})
    assert f'manifest.annotations["{name}"]' in metadata(place, base, target)
    assert set(metadata(place, base, target, Ignore(image_name=True))) == {'manifest.annotations["x"]'}


def test_an_image_has_the_same_metadata_as_itself(place: Watched) -> None:
    one = index([image([tar("a")]), image(platform="linux/arm64")])
    found = compare_metadata(sides_of(place, one, one))
    assert found.equal
    assert found.to_json()["equal"] is True


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "a b", "é", 'q"']), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_fields_that_change_places_exchange_what_was_added_and_removed(one: object, other: object) -> None:
    left: dict[str, object] = {}
    right: dict[str, object] = {}
    spread(left, "x", one)
    spread(right, "x", other)
    there, back = compare_fields(left, right), compare_fields(right, left)
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert [(c.field, turned[c.change], c.target, c.base) for c in there] == [tuple(c) for c in back]
    assert compare_fields(left, left) == ()


def test_true_is_not_one() -> None:
    assert compare_fields({"a": True, "b": [1, {"c": False}]}, {"a": 1, "b": [1, {"c": 0}]}) != ()


# --- which images stand beside each other ------------------------------------------------------


def platforms(place: Watched, base: Built, target: Built, **options: Any) -> list[tuple[str, bool, bool]]:
    pairs = sides_of(place, base, target, **options).pairs
    return [(pair.platform, pair.base is not None, pair.target is not None) for pair in pairs]


ARM, AMD = image(platform="linux/arm64"), image()


def test_of_an_index_and_an_image_that_images_platform_is_taken(place: Watched) -> None:
    both = index([AMD, ARM])
    for one, other in ((both, ARM), (ARM, both)):
        assert platforms(place, one, other) == [("linux/arm64/v8", True, True)]
    with pytest.raises(PlatformChoiceError):
        platforms(place, both, image(platform="linux/s390x"))


def test_a_selector_takes_one_platform_of_each_index(place: Watched) -> None:
    wanted = PlatformSelector.parse("linux/arm64")
    assert platforms(place, index([AMD, ARM]), index([ARM, AMD]), selector=wanted) == [("linux/arm64/v8", True, True)]
    with pytest.raises(PlatformChoiceError):
        platforms(place, index([AMD, ARM]), index([AMD]), selector=wanted)


def test_two_images_of_two_platforms_may_be_compared(place: Watched) -> None:
    assert platforms(place, AMD, ARM) == [("linux/amd64", True, True)]


def test_an_image_has_to_be_of_the_platform_where_that_is_strict(place: Watched) -> None:
    wanted = PlatformSelector.parse("linux/arm64")
    assert platforms(place, AMD, AMD, selector=wanted) == [("linux/amd64", True, True)]
    with pytest.raises(PlatformChoiceError):
        platforms(place, AMD, AMD, selector=wanted, strict=True)


def test_one_pair_out_of_two_indexes_has_to_be_decided(place: Watched) -> None:
    with pytest.raises(PlatformChoiceError, match="2 platforms are left"):
        platforms(place, index([AMD, ARM]), index([AMD, ARM]), one=True)


def test_windows_builds_stand_beside_each_other_whatever_their_last_number(place: Watched) -> None:
    old, new = (
        index([image(platform=f"windows(10.0.{build}.{patch})/amd64") for build in builds])
        for patch, builds in ((1, (17763, 20348)), (2, (20348, 17763)))
    )
    assert platforms(place, old, new) == [
        ("windows(10.0.17763.1)/amd64", True, True),
        ("windows(10.0.20348.1)/amd64", True, True),
    ]


def test_a_platform_that_is_listed_twice_is_paired_in_order(place: Watched) -> None:
    one, other = image(labels={"n": "1"}), image(labels={"n": "2"})
    pairs = sides_of(place, index([one, other]), index([one])).pairs
    assert [(pair.base_digest, pair.target_digest) for pair in pairs] == [
        (one.digest, one.digest),
        (other.digest, None),
    ]


def test_what_is_no_image_cannot_be_compared(place: Watched) -> None:
    with pytest.raises(UnsupportedError):
        sides_of(place, artifact({"a": b"b"}), AMD)
