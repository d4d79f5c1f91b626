"""Errors on their way to a client, and answers on their way to an error."""

from __future__ import annotations

import errno
import json
import time

import pytest

from orlop import errors
from orlop.errors import (
    BlobNotFoundError,
    CopyError,
    DeniedError,
    DigestMismatchError,
    InvalidManifestError,
    ManifestNotFoundError,
    NotFoundError,
    OrlopError,
    RateLimitedError,
    ReadOnlyError,
    RegistryError,
    RepositoryNotFoundError,
    SizeMismatchError,
    StorageError,
    TruncatedError,
    UnauthenticatedError,
    UnsupportedError,
)
from orlop.protocol.challenge import parse_challenges
from orlop.protocol.errorbody import from_wire, to_wire
from orlop.protocol.message import Headers, Response

WHERE = "registry.test/a/b"


def answer(status: int, body: str | bytes = b"", **fields: str) -> Response:
    raw = body.encode() if isinstance(body, str) else body
    headers = Headers({name.replace("_", "-"): value for name, value in fields.items()})
    return Response(status, headers, raw, "https://registry.test/v2/a/b/x?token=secret")


def coded(status: int, *codes: str, message: str = "said") -> Response:
    return answer(status, json.dumps({"errors": [{"code": code, "message": message} for code in codes]}))


def read(response: Response, *, method: str = "GET", kind: str = "manifest", what: str = "1.0") -> OrlopError:
    return from_wire(response, method=method, what=what, where=WHERE, kind=kind)


# --- asking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "BLOB_UNKNOWN", BlobNotFoundError),
        (404, "MANIFEST_UNKNOWN", ManifestNotFoundError),
        (404, "NAME_UNKNOWN", RepositoryNotFoundError),
        (401, "UNAUTHORIZED", UnauthenticatedError),
        (401, "DENIED", UnauthenticatedError),
        (403, "DENIED", DeniedError),
        (403, "UNAUTHORIZED", DeniedError),
        (400, "UNAUTHORIZED", UnauthenticatedError),
        (405, "UNSUPPORTED", UnsupportedError),
        (400, "UNSUPPORTED", UnsupportedError),
        (501, "X", UnsupportedError),
        (429, "TOOMANYREQUESTS", RateLimitedError),
        (403, "TOOMANYREQUESTS", RateLimitedError),
        (400, "MANIFEST_INVALID", InvalidManifestError),
        (400, "NAME_INVALID", RegistryError),
        (400, "DIGEST_INVALID", RegistryError),
        (400, "SIZE_INVALID", RegistryError),
        (400, "TAG_INVALID", RegistryError),
        (400, "PAGINATION_NUMBER_INVALID", RegistryError),
        (400, "MANIFEST_BLOB_UNKNOWN", RegistryError),
        (416, "RANGE_INVALID", RegistryError),
        (416, "BLOB_UPLOAD_INVALID", RegistryError),
        (409, "DENIED", RegistryError),
        (413, "SIZE_INVALID", RegistryError),
        (500, "UNKNOWN", RegistryError),
        (503, "UNAVAILABLE", RegistryError),
        (333, "X", RegistryError),
    ],
)
def test_status_and_code_settle_the_class(status: int, code: str, error: type[OrlopError]) -> None:
    assert type(read(coded(status, code))) is error


@pytest.mark.parametrize(
    ("method", "kind", "error"),
    [
        ("HEAD", "manifest", ManifestNotFoundError),
        ("DELETE", "manifest", ManifestNotFoundError),
        ("PUT", "manifest", RepositoryNotFoundError),
        ("HEAD", "blob", BlobNotFoundError),
        ("POST", "upload", RepositoryNotFoundError),
        ("PATCH", "upload", NotFoundError),
        ("GET", "tags", RepositoryNotFoundError),
        ("GET", "repositories", UnsupportedError),
        ("GET", "catalog", UnsupportedError),
        ("GET", "referrers", UnsupportedError),
        ("GET", "registry", UnsupportedError),
        ("GET", "", NotFoundError),
    ],
)
def test_a_404_without_a_body_means_what_was_asked_for(method: str, kind: str, error: type[OrlopError]) -> None:
    assert type(read(answer(404), method=method, kind=kind)) is error


