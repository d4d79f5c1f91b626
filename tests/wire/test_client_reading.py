"""The journey that a user makes, against the embedded registry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orlop import (
    AsyncClient,
    Cache,
    Client,
    Credential,
    Descriptor,
    Digest,
    HostOptions,
    Index,
    PlatformSelector,
    RateLimit,
)
from orlop.auth.keychain import Chain
from orlop.errors import (
    BlobNotFoundError,
    InputError,
    InvalidReferenceError,
    LimitError,
    ManifestNotFoundError,
    PlatformChoiceError,
    UnauthenticatedError,
    UnsupportedError,
)
from orlop.testing import Registry, builders, faults
from orlop.testing import registry as run_registry
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.testing.builders import Built

PLATFORMS = [
    "linux/amd64",
    "linux/arm/v7",
    "linux/arm64/v8",
    "windows(10.0.17763.6054)/amd64",
    "windows(10.0.20348.2582)/amd64",
]


@pytest.fixture
def filled(registry: Any) -> Any:
    """A registry with a list of five platforms, an artifact that refers to it, and a hundred tags."""
    images = [builders.random_image(seed=n, platform=name) for n, name in enumerate(PLATFORMS)]
    registry.list = builders.index(images, docker=True)
    registry.images = images
    registry.signature = builders.artifact({"sig": b"x"}, subject=registry.list, artifact_type="application/sig")
    registry.sbom = builders.artifact({"sbom": b"y"}, subject=registry.list, artifact_type="application/sbom")
    put(registry, registry.list, "team/app", *(f"t{n:03}" for n in range(100)))
    put(registry, registry.signature, "team/app")
    put(registry, registry.sbom, "team/app")
    put(registry, images[0], "team/single", "only")
    registry.app = f"{registry.host}/team/app"
    registry.requests.clear()
    return registry


def put(registry: Registry, built: Built, repository: str, *tags: str) -> None:
    asyncio.run(builders.push(built, registry.store, repository, tags=list(tags)))


def test_tags_come_whole_and_in_order(client: Client, filled: Any) -> None:
    assert [str(tag) for tag in client.tags(filled.app)] == [f"t{n:03}" for n in range(100)]


def test_pages_of_tags_are_fetched_as_they_are_needed(client: Client, filled: Any) -> None:
    with run_registry(store=filled.store, page_limit=10) as small:
        tags: Any = client.tags(f"{small.host}/team/app")
        assert [str(next(tags)) for _ in range(12)][-1] == "t011"
        tags.close()
        assert len(small.requests) < 6
        assert len(list(client.tags(f"{small.host}/team/app"))) == 100


def test_tags_after_and_limit(client: Client, filled: Any) -> None:
    assert [str(t) for t in client.tags(filled.app, after="t096")] == ["t097", "t098", "t099"]
    assert [str(t) for t in client.tags(filled.app, limit=3)] == ["t000", "t001", "t002"]
    assert list(client.tags(filled.app, limit=0)) == []


def test_the_catalog_lists_repositories(client: Client, filled: Any) -> None:
    assert [str(name) for name in client.catalog(filled.host)] == ["team/app", "team/single"]


def test_hub_has_no_catalog_and_is_not_asked_for_one(client: Client) -> None:
    with pytest.raises(UnsupportedError, match="no catalog"):
        list(client.catalog("docker.io"))


def test_a_manifest_comes_without_knowing_its_type(client: Client, filled: Any) -> None:
    manifest = client.manifest(f"{filled.app}:t000")
    assert isinstance(manifest, Index)
    assert manifest.raw == filled.list.raw
    assert [str(entry.platform) for entry in manifest.manifests] == PLATFORMS


@pytest.mark.parametrize(
    ("platform", "at"),
    [("linux/amd64", 0), ("linux/arm/v7", 1), ("linux/arm64", 2), ("windows(10.0.20348.1)/amd64", 4)],
)
def test_a_platform_is_chosen(client: Client, filled: Any, platform: str, at: int) -> None:
    assert client.manifest(f"{filled.app}:t000", platform=platform).digest == filled.images[at].digest
    resolution = client.resolve(f"{filled.app}:t000", platform=platform)
    assert resolution.descriptor.digest == filled.images[at].digest
    assert resolution.kind == "platform"


def test_two_windows_versions_are_a_choice_to_make(client: Client, filled: Any) -> None:
    with pytest.raises(PlatformChoiceError) as caught:
        client.manifest(f"{filled.app}:t000", platform="windows/amd64")
    assert caught.value.matching == 2
    assert len(caught.value.available) == 5


def test_no_platform_left_says_what_there_is(client: Client, filled: Any) -> None:
    with pytest.raises(PlatformChoiceError, match=r"no platform is left for linux/s390x.*linux/arm/v7"):
        client.manifest(f"{filled.app}:t000", platform="linux/s390x")


def test_parts_of_a_platform_restrict_on_their_own(client: Client, filled: Any) -> None:
    selector = PlatformSelector(architecture="arm")
    assert client.manifest(f"{filled.app}:t000", platform=selector).digest == filled.images[1].digest


def test_resolve_without_a_platform_is_one_head(client: Client, filled: Any) -> None:
    resolution = client.resolve(f"{filled.app}:t000")
    assert resolution.kind == "index"
    assert str(resolution.reference) == f"{filled.app}:t000@{filled.list.digest}"
    assert [r.method for r in filled.requests] == ["HEAD"]


def test_an_image_has_its_config_layers_and_sizes(client: Client, filled: Any) -> None:
    image = client.image(f"{filled.app}:t000", platform="linux/arm64")
    assert str(image.platform) == "linux/arm64/v8"
    assert [layer.descriptor.digest for layer in image.layers] == [layer.digest for layer in image.manifest.layers]
    assert image.layers[0].diff_id == image.config.diff_ids[0]
    assert image.size == image.layers[0].size
    assert image.index is not None


def test_all_platforms_come_in_the_order_of_the_index(client: Client, filled: Any) -> None:
    images = client.images(f"{filled.app}:t000")
    assert [image.digest for image in images] == [built.digest for built in filled.images]


def test_a_single_image_needs_no_platform(client: Client, filled: Any) -> None:
    assert client.image(f"{filled.host}/team/single:only").digest == filled.images[0].digest
    assert client.config(f"{filled.host}/team/single:only").architecture == "amd64"


def test_an_artifact_is_no_image(client: Client, filled: Any) -> None:
    with pytest.raises(UnsupportedError):
        client.image(f"{filled.app}@{filled.signature.digest}")


def test_referrers_are_listed_and_filtered(client: Client, filled: Any) -> None:
    found = {entry.digest for entry in client.referrers(f"{filled.app}:t000")}
    assert found == {filled.signature.digest, filled.sbom.digest}
    only = list(client.referrers(f"{filled.app}:t000", artifact_type="application/sig"))
    assert [entry.digest for entry in only] == [filled.signature.digest]


def test_referrers_fall_back_to_the_tag_where_there_is_no_api(client: Client, filled: Any) -> None:
    listed = builders.index([filled.signature, filled.sbom])
    put(filled, listed, "team/app", str(filled.list.digest).replace(":", "-"))
    with run_registry(store=filled.store, middleware=[faults.no_referrers()]) as old:
        found = [e.digest for e in client.referrers(f"{old.host}/team/app:t000", artifact_type="application/sig")]
    assert found == [filled.signature.digest]


def test_a_blob_is_streamed_read_and_ranged(client: Client, filled: Any) -> None:
    layer = filled.images[0].blobs[-1]
    ref = f"{filled.app}@{layer.descriptor.digest}"
    with client.blob(ref) as chunks:
        assert b"".join(chunks) == layer.data
    with client.blob(ref, start=10, stop=20) as chunks:
        assert b"".join(chunks) == layer.data[10:20]
    with client.blob(ref, start=len(layer.data) - 5) as chunks:
        assert b"".join(chunks) == layer.data[-5:]
    assert client.read_blob(ref) == layer.data
    with pytest.raises(LimitError):
        client.read_blob(ref, limit=5)


def test_a_blob_that_is_not_there(client: Client, filled: Any, tmp_path: Path) -> None:
    ref = f"{filled.app}@{Digest.of(b'nothing')}"
    with pytest.raises(BlobNotFoundError):
        client.read_blob(ref)
    with pytest.raises(BlobNotFoundError):
        client.download(ref, str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_a_blob_needs_a_digest(client: Client, filled: Any) -> None:
    with pytest.raises(InputError, match="repository@digest"):
        client.read_blob(f"{filled.app}:t000")


def test_many_at_once_each_with_its_own_error(client: Client, filled: Any) -> None:
    refs = [f"{filled.app}:t{n:03}" for n in range(20)] + [f"{filled.app}:nope", "not a reference"]
    items = {item.reference: item for item in client.many(refs)}
    assert sum(item.error is None for item in items.values()) == 20
    assert isinstance(items[f"{filled.app}:nope"].error, ManifestNotFoundError)
    assert isinstance(items["not a reference"].error, InvalidReferenceError)


def test_many_in_order_of_input(client: Client, filled: Any) -> None:
    refs = [f"{filled.app}:t{n:03}" for n in range(99, -1, -1)]
    assert [item.reference for item in client.many(refs, ordered=True)] == refs


def test_map_runs_any_coroutine_over_the_client(client: Client, filled: Any) -> None:
    async def size(inner: AsyncClient, ref: str) -> int:
        return (await inner.image(ref, platform="linux/amd64")).size

    sizes = [item.result() for item in client.map(size, [f"{filled.app}:t000", f"{filled.app}:t001"])]
    assert sizes[0] == sizes[1] > 0


def test_a_bug_in_the_callers_function_is_raised(client: Client, filled: Any) -> None:
    async def broken(inner: AsyncClient, ref: str) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.map(broken, [filled.app]))


def test_what_never_changes_is_fetched_once(make_client: Callable[..., Client], filled: Any, tmp_path: Path) -> None:
    client = make_client(cache=Cache(str(tmp_path)))
    first = client.image(f"{filled.app}@{filled.list.digest}", platform="linux/amd64")
    asked = len(filled.requests)
    assert client.image(f"{filled.app}@{filled.list.digest}", platform="linux/amd64").config.raw == first.config.raw
    assert len(filled.requests) == asked == 3


def test_a_damaged_cache_file_is_fetched_again(make_client: Callable[..., Client], filled: Any, tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    client = make_client(cache=cache)
    ref = f"{filled.app}@{filled.list.digest}"
    client.manifest(ref)
    cache.flush()
    (stored,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    stored.write_bytes(b"{}")
    assert client.manifest(ref).raw == filled.list.raw
    cache.flush()
    assert stored.read_bytes() == filled.list.raw


def test_a_tag_is_asked_for_every_time(make_client: Callable[..., Client], filled: Any, tmp_path: Path) -> None:
    client = make_client(cache=Cache(str(tmp_path)))
    client.manifest(f"{filled.host}/team/single:only")
    put(filled, filled.images[1], "team/single", "only")
    assert client.manifest(f"{filled.host}/team/single:only").digest == filled.images[1].digest


def test_a_cache_that_cannot_be_written_is_no_error(
    make_client: Callable[..., Client], filled: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    client = make_client(cache=Cache(str(tmp_path / "file" / "below")))
    assert client.manifest(f"{filled.app}@{filled.list.digest}").digest == filled.list.digest


def test_mirrors_are_asked_first_and_the_registry_where_they_fail(
    make_client: Callable[..., Client], filled: Any
) -> None:
    with run_registry() as empty, run_registry(store=filled.store) as mirror:
        options = HostOptions(mirrors=(f"http://{empty.host}", mirror.host))
        client = make_client(hosts={filled.host: options})
        assert client.manifest(f"{filled.app}:t000").digest == filled.list.digest
        assert (len(empty.requests), len(mirror.requests), len(filled.requests)) == (1, 1, 0)
        with pytest.raises(ManifestNotFoundError):
            client.manifest(f"{filled.app}:nope")
        assert len(filled.requests) == 1


def test_ping_tells_where_and_how(client: Client, filled: Any) -> None:
    ping = client.ping(filled.host)
    assert (ping.status, ping.url, ping.schemes) == (200, f"http://{filled.host}/v2/", ())


def test_the_trace_hears_every_exchange(make_client: Callable[..., Client], filled: Any) -> None:
    heard: list[Any] = []
    make_client(trace=heard.append).manifest(f"{filled.app}:t000", platform="linux/amd64")
    assert [(e.method, e.status) for e in heard] == [("GET", 200), ("GET", 200)]


def test_any_request_gives_the_registrys_own_answer(client: Client, filled: Any) -> None:
    response = client.request(filled.host, "/v2/team/app/manifests/nope")
    assert response.status == 404
    assert b"MANIFEST_UNKNOWN" in response.body


def test_the_asynchronous_client_makes_the_same_journey(filled: Any) -> None:
    async def journey() -> Any:
        async with AsyncClient(credentials=Chain([])) as client:
            tags = [str(tag) async for tag in client.tags(filled.app)]
            image = await client.image(f"{filled.app}:t000", platform="linux/amd64")
            items = [item async for item in client.many([f"{filled.app}:{tag}" for tag in tags], ordered=True)]
            async with client.blob(f"{filled.app}@{image.layers[0].descriptor.digest}") as chunks:
                size = sum([len(chunk) async for chunk in chunks])
            return tags, image, items, size

    tags, image, items, size = asyncio.run(journey())
    assert len(tags) == len(items) == 100
    assert all(item.result().digest == filled.list.digest for item in items)
    assert size == image.layers[0].size


def test_credentials_may_be_a_mapping_by_host(filled: Any) -> None:
    with profile("basic", users={"me": "secret"}, store=filled.store) as signed:
        with Client(credentials={signed.host: Credential("me", "secret")}) as client:
            assert client.manifest(f"{signed.host}/team/app:t000").digest == filled.list.digest
        elsewhere = Client(credentials={"elsewhere.example": Credential("me", "secret")})
        with elsewhere as client, pytest.raises(UnauthenticatedError):
            client.manifest(f"{signed.host}/team/app:t000")


def test_the_fallback_tag_of_a_long_digest_is_cut(client: Client, registry: Registry) -> None:
    subject = builders.random_image(seed=5)
    for blob in subject.blobs:
        registry.push_blob("team/long", blob.data)
    long = registry.push("team/long", "t", subject.raw, algorithm="sha512")
    described = {"mediaType": subject.descriptor.media_type, "digest": str(long), "size": len(subject.raw)}
    signature = builders.artifact({"sig": b"z"}, subject=Descriptor.from_json(described, "test"))
    listed = builders.index([signature])
    put(registry, listed, "team/long", f"sha512-{long.hex[:64]}")
    for middleware in ([], [faults.no_referrers()]):
        with run_registry(store=registry.store, middleware=middleware) as running:
            assert [e.digest for e in client.referrers(f"{running.host}/team/long@{long}")] == [signature.digest]


def test_the_rate_limit_that_a_registry_states_is_told(make_client: Callable[..., Client]) -> None:
    with profile("hub", pulls=7) as hub, make_client() as client:
        builders.push_now(builders.image(), hub.registry, "a/b", tags=["t"])
        client.manifest(f"{hub.host}/a/b:t")
        assert client.rate_limits() == {hub.host: RateLimit(7, 6, 21600)}
