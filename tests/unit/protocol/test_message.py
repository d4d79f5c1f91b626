"""Requests, answers and header fields as values."""

from __future__ import annotations

import pytest

from orlop.protocol.message import Headers, Request, Response


def test_names_are_found_whatever_their_case() -> None:
    headers = Headers({"Content-Type": "text/plain"})

    assert headers["CONTENT-TYPE"] == headers.get("content-type") == "text/plain"
    assert "Content-type" in headers
    assert list(headers) == ["content-type"]


def test_several_values_of_a_name_are_kept_in_order() -> None:
    headers = Headers([("Link", "a"), ("ETag", "x"), ("link", "b")])

    assert headers["link"] == "a"
    assert headers.all("LINK") == ["a", "b"]
    assert list(headers.pairs()) == [("link", "a"), ("link", "b"), ("etag", "x")]
    assert len(headers) == 2


def test_a_missing_name_is_absent() -> None:
    headers = Headers()

    assert headers.get("etag") is None
    assert headers.get("etag", "none") == "none"
    assert headers.all("etag") == []
    assert "etag" not in headers
    with pytest.raises(KeyError):
        headers["etag"]


def test_what_is_secret_is_not_in_a_repr() -> None:
    fields = {
        "Authorization": "Bearer secret",
        "Cookie": "secret",
        "Set-Cookie": "secret",
        "Proxy-Authorization": "secret",
    }
    request = Request("GET", "https://h/token?password=secret", Headers(fields), b"secret")

    for value in (Headers(fields), request, Response(200, Headers(fields), b"secret")):
        assert "secret" not in repr(value)
