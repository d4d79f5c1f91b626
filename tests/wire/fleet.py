"""Images and their bases in a running registry, and what the checks of them ask."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.unit.freshness.world import annotated, build

from orlop.testing.builders import Built, index, push_now

if TYPE_CHECKING:
    from orlop.testing import Registry

PLATFORMS = ("linux/amd64", "linux/arm64")


def base_of(*layers: str) -> Built:
    """Return a base of two platforms."""
    return index([build(*layers, platform=platform) for platform in PLATFORMS])


def app_on(base: Built, name: str, *, layer: str = "app", digest: bool = True) -> Built:
    """Return an image of two platforms on a base that it names, by annotations."""
    said = base.digest if digest else None
    return index(
        [
            annotated(build(layer, on=child, platform=platform), name, said)
            for child, platform in zip(base.children, PLATFORMS, strict=True)
        ]
    )


def put(registry: Registry, name: str, built: Built) -> str:
    """Push it and return its whole reference."""
    repository, _, tag = name.partition(":")
    push_now(built, registry, repository, tags=[tag] if tag else [])
    return f"{registry.host}/{name}"


def asked(registry: Registry, method: str = "", part: str = "") -> list[str]:
    """Return the requests of a method about something, and how each was answered."""
    found = [(one.method, one.target) for one in registry.requests]
    return [f"{verb} {target}" for verb, target in found if verb.startswith(method) and part in target]


def repeated(registry: Registry) -> list[str]:
    """Return what was asked for more than once."""
    return [what for what, count in Counter(asked(registry)).items() if count > 1]
