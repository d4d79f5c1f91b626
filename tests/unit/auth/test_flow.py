from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from orlop.auth.credential import ACR_TOKEN_USER, ANONYMOUS, TOKEN_USER, Credential
from orlop.auth.flow import Flow, plan, wanted_scopes
from orlop.auth.tokens import Token
from orlop.errors import (
    AccessError,
    CredentialError,
    DeniedError,
    InvalidDocumentError,
    OrlopError,
    RateLimitedError,
    RegistryError,
    UnauthenticatedError,
)
from orlop.protocol.challenge import CATALOG, Challenge, Scope, parse_challenges, pull, push
from orlop.protocol.message import Headers, Request, Response

BASE = "https://registry.example.com/v2/"
BEARER = parse_challenges(['Bearer realm="https://auth.example.com/token",service="example"'])
HUB = parse_challenges(['Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'])
GHCR = parse_challenges(['Bearer realm="https://ghcr.io/token",service="ghcr.io"'])
ACR = parse_challenges(['Bearer realm="https://me.azurecr.io/oauth2/token",service="me.azurecr.io"'])
BASIC = parse_challenges(['Basic realm="x"'])
PAIR = Credential("me", "hunter2")
TOKEN = '{"token": "t0"}'


def answer(body: str | bytes, status: int = 200) -> Response:
    return Response(status, Headers(), body if isinstance(body, bytes) else body.encode())


def begin(
    challenges: list[Challenge],
    credential: Credential,
    *scopes: Scope,
    base_url: str = BASE,
    refresh_token: str = "",
) -> Flow:
    flow = plan(
        challenges, credential, scopes or (pull("a/b"),), base_url=base_url, now=1000.0, refresh_token=refresh_token
    )
    assert flow is not None
    return flow


def finish(flow: Flow, *answers: Response) -> tuple[list[Request], Token]:
    """Feed the answers to the flow; return its requests and its token."""
    requests: list[Request] = []
    left = list(answers)
    try:
        requests.append(next(flow))
        while True:
            requests.append(flow.send(left.pop(0)))
    except StopIteration as done:
        assert not left
        return requests, done.value


def fields(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, strict_parsing=True)


def jwt(**claims: str) -> str:
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims))
        + ".s"
    )


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


# --- anonymous, and Basic to a token service ---------------------------------------------------


def test_nobody_gets_an_anonymous_token() -> None:
    [request], token = finish(begin(HUB, ANONYMOUS, pull("library/debian")), answer(TOKEN))

    assert request.method == "GET"
    assert "authorization" not in request.headers
    assert (
        request.url
        == "https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fdebian%3Apull"
    )
    assert token.authorization == "Bearer t0"


def test_user_and_password_go_as_basic_to_the_token_service() -> None:
    [request], token = finish(begin(BEARER, PAIR), answer('{"access_token": "t1"}'))

    assert (request.method, request.headers["authorization"]) == ("GET", basic("me:hunter2"))
    assert token.authorization == "Bearer t1"


def test_several_scopes_go_as_several_fields() -> None:
    [request], _ = finish(begin(BEARER, PAIR, push("a/b"), pull("c/d")), answer(TOKEN))

    asked = [value for name, value in fields(urlsplit(request.url).query) if name == "scope"]
    assert asked == ["repository:a/b:pull,push", "repository:c/d:pull"]


def test_no_service_in_the_challenge_is_no_service_in_the_request() -> None:
    challenges = parse_challenges(['Bearer realm="https://us-docker.pkg.dev/v2/token"'])
    [request], _ = finish(begin(challenges, ANONYMOUS), answer(TOKEN))

    assert [name for name, _ in fields(urlsplit(request.url).query)] == ["scope"]


def test_a_realm_inside_the_network_gets_nothing() -> None:
    challenges = parse_challenges(['Bearer realm="https://169.254.169.254/token",service="x"'])
    with pytest.raises(CredentialError):
        plan(challenges, ANONYMOUS, (), base_url=BASE, now=0)


