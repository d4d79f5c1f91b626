from __future__ import annotations

import pytest

from orlop.errors import RedirectRefusedError
from orlop.protocol.message import Request
from orlop.transport.redirect import follow

FROM = "https://registry.example/v2/a/blobs/x"
SIGNED = {"authorization": "Bearer secret", "accept": "*/*", "range": "bytes=5-", "cookie": "c=1"}


def go(location: str | None, *, method: str = "GET", url: str = FROM, seen: list[str] | None = None) -> Request:
    return follow(Request(method, url, SIGNED), 307, location, [url] if seen is None else seen)


def test_another_origin_gets_no_authorization_and_no_cookie() -> None:
    assert dict(go("https://storage.example/x?sig=1").headers) == {"accept": "*/*", "range": "bytes=5-"}


@pytest.mark.parametrize("url", ["https://registry.example:8443/x", "https://other.registry.example/x"])
def test_another_port_or_name_is_another_origin(url: str) -> None:
    assert "authorization" not in go(url).headers


@pytest.mark.parametrize(
    "location", ["/v2/elsewhere", "https://registry.example/v2/y", "https://registry.example:443/v2/y"]
)
def test_the_same_origin_keeps_everything(location: str) -> None:
    assert dict(go(location).headers) == SIGNED


def test_credentials_are_not_taken_up_again_on_the_way_back() -> None:
    away = go("https://storage.example/x")
    back = follow(away, 307, FROM + "?again", [FROM, away.url])
    assert "authorization" not in back.headers


@pytest.mark.parametrize(
    "location",
    [
        "http://registry.example/plain",
        "http://127.0.0.1/x",
        "https://127.0.0.1:9000/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.8/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://localhost/x",
        "ftp://storage.example/x",
        "",
        None,
    ],
)
def test_some_places_are_not_followed_from_outside(location: str | None) -> None:
    with pytest.raises(RedirectRefusedError):
        go(location)


def test_loopback_may_lead_to_loopback() -> None:
    assert go("http://127.0.0.1:9/y", url="http://127.0.0.1:8/x").url == "http://127.0.0.1:9/y"


def test_a_private_registry_may_lead_to_private_storage() -> None:
    assert go("https://10.0.0.9/y", url="https://10.0.0.8/x").url == "https://10.0.0.9/y"


def test_loops_and_long_chains_end() -> None:
    seen = [FROM]
    with pytest.raises(RedirectRefusedError, match="loop"):
        go(FROM, seen=seen)
    with pytest.raises(RedirectRefusedError, match="too often"):
        for step in range(20):
            go(f"https://registry.example/{step}", seen=seen)


def test_a_write_does_not_leave_its_origin() -> None:
    with pytest.raises(RedirectRefusedError, match="PUT"):
        go("https://storage.example/x", method="PUT")


def test_the_error_shows_no_query() -> None:
    with pytest.raises(RedirectRefusedError) as caught:
        go("http://storage.example/x?sig=hunter2")
    assert "hunter2" not in str(caught.value)
