"""The same reading journey against every registry, on what other makers' clients pushed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop.peers import Place, program

from orlop import Client, Digest, Index
from orlop.errors import BlobNotFoundError, ManifestNotFoundError, NotFoundError, UnauthenticatedError
from orlop.model.reference import RepositoryName
from orlop.testing import builders

if TYPE_CHECKING:
    from pathlib import Path

    from orlop.registry.registry import RemoteRegistry

PLATFORMS = ["linux/amd64", "linux/arm/v7", "linux/arm64/v8", "windows(10.0.17763.6054)/amd64"]


@pytest.fixture(scope="module")
def filled(place: Place) -> Any:
    """The place with an index of four platforms under 25 tags, pushed by orlop itself."""
    images = [builders.random_image(seed=n, size=5000, platform=name) for n, name in enumerate(PLATFORMS)]
    built = builders.index(images, docker=True)
    with place.client() as client:

        async def push() -> None:
            registry: RemoteRegistry = client.steps.registry(place.host)
            target = registry.repository(RepositoryName(f"{place.namespace}/app"))
            await builders.push(built, target, tags=[f"t{n:02}" for n in range(25)])

        client.runtime.call(push())
    place.built, place.images = built, images
    return place


@pytest.fixture(scope="module")
def client(filled: Place) -> Any:
    with filled.client() as client:
        yield client


@pytest.fixture(scope="module")
def app(filled: Place) -> str:
    return f"{filled.host}/{filled.namespace}/app"


def test_ping(client: Client, filled: Any) -> None:
    assert client.ping(filled.host).status == 200


def test_tags_through_pages(client: Client, app: str) -> None:
    assert sorted(str(tag) for tag in client.tags(app)) == [f"t{n:02}" for n in range(25)]
    assert len({str(tag) for tag in client.tags(app, limit=7)}) == 7
    # Debian's registry 2.8 knows neither order nor ``last``.
    assert sorted(str(tag) for tag in client.tags(app, after="t22")) == ["t23", "t24"]


def test_manifest_by_tag_and_by_digest(client: Client, app: str, filled: Any) -> None:
    by_tag = client.manifest(f"{app}:t00")
    assert isinstance(by_tag, Index)
    assert by_tag.raw == filled.built.raw
    assert client.manifest(f"{app}@{filled.built.digest}").raw == filled.built.raw


def test_resolve_by_head(client: Client, app: str, filled: Any) -> None:
    assert client.resolve(f"{app}:t00").descriptor.digest == filled.built.digest
    assert client.resolve(f"{app}:t00", platform="linux/arm64").descriptor.digest == filled.images[2].digest


def test_image_config_and_blob(client: Client, app: str, filled: Any, tmp_path: Path) -> None:
    image = client.image(f"{app}:t00", platform="linux/arm/v7")
    assert image.digest == filled.images[1].digest
    layer = image.layers[0].descriptor
    client.download(f"{app}@{layer.digest}", str(tmp_path / "layer"))
    assert Digest.of((tmp_path / "layer").read_bytes()) == layer.digest
    with client.blob(f"{app}@{layer.digest}", start=100, stop=200) as chunks:
        assert b"".join(chunks) == (tmp_path / "layer").read_bytes()[100:200]


def test_many_at_once(client: Client, app: str, filled: Any) -> None:
    items = list(client.many([f"{app}:t{n:02}" for n in range(25)] + [f"{app}:none"], ordered=True))
    assert [item.error is None for item in items] == [True] * 25 + [False]
    assert isinstance(items[-1].error, ManifestNotFoundError)


def test_what_is_not_there(client: Client, app: str) -> None:
    with pytest.raises(ManifestNotFoundError):
        client.manifest(f"{app}:none")
    with pytest.raises(BlobNotFoundError):
        client.read_blob(f"{app}@{Digest.of(b'none')}")
    with pytest.raises(NotFoundError):
        list(client.tags(f"{app}-none"))


def test_referrers_of_what_has_none(client: Client, app: str, filled: Any) -> None:
    assert list(client.referrers(f"{app}@{filled.images[0].digest}")) == []


def test_a_referrer_pushed_by_orlop_is_found(client: Client, app: str, filled: Any) -> None:
    if filled.name != "embedded":
        pytest.skip("these registries have no referrers API, and the fallback tag is written by a later command")
    signature = builders.artifact({"sig": b"x"}, subject=filled.built)

    async def push() -> None:
        target = client.steps.registry(filled.host).repository(RepositoryName(f"{filled.namespace}/app"))
        await builders.push(signature, target)

    client.runtime.call(push())
    assert [entry.digest for entry in client.referrers(f"{app}:t00")] == [signature.digest]


def test_nobody_may_not_read_where_a_sign_in_is_wanted(filled: Any, app: str) -> None:
    if not filled.user:
        pytest.skip("the embedded registry is open")
    with filled.anonymous() as nobody, pytest.raises(UnauthenticatedError):
        nobody.manifest(f"{app}:t00")


def test_a_wrong_password_is_an_access_error_without_the_password(filled: Any, app: str) -> None:
    if not filled.user:
        pytest.skip("the embedded registry is open")
    wrong = Place(filled.name, filled.host, filled.user, "not-it-at-all", filled.namespace)
    with wrong.client() as client, pytest.raises(UnauthenticatedError) as caught:
        client.manifest(f"{app}:t00")
    assert "not-it-at-all" not in f"{caught.value} {caught.value.hint} {caught.value!r}"


def test_one_sign_in_serves_many_callers(filled: Any, app: str) -> None:
    heard: list[Any] = []
    with filled.client(trace=heard.append) as client:
        assert all(item.error is None for item in client.many([f"{app}:t{n:02}" for n in range(25)], concurrency=16))
    assert sum(exchange.purpose == "token" for exchange in heard) <= 1


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that buildah built from nothing, as an OCI layout."""
    buildah = program("buildah")
    folder = tmp_path_factory.mktemp("buildah")
    (folder / "hello").write_text("hello\n")
    storage = ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]

    def run(*arguments: str) -> str:
        done = subprocess.run([buildah, *storage, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    container = run("from", "scratch")
    run("copy", container, str(folder / "hello"), "/hello")
    run("config", "--label", "made=here", container)
    run("commit", container, f"oci:{folder}/layout:made")
    return f"{folder}/layout"


def raw_digest(layout: str) -> str:
    with open(f"{layout}/index.json") as index:
        return str(json.load(index)["manifests"][0]["digest"])


def test_what_skopeo_pushed(client: Client, filled: Any, layout: str) -> None:
    target = f"{filled.host}/{filled.namespace}/skopeo:1"
    credentials = ["--dest-creds", f"{filled.user}:{filled.password}"] if filled.user else []
    subprocess.run(
        [
            program("skopeo"),
            "copy",
            "--dest-tls-verify=false",
            "--preserve-digests",
            *credentials,
            f"oci:{layout}:made",
            f"docker://{target}",
        ],
        check=True,
        capture_output=True,
    )
    theirs = subprocess.run(
        [
            program("skopeo"),
            "inspect",
            "--tls-verify=false",
            "--format",
            "{{.Digest}}",
            *(["--creds", credentials[1]] if credentials else []),
            f"docker://{target}",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    digest = str(client.manifest(target).digest)
    assert digest == theirs.stdout.strip() == raw_digest(layout)
    assert client.image(target).labels["made"] == "here"


def test_what_crane_pushed(client: Client, filled: Any, layout: str, tmp_path: Path) -> None:
    # crane takes no realm on a loopback address, so where there is one it pushes past the sign-in.
    target = f"{filled.back_door or filled.host}/{filled.namespace}/crane:1"
    environment = {"DOCKER_CONFIG": str(filled.docker_config(tmp_path)), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def crane(*arguments: str) -> bytes:
        done = subprocess.run([program("crane"), *arguments], check=True, capture_output=True, env=environment)
        return done.stdout

    crane("push", "--insecure", layout, target)
    manifest = client.manifest(f"{filled.host}/{filled.namespace}/crane:1")
    assert str(manifest.digest) == crane("digest", "--insecure", target).decode().strip()
    assert manifest.raw == crane("manifest", "--insecure", target)


def test_what_buildah_pushed(client: Client, filled: Any, layout: str) -> None:
    target = f"{filled.host}/{filled.namespace}/buildah:1"
    root = layout.removesuffix("/layout")
    storage = ["--root", f"{root}/root", "--runroot", f"{root}/run", "--storage-driver", "vfs"]
    credentials = ["--creds", f"{filled.user}:{filled.password}"] if filled.user else []
    image = subprocess.run(
        [program("buildah"), *storage, "pull", "-q", f"oci:{layout}:made"], check=True, capture_output=True, text=True
    ).stdout.strip()
    digest_file = f"{root}/digest"
    subprocess.run(
        [
            program("buildah"),
            *storage,
            "push",
            "--tls-verify=false",
            *credentials,
            "--digestfile",
            digest_file,
            image,
            f"docker://{target}",
        ],
        check=True,
        capture_output=True,
    )
    with open(digest_file) as written:
        assert str(client.manifest(target).digest) == written.read().strip()


def test_the_asynchronous_client_signs_in_as_well(filled: Any, app: str) -> None:
    from orlop import AsyncClient, Credential, RegistryHost
    from orlop.auth.keychain import Chain, ExplicitSource

    async def read() -> str:
        source = ExplicitSource(RegistryHost(filled.host), Credential(filled.user, filled.password))
        async with AsyncClient(credentials=Chain([source] if filled.user else [])) as client:
            return str((await client.manifest(f"{app}:t00")).digest)

    assert asyncio.run(read()) == str(filled.built.digest)
