from __future__ import annotations

import base64
import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from orlop.protocol.challenge import Scope
from orlop.protocol.message import Headers
from orlop.testing.sockets import Seen
from orlop.testing.tokenservice import ZERO_USER, Clock, Rules, Style, TokenService

if TYPE_CHECKING:
    from orlop.testing.replies import Answer

PULL = Scope.parse("repository:team/app:pull")
PUSH = Scope.parse("repository:team/app:pull,push")
RULES = Rules({"mary": "pw"}, private=["team/*"])
EVERY_POST = Style(posts=frozenset({"password", "refresh_token"}), exchange="/exchange")


def get(service: TokenService, query: str = "", user: str = "", password: str = "pw") -> tuple[int, dict[str, Any]]:
    fields = {}
    if user:
        fields["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return read(service.respond(Seen("GET", f"{service.style.path}?{query}", Headers(fields))))


def post(service: TokenService, path: str = "", /, **form: str) -> tuple[int, dict[str, Any]]:
    body = urlencode({key.rstrip("_"): value for key, value in form.items()}).encode()
    return read(service.respond(Seen("POST", path or service.style.path, Headers(), body)))


def read(answer: Answer) -> tuple[int, dict[str, Any]]:
    return answer.status, json.loads(answer.body) if answer.body.startswith(b"{") else {}


def test_anybody_gets_a_token_for_what_is_public() -> None:
    service = TokenService(RULES)
    status, document = get(service, "scope=repository:library/x:pull")

    assert status == 200
    assert service.scopes_of(document["token"]) == (Scope.parse("repository:library/x:pull"),)


def test_a_private_repository_is_left_out_of_a_strangers_token() -> None:
    service = TokenService(RULES)
    assert service.scopes_of(get(service, f"scope={PULL}")[1]["token"]) == ()


def test_a_style_may_refuse_instead() -> None:
    status, document = get(TokenService(RULES, Style(denies=True)), f"scope={PULL}")
    assert (status, document["errors"][0]["code"]) == (403, "DENIED")


def test_a_user_gets_what_was_asked_for() -> None:
    service = TokenService(RULES)
    assert service.scopes_of(get(service, f"scope={PUSH}", "mary")[1]["token"]) == (PUSH,)


def test_a_wrong_password_gets_none() -> None:
    service = TokenService(RULES, Style(unauthorized={"details": "incorrect username or password"}))
    assert get(service, f"scope={PUSH}", "mary", "guess") == (401, {"details": "incorrect username or password"})


def test_a_style_may_refuse_strangers() -> None:
    assert get(TokenService(RULES, Style(anonymous=False)))[0] == 401


def test_several_scopes_come_apart_or_in_one() -> None:
    service = TokenService(RULES)
    for query in ("scope=repository:a:pull&scope=repository:b:pull", "scope=repository:a:pull+repository:b:pull"):
        granted = service.scopes_of(get(service, query)[1]["token"])
        assert granted == (Scope.parse("repository:a:pull"), Scope.parse("repository:b:pull"))


def test_the_style_names_the_fields() -> None:
    service = TokenService(RULES, Style(fields=("access_token",), lifetime=False))
    assert list(get(service)[1]) == ["access_token"]
    service = TokenService(RULES, Style(fields=("token", "access_token")), clock=Clock(0), lifetime_s=300)
    document = get(service)[1]
    assert document["token"] == document["access_token"]
    assert (document["expires_in"], document["issued_at"]) == (300, "1970-01-01T00:00:00.000000000Z")


def test_a_token_ends_when_its_time_is_over() -> None:
    clock = Clock(1000)
    service = TokenService(RULES, lifetime_s=60, clock=clock)
    token = service.issue("mary", [PULL])
    clock.advance(59)
    assert service.scopes_of(token) == (PULL,)
    clock.advance(1)
    assert service.scopes_of(token) is None


def test_tokens_can_be_revoked_all_at_once() -> None:
    service = TokenService(RULES)
    old = service.issue("mary", [PULL])
    service.revoke_all()
    assert service.scopes_of(old) is None
    assert service.scopes_of(service.issue("mary", [PULL])) == (PULL,)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "a.b.ä"])
