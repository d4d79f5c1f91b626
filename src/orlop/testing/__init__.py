"""For tests: a registry on a real socket, started by one line, and ways to make it misbehave.

::

    with orlop.testing.registry() as r:
        digest = r.push("team/app", "1.0", manifest, blobs=[config, layer])
        assert orlop.Client().manifest(f"{r.host}/team/app:1.0").digest == digest

In pytest the fixture ``registry`` is the same. Nothing heavy is imported before a registry is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .embedded import Recorded, Registry, registry

__all__ = ["Recorded", "Registry", "registry"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import embedded

        value: object = getattr(embedded, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
