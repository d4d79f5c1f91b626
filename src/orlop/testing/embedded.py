"""The embedded registry for tests: uvicorn in a thread, on a free port of the loopback."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from orlop.model.manifest import parse_manifest
from orlop.model.reference import RepositoryName, Tag
from orlop.server.core import App
from orlop.server.exchange import CUT_BEFORE_ANSWER
from orlop.server.run import Listener, loop_factory
from orlop.server.store.store import Store

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from orlop.model.digest import Digest
    from orlop.server.access import Access
    from orlop.server.exchange import Call, Go, Middleware, Reply

_GRACE_S = 0.25
_START_S = 30.0


class Recorded:
    """One request that a registry was sent.

    target: path and query as they came. headers: names in lower case; of several values to a name the first. status: of
    the answer, 0 until there is one and when the connection was dropped instead.
    """

    __slots__ = ("headers", "method", "status", "target")

    def __init__(self, method: str, target: str, headers: dict[str, str]) -> None:
        self.method, self.target, self.headers, self.status = method, target, headers, 0

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def __repr__(self) -> str:
        return f"<{self.method} {self.target} {self.status}>"  # headers may hold secrets


class Registry:
    """A registry that is running.

    host: ``127.0.0.1:PORT``, as it stands in references. url: with the scheme. requests: what it was sent so far, in
    order. errors: exceptions that are faults of the server itself. store: its content, also to read and write directly.
    """

    host: str
    url: str

    def __init__(self, store: Store) -> None:
        self.store = store
        self.requests: list[Recorded] = []
        self.errors: list[Exception] = []

    def push(
        self,
        repository: str,
        tag: str,
        manifest: bytes,
        media_type: str = "",
        blobs: Iterable[bytes] = (),
        *,
        algorithm: str = "sha256",
    ) -> Digest:
        """Put an image into the store, past the wire, and return its digest.

        tag: "" for none. manifest: its raw bytes. media_type: where the document does not say. blobs: what the
        manifest names and is not there yet. Raises what the store raises: BlobNotFoundError for a blob left out.
        """
        target = self.store.repository(RepositoryName(repository))
        for blob in blobs:
            target.add_now(blob, algorithm)
        parsed = parse_manifest(manifest, media_type, algorithm=algorithm, limit=self.store.manifest_limit)
        target.put_now(parsed, [Tag(tag)] if tag else [])
        return parsed.digest

    def push_blob(self, repository: str, data: bytes, algorithm: str = "sha256") -> Digest:
        """Put one blob into the store, past the wire, and return its digest."""
        return self.store.repository(RepositoryName(repository)).add_now(data, algorithm)

    async def _record(self, call: Call, go: Go) -> Reply:
        headers: dict[str, str] = {}
        for name, value in call.headers.pairs():
            headers.setdefault(name, value)
        recorded = Recorded(call.method, call.target, headers)
        self.requests.append(recorded)
        reply = await go(call)
        if reply.cut != CUT_BEFORE_ANSWER:
            recorded.status = reply.status
        return reply

    def __repr__(self) -> str:
        return f"Registry({self.url})"


@contextmanager
def registry(
    root: str | os.PathLike[str] | None = None,
    *,
    access: Access | None = None,
    middleware: Sequence[Middleware] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    tls: tuple[str, str] | None = None,
    store: Store | None = None,
    page_limit: int = 10_000,
    **options: Any,
) -> Iterator[Registry]:
    """Run a registry while the ``with`` block runs; it is empty unless ``root`` or ``store`` brings content.

    root: a folder to keep it in; None keeps it in memory. access: who may do what (``orlop.server.access``). middleware:
    stands before the registry, outermost first, to answer, delay or change what it says. port: 0 for a free one. tls: a
    certificate file and its key. store: one that is already open, and stays so. options: of ``Store``.

    An exception that is the server's own fault is raised at the end of the block, unless the block raised first.
    """
    own = store is None
    if store is None:
        store = Store.memory(**options) if root is None else Store.at(root, **options)
    running = Registry(store)
    app = App(
        store,
        access=access,
        middleware=[running._record, *middleware],  # noqa: SLF001  # its own
        page_limit=page_limit,
        on_error=running.errors.append,
    )
    try:
        with _listening(app, host, port, tls) as listener:
            running.host, running.url = listener.host, listener.url
            yield running
    finally:
        if own:
            store.close()
    if running.errors:
        raise running.errors[0]


@contextmanager
def _listening(app: App, host: str, port: int, tls: tuple[str, str] | None) -> Iterator[Listener]:
    """Run a listener in a thread with an event loop of its own."""
    thread = _Thread(app, host, port, tls)
    thread.start()
    if not thread.ready.wait(_START_S):
        raise TimeoutError("the registry did not start")
    if thread.listener is None:
        thread.join()
        raise thread.failure or RuntimeError("the registry did not start")
    try:
        yield thread.listener
    finally:
        thread.stop()
        thread.join()
    if thread.failure is not None:
        raise thread.failure


class _Thread(threading.Thread):
    def __init__(self, app: App, host: str, port: int, tls: tuple[str, str] | None) -> None:
        super().__init__(name="orlop registry", daemon=True)
        self._arguments = (app, host, port, tls)
        self.ready = threading.Event()
        self.listener: Listener | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._main())
        except BaseException as failure:  # noqa: BLE001  # it is raised in the thread that started this one
            self.failure = failure
        finally:
            self.ready.set()

    async def _main(self) -> None:
        app, host, port, tls = self._arguments
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        listener = Listener(app, host, port, tls=tls)
        await listener.start()
        self.listener = listener
        self.ready.set()
        await self._ended.wait()
        await listener.stop(_GRACE_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
