"""URLs, links, ranges, dates, limits and warnings in header fields."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from orlop.errors import RedirectRefusedError
from orlop.protocol.headers import (
    HEADER_LIMIT,
    WAIT_LIMIT_S,
    ByteRange,
    ContentRange,
    Link,
    RateLimit,
    build_chunk,
    build_date,
    build_link,
    join_url,
    media_type_of,
    next_page,
    origin,
    parse_chunk,
    parse_date,
    parse_link,
    retry_after,
    same_origin,
    wait_of,
    warnings,
)
from orlop.protocol.message import Headers

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
HERE = "https://registry.test/v2/a/tags/list?n=3"


# --- URLs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Registry.Test/v2/", "https://registry.test"),
        ("https://registry.test:443?x", "https://registry.test"),
        ("http://registry.test:80", "http://registry.test"),
        ("http://registry.test:443/", "http://registry.test:443"),
        ("http://[::1]:5000/v2/", "http://[::1]:5000"),
        ("https://user:secret@registry.test/x@y", "https://registry.test"),
        ("https://registry.test:/", "https://registry.test"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ftp://registry.test/",
        "registry.test",
        "javascript:alert(1)",
        "https://",
        "https://evil.test\\@registry.test/",
        "https://registry.test\t.evil.test/",
        "https://registry.test\n/",
        "https://registry.test /",
        "https://re\u0131istry.test/",
        "https://registry.test:x/",
    ],
)
def test_what_url_parsers_disagree_about_has_no_origin(url: str) -> None:
    with pytest.raises(RedirectRefusedError):
        origin(url)


def test_origins_differ_by_scheme_host_and_port_only() -> None:
    assert same_origin("https://a.test/x", "HTTPS://A.test:443/y?z")
    assert not same_origin("https://a.test/", "http://a.test/")
    assert not same_origin("https://a.test/", "https://a.test:8443/")
    assert not same_origin("https://a.test/", "https://a.test.evil.test/")
    assert not same_origin("https://a.test/", "https://a.test@evil.test/")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/x?last=a%2Fb", "https://h.test/v2/x?last=a%2Fb"),
        ("?last=b", "https://h.test/v2/a/list?last=b"),
        ("more?last=b", "https://h.test/v2/a/more?last=b"),
        ("../b/./c", "https://h.test/v2/b/c"),
        ("/../../x", "https://h.test/x"),
        ("/x/..", "https://h.test/"),
        ("/x?p=/../y", "https://h.test/x?p=/../y"),
        ("//other.test/x", "https://other.test/x"),
        ("http://other.test/x", "http://other.test/x"),
        ("", "https://h.test/v2/a/list?n=1"),
        ("#part", "https://h.test/v2/a/list?n=1"),
    ],
)
def test_a_location_is_joined_to_where_it_came_from(location: str, expected: object) -> None:
    assert join_url("https://h.test/v2/a/list?n=1#top", location) == expected


def test_a_path_is_joined_to_a_bare_origin() -> None:
    assert join_url("https://h.test", "x") == "https://h.test/x"
    assert join_url("https://h.test?q", "x") == "https://h.test/x"


# --- Link --------------------------------------------------------------------------------------


def page(*links: str) -> Headers:
    return Headers([("Link", link) for link in links])


@pytest.mark.parametrize(
    "link",
    [
        '</v2/a/tags/list?last=c&n=3>; rel="next"',
        "</v2/a/tags/list?last=c&n=3>; rel=next",
        "</v2/a/tags/list?last=c&n=3>;REL=Next",
        '</v2/a/tags/list?last=c&n=3>; title="a, b"; rel="next"',
        '</v2/a/tags/list?last=c&n=3>; rel="last next"; n=3',
        '</v2/a/tags/list>; rel="first", </v2/a/tags/list?last=c&n=3>; rel="next"',
        '<https://registry.test/v2/a/tags/list?last=c&n=3>; rel="next"',
        '<https://REGISTRY.test:443/v2/a/tags/list?last=c&n=3>; rel="next"',
        '<?last=c&n=3>; rel="next"',
        '<//registry.test/v2/a/tags/list?last=c&n=3>; rel="next"',
    ],
)
def test_the_next_page_is_found_however_the_link_is_written(link: str) -> None:
    url = next_page(page(link), HERE)

    assert url is not None
    assert url.lower().replace(":443", "") == "https://registry.test/v2/a/tags/list?last=c&n=3"


def test_the_next_page_may_be_in_a_second_field() -> None:
    assert next_page(page("</x>; rel=first", "</v2/?b>; rel=next"), HERE) == "https://registry.test/v2/?b"


@pytest.mark.parametrize("link", ["", "</x>", '</x>; rel="prev"', "</x>; rel", "garbage; rel=next", '</x; rel="next"'])
def test_no_link_to_a_next_page_ends_the_list(link: str) -> None:
    assert next_page(page(link), HERE) is None


def test_no_field_at_all_ends_the_list() -> None:
    assert next_page(Headers(), HERE) is None


def test_the_cursor_is_kept_byte_for_byte() -> None:
    cursor = "last=a%2fb%2B+c%zz==&n=3&&x='*~"

    assert (
        next_page(page(f"</v2/a/tags/list?{cursor}>; rel=next"), HERE)
        == f"https://registry.test/v2/a/tags/list?{cursor}"
    )


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/v2/",
        "//evil.test/v2/",
        "https://registry.test@evil.test/",
        "https://registry.test:444/",
        "https://registry.test\\@evil.test/",
        "file:///etc/passwd",
    ],
)
def test_a_link_may_not_leave_the_registry(target: str) -> None:
    with pytest.raises(RedirectRefusedError):
        next_page(page(f"<{target}>; rel=next"), HERE)


def test_a_link_to_plain_http_is_refused_with_what_to_repair() -> None:
    with pytest.raises(RedirectRefusedError) as caught:
        next_page(page("<http://registry.test/v2/x>; rel=next"), HERE)

    assert "X-Forwarded-Proto" in (caught.value.hint or "")


def test_a_refusal_shows_neither_query_nor_user() -> None:
    with pytest.raises(RedirectRefusedError) as caught:
        next_page(page("<https://user:pass@evil.test/x?sig=secret>; rel=next"), HERE)

    assert "secret" not in str(caught.value)
    assert "pass" not in str(caught.value)


def test_a_link_that_leads_back_is_refused() -> None:
    with pytest.raises(RedirectRefusedError, match="back"):
        next_page(page(f"<{HERE}>; rel=next"), HERE)
    with pytest.raises(RedirectRefusedError, match="back"):
        next_page(page("</first>; rel=next"), HERE, {"https://registry.test/first"})


def test_links_are_read_with_all_their_parameters() -> None:
    text = '<a>; rel="x \\"y\\""; flag; n=1, <b>;REL=z;rel=ignored'

    assert parse_link([text]) == [Link("a", {"rel": 'x "y"', "flag": "", "n": "1"}), Link("b", {"rel": "z"})]


def test_a_link_that_is_built_is_read_back() -> None:
    assert parse_link([build_link("/v2/_catalog?n=1&last=a")]) == [Link("/v2/_catalog?n=1&last=a", {"rel": "next"})]


# --- ranges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=5-9", ByteRange(5, 10)),
        ("bytes=5-", ByteRange(5)),
        ("bytes=-5", ByteRange(-5)),
        (" Bytes = 5-9 ", ByteRange(5, 10)),
    ],
)
def test_a_range_is_read(value: str, expected: object) -> None:
    assert ByteRange.parse(value) == expected


@pytest.mark.parametrize(
    "value", ["", "bytes=", "bytes=-", "bytes=-0", "bytes=9-5", "bytes=0-1,3-4", "items=0-1", "bytes=x-1"]
)
def test_a_range_that_is_none_is_to_be_ignored(value: str) -> None:
    assert ByteRange.parse(value) is None


@pytest.mark.parametrize(
    ("wanted", "size", "expected"),
    [
        (ByteRange(0, 5), 10, (0, 5)),
        (ByteRange(8, 20), 10, (8, 10)),
        (ByteRange(3), 10, (3, 10)),
        (ByteRange(-3), 10, (7, 10)),
        (ByteRange(-30), 10, (0, 10)),
        (ByteRange(10), 10, None),
        (ByteRange(0), 0, None),
        (ByteRange(-5), 0, None),
    ],
)
def test_a_range_is_placed_in_what_is_there(wanted: ByteRange, size: int, expected: object) -> None:
    assert wanted.within(size) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-4/10", ContentRange(0, 5, 10)),
        ("bytes 5-9/*", ContentRange(5, 10)),
        ("bytes */10", ContentRange(0, 0, 10)),
        ("bytes */*", None),
        ("bytes 5-4/10", None),
        ("bytes 0-10/10", None),
        ("0-4/10", None),
        ("", None),
    ],
)
def test_a_content_range_is_read(value: str, expected: object) -> None:
    assert ContentRange.parse(value) == expected


@pytest.mark.parametrize("value", ["0-1023", "bytes=0-1023", "bytes 0-1023/*", "bytes 0-1023/4096", " bytes 0-1023 "])
def test_the_range_of_an_upload_is_read_with_and_without_its_unit(value: str) -> None:
    assert parse_chunk(value) == (0, 1024)


@pytest.mark.parametrize("value", ["", "0", "5-4", "-5", "a-b", "0-1,2-3"])
def test_what_is_no_range_of_an_upload_is_none(value: str) -> None:
    assert parse_chunk(value) is None


def test_the_range_of_an_empty_upload_is_written_as_registries_do() -> None:
    assert build_chunk(0, 0) == "0-0"
    assert build_chunk(0, 1024) == "0-1023"
    assert build_chunk(1024, 2048) == "1024-2047"


# --- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tuesday, 14-Nov-23 22:13:20 GMT",
        "Tue Nov 14 22:13:20 2023",
    ],
)
def test_each_form_of_a_date_is_read(value: str) -> None:
    assert parse_date(value) == NOW


@pytest.mark.parametrize(
    "value", ["", "yesterday", "Tue, 31 Feb 2023 00:00:00 GMT", "Tue, 14 Foo 2023 22:13:20 GMT", "Tue, 14 Nov 2023"]
)
def test_what_is_no_date_is_none(value: str) -> None:
    assert parse_date(value) is None


def test_a_date_is_written_in_the_form_to_be_sent() -> None:
    assert build_date(NOW) == "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-5", 0.0),
        ("999999999999", WAIT_LIMIT_S),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0.0),
        ("Tue, 14 Nov 2073 22:12:20 GMT", WAIT_LIMIT_S),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 400, None),
        ("", None),
        (None, None),
    ],
)
def test_the_time_to_wait_is_read_and_kept_within_reason(value: str | None, expected: object) -> None:
    assert retry_after(value, NOW) == expected


def test_a_date_to_wait_for_is_taken_against_the_date_of_the_answer() -> None:
    fields = {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT", "Date": "Tue, 14 Nov 2023 22:13:50 GMT"}

    assert wait_of(Headers(fields)) == 30.0
    assert wait_of(Headers(fields), now=NOW) == 60.0
    assert wait_of(Headers()) is None


# --- limits and warnings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}, RateLimit(100, 76, 21600)),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "7"}, RateLimit(100, 7)),
        ({"ratelimit-limit": "100, 100;w=60;burst=5"}, RateLimit(100, None)),
        ({"ratelimit-limit": '100;burst=5;w="60"'}, RateLimit(100, None, 60)),
        ({"ratelimit-remaining": "0;w=21600"}, RateLimit(None, 0, 21600)),
        ({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999"}, RateLimit(5000, 4999)),
        (
            {"ratelimit-limit": "200;w=21600", "ratelimit-remaining": "1", "docker-ratelimit-source": "192.0.2.1"},
            RateLimit(200, 1, 21600, "192.0.2.1"),
        ),
        ({"ratelimit-limit": "many", "ratelimit-remaining": "-1"}, None),
        ({}, None),
    ],
)
def test_the_rate_limit_is_read(fields: dict[str, str], expected: object) -> None:
    assert RateLimit.from_headers(Headers(fields)) == expected


def test_warnings_for_users_are_read_on_one_line_each() -> None:
    fields = [
        ("Warning", '299 - "this tag \\"old\\" goes away"'),
        ("Warning", '299 registry "second\x1b[31m", 299 - "third"'),
        ("Warning", '199 - "not for users"'),
        ("Warning", "nonsense"),
    ]

    assert warnings(Headers(fields)) == ['this tag "old" goes away', "second [31m", "third"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Application/JSON; charset=utf-8", "application/json"), ("text/plain", "text/plain"), ("", "")],
)
def test_a_media_type_is_read_without_its_parameters(value: str, expected: object) -> None:
    assert media_type_of(Headers({"Content-Type": value})) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        ">",
        "<>",
        "<a>;",
        '<a>;b="',
        '<a>; b="\\"',
        " ",
        "\t",
        "299 ",
        '299 - "',
        "bytes=",
        "0",
        "-",
        ";",
        "/",
        "%",
        "@",
        "http://",
    ],
)
def test_a_hostile_field_takes_no_long_time(unit: str) -> None:
    value = unit * (2 * HEADER_LIMIT // len(unit))
    headers = Headers([(name, value) for name in ("link", "warning", "retry-after", "ratelimit-limit")])
    started = time.process_time()

    parse_link([value])
    warnings(headers)
    RateLimit.from_headers(headers)
    for text in (value, f"bytes={value}", f"bytes {value}", f"0-{value}"):
        ByteRange.parse(text)
        ContentRange.parse(text)
        parse_chunk(text)
        retry_after(text, NOW)
    for text in (value, f"https://{value}", f"/{value}"):
        with suppress(RedirectRefusedError):
            origin(join_url(HERE, text))

    assert time.process_time() - started < 1.0