# --- OAuth2 ------------------------------------------------------------------------------------


def test_hub_gets_the_password_in_a_form() -> None:
    [request], token = finish(
        begin(HUB, PAIR, pull("me/private")), answer('{"access_token": "t1", "refresh_token": "r1", "expires_in": 300}')
    )

    assert (request.method, request.url) == ("POST", "https://auth.docker.io/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers
    assert fields(request.body.decode()) == [
        ("grant_type", "password"),
        ("username", "me"),
        ("password", "hunter2"),
        ("access_type", "offline"),
        ("service", "registry.docker.io"),
        ("scope", "repository:me/private:pull"),
        ("client_id", "orlop"),
    ]
    assert (token.authorization, token.refresh_token, token.expires_at) == ("Bearer t1", "r1", 1270.0)


def test_the_refresh_token_spares_the_password_next_time() -> None:
    [request], _ = finish(begin(HUB, PAIR, refresh_token="r1"), answer('{"access_token": "t2"}'))

    assert dict(fields(request.body.decode()))["grant_type"] == "refresh_token"
    assert b"hunter2" not in request.body


def test_a_refresh_token_that_has_ended_makes_way_for_the_password() -> None:
    requests, token = finish(
        begin(HUB, PAIR, refresh_token="r1"),
        answer('{"error": "invalid_grant"}', 400),
        answer('{"access_token": "t2"}'),
    )

    assert dict(fields(requests[1].body.decode()))["grant_type"] == "password"
    assert token.authorization == "Bearer t2"


@pytest.mark.parametrize("status", [404, 405])
def test_where_post_is_unknown_get_is_tried(status: int) -> None:
    requests, token = finish(begin(HUB, PAIR), answer("", status), answer(TOKEN))

    assert [request.method for request in requests] == ["POST", "GET"]
    assert requests[1].headers["authorization"] == basic("me:hunter2")
    assert token.authorization == "Bearer t0"


def test_an_identity_token_buys_a_token() -> None:
    credential = Credential.from_pair(TOKEN_USER, "idt")
    [request], token = finish(begin(HUB, credential), answer('{"access_token": "t1"}'))

    form = dict(fields(request.body.decode()))
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "idt")
    assert token.authorization == "Bearer t1"


def test_an_identity_token_goes_as_a_password_where_post_is_unknown() -> None:
    requests, _ = finish(begin(BEARER, Credential.from_pair(TOKEN_USER, "idt")), answer("", 405), answer(TOKEN))

    assert requests[1].headers["authorization"] == basic("<token>:idt")


# --- ACR ---------------------------------------------------------------------------------------


def test_azures_zero_user_holds_a_refresh_token() -> None:
    credential = Credential.from_pair(ACR_TOKEN_USER, "refresh")
    [request], token = finish(begin(ACR, credential), answer('{"access_token": "t1"}'))

    assert (request.method, request.url) == ("POST", "https://me.azurecr.io/oauth2/token")
    assert fields(request.body.decode()) == [
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh"),
        ("service", "me.azurecr.io"),
        ("scope", "repository:a/b:pull"),
        ("client_id", "orlop"),
    ]
    assert token.authorization == "Bearer t1"


def test_acr_takes_basic_at_its_token_service() -> None:
    [request], _ = finish(begin(ACR, PAIR), answer('{"access_token": "t1"}'))

    assert (request.method, request.headers["authorization"]) == ("GET", basic("me:hunter2"))


