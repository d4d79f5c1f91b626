"""Challenges and scopes."""

from __future__ import annotations

import time

import pytest

from orlop.errors import InputError
from orlop.model.reference import RepositoryName
from orlop.protocol.challenge import (
    CATALOG,
    CHALLENGE_LIMIT,
    FIELD_LIMIT,
    Challenge,
    Scope,
    delete,
    merge,
    parse_challenges,
    pull,
    push,
)


def one(value: str) -> Challenge:
    (challenge,) = parse_challenges([value])
    return challenge


def test_scheme_and_names_are_read_in_lower_case_and_values_as_they_are() -> None:
    challenge = one('BEARER Realm="https://Auth.Test/Token",SERVICE="S"')

    assert challenge == Challenge("bearer", {"realm": "https://Auth.Test/Token", "service": "S"})


def test_several_fields_give_several_challenges() -> None:
    found = parse_challenges(['Bearer realm="a"', "Basic realm=b"])

    assert found == [Challenge("bearer", {"realm": "a"}), Challenge("basic", {"realm": "b"})]


def test_several_challenges_in_one_field_are_told_apart() -> None:
    found = parse_challenges(['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'])

    assert found == [
        Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
        Challenge("basic", {"realm": "simple"}),
    ]


def test_commas_and_schemes_inside_quotes_are_text() -> None:
    assert one('Bearer realm="a, Basic realm=b",scope="x:y:pull,push"').parameters == {
        "realm": "a, Basic realm=b",
        "scope": "x:y:pull,push",
    }


def test_a_scheme_alone_and_a_token_in_place_of_parameters_are_read() -> None:
    found = parse_challenges(["Negotiate, NTLM TlRMTVNTUAAC==, Basic"])

    assert found == [Challenge("negotiate", {}), Challenge("ntlm", {}, "TlRMTVNTUAAC=="), Challenge("basic", {})]


def test_a_missing_service_is_simply_not_there() -> None:
    assert one('Bearer realm="https://us-docker.pkg.dev/v2/token"').parameters == {
        "realm": "https://us-docker.pkg.dev/v2/token"
    }


@pytest.mark.parametrize(
    "value",
    [
        'Bearer realm="https://t/x?a=b",service=s',
        'Bearer realm="https://t/x?a=b" service="s"',
        'Bearer  realm = "https://t/x?a=b" ,, service = s ,',
        "Bearer realm=https://t/x?a=b,service=s",
        'Bearer ;;; realm="https://t/x?a=b", "junk", service="s"',
        ', , Bearer realm="https://t/x?a=b",\r\n service="s"',
        'Bearer realm="https://t/x?a=b",service="s",error="insufficient',
        'lost="1", Bearer realm="https://t/x?a=b",service="s"',
        'Bearer realm="https://t/x?a=b",service="s",realm="https://evil/"',
    ],
)
def test_a_usable_challenge_survives_what_is_written_wrongly(value: str) -> None:
    (challenge,) = [each for each in parse_challenges([value]) if each.parameters.get("realm")]

    assert challenge.scheme == "bearer"
    assert challenge.parameters["realm"] == "https://t/x?a=b"
    assert challenge.parameters["service"] == "s"


def test_a_quote_that_never_ends_gives_no_realm() -> None:
    assert not any("realm" in each.parameters for each in parse_challenges(['Bearer realm="https://t/']))


@pytest.mark.parametrize("value", ["", ",,,", "=", '"', "\x00", '="x"', "\\", "é"])
def test_garbage_gives_no_challenge_with_a_realm_and_no_exception(value: str) -> None:
    assert all(not each.parameters for each in parse_challenges([value]))


def test_scopes_are_read_from_one_string_and_from_repeated_parameters() -> None:
    challenge = one('Bearer realm="r",scope="repository:a:pull repository:b/c:push,pull",scope="registry:catalog:*"')

    assert challenge.scopes == (CATALOG, pull("a"), push("b/c"))


def test_what_is_no_scope_is_left_out() -> None:
    assert one('Bearer scope="repository:a:pull nonsense :: x:y"').scopes == (pull("a"),)


def test_a_challenge_without_a_scope_asks_for_none() -> None:
    assert one("Basic realm=x").scopes == ()


def test_a_challenge_prints_as_a_field() -> None:
    challenge = Challenge("bearer", {"realm": "https://t/", "title": 'a "b" \\'})

    assert str(challenge) == 'Bearer realm="https://t/",title="a \\"b\\" \\\\"'
    assert parse_challenges([str(challenge)]) == [challenge]


@pytest.mark.parametrize(
    "challenge",
    [
        Challenge("bearer", {"realm": "a\r\nSet-Cookie: x"}),
        Challenge("bearer", {"realm\n": "a"}),
        Challenge("two words", {}),
        Challenge("", {}),
        Challenge("negotiate", {}, "not a token"),
        Challenge("basic", {"realm": "\u20ac"}),
    ],
)
def test_what_no_field_can_hold_is_not_printed(challenge: Challenge) -> None:
    with pytest.raises(InputError):
        str(challenge)


def test_the_number_of_challenges_is_bounded() -> None:
    assert len(parse_challenges(["Basic realm=a," * 1000] * 10)) == CHALLENGE_LIMIT


@pytest.mark.parametrize(
    "unit",
    [
        "a=",
        '"',
        "\\",
        ",",
        " ",
        "a ",
        '"\\',
        "a",
        "=",
        'a="',
        "a\t",
        "Basic ",
        "a-",
        "\r\n",
        'x="\\"',
        "é",
        'a=\\" ',
        '" \\"',
    ],
)
def test_a_hostile_field_takes_no_long_time(unit: str) -> None:
    started = time.process_time()
    parse_challenges([unit * FIELD_LIMIT] * 4)

    assert time.process_time() - started < 1.0


# --- scopes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:library/debian:pull", Scope("repository", "library/debian", frozenset({"pull"}))),
        ("repository:host:5000/a:pull,push", Scope("repository", "host:5000/a", frozenset({"pull", "push"}))),
        ("repository(plugin):a/b:pull", Scope("repository(plugin)", "a/b", frozenset({"pull"}))),
        ("registry:catalog:*", CATALOG),
        ("repository:a:", Scope("repository", "a", frozenset())),
    ],
)
def test_a_scope_is_read_and_printed(text: str, scope: Scope) -> None:
    assert Scope.parse(text) == scope
    assert str(scope) == text


@pytest.mark.parametrize("text", ["", "a", "a:b", ":a:b", "a::b", "repository:a b:pull", "repository:a\n:pull"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Scope.parse(text)


def test_actions_print_in_one_order_whatever_the_order_they_came_in() -> None:
    assert (
        str(Scope.parse("repository:a:delete,metadata_read,push,pull")) == "repository:a:pull,push,delete,metadata_read"
    )


def test_scopes_of_one_resource_are_merged_into_one_in_a_settled_order() -> None:
    scopes = [pull("b"), push("a"), pull("a"), CATALOG]

    assert merge(scopes) == merge(reversed(scopes)) == (CATALOG, push("a"), pull("b"))


def test_a_wider_scope_covers_a_narrower_one() -> None:
    assert push("a").covers(pull("a"))
    assert not pull("a").covers(push("a"))
    assert not push("a").covers(pull("b"))
    assert Scope.parse("repository:a:*").covers(delete("a"))


def test_scopes_are_made_of_names_and_texts_alike() -> None:
    assert pull(RepositoryName("a/b")) == pull("a/b") == Scope.parse("repository:a/b:pull")
    assert str(push("a")) == "repository:a:pull,push"
    assert str(delete("a")) == "repository:a:pull,push,delete"
