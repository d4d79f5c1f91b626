"""Pushing a blob as steps without I/O: POST, then one PUT or PATCHes and a PUT, resumed where it broke off.

The caller sends what ``steps`` yields and hands back the answers::

    upload = BlobUpload(base, name, digest, size, where="host/name")
    steps = upload.steps()
    step = next(steps)
    while True:  # until StopIteration, whose value says how the blob came to be there
        step = steps.send(answer_of(step))

Rule: distribution-spec 1.1, "Pushing blobs", "Pushing a blob in chunks", "Mounting a blob from another repository".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from orlop.errors import DisconnectedError, OrlopError, RegistryError, UnsupportedError
from orlop.protocol._uri import add_query
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import build_chunk, join_url, parse_chunk, stay, wait_of
from orlop.protocol.routes import BlobAt, UploadStart, build

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from orlop.model.digest import Digest
    from orlop.model.reference import RepositoryName
    from orlop.protocol.message import Response

CHUNK = 16 * 1024 * 1024
"""The chunk to try, in bytes, when a registry or its proxy refuses the whole blob in one request (413)."""

_SMALLEST_CHUNK = 256 * 1024
_PROGRESS = 64 * 1024  # less than this between two failures is no progress
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_DONE = frozenset({200, 201, 204})
_LOST = frozenset({404, 416})  # the session is gone, or holds something else than we think
_LONGEST_WAIT_S = 60.0
_BYTES = "application/octet-stream"

Outcome: TypeAlias = Literal["sent", "mounted"]


class Step(NamedTuple):
    """One request to send, whose body is the blob's bytes ``start`` up to and without ``stop``.

    delay_s: how long to wait first; to be jittered.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    start: int = 0
    stop: int = 0
    delay_s: float = 0.0