@pytest.mark.parametrize("code", ["NOT_FOUND", "404"])
def test_a_404_with_a_code_of_its_own_means_what_was_asked_for(code: str) -> None:
    assert type(read(coded(404, code))) is ManifestNotFoundError


def test_an_upload_that_is_unknown_is_not_a_repository_that_is() -> None:
    assert type(read(coded(404, "BLOB_UPLOAD_UNKNOWN"), method="POST", kind="upload")) is NotFoundError


def test_a_missing_repository_is_named_apart_from_its_registry() -> None:
    error = read(coded(404, "NAME_UNKNOWN", message="repository name not known"))

    assert isinstance(error, RepositoryNotFoundError)
    assert (error.what, error.where) == ("a/b", "registry.test")
    assert str(error) == "repository a/b is not in registry.test: repository name not known"


def test_a_missing_tag_leads_to_the_list_of_tags_and_a_digest_does_not() -> None:
    assert read(answer(404)).hint == f"see what is there with: orlop tag list {WHERE}"
    assert read(answer(404), what="sha256:" + "0" * 64).hint is None


def test_a_401_says_how_to_sign_in() -> None:
    assert "orlop auth login registry.test" in (read(answer(401)).hint or "")


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    error = read(answer(429, retry_after="30"))

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 30.0
    assert "in 30 s" in (error.hint or "")


def test_a_date_to_wait_for_is_taken_against_the_answers_own_clock() -> None:
    error = read(answer(503, retry_after="Tue, 14 Nov 2023 22:14:20 GMT", date="Tue, 14 Nov 2023 22:13:20 GMT"))

    assert isinstance(error, RegistryError)
    assert error.retry_after == 60.0


def test_a_refusal_keeps_method_status_codes_and_the_url_without_its_query() -> None:
    error = read(coded(500, "UNKNOWN", "OTHER", message="broken"), method="PUT")

    assert isinstance(error, RegistryError)
    assert (error.method, error.status, error.codes) == ("PUT", 500, ("UNKNOWN", "OTHER"))
    assert error.url == "https://registry.test/v2/a/b/x"
    assert str(error) == "PUT https://registry.test/v2/a/b/x was refused with 500 UNKNOWN,OTHER: broken"


def test_deleting_where_it_is_switched_off_is_unsupported_with_advice() -> None:
    error = read(answer(405), method="DELETE")

    assert str(error) == f"deleting 1.0 is not possible at {WHERE}: not supported there"
    assert error.hint


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", ""),
        ("  \r\n ", ""),
        ("Not so fast\n", "Not so fast"),
        ("line one\nline two", "line one line two"),
        ("red \x1b[31m\x00\u202e alert", "red [31m alert"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "a web page came back: 502 Bad Gateway"),
        ("<!DOCTYPE html>\n<html><body>Oops</body></html>", "a web page came back"),
        ("<title>a &amp; b</title>", "a web page came back: a & b"),
        ("<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code><Message>No</Message></Error>", "AccessDenied: No"),
        ("<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        ('{"message": "from a proxy"}', "from a proxy"),
        ('{"error": "invalid_grant", "error_description": "expired"}', "expired"),
        ('{"details": "incorrect username or password"}', "incorrect username or password"),
        ('{"errors": [{"message": "a"}, {"message": "a"}, {"message": "b"}]}', "a; b"),
        ('{"errors": "nonsense"}', ""),
        ('{"errors": [1, null, {"code": null, "message": 5}]}', ""),
        ('{"errors": [', '{"errors": ['),
        ("[]", "[]"),
        ('\ufeff{"message": "with a mark"}', '{"message": "with a mark"}'),
    ],
)
def test_a_body_of_any_kind_becomes_one_clean_line(body: str | bytes, reason: str) -> None:
    error = read(answer(500, body))

    assert isinstance(error, RegistryError)
    assert error.reason == reason


