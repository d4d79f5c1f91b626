"""One small function for each route and method: ask the store, and say it in HTTP.

A handler raises what the store raises; the core turns it into an answer. HEAD shares the handler of GET, since the two
must agree in every header (their bodies are left to the face). Rule: distribution-spec 1.1.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from orlop.errors import InvalidManifestError, NotFoundError, RegistryError
from orlop.model.digest import Digest
from orlop.model.manifest import parse_manifest
from orlop.model.mediatype import OCI_INDEX
from orlop.protocol.errorbody import to_wire
from orlop.protocol.headers import ByteRange, ContentRange, build_link
from orlop.protocol.routes import (
    Base,
    BlobAt,
    Catalog,
    ManifestAt,
    Referrers,
    Tags,
    UploadAt,
    UploadStart,
    build,
)

from .exchange import Reply
from .store.repository import CHUNK
from .uploading import begin_upload, cancel_upload, finish_upload, grow_upload, upload_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from .core import App
    from .exchange import Call
    from .store.blobs import BlobReader
    from .store.store import Store

_JSON = ("content-type", "application/json")
_BYTES = ("content-type", "application/octet-stream")
_REFERRERS_LIMIT = 4 * 1024 * 1024
_TAGS_AT_ONCE = 100
_ONE_RANGE = re.compile(r"[ \t]*bytes[ \t]*=[ \t]*(?:[0-9]+[ \t]*-|-[ \t]*[0-9])[^,]*\Z", re.IGNORECASE | re.ASCII)
_GENERIC_TYPES = frozenset({"", "application/json", "application/octet-stream"})


async def base(_app: App, _call: Call, _route: Base) -> Reply:
    """Say that this is a registry."""
    return Reply(200, [_JSON], b"{}")


# --- lists -------------------------------------------------------------------------------------


async def catalog(app: App, _call: Call, route: Catalog) -> Reply:
    """List the names of the repositories, in bytewise order."""
    size = app.page_limit if route.n is None else min(route.n, app.page_limit)
    names = app.store.repository_page(route.last, size + 1) if size else []
    more = Catalog(size, names[size - 1]) if len(names) > size else None
    return _page({"repositories": names[:size]}, more)


async def tags(app: App, _call: Call, route: Tags) -> Reply:
    """List the tags of a repository, in bytewise order. ``n=0`` asks for none and is told of no next page."""
    size = app.page_limit if route.n is None else min(route.n, app.page_limit)
    names = app.store.repository(route.name).tag_page(route.last, size + 1)
    more = Tags(route.name, size, names[size - 1]) if size and len(names) > size else None
    return _page({"name": route.name.value, "tags": names[:size]}, more)


def _page(document: Mapping[str, object], more: Tags | Catalog | None) -> Reply:
    reply = Reply(200, [_JSON], json.dumps(document, separators=(",", ":")).encode())
    if more is not None:
        reply.headers.append(("link", build_link(build(more))))
    return reply


async def referrers(app: App, _call: Call, route: Referrers) -> Reply:
    """List the manifests whose subject this is, as an index; an empty one when there are none."""
    repository = app.store.repository(route.name)
    size = app.page_limit if route.n is None else min(max(1, route.n), app.page_limit)
    found = repository.referrer_page(route.digest, route.artifact_type or None, route.last, size + 1)
    entries: list[str] = []
    length = 0
    for _, text in found[:size]:
        length += len(text.encode()) + 1
        if entries and length > _REFERRERS_LIMIT:
            break
        entries.append(text)
    body = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{",".join(entries)}]}}'.encode()
    reply = Reply(200, [("content-type", OCI_INDEX)], body)
    if route.artifact_type:
        reply.headers.append(("oci-filters-applied", "artifactType"))
    if len(found) > len(entries):
        after = route._replace(n=route.n, last=found[len(entries) - 1][0])
        reply.headers.append(("link", build_link(build(after))))
    return reply


# --- manifests ---------------------------------------------------------------------------------


async def get_manifest(app: App, call: Call, route: ManifestAt) -> Reply:
    """Give a manifest as it was pushed, whatever the Accept."""
    digest, media_type, body = app.store.repository(route.name).stored(route.reference)
    etag = f'"{digest}"'
    headers = [("content-type", media_type), ("docker-content-digest", digest), ("etag", etag)]
    if _unchanged(call, etag):
        return Reply(304, headers[1:])
    return Reply(200, headers, body)


async def put_manifest(app: App, call: Call, route: ManifestAt) -> Reply:
    """Store a manifest with its tags, in one transaction."""
    name, reference = route.name, route.reference
    if len(route.tags) > _TAGS_AT_ONCE:
        raise RegistryError("PUT", name.value, 414, ("TAG_INVALID",), f"more than {_TAGS_AT_ONCE} tags at once")
    raw = await call.body.read(app.store.manifest_limit, "the manifest")
    stated = (call.header(b"content-type") or "").partition(";")[0].strip().lower()
    expected = reference if isinstance(reference, Digest) else None
    manifest = parse_manifest(raw, stated, expected=expected, limit=app.store.manifest_limit)
    if stated not in _GENERIC_TYPES and manifest.media_type != stated:
        raise InvalidManifestError("the manifest", f"its type is {manifest.media_type}, and it was sent as {stated}")
    digest = manifest.digest
    tags = route.tags if isinstance(reference, Digest) else (reference, *route.tags)
    try:
        await app.store.repository(name).put(manifest, tags)
    except NotFoundError as error:
        raise RegistryError("PUT", name.value, 404, ("MANIFEST_BLOB_UNKNOWN",), str(error)) from error
    reply = Reply(201, [("location", build(ManifestAt(name, digest))), ("docker-content-digest", digest.value)])
    if manifest.subject is not None:
        reply.headers.append(("oci-subject", manifest.subject.digest.value))
    reply.headers.extend(("oci-tag", tag.value) for tag in route.tags)
    return reply


async def delete_manifest(app: App, _call: Call, route: ManifestAt) -> Reply:
    """Remove a tag; or, by digest, the manifest with every tag on it."""
    await app.store.repository(route.name).remove_manifest(route.reference)
    return Reply(202)


# --- blobs -------------------------------------------------------------------------------------


async def get_blob(app: App, call: Call, route: BlobAt) -> Reply:
    """Give a blob, or the part of it that Range names."""
    digest = route.digest.value
    etag = f'"{digest}"'
    headers = [_BYTES, ("docker-content-digest", digest), ("etag", etag), ("accept-ranges", "bytes")]
    reader = await app.store.repository(route.name).blob(route.digest)
    if _unchanged(call, etag):
        reader.close()
        return Reply(304, headers[1:])
    wanted = _wanted_range(call, etag)
    if wanted is None:
        return Reply(200, headers, stream=_Part(app.store, reader, 0, reader.size), length=reader.size)
    part = ByteRange.parse(wanted)
    bounds = part.within(reader.size) if part is not None else None
    if bounds is None:
        reader.close()
        unmet = RegistryError("GET", build(route), 416, ("RANGE_INVALID",), f"the blob has {reader.size} bytes")
        reply = Reply.of(to_wire(unmet))
        reply.headers.append(("content-range", str(ContentRange(0, 0, reader.size))))
        return reply
    start, stop = bounds
    headers.append(("content-range", str(ContentRange(start, stop, reader.size))))
    return Reply(206, headers, stream=_Part(app.store, reader, start, stop), length=stop - start)


async def delete_blob(app: App, _call: Call, route: BlobAt) -> Reply:
    """Remove a blob from this repository."""
    await app.store.repository(route.name).remove_blob(route.digest)
    return Reply(202)


class _Part:
    """The bytes of a blob from ``start`` up to ``stop``, in chunks of CHUNK; closes the blob at its end."""

    def __init__(self, store: Store, reader: BlobReader, start: int, stop: int) -> None:
        self._store, self._reader, self._at, self._stop = store, reader, start, stop

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._at >= self._stop:
            raise StopAsyncIteration
        length = min(CHUNK, self._stop - self._at)
        if self._reader.held:
            data = self._reader.read(self._at, length)
        else:
            data = await self._store.work("reading a blob", self._reader.read, self._at, length)
        if not data:
            raise StopAsyncIteration
        self._at += len(data)
        return data

    async def aclose(self) -> None:
        self._reader.close()


def _wanted_range(call: Call, etag: str) -> str | None:
    """Return the Range field when it asks for one range of bytes; any other may be ignored (RFC 9110, 14.2)."""
    value = call.header(b"range") if call.method == "GET" else None
    if value is None or call.header(b"if-range") not in {None, etag}:
        return None
    return value if _ONE_RANGE.match(value) else None


def _unchanged(call: Call, etag: str) -> bool:
    """Whether If-None-Match names this representation, strongly or weakly. Rule: RFC 9110, 13.1.2."""
    value = call.header(b"if-none-match")
    return value is not None and (value.strip() == "*" or etag in value)


# --- the table ---------------------------------------------------------------------------------

HANDLERS: dict[tuple[type, str], Callable[[App, Call, Any], Awaitable[Reply]]] = {
    (Base, "GET"): base,
    (Base, "HEAD"): base,
    (Catalog, "GET"): catalog,
    (Catalog, "HEAD"): catalog,
    (Tags, "GET"): tags,
    (Tags, "HEAD"): tags,
    (Referrers, "GET"): referrers,
    (Referrers, "HEAD"): referrers,
    (ManifestAt, "GET"): get_manifest,
    (ManifestAt, "HEAD"): get_manifest,
    (ManifestAt, "PUT"): put_manifest,
    (ManifestAt, "DELETE"): delete_manifest,
    (BlobAt, "GET"): get_blob,
    (BlobAt, "HEAD"): get_blob,
    (BlobAt, "DELETE"): delete_blob,
    (UploadStart, "POST"): begin_upload,
    (UploadAt, "GET"): upload_status,
    (UploadAt, "HEAD"): upload_status,
    (UploadAt, "PATCH"): grow_upload,
    (UploadAt, "PUT"): finish_upload,
    (UploadAt, "DELETE"): cancel_upload,
}
