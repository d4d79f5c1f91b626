"""Writing over HTTP: blobs by upload, manifests by PUT, deletes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from orlop.content.base import Pushed
from orlop.errors import (
    DigestMismatchError,
    DisconnectedError,
    LimitError,
    OrlopError,
    SizeMismatchError,
    TimedOutError,
)
from orlop.model.digest import Digest
from orlop.model.mediatype import is_manifest
from orlop.protocol.challenge import Scope, merge, pull, push
from orlop.protocol.errorbody import from_wire
from orlop.protocol.routes import ManifestAt, build
from orlop.protocol.upload import CHUNK, BlobUpload, Step
from orlop.registry.blobs import blob_size
from orlop.registry.session import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.content.base import Content
    from orlop.model.descriptor import Descriptor
    from orlop.model.reference import Repository, RepositoryName, Tag
    from orlop.protocol.message import Response
    from orlop.registry.session import Session

IN_ONE = 32 * 1024 * 1024
"""Largest blob in bytes that is tried in one request; larger ones go in chunks."""
LARGEST_BODY = 256 * 1024 * 1024
"""Largest body in bytes that is held in memory, for registries that take no chunks."""


async def present(session: Session, repository: Repository, what: Descriptor) -> bool:
    """Whether the repository has the content, by HEAD."""
    if not is_manifest(what.media_type):
        return await blob_size(session, repository, what.digest) is not None
    target = build(ManifestAt(repository.name, what.digest))
    response = await session.fetch(
        Call("HEAD", target, repository, (pull(repository.name),), {"accept": what.media_type})
    )
    if response.status not in {200, 404}:
        raise from_wire(response, method="HEAD", kind="manifest", what=str(what.digest), where=str(repository))
    return response.status == 200


async def push_manifest(
    session: Session, repository: Repository, what: Descriptor, content: Content, tags: Sequence[Tag]
) -> Pushed:
    """Send a manifest under its digest, or once for each tag. Rule: distribution-spec 1.1, "Pushing Manifests"."""
    raw = await _whole(content, what, str(repository))
    for name in tags or (what.digest,):
        await put_manifest(session, repository, name, what.media_type, raw)
    return Pushed.SENT


async def put_manifest(
    session: Session, repository: Repository, name: Tag | Digest, media_type: str, raw: bytes
) -> None:
    """PUT a manifest. Raises DigestMismatchError when the registry says that it stored something else."""
    target = build(ManifestAt(repository.name, name))
    call = Call("PUT", target, repository, (push(repository.name),), {"content-type": media_type}, raw)
    response = await session.fetch(call)
    if response.status not in {200, 201, 202}:
        raise from_wire(response, method="PUT", kind="manifest", what=str(name), where=str(repository))
    stored = response.headers.get("docker-content-digest", "")
    algorithm, _, _ = stored.partition(":")
    if algorithm in {"sha256", "sha512"} and stored != str(Digest.of(raw, algorithm)):
        raise DigestMismatchError(f"manifest {name} in {repository}", str(Digest.of(raw, algorithm)), stored)


async def _whole(content: Content, what: Descriptor, where: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with content.open() as stream:
        async for chunk in stream:
            size += len(chunk)
            if size > what.size:
                break
            parts.append(chunk)
    raw = b"".join(parts)
    if size != what.size:
        raise SizeMismatchError(f"{what.digest} for {where}", what.size, size)
    actual = Digest.of(raw, what.digest.algorithm)
    if actual != what.digest:
        raise DigestMismatchError(f"{what.digest} for {where}", str(what.digest), str(actual))
    return raw


async def delete_manifest(session: Session, repository: Repository, name: Tag | Digest) -> None:
    """Delete a tag, or a digest with its tags. Rule: distribution-spec 1.1, "Deleting tags", "Deleting Manifests"."""
    scope = Scope("repository", str(repository.name), frozenset({"pull", "delete"}))
    response = await session.fetch(Call("DELETE", build(ManifestAt(repository.name, name)), repository, (scope,)))
    if response.status not in {200, 202}:
        raise from_wire(response, method="DELETE", kind="manifest", what=str(name), where=str(repository))


async def push_blob(
    session: Session, repository: Repository, what: Descriptor, content: Content, mount_from: Sequence[RepositoryName]
) -> Pushed:
    """Send a blob, unless it is there or can be mounted. Rule: distribution-spec 1.1, "Pushing blobs"."""
    if await present(session, repository, what):
        return Pushed.PRESENT
    source = mount_from[0] if mount_from else None
    scopes = merge((push(repository.name), *((pull(source),) if source else ())))
    upload = BlobUpload(
        session.base_url(repository.host),
        repository.name,
        what.digest,
        what.size,
        where=str(repository),
        source=source,
        chunk=0 if what.size <= IN_ONE else CHUNK,
    )
    steps = upload.steps()
    try:
        step = next(steps)
        while True:
            await session.runtime.sleep(step.delay_s * (0.5 + session.jitter() / 2))
            step = steps.send(await _taken(session, repository, what, content, scopes, step))
    except StopIteration as done:
        return Pushed.MOUNTED if done.value == "mounted" else Pushed.SENT
    except OrlopError:
        await _dropped(session, repository, scopes, upload)
        raise


async def _taken(
    session: Session, repository: Repository, what: Descriptor, content: Content, scopes: tuple[Scope, ...], step: Step
) -> Response | None:
    """Send one step and return its answer; None when the connection broke."""
    body = b""
    if step.stop > step.start:
        body = await _part(content, what, step.start, step.stop, str(repository))
    headers = {name: value for name, value in step.headers.items() if name != "content-length"}
    try:
        return await session.fetch(Call(step.method, step.url, repository, scopes, headers, body))
    except (DisconnectedError, TimedOutError):
        return None


async def _part(content: Content, what: Descriptor, start: int, stop: int, where: str) -> bytes:
    """Return bytes ``start`` up to ``stop``; the whole blob is checked before it is sent, so nothing wrong is begun."""
    if stop - start > LARGEST_BODY:
        raise LimitError(f"blob {what.digest} for {where}", "one request", LARGEST_BODY)
    if start == 0 and stop == what.size:
        return await _whole(content, what, where)
    parts: list[bytes] = []
    size = 0
    async with content.open(start=start) as stream:
        async for chunk in stream:
            parts.append(chunk[: stop - start - size])
            size += len(parts[-1])
            if size == stop - start:
                break
    if size < stop - start:
        raise SizeMismatchError(f"{what.digest} for {where}", what.size, start + size)
    return b"".join(parts)


async def _dropped(session: Session, repository: Repository, scopes: tuple[Scope, ...], upload: BlobUpload) -> None:
    """Cancel what was begun, as far as the registry lets us."""
    step = upload.cancel()
    if step is not None:
        with suppress(OrlopError):
            await session.fetch(Call(step.method, step.url, repository, scopes, step.headers))
