"""What every comparison platform by platform has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar


class OfPlatform(ABC):
    """The answer for one platform."""

    __slots__ = ()

    @property
    @abstractmethod
    def equal(self) -> bool:
        """Whether nothing differs."""

    @abstractmethod
    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""


P = TypeVar("P", bound=OfPlatform)


@dataclass(frozen=True, slots=True)
class Comparison(Generic[P]):
    """Two images compared. base, target: how they were asked for. platforms: one, or of two indexes each of either."""

    base: str
    target: str
    platforms: tuple[P, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs and no platform is missing."""
        return all(one.equal for one in self.platforms)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "base": self.base,
            "target": self.target,
            "equal": self.equal,
            "platforms": [one.to_json() for one in self.platforms],
        }
