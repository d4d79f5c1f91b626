"""The handlers of uploads: begin, grow, ask, finish, cancel.

A chunk is kept whole or not at all: when its body is cut, the upload is where it was before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.errors import RegistryError, SizeMismatchError
from orlop.model.digest import ALGORITHMS
from orlop.protocol.errorbody import to_wire
from orlop.protocol.headers import build_chunk, parse_chunk
from orlop.protocol.routes import BlobAt, UploadAt, UploadStart, build

from .exchange import Reply

if TYPE_CHECKING:
    from orlop.model.digest import Digest
    from orlop.model.reference import RepositoryName

    from .core import App
    from .exchange import Call
    from .store.store import Store
    from .store.uploads import Upload

_BATCH = 1 << 20


async def begin_upload(app: App, call: Call, route: UploadStart) -> Reply:
    """Mount a blob, take one that comes whole with this request, or open a session."""
    repository = app.store.repository(route.name)
    if route.mount is not None:
        sources = None if route.source is None else [route.source]
        # Without a source, whoever knows a digest would get the blob: only where everybody may read everything.
        if (sources or app.access is None) and await repository.mount(route.mount, sources):
            return _stored(route.name, route.mount)
    if route.digest is not None:
        upload = repository.whole_upload(route.digest.algorithm)
        await _receive(app.store, call, upload, route.digest)
        return _stored(route.name, route.digest)
    session = await repository.begin_upload()
    state = route.algorithm if route.algorithm in ALGORITHMS and route.algorithm != "sha256" else ""
    return _under_way(UploadAt(route.name, session, state=state), 202, 0)


async def upload_status(app: App, _call: Call, route: UploadAt) -> Reply:
    """Say how much of the upload is here."""
    return _under_way(route, 204, app.store.repository(route.name).upload_status(route.session))


async def grow_upload(app: App, call: Call, route: UploadAt) -> Reply:
    """Add a chunk: the whole body, or what Content-Range says that it is."""
    algorithm = route.state if route.state in ALGORITHMS else "sha256"
    upload = await app.store.repository(route.name).append(route.session, algorithm)
    refused = _out_of_order(call, route, upload)
    if refused is not None:
        return refused
    await _receive(app.store, call, upload, None)
    return _under_way(route, 202, upload.size)


async def finish_upload(app: App, call: Call, route: UploadAt) -> Reply:
    """Add the last chunk, if the body has one, and make the upload a blob."""
    if route.digest is None:
        raise RegistryError("PUT", build(route), 400, ("DIGEST_INVALID",), "the digest parameter is missing")
    upload = await app.store.repository(route.name).append(route.session, route.digest.algorithm)
    refused = _out_of_order(call, route, upload)
    if refused is not None:
        return refused
    await _receive(app.store, call, upload, route.digest)
    return _stored(route.name, route.digest)


async def cancel_upload(app: App, _call: Call, route: UploadAt) -> Reply:
    """Drop the upload."""
    await app.store.repository(route.name).cancel_upload(route.session)
    return Reply(204)


def _out_of_order(call: Call, route: UploadAt, upload: Upload) -> Reply | None:
    """Return the 416 for a chunk that does not start where the upload ends, having let the upload go."""
    value = call.header(b"content-range")
    if value is None:
        return None
    part = parse_chunk(value)
    if part is not None and part[0] == upload.start:
        return None
    upload.undo()
    reason = f"the chunk is {value[:64]!r}, and the upload holds {upload.start} bytes"
    reply = Reply.of(to_wire(RegistryError(call.method, build(route), 416, ("BLOB_UPLOAD_INVALID",), reason)))
    reply.headers.extend(_under_way(route, 416, upload.start).headers)
    return reply


async def _receive(store: Store, call: Call, upload: Upload, digest: Digest | None) -> None:
    """Write the body into the upload, and settle it, or commit it as the blob ``digest``.

    While a batch is hashed and written in a thread, the next one is received.
    """
    parts: list[bytes] = []
    size = 0
    writing: asyncio.Future[None] | None = None
    done = False
    try:
        async for data in call.body.chunks():
            parts.append(data)
            size += len(data)
            if size >= _BATCH:
                if writing is not None:
                    await asyncio.shield(writing)
                work = store.work("storing an upload", upload.write, b"".join(parts))
                writing = asyncio.ensure_future(work)
                parts, size = [], 0
        if writing is not None:
            await asyncio.shield(writing)
        _check_length(call, upload, size)
        done = True
        await store.work("storing an upload", _finish, upload, b"".join(parts), digest)
    finally:
        if writing is not None:  # a thread may still be at it
            await asyncio.gather(writing, return_exceptions=True)
        if not done:
            upload.undo()


def _finish(upload: Upload, last: bytes, digest: Digest | None) -> None:
    try:
        if last:
            upload.write(last)
    except BaseException:
        upload.undo()
        raise
    if digest is None:
        upload.settle()
    else:
        upload.commit(digest)


def _check_length(call: Call, upload: Upload, unwritten: int) -> None:
    """Refuse a chunk that is not as long as its Content-Range says."""
    part = parse_chunk(call.header(b"content-range") or "")
    received = upload.size - upload.start + unwritten
    if part is not None and part[1] - part[0] != received and (part != (0, 1) or received):
        raise SizeMismatchError("the chunk", part[1] - part[0], received)


def _under_way(route: UploadAt, status: int, size: int) -> Reply:
    location = build(UploadAt(route.name, route.session, state=route.state))
    return Reply(
        status,
        [("location", location), ("range", build_chunk(0, size)), ("docker-upload-uuid", route.session)],
    )


def _stored(name: RepositoryName, digest: Digest) -> Reply:
    return Reply(201, [("location", build(BlobAt(name, digest))), ("docker-content-digest", digest.value)])
