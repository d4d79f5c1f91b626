"""Blobs over HTTP: asked for, streamed with resume, and sent."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from orlop.content.verify import verified
from orlop.errors import (
    DisconnectedError,
    IntegrityError,
    NetworkError,
    SizeMismatchError,
    TimedOutError,
    TruncatedError,
)
from orlop.protocol.challenge import pull
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import ContentRange
from orlop.protocol.message import Response
from orlop.protocol.routes import BlobAt, build
from orlop.registry.session import ERROR_BODY_LIMIT, Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orlop.content.base import ByteStream
    from orlop.model.digest import Digest
    from orlop.model.reference import Repository
    from orlop.registry.session import Session
    from orlop.transport.base import Answer

_MOST_RESUMES = 5
# A body that moves slower than this over a whole window is a stall: it would hold a caller for days.
_SLOWEST_BYTES_A_SECOND = 128


async def blob_size(session: Session, repository: Repository, digest: Digest) -> int | None:
    """Return the blob's size in bytes as the registry states it, or None when it is not there.

    A HEAD without Content-Length gives -1. Rule: distribution-spec 1.1, "Checking if content exists".
    """
    response = await session.fetch(_call("HEAD", repository, digest))
    if response.status == 404:
        return None
    if response.status != 200:
        raise from_wire(response, method="HEAD", kind="blob", what=str(digest), where=str(repository))
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 16 else -1


def _call(method: str, repository: Repository, digest: Digest, headers: dict[str, str] | None = None) -> Call:
    target = build(BlobAt(repository.name, digest))
    return Call(method, target, repository, (pull(repository.name),), headers or {}, mirrored=True)


@asynccontextmanager
async def open_blob(
    session: Session, repository: Repository, digest: Digest, size: int | None, start: int, stop: int | None
) -> AsyncIterator[ByteStream]:
    """Open the blob's bytes ``start`` up to and without ``stop`` as a stream that survives dropped connections.

    size: in bytes, or None when unknown. The whole blob is verified; a part is not covered by the digest.
    Raises BlobNotFoundError before the first byte. Rule: distribution-spec 1.1, "Pulling blobs"; RFC 9110 14.
    """
    stream = _Stream(session, repository, digest, size, start, stop)
    await stream.begin()
    try:
        plain = stream.chunks()
        whole = start == 0 and stop is None
        yield verified(plain, stream.what, digest, stream.size) if whole else plain
    finally:
        await stream.close()


class _Stream:
    """One blob's bytes, asked for again from where they broke off."""

    def __init__(
        self, session: Session, repository: Repository, digest: Digest, size: int | None, start: int, stop: int | None
    ) -> None:
        self.session, self.repository, self.digest = session, repository, digest
        self.size, self.stop, self.position = size, stop, start
        self.what = f"blob {repository}@{digest}"
        self._answer: Answer | None = None
        self._skip = 0

    async def begin(self) -> None:
        """Ask for the bytes from ``position`` on."""
        headers = {}
        if self.position or self.stop is not None:
            headers["range"] = f"bytes={self.position}-{'' if self.stop is None else self.stop - 1}"
        call = _call("GET", self.repository, self.digest, headers)
        answer = await self.session.open(call)
        try:
            await self._checked(answer)
        except BaseException:
            await answer.close()
            raise
        self._answer = answer

    async def _checked(self, answer: Answer) -> None:
        if answer.status == 206:
            part = ContentRange.parse(answer.headers.get("content-range", ""))
            if part is None or part.start != self.position:
                raise IntegrityError(self.what, f"bytes from {self.position} were asked for, other ones came")
            self._skip = 0
            if part.total is not None:
                self._agree(part.total)
        elif answer.status == 200:
            # The whole blob, though a part was asked for: drop what comes before it.
            self._skip = self.position
            length = answer.headers.get("content-length", "")
            if length.isdecimal() and len(length) < 16:
                self._agree(int(length))
        elif answer.status == 416 and self.position == self.size:
            self._skip = 0
        else:
            body = await answer.read(ERROR_BODY_LIMIT)
            response = Response(answer.status, answer.headers, body, answer.url)
            raise from_wire(response, method="GET", kind="blob", what=str(self.digest), where=str(self.repository))

    def _agree(self, total: int) -> None:
        if self.size is None:
            self.size = total
        elif total != self.size:
            raise SizeMismatchError(self.what, self.size, total)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes; a broken connection is asked again by Range, a few times without progress at most."""
        end = self.size if self.stop is None else self.stop if self.size is None else min(self.stop, self.size)
        failures = 0
        while True:
            before = self.position
            try:
                async for chunk in self._body():
                    if end is not None and self.position + len(chunk) > end and self.stop is not None:
                        chunk = chunk[: end - self.position]
                    self.position += len(chunk)
                    yield chunk
                    if self.stop is not None and self.position == end:
                        return
                if end is None or self.position >= end:
                    return
                broken: NetworkError = DisconnectedError(self.what, f"it ended after {self.position} of {end} bytes")
            except (DisconnectedError, TimedOutError) as error:
                broken = error
            failures = failures + 1 if self.position == before else 1
            if failures > _MOST_RESUMES:
                if end is not None and not isinstance(broken, TimedOutError):
                    raise TruncatedError(self.what, end, self.position) from broken
                broken.attempts = failures
                raise broken
            await self.close()
            await self.session.runtime.sleep(self.session.retry.backoff(failures, self.session.jitter()))
            await self.begin()

    async def _body(self) -> AsyncIterator[bytes]:
        answer = self._answer
        if answer is None or answer.status == 416:
            return
        clock = self.session.runtime.monotonic
        window = self.session.options_for(self.repository.host.value).timeout_s * 4
        mark, moved = clock(), 0
        async for chunk in answer.chunks():
            moved += len(chunk)
            if moved < _SLOWEST_BYTES_A_SECOND * window:
                if clock() - mark > window:
                    raise TimedOutError(self.what, f"it came at less than {_SLOWEST_BYTES_A_SECOND} bytes a second")
            else:
                mark, moved = clock(), 0
            if self._skip:
                dropped = min(self._skip, len(chunk))
                self._skip -= dropped
                chunk = chunk[dropped:]
            if chunk:
                yield chunk

    async def close(self) -> None:
        """Give the connection back."""
        answer, self._answer = self._answer, None
        if answer is not None:
            await answer.close()
