"""Referrers over HTTP: the API where there is one, the fallback tag elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError, ManifestNotFoundError, NotFoundError, RedirectRefusedError
from orlop.model.manifest import Index, parse_manifest
from orlop.model.mediatype import OCI_INDEX
from orlop.model.reference import Tag
from orlop.protocol.challenge import pull
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import next_page
from orlop.protocol.routes import Referrers, build
from orlop.registry.manifests import get_manifest
from orlop.registry.session import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.reference import Repository
    from orlop.registry.session import Session

# Registries without the API answer most often 404; some older ones refuse the route in other ways.
_NO_API = frozenset({400, 404, 405, 406, 501})


async def list_referrers(
    session: Session, repository: Repository, subject: Digest, artifact_type: str | None, limit: int
) -> AsyncIterator[Descriptor]:
    """Yield the descriptors of manifests that refer to the subject.

    artifact_type: only these; filtered here as well, since a registry may not. limit: most bytes of a page.
    Rule: distribution-spec 1.1, "Listing Referrers" and "Unavailable Referrers API".
    """
    target = build(Referrers(repository.name, subject, artifact_type or ""))
    seen: set[str] = set()
    while True:
        call = Call(
            "GET", target, repository, (pull(repository.name),), {"accept": OCI_INDEX}, limit=limit, mirrored=True
        )
        response = await session.fetch(call)
        if response.status in _NO_API and not seen:
            async for found in _fallback(session, repository, subject, artifact_type, limit):
                yield found
            return
        what = f"the referrers of {repository}@{subject}"
        if response.status != 200:
            raise from_wire(response, method="GET", kind="referrers", what=str(subject), where=str(repository))
        index = parse_manifest(response.body, OCI_INDEX, limit=limit, what=what)
        if not isinstance(index, Index):
            raise InvalidDocumentError(what, "it is not an index")
        for entry in index.manifests:
            if not artifact_type or entry.artifact_type == artifact_type:
                yield entry
        following = next_page(response.headers, response.url)
        if following is None:
            return
        if following in seen or following == response.url:
            raise RedirectRefusedError(str(repository), "its pages of referrers link in a loop")
        seen.add(following)
        target = following


async def _fallback(
    session: Session, repository: Repository, subject: Digest, artifact_type: str | None, limit: int
) -> AsyncIterator[Descriptor]:
    # The encoded part is cut to 64 characters (distribution-spec 1.1, "Referrers Tag Schema").
    tag = Tag(f"{subject.algorithm}-{subject.hex[:64]}")
    try:
        index = await get_manifest(session, repository, tag, limit)
    except ManifestNotFoundError:
        return
    except NotFoundError:
        raise
    # GitLab resolves this tag to the subject itself; only an index lists referrers.
    if isinstance(index, Index) and index.digest != subject:
        for entry in index.manifests:
            if not artifact_type or entry.artifact_type == artifact_type:
                yield entry
