"""The blocking client: the same methods as the asynchronous one, declared and not written.

Each wrapper keeps the signature. Work runs on threads that step coroutines (``orlop.threads``), many at once in a loop
(``orlop.loop``), for which alone asyncio is imported.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from orlop.client import CONCURRENCY, AsyncClient
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType
    from typing import Self

    from orlop.auth.credential import Credential, CredentialSource
    from orlop.client import Item
    from orlop.content.base import ByteStream
    from orlop.content.cache import Cache
    from orlop.layer.limits import Limits
    from orlop.protocol.headers import RateLimit
    from orlop.runtime import Runtime
    from orlop.transport.base import Transport
    from orlop.transport.options import HostOptions
    from orlop.transport.retry import RetryPolicy
    from orlop.transport.trace import Exchange

P = ParamSpec("P")
T = TypeVar("T")

# One hop to a worker thread costs as much as parsing several tags: iterators hand over ever larger groups, up to this.
_GROUP = 64
_FEW = 16


def blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[object, object, T]],
) -> Callable[Concatenate[Client, P], T]:
    """Declare the blocking twin of a coroutine method."""

    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.runtime.call(method(self.steps, *args, **kwargs))

    return _named(call, method)


def asking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[object, object, T]],
) -> Callable[Concatenate[Client, P], T]:
    """Declare the blocking twin of a coroutine method that only asks registries for documents: it needs no other thread."""

    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.runtime.ask(method(self.steps, *args, **kwargs))

    return _named(call, method)


def blocking_iter(
    method: Callable[Concatenate[AsyncClient, P], AsyncIterator[T]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """Declare the blocking twin of a method that yields, each step of which may ask the network."""

    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        stream: AsyncIterator[T] | None = method(self.steps, *args, **kwargs)
        wanted = 1
        try:
            while True:
                group, ended = self.runtime.call(_group(stream, wanted))  # type: ignore[arg-type]  # None only once interrupted
                yield from group
                if ended:
                    return
                wanted = min(wanted * 2, _GROUP)
        except KeyboardInterrupt:
            stream = None  # a worker is still inside it
            raise
        finally:
            if stream is not None:
                self.runtime.call(_closed(stream))

    return _named(call, method)


def blocking_many(
    method: Callable[Concatenate[AsyncClient, P], AsyncIterator[T]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """Declare the blocking twin of a method that has many under way.

    They are tasks of one loop, which the caller's thread drives; a few are worked on by threads, as the loop has asyncio
    imported, which takes longer than they do.
    """

    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        loop = None if _few(args) and "asyncio" not in sys.modules else self.runtime.loop()
        drive = step if loop is None else loop.drive
        stream = method(self.steps, *args, **kwargs)
        try:
            while True:
                try:
                    item: T = drive(stream.__anext__())  # type: ignore[arg-type]  # an async generator's step is a coroutine
                except StopAsyncIteration:
                    return
                yield item
        finally:
            drive(_closed(stream))
            if loop is not None:
                loop.close()

    return _named(call, method)


def _few(args: Sequence[object]) -> bool:
    items = next((arg for arg in args if isinstance(arg, (list, tuple))), None)
    return items is not None and len(items) <= _FEW


def blocking_context(
    method: Callable[Concatenate[AsyncClient, P], AbstractAsyncContextManager[ByteStream]],
) -> Callable[Concatenate[Client, P], AbstractContextManager[Iterator[bytes]]]:
    """Declare the blocking twin of a method that opens a stream of chunks."""

    @contextmanager
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Iterator[bytes]]:
        opened = method(self.steps, *args, **kwargs)
        stream = self.runtime.call(_enter(opened))
        try:
            yield _chunks(self.runtime, stream)
        except BaseException as error:
            if not self.runtime.call(_leave(opened, error)):
                raise
        else:
            self.runtime.call(_leave(opened, None))

    return _named(call, method)


async def _group(stream: AsyncIterator[T], wanted: int) -> tuple[list[T], bool]:
    group: list[T] = []
    async for item in stream:
        group.append(item)
        if len(group) == wanted:
            return group, False
    return group, True


async def _closed(stream: AsyncIterator[object]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


async def _enter(opened: AbstractAsyncContextManager[T]) -> T:
    return await opened.__aenter__()


async def _leave(opened: AbstractAsyncContextManager[object], error: BaseException | None) -> bool:
    return bool(await opened.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None))


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    async for chunk in stream:
        return chunk
    return None


def _chunks(runtime: ThreadRuntime, stream: ByteStream) -> Iterator[bytes]:
    while (chunk := runtime.call(_next(stream))) is not None:
        yield chunk


C = TypeVar("C", bound="Callable[..., object]")


def _named(call: C, method: Callable[..., object]) -> C:
    call.__name__, call.__qualname__, call.__doc__ = method.__name__, f"Client.{method.__name__}", method.__doc__
    call.__wrapped__ = method  # type: ignore[attr-defined]  # inspect.signature follows it
    return call


class _Stepped(AsyncClient):
    """The asynchronous client on the runtime that never suspends."""

    def _machinery(self) -> tuple[Runtime, Transport]:
        from orlop.transport.http import BlockingTransport

        self.threads = ThreadRuntime()
        transport = BlockingTransport(departure=self.threads.departure)
        self.threads.wake = transport.interrupt
        return self.threads, transport


class Client:
    """Ask any registry, blocking. Use as ``with Client() as client``; threads may share one.

    Takes what ``AsyncClient`` takes, and has its methods: coroutines are plain methods here, asynchronous iterators plain
    iterators. A client does not work in a process forked after it was made.
    """

    def __init__(
        self,
        *,
        credentials: CredentialSource | Mapping[str, Credential] | None = None,
        hosts: Mapping[str, HostOptions] | None = None,
        defaults: HostOptions | None = None,
        cache: Cache | None = None,
        concurrency: int = CONCURRENCY,
        manifest_limit: int = MANIFEST_LIMIT,
        retry: RetryPolicy | None = None,
        trace: Callable[[Exchange], None] | None = None,
        engine: str | None = None,
        layer_limits: Limits | None = None,
        reading: Callable[[int, int], None] | None = None,
    ) -> None:
        self.steps = _Stepped(
            credentials=credentials,
            hosts=hosts,
            defaults=defaults,
            cache=cache,
            concurrency=concurrency,
            manifest_limit=manifest_limit,
            retry=retry,
            trace=trace,
            engine=engine,
            layer_limits=layer_limits,
            reading=reading,
        )
        self.runtime = self.steps.threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and idle threads."""
        self.runtime.call(self.steps.close())
        self.runtime.close()

    open = blocking(AsyncClient.open)
    source = blocking(AsyncClient.source)
    ping = asking(AsyncClient.ping)
    catalog = blocking_iter(AsyncClient.catalog)
    tags = blocking_iter(AsyncClient.tags)
    head = asking(AsyncClient.head)
    manifest = asking(AsyncClient.manifest)
    resolve = asking(AsyncClient.resolve)
    referrers = blocking_iter(AsyncClient.referrers)
    image = asking(AsyncClient.image)
    images = blocking(AsyncClient.images)
    config = asking(AsyncClient.config)
    attachments = blocking(AsyncClient.attachments)
    attachment = blocking(AsyncClient.attachment)
    find_attachment = blocking(AsyncClient.find_attachment)
    compare_layers = blocking(AsyncClient.compare_layers)
    compare_files = blocking(AsyncClient.compare_files)
    compare_folders = blocking(AsyncClient.compare_folders)
    compare_config = blocking(AsyncClient.compare_config)
    compare_metadata = blocking(AsyncClient.compare_metadata)
    compare_packages = blocking(AsyncClient.compare_packages)
    files = blocking_iter(AsyncClient.files)
    open_file = blocking_context(AsyncClient.open_file)
    read_file = blocking(AsyncClient.read_file)
    extract = blocking(AsyncClient.extract)
    save_layers = blocking(AsyncClient.save_layers)
    export = blocking(AsyncClient.export)
    packages = blocking(AsyncClient.packages)
    layers = blocking(AsyncClient.layers)
    dockerfile = blocking(AsyncClient.dockerfile)
    size = blocking(AsyncClient.size)
    updates = blocking(AsyncClient.updates)
    check = blocking(AsyncClient.check)
    check_many = blocking_many(AsyncClient.check_many)
    base = blocking(AsyncClient.base)
    learn = blocking_many(AsyncClient.learn)
    deliver = blocking(AsyncClient.deliver)
    blob = blocking_context(AsyncClient.blob)
    read_blob = blocking(AsyncClient.read_blob)
    download = blocking(AsyncClient.download)
    many = blocking_many(AsyncClient.many)
    request = blocking(AsyncClient.request)
    pages = blocking_iter(AsyncClient.pages)
    token = blocking(AsyncClient.token)

    def rate_limits(self) -> dict[str, RateLimit]:
        """Return the rate limits that registries stated to this client, the last of each, by the host that answered."""
        return self.steps.rate_limits()

    def map(
        self,
        function: Callable[[AsyncClient, str], Awaitable[T]],
        refs: Iterable[str],
        *,
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> Iterator[Item[T]]:
        """Yield ``await function(client, ref)`` of each reference, as ``many`` does: ``client.map(AsyncClient.image, refs)``.

        function: a coroutine function over the asynchronous client that only awaits that client.
        """
        return _map(self, function, refs, ordered=ordered, concurrency=concurrency)


# A wrapper would lose that the result's type follows the function's.
_map = blocking_many(AsyncClient.map)