class BlobUpload:
    """The upload of one blob. ``offset`` is how many bytes the registry is known to hold.

    base: scheme and authority of the registry, with the path prefix of a mirror if any. where: the repository, for
    messages. source: a repository of the same registry to mount the blob from, if it lets us. chunk: bytes a request,
    0 for all in one; a registry's ``OCI-Chunk-Min-Length`` raises it, a 413 lowers it, a refused PATCH sets it to 0.
    tries: failures without progress until the last one is raised.
    """

    def __init__(
        self,
        base: str,
        name: RepositoryName,
        digest: Digest,
        size: int,
        *,
        where: str,
        source: RepositoryName | None = None,
        chunk: int = 0,
        tries: int = 5,
    ) -> None:
        self.offset = 0
        self.session = ""
        self._base, self._name, self._digest, self._size, self._where = base, name, digest, size, where
        self._source, self._chunk, self._tries = source, chunk, tries
        self._least = 0
        self._failures = 0
        self._highest = 0
        self._delay_s = 0.0
        self._may_patch = True

    def steps(self) -> Generator[Step, Response | None, Outcome]:
        """Yield each request, be sent its answer, or None when the connection broke; return how the blob got there.

        A 401 is the caller's to answer. Raises what ``from_wire`` makes of a refusal, DisconnectedError,
        and RedirectRefusedError for a Location on another origin.
        """
        while True:
            if not self.session and (yield from self._begin()):
                return "mounted"
            if (yield from self._send()):
                return "sent"

    def cancel(self) -> Step | None:
        """Return the request that drops what was sent, for a caller that gives up; None when nothing was begun."""
        return Step("DELETE", self.session, {}) if self.session else None

    # --- the parts ---------------------------------------------------------------------------------

    def _begin(self) -> Generator[Step, Response | None, bool]:
        """Open a session; return whether the blob was mounted instead."""
        self.offset = 0
        while True:
            mount = self._digest if self._source is not None else None
            algorithm = "" if self._digest.algorithm == "sha256" else self._digest.algorithm
            route = UploadStart(self._name, mount=mount, source=self._source, algorithm=algorithm)
            step = self._step("POST", self._base + build(route), {"content-length": "0"})
            response = yield step
            status = 0 if response is None else response.status
            if status == 201 and mount is not None:
                return True
            if status == 202 and response is not None:
                self._source = None
                self._adopt(step, response)
                if not self.session:
                    raise RegistryError("POST", self._where, 202, (), "it opened an upload without saying where")
                return False
            if mount is not None and response is not None and status not in _TRANSIENT:
                self._source = None  # not there, or not for us to read: the blob can be sent
            else:
                self._failed(step, response)

    def _send(self) -> Generator[Step, Response | None, bool]:
        """Send what is missing and close; return whether the blob is there, else a new session is needed."""
        while True:
            step = self._next()
            response = yield step
            status = 0 if response is None else response.status
            if step.method == "PUT" and status in _DONE:
                return True
            if response is not None and step.method == "PATCH" and 200 <= status < 300:
                self._accept(step, response)
                continue
            if response is not None and self._adapt(step, response):
                if step.method == "PATCH" and self._chunk:
                    continue
                self.session = ""
                return False
            self._failed(step, response)
            if (yield from self._resume()):
                return True
            if status == 416 and self.offset == step.start:
                self.session = ""  # it says that it is where we were, and refuses what comes next
            if not self.session:
                return False

    def _next(self) -> Step:
        start, stop = self.offset, self._size
        chunk = max(self._chunk, self._least) if self._chunk else 0
        patch = 0 < chunk < self._size and start < stop
        if patch:
            stop = min(stop, start + chunk)
        headers = {"content-type": _BYTES, "content-length": str(stop - start)}
        if stop - start not in {0, self._size}:
            headers["content-range"] = build_chunk(start, stop)
        if patch:
            return self._step("PATCH", self.session, headers, start, stop)
        return self._step("PUT", add_query(self.session, "digest", self._digest.value), headers, start, stop)

    def _accept(self, step: Step, response: Response) -> None:
        """Take over how far the registry says it is, and where it goes on."""
        self._adopt(step, response)
        held = _held(response)
        self._moved(step.stop if held is None or held > step.stop else held)
        if self.offset <= step.start:
            reason = "it took a chunk and holds no more than before"
            self._count(RegistryError(step.method, self._where, response.status, (), reason), None)

    def _adapt(self, step: Step, response: Response) -> bool:
        """Choose another size of request when this one was refused for its own sake; return whether there is one."""
        if response.status == 413 and step.stop - step.start > max(self._least, _SMALLEST_CHUNK) and self._may_patch:
            self._chunk = max(_SMALLEST_CHUNK, min(CHUNK, (step.stop - step.start + 1) // 2))
            return True
        first = step.method == "PATCH" and step.start == 0 and self._may_patch
        if first and isinstance(self._refusal(step, response), UnsupportedError):
            self._chunk, self._may_patch = 0, False
            return True
        return False

    def _resume(self) -> Generator[Step, Response | None, bool]:
        """Ask how far the session is; without one left, whether the blob is there: return that."""
        step = self._step("GET", self.session, {})
        response = yield step
        if response is not None and response.status in {200, 204}:
            held = _held(response)
            if held is not None and held <= self._size:
                self._adopt(step, response)
                self._moved(held)
                return False
        self.session = ""
        response = yield self._step("HEAD", self._base + build(BlobAt(self._name, self._digest)), {})
        return response is not None and response.status == 200

    # --- small things ------------------------------------------------------------------------------

    def _step(self, method: str, url: str, headers: Mapping[str, str], start: int = 0, stop: int = 0) -> Step:
        delay_s, self._delay_s = self._delay_s, 0.0
        return Step(method, url, headers, start, stop, delay_s)

    def _adopt(self, step: Step, response: Response) -> None:
        location = response.headers.get("location")
        if location:
            url = join_url(response.url or step.url, location)
            stay(url, self._base, "the Location of an upload")
            self.session = url
        least = response.headers.get("oci-chunk-min-length") or ""
        if least.isascii() and least.isdigit() and len(least) < 16:
            self._least = int(least)

    def _moved(self, offset: int) -> None:
        self.offset = offset
        if offset >= self._highest + _PROGRESS or self._highest < offset == self._size:
            self._highest, self._failures = offset, 0

    def _failed(self, step: Step, response: Response | None) -> None:
        """Count a failure and set the wait after it; raise when nothing is to be hoped from another try."""
        error = self._refusal(step, response)
        wait = None if response is None else wait_of(response.headers)
        again = (
            response is None or response.status in _TRANSIENT or (step.method != "POST" and response.status in _LOST)
        )
        if not again or (wait or 0.0) > _LONGEST_WAIT_S:
            raise error
        self._count(error, wait)

    def _count(self, error: OrlopError, wait: float | None) -> None:
        self._failures += 1
        if self._failures > self._tries:
            raise error
        self._delay_s = min(0.25 * 2**self._failures, 10.0) if wait is None else wait

    def _refusal(self, step: Step, response: Response | None) -> OrlopError:
        if response is None:
            return DisconnectedError(self._where, "the connection broke during an upload", self._failures + 1)
        what = f"blob {self._digest}"
        return from_wire(response, method=step.method, what=what, where=self._where, kind="upload")


def _held(response: Response) -> int | None:
    """Return how many bytes the registry holds; ``0-0`` is how most say none, and no one chunks by single bytes."""
    held = parse_chunk(response.headers.get("range") or "")
    if held is None or held[0] != 0:
        return None
    return 0 if held == (0, 1) else held[1]
