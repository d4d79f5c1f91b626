from __future__ import annotations

from orlop.curl import quote, to_curl
from orlop.transport.trace import Exchange


def exchange(
    method: str = "GET", url: str = "https://r.example/v2/a/manifests/1", status: int = 200, **more: object
) -> Exchange:
    headers = more.pop("headers", ())
    return Exchange(method, url, headers, status, (), 0.0, **more)  # type: ignore[arg-type]


def test_a_request_is_one_command() -> None:
    text = to_curl([exchange(headers=(("accept", "a/b, c/d"), ("user-agent", "orlop/1")))])
    assert text == "curl -sS \\\n  -H 'accept: a/b, c/d' \\\n  https://r.example/v2/a/manifests/1\n"


def test_a_head_and_other_methods() -> None:
    assert to_curl([exchange("HEAD")]) == "curl -sS \\\n  -I \\\n  https://r.example/v2/a/manifests/1\n"
    put = to_curl([exchange("PUT")], data="a file")
    assert put == "curl -sS \\\n  -X PUT \\\n  --data-binary '@a file' \\\n  https://r.example/v2/a/manifests/1\n"


def test_what_was_tried_before_is_left_out() -> None:
    bearer = (("authorization", "Bearer ***"),)
    text = to_curl(
        [
            exchange(status=401),
            exchange(url="https://auth.example/token?service=r&scope=repository%3Aa%3Apull", purpose="token"),
            exchange(status=503, headers=bearer),
            exchange(headers=bearer),
        ]
    )
    assert text.count("curl") == 2
    assert text.startswith(
        "TOKEN=$(curl -sS \\\n  'https://auth.example/token?service=r&scope=repository%3Aa%3Apull' |\n"
    )
    assert '-H "Authorization: Bearer $TOKEN"' in text


def test_each_request_has_the_token_of_its_repository() -> None:
    bearer = (("authorization", "Bearer ***"),)
    tokens = [f"https://auth.example/token?scope=repository%3A{name}%3Apull" for name in "ab"]
    manifests = [f"https://r.example/v2/{name}/manifests/1" for name in "ab"]
    steps = [exchange(url=url, purpose="token") for url in tokens] + [
        exchange(url=url, headers=bearer) for url in manifests
    ]
    text = to_curl(steps)
    first, second = text.split("curl -sS")[3:]
    assert '$TOKEN"' in first
    assert '$TOKEN_2"' in second


def test_a_form_keeps_its_secrets_in_variables() -> None:
    fields = ("grant_type=password", "username", "password", "service=r", "scope=repository%3Aa%3Apull")
    text = to_curl([exchange("POST", "https://auth.example/token", purpose="token", form=fields)])
    assert "-d grant_type=password" in text
    assert '--data-urlencode "password=$ORLOP_PASSWORD"' in text
    assert "-d scope=repository%3Aa%3Apull" in text


def test_an_identity_token_is_exchanged_first() -> None:
    text = to_curl(
        [
            exchange(
                "POST",
                "https://x.azurecr.io/oauth2/exchange",
                purpose="token",
                form=("grant_type=access_token", "access_token"),
            ),
            exchange(
                "POST",
                "https://x.azurecr.io/oauth2/token",
                purpose="token",
                form=("grant_type=refresh_token", "refresh_token"),
            ),
        ]
    )
    assert text.startswith("REFRESH_TOKEN=$(curl")
    assert '--data-urlencode "refresh_token=$REFRESH_TOKEN"' in text


def test_connection_options_become_curls() -> None:
    options = {"ca_file": "my ca.pem", "client_cert": "c", "client_key": "k", "insecure": True, "timeout": 2.5}
    text = to_curl([exchange()], options)
    assert text.startswith(
        "curl -sS --cacert 'my ca.pem' --cert c --key k --insecure --speed-limit 1 --speed-time 2 \\\n"
    )


def test_a_redirect_is_followed_and_its_target_is_not_shown() -> None:
    text = to_curl([exchange(status=307), exchange(url="https://cdn.example/x?sig=***", purpose="storage")], to="f")
    assert text == "curl -sS \\\n  -L \\\n  -o f \\\n  https://r.example/v2/a/manifests/1\n"


def test_words_are_quoted() -> None:
    assert quote("it's") == "'it'\\''s'"
    assert quote("a-b/c:d") == "a-b/c:d"
    assert quote("$HOME `x`") == "'$HOME `x`'"
    assert quote("") == "''"