@pytest.mark.parametrize("field", ["registry_token", "identity_token"])
def test_an_entra_token_is_exchanged_first(field: str) -> None:
    entra = jwt(iss="https://sts.windows.net/abc/", tid="tenant-1")
    requests, token = finish(
        begin(ACR, Credential(**{field: entra})), answer('{"refresh_token": "r1"}'), answer('{"access_token": "t1"}')
    )

    assert [request.url for request in requests] == [
        "https://me.azurecr.io/oauth2/exchange",
        "https://me.azurecr.io/oauth2/token",
    ]
    assert fields(requests[0].body.decode()) == [
        ("grant_type", "access_token"),
        ("service", "me.azurecr.io"),
        ("access_token", entra),
        ("tenant", "tenant-1"),
    ]
    assert dict(fields(requests[1].body.decode()))["refresh_token"] == "r1"
    assert (token.authorization, token.refresh_token) == ("Bearer t1", "r1")


def test_an_exchange_is_not_repeated_for_the_next_scope() -> None:
    entra = Credential(registry_token=jwt(iss="https://login.microsoftonline.com/x/v2.0"))
    requests, token = finish(begin(ACR, entra, refresh_token="r1"), answer('{"access_token": "t2"}'))

    assert [request.url for request in requests] == ["https://me.azurecr.io/oauth2/token"]
    assert token.refresh_token == "r1"


def test_an_exchange_without_a_refresh_token_is_a_broken_answer() -> None:
    flow = begin(ACR, Credential(registry_token=jwt(iss="https://sts.windows.net/abc/")))
    with pytest.raises(InvalidDocumentError, match="oauth2/exchange cannot be right: it holds no refresh_token"):
        finish(flow, answer("{}"))


def test_a_ready_token_of_acr_is_not_exchanged() -> None:
    requests, token = finish(begin(ACR, Credential(registry_token=jwt(iss="Azure Container Registry"))))

    assert requests == []
    assert token.authorization.startswith("Bearer ")


# --- without a token service -------------------------------------------------------------------


def test_a_ready_made_token_is_shown_as_it_is() -> None:
    requests, token = finish(begin(BEARER, Credential(registry_token="ready")))

    assert (requests, token.authorization, token.scopes) == ([], "Bearer ready", None)


def test_a_ready_made_token_is_shown_to_a_registry_that_asks_for_basic() -> None:
    assert finish(begin(BASIC, Credential(registry_token="ready")))[1].authorization == "Bearer ready"


@pytest.mark.parametrize("credential", [Credential(registry_token="ghp_abc"), Credential(password="ghp_abc")])
def test_ghcr_gets_a_lone_pat_as_base64(credential: Credential) -> None:
    requests, token = finish(begin(GHCR, credential))

    assert (requests, token.authorization) == ([], "Bearer Z2hwX2FiYw==")


def test_ghcr_gets_user_and_pat_at_its_token_service() -> None:
    [request], _ = finish(begin(GHCR, Credential("me", "ghp_abc")), answer(TOKEN))

    assert (request.method, request.headers["authorization"]) == ("GET", basic("me:ghp_abc"))


def test_a_pat_is_shown_elsewhere_as_it_is() -> None:
    assert finish(begin(BEARER, Credential(registry_token="ghp_abc")))[1].authorization == "Bearer ghp_abc"


def test_plain_basic_is_good_for_everything() -> None:
    requests, token = finish(begin(BASIC, Credential("AWS", "pässword")))

    assert (requests, token.authorization, token.scopes) == ([], basic("AWS:pässword"), None)


def test_bearer_goes_before_basic_where_both_are_offered() -> None:
    requests, _ = finish(begin([*BASIC, *BEARER], PAIR), answer(TOKEN))

    assert requests[0].url.startswith("https://auth.example.com/token")


@pytest.mark.parametrize(
    ("challenges", "credential"),
    [
        ([], PAIR),
        ([], ANONYMOUS),
        (BASIC, ANONYMOUS),
        (BASIC, Credential.from_pair(TOKEN_USER, "idt")),
        (parse_challenges(["Negotiate"]), PAIR),
        (parse_challenges(['Bearer service="x"']), PAIR),
    ],
)
def test_there_may_be_no_way_to_sign_in(challenges: list[Challenge], credential: Credential) -> None:
    assert plan(challenges, credential, (), base_url=BASE, now=0) is None


