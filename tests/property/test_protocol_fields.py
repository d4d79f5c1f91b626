"""Header fields: what is printed is read back, and nothing that comes in raises."""

from __future__ import annotations

import string
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import RedirectRefusedError
from orlop.protocol.challenge import Challenge, Scope, merge, parse_challenges
from orlop.protocol.headers import (
    WAIT_LIMIT_S,
    ByteRange,
    ContentRange,
    Link,
    RateLimit,
    build_chunk,
    build_date,
    build_link,
    join_url,
    next_page,
    origin,
    parse_chunk,
    parse_date,
    parse_link,
    retry_after,
    warnings,
)
from orlop.protocol.message import Headers

token = st.text(string.ascii_lowercase + string.digits + "!#$%&'*+.^_`|~-", min_size=1, max_size=12)
field_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)
token68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,20}={0,2}", fullmatch=True)
challenges = st.lists(
    st.builds(Challenge, token, st.dictionaries(token, field_text, min_size=1, max_size=5))
    | st.builds(Challenge, token, st.just({}), token68 | st.just("")),
    min_size=1,
    max_size=5,
)


@given(challenges)
def test_challenges_are_read_back_from_one_field_and_from_several(items: list[Challenge]) -> None:
    assert parse_challenges([str(item) for item in items]) == items
    assert parse_challenges([", ".join(map(str, items))]) == items


@given(st.lists(st.text(max_size=200), max_size=4))
def test_any_field_gives_challenges_without_an_exception(values: list[str]) -> None:
    for challenge in parse_challenges(values):
        assert challenge.scheme == challenge.scheme.lower()
        assert challenge.scopes == merge(challenge.scopes)


noise = st.text(string.ascii_letters + string.digits + '=,"\\ \t;:/', max_size=30)


@given(st.sampled_from(["", ",", " , ", ";;", '"x"', "é,"]), st.sampled_from(["", ",", ", Basic", ", é", ' , "open']))
def test_a_usable_challenge_is_found_among_noise(before: str, after: str) -> None:
    found = parse_challenges([f'{before} Bearer realm="https://t/?a,b",service="s"{after}'])

    assert Challenge("bearer", {"realm": "https://t/?a,b", "service": "s"}) in found


@given(noise)
def test_noise_after_a_challenge_does_not_change_its_realm(text: str) -> None:
    found = parse_challenges([f'Bearer realm="https://t/",{text}'])

    assert found[0].scheme == "bearer"
    assert found[0].parameters["realm"] == "https://t/"


word = st.text(string.ascii_letters + string.digits + "/._-()*", min_size=1, max_size=12)
scopes = st.builds(Scope, word, st.lists(word, min_size=1, max_size=3).map(":".join), st.frozensets(word, max_size=5))


@given(scopes)
def test_a_scope_is_read_back(scope: Scope) -> None:
    assert Scope.parse(str(scope)) == scope


@given(st.lists(scopes, max_size=6))
def test_merged_scopes_cover_each_and_are_settled(items: list[Scope]) -> None:
    merged = merge(items)

    assert merge(merged) == merge(reversed(items)) == merged
    assert len({scope[:2] for scope in merged}) == len(merged)
    assert all(any(wide.covers(scope) for wide in merged) for scope in items)
    assert merge(Scope.parse_all(" ".join(map(str, items)))) == merged


# --- links -------------------------------------------------------------------------------------

cursor = st.text(string.ascii_letters + string.digits + "%&=+-._~!$'()*,;:@/?", min_size=1, max_size=60)
home = "https://registry.test:5000"


@given(cursor, st.booleans(), st.sampled_from(['; rel="next"', ";rel=next", '; n=1; title="a,<b>"; REL="last next"']))
def test_a_link_keeps_its_cursor_byte_for_byte(last: str, absolute: bool, parameters: str) -> None:
    target = f"{home if absolute else ''}/v2/a/tags/list?last={last}"

    assert next_page(Headers({"link": f"<{target}>{parameters}"}), f"{home}/v2/a/tags/list") == (
        f"{home}/v2/a/tags/list?last={last}"
    )


link_target = st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters="<> "), max_size=40)


@given(link_target, token)
def test_a_link_that_is_built_is_read_back(target: str, rel: str) -> None:
    assert parse_link([build_link(target, rel)]) == [Link(target, {"rel": rel})]


@given(st.text(max_size=60) | cursor, st.lists(st.text(max_size=60), max_size=3))
def test_any_link_stays_or_is_refused(target: str, others: list[str]) -> None:
    fields = Headers([("link", f'<{target}>; rel="next"'), *[("link", other) for other in others]])
    with suppress(RedirectRefusedError):
        url = next_page(fields, f"{home}/v2/a/tags/list")
        assert url is None or origin(url) == home


@given(st.text(max_size=60))
def test_a_joined_location_is_absolute(location: str) -> None:
    url = join_url(f"{home}/v2/a/b?c#d", location)

    assert ":" in url
    assert join_url(url, url) == url or "#" in url or "://" not in url


# --- ranges, dates, limits ---------------------------------------------------------------------

sizes = st.integers(0, 10**15)


@given(sizes, st.none() | st.integers(1, 10**12))
def test_a_range_is_read_back(start: int, length: int | None) -> None:
    wanted = ByteRange(start, None if length is None else start + length)

    assert ByteRange.parse(str(wanted)) == wanted


@given(st.integers(1, 10**15))
def test_a_range_from_the_end_is_read_back(length: int) -> None:
    assert ByteRange.parse(str(ByteRange(-length))) == ByteRange(-length)


@given(st.integers(-1000, 1000), st.none() | st.integers(0, 1000), st.integers(0, 1000))
def test_a_range_is_placed_inside_or_nowhere(start: int, stop: int | None, size: int) -> None:
    placed = ByteRange(start, stop).within(size)

    assert placed is None or 0 <= placed[0] < placed[1] <= size


@given(sizes, st.integers(1, 10**12), st.none() | sizes)
def test_a_content_range_is_read_back(start: int, length: int, beyond: int | None) -> None:
    part = ContentRange(start, start + length, None if beyond is None else start + length + beyond)

    assert ContentRange.parse(str(part)) == part


@given(sizes)
def test_a_refused_range_is_read_back(total: int) -> None:
    assert ContentRange.parse(str(ContentRange(0, 0, total))) == ContentRange(0, 0, total)


@given(sizes, st.integers(1, 10**12), st.sampled_from(["", "bytes=", "bytes "]))
def test_the_range_of_an_upload_is_read_back(start: int, length: int, unit: str) -> None:
    assert parse_chunk(unit + build_chunk(start, start + length)) == (start, start + length)


@given(st.integers(0, 253_402_300_799))
def test_a_date_is_read_back(seconds: int) -> None:
    assert parse_date(build_date(seconds)) == seconds


@given(st.text(max_size=40) | st.integers().map(str) | st.floats().map(str))
def test_any_field_is_read_without_an_exception(value: str) -> None:
    wait = retry_after(value, 0.0)

    assert wait is None or 0.0 <= wait <= WAIT_LIMIT_S
    parse_date(value)
    ByteRange.parse(value)
    ContentRange.parse(value)
    parse_chunk(value)
    RateLimit.from_headers(Headers({"ratelimit-limit": value, "ratelimit-remaining": value}))
    assert all(line.isprintable() for line in warnings(Headers({"warning": f'299 - "{value}"'})))