def test_a_huge_body_is_shown_cut() -> None:
    for body in (
        "x" * 500_000,
        '{"errors":[' + "{}," * 200_000,
        '{"message": "' + "y" * 500_000 + '"}',
        "<html>" * 90_000,
    ):
        assert len(str(read(answer(500, body)))) < 500


def test_a_document_that_nests_deep_is_no_document() -> None:
    assert type(read(answer(404, "{" + '"a":{' * 10_000))) is ManifestNotFoundError


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<Error>",
        "<Error><Code>",
        "<title",
        "<title>",
        "<html",
        "<!--",
        "{",
        '{"a":',
        "http://",
        "Bearer ",
        " ",
        "@",
    ],
)
def test_a_hostile_body_takes_no_long_time(unit: str) -> None:
    started = time.process_time()
    read(answer(500, unit * 100_000))

    assert time.process_time() - started < 1.0


def test_a_message_that_repeats_credentials_is_shown_without_them() -> None:
    message = "bad header Authorization: Bearer eyJhbGciOi.abc and Basic dXNlcjpwYXNz at https://u:p@s3.test/x?X-Amz-Signature=abc"
    shown = str(read(coded(500, "UNKNOWN", message=message)))

    for secret in ("eyJhbGciOi", "dXNlcjpwYXNz", "u:p", "Signature"):
        assert secret not in shown


def test_the_argument_value_of_an_s3_error_is_not_shown() -> None:
    body = "<Error><Code>InvalidArgument</Code><Message>no</Message><ArgumentValue>Bearer X</ArgumentValue></Error>"

    assert "Bearer" not in str(read(answer(400, body)))


def test_codes_are_bounded_and_clean() -> None:
    error = read(coded(500, *[f"C{number}\n" for number in range(100)]))

    assert isinstance(error, RegistryError)
    assert error.codes == tuple(f"C{number}" for number in range(8))


def test_a_web_page_is_blamed_on_what_stands_between() -> None:
    assert "proxy" in (read(answer(403, "<html><title>Blocked</title></html>")).hint or "")


def test_a_where_without_a_repository_is_a_registry() -> None:
    error = from_wire(answer(401), method="GET", what="/v2/", where="registry.test:5000", kind="registry")

    assert error.hint == "sign in with: orlop auth login registry.test:5000"


def test_figures_of_another_type_do_not_make_an_integrity_error() -> None:
    body = '{"errors":[{"code":"SIZE_INVALID","message":"m","detail":{"expected":"1","actual":true}}]}'

    assert type(read(answer(400, body))) is RegistryError


# --- serving -----------------------------------------------------------------------------------

SURVIVING = [
    BlobNotFoundError("sha256:x", "a"),
    ManifestNotFoundError("latest", "a"),
    RepositoryNotFoundError("a", "here"),
    NotFoundError("upload 1", "a"),
    UnauthenticatedError("a", "sign in"),
    DeniedError("a", "no"),
    DigestMismatchError("blob x", "sha256:1", "sha256:2"),
    SizeMismatchError("chunk", 5, 4),
    TruncatedError("blob x", 5, 4),
    InvalidManifestError("manifest x", "not JSON"),
    ReadOnlyError("pushing", "a"),
    UnsupportedError("deleting", "a"),
    RateLimitedError("GET", "/v2/", 429, ("TOOMANYREQUESTS",), "slow down", 7.2),
    RegistryError("PUT", "/v2/", 409, ("DENIED",), "the tag is write-once"),
    RegistryError("PATCH", "/v2/", 416, ("BLOB_UPLOAD_INVALID",), "out of order"),
    RegistryError("GET", "/v2/", 503, ("UNAVAILABLE",), "soon", 3.0),
]


