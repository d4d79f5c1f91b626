"""Reading: manifests, blobs, ranges, conditions, and what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.model import mediatype

if TYPE_CHECKING:
    from tests.unit.server.calling import Caller

BLOB = bytes(range(256))
ABSENT = "sha256:" + "0" * 64


def test_the_base_says_that_this_is_a_registry(call: Caller) -> None:
    answer = call("GET", "/v2/")
    assert answer.status == 200
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize("accept", ["", "text/html", mediatype.DOCKER_MANIFEST])
def test_a_manifest_is_answered_whatever_the_accept(call: Caller, accept: str) -> None:
    digest = call.push_image("a/b", "1")
    answer = call("GET", "/v2/a/b/manifests/1", accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (200, mediatype.OCI_MANIFEST)
    assert answer.headers["docker-content-digest"] == digest


@pytest.mark.parametrize("what", ["manifests/1", "blobs"])
def test_head_and_get_agree_in_every_header(call: Caller, what: str) -> None:
    call.push_image("a/b", "1")
    path = f"/v2/a/b/{what}"
    if what == "blobs":
        path += "/" + call.push_blob("a/b", BLOB)
    assert call("HEAD", path).headers == call("GET", path).headers


@pytest.mark.parametrize("what", ["manifests/1", "blobs"])
@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', "*"])
def test_what_the_client_has_is_not_sent_again(call: Caller, what: str, condition: str) -> None:
    call.push_image("a/b", "1")
    path = f"/v2/a/b/{what}"
    if what == "blobs":
        path += "/" + call.push_blob("a/b", BLOB)
    etag = call("GET", path).headers["etag"]
    answer = call("GET", path, if_none_match=condition.format(etag))
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)


def test_another_etag_is_answered_in_full(call: Caller) -> None:
    call.push_image("a/b", "1")
    assert call("GET", "/v2/a/b/manifests/1", if_none_match='"sha256:0"').status == 200


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("0-0", 0, 1), ("10-19", 10, 20), ("250-", 250, 256), ("250-999", 250, 256), ("-6", 250, 256), ("-999", 0, 256)],
)
def test_a_range_is_answered_with_that_part(call: Caller, wanted: str, start: int, stop: int) -> None:
    digest = call.push_blob("a/b", BLOB)
    answer = call("GET", f"/v2/a/b/blobs/{digest}", range=f"bytes={wanted}")
    assert (answer.status, answer.body) == (206, BLOB[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/256"


@pytest.mark.parametrize("wanted", ["256-", "300-400", "-0", "20-10"])
def test_a_range_outside_of_the_blob_is_refused_with_its_size(call: Caller, wanted: str) -> None:
    digest = call.push_blob("a/b", BLOB)
    answer = call("GET", f"/v2/a/b/blobs/{digest}", range=f"bytes={wanted}")
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */256")


@pytest.mark.parametrize("wanted", ["bytes=0-1,4-5", "lines=1-2", "bytes", "nonsense"])
def test_a_range_of_another_kind_is_ignored(call: Caller, wanted: str) -> None:
    digest = call.push_blob("a/b", BLOB)
    assert call("GET", f"/v2/a/b/blobs/{digest}", range=wanted).status == 200


def test_a_range_of_another_version_is_answered_in_full(call: Caller) -> None:
    digest = call.push_blob("a/b", BLOB)
    answer = call("GET", f"/v2/a/b/blobs/{digest}", range="bytes=0-1", if_range='"sha256:other"')
    assert (answer.status, answer.body) == (200, BLOB)


def test_an_empty_blob_is_a_blob(call: Caller) -> None:
    digest = call.push_blob("a/b", b"")
    answer = call("GET", f"/v2/a/b/blobs/{digest}")
    assert (answer.status, answer.body) == (200, b"")


def test_a_blob_belongs_to_the_repository_that_it_was_pushed_to(call: Caller) -> None:
    digest = call.push_blob("a/b", BLOB)
    assert call("GET", f"/v2/other/c/blobs/{digest}").status == 404


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2/a/b/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/a/b/manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/a/b/blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/nobody/here/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/a/b/blobs/sha256:short", 400, "DIGEST_INVALID"),
        ("GET", "/v2/UPPER/manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/a/b/blobs/uploads/no-such-session", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("GET", "/elsewhere", 404, "NOT_FOUND"),
        ("POST", "/v2/a/b/manifests/1", 405, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_or_cannot_be_is_told_by_its_code(
    call: Caller, method: str, target: str, status: int, code: str
) -> None:
    call.push_image("a/b", "1")
    answer = call(method, target)
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_a_method_that_a_path_does_not_take_is_told_what_it_takes(call: Caller) -> None:
    assert call("PATCH", "/v2/a/b/manifests/1").headers["allow"] == "GET, HEAD, PUT, DELETE"
