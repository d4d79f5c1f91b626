"""What differs between the configs of two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.image.compare.comparison import Comparison, OfPlatform
from orlop.image.compare.fields import FieldChange, Fields, compare_fields, keyed, put, spread, spread_map
from orlop.image.compare.semantic import NOTHING, Ignore

if TYPE_CHECKING:
    from orlop.image.compare.sides import Pair
    from orlop.model.digest import Digest
    from orlop.model.imageconfig import ImageConfig

_MAPS = frozenset({"Labels", "Annotations"})
_SETS = frozenset({"ExposedPorts", "Volumes"})
_INNER = ("config", "container_config")


@dataclass(frozen=True, slots=True)
class FieldsOfPlatform(OfPlatform):
    """What differs between two documents of one platform.

    platform: as a text, "" where none is stated. base, target: digests of the two manifests, None for a platform that one
    of two indexes has not. changes: in the order of the fields.
    """

    platform: str
    base: Digest | None
    target: Digest | None
    changes: tuple[FieldChange, ...]

    @property
    def equal(self) -> bool:
        """Whether both are there and nothing differs."""
        return self.base is not None and self.target is not None and not self.changes

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "platform": self.platform,
            "base": self.base.value if self.base else None,
            "target": self.target.value if self.target else None,
            "equal": self.equal,
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class ConfigComparison(Comparison[FieldsOfPlatform]):
    """The configs of two images."""


def compare_configs(pair: Pair, ignore: Ignore = NOTHING) -> FieldsOfPlatform:
    """Return what differs between the configs of one platform; a side that is missing has no fields to compare."""
    changes: tuple[FieldChange, ...] = ()
    if pair.base is not None and pair.target is not None:
        changes = compare_fields(config_fields(pair.base.config, ignore), config_fields(pair.target.config, ignore))
    return FieldsOfPlatform(pair.platform, pair.base_digest, pair.target_digest, changes)


def config_fields(config: ImageConfig, ignore: Ignore = NOTHING) -> Fields:
    """Return the config's document as fields.

    The environment is by name, labels by key, ports and volumes each by itself, history and diff_ids by position. With
    differences ignored that change layers, diff_ids tell nothing and are left out.
    """
    fields: Fields = {}
    for key, value in config.document.items():
        if key in _INNER and isinstance(value, dict):
            for name, inner in value.items():
                _inner(fields, f"{key}.{name}", name, inner)
        elif key == "history" and isinstance(value, list):
            if not ignore.history:
                _history(fields, value, ignore)
        elif key == "rootfs" and isinstance(value, dict):
            _rootfs(fields, value, ignore)
        elif not (key == "created" and ignore.image_timestamps):
            spread(fields, key, value)
    return fields


def _inner(fields: Fields, where: str, name: str, value: object) -> None:
    if name == "Env" and isinstance(value, list):
        seen: dict[str, int] = {}
        for text in value:
            variable, _, content = str(text).partition("=")
            count = seen[variable] = seen.get(variable, 0) + 1
            fields[keyed(where, variable) + (f"#{count}" if count > 1 else "")] = content
    elif name in _MAPS:
        spread_map(fields, where, value)
    elif name in _SETS and isinstance(value, dict):
        for key in value:
            fields[keyed(where, key)] = True
    else:
        spread(fields, where, value)


def _history(fields: Fields, steps: list[object], ignore: Ignore) -> None:
    for at, step in enumerate(steps):
        if isinstance(step, dict):
            for key, value in step.items():
                if not (key == "created" and ignore.image_timestamps):
                    put(fields, f"history[{at}].{key}", value)
        else:
            put(fields, f"history[{at}]", step)


def _rootfs(fields: Fields, value: dict[str, object], ignore: Ignore) -> None:
    for key, inner in value.items():
        if key == "diff_ids" and isinstance(inner, list):
            if not ignore.documents_may_differ:
                for at, diff_id in enumerate(inner):
                    put(fields, f"rootfs.diff_ids[{at}]", diff_id)
        else:
            spread(fields, f"rootfs.{key}", inner)
