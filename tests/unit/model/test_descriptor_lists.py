"""A list of descriptors is what each of them is alone."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.errors import InvalidManifestError
from orlop.model import descriptor
from orlop.model.descriptor import Descriptor, descriptors

DIGEST = "sha256:" + "a" * 64
PLAIN = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": DIGEST, "size": 7}
RIGHT: list[dict[str, Any]] = [
    PLAIN,
    {**PLAIN, "mediaType": "application/x.own"},
    {**PLAIN, "platform": {"os": "linux", "architecture": "amd64"}},
    {**PLAIN, "platform": {"architecture": "arm", "os": "linux", "variant": "v7"}},
    {**PLAIN, "platform": {"architecture": "amd64", "os": "linux", "own": "field"}},
    {**PLAIN, "platform": {"architecture": "x86_64", "os": "Linux"}},
    {**PLAIN, "platform": {"architecture": "unknown", "os": "unknown"}},
    {**PLAIN, "platform": {"architecture": "", "os": ""}},
    {**PLAIN, "platform": {}},
    {**PLAIN, "platform": {"architecture": "amd64", "os": "windows", "os.version": "10.0.1"}},
    {**PLAIN, "platform": {"architecture": "amd64", "os": "windows", "os.features": ["win32k"]}},
    {**PLAIN, "platform": None},
    {**PLAIN, "annotations": {"a": "b"}},
    {**PLAIN, "own": 1},
]
WRONG: list[Any] = [
    None,
    [],
    {},
    {**PLAIN, "mediaType": []},
    {**PLAIN, "mediaType": None},
    {**PLAIN, "digest": {}},
    {**PLAIN, "digest": "sha256:short"},
    {**PLAIN, "size": True},
    {**PLAIN, "size": -1},
    {**PLAIN, "size": 2**63},
    {**PLAIN, "platform": []},
    {**PLAIN, "platform": {"os": 1, "architecture": "amd64"}},
    {**PLAIN, "platform": {"os": "linux", "architecture": ["amd64"]}},
    {"mediaType": PLAIN["mediaType"], "digest": DIGEST, "platform": {"os": "linux", "architecture": "amd64"}},
]


def test_each_is_as_it_is_alone() -> None:
    assert descriptors([*RIGHT], "entry {}") == [Descriptor.from_json(value) for value in RIGHT]
    assert [one.to_json() for one in descriptors([*RIGHT], "entry {}")] == [
        Descriptor.from_json(value).to_json() for value in RIGHT
    ]


@pytest.mark.parametrize("value", WRONG)
def test_what_is_wrong_is_named_by_its_place(value: Any) -> None:
    with pytest.raises(InvalidManifestError) as alone:
        Descriptor.from_json(value, "entry 1")
    with pytest.raises(InvalidManifestError) as listed:
        descriptors([PLAIN, value], "entry {}")
    assert str(listed.value) == str(alone.value)


def test_long_texts_are_not_remembered() -> None:
    long = "a" * 100_000
    before = descriptor._usual.cache_info().misses, descriptor._usual_platform.cache_info().misses
    for wrong in ({**PLAIN, "digest": long}, {**PLAIN, "mediaType": long}, {**PLAIN, "size": 2**200}):
        with pytest.raises(InvalidManifestError):
            descriptors([wrong] if wrong["mediaType"] != long else [{**wrong, "digest": long}], "entry {}")
    for platform in ({"os": "linux", "architecture": "amd64", "own": long}, {"os": "linux", long: "amd64"}):
        value: dict[str, object] = {**PLAIN, "platform": platform}
        assert descriptors([value], "entry {}") == [Descriptor.from_json(value)]
    assert (descriptor._usual.cache_info().misses, descriptor._usual_platform.cache_info().misses) == before
