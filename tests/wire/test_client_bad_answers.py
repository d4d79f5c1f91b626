"""A server that answers wrongly gets its own clear error, in bounded time and memory."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from orlop import Client, Digest
from orlop.errors import (
    AccessError,
    ConnectError,
    DeniedError,
    DigestMismatchError,
    DisconnectedError,
    InvalidDocumentError,
    InvalidManifestError,
    ManifestNotFoundError,
    NetworkError,
    RateLimitedError,
    RedirectRefusedError,
    RegistryError,
    RepositoryNotFoundError,
    SizeMismatchError,
    TimedOutError,
    TruncatedError,
    UnauthenticatedError,
    UnsupportedError,
)
from orlop.testing.scripted import (
    Drop,
    Endless,
    GzipBomb,
    Raw,
    Reply,
    Stall,
    Step,
    Trickle,
    answer,
    html,
    redirect,
    refusal,
    scripted,
    unused_port,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2},
        "layers": [],
    }
).encode()
DIGEST = Digest.of(MANIFEST)
TYPE = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
ANY = re.compile(r"/v2/.*")
BLOB = bytes(range(256)) * 40
BLOB_DIGEST = Digest.of(BLOB)


def always(reply: Reply) -> Any:
    return scripted([Step("", ANY, reply, times=None)])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>hello</html>", "HTML"),
        (b"", "empty"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "deep"),
        (b'{"schemaVersion":2,"schemaVersion":2}', "repeat|twice"),
        (b'{"config": "none", "layers": 3, "schemaVersion": 2}', "config|layers"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[1]", "object"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_an_invalid_document(client: Client, body: bytes, says: str) -> None:
    with always(answer(200, body, TYPE)) as server, pytest.raises(InvalidDocumentError, match=says):
        manifest = client.manifest(f"{server.host}/a/b:t")
        manifest.children()


def test_a_manifest_over_the_limit_is_refused_and_the_limit_can_be_raised(make_client: Callable[..., Client]) -> None:
    padded = MANIFEST[:-1] + b" " * 5000 + b"}"
    with always(answer(200, padded, TYPE)) as server:
        with pytest.raises(InvalidDocumentError, match="larger than 4096") as refused:
            make_client(manifest_limit=4096).manifest(f"{server.host}/a/b:t")
        assert "manifestLimit" in str(refused.value.hint)
        assert make_client(manifest_limit=8192).manifest(f"{server.host}/a/b:t").raw == padded


def test_a_manifest_of_another_digest_is_refused_with_both_digests(client: Client) -> None:
    other = Digest.of(b"other")
    with always(answer(200, MANIFEST, TYPE)) as server, pytest.raises(DigestMismatchError) as caught:
        client.manifest(f"{server.host}/a/b@{other}")
    assert (caught.value.expected, caught.value.actual) == (str(other), str(DIGEST))


def test_an_endless_manifest_ends_at_the_limit(client: Client) -> None:
    with always(Endless(answer(200, b"", TYPE))) as server, pytest.raises(InvalidDocumentError, match="larger than"):
        client.manifest(f"{server.host}/a/b:t")


def test_a_gzip_bomb_ends_at_the_limit(client: Client) -> None:
    with always(GzipBomb()) as server, pytest.raises(InvalidDocumentError, match="inflates to more than"):
        client.manifest(f"{server.host}/a/b:t")


def test_html_where_a_tag_list_was_due_is_an_invalid_document(client: Client) -> None:
    with always(html()) as server, pytest.raises(InvalidDocumentError):
        list(client.tags(f"{server.host}/a/b"))


@pytest.mark.parametrize(
    "body", [b'{"tags": "all"}', b'{"tags": [1]}', b'{"tags": ["ok", "no/slash"]}', b'{"name": 3, "tags": {}}']
)
def test_a_tag_list_of_a_wrong_shape_is_an_invalid_document(client: Client, body: bytes) -> None:
    with always(answer(200, body)) as server, pytest.raises(InvalidDocumentError):
        list(client.tags(f"{server.host}/a/b"))


def test_a_repository_without_tags_lists_none(client: Client) -> None:
    with always(answer(200, b'{"name": "a/b", "tags": null}')) as server:
        assert list(client.tags(f"{server.host}/a/b")) == []


def test_a_link_that_leaves_the_registry_is_refused(client: Client) -> None:
    page = answer(200, b'{"tags": ["a"]}', {"link": '<http://127.0.0.9:1/v2/a/b/tags/list?n=1>; rel="next"'})
    with always(page) as server, pytest.raises(RedirectRefusedError):
        list(client.tags(f"{server.host}/a/b"))


def test_a_link_that_loops_is_refused(client: Client) -> None:
    page = answer(200, b'{"tags": ["a"]}', {"link": '</v2/a/b/tags/list?n=1&last=a>; rel="next"'})
    with always(page) as server, pytest.raises(RedirectRefusedError, match="leads back"):
        list(client.tags(f"{server.host}/a/b"))


def test_a_redirect_loop_is_refused(client: Client) -> None:
    with always(redirect("/v2/a/b/manifests/t")) as server, pytest.raises(RedirectRefusedError, match="loop"):
        client.manifest(f"{server.host}/a/b:t")


def test_a_redirect_without_location_is_refused(client: Client) -> None:
    with always(answer(307)) as server, pytest.raises(RedirectRefusedError, match="without a Location"):
        client.manifest(f"{server.host}/a/b:t")


def test_a_redirect_to_another_scheme_is_refused(client: Client) -> None:
    with always(redirect("file:///etc/passwd")) as server, pytest.raises(NetworkError):
        client.manifest(f"{server.host}/a/b:t")


def test_a_closed_port_is_a_connect_error_that_counts_its_tries(client: Client) -> None:
    with pytest.raises(ConnectError) as caught:
        client.manifest(f"127.0.0.1:{unused_port()}/a/b:t")
    assert caught.value.attempts == 2


def test_a_server_that_drops_is_asked_four_times(client: Client) -> None:
    with always(Drop()) as server:
        with pytest.raises(DisconnectedError, match="after 4 tries"):
            client.manifest(f"{server.host}/a/b:t")
        assert len(server.requests) >= 4


def test_a_dropped_answer_is_asked_again(client: Client) -> None:
    steps = [
        Step("GET", ANY, Drop(answer(200, MANIFEST, TYPE), after=20)),
        Step("GET", ANY, answer(200, MANIFEST, TYPE)),
    ]
    with scripted(steps) as server:
        assert client.manifest(f"{server.host}/a/b:t").digest == DIGEST


def test_a_server_that_stalls_ends_at_the_time_limit(hasty: Client) -> None:
    with always(Stall()) as server, pytest.raises(TimedOutError) as caught:
        hasty.manifest(f"{server.host}/a/b:t")
    assert "--timeout" in (caught.value.hint or "")


def test_a_server_that_trickles_ends_at_the_time_limit(hasty: Client) -> None:
    with always(Trickle(answer(200, MANIFEST, TYPE), every_s=0.05)) as server, pytest.raises(TimedOutError):
        hasty.manifest(f"{server.host}/a/b:t")


def test_an_answer_that_is_not_http_is_said_to_be_none(client: Client) -> None:
    with always(Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as server, pytest.raises(NetworkError, match="not HTTP"):
        client.manifest(f"{server.host}/a/b:t")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_passing_failure_is_retried(client: Client, status: int) -> None:
    steps = [Step("GET", ANY, refusal(status), times=2), Step("GET", ANY, answer(200, MANIFEST, TYPE))]
    with scripted(steps) as server:
        assert client.manifest(f"{server.host}/a/b:t").digest == DIGEST
        assert len(server.requests) == 3


def test_a_lasting_failure_is_a_registry_error(client: Client) -> None:
    with (
        always(refusal(503, "UNKNOWN", "down for maintenance")) as server,
        pytest.raises(RegistryError, match="503") as caught,
    ):
        client.manifest(f"{server.host}/a/b:t")
    assert caught.value.status == 503


def test_a_rate_limit_is_obeyed_then_reported(client: Client) -> None:
    with always(refusal(429, "TOOMANYREQUESTS", "slow down", {"retry-after": "0"})) as server:
        with pytest.raises(RateLimitedError):
            client.manifest(f"{server.host}/a/b:t")
        assert len(server.requests) == 4


def test_a_retry_after_beyond_patience_is_not_waited_for(client: Client) -> None:
    with always(refusal(429, "TOOMANYREQUESTS", "", {"retry-after": "86400"})) as server:
        with pytest.raises(RateLimitedError) as caught:
            client.manifest(f"{server.host}/a/b:t")
        assert len(server.requests) == 1
        assert caught.value.retry_after == 86400


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(404, "MANIFEST_UNKNOWN"), ManifestNotFoundError),
        (refusal(404, "NAME_UNKNOWN"), RepositoryNotFoundError),
        (answer(404, b"<html>404</html>"), ManifestNotFoundError),
        (refusal(403, "DENIED"), DeniedError),
        (refusal(401, "UNAUTHORIZED"), UnauthenticatedError),
        (answer(401), UnauthenticatedError),
        (refusal(405, "UNSUPPORTED"), UnsupportedError),
        (answer(418, b"teapot"), RegistryError),
    ],
)
def test_each_refusal_has_its_class(client: Client, reply: Reply, kind: type[Exception]) -> None:
    with always(reply) as server, pytest.raises(kind):
        client.manifest(f"{server.host}/a/b:t")


def test_a_head_without_digest_is_asked_again_as_get(client: Client) -> None:
    steps = [
        Step("HEAD", ANY, answer(200, b"", {**TYPE, "content-length": "0"})),
        Step("GET", ANY, answer(200, MANIFEST, TYPE)),
    ]
    with scripted(steps) as server:
        assert client.head(f"{server.host}/a/b:t").descriptor.digest == DIGEST


def test_a_head_that_is_refused_where_get_is_not_falls_back_to_get(client: Client) -> None:
    steps = [Step("HEAD", ANY, answer(404)), Step("GET", ANY, answer(200, MANIFEST, TYPE))]
    with scripted(steps) as server:
        assert client.head(f"{server.host}/a/b:t").descriptor.digest == DIGEST


def test_a_wrong_digest_header_is_not_believed(client: Client) -> None:
    lying = {**TYPE, "docker-content-digest": str(Digest.of(b"lie"))}
    with always(answer(200, MANIFEST, lying)) as server:
        assert client.manifest(f"{server.host}/a/b:t").digest == DIGEST


def test_a_wrong_content_type_is_seen_through(client: Client) -> None:
    with always(answer(200, MANIFEST, {"content-type": "text/plain"})) as server:
        assert client.manifest(f"{server.host}/a/b:t").media_type == "application/vnd.oci.image.manifest.v1+json"


def test_a_broken_download_goes_on_by_range(client: Client, tmp_path: Path) -> None:
    steps = [
        Step("GET", ANY, Drop(answer(200, BLOB), after=4000), headers={"range": None}),
        Step(
            "GET",
            ANY,
            answer(206, BLOB[4000:], {"content-range": f"bytes 4000-{len(BLOB) - 1}/{len(BLOB)}"}),
            headers={"range": "bytes=4000-"},
        ),
    ]
    with scripted(steps) as server:
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))
    assert (tmp_path / "blob").read_bytes() == BLOB
    assert [path.name for path in tmp_path.iterdir()] == ["blob"]


def test_a_server_without_ranges_sends_it_all_again(client: Client, tmp_path: Path) -> None:
    steps = [Step("GET", ANY, Drop(answer(200, BLOB), after=4000)), Step("GET", ANY, answer(200, BLOB))]
    with scripted(steps) as server:
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))
    assert (tmp_path / "blob").read_bytes() == BLOB


def test_a_range_from_elsewhere_is_an_integrity_error_and_leaves_no_file(client: Client, tmp_path: Path) -> None:
    steps = [
        Step("GET", ANY, Drop(answer(200, BLOB), after=4000)),
        Step("GET", ANY, answer(206, BLOB[10:], {"content-range": f"bytes 10-{len(BLOB) - 1}/{len(BLOB)}"})),
    ]
    with scripted(steps) as server, pytest.raises(Exception, match="other ones came"):
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))
    assert not (tmp_path / "blob").exists()


def test_a_wrong_blob_leaves_nothing_under_its_name(client: Client, tmp_path: Path) -> None:
    with always(answer(200, b"x" * len(BLOB))) as server, pytest.raises(DigestMismatchError):
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_broke_off_is_gone_on_with_by_the_next_call(client: Client, tmp_path: Path) -> None:
    part = tmp_path / f".blob.{BLOB_DIGEST.short}.part"
    part.write_bytes(BLOB[:1000])
    steps = [
        Step(
            "GET",
            ANY,
            answer(206, BLOB[1000:], {"content-range": f"bytes 1000-{len(BLOB) - 1}/{len(BLOB)}"}),
            headers={"range": "bytes=1000-"},
        )
    ]
    with scripted(steps) as server:
        assert client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob")) == len(BLOB)
    assert (tmp_path / "blob").read_bytes() == BLOB
    assert not part.exists()


def test_a_damaged_earlier_part_is_thrown_away(client: Client, tmp_path: Path) -> None:
    part = tmp_path / f".blob.{BLOB_DIGEST.short}.part"
    part.write_bytes(b"junk")
    rest = answer(206, BLOB[4:], {"content-range": f"bytes 4-{len(BLOB) - 1}/{len(BLOB)}"})
    with scripted([Step("GET", ANY, rest), Step("GET", ANY, answer(200, BLOB))]) as server:
        reference = f"{server.host}/a/b@{BLOB_DIGEST}"
        with pytest.raises(DigestMismatchError):
            client.download(reference, str(tmp_path / "blob"))
        client.download(reference, str(tmp_path / "blob"))
    assert (tmp_path / "blob").read_bytes() == BLOB


def test_a_blob_that_always_breaks_at_the_same_byte_is_truncated(client: Client, tmp_path: Path) -> None:
    with always(Drop(answer(200, BLOB), after=0)) as server, pytest.raises((TruncatedError, DisconnectedError)):
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))
    assert not (tmp_path / "blob").exists()


def test_a_blob_of_another_length_than_before_is_refused(client: Client, tmp_path: Path) -> None:
    steps = [
        Step("GET", ANY, Drop(answer(200, BLOB), after=4000)),
        Step("GET", ANY, answer(206, b"x", {"content-range": "bytes 4000-4000/4001"})),
    ]
    with scripted(steps) as server, pytest.raises(SizeMismatchError):
        client.download(f"{server.host}/a/b@{BLOB_DIGEST}", str(tmp_path / "blob"))


def test_a_manifest_that_is_an_error_page_with_status_200_is_invalid(client: Client) -> None:
    with always(html(200)) as server, pytest.raises(InvalidManifestError):
        client.manifest(f"{server.host}/a/b:t")


def test_errors_name_no_query(client: Client) -> None:
    with always(redirect("/v2/a/b/manifests/t?token=hunter2")) as server, pytest.raises(NetworkError) as caught:
        client.manifest(f"{server.host}/a/b:t")
    assert "hunter2" not in str(caught.value)
    assert not isinstance(caught.value, AccessError)