def test_another_text_is_no_token(token: str) -> None:
    assert TokenService(RULES).scopes_of(token) is None


def test_a_token_of_another_service_is_none_of_ours() -> None:
    assert TokenService(RULES, service="a").scopes_of(TokenService(RULES, service="b").issue("", [])) is None


def test_a_password_is_taken_by_post() -> None:
    service = TokenService(RULES, EVERY_POST)
    status, document = post(service, grant_type="password", username="mary", password="pw", scope=str(PUSH))

    assert status == 200
    assert set(document) == {"access_token", "scope", "expires_in", "issued_at"}
    assert service.scopes_of(document["access_token"]) == (PUSH,)


def test_an_offline_token_buys_more_tokens() -> None:
    service = TokenService(RULES, EVERY_POST)
    first = post(service, grant_type="password", username="mary", password="pw", access_type="offline")[1]
    refresh = first["refresh_token"]
    second = post(service, grant_type="refresh_token", refresh_token=refresh, scope=str(PULL))[1]

    assert service.scopes_of(second["access_token"]) == (PULL,)
    assert second["refresh_token"] == refresh


def test_a_get_can_ask_for_an_offline_token() -> None:
    service = TokenService(RULES, EVERY_POST)
    assert "refresh_token" in get(service, "offline_token=true", "mary")[1]
    assert "refresh_token" not in get(service, "offline_token=true")[1]


def test_a_refresh_token_is_the_password_of_nobodys_user() -> None:
    service = TokenService(RULES, EVERY_POST)
    refresh = service.refresh_token("mary")
    token = get(service, f"scope={PULL}", ZERO_USER, refresh)[1]["token"]
    assert service.scopes_of(token) == (PULL,)


def test_an_entra_token_is_exchanged() -> None:
    service = TokenService(RULES, EVERY_POST, service="demo.azurecr.io")
    form = {"grant_type": "access_token", "access_token": service.entra_token("mary")}
    assert post(service, "/exchange", service="demo.azurecr.io", **form)[1].keys() == {"refresh_token"}
    assert post(service, "/exchange", service="other.azurecr.io", **form)[0] == 401
    assert post(service, "/exchange", service="demo.azurecr.io", access_token="x.y.z")[0] == 401


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "mary", "password": "guess"},
        {"grant_type": "refresh_token", "refresh_token": "guess"},
        {"grant_type": "refresh_token"},
    ],
)
def test_a_wrong_secret_gets_none_by_post(form: dict[str, str]) -> None:
    assert post(TokenService(RULES, EVERY_POST), **form)[0] == 401


def test_an_unknown_grant_is_told_in_oauths_words() -> None:
    status, document = post(TokenService(RULES, EVERY_POST), grant_type="guess")
    assert (status, document["error"]) == (400, "unsupported_grant_type")


def test_post_is_refused_where_only_get_is_known() -> None:
    assert post(TokenService(RULES), grant_type="password")[0] == 405


def test_another_path_is_not_found() -> None:
    assert TokenService(RULES).respond(Seen("GET", "/other", Headers())).status == 404


def test_rules_can_be_a_function() -> None:
    rules = Rules({"mary": "pw"}, may=lambda user, name: ["pull", "push"] if name.startswith(f"{user}/") else ["pull"])
    assert rules.allowed("mary", Scope.parse("repository:mary/a:push")).actions == {"push"}
    assert not rules.allowed("mary", Scope.parse("repository:tom/a:push")).actions


def test_the_catalog_is_for_users() -> None:
    catalog = Scope.parse("registry:catalog:*")
    assert RULES.allowed("mary", catalog) == catalog
    assert not RULES.allowed("", catalog).actions


def test_it_can_have_a_server_of_its_own() -> None:
    with TokenService(RULES).serve() as server:
        with urllib.request.urlopen(f"{server.url}/token", timeout=5) as answer:
            assert "token" in json.load(answer)
        assert server.requests[0].path == "/token"


def test_secrets_are_not_shown() -> None:
    assert "pw" not in repr(RULES)