# --- which scopes ------------------------------------------------------------------------------


def scopes(challenge: str, *own: Scope) -> list[str]:
    return [str(scope) for scope in wanted_scopes(own, parse_challenges([challenge]))]


def test_the_challenges_scope_goes_first_and_is_merged_with_the_requests() -> None:
    challenge = 'Bearer realm="https://a/t",scope="repository:z:metadata_read"'
    assert scopes(challenge, pull("a"), pull("z")) == ["repository:z:pull,metadata_read", "repository:a:pull"]


def test_a_challenge_may_name_two_scopes_in_one_text() -> None:
    challenge = 'Bearer realm="https://a/t",scope="repository:p/a:pull,push repository:p/b:pull"'
    assert scopes(challenge) == ["repository:p/a:pull,push", "repository:p/b:pull"]


def test_ghcrs_placeholder_is_not_asked_for() -> None:
    assert scopes('Bearer realm="https://ghcr.io/token",scope="repository:user/image:pull"', CATALOG) == [
        "registry:catalog:*"
    ]


def test_a_flood_of_scopes_is_cut() -> None:
    flood = " ".join(f"repository:r{number}:pull" for number in range(100))
    assert len(scopes(f'Bearer realm="https://a/t",scope="{flood}"')) == 16


# --- what token services answer ----------------------------------------------------------------


def token_of(body: str | bytes, status: int = 200, credential: Credential = PAIR) -> Token:
    return finish(begin(BEARER, credential), answer(body, status))[1]


@pytest.mark.parametrize(
    ("body", "lifetime_s"),
    [
        ('{"token": "t"}', 54),
        ('{"token": "t", "expires_in": 300}', 270),
        ('{"token": "t", "expires_in": "300"}', 270),
        ('{"token": "t", "expires_in": 300.0}', 270),
        ('{"token": "t", "expires_in": 0}', 54),
        ('{"token": "t", "expires_in": -5}', 54),
        ('{"token": "t", "expires_in": true}', 54),
        ('{"token": "t", "expires_in": null}', 54),
        ('{"token": "t", "expires_in": "soon"}', 54),
        ('{"token": "t", "expires_in": []}', 54),
        ('{"token": "t", "expires_in": 10}', 9),
        ('{"token": "t", "expires_in": 99999999999}', 86370),
        ('{"token": "t", "expires_in": 300, "issued_at": "1999-01-01T00:00:00Z"}', 270),
        ('{"token": "t", "expires_in": 300, "issued_at": 7}', 270),
    ],
)
def test_a_token_is_used_until_shortly_before_it_ends(body: str, lifetime_s: float) -> None:
    assert token_of(body).expires_at == 1000 + lifetime_s


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>sign in</html>",
        "[]",
        '"t"',
        "null",
        "{}",
        '{"token": ""}',
        '{"token": 7}',
        '{"token": null, "access_token": ["t"]}',
        '{"token": "a b"}',
        '{"token": "a\\r\\nX-Evil: 1"}',
        '{"token": "t\\u00e9"}',
        '{"token": "a", "token": "b"}',
        "[" * 100_000,
        b"\xff\xfe",
        '{"token": "t", "x": "' + "x" * (1 << 20) + '"}',
    ],
)
def test_an_answer_that_cannot_be_right_is_said_to_be_so(body: str | bytes) -> None:
    with pytest.raises(InvalidDocumentError, match=r"the answer of the token service https://auth\.example\.com/token"):
        token_of(body)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, AccessError),
        (400, AccessError),
        (401, UnauthenticatedError),
        (403, DeniedError),
        (404, AccessError),
        (429, RateLimitedError),
        (500, RegistryError),
        (503, RegistryError),
    ],
)
@pytest.mark.parametrize("body", ["", "<html>no</html>", '{"errors": [{"code": "DENIED", "message": "denied"}]}', "[]"])
def test_a_refusal_is_an_error_of_its_kind(status: int, kind: type[OrlopError], body: str) -> None:
    with pytest.raises(kind) as caught:
        token_of(body, status)
    assert type(caught.value) is kind
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.hint}"
    assert "?" not in str(caught.value)


