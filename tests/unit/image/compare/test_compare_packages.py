"""Packages of two images: added, removed, up and down, several versions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import packagefiles
from tests.unit.image.compare.made import Watched, sides_of, stores_of

from orlop.content.cache import Cache
from orlop.image.compare.packages import PackagesComparison, compare_packages, package_changes
from orlop.layer.packages.package import Package
from orlop.testing.builders import image, index
from orlop.testing.layers import LayerBlob, layer
from orlop.threads import step

if TYPE_CHECKING:
    from pathlib import Path


def pack(text: str, kind: str = "deb") -> Package:
    """Return a package of ``name=version[:architecture]``."""
    name, _, rest = text.partition("=")
    version, _, architecture = rest.partition("@")
    return Package(name, version, kind, architecture)


def told(base: str, target: str, kind: str = "deb") -> list[tuple[str, str, str, str]]:
    sides = [[pack(text, kind) for text in side.split()] for side in (base, target)]
    return [
        (
            one.name,
            one.change,
            f"{one.base.version}@{one.base.architecture}".rstrip("@") if one.base else "",
            f"{one.target.version}@{one.target.architecture}".rstrip("@") if one.target else "",
        )
        for one in package_changes(*sides)
    ]


def test_packages_are_added_removed_and_go_up_and_down() -> None:
    assert told("a=1 b=2 c=1 d=1.9", "b=2 c=1.0 d=1.10 e=1") == [
        ("a", "removed", "1", ""),
        ("c", "upgraded", "1", "1.0"),
        ("d", "upgraded", "1.9", "1.10"),
        ("e", "added", "", "1"),
    ]
    assert told("a=2", "a=2~rc1") == [("a", "downgraded", "2", "2~rc1")]
    assert told("a=1.0", "a=1.00") == [("a", "changed", "1.0", "1.00")]


def test_versions_that_both_have_cancel_out_and_the_rest_stand_beside_each_other() -> None:
    assert told("a=1.0.0 a=2.0.0", "a=1.0.1 a=2.0.0", "npm") == [("a", "upgraded", "1.0.0", "1.0.1")]
    assert told("a=1.0.0 a=2.0.0", "a=2.1.0", "npm") == [
        ("a", "upgraded", "2.0.0", "2.1.0"),
        ("a", "removed", "1.0.0", ""),
    ]
    assert told("a=1 a=1", "a=1", "npm") == [("a", "removed", "1", "")]


def test_an_architecture_is_compared_with_itself_first() -> None:
    assert told("a=1@amd64 a=1@i386", "a=2@amd64 a=1@i386") == [("a", "upgraded", "1@amd64", "2@amd64")]
    assert told("a=1@amd64", "a=1@all") == [("a", "changed", "1@amd64", "1@all")]


PACKAGES = st.lists(
    st.builds(
        Package,
        st.sampled_from("ab"),
        st.sampled_from(["1", "1.0", "2~1", "2"]),
        st.sampled_from(["deb", "npm"]),
        st.sampled_from(["", "amd64"]),
    ),
    max_size=6,
)


@given(PACKAGES, PACKAGES)
def test_sides_that_change_places_turn_every_change(base: list[Package], target: list[Package]) -> None:
    turned = {
        "added": "removed",
        "removed": "added",
        "upgraded": "downgraded",
        "downgraded": "upgraded",
        "changed": "changed",
    }
    there = sorted((one.kind, one.name, turned[one.change]) for one in package_changes(base, target))
    assert there == sorted((one.kind, one.name, one.change) for one in package_changes(target, base))
    assert package_changes(base, base) == []


# --- out of images -----------------------------------------------------------------------------

SYSTEM = layer({"etc/os-release": packagefiles.DEBIAN, "var/lib/dpkg/status": packagefiles.dpkg({"bash": "5.1-1"})})
NEWER = layer({"var/lib/dpkg/status": packagefiles.dpkg({"bash": "5.2-1", "curl": "8.0"})})
APP = layer({"app/node_modules/x/package.json": packagefiles.package_json("x", "1.0.0")})


def compared(base: Any, target: Any, place: Watched, **options: Any) -> PackagesComparison:
    sides = sides_of(place, base, target)
    return step(compare_packages(sides, stores_of(place.repository), **options))


@pytest.fixture
def place() -> Watched:
    return Watched()


def test_the_packages_of_two_images_are_compared(place: Watched) -> None:
    found = compared(image([SYSTEM]), image([SYSTEM, NEWER, APP]), place)
    assert [(one.kind, one.name, one.change) for one in found.platforms[0].changes] == [
        ("deb", "bash", "upgraded"),
        ("deb", "curl", "added"),
        ("npm", "x", "added"),
    ]
    assert not found.equal
    document: Any = found.to_json()
    assert document["platforms"][0]["changes"][0]["target"]["layer"]["index"] == 1
    assert compared(image([SYSTEM]), image([SYSTEM, APP]), place, kinds=("deb",)).equal


def opened(place: Watched, blob: LayerBlob) -> int:
    return place.opened.count(blob.descriptor.digest)


def test_a_layer_of_both_is_read_once_with_and_without_a_cache(place: Watched, tmp_path: Path) -> None:
    compared(image([SYSTEM]), image([SYSTEM, NEWER]), place)
    assert (opened(place, SYSTEM), opened(place, NEWER)) == (1, 1)
    compared(image([SYSTEM]), image([SYSTEM, NEWER]), place, cache=Cache(str(tmp_path)))
    assert (opened(place, SYSTEM), opened(place, NEWER)) == (2, 2)


def test_images_of_the_same_layers_are_not_read(place: Watched) -> None:
    found = compared(image([SYSTEM]), image([SYSTEM], labels={"x": "y"}), place)
    assert found.equal
    assert opened(place, SYSTEM) == 0


def test_indexes_are_compared_platform_by_platform(place: Watched) -> None:
    arm = image([SYSTEM], platform="linux/arm64")
    found = compared(index([image([SYSTEM]), arm]), index([image([NEWER])]), place)
    assert [(one.platform, len(one.changes), one.target is None) for one in found.platforms] == [
        ("linux/amd64", 2, False),
        ("linux/arm64/v8", 0, True),
    ]
    assert not found.equal


def test_what_could_not_be_read_is_noted_on_its_side(place: Watched) -> None:
    broken = layer({"app/node_modules/x/package.json": b"{"})
    (found,) = compared(image([SYSTEM]), image([SYSTEM, broken]), place).platforms
    assert (len(found.base_notes), len(found.target_notes)) == (0, 1)
    document: Any = found.to_json()
    assert document["notes"]["target"][0]["path"] == "/app/node_modules/x/package.json"
