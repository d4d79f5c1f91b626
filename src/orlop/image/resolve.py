"""From an index and a wish to the one platform that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import PlatformChoiceError
from orlop.model.platform import PlatformSelector, choose

if TYPE_CHECKING:
    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Index

ANY = PlatformSelector()


def platforms_of(index: Index) -> list[Descriptor]:
    """Return the index's entries that are images of a platform: no attestations, no unknown platforms."""
    return [entry for entry in index.manifests if not is_attestation(entry)]


def is_attestation(entry: Descriptor) -> bool:
    """Whether an index entry is a BuildKit attestation rather than an image.

    Rule: BuildKit's attestation storage: platform unknown/unknown, annotation ``vnd.docker.reference.type``.
    """
    if entry.annotations.get("vnd.docker.reference.type") == "attestation-manifest":
        return True
    return entry.platform is not None and entry.platform.os == "unknown" and entry.platform.architecture == "unknown"


def resolve_platform(index: Index, selector: PlatformSelector | None, reference: str) -> Descriptor:
    """Return the one entry that the selector leaves. Raises PlatformChoiceError when it is none or several."""
    entries = platforms_of(index)
    wanted = selector or ANY
    left = choose(wanted, [entry.platform for entry in entries])
    # The same manifest listed twice is one choice.
    if len({entries[at].digest for at in left}) == 1:
        return entries[left[0]]
    available = tuple(str(entry.platform) if entry.platform else f"(no platform) {entry.digest}" for entry in entries)
    raise PlatformChoiceError(reference, str(wanted) if wanted else "", available, len(left)).with_hint(
        "choose one with --platform os[(version)]/arch[/variant]"
    )