def test_a_refused_password_is_told_with_advice() -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        token_of('{"details": "incorrect username or password"}', 401, Credential("me", "x", source="config.json"))

    assert str(caught.value) == (
        "access to registry.example.com failed: its token service https://auth.example.com/token did not accept "
        "user 'me' from config.json (401): incorrect username or password"
    )
    assert caught.value.hint is not None
    assert "orlop auth login registry.example.com" in caught.value.hint


def test_a_refused_stranger_is_told_to_sign_in() -> None:
    with pytest.raises(DeniedError) as caught:
        token_of("", 403, ANONYMOUS)
    assert caught.value.hint == "sign in with: orlop auth login registry.example.com"


def test_the_repository_is_named_where_it_is_known() -> None:
    flow = plan(BEARER, ANONYMOUS, (), base_url=BASE, where="docker.io/me/private", now=0)
    assert flow is not None
    with pytest.raises(UnauthenticatedError) as caught:
        finish(flow, answer("", 401))

    assert str(caught.value).startswith(
        "access to docker.io/me/private failed: its token service https://auth.example.com/token wants"
    )
    assert caught.value.hint == "sign in with: orlop auth login docker.io"


def test_an_invalid_grant_is_a_failed_sign_in() -> None:
    with pytest.raises(UnauthenticatedError):
        token_of('{"error": "invalid_grant"}', 400)


def test_secrets_stay_out_of_every_repr() -> None:
    flow = begin(HUB, PAIR)
    request = next(flow)
    shown = f"{PAIR!r} {PAIR} {request!r} {Token('Bearer hunter2')!r} {Credential(identity_token='hunter2')!r}"
    assert "hunter2" not in shown


# --- real documents ----------------------------------------------------------------------------

VECTORS = os.environ.get("ORLOP_VECTORS")
needs_vectors = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS does not name the folder of real documents")


@needs_vectors
def test_every_recorded_token_answer_gives_its_token() -> None:
    entries = json.loads(Path(str(VECTORS), "http", "tokens.json").read_text("utf-8"))
    for entry in entries:
        token = token_of(json.dumps(entry["body"]), entry["status"])
        assert token.authorization == f"Bearer {entry['body']['token']}"
        lifetime = entry["body"].get("expires_in", 60)
        assert token.expires_at == 1000 + lifetime - min(30, lifetime / 10)


@needs_vectors
def test_every_recorded_challenge_has_a_way_to_sign_in() -> None:
    entries = json.loads(Path(str(VECTORS), "http", "challenges.json").read_text("utf-8"))
    ways = {}
    for entry in entries:
        field = entry["www_authenticate"]
        if field is None:
            continue
        challenges = parse_challenges([field])
        realm = urlsplit(challenges[0].parameters["realm"]).hostname or "registry.example.com"
        requests, token = finish_any(begin(challenges, PAIR, base_url=f"https://{realm}/v2/"))
        ways[entry["registry"]] = (requests[0].method if requests else "basic", token.authorization.partition(" ")[0])

    assert ways.pop("Docker Hub") == ways.pop("Docker Hub (push)") == ("POST", "Bearer")
    assert ways.pop("ACR (bad Basic sent)") == ways.pop("Nexus") == ways.pop("ECR") == ("basic", "Basic")
    assert ways.pop("two challenges in one header") == ("POST", "Bearer")
    assert set(ways.values()) == {("GET", "Bearer")}


def finish_any(flow: Flow) -> tuple[list[Request], Token]:
    try:
        request = next(flow)
    except StopIteration as done:
        return [], done.value
    with pytest.raises(StopIteration) as done_later:
        flow.send(answer(TOKEN))
    return [request], done_later.value.value
