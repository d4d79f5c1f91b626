from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from orlop.auth.realm import form, place_of, realm_url, with_query
from orlop.errors import CredentialError

PUBLIC = "https://registry.example.com/v2/"


@pytest.mark.parametrize(
    ("realm", "base_url"),
    [
        ("https://auth.docker.io/token", "https://registry-1.docker.io/v2/"),
        ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/v2/"),
        ("https://auth.example.com:8443/token?x=1", PUBLIC),
        ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/v2/"),
        ("http://localhost:5001/token", "http://[::1]:5000/v2/"),
        ("http://10.0.0.2/token", "http://10.0.0.1:5000/v2/"),
        ("http://auth:5001/token", "http://registry:5000/v2/"),
        ("https://10.0.0.2/token", "https://registry.internal/v2/"),
        ("https://auth.example.com/token", "https://10.0.0.1/v2/"),
        ("HTTPS://AUTH.example.com/token", PUBLIC),
    ],
)
def test_a_token_service_at_another_host_is_taken(realm: str, base_url: str) -> None:
    assert realm_url(realm, base_url, secret=True) == realm


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "token",
        "/token",
        "//auth.example.com/token",
        "ftp://auth.example.com/",
        "https://",
        "https:///token",
        "https://auth.example.com/to ken",
        "https://auth.example.com/\r\nX: y",
        "https://auth.example.com/\u00e9",
        "file:///etc/passwd",
        "Sonatype Nexus Repository Manager",
        "https://a/" + "x" * 5000,
        "https://[::zz]/token",
    ],
)
def test_a_realm_that_is_no_url_is_refused_by_name(realm: str) -> None:
    with pytest.raises(CredentialError, match="realm"):
        realm_url(realm, PUBLIC, secret=False)


def test_a_user_in_the_realm_is_refused_without_showing_it() -> None:
    with pytest.raises(CredentialError) as caught:
        realm_url("https://me:hunter2@auth.example.com/token", PUBLIC, secret=False)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.1",
        "localhost",
        "x.localhost",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "[fd00::1]",
        "metadata",
        "metadata.google.internal",
        "printer.local",
        "LOCALHOST.",
    ],
)
def test_a_public_registry_may_not_lead_inside(host: str) -> None:
    with pytest.raises(CredentialError, match="registry may not lead"):
        realm_url(f"https://{host}/token", PUBLIC, secret=False)


def test_not_even_a_private_registry_may_lead_to_a_metadata_service() -> None:
    with pytest.raises(CredentialError, match="link-local"):
        realm_url("http://169.254.169.254/latest", "http://registry.internal/v2/", secret=False)


def test_the_registrys_own_host_is_always_allowed() -> None:
    assert realm_url("https://10.0.0.1:9/token", "https://10.0.0.1/v2/", secret=True)


def test_credentials_do_not_go_to_plain_http_of_an_https_registry() -> None:
    with pytest.raises(CredentialError, match="not https; credentials were not sent"):
        realm_url("http://auth.example.com/token", PUBLIC, secret=True)


def test_an_anonymous_request_may_go_to_plain_http() -> None:
    assert realm_url("http://auth.example.com/token", PUBLIC, secret=False)


def test_credentials_go_to_plain_http_when_the_registry_is_plain_itself() -> None:
    assert realm_url("http://auth.example.com/token", "http://registry.example.com/v2/", secret=True)


@pytest.mark.parametrize("host", ["auth.docker.io", "8.8.8.8", "172.32.0.1", "[2606:4700::1111]", "100.128.0.1"])
def test_what_the_world_reaches_is_public(host: str) -> None:
    assert place_of(host) == "public"


def test_a_fragment_is_cut_off() -> None:
    assert realm_url("https://a.example.com/t#x", PUBLIC, secret=False) == "https://a.example.com/t"


def test_fields_are_added_to_a_query_that_is_there() -> None:
    assert with_query("https://a/t?x=1", [("scope", "a:b")]) == "https://a/t?x=1&scope=a%3Ab"
    assert with_query("https://a/t", []) == "https://a/t"


def test_a_form_reads_back_as_it_was() -> None:
    fields = [("password", "p&=+ %\u00e9\n"), ("scope", "repository:a/b:pull"), ("scope", "registry:catalog:*")]
    assert parse_qsl(form(fields), strict_parsing=True) == fields
