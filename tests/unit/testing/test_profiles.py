"""The profiles' wire, looked at with nothing of orlop's client between."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from orlop.protocol.challenge import Challenge, parse_challenges
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer
from orlop.testing.profiles import KINDS, Profile, profile
from orlop.testing.tokenservice import Clock

Got = tuple[int, http.client.HTTPMessage, bytes]

IMAGE = image([layer({"a": b"layer"})])
BLOB = f"blobs/{IMAGE.blobs[1].descriptor.digest}"
USERS = {"mary": "ghp_Secret123"}
BEARER = [name for name, kind in KINDS.items() if kind.scheme == "bearer"]
BASIC = [name for name, kind in KINDS.items() if kind.scheme == "basic"]


def ask(
    url: str, path: str = "", method: str = "GET", authorization: str = "", form: dict[str, str] | None = None
) -> Got:
    parts = urlsplit(url + path)
    headers = {"Authorization": authorization} if authorization else {}
    body = urlencode(form) if form else None
    with closing(http.client.HTTPConnection(parts.netloc, timeout=5)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def basic(user: str = "mary", password: str = USERS["mary"]) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def challenge(got: Got) -> Challenge:
    status, headers, _ = got
    assert status == 401
    return parse_challenges(headers.get_all("WWW-Authenticate", []))[0]


def fill(p: Profile) -> None:
    push_now(IMAGE, p.registry, "library/app", tags=["1"])
    push_now(IMAGE, p.registry, "team/app", tags=["1"])


def token(p: Profile, scope: str, authorization: str = "") -> dict[str, Any]:
    status, _, body = ask(
        f"{p.realm}?{urlencode({'service': p.tokens.service, 'scope': scope})}", authorization=authorization
    )
    assert status == 200
    document: dict[str, Any] = json.loads(body)
    return document


def bearer(document: dict[str, Any]) -> str:
    return f"Bearer {document.get('token') or document['access_token']}"


@pytest.mark.parametrize(
    ("name", "service", "path"),
    [
        ("hub", "registry.docker.io", "/token"),
        ("ghcr", "ghcr.io", "/token"),
        ("acr", None, "/oauth2/token"),
        ("quay", "quay.io", "/v2/auth"),
        ("gitlab", "container_registry", "/jwt/auth"),
        ("harbor", "harbor-registry", "/service/token"),
        ("google", "gcr.io", "/v2/token"),
    ],
)
def test_each_registry_names_its_token_service(name: str, service: str | None, path: str) -> None:
    with profile(name) as p:
        found = challenge(ask(p.url, "/v2/"))
        assert found.scheme == "bearer"
        assert found.parameters["service"] == (service or p.host)
        assert urlsplit(found.parameters["realm"]).path == path
        same_place = urlsplit(found.parameters["realm"]).netloc == p.host
        assert same_place == (name not in {"hub", "gitlab"})


@pytest.mark.parametrize("name", BEARER)
def test_a_challenge_names_the_scope_that_is_needed(name: str) -> None:
    with profile(name) as p:
        assert challenge(ask(p.url, "/v2/team/app/manifests/1")).parameters["scope"] == "repository:team/app:pull"
        pushing = challenge(ask(p.url, "/v2/team/app/manifests/1", "PUT"))
        assert pushing.parameters["scope"] == "repository:team/app:pull,push"
        mounting = challenge(ask(p.url, "/v2/a/blobs/uploads/?mount=sha256:" + "0" * 64 + "&from=b", "POST"))
        assert mounting.parameters["scope"] == "repository:a:pull,push repository:b:pull"


def test_ghcr_names_an_example_at_the_root() -> None:
    with profile("ghcr") as p:
        assert challenge(ask(p.url, "/v2/")).parameters["scope"] == "repository:user/image:pull"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("hub", {"token", "access_token", "expires_in", "issued_at"}),
        ("ghcr", {"token"}),
        ("acr", {"access_token"}),
        ("quay", {"token"}),
        ("gitlab", {"token"}),
        ("harbor", {"token", "access_token", "expires_in", "issued_at"}),
    ],
)
def test_each_token_service_has_its_own_field_names(name: str, fields: set[str]) -> None:
    with profile(name, users=USERS) as p:
        assert set(token(p, "repository:team/app:pull", basic())) == fields
        assert [seen.method for seen in p.token_requests] == ["GET"]


@pytest.mark.parametrize("name", [name for name in BEARER if KINDS[name].anonymous])
def test_a_strangers_token_opens_what_is_public_and_no_more(name: str) -> None:
    with profile(name, private=["team/*"]) as p:
        fill(p)
        shown = bearer(token(p, "repository:library/app:pull"))
        assert ask(p.url, "/v2/library/app/manifests/1", authorization=shown)[2] == IMAGE.raw
        refused = challenge(ask(p.url, "/v2/team/app/manifests/1", authorization=shown))
        assert refused.parameters["error"] == "insufficient_scope"
        assert refused.parameters["scope"] == "repository:team/app:pull"


@pytest.mark.parametrize("name", BEARER)
def test_a_users_token_opens_what_is_private(name: str) -> None:
    with profile(name, users=USERS, private=["team/*"]) as p:
        fill(p)
        shown = bearer(token(p, "repository:team/app:pull", basic()))
        assert ask(p.url, "/v2/team/app/manifests/1", authorization=shown)[2] == IMAGE.raw
        assert (
            challenge(ask(p.url, "/v2/team/app/manifests/1", "DELETE", shown)).parameters["error"]
            == "insufficient_scope"
        )


def test_ghcr_refuses_a_token_for_what_a_stranger_may_not_see() -> None:
    with profile("ghcr", private=["team/*"]) as p:
        assert ask(f"{p.realm}?scope=repository:team/app:pull")[0] == 403


def test_acr_gives_strangers_no_token_unless_told() -> None:
    with profile("acr") as p:
        assert ask(f"{p.realm}?scope=repository:team/app:pull")[0] == 401
    with profile("acr", anonymous=["pull"]) as p:
        assert token(p, "repository:team/app:pull")


@pytest.mark.parametrize("name", BEARER)
def test_tokens_end_and_can_be_revoked(name: str) -> None:
    clock = Clock(1_700_000_000)
    with profile(name, users=USERS, clock=clock, lifetime_s=60) as p:
        fill(p)
        path = "/v2/team/app/manifests/1"
        shown = bearer(token(p, "repository:team/app:pull", basic()))
        assert ask(p.url, path, authorization=shown)[0] == 200
        clock.advance(61)
        assert challenge(ask(p.url, path, authorization=shown)).parameters["error"] == "invalid_token"
        shown = bearer(token(p, "repository:team/app:pull", basic()))
        assert ask(p.url, path, authorization=shown)[0] == 200
        p.tokens.revoke_all()
        assert challenge(ask(p.url, path, authorization=shown)).parameters["error"] == "invalid_token"


@pytest.mark.parametrize("name", ["hub", "acr"])
def test_oauth_takes_a_password_and_then_its_refresh_token(name: str) -> None:
    with profile(name, users=USERS, private=["team/*"]) as p:
        fill(p)
        form = {"grant_type": "password", "username": "mary", "password": USERS["mary"], "access_type": "offline"}
        first = json.loads(ask(p.realm, method="POST", form=form)[2])
        refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = json.loads(ask(p.realm, method="POST", form={**refresh, "scope": "repository:team/app:pull"})[2])
        assert "token" not in second
        assert ask(p.url, "/v2/team/app/manifests/1", authorization=bearer(second))[0] == 200


@pytest.mark.parametrize("name", ["ghcr", "quay", "gitlab", "harbor", "google"])
def test_others_know_get_only(name: str) -> None:
    with profile(name, users=USERS) as p:
        form = {"grant_type": "password", "username": "mary", "password": USERS["mary"]}
        assert ask(p.realm, method="POST", form=form)[0] == 405


def test_acr_exchanges_an_entra_token() -> None:
    with profile("acr", users=USERS) as p:
        fill(p)
        form = {"grant_type": "access_token", "service": p.host, "access_token": p.tokens.entra_token("mary")}
        refresh = json.loads(ask(p.url, "/oauth2/exchange", "POST", form=form)[2])["refresh_token"]
        form = {"grant_type": "refresh_token", "service": p.host, "refresh_token": refresh}
        got = json.loads(ask(p.realm, method="POST", form={**form, "scope": "repository:team/app:pull"})[2])
        assert ask(p.url, "/v2/team/app/manifests/1", authorization=bearer(got))[0] == 200
        assert [seen.path for seen in p.token_requests] == ["/oauth2/exchange", "/oauth2/token"]
        assert [one.path for one in p.requests] == ["/v2/team/app/manifests/1"]


def test_ghcr_takes_a_token_in_base64_as_bearer() -> None:
    with profile("ghcr", users=USERS, private=["team/*"]) as p:
        fill(p)
        pat = base64.b64encode(USERS["mary"].encode()).decode()
        assert ask(p.url, "/v2/team/app/manifests/1", authorization=f"Bearer {pat}")[0] == 200
        assert challenge(ask(p.url, "/v2/team/app/manifests/1", authorization=f"Bearer {USERS['mary']}"))


def test_ghcr_denies_basic_at_the_registry() -> None:
    with profile("ghcr", users=USERS) as p:
        status, headers, body = ask(p.url, "/v2/", authorization=basic())
        assert (status, headers["WWW-Authenticate"]) == (403, None)
        assert json.loads(body)["errors"] == [{"code": "DENIED", "message": "invalid token"}]


def test_acr_takes_basic_and_asks_for_it_when_it_was_wrong() -> None:
    with profile("acr", users=USERS) as p:
        assert ask(p.url, "/v2/", authorization=basic())[0] == 200
        wrong = challenge(ask(p.url, "/v2/", authorization=basic(password="guess")))
        assert (wrong.scheme, wrong.parameters["realm"]) == ("basic", "Azure Container Registry")


@pytest.mark.parametrize("name", BASIC)
def test_basic_registries_want_user_and_password(name: str) -> None:
    with profile(name, users=USERS) as p:
        fill(p)
        assert challenge(ask(p.url, "/v2/")).scheme == "basic"
        assert ask(p.url, "/v2/team/app/manifests/1", authorization=basic())[2] == IMAGE.raw
        assert challenge(ask(p.url, "/v2/", authorization=basic(password="guess"))).scheme == "basic"
        assert challenge(ask(p.url, "/v2/", authorization="Bearer x")).scheme == "basic"
        assert p.token_requests == []


def test_nexus_writes_its_scheme_in_capitals() -> None:
    with profile("nexus") as p:
        assert ask(p.url, "/v2/")[1]["WWW-Authenticate"].startswith("BASIC ")


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("quay", "text/html; charset=utf-8", b"true"),
        ("ecr", "text/plain; charset=utf-8", b"Not Authorized\n"),
        (
            "gitlab",
            "application/json; charset=utf-8",
            b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}\n',
        ),
        (
            "hub",
            "application/json",
            (
                b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":'
                b'[{"Type":"repository","Class":"","Name":"library/ubuntu","Action":"pull"}]}]}\n'
            ),
        ),
    ],
)
def test_a_refusal_reads_as_it_was_recorded(name: str, content_type: str, body: bytes) -> None:
    with profile(name) as p:
        status, headers, found = ask(p.url, "/v2/library/ubuntu/manifests/latest")
        assert (status, headers["Content-Type"], found) == (401, content_type, body)


def test_mcr_asks_nobody_and_lets_nobody_write() -> None:
    with profile("mcr") as p:
        fill(p)
        assert ask(p.url, "/v2/")[0] == 200
        assert ask(p.url, "/v2/team/app/manifests/1")[2] == IMAGE.raw
        assert json.loads(ask(p.url, "/v2/_catalog")[2])["repositories"] == ["library/app", "team/app"]
        assert ask(p.url, "/v2/team/app/manifests/1", "PUT")[0] == 403
        assert ask(p.url, "/token")[0] == 404


@pytest.mark.parametrize("name", ["hub", "ghcr", "gitlab"])
def test_some_have_no_catalog_even_for_users(name: str) -> None:
    with profile(name, users=USERS) as p:
        got = p.tokens.issue("mary", [])
        refused = challenge(ask(p.url, "/v2/_catalog", authorization=f"Bearer {got}"))
        assert refused.parameters["scope"] == "registry:catalog:*"


def test_acr_lists_its_catalog_to_users() -> None:
    with profile("acr", users=USERS) as p:
        fill(p)
        shown = bearer(token(p, "registry:catalog:*", basic()))
        assert json.loads(ask(p.url, "/v2/_catalog", authorization=shown)[2])["repositories"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_blobs_are_at_a_second_origin(method: str) -> None:
    with profile("mcr") as p:
        fill(p)
        status, headers, _ = ask(p.url, f"/v2/team/app/{BLOB}", method)
        assert status == 307
        assert urlsplit(headers["Location"]).netloc != p.host
        status, _, body = ask(headers["Location"], method=method)
        assert (status, body) == (200, IMAGE.blobs[1].data if method == "GET" else b"")
        assert [one.method for one in p.blob_requests] == [method]


def test_the_second_origin_refuses_an_authorization() -> None:
    with profile("mcr") as p:
        fill(p)
        location = ask(p.url, f"/v2/team/app/{BLOB}")[1]["Location"]
        status, _, body = ask(location, authorization="Bearer x")
        assert status == 400
        assert b"Only one auth mechanism allowed" in body


def test_the_second_origin_wants_its_signature() -> None:
    with profile("mcr") as p:
        fill(p)
        location = ask(p.url, f"/v2/team/app/{BLOB}")[1]["Location"]
        assert ask(location.partition("?")[0])[0] == 403
        assert ask(location.replace("team", "library"))[0] == 403


def test_an_absent_blob_is_not_redirected() -> None:
    with profile("mcr") as p:
        fill(p)
        assert ask(p.url, f"/v2/team/app/blobs/sha256:{'0' * 64}")[0] == 404


def test_redirects_can_be_had_anywhere_and_left_out() -> None:
    with profile("mcr", redirects=False) as p:
        fill(p)
        assert ask(p.url, f"/v2/team/app/{BLOB}")[2] == IMAGE.blobs[1].data
        assert p.blob_requests == []
    with profile("basic", users=USERS, redirects=True) as p:
        fill(p)
        assert ask(p.url, f"/v2/team/app/{BLOB}", authorization=basic())[0] == 307


def test_hub_counts_gets_of_manifests_and_then_refuses() -> None:
    with profile("hub", pulls=2) as p:
        fill(p)
        shown = bearer(token(p, "repository:library/app:pull"))
        path = "/v2/library/app/manifests/1"
        answers = [ask(p.url, path, method, shown) for method in ("HEAD", "GET", "GET", "GET", "HEAD")]

    assert [status for status, _, _ in answers] == [200, 200, 200, 429, 200]
    remaining = [headers["RateLimit-Remaining"] for _, headers, _ in answers]
    assert remaining == ["2;w=21600", "1;w=21600", "0;w=21600", "0;w=21600", "0;w=21600"]
    assert json.loads(answers[3][2])["errors"][0]["code"] == "TOOMANYREQUESTS"


def test_ghcr_lists_a_hundred_tags_at_a_time() -> None:
    with profile("ghcr") as p:
        push_now(IMAGE, p.registry, "library/app", tags=[f"{n:03}" for n in range(150)])
        shown = bearer(token(p, "repository:library/app:pull"))
        _, headers, body = ask(p.url, "/v2/library/app/tags/list", authorization=shown)
        assert len(json.loads(body)["tags"]) == 100
        assert "last=099" in headers["Link"]


@pytest.mark.parametrize("name", list(KINDS))
def test_a_profile_ends_without_leaving_a_thread(name: str) -> None:
    before = set(threading.enumerate())
    with profile(name) as p:
        ask(p.url, "/v2/")
    assert set(threading.enumerate()) == before


def test_a_profile_hides_its_secrets() -> None:
    with profile("hub", users=USERS) as p:
        ask(p.realm, method="POST", form={"grant_type": "password", "username": "mary", "password": USERS["mary"]})
        assert USERS["mary"] not in repr(p.token_requests) + repr(p.tokens) + repr(p)
