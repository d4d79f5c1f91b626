"""Writing: blobs in all their ways, manifests with what they need, and deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.server.calling import CONFIG, Caller, Said, index, manifest

from orlop.model import mediatype
from orlop.model.digest import Digest
from orlop.server.core import App

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.server.store.store import Store

BLOB = b"0123456789" * 1000
DIGEST = str(Digest.of(BLOB))
START = "/v2/a/b/blobs/uploads/"


def begin(call: Caller) -> str:
    answer = call("POST", START)
    assert (answer.status, answer.headers["range"]) == (202, "0-0")
    return answer.headers["location"]


def stored(call: Caller, digest: str = DIGEST) -> bytes | None:
    answer = call("GET", f"/v2/a/b/blobs/{digest}")
    return answer.body if answer.status == 200 else None


# --- blobs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_by_one_request(call: Caller, algorithm: str) -> None:
    digest = Digest.of(BLOB, algorithm)
    answer = call("POST", f"{START}?digest={digest}", BLOB)
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/a/b/blobs/{digest}")
    assert answer.headers["docker-content-digest"] == str(digest)
    assert stored(call, str(digest)) == BLOB


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_by_post_and_put(call: Caller, algorithm: str) -> None:
    digest = str(Digest.of(BLOB, algorithm))
    answer = call("PUT", f"{begin(call)}?digest={digest}", BLOB)
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/a/b/blobs/{digest}")
    assert stored(call, digest) == BLOB


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_is_pushed_in_chunks(call: Caller, algorithm: str) -> None:
    digest = str(Digest.of(BLOB, algorithm))
    location = begin(call)
    for start, stop in ((0, 4000), (4000, 9000)):
        answer = call("PATCH", location, BLOB[start:stop], content_range=f"{start}-{stop - 1}")
        assert (answer.status, answer.headers["range"]) == (202, f"0-{stop - 1}")
        location = answer.headers["location"]
    assert call("PUT", f"{location}?digest={digest}", BLOB[9000:], content_range="9000-9999").status == 201
    assert stored(call, digest) == BLOB


def test_a_body_in_many_pieces_is_one_chunk(call: Caller) -> None:
    pieces = [bytes([number]) * 300_000 for number in range(12)]
    digest = str(Digest.of(b"".join(pieces)))
    assert call("POST", f"{START}?digest={digest}", Said(*pieces)).status == 201
    assert stored(call, digest) == b"".join(pieces)


def test_the_algorithm_that_is_announced_is_hashed_by_from_the_start(call: Caller) -> None:
    location = call("POST", f"{START}?digest-algorithm=sha512").headers["location"]
    digest = str(Digest.of(BLOB, "sha512"))
    location = call("PATCH", location, BLOB).headers["location"]
    assert call("PUT", f"{location}&digest={digest}").status == 201
    assert stored(call, digest) == BLOB


@pytest.mark.parametrize("said", ["1-5", "4001-5000", "3999-5000", "junk", "5-4"])
def test_a_chunk_out_of_order_is_refused_and_told_where_to_go_on(call: Caller, said: str) -> None:
    location = begin(call)
    call("PATCH", location, BLOB[:4000], content_range="0-3999")
    answer = call("PATCH", location, b"x" * 5, content_range=said)
    assert (answer.status, answer.headers["range"]) == (416, "0-3999")
    assert call("PATCH", location, BLOB[4000:], content_range="4000-9999").status == 202
    assert call("PUT", f"{location}?digest={DIGEST}").status == 201


def test_a_last_chunk_out_of_order_is_refused(call: Caller) -> None:
    location = begin(call)
    call("PATCH", location, BLOB[:4000])
    answer = call("PUT", f"{location}?digest={DIGEST}", BLOB[5000:], content_range="5000-9999")
    assert (answer.status, answer.headers["range"]) == (416, "0-3999")


def test_a_chunk_of_another_length_than_it_says_is_not_kept(call: Caller) -> None:
    location = begin(call)
    answer = call("PATCH", location, BLOB[:10], content_range="0-10")
    assert (answer.status, answer.code) == (400, "SIZE_INVALID")
    assert call("GET", location).headers["range"] == "0-0"


def test_the_status_of_an_upload_says_how_far_it_is(call: Caller) -> None:
    location = begin(call)
    call("PATCH", location, BLOB[:4000])
    answer = call("GET", location)
    assert (answer.status, answer.headers["range"], answer.headers["location"]) == (204, "0-3999", location)


def test_a_cancelled_upload_is_gone(call: Caller) -> None:
    location = begin(call)
    call("PATCH", location, BLOB)
    assert call("DELETE", location).status == 204
    assert [call(method, location).status for method in ("GET", "PATCH", "DELETE")] == [404, 404, 404]
    assert call("PUT", f"{location}?digest={DIGEST}").code == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_belongs_to_its_repository(call: Caller) -> None:
    location = begin(call)
    assert call("PATCH", location.replace("/a/b/", "/c/d/"), BLOB).status == 404


@pytest.mark.parametrize("way", ["post", "put", "patch"])
def test_bytes_of_another_digest_are_refused_and_not_stored(call: Caller, way: str) -> None:
    if way == "post":
        answer = call("POST", f"{START}?digest={DIGEST}", BLOB + b"!")
    else:
        location = begin(call)
        if way == "patch":
            call("PATCH", location, BLOB + b"!")
        answer = call("PUT", f"{location}?digest={DIGEST}", b"" if way == "patch" else BLOB + b"!")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert stored(call) is None


@pytest.mark.parametrize("size", [5000, 3_000_000])
def test_a_body_that_is_cut_is_never_stored(call: Caller, size: int) -> None:
    body = b"x" * size
    digest = str(Digest.of(body))
    call("POST", f"{START}?digest={digest}", Said(body[:1000], body[1000:], cut=True))
    location = begin(call)
    call("PUT", f"{location}?digest={digest}", Said(body, cut=True))
    assert stored(call, digest) is None


def test_after_a_chunk_that_is_cut_the_upload_is_where_it_was(call: Caller) -> None:
    location = begin(call)
    call("PATCH", location, BLOB[:4000])
    call("PATCH", location, Said(BLOB[4000:5000] * 2000, cut=True))
    assert call("GET", location).headers["range"] == "0-3999"
    call("PATCH", location, BLOB[4000:])
    assert call("PUT", f"{location}?digest={DIGEST}").status == 201
    assert stored(call) == BLOB


def test_an_upload_without_its_digest_cannot_end(call: Caller) -> None:
    assert call("PUT", begin(call), BLOB).code == "DIGEST_INVALID"


def test_pushing_a_blob_again_succeeds(call: Caller) -> None:
    call.push_blob("a/b", BLOB)
    call.push_blob("a/b", BLOB)
    assert stored(call) == BLOB


def test_a_blob_is_mounted_from_another_repository(call: Caller) -> None:
    call.push_blob("other/c", BLOB)
    answer = call("POST", f"{START}?mount={DIGEST}&from=other/c")
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/a/b/blobs/{DIGEST}")
    assert stored(call) == BLOB


def test_a_mount_that_finds_nothing_opens_an_upload(call: Caller) -> None:
    answer = call("POST", f"{START}?mount={DIGEST}&from=other/c")
    assert answer.status == 202
    assert call("PUT", f"{answer.headers['location']}?digest={DIGEST}", BLOB).status == 201


def test_a_mount_without_a_source_looks_everywhere_where_everybody_may_read(call: Caller) -> None:
    call.push_blob("other/c", BLOB)
    assert call("POST", f"{START}?mount={DIGEST}").status == 201


def test_a_mount_without_a_source_finds_nothing_where_access_is_checked(store: Store) -> None:
    async def everybody(_asked: object) -> None:
        return

    call = Caller(App(store, access=everybody))
    call.push_blob("other/c", BLOB)
    assert call("POST", f"{START}?mount={DIGEST}").status == 202


def test_a_blob_that_is_deleted_stays_in_other_repositories(call: Caller) -> None:
    call.push_blob("a/b", BLOB)
    call.push_blob("other/c", BLOB)
    assert call("DELETE", f"/v2/a/b/blobs/{DIGEST}").status == 202
    assert call("DELETE", f"/v2/a/b/blobs/{DIGEST}").status == 404
    assert stored(call) is None
    assert call("GET", f"/v2/other/c/blobs/{DIGEST}").body == BLOB


def test_abandoned_uploads_are_dropped(call: Caller) -> None:
    location = begin(call)
    call("PATCH", location, BLOB)
    assert call.store.uploads.expire(idle_s=3600) == 0
    assert call.store.uploads.expire(idle_s=-1) == 1
    assert call("GET", location).status == 404


# --- manifests ---------------------------------------------------------------------------------


def test_a_manifest_is_pushed_by_tag(call: Caller) -> None:
    call.push_blob("a/b", CONFIG)
    raw = manifest()
    answer = call("PUT", "/v2/a/b/manifests/1", raw, content_type=mediatype.OCI_MANIFEST)
    digest = str(Digest.of(raw))
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/a/b/manifests/{digest}")
    assert answer.headers["docker-content-digest"] == digest
    assert call("GET", f"/v2/a/b/manifests/{digest}").body == raw


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_is_pushed_by_digest_and_known_by_that_digest(call: Caller, algorithm: str) -> None:
    call.push_blob("a/b", CONFIG)
    raw = manifest()
    digest = str(Digest.of(raw, algorithm))
    answer = call("PUT", f"/v2/a/b/manifests/{digest}?tag=1&tag=2", raw, content_type=mediatype.OCI_MANIFEST)
    assert [value for name, value in answer.all_headers if name == "oci-tag"] == ["1", "2"]
    assert call("GET", "/v2/a/b/manifests/2").headers["docker-content-digest"] == digest


def test_too_many_tags_at_once_are_refused(call: Caller) -> None:
    call.push_blob("a/b", CONFIG)
    raw = manifest()
    query = "&".join(f"tag=t{number}" for number in range(101))
    assert call("PUT", f"/v2/a/b/manifests/{Digest.of(raw)}?{query}", raw).status == 414


def test_a_push_moves_the_tag_and_keeps_the_old_manifest(call: Caller) -> None:
    old = call.push_image("a/b", "1")
    new = call.push_image("a/b", "1", annotations={"newer": "yes"})
    assert call("GET", "/v2/a/b/manifests/1").headers["docker-content-digest"] == new
    assert call("GET", f"/v2/a/b/manifests/{old}").status == 200


@pytest.mark.parametrize(
    ("raw", "content_type", "code"),
    [
        (b"not json", mediatype.OCI_MANIFEST, "MANIFEST_INVALID"),
        (b"[]", mediatype.OCI_MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion":2,"schemaVersion":2}', mediatype.OCI_MANIFEST, "MANIFEST_INVALID"),
        (b"[" * 100_000, mediatype.OCI_MANIFEST, "MANIFEST_INVALID"),
        (manifest(layers=[{"mediaType": "x"}]), mediatype.OCI_MANIFEST, "MANIFEST_INVALID"),
        (manifest(), mediatype.OCI_INDEX, "MANIFEST_INVALID"),
        (manifest(), mediatype.DOCKER_MANIFEST, "MANIFEST_INVALID"),
    ],
)
def test_what_cannot_be_a_manifest_is_refused(call: Caller, raw: bytes, content_type: str, code: str) -> None:
    call.push_blob("a/b", CONFIG)
    answer = call("PUT", "/v2/a/b/manifests/1", raw, content_type=content_type)
    assert (answer.status, answer.code) == (400, code)
    assert call("GET", "/v2/a/b/manifests/1").status == 404


@pytest.mark.parametrize("content_type", ["", "application/json", "application/octet-stream"])
def test_a_manifest_says_itself_what_it_is_where_the_header_does_not(call: Caller, content_type: str) -> None:
    call.push_blob("a/b", CONFIG)
    assert call("PUT", "/v2/a/b/manifests/1", manifest(), content_type=content_type).status == 201
    assert call("GET", "/v2/a/b/manifests/1").headers["content-type"] == mediatype.OCI_MANIFEST


def test_a_manifest_of_another_digest_is_refused(call: Caller) -> None:
    call.push_blob("a/b", CONFIG)
    answer = call("PUT", f"/v2/a/b/manifests/{DIGEST}", manifest())
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("length", [None, 4 * 1024 * 1024 + 1])
def test_a_manifest_over_the_limit_is_too_large(call: Caller, length: int | None) -> None:
    raw = b" " * (4 * 1024 * 1024 + 1)
    answer = call("PUT", "/v2/a/b/manifests/1", Said(raw[:1000], raw[1000:], length=length))
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")


def test_the_limit_of_manifests_can_be_set(memory: Callable[..., Store]) -> None:
    call = Caller(App(memory(manifest_limit=300)))
    call.push_image("a/b", "1")
    assert call("PUT", "/v2/a/b/manifests/2", manifest(annotations={"much": "x" * 100})).status == 413


@pytest.mark.parametrize("missing", ["config", "layer"])
def test_a_manifest_whose_blobs_are_missing_is_refused_whole(call: Caller, missing: str) -> None:
    layer = {"mediaType": mediatype.OCI_LAYER, "digest": DIGEST, "size": len(BLOB)}
    if missing == "layer":
        call.push_blob("a/b", CONFIG)
    else:
        call.push_blob("a/b", BLOB)
    answer = call("PUT", "/v2/a/b/manifests/1", manifest(layers=[layer]))
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert call("GET", "/v2/a/b/tags/list").json["tags"] == []


@pytest.mark.parametrize(
    "layer",
    [
        {"mediaType": mediatype.OCI_FOREIGN_LAYER_GZIP},
        {"mediaType": mediatype.DOCKER_FOREIGN_LAYER, "urls": ["https://example.com/layer"]},
        {"mediaType": mediatype.OCI_LAYER, "urls": ["https://example.com/layer"]},
    ],
)
def test_foreign_layers_need_not_be_pushed(call: Caller, layer: dict[str, object]) -> None:
    call.push_image("a/b", "1", layers=[{"digest": DIGEST, "size": 1, **layer}])


def test_an_index_whose_children_are_missing_is_refused(call: Caller) -> None:
    answer = call("PUT", "/v2/a/b/manifests/many", index(DIGEST))
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")


def test_an_index_whose_children_are_missing_can_be_allowed(memory: Callable[..., Store]) -> None:
    call = Caller(App(memory(allow_missing_children=True)))
    assert call("PUT", "/v2/a/b/manifests/many", index(DIGEST)).status == 201


def test_an_index_of_what_is_there_is_taken(call: Caller) -> None:
    one, two = call.push_image("a/b", "1"), call.push_image("a/b", "2", annotations={"n": "2"})
    assert call("PUT", "/v2/a/b/manifests/many", index(one, two)).status == 201


def test_deleting_by_tag_removes_the_tag_only(call: Caller) -> None:
    digest = call.push_image("a/b", "1")
    call.push_image("a/b", "2")
    assert call("DELETE", "/v2/a/b/manifests/1").status == 202
    assert call("DELETE", "/v2/a/b/manifests/1").status == 404
    assert call("GET", f"/v2/a/b/manifests/{digest}").status == 200
    assert call("GET", "/v2/a/b/tags/list").json["tags"] == ["2"]


def test_deleting_by_digest_removes_every_tag_on_it_and_its_place_among_referrers(call: Caller) -> None:
    image = call.push_image("a/b", "1")
    subject = {"mediaType": mediatype.OCI_MANIFEST, "digest": image, "size": 1}
    note = call.push_image("a/b", "n1", subject=subject)
    call.push_image("a/b", "n2", subject=subject)
    assert call("DELETE", f"/v2/a/b/manifests/{note}").status == 202
    assert call("GET", "/v2/a/b/tags/list").json["tags"] == ["1"]
    assert call("GET", f"/v2/a/b/referrers/{image}").json["manifests"] == []


def test_deleting_in_a_repository_that_is_not_there_makes_none(call: Caller) -> None:
    assert call("DELETE", "/v2/no/body/manifests/1").status == 404
    assert call("GET", "/v2/_catalog").json["repositories"] == []
