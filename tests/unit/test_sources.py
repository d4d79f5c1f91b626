"""From locators to places: what is kept open, what is opened again, and what is not there."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orlop import AsyncClient, Client
from orlop.errors import (
    InputError,
    ManifestNotFoundError,
    NotFoundError,
    StorageError,
)
from orlop.model.locator import Locator
from orlop.model.reference import LOCATOR_SCHEMES, RepositoryName, Tag
from orlop.server.store.store import Store
from orlop.sources import _OPENERS, Places, parse_locator
from orlop.testing.archives import docker_archive, layout_files, tar, write_files
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.layers import layer
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.model.digest import Digest

ONE = image([layer({"a": b"one"}, compression="")])
TWO = image([layer({"b": b"two"}, compression="")], platform="linux/arm64")
BOTH = index([ONE, TWO])
NOTE = artifact({"n": b"note"}, artifact_type="application/vnd.note", subject=ONE)


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(credentials={}) as made:
        yield made


@pytest.fixture
def layout(tmp_path: Path) -> str:
    write_files(tmp_path / "layout", layout_files({"one": ONE, "both": BOTH}, others=[NOTE]))
    return f"oci:{tmp_path}/layout"


def test_every_scheme_has_an_opener() -> None:
    assert set(_OPENERS) == set(LOCATOR_SCHEMES)


def test_a_locator_is_told_from_a_reference() -> None:
    assert parse_locator("oci:dir") == Locator("oci", "dir")
    assert parse_locator("docker.io/library/oci:dir") is None


# --- the client on each place --------------------------------------------------------------------


def places(tmp_path: Path) -> dict[str, str]:
    """Write the same two images to each kind of place, and return the locator of each."""
    named = {"team/app:one": ONE, "team/app:two": TWO}
    write_files(tmp_path / "layout", layout_files(named, others=[NOTE]))
    (tmp_path / "oci.tar").write_bytes(tar(layout_files(named, others=[NOTE]), compression="gzip"))
    (tmp_path / "docker.tar").write_bytes(docker_archive(named))
    with closing(Store.at(tmp_path / "store")) as store:
        repository = store.repository(RepositoryName("team/app"))
        push_now(ONE, repository, tags=["one"])
        push_now(TWO, repository, tags=["two"])
        push_now(NOTE, repository)
    return {
        "oci": f"oci:{tmp_path}/layout",
        "oci-archive": f"oci-archive:{tmp_path}/oci.tar",
        "docker-archive": f"docker-archive:{tmp_path}/docker.tar",
        "store": f"store:{tmp_path}/store//team/app",
    }


@pytest.mark.parametrize("scheme", [one for one in LOCATOR_SCHEMES if one != "docker-daemon"])
def test_every_reading_method_takes_a_locator(tmp_path: Path, client: Client, scheme: str) -> None:
    at = places(tmp_path)[scheme]
    assert sorted(str(tag) for tag in client.tags(at)) == ["one", "two"]
    assert client.head(f"{at}:one").descriptor.digest == ONE.digest
    assert client.manifest(f"{at}:two").raw == TWO.raw
    assert client.manifest(f"{at}@{TWO.digest}").raw == TWO.raw
    assert client.image(f"{at}:two").config.raw == TWO.config
    assert [one.digest for one in client.images(f"{at}:one")] == [ONE.digest]
    assert client.config(f"{at}:one").raw == ONE.config
    found = client.resolve(f"{at}:one")
    assert (found.descriptor.digest, found.reference.pinned) == (ONE.digest, f"{at}@{ONE.digest}")
    assert client.open(f"{at}:one").source.name == at
    blob = ONE.blobs[1]
    assert client.read_blob(f"{at}@{blob.descriptor.digest}") == blob.data
    with client.blob(f"{at}@{blob.descriptor.digest}", start=1, stop=9) as chunks:
        assert b"".join(chunks) == blob.data[1:9]
    told: list[tuple[int, int | None]] = []
    size = client.download(
        f"{at}@{blob.descriptor.digest}", str(tmp_path / "out"), progress=lambda *now: told.append(now)
    )
    assert ((tmp_path / "out").read_bytes(), size, told[-1]) == (blob.data, len(blob.data), (size, size))
    if scheme != "docker-archive":
        assert [one.digest for one in client.referrers(f"{at}:one")] == [NOTE.digest]
    with pytest.raises(ManifestNotFoundError):
        client.manifest(f"{at}:absent")


def test_many_mixes_places(tmp_path: Path, client: Client) -> None:
    refs = [f"{at}:one" for at in places(tmp_path).values()]
    items = list(client.many([*refs, "oci:absent"], ordered=True))
    assert [item.value.digest for item in items[:-1] if item.value] == [ONE.digest] * len(refs)
    assert isinstance(items[-1].error, NotFoundError)


def test_a_platform_chooses_out_of_an_index_in_a_layout(layout: str, client: Client) -> None:
    assert client.image(f"{layout}:both", platform="linux/arm64").digest == TWO.digest
    found = client.resolve(f"{layout}:both", platform="linux/arm64")
    assert (found.kind, str(found.reference)) == ("platform", f"{layout}:both@{TWO.digest}")


def test_the_asynchronous_client_reads_them_too(tmp_path: Path) -> None:
    filled = places(tmp_path).values()

    async def ask() -> list[Digest]:
        async with AsyncClient(credentials={}) as client:
            asked = (client.manifest(f"{at}:one") for at in filled)
            return [found.digest for found in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [ONE.digest] * 4


def test_a_blob_needs_its_digest(layout: str, client: Client) -> None:
    with pytest.raises(InputError, match="repository@digest"):
        client.read_blob(f"{layout}:one")


# --- what stays open -----------------------------------------------------------------------------


@pytest.fixture
def kept() -> Iterator[Places]:
    made = Places(ThreadRuntime())
    yield made
    step(made.close())


def test_an_archive_is_opened_once(tmp_path: Path, kept: Places) -> None:
    (tmp_path / "x.tar").write_bytes(docker_archive({"a:1": ONE}))
    first = step(kept.open(f"docker-archive:{tmp_path}/x.tar:a:1")).source
    assert step(kept.source(f"docker-archive:{tmp_path}/x.tar@{ONE.digest}")) is first


def test_an_archive_that_was_replaced_is_opened_again_and_the_old_one_still_reads(tmp_path: Path, kept: Places) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(docker_archive({"a:1": ONE}))
    old = step(kept.source(f"docker-archive:{path}"))
    (tmp_path / "new").write_bytes(docker_archive({"a:1": TWO}))
    os.replace(tmp_path / "new", path)
    new = step(kept.source(f"docker-archive:{path}"))
    assert new is not old
    assert step(new.manifest(Tag("1"))).digest == TWO.digest
    assert step(old.manifest(Tag("1"))).digest == ONE.digest


def test_closing_closes_all_and_leaves_the_places_usable(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(docker_archive({"a:1": ONE}))
    made = Places(ThreadRuntime())
    first = step(made.source(f"docker-archive:{tmp_path}/x.tar"))
    step(made.close())
    with pytest.raises(StorageError):
        step(first.manifest(ONE.digest))
    assert step(made.open(f"docker-archive:{tmp_path}/x.tar")).name == ONE.digest
    step(made.close())


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["oci:none", "oci-archive:none.tar", "docker-archive:none.tar", "store:none//a"])
def test_a_place_that_is_not_there_says_so(tmp_path: Path, kept: Places, text: str) -> None:
    scheme, _, rest = text.partition(":")
    with pytest.raises(NotFoundError, match=r"(folder|file) .*none"):
        step(kept.source(f"{scheme}:{tmp_path}/{rest}"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_layout_and_a_folder_no_archive(tmp_path: Path, kept: Places) -> None:
    (tmp_path / "file").write_bytes(b"")
    for text in (f"oci:{tmp_path}/file", f"docker-archive:{tmp_path}", f"oci-archive:{tmp_path}"):
        with pytest.raises(StorageError) as caught:
            step(kept.source(text))
        assert "reads a layout in a folder" in str(caught.value.hint)


def test_an_empty_file_is_no_archive(tmp_path: Path, kept: Places) -> None:
    (tmp_path / "x.tar").write_bytes(b"")
    with pytest.raises(Exception, match="ended after 0 of 1 bytes"):
        step(kept.source(f"docker-archive:{tmp_path}/x.tar"))


# --- the store -----------------------------------------------------------------------------------


def test_a_folder_that_is_no_store_is_told_and_left_alone(tmp_path: Path, kept: Places) -> None:
    with pytest.raises(NotFoundError, match=r"a store .* there is no registry\.sqlite3"):
        step(kept.source(f"store:{tmp_path}//a"))
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_read_while_it_is_written(tmp_path: Path, kept: Places) -> None:
    with closing(Store.at(tmp_path)) as writer:
        at = f"store:{tmp_path}//a"
        push_now(ONE, writer.repository(RepositoryName("a")), tags=["latest"])
        assert step(kept.open(at)).name == Tag("latest")
        reader = step(kept.source(at))
        assert step(reader.manifest(Tag("latest"))).digest == ONE.digest
        push_now(TWO, writer.repository(RepositoryName("a")), tags=["latest"])
        assert step(reader.manifest(Tag("latest"))).digest == TWO.digest


def test_a_store_on_a_disk_that_cannot_be_written_is_read(tmp_path: Path, kept: Places) -> None:
    with closing(Store.at(tmp_path)) as writer:
        push_now(ONE, writer.repository(RepositoryName("a")), tags=["latest"])
    for path in (*tmp_path.rglob("*"), tmp_path):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        reader = step(kept.source(f"store:{tmp_path}//a"))
        assert step(reader.manifest(Tag("latest"))).digest == ONE.digest
    finally:
        for path in (tmp_path, *tmp_path.rglob("*")):
            path.chmod(0o755)


def test_a_store_to_read_takes_no_writes(tmp_path: Path) -> None:
    Store.at(tmp_path).close()
    with closing(Store.to_read(tmp_path)) as store, pytest.raises(StorageError):
        push_now(ONE, store.repository(RepositoryName("a")), tags=["latest"])


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    Store.at(tmp_path).close()
    for version in (0, 99):
        with closing(sqlite3.connect(tmp_path / "registry.sqlite3")) as database:
            database.execute(f"PRAGMA user_version = {version}")
            database.commit()
        with pytest.raises(StorageError):
            Store.to_read(tmp_path)
