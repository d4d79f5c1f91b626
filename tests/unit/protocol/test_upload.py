"""Uploads, step by step, with answers fed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop.errors import (
    DeniedError,
    DisconnectedError,
    OrlopError,
    RateLimitedError,
    RedirectRefusedError,
    RegistryError,
    RepositoryNotFoundError,
)
from orlop.model.digest import Digest
from orlop.model.reference import RepositoryName
from orlop.protocol.message import Headers, Response
from orlop.protocol.upload import BlobUpload, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "https://registry.test"
DIGEST = Digest.of(b"blob")
NAME = RepositoryName("a/b")
MIB = 1024 * 1024
CLOSE = f"digest=sha256%3A{DIGEST.hex}"


def upload(size: int = 10, **options: Any) -> BlobUpload:
    return BlobUpload(BASE, NAME, DIGEST, size, where="registry.test/a/b", **options)


def said(status: int, location: str = "", **fields: str) -> Response:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if location:
        headers["Location"] = location
    return Response(status, Headers(headers))


OPEN = said(202, "/v2/a/b/blobs/uploads/s1?_state=x%2fy")


class Play:
    """Feeds answers to an upload, keeping the steps it made and how it ended."""

    def __init__(self, push: BlobUpload, *answers: Response | None) -> None:
        self.steps: list[Step] = []
        self.outcome = ""
        steps, feed = push.steps(), iter(answers)
        step = next(steps)
        try:
            while True:
                self.steps.append(step)
                step = steps.send(next(feed))
        except StopIteration as end:
            self.outcome = end.value
        assert next(feed, "none left") == "none left"

    @property
    def asked(self) -> list[str]:
        """Each request on a line: method, path, and the part of the blob."""
        return [
            f"{step.method} {step.url.removeprefix(BASE)}" + (f" {step.start}:{step.stop}" if step.stop else "")
            for step in self.steps
        ]


def raised(push: BlobUpload, *answers: Response | None) -> OrlopError:
    with pytest.raises(OrlopError) as caught:
        Play(push, *answers)
    return caught.value


# --- the plain ways ----------------------------------------------------------------------------


def test_a_blob_goes_in_one_request_after_its_session_is_opened() -> None:
    play = Play(upload(), OPEN, said(201))

    assert play.outcome == "sent"
    assert play.asked == ["POST /v2/a/b/blobs/uploads/", f"PUT /v2/a/b/blobs/uploads/s1?_state=x%2fy&{CLOSE} 0:10"]
    assert play.steps[1].headers == {"content-type": "application/octet-stream", "content-length": "10"}


def test_an_empty_blob_is_closed_with_nothing_in_it() -> None:
    play = Play(upload(0), OPEN, said(201))

    assert (play.steps[1].method, play.steps[1].headers["content-length"]) == ("PUT", "0")


def test_a_location_without_a_query_gets_one() -> None:
    play = Play(upload(), said(202, "https://registry.test/up/s1"), said(204))

    assert play.steps[1].url == f"https://registry.test/up/s1?{CLOSE}"


def test_a_blob_in_chunks_follows_each_new_location() -> None:
    play = Play(
        upload(10, chunk=4),
        OPEN,
        said(202, "/s2", range="0-3"),
        said(202, "/s3"),
        said(202, "/s4", range="0-9"),
        said(201),
    )

    assert play.outcome == "sent"
    assert play.asked[1:] == [
        "PATCH /v2/a/b/blobs/uploads/s1?_state=x%2fy 0:4",
        "PATCH /s2 4:8",
        "PATCH /s3 8:10",
        f"PUT /s4?{CLOSE} 10:10",
    ]
    assert [step.headers.get("content-range") for step in play.steps[1:]] == ["0-3", "4-7", "8-9", None]


def test_a_blob_no_larger_than_a_chunk_goes_in_one_request() -> None:
    assert Play(upload(4, chunk=4), OPEN, said(201)).asked[1].startswith("PUT")


def test_the_least_chunk_that_a_registry_takes_is_kept_to() -> None:
    play = Play(
        upload(20, chunk=4), said(202, "/s", oci_chunk_min_length="8"), said(202), said(202), said(202), said(201)
    )

    assert [step.headers.get("content-range") for step in play.steps[1:4]] == ["0-7", "8-15", "16-19"]


def test_a_digest_of_another_algorithm_is_announced() -> None:
    push = BlobUpload(BASE, NAME, Digest.of(b"blob", "sha512"), 4, where="x")

    assert next(push.steps()).url.endswith("/blobs/uploads/?digest-algorithm=sha512")


def test_a_prefix_of_a_mirror_is_kept() -> None:
    push = BlobUpload(f"{BASE}/mirror", NAME, DIGEST, 4, where="x")

    assert next(push.steps()).url == f"{BASE}/mirror/v2/a/b/blobs/uploads/"


# --- mounting ----------------------------------------------------------------------------------


def test_a_blob_that_can_be_mounted_is_not_sent() -> None:
    play = Play(upload(source=RepositoryName("other")), said(201, "/v2/a/b/blobs/x"))

    assert play.outcome == "mounted"
    assert play.asked == [f"POST /v2/a/b/blobs/uploads/?mount=sha256%3A{DIGEST.hex}&from=other"]


def test_a_refused_mount_goes_on_in_the_session_that_it_opened() -> None:
    play = Play(upload(source=RepositoryName("other")), OPEN, said(201))

    assert play.outcome == "sent"
    assert len(play.steps) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_a_mount_that_is_an_error_is_followed_by_a_push(status: int) -> None:
    play = Play(upload(source=RepositoryName("other")), said(status), OPEN, said(201))

    assert play.asked[1] == "POST /v2/a/b/blobs/uploads/"


def test_a_mount_is_tried_again_when_the_registry_is_in_trouble() -> None:
    play = Play(upload(source=RepositoryName("other")), said(503), None, said(201))

    assert play.outcome == "mounted"
    assert [step.delay_s for step in play.steps] == [0.0, 0.5, 1.0]


# --- going on ----------------------------------------------------------------------------------


def test_a_broken_chunk_goes_on_from_where_the_registry_is() -> None:
    play = Play(
        upload(10, chunk=4),
        OPEN,
        said(202, "/s2", range="0-3"),
        None,
        said(204, "/s3", range="0-5"),
        said(202, "/s4", range="0-9"),
        said(201),
    )

    assert play.asked[2:] == ["PATCH /s2 4:8", "GET /s2", "PATCH /s3 6:10", f"PUT /s4?{CLOSE} 10:10"]


def test_a_chunk_out_of_order_goes_on_from_where_the_registry_is() -> None:
    play = Play(upload(8, chunk=4), OPEN, said(202, "/s", range="0-3"), said(416), said(204, range="0-7"), said(201))

    assert play.asked[3:] == ["GET /s", f"PUT /s?{CLOSE} 8:8"]


def test_a_broken_whole_goes_on_with_the_rest() -> None:
    play = Play(upload(), OPEN, None, said(204, "/s2", range="bytes=0-6"), said(201))

    assert play.asked[3] == f"PUT /s2?{CLOSE} 7:10"
    assert play.steps[3].headers["content-range"] == "7-9"


def test_zero_to_zero_means_that_nothing_is_there() -> None:
    play = Play(upload(), OPEN, None, said(204, range="0-0"), said(201))

    assert play.asked[3].endswith(" 0:10")


def test_a_session_that_refuses_what_it_asks_for_is_left() -> None:
    play = Play(
        upload(10, chunk=4), OPEN, said(416), said(204, range="0-0"), OPEN, said(202), said(202), said(202), said(201)
    )

    assert play.asked[3] == "POST /v2/a/b/blobs/uploads/"


def test_a_lost_session_is_opened_anew() -> None:
    play = Play(
        upload(10, chunk=5), OPEN, said(202), said(404), said(404), said(404), OPEN, said(202), said(202), said(201)
    )

    assert play.asked[3] == "GET /v2/a/b/blobs/uploads/s1?_state=x%2fy"
    assert play.asked[4] == f"HEAD /v2/a/b/blobs/{DIGEST}"
    assert play.asked[6].endswith(" 0:5")


def test_an_answer_that_was_lost_is_found_by_asking_for_the_blob() -> None:
    play = Play(upload(), OPEN, None, said(404), said(200))

    assert play.outcome == "sent"


def test_a_registry_in_trouble_is_given_the_time_that_it_asks_for() -> None:
    play = Play(upload(), OPEN, said(503, retry_after="7"), said(204, range="0-0"), said(201))

    assert play.steps[2].delay_s == 7.0
    assert play.steps[3].delay_s == 0.0


def test_a_wait_that_is_too_long_is_the_callers_business() -> None:
    error = raised(upload(), OPEN, said(429, retry_after="3600"))

    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 3600.0


def test_a_whole_that_is_too_large_goes_in_chunks() -> None:
    play = Play(upload(2 * MIB), OPEN, said(413), OPEN, said(202, "/s"), said(413), said(202), said(202), said(201))

    sizes = [step.stop - step.start for step in play.steps if step.method == "PATCH"]
    assert sizes == [MIB, MIB, MIB // 2, MIB // 2]
    assert play.asked[5].startswith("PATCH /s ")


def test_what_is_too_large_in_the_smallest_chunk_is_refused() -> None:
    error = raised(upload(MIB), OPEN, said(413), OPEN, said(413), said(413))

    assert isinstance(error, RegistryError)
    assert error.status == 413


def test_a_registry_without_chunks_gets_the_whole() -> None:
    play = Play(upload(10, chunk=4), OPEN, said(405), OPEN, said(201))

    assert play.asked[3].startswith("PUT")
    assert play.asked[3].endswith(" 0:10")


# --- refusals ----------------------------------------------------------------------------------


def test_a_refusal_is_raised_at_once() -> None:
    assert isinstance(raised(upload(), said(403)), DeniedError)
    assert isinstance(raised(upload(), said(404)), RepositoryNotFoundError)
    assert isinstance(raised(upload(), OPEN, said(403)), DeniedError)
    assert isinstance(raised(upload(10, chunk=4), OPEN, said(202), said(400)), RegistryError)


@pytest.mark.parametrize("location", ["https://evil.test/up", "//evil.test/up", "http://registry.test/up"])
def test_a_session_elsewhere_is_refused(location: str) -> None:
    assert isinstance(raised(upload(), said(202, location)), RedirectRefusedError)
    assert isinstance(raised(upload(10, chunk=4), OPEN, said(202, location)), RedirectRefusedError)


def test_a_session_without_a_place_is_refused() -> None:
    assert isinstance(raised(upload(), said(202)), RegistryError)


def test_a_201_for_nothing_is_refused() -> None:
    assert isinstance(raised(upload(), said(201)), RegistryError)


def answers(choose: Callable[[Step], Response | None]) -> tuple[OrlopError, int]:
    steps = upload(10 * MIB, chunk=MIB).steps()
    step = next(steps)
    for count in range(500):
        try:
            step = steps.send(choose(step))
        except OrlopError as error:
            return error, count
    raise AssertionError("it goes on for ever")


def test_a_connection_that_always_breaks_is_given_up() -> None:
    error, count = answers(lambda step: OPEN if step.method == "POST" else None)

    assert isinstance(error, DisconnectedError)
    assert count < 30


def test_a_registry_that_takes_chunks_and_keeps_none_is_given_up() -> None:
    error, count = answers(lambda step: OPEN if step.method == "POST" else said(202, range="0-0"))

    assert isinstance(error, RegistryError)
    assert count < 30


def test_a_session_that_is_always_lost_is_given_up() -> None:
    _, count = answers(lambda step: OPEN if step.method == "POST" else said(404))

    assert count < 40


def test_a_registry_that_goes_back_and_forth_is_given_up() -> None:
    turns: Iterator[str] = iter(["0-1048575", "0-1024"] * 500)
    _, count = answers(lambda step: OPEN if step.method == "POST" else said(202, range=next(turns)))

    assert count < 100


def test_what_was_begun_can_be_cancelled() -> None:
    push = upload()
    assert push.cancel() is None

    steps = push.steps()
    next(steps)
    steps.send(OPEN)

    assert push.cancel() == Step("DELETE", f"{BASE}/v2/a/b/blobs/uploads/s1?_state=x%2fy", {})
