"""The curl that does what orlop did."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orlop.transport.trace import Exchange


def to_curl(exchanges: Sequence[Exchange], options: Mapping[str, object] | None = None) -> str:
    """Return shell lines that make the requests again, secrets as variables."""
    raise NotImplementedError
