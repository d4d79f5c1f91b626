"""The client: ask any registry. A thin face over ``registry`` and ``image``; ``orlop.sync`` declares the blocking one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from orlop.auth.credential import CredentialSource
from orlop.clientparts.announce import Announce
from orlop.clientparts.attachments import Attachments
from orlop.clientparts.blobs import Blobs
from orlop.clientparts.compare import Compare
from orlop.clientparts.files import Files
from orlop.clientparts.freshness import Freshness
from orlop.clientparts.history import History
from orlop.clientparts.packages import Packages
from orlop.clientparts.wire import Wire
from orlop.content.base import Located
from orlop.errors import OrlopError
from orlop.model.digest import Digest
from orlop.model.manifest import MANIFEST_LIMIT, ImageManifest, Index
from orlop.model.reference import Reference, RegistryHost, Repository, is_locator
from orlop.registry.repository import RemoteRepository
from orlop.registry.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from orlop.auth.credential import Credential
    from orlop.content.base import Resolved, Source
    from orlop.content.cache import Cache
    from orlop.image.layers import LayerStore, Reading
    from orlop.image.view import Image
    from orlop.layer.limits import Limits
    from orlop.model.descriptor import Descriptor
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.locator import Locator
    from orlop.model.manifest import Manifest
    from orlop.model.platform import Platform, PlatformSelector
    from orlop.model.reference import RepositoryName, Tag
    from orlop.registry.registry import Ping, RemoteRegistry
    from orlop.runtime import Runtime
    from orlop.sources import Places
    from orlop.transport.base import Transport
    from orlop.transport.options import HostOptions
    from orlop.transport.retry import RetryPolicy
    from orlop.transport.trace import Exchange

R = TypeVar("R")
CONCURRENCY = 32


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a reference names now.

    reference: the full name, or the locator, with the digest. descriptor: of that manifest. kind: "index" when the
    digest is an index's, "platform" when it is one platform's out of an index, else what the manifest is ("image",
    "artifact", ...). platform: the platform chosen, if any. seen: what the registry said beside it, by header name.
    """

    reference: Reference | Locator
    descriptor: Descriptor
    kind: str
    platform: Platform | None = None
    seen: Mapping[str, str] = field(default_factory=dict)


