"""The store underneath: durability, several processes, full disks, damage, and versions of its tables."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.server.calling import CONFIG, Caller, Said, manifest

from orlop.errors import DigestMismatchError, RegistryError, StorageError
from orlop.model.digest import Digest
from orlop.model.manifest import parse_manifest
from orlop.model.reference import RepositoryName, Tag
from orlop.server.core import App
from orlop.server.store.blobs import MemoryBlobs
from orlop.server.store.files import FileBlobs
from orlop.server.store.metadata import Metadata
from orlop.server.store.schema import STEPS
from orlop.server.store.store import Store
from orlop.server.store.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orlop.server.store.blobs import BlobBackend

NAME = RepositoryName("a/b")
BLOB = b"0123456789" * 1000
DIGEST = Digest.of(BLOB)


@pytest.fixture(params=["memory", "disk"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobBackend:
    return MemoryBlobs() if request.param == "memory" else FileBlobs(str(tmp_path))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Store]:
    store = Store.at(tmp_path / "store")
    yield store
    store.close()


# --- blobs -------------------------------------------------------------------------------------


def test_a_blob_is_read_in_any_parts(blobs: BlobBackend) -> None:
    for start in range(0, len(BLOB), 999):
        blobs.append("s", start, BLOB[start : start + 999])
    blobs.keep("s", DIGEST, len(BLOB))
    reader = blobs.open(DIGEST)
    found, at = b"", 0
    while data := reader.read(at, 700):
        found, at = found + data, at + len(data)
    reader.close()
    assert (reader.size, found) == (len(BLOB), BLOB)


def test_what_lies_behind_the_offset_is_cut_off(blobs: BlobBackend) -> None:
    blobs.append("s", 0, b"0123456789")
    blobs.append("s", 4, b"x")
    assert blobs.staged("s") == 5
    assert blobs.hashed("s", "sha256", 5).hexdigest() == Digest.of(b"0123x").hex
    assert blobs.hashed("s", "sha256", 2).hexdigest() == Digest.of(b"01").hex


def test_a_kept_blob_leaves_no_stage(blobs: BlobBackend) -> None:
    blobs.append("s", 0, BLOB)
    blobs.keep("s", DIGEST, len(BLOB))
    assert blobs.staged("s") == 0
    assert blobs.size(DIGEST) == len(BLOB)


def test_blobs_are_files_named_by_digest(disk: Store, tmp_path: Path) -> None:
    disk.repository(NAME).add_now(BLOB)
    path = tmp_path / "store" / "blobs" / "sha256" / DIGEST.hex[:2] / DIGEST.hex
    assert path.read_bytes() == BLOB
    assert list((tmp_path / "store" / "uploads").iterdir()) == []


def test_a_blob_that_lost_its_file_is_not_there(disk: Store, tmp_path: Path) -> None:
    call = Caller(App(disk))
    call.push_blob("a/b", BLOB)
    (tmp_path / "store" / "blobs" / "sha256" / DIGEST.hex[:2] / DIGEST.hex).unlink()
    answers = [call(method, f"/v2/a/b/blobs/{DIGEST}").status for method in ("HEAD", "GET")]
    assert answers == [404, 404]


# --- uploads -----------------------------------------------------------------------------------


def test_an_upload_goes_on_in_another_process(tmp_path: Path) -> None:
    with_hash, without = Store.at(tmp_path), Store.at(tmp_path)
    session = with_hash.uploads.begin("a/b")
    for store, part in ((with_hash, BLOB[:4000]), (without, BLOB[4000:])):
        upload = store.uploads.append("a/b", session)
        upload.write(part)
        upload.settle()
    with_hash.uploads.append("a/b", session).commit(DIGEST)
    assert without.metadata.linked("a/b", str(DIGEST)) == len(BLOB)
    with_hash.close()
    without.close()


def test_two_requests_cannot_write_to_one_upload_at_once(store: Store) -> None:
    session = store.uploads.begin("a/b")
    first = store.uploads.append("a/b", session)
    with pytest.raises(RegistryError) as caught:
        store.uploads.append("a/b", session)
    assert caught.value.status == 409
    first.undo()
    store.uploads.append("a/b", session).undo()


def test_an_upload_whose_bytes_were_lost_is_not_there(disk: Store, tmp_path: Path) -> None:
    call = Caller(App(disk))
    location = call("POST", "/v2/a/b/blobs/uploads/").headers["location"]
    call("PATCH", location, BLOB)
    next((tmp_path / "store" / "uploads").iterdir()).write_bytes(b"")
    assert call("PATCH", location, b"more").code == "BLOB_UPLOAD_UNKNOWN"


def test_a_wrong_digest_leaves_the_upload_as_it_was(store: Store) -> None:
    session = store.uploads.begin("a/b")
    upload = store.uploads.append("a/b", session)
    upload.write(BLOB)
    upload.settle()
    with pytest.raises(DigestMismatchError):
        store.uploads.append("a/b", session).commit(Digest.of(b"other"))
    store.uploads.append("a/b", session).commit(DIGEST)
    assert store.metadata.linked("a/b", str(DIGEST)) == len(BLOB)


def test_what_a_crash_left_of_uploads_is_dropped_when_it_is_old(disk: Store, tmp_path: Path) -> None:
    orphan = tmp_path / "store" / "uploads" / "orphan"
    orphan.write_bytes(b"half")
    os.utime(orphan, (0, 0))
    assert disk.uploads.expire(idle_s=3600) == 1
    assert not orphan.exists()


# --- trouble -----------------------------------------------------------------------------------


class FullBlobs(MemoryBlobs):
    durable = True

    def append(self, session: str, offset: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_full_disk_is_told_as_such_and_leaves_nothing(request: pytest.FixtureRequest, size: int) -> None:
    store = Store(Metadata(), FullBlobs())
    request.addfinalizer(store.close)
    call = Caller(App(store))
    body = b"x" * size
    answer = call("POST", f"/v2/a/b/blobs/uploads/?digest={Digest.of(body)}", Said(body[:1], body[1:]))
    assert (answer.status, answer.code) == (507, "UNAVAILABLE")
    location = call("POST", "/v2/a/b/blobs/uploads/").headers["location"]
    assert call("PATCH", location, body).status == 507
    assert call("GET", location).headers["range"] == "0-0"


def test_a_full_database_stores_no_half_of_a_manifest(disk: Store) -> None:
    call = Caller(App(disk))
    call.push_image("a/b", "1")
    for number in range(1, 20):
        call.push_image("a/b", f"f{number}", filler=f"{number}" * 400)
    pages = disk.metadata._writer.execute("PRAGMA page_count").fetchone()[0]
    disk.metadata._writer.execute(f"PRAGMA max_page_count = {pages}")
    raw = manifest(annotations={"much": "x" * 200_000})
    answer = call("PUT", "/v2/a/b/manifests/1?tag=2", raw)
    assert answer.status == 507
    assert call("GET", f"/v2/a/b/manifests/{Digest.of(raw)}").status == 404
    assert call("GET", "/v2/a/b/manifests/1").status == 200


def test_what_fails_says_what_it_was_about() -> None:
    with pytest.raises(StorageError, match="opening the store /proc/nowhere"):
        Store.at("/proc/nowhere/store")


def test_a_store_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    Store.at(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "registry.sqlite3")
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(StorageError, match="its tables are at step"):
        Store.at(tmp_path)


def test_several_that_open_a_new_store_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for store in pool.map(lambda _: Store.at(tmp_path), range(8)):
            store.close()


# --- one truth ---------------------------------------------------------------------------------


def test_what_one_process_pushes_another_sees_at_once(tmp_path: Path) -> None:
    one, two = Caller(App(Store.at(tmp_path))), Caller(App(Store.at(tmp_path)))
    for number in range(3):
        digest = one.push_image("a/b", "1", annotations={"n": str(number)})
        assert two("GET", "/v2/a/b/manifests/1").headers["docker-content-digest"] == digest
    two("DELETE", "/v2/a/b/manifests/1")
    assert one("GET", "/v2/a/b/manifests/1").status == 404
    one.store.close()
    two.store.close()


def test_content_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    digest = Caller(App(store)).push_image("a/b", "1")
    store.close()
    again = Store.at(tmp_path)
    call = Caller(App(again))
    assert call("GET", "/v2/a/b/manifests/1").headers["docker-content-digest"] == digest
    assert call("GET", f"/v2/a/b/blobs/{Digest.of(CONFIG)}").body == CONFIG
    again.close()


def test_many_threads_push_at_once(store: Store) -> None:
    repository = store.repository(NAME)
    repository.add_now(CONFIG)

    def push(number: int) -> str:
        parsed = parse_manifest(manifest(annotations={"n": str(number)}))
        repository.put_now(parsed, [Tag(f"t{number}"), Tag("last")])
        return str(parsed.digest)

    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(push, range(40)))
    assert repository.stored(Tag("t7")).digest == digests[7]
    assert repository.stored(Tag("last")).digest in digests
    assert len(repository.tag_page("", 100)) == 41


def test_reading_does_not_wait_for_a_writer(disk: Store) -> None:
    Caller(App(disk)).push_image("a/b", "1")
    with disk.metadata._writing():
        found: list[Any] = []
        reader = threading.Thread(target=lambda: found.append(disk.repository(NAME).stored(Tag("1"))))
        reader.start()
        reader.join(5)
        assert found


KILLED = """
import sys
from orlop.model.manifest import parse_manifest
from orlop.model.reference import RepositoryName, Tag
from orlop.server.store.store import Store
sys.path.insert(0, sys.argv[2])
from tests.unit.server.calling import CONFIG, manifest
repository = Store.at(sys.argv[1]).repository(RepositoryName("a/b"))
repository.add_now(CONFIG)
for number in range(10_000):
    blob = repository.add_now(b"%d" % number * 500)
    layer = {"mediaType": "x/y", "digest": str(blob), "size": 500 * len(str(number))}
    repository.put_now(parse_manifest(manifest(layers=[layer])), [Tag(f"t{number}"), Tag("last")])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_half(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), os.getcwd()], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged == 25:
            process.kill()
            break
    acknowledged = max([acknowledged, *map(int, process.stdout)])
    process.stdout.close()
    process.wait()
    store = Store.at(tmp_path)
    call = Caller(App(store))
    tags = call("GET", "/v2/a/b/tags/list").json["tags"]
    assert {f"t{number}" for number in range(acknowledged + 1)} <= set(tags)
    for tag in tags:
        document = call("GET", f"/v2/a/b/manifests/{tag}").json
        digest = document["layers"][0]["digest"]
        assert str(Digest.of(call("GET", f"/v2/a/b/blobs/{digest}").body)) == digest
    store.close()


def test_the_running_hash_of_an_upload_saves_reading_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = MemoryBlobs()
    metadata = Metadata()
    uploads = Uploads(metadata, blobs)
    session = uploads.begin("a/b")
    for part in (BLOB[:4000], BLOB[4000:]):
        upload = uploads.append("a/b", session)
        upload.write(part)
        upload.settle()
    monkeypatch.setattr(blobs, "hashed", lambda *_: pytest.fail("the upload was read again"))
    uploads.append("a/b", session).commit(DIGEST)
    metadata.close()
