from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
import zlib

import pytest

from orlop.testing.scripted import (
    Drop,
    Endless,
    GzipBomb,
    Raw,
    Scripted,
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


def ask(
    server: Scripted, path: str = "/", method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b""
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(server.host, timeout=5)
    try:
        connection.request(method, path, body=body or None, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_step_answers_the_request_it_names() -> None:
    with scripted([Step("GET", "/v2/", answer(200, b"hello", {"X-A": "b"}))]) as server:
        status, headers, body = ask(server, "/v2/")

    assert (status, headers["X-A"], body) == (200, "b", b"hello")
    assert [(seen.method, seen.target) for seen in server.requests] == [("GET", "/v2/")]


def test_a_step_without_a_query_takes_any_query() -> None:
    with scripted([Step("GET", "/a", answer(200)), Step("GET", "/b?n=1", answer(201))]) as server:
        assert ask(server, "/a?n=5")[0] == 200
        assert ask(server, "/b?n=1")[0] == 201
        assert server.requests[0].query == "n=5"


def test_a_pattern_has_to_match_the_whole_target() -> None:
    with scripted([Step("GET", re.compile(r"/v2/.*\?n=\d"), answer(200), times=None)], strict=False) as server:
        assert ask(server, "/v2/x?n=1")[0] == 200
        assert ask(server, "/v2/x?n=12")[0] == 501


def test_headers_choose_between_steps() -> None:
    steps = [
        Step("GET", "/", answer(200), headers={"authorization": "Bearer x"}),
        Step("GET", "/", answer(401), headers={"Authorization": None}),
    ]
    with scripted(steps) as server:
        assert ask(server)[0] == 401
        assert ask(server, headers={"Authorization": "Bearer x"})[0] == 200


def test_one_shot_steps_are_used_up_in_order() -> None:
    with scripted([Step("GET", "/", answer(503), times=2), Step("GET", "/", answer(200), times=None)]) as server:
        assert [ask(server)[0] for _ in range(4)] == [503, 503, 200, 200]


def test_a_request_without_a_step_fails_the_test_that_made_it() -> None:
    with pytest.raises(AssertionError, match="no step fits"), scripted([]) as server:
        assert ask(server)[0] == 501


def test_a_step_that_is_never_asked_for_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="never asked for"), scripted([Step("GET", "/", answer())]):
        pass


def test_another_failure_is_not_hidden_by_what_is_left_over() -> None:
    with pytest.raises(KeyError), scripted([Step("GET", "/", answer())]):
        raise KeyError


def test_the_body_of_a_request_is_kept() -> None:
    with scripted([Step("PUT", "/", answer(201))]) as server:
        ask(server, method="PUT", body=b"content")

    assert server.requests[0].body == b"content"


def test_a_chunked_body_is_put_together() -> None:
    with scripted([Step("PUT", "/", answer(201))]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        connection.request("PUT", "/", body=iter([b"con", b"tent"]), encode_chunked=True)
        assert connection.getresponse().status == 201
        connection.close()

    assert server.requests[0].body == b"content"


def test_a_connection_serves_several_requests() -> None:
    with scripted([Step("GET", "/", answer(200, b"x"), times=None)]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        for _ in range(3):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"x"
        connection.close()

        assert server.connections == 1


def test_head_has_no_body_and_the_connection_lives_on() -> None:
    with scripted([Step("", "/", answer(200, b"body"), times=None)]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        connection.request("HEAD", "/")
        head = connection.getresponse()
        assert (head.headers["Content-Length"], head.read()) == ("4", b"")
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"body"
        connection.close()


def test_headers_can_name_the_server_itself() -> None:
    challenge = 'Bearer realm="{url}/token",service="{host}"'
    with scripted([Step("GET", "/", answer(401, headers={"WWW-Authenticate": challenge}))]) as server:
        found = ask(server)[1]["WWW-Authenticate"]

    assert found == f'Bearer realm="{server.url}/token",service="{server.host}"'


def test_a_header_can_come_twice() -> None:
    with scripted([Step("GET", "/", answer(401, headers=[("X-A", "1"), ("X-A", "2")]))]) as server:
        assert ask(server)[1].get_all("X-A") == ["1", "2"]


def test_a_drop_before_the_headers_gives_no_answer() -> None:
    with scripted([Step("GET", "/", Drop())]) as server, pytest.raises(http.client.RemoteDisconnected):
        ask(server)


def test_a_drop_with_reset_resets() -> None:
    with scripted([Step("GET", "/", Drop(reset=True))]) as server, pytest.raises(ConnectionResetError):
        ask(server)


def test_a_drop_in_the_body_gives_a_part() -> None:
    with (
        scripted([Step("GET", "/", Drop(answer(200, b"0123456789"), after=4))]) as server,
        pytest.raises(http.client.IncompleteRead) as caught,
    ):
        ask(server)

    assert caught.value.partial == b"0123"


def test_a_wrong_content_length_is_sent_as_told() -> None:
    with (
        scripted([Step("GET", "/", answer(200, b"abc", length=10))]) as server,
        pytest.raises(http.client.IncompleteRead),
    ):
        ask(server)


def test_a_garbage_status_line_is_sent_as_it_is() -> None:
    with (
        scripted([Step("GET", "/", Raw(b"ICY 200 OK\r\n\r\n"))]) as server,
        pytest.raises(http.client.BadStatusLine),
    ):
        ask(server)


def test_a_stall_waits_for_its_release() -> None:
    stall = Stall(answer(200, b"late"))

    def let_go() -> None:
        assert stall.reached.wait(5)
        stall.release()

    with scripted([Step("GET", "/", stall)]) as server:
        helper = threading.Thread(target=let_go)
        helper.start()
        assert ask(server)[2] == b"late"
        helper.join()


def test_a_stall_in_the_body_sends_the_beginning() -> None:
    stall = Stall(answer(200, b"0123456789"), after=4)
    with scripted([Step("GET", "/", stall)]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.read(4) == b"0123"
        stall.release()
        assert response.read() == b"456789"
        connection.close()


def test_a_stall_notices_that_the_client_left() -> None:
    stall = Stall()
    with scripted([Step("GET", "/", stall)]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        connection.request("GET", "/")
        assert stall.reached.wait(5)
        connection.close()
        assert stall.left.wait(5)


def test_closing_the_server_ends_what_stalls_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    stall = Stall()
    with scripted([Step("GET", "/", stall)]) as server:
        line = socket.create_connection(("127.0.0.1", server.port))
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stall.reached.wait(5)
    line.close()

    assert set(threading.enumerate()) == before


def test_a_trickle_sends_all_in_the_end() -> None:
    with scripted([Step("GET", "/", Trickle(answer(200, b"abcdef"), size=2, every_s=0.001))]) as server:
        assert ask(server)[2] == b"abcdef"


def test_an_endless_body_lasts_until_the_client_leaves() -> None:
    with scripted([Step("GET", "/", Endless())]) as server:
        connection = http.client.HTTPConnection(server.host, timeout=5)
        connection.request("GET", "/")
        assert len(connection.getresponse().read(1_000_000)) == 1_000_000
        connection.close()


def test_a_gzip_bomb_is_small_on_the_wire_and_whole_inside() -> None:
    with scripted([Step("GET", "/", GzipBomb(3 * 1024 * 1024, before=b"[", after=b"1]"))]) as server:
        _, headers, body = ask(server)

    assert headers["Content-Encoding"] == "gzip"
    assert len(body) < 20_000
    assert json.loads(zlib.decompress(body, 31)) == [1]


def test_a_redirect_can_loop_and_can_go_on_for_ever() -> None:
    with scripted([Step("GET", "/a", redirect("/a"), times=None), Step("GET", "/b", redirect("/hop/{n}"))]) as server:
        assert ask(server, "/a")[1]["Location"] == "/a"
        assert ask(server, "/b")[1]["Location"] == "/hop/1"


def test_html_comes_with_200() -> None:
    with scripted([Step("GET", "/", html())]) as server:
        status, headers, body = ask(server)

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<html>")


def test_a_refusal_is_the_specifications_error_document() -> None:
    with scripted([Step("GET", "/", refusal(404, "MANIFEST_UNKNOWN"))]) as server:
        status, _, body = ask(server)

    assert status == 404
    assert json.loads(body) == {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}


def test_an_upload_can_be_cut_before_it_is_read() -> None:
    with (
        scripted([Step("PUT", "/", Drop(), body_limit=3)]) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as line,
    ):
        line.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n123")
        assert line.recv(1) == b""

    assert server.requests[0].body == b"123"


def test_an_unused_port_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", unused_port()), timeout=5)


def test_a_client_that_speaks_no_http_ends_its_own_connection_only() -> None:
    with scripted([Step("GET", "/", answer(200))]) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(b"nonsense\r\n\r\n")
            assert line.recv(1) == b""
        assert ask(server)[0] == 200


def test_a_failed_handshake_ends_its_own_connection_only() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with scripted([], tls=context) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert server.url.startswith("https://")
