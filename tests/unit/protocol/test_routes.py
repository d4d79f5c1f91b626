"""Paths of the registry API, read and printed."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from orlop.errors import ManifestNotFoundError, NotFoundError, RegistryError, UnsupportedError
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName, Tag
from orlop.protocol.routes import (
    ALLOWED,
    TARGET_LIMIT,
    Base,
    BlobAt,
    Catalog,
    ManifestAt,
    Referrers,
    Route,
    Tags,
    UploadAt,
    UploadStart,
    build,
    check_method,
    parse,
)

DIGEST = Digest.of(b"blob")
LONG_DIGEST = Digest.of(b"blob", "sha512")
NAME = RepositoryName("library/debian")

TARGETS: list[tuple[Route, str]] = [
    (Base(), "/v2/"),
    (Catalog(), "/v2/_catalog"),
    (Catalog(10, "a/b"), "/v2/_catalog?n=10&last=a%2Fb"),
    (Tags(NAME), "/v2/library/debian/tags/list"),
    (Tags(NAME, 0), "/v2/library/debian/tags/list?n=0"),
    (Tags(NAME, 100, "1.0"), "/v2/library/debian/tags/list?n=100&last=1.0"),
    (ManifestAt(NAME, Tag("12")), "/v2/library/debian/manifests/12"),
    (ManifestAt(NAME, DIGEST), f"/v2/library/debian/manifests/{DIGEST}"),
    (ManifestAt(NAME, DIGEST, (Tag("a"), Tag("b"))), f"/v2/library/debian/manifests/{DIGEST}?tag=a&tag=b"),
    (BlobAt(NAME, LONG_DIGEST), f"/v2/library/debian/blobs/{LONG_DIGEST}"),
    (UploadStart(NAME), "/v2/library/debian/blobs/uploads/"),
    (UploadStart(NAME, algorithm="sha512"), "/v2/library/debian/blobs/uploads/?digest-algorithm=sha512"),
    (UploadAt(NAME, "a-1"), "/v2/library/debian/blobs/uploads/a-1"),
    (UploadAt(NAME, "a-1", state="x/y="), "/v2/library/debian/blobs/uploads/a-1?_state=x%2Fy%3D"),
    (Referrers(NAME, DIGEST), f"/v2/library/debian/referrers/{DIGEST}"),
    (Referrers(NAME, DIGEST, "a/b+c"), f"/v2/library/debian/referrers/{DIGEST}?artifactType=a%2Fb%2Bc"),
]


@pytest.mark.parametrize(("route", "target"), TARGETS, ids=[target for _, target in TARGETS])
def test_a_route_prints_as_its_target_and_is_read_back(route: Route, target: str) -> None:
    assert build(route) == target
    assert parse(target) == route
    assert type(parse(target)) is type(route)


def test_a_mount_names_its_digest_and_its_source_as_go_clients_write_them() -> None:
    target = build(UploadStart(NAME, DIGEST, RepositoryName("other/name")))

    assert target == f"/v2/library/debian/blobs/uploads/?mount=sha256%3A{DIGEST.hex}&from=other%2Fname"


@pytest.mark.parametrize("name", ["a/manifests", "a/blobs/uploads", "tags", "a/tags/list", "referrers/x", "v2/a"])
def test_a_repository_may_be_called_like_a_part_of_the_path(name: str) -> None:
    routes: list[Route] = [
        ManifestAt(RepositoryName(name), Tag("list")),
        BlobAt(RepositoryName(name), DIGEST),
        Tags(RepositoryName(name)),
        UploadStart(RepositoryName(name)),
        UploadAt(RepositoryName(name), "list"),
        Referrers(RepositoryName(name), DIGEST),
    ]

    assert [parse(build(route)) for route in routes] == routes


@pytest.mark.parametrize("target", ["/v2", "/v2/", "/v2/?x=1"])
def test_the_base_is_known_with_and_without_its_last_slash(target: str) -> None:
    assert parse(target) == Base()
    assert parse(target)


def test_an_upload_starts_with_and_without_the_last_slash() -> None:
    assert parse("/v2/a/blobs/uploads") == parse("/v2/a/blobs/uploads/") == UploadStart(RepositoryName("a"))


def test_percent_encoding_is_undone_once() -> None:
    assert parse("/v2/a%2Fb/manifests/%6Catest") == ManifestAt(RepositoryName("a/b"), Tag("latest"))
    with pytest.raises(RegistryError, match="NAME_INVALID"):
        parse("/v2/a%252Fb/manifests/latest")


def test_a_plus_in_a_query_is_a_space_and_an_encoded_one_is_a_plus() -> None:
    assert parse("/v2/_catalog?last=a+b%2Bc") == Catalog(None, "a b+c")


def test_parameters_that_no_route_knows_are_ignored() -> None:
    assert parse("/v2/a/manifests/latest?ns=docker.io&&x") == ManifestAt(RepositoryName("a"), Tag("latest"))


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/v2//a/manifests/latest", "NAME_INVALID"),
        ("/v2/a//b/manifests/latest", "NAME_INVALID"),
        ("/v2/../manifests/latest", "NAME_INVALID"),
        ("/v2/a/../b/manifests/latest", "NAME_INVALID"),
        ("/v2/a/%2E%2E/b/manifests/latest", "NAME_INVALID"),
        ("/v2/Debian/manifests/latest", "NAME_INVALID"),
        ("/v2/a%00b/tags/list", "NAME_INVALID"),
        ("/v2/a%0Ab/tags/list", "NAME_INVALID"),
        ("/v2/%FF/tags/list", "NAME_INVALID"),
        (f"/v2/{'a' * 256}/tags/list", "NAME_INVALID"),
        (f"/v2/a/manifests/{'t' * 129}", "TAG_INVALID"),
        ("/v2/a/manifests/.hidden", "TAG_INVALID"),
        ("/v2/a/manifests/", "TAG_INVALID"),
        ("/v2/a/manifests/a%0A", "TAG_INVALID"),
        (f"/v2/a/manifests/{DIGEST}?tag=-", "TAG_INVALID"),
        ("/v2/a/manifests/sha256:abc", "DIGEST_INVALID"),
        (f"/v2/a/manifests/{DIGEST.value.upper()}", "DIGEST_INVALID"),
        ("/v2/a/blobs/latest", "DIGEST_INVALID"),
        ("/v2/a/blobs/", "DIGEST_INVALID"),
        ("/v2/a/referrers/latest", "DIGEST_INVALID"),
        ("/v2/a/blobs/uploads/?mount=x", "DIGEST_INVALID"),
        ("/v2/a/blobs/uploads/?digest-algorithm=%2F", "DIGEST_INVALID"),
        (f"/v2/a/blobs/uploads/?mount={DIGEST}&from=B", "NAME_INVALID"),
        ("/v2/a/blobs/uploads/s?digest=x", "DIGEST_INVALID"),
        ("/v2/a/tags/list?n=-1", "PAGINATION_NUMBER_INVALID"),
        ("/v2/a/tags/list?n=x", "PAGINATION_NUMBER_INVALID"),
        ("/v2/_catalog?n=%D9%A1", "PAGINATION_NUMBER_INVALID"),
        (f"/v2/_catalog?n={'9' * 5000}", "PAGINATION_NUMBER_INVALID"),
    ],
)
def test_what_cannot_be_valid_is_refused_with_the_code_of_the_specification(target: str, code: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(target)

    assert caught.value.status == 400
    assert caught.value.codes == (code,)


@pytest.mark.parametrize(
    "target", ["/", "", "/v1/", "/v2/a", "/v2/a/manifests/b/c", "/v2x/", "/v2/_oci/x", "/v2/manifests/x"]
)
def test_another_path_is_not_found(target: str) -> None:
    with pytest.raises(NotFoundError):
        parse(target)


@pytest.mark.parametrize("session", ["..", "%20", "a%00", ".x", "x" * 256])
def test_a_session_that_no_server_gave_out_is_an_unknown_upload(session: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(f"/v2/a/blobs/uploads/{session}")

    assert (caught.value.status, caught.value.codes) == (404, ("BLOB_UPLOAD_UNKNOWN",))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_tag_that_cannot_be_valid_is_not_there_to_be_read(method: str) -> None:
    with pytest.raises(ManifestNotFoundError):
        parse("/v2/a/manifests/.INVALID_MANIFEST_NAME", method=method)


def test_a_target_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(RegistryError) as caught:
        parse("/v2/a/tags/list?last=" + "x" * TARGET_LIMIT)

    assert caught.value.status == 414
    assert len(str(caught.value)) < 300


def test_a_refusal_shows_no_query() -> None:
    with pytest.raises(RegistryError) as caught:
        parse("/v2/a/tags/list?n=x&token=secret")

    assert "secret" not in str(caught.value)


def test_each_route_takes_its_methods_only() -> None:
    for route, _ in TARGETS:
        for method in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"):
            if method in ALLOWED[type(route)]:
                check_method(route, method)
            else:
                with pytest.raises(UnsupportedError):
                    check_method(route, method)


@pytest.mark.parametrize(
    "unit", ["/", "a/", "/manifests/", "/blobs/uploads/", "a", "-", "a_", "%2F", "%", "&", "=", "tag=a&", "../"]
)
def test_a_hostile_target_takes_no_long_time(unit: str) -> None:
    started = time.process_time()
    for start in ("/v2/", "/v2/a/tags/list?"):
        with suppress(NotFoundError, RegistryError):
            parse((start + unit * TARGET_LIMIT)[:TARGET_LIMIT])

    assert time.process_time() - started < 1.0
