from __future__ import annotations

from orlop.protocol.message import Headers, Request
from orlop.transport.redact import redact_header, redact_url
from orlop.transport.trace import Exchange

SECRET = "hunter2"


def test_an_exchange_holds_no_secret() -> None:
    request = Request(
        "POST",
        f"https://user:{SECRET}@auth.example/token?refresh_token={SECRET}&service=s",
        {"authorization": f"Bearer {SECRET}", "cookie": f"s={SECRET}"},
        f"grant_type=password&password={SECRET}&username=me".encode(),
    )
    answer = Headers([("set-cookie", SECRET), ("location", f"https://s.example/x?X-Amz-Signature={SECRET}&a=1")])
    exchange = Exchange.of(request, 307, answer, 0.01)
    assert SECRET not in repr(exchange)
    assert SECRET not in "\n".join(exchange.lines())
    assert exchange.form == ("grant_type=password", "password", "username")


def test_what_is_no_secret_stays_readable() -> None:
    assert (
        redact_url("https://a/token?service=registry&scope=repository:x:pull")
        == "https://a/token?service=registry&scope=repository:x:pull"
    )
    assert redact_header("Authorization", "Basic dTpw") == "Basic ***"
    assert redact_header("Accept", "x") == "x"


def test_the_lines_read_like_an_exchange() -> None:
    exchange = Exchange.of(
        Request("GET", "https://r/v2/", {"accept": "*/*"}), 200, Headers({"etag": "e"}), 0.012, attempt=2
    )
    assert exchange.lines() == ["> GET https://r/v2/", ">   accept: */*", "< 200 (12 ms, try 2)", "<   etag: e"]
