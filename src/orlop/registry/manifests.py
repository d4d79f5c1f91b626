"""Manifests over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.content.base import Resolved
from orlop.errors import InvalidDigestError, InvalidDocumentError
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import parse_manifest
from orlop.model.mediatype import ACCEPT, is_manifest
from orlop.protocol.challenge import pull
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import media_type_of
from orlop.protocol.routes import ManifestAt, build
from orlop.registry.session import Call

if TYPE_CHECKING:
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Repository, Tag
    from orlop.protocol.message import Headers, Response
    from orlop.registry.session import Session

_SEEN = (
    "last-modified",
    "etag",
    "warning",
    "ratelimit-limit",
    "ratelimit-remaining",
    "docker-ratelimit-source",
    "date",
)
_ACCEPT = {"accept": ACCEPT}
# A HEAD refused so is asked again as a GET: some registries know no HEAD, and its refusal says no reason.
_HEAD_UNSURE = frozenset({400, 404, 405, 406, 501})


def _call(method: str, repository: Repository, name: Tag | Digest, limit: int) -> Call:
    return Call(
        method,
        build(ManifestAt(repository.name, name)),
        repository,
        (pull(repository.name),),
        _ACCEPT,
        limit=limit,
        mirrored=True,
    )


async def get_manifest(session: Session, repository: Repository, name: Tag | Digest, limit: int) -> Manifest:
    """Return the manifest, hashed here; by digest, its digest is checked.

    limit: most bytes. Raises ManifestNotFoundError, DigestMismatchError, InvalidManifestError. Rule: distribution-spec
    1.1, "Pulling manifests".
    """
    return (await _get(session, repository, name, limit))[0]


async def _get(session: Session, repository: Repository, name: Tag | Digest, limit: int) -> tuple[Manifest, Headers]:
    try:
        response = await session.fetch(_call("GET", repository, name, limit))
    except InvalidDocumentError as error:
        if error.reason.endswith(f"more than {limit} bytes") or error.reason.endswith(f"larger than {limit} bytes"):
            error.hint = "the setting manifestLimit, and manifest_limit in Python, raise the limit"
        raise
    if response.status != 200:
        raise _refused("GET", response, repository, name)
    return _parsed(response, repository, name, limit), response.headers


def _parsed(response: Response, repository: Repository, name: Tag | Digest, limit: int) -> Manifest:
    expected = name if isinstance(name, Digest) else None
    return parse_manifest(
        response.body,
        media_type_of(response.headers),
        expected=expected,
        algorithm=expected.algorithm if expected else _algorithm(response.headers),
        limit=limit,
        what=f"manifest {repository}{'@' if expected else ':'}{name}",
    )


def _algorithm(headers: Headers) -> str:
    """Return sha512 where the registry names the manifest so; its digest is computed here all the same."""
    return "sha512" if headers.get("docker-content-digest", "").startswith("sha512:") else "sha256"


async def resolve_manifest(session: Session, repository: Repository, name: Tag | Digest, limit: int) -> Resolved:
    """Return the descriptor of what the name points to, by HEAD where the registry answers that fully.

    Rule: distribution-spec 1.1, "Checking if content exists in the registry"; a Docker-Content-Digest is taken from a
    HEAD, computed from a GET.
    """
    response = await session.fetch(_call("HEAD", repository, name, limit))
    if response.status == 200:
        described = _described(response.headers, name)
        if described is not None:
            return Resolved(described, _seen(response.headers))
    elif response.status not in _HEAD_UNSURE:
        raise _refused("HEAD", response, repository, name)
    manifest, headers = await _get(session, repository, name, limit)
    return Resolved(Descriptor(manifest.media_type, manifest.digest, manifest.size), _seen(headers))


def _described(headers: Headers, name: Tag | Digest) -> Descriptor | None:
    """Return what a HEAD tells, or None when it does not tell everything."""
    stated, length, media_type = (
        headers.get("docker-content-digest") or _entity(headers.get("etag", "")),
        headers.get("content-length"),
        media_type_of(headers),
    )
    if isinstance(name, Digest):
        stated = stated or str(name)
    if not stated or not length or not length.isdecimal() or len(length) > 12 or not is_manifest(media_type):
        return None
    try:
        digest = Digest(stated)
    except InvalidDigestError:
        return None
    if isinstance(name, Digest) and digest.algorithm == name.algorithm and digest != name:
        return None
    return Descriptor(media_type, name if isinstance(name, Digest) else digest, int(length))


def _entity(etag: str) -> str:
    """Return the digest that an ETag is, as registries write it that leave out the other header; "" where it is something else."""
    text = etag.removeprefix("W/")
    return text[1:-1] if text.startswith('"sha') and text.endswith('"') and ":" in text else ""


def _seen(headers: Headers) -> dict[str, str]:
    return {name: headers[name] for name in _SEEN if name in headers}


def _refused(method: str, response: Response, repository: Repository, name: Tag | Digest) -> Exception:
    return from_wire(response, method=method, kind="manifest", what=str(name), where=str(repository))
