"""Calls to an application in process, without a socket, and the small documents that they send."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from orlop.errors import DisconnectedError
from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.server.exchange import Body, Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.server.core import App

CONFIG = b"{}"


class Said(Body):
    """A request body in pieces; ``cut`` ends it as a client does that goes away."""

    def __init__(self, *pieces: bytes, cut: bool = False, length: int | None = None) -> None:
        self._pieces, self._cut, self.length = pieces, cut, length

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._cut:
            raise DisconnectedError("the client", "its request ended early")
        self.finished = True


class Answer:
    """A reply with its whole body."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = dict(headers)
        self.all_headers = headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["errors"][0]["code"])


class Caller:
    """Calls an application in process, without a socket."""

    def __init__(self, app: App) -> None:
        self.app, self.store = app, app.store

    def __call__(self, method: str, target: str, body: bytes | Body = b"", /, **headers: str) -> Answer:
        async def call() -> Answer:
            fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            sent = body if isinstance(body, Body) else Said(body)
            reply = await self.app(Call(method, target, fields, sent))
            parts = [reply.body] if reply.stream is None else [part async for part in reply.stream]
            await reply.aclose()
            return Answer(reply.status, reply.headers, b"".join(parts))

        return asyncio.run(call())

    def push_blob(self, name: str, data: bytes, algorithm: str = "sha256") -> str:
        digest = str(Digest.of(data, algorithm))
        assert self("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data).status == 201
        return digest

    def push_image(self, name: str, reference: str, **fields: Any) -> str:
        """Push an image with an empty config, and return its digest."""
        self.push_blob(name, CONFIG)
        raw = manifest(**fields)
        answer = self("PUT", f"/v2/{name}/manifests/{reference}", raw, content_type=mediatype.OCI_MANIFEST)
        assert answer.status == 201, answer.body
        return answer.headers["docker-content-digest"]


def manifest(**fields: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": {"mediaType": mediatype.OCI_EMPTY, "digest": str(Digest.of(CONFIG)), "size": len(CONFIG)},
        "layers": [],
        **fields,
    }
    return json.dumps(document).encode()


def index(*digests: str, **fields: Any) -> bytes:
    entries = [{"mediaType": mediatype.OCI_MANIFEST, "digest": digest, "size": 2} for digest in digests]
    return json.dumps({"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": entries, **fields}).encode()
