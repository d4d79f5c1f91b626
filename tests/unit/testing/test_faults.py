from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from orlop.testing import Registry, faults, registry
from orlop.testing.builders import artifact, image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.testing.faults import Fault

Got = tuple[int, http.client.HTTPMessage, bytes]

IMAGE = image([layer({"a": b"content of a layer"}, compression="")])
LAYER = IMAGE.blobs[1]
TAGS = ["a", "b", "c", "d", "e"]


@contextmanager
def running(*middleware: Fault) -> Iterator[Registry]:
    with registry(middleware=middleware) as r:
        push_now(IMAGE, r, "app", tags=TAGS)
        yield r


def ask(r: Registry, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Got:
    with closing(http.client.HTTPConnection(r.host, timeout=5)) as connection:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


BLOB = f"/v2/app/blobs/{LAYER.descriptor.digest}"
MANIFEST = "/v2/app/manifests/a"


def test_a_refusal_comes_so_often_and_then_no_more() -> None:
    fault = faults.refuse(503, times=2, retry_after=7)
    with running(fault) as r:
        answers = [ask(r, "/v2/") for _ in range(3)]

    assert [status for status, _, _ in answers] == [503, 503, 200]
    assert answers[0][1]["Retry-After"] == "7"
    assert json.loads(answers[0][2])["errors"][0]["code"] == "UNAVAILABLE"
    assert fault.hits == 2


def test_a_fault_is_about_the_requests_it_names() -> None:
    with running(faults.throttle(None, on=faults.on("GET", "/manifests/"))) as r:
        assert ask(r, MANIFEST)[0] == 429
        assert ask(r, MANIFEST, "HEAD")[0] == 200
        assert ask(r, BLOB)[0] == 200


def test_a_fault_can_be_ended() -> None:
    fault = faults.refuse(500, times=None)
    with running(fault) as r:
        assert ask(r, "/v2/")[0] == 500
        fault.end()
        assert ask(r, "/v2/")[0] == 200


def test_html_comes_where_json_was_due() -> None:
    with running(faults.html()) as r:
        assert ask(r, "/v2/app/tags/list")[1]["Content-Type"] == "text/html"


def test_a_connection_is_dropped_before_the_answer() -> None:
    with running(faults.drop()) as r:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(r, "/v2/")
        assert ask(r, "/v2/")[0] == 200


def test_a_drop_may_come_after_the_work_was_done() -> None:
    with running(faults.drop(done=True, on=faults.on("DELETE"))) as r:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(r, MANIFEST, "DELETE")
        assert ask(r, MANIFEST)[0] == 404


def test_a_body_is_cut_after_so_many_bytes() -> None:
    with running(faults.cut(5)) as r:
        with closing(http.client.HTTPConnection(r.host, timeout=5)) as connection:
            connection.request("GET", BLOB)
            response = connection.getresponse()
            assert response.headers["Content-Length"] == str(len(LAYER.data))
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                response.read()
        assert ask(r, BLOB)[2] == LAYER.data


def test_held_requests_wait_for_their_release() -> None:
    hold = faults.Hold(on=faults.on("GET", "/manifests/"))
    answers: list[Got] = []
    with running(hold) as r:
        client = threading.Thread(target=lambda: answers.append(ask(r, MANIFEST)))
        client.start()
        assert hold.reached.wait(5)
        assert ask(r, "/v2/")[0] == 200
        assert not answers
        hold.release()
        client.join()

    assert answers[0][2] == IMAGE.raw


def test_slow_answers_come_all_the_same() -> None:
    with running(faults.slow(0.001)) as r:
        assert ask(r, MANIFEST)[2] == IMAGE.raw


def test_a_header_can_be_changed_and_left_out() -> None:
    with running(faults.header("Content-Type", "text/plain"), faults.header("Docker-Content-Digest", None)) as r:
        headers = ask(r, MANIFEST)[1]

    assert headers.get_all("Content-Type") == ["text/plain"]
    assert headers["Docker-Content-Digest"] is None


def test_the_digest_header_can_be_wrong() -> None:
    with running(faults.wrong_digest_header()) as r:
        assert ask(r, MANIFEST)[1].get_all("Docker-Content-Digest") == [f"sha256:{'0' * 64}"]


def test_rate_limits_are_told_as_docker_hub_tells_them() -> None:
    with running(faults.rate_limit(100, 3)) as r:
        headers = ask(r, MANIFEST)[1]

    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("100;w=21600", "3;w=21600")


@pytest.mark.parametrize(("path", "data"), [(BLOB, LAYER.data), (MANIFEST, IMAGE.raw)])
def test_a_body_can_be_another_of_the_same_length(path: str, data: bytes) -> None:
    with running(faults.wrong_body(on=faults.EVERYTHING)) as r:
        body = ask(r, path)[2]

    assert body[1:] == data[1:]
    assert body[0] != data[0]


@pytest.mark.parametrize(("path", "data"), [(BLOB, LAYER.data), (MANIFEST, IMAGE.raw)])
def test_a_body_can_be_short_and_look_whole(path: str, data: bytes) -> None:
    with running(faults.short_body(3, on=faults.EVERYTHING)) as r:
        _, headers, body = ask(r, path)

    assert body == data[:-3]
    assert headers["Content-Length"] == str(len(body))


def test_a_changed_body_does_not_break_head() -> None:
    with running(faults.wrong_body(on=faults.EVERYTHING), faults.short_body(1, on=faults.EVERYTHING)) as r:
        assert ask(r, BLOB, "HEAD")[0] == 200


def test_tags_can_come_in_no_order() -> None:
    with running(faults.unordered()) as r:
        listed = json.loads(ask(r, "/v2/app/tags/list")[2])["tags"]

    assert listed != TAGS
    assert sorted(listed) == TAGS


def test_n_can_be_ignored() -> None:
    with running(faults.ignore_n()) as r:
        status, headers, body = ask(r, "/v2/app/tags/list?n=2&last=a")

    assert (status, headers["Link"]) == (200, None)
    assert json.loads(body)["tags"] == ["b", "c", "d", "e"]


def test_ranges_can_be_ignored() -> None:
    with running(faults.ignore_ranges()) as r:
        status, _, body = ask(r, BLOB, headers={"Range": "bytes=3-5"})

    assert (status, body) == (200, LAYER.data)


def test_a_registry_may_know_no_head() -> None:
    with running(faults.no_head()) as r:
        assert ask(r, MANIFEST, "HEAD")[0] == 405
        assert ask(r, MANIFEST)[0] == 200


def test_a_registry_may_know_no_referrers() -> None:
    note = artifact(subject=IMAGE)
    with running(faults.no_referrers()) as r:
        push_now(note, r, "app")
        assert ask(r, f"/v2/app/referrers/{IMAGE.digest}")[0] == 404
        assert ask(r, f"/v2/app/manifests/{note.digest}")[0] == 200


def test_a_registry_may_know_no_deleting() -> None:
    with running(faults.no_delete()) as r:
        assert ask(r, MANIFEST, "DELETE")[0] == 405
        assert ask(r, MANIFEST)[0] == 200
