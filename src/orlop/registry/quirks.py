"""What is odd about single registries, as values. Nothing else in orlop asks which registry it talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orlop.model.reference import RegistryHost


class Quirks(NamedTuple):
    """How one registry differs.

    api_host: where its API answers, when that is not its name. page_size: the ``n`` of tag lists and catalogs; some
    refuse more than 1000. no_catalog: why it lists no repositories, or empty.
    """

    api_host: str = ""
    page_size: int = 1000
    no_catalog: str = ""


_PLAIN = Quirks()
_TABLE = {
    # docs.docker.com/reference/api/registry/latest: the API of docker.io is at registry-1.docker.io, without a catalog.
    "docker.io": Quirks(api_host="registry-1.docker.io", no_catalog="Docker Hub has no catalog"),
    "ghcr.io": Quirks(no_catalog="GHCR has no catalog"),
}


def quirks(host: RegistryHost) -> Quirks:
    """Return what is odd about the registry."""
    return _TABLE.get(host.value, _PLAIN)