@pytest.mark.parametrize("error", SURVIVING, ids=[type(error).__name__ for error in SURVIVING])
def test_an_error_comes_back_in_its_class_with_its_figures(error: OrlopError) -> None:
    back = read(to_wire(error), kind="")

    assert type(back) is type(error)
    for name in ("expected", "actual", "received", "status", "codes"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_the_wait_is_rounded_up_to_whole_seconds() -> None:
    assert to_wire(RateLimitedError("GET", "/", 429, (), "", 7.2)).headers["retry-after"] == "8"


def test_a_body_is_an_error_document_with_code_message_and_detail() -> None:
    response = to_wire(ManifestNotFoundError("latest", "a/b", "manifest unknown"))

    assert response.status == 404
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.body) == {
        "errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"what": "latest"}}]
    }


def test_a_401_carries_the_challenges() -> None:
    challenges = parse_challenges(['Bearer realm="https://t/",service="s"', "Basic realm=x"])
    response = to_wire(UnauthenticatedError("a", "sign in"), challenges=challenges)

    assert parse_challenges(response.headers.all("www-authenticate")) == challenges


def test_no_challenge_is_sent_with_anything_else() -> None:
    assert (
        "www-authenticate"
        not in to_wire(DeniedError("a", "no"), challenges=parse_challenges(["Basic realm=x"])).headers
    )


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidDigestError("x", "short"), 400, "DIGEST_INVALID"),
        (errors.InvalidReferenceError("X", "upper case"), 400, "NAME_INVALID"),
        (errors.LimitError("the manifest", "manifest_limit", 4), 413, "SIZE_INVALID"),
        (errors.ConnectError("upstream", "refused"), 502, "UNAVAILABLE"),
        (errors.TimedOutError("upstream", "slow"), 504, "UNAVAILABLE"),
        (errors.CredentialError("upstream", "helper failed"), 502, "UNAVAILABLE"),
        (errors.ConfigError("/etc/x", "broken"), 500, "UNKNOWN"),
        (errors.IntegrityError("blob", "rotten"), 500, "UNKNOWN"),
        (RuntimeError("secret detail"), 500, "UNKNOWN"),
        (RegistryError("GET", "/", 200, (), "upstream nonsense"), 502, "UNKNOWN"),
    ],
)
def test_every_error_has_a_status_and_a_code(error: Exception, status: int, code: str) -> None:
    response = to_wire(error)

    assert response.status == status
    assert json.loads(response.body)["errors"][0]["code"] == code


def test_trouble_of_the_machine_is_not_told_to_clients() -> None:
    for error in (errors.ConfigError("/etc/orlop.toml", "x"), RuntimeError("/srv/x"), StorageError("/srv/blobs", "x")):
        body = to_wire(error).body

        assert b"/etc" not in body
        assert b"/srv" not in body


def test_a_full_disk_is_507() -> None:
    error = StorageError("/srv/blobs", "disk full")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")

    assert to_wire(error).status == 507


def test_a_copy_that_failed_is_told_as_what_made_it_fail() -> None:
    error = CopyError("source", "sha256:x")
    error.__cause__ = BlobNotFoundError("sha256:x", "a")

    assert to_wire(error).status == 404


def test_every_error_of_the_tree_can_be_told() -> None:
    def below(kind: type[OrlopError]) -> list[type[OrlopError]]:
        return [kind, *[each for child in kind.__subclasses__() for each in below(child)]]

    for kind in below(OrlopError):
        error = kind.__new__(kind)
        texts = ("what", "where", "reason", "text", "expected", "actual", "received", "method", "url", "side", "name")
        others = {"status": 500, "codes": (), "retry_after": None, "limit": 1, "attempts": 1, "path": (), "matching": 0}
        for name, value in (dict.fromkeys(texts, "x") | others).items():
            setattr(error, name, value)

        assert 400 <= to_wire(error).status <= 599