class Item(Generic[R]):
    """One answer of many: ``value``, or the ``error`` that this reference alone met."""

    __slots__ = ("error", "reference", "value")

    def __init__(self, reference: str, value: R | None, error: Exception | None) -> None:
        self.reference, self.value, self.error = reference, value, error

    def result(self) -> R:
        """Return the value, or raise the item's error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # R may itself include None


class AsyncClient(Announce, Attachments, Blobs, Compare, Files, Freshness, History, Packages, Wire):
    """Ask any registry, asynchronously. Use as ``async with AsyncClient() as client``.

    References are texts such as ``debian``, ``ghcr.io/owner/name:tag`` or ``host/name@sha256:...``, or Reference values;
    or locators of other places: ``oci:DIR``, ``docker-archive:FILE`` (``docs/guide/locators.md``), or Locator values.
    A ``platform`` is ``"linux/arm64"`` or a PlatformSelector; None takes a single-platform image as it is, and an index
    where one is asked for.

    credentials: of registries by host name, or where to look them up; None reads the Docker and Podman files. hosts: connection options by host name;
    defaults: for all other hosts. cache: a Cache, or None to keep nothing. concurrency: how many references ``many``
    works on at once. manifest_limit: most bytes of a manifest. trace: called with every exchange, secrets left out.
    engine: the address of the container engine that ``docker-daemon:`` asks, ``unix:///path``; None takes DOCKER_HOST, else the
    first socket that is there. layer_limits: what one layer may ask of this machine. reading: called, from any thread, with the bytes of whole layers that
    were read so far and that the layers begun have.
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
        runtime, transport = self._machinery()
        if credentials is None:
            from orlop.auth.keychain import default_keychain

            # The one place below the command line that looks at the environment: whoever passes nothing asks for it.
            credentials = default_keychain(os.environ, os.path.expanduser("~"))
        elif not isinstance(credentials, CredentialSource):
            from orlop.auth.keychain import Chain, ExplicitSource

            given = credentials.items()
            credentials = Chain([ExplicitSource(RegistryHost(host), credential) for host, credential in given])
        self._runtime = runtime
        self._cache = cache
        self._cached: Callable[[Source], Source] | None = None
        if cache is not None:
            from orlop.content.cache import CachedSource

            self._cached = partial(CachedSource, cache=cache)
        self._manifest_limit = manifest_limit
        self.concurrency = concurrency
        self._places: Places | None = None
        self._socket = os.environ.get("DOCKER_HOST", "") if engine is None else engine
        self._layer_limits = layer_limits
        self._told = reading
        self._reading: Reading | None = None
        self._session = Session(
            transport, runtime, credentials, hosts=hosts, defaults=defaults, retry=retry, trace=trace
        )

    def _machinery(self) -> tuple[Runtime, Transport]:
        from orlop.aio import AsyncRuntime
        from orlop.transport.http import AsyncTransport

        return AsyncRuntime(), AsyncTransport()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections, close archives, and write what the cache still holds in memory."""
        await self._session.close()
        if self._places is not None:
            await self._places.close()
        if self._cache is not None:
            await self._runtime.run(self._cache.flush)

    # --- places --------------------------------------------------------------------------------

    def registry(self, host: str) -> RemoteRegistry:
        """Return the registry as a Namespace; nothing is asked yet."""
        from orlop.registry.registry import RemoteRegistry

        return RemoteRegistry(self._session, RegistryHost(host), self._manifest_limit)

    def repository(self, repository: str | Repository) -> Source:
        """Return the repository as a Source, behind the cache if there is one; nothing is asked yet."""
        name = repository if isinstance(repository, Repository) else Repository.parse(repository)
        remote = RemoteRepository(self._session, name, self._manifest_limit)
        return remote if self._cached is None else self._cached(remote)

    async def open(self, ref: str | Reference | Locator) -> Located:
        """Return where the reference leads: its source, and the tag or the digest to ask that for.

        A registry is not asked yet. A locator's place is opened and its name looked up; archives stay open until the
        client is closed. Raises InputError's kinds, ManifestNotFoundError and LocalError for a locator.
        """
        if isinstance(ref, str):
            if is_locator(ref):
                return await self._local.open(ref)
            ref = Reference.parse(ref)
        elif not isinstance(ref, Reference):
            return await self._local.open(ref)
        return Located(self.repository(ref.repository), ref.target, ref)

    async def source(self, place: str | Repository | Reference | Locator) -> Source:
        """Return a repository, or a locator's place, as a Source; no name in it is looked up. Raises as ``open``."""
        if isinstance(place, str):
            if not is_locator(place):
                return self.repository(place)
        elif isinstance(place, Reference):
            return self.repository(place.repository)
        elif isinstance(place, Repository):
            return self.repository(place)
        return await self._local.source(place)

    @property
    def _local(self) -> Places:
        if self._places is None:
            from orlop.sources import Places

            self._places = Places(self._runtime, self._manifest_limit, self._socket)
        return self._places

    def layers_of(self, source: Source) -> LayerStore:
        """Return what opens the layers of a source; indexes are kept in the client's cache if there is one."""
        from orlop.image.layers import KIND, LayerStore, Reading
        from orlop.layer.limits import DEFAULT_LIMITS

        derived = None
        if self._cache is not None:
            from orlop.content.derived import DerivedCache

            derived = DerivedCache(self._cache, KIND)
        if self._told is not None and self._reading is None:
            self._reading = Reading(self._told)
        limits = self._layer_limits or DEFAULT_LIMITS
        return LayerStore(source, self._runtime, derived, limits=limits, reading=self._reading)

    # --- registries and repositories -----------------------------------------------------------

    async def ping(self, host: str) -> Ping:
        """Return how the registry answers, and how it wants to be signed in to. Raises NetworkError, RegistryError."""
        return await self.registry(host).ping()

    async def catalog(self, host: str, *, after: str = "", limit: int | None = None) -> AsyncIterator[RepositoryName]:
        """Yield the registry's repositories, page by page. Raises UnsupportedError where there is no catalog."""
        async for name in self.registry(host).repositories(after=after, limit=limit):
            yield name

    async def tags(
        self, repository: str | Repository | Locator, *, after: str = "", limit: int | None = None
    ) -> AsyncIterator[Tag]:
        """Yield the repository's tags in the registry's order; pages are fetched as they are needed.

        after: only what comes after this tag. limit: at most so many. Raises RepositoryNotFoundError.
        """
        async for tag in (await self.source(repository)).tags(after=after, limit=limit):
            yield tag

    # --- manifests -----------------------------------------------------------------------------

    async def head(self, ref: str | Reference | Locator) -> Resolved:
        """Return the descriptor of what the reference names, without fetching it. Raises ManifestNotFoundError."""
        at = await self.open(ref)
        return await at.source.resolve(at.name)

    async def manifest(
        self, ref: str | Reference | Locator, *, platform: str | PlatformSelector | None = None
    ) -> Manifest:
        """Return the manifest, whatever its kind, its digest checked; with a platform, that child of an index.

        Raises ManifestNotFoundError, PlatformChoiceError, IntegrityError's kinds.
        """
        if platform is None:  # as most are asked: without a step for each part of the way
            named = Reference.parse(ref) if isinstance(ref, str) and not is_locator(ref) else ref
            if isinstance(named, Reference):
                return await self.repository(named.repository).manifest(named.target)
        return await _manifest(await self.open(ref), platform)

    async def resolve(
        self, ref: str | Reference | Locator, *, platform: str | PlatformSelector | None = None
    ) -> Resolution:
        """Return what the reference names now, with its digest; with a platform, that child of an index.

        Raises ManifestNotFoundError, PlatformChoiceError.
        """
        from orlop.image.resolve import resolve_platform
        from orlop.model.mediatype import is_index

        at = await self.open(ref)
        reference = at.reference
        found = await at.source.resolve(at.name)
        described = found.descriptor
        if not is_index(described.media_type) or platform is None:
            kind = "index" if is_index(described.media_type) else "image"
            return Resolution(reference.with_digest(described.digest), described, kind, None, found.seen)
        index = await at.source.manifest(described.digest)
        if not isinstance(index, Index):
            return Resolution(reference.with_digest(described.digest), described, index.kind, None, found.seen)
        chosen = resolve_platform(index, _selector(platform), str(ref))
        return Resolution(reference.with_digest(chosen.digest), chosen, "platform", chosen.platform, found.seen)

    async def referrers(
        self, ref: str | Reference | Locator, *, artifact_type: str | None = None
    ) -> AsyncIterator[Descriptor]:
        """Yield the manifests that refer to this one: signatures, SBOMs, attestations. A tag is resolved first."""
        at = await self.open(ref)
        subject = at.name if isinstance(at.name, Digest) else (await at.source.resolve(at.name)).descriptor.digest
        async for found in at.source.referrers(subject, artifact_type=artifact_type):
            yield found

    # --- images --------------------------------------------------------------------------------

    async def image(self, ref: str | Reference | Locator, *, platform: str | PlatformSelector | None = None) -> Image:
        """Return the image of one platform with its config.

        Raises PlatformChoiceError when more than one platform is left, or none; UnsupportedError for an artifact.
        """
        from orlop.image.view import open_image

        at = await self.open(ref)
        return await open_image(at.source, at.name, _selector(platform), str(ref))

    async def images(
        self, ref: str | Reference | Locator, *, platform: str | PlatformSelector | None = None
    ) -> list[Image]:
        """Return the images of every platform that the selector leaves, in the index's order, fetched side by side."""
        from orlop.image.resolve import platforms_of
        from orlop.image.view import image_of

        at = await self.open(ref)
        source = at.source
        manifest = await source.manifest(at.name)
        if not isinstance(manifest, Index):
            return [await image_of(source, manifest, None, str(ref))]
        index = manifest
        wanted = _selector(platform)
        entries = [e for e in platforms_of(index) if wanted is None or (e.platform and wanted.matches(e.platform))]

        async def view(entry: Descriptor) -> Image:
            return await image_of(source, await source.manifest(entry.digest), index, str(ref))

        outcomes = self._runtime.map(view, entries, limit=min(8, len(entries) or 1), ordered=True)
        return [outcome.result() async for outcome in outcomes]

    async def config(
        self, ref: str | Reference | Locator, *, platform: str | PlatformSelector | None = None
    ) -> ImageConfig:
        """Return the image config of one platform. Raises as ``image`` does."""
        from orlop.image.resolve import ANY
        from orlop.image.view import image_of, read_config

        at = await self.open(ref)
        manifest = await _manifest(at, platform or ANY)
        if not isinstance(manifest, ImageManifest):
            return (await image_of(at.source, manifest, None, at.text)).config
        return await read_config(at.source, manifest, at.text)

    # --- many at once --------------------------------------------------------------------------

    def many(
        self,
        refs: Iterable[str],
        *,
        platform: str | PlatformSelector | None = None,
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> AsyncIterator[Item[Manifest]]:
        """Yield the manifest of each reference, many at once, each with its own error.

        refs: read lazily. ordered: in order of input instead of completion. concurrency: instead of the client's.
        """

        def get(client: AsyncClient, ref: str) -> Awaitable[Manifest]:
            return client.manifest(ref, platform=platform)

        return self.map(get, refs, ordered=ordered, concurrency=concurrency)

    async def map(
        self,
        function: Callable[[AsyncClient, str], Awaitable[R]],
        refs: Iterable[str],
        *,
        ordered: bool = False,
        concurrency: int | None = None,
    ) -> AsyncIterator[Item[R]]:
        """Yield ``function(client, ref)`` of each reference, as ``many`` does: ``client.map(AsyncClient.image, refs)``."""
        limit = concurrency or self.concurrency
        async for outcome in self._runtime.map(partial(function, self), refs, limit=limit, ordered=ordered):
            error = outcome.error
            if error is not None and not isinstance(error, OrlopError):
                raise error  # a bug, or the caller's own: never hidden among results
            yield Item(outcome.item, None if error else outcome.result(), error)


def _selector(platform: str | PlatformSelector | None) -> PlatformSelector | None:
    if not isinstance(platform, str):
        return platform
    from orlop.model.platform import PlatformSelector

    return PlatformSelector.parse(platform)


async def _manifest(at: Located, platform: str | PlatformSelector | None) -> Manifest:
    manifest = await at.source.manifest(at.name)
    if platform is None or not isinstance(manifest, Index):
        return manifest
    from orlop.image.resolve import resolve_platform

    chosen = resolve_platform(manifest, _selector(platform), at.text)
    return await at.source.manifest(chosen.digest)
