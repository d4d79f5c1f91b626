"""TLS: unknown authorities are refused, named ones accepted, client certificates shown, proxies of the environment used."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orlop import Client, HostOptions
from orlop.errors import ConfigError, NetworkError, TlsError
from orlop.testing import registry as run_registry
from orlop.testing.scripted import Step, answer, scripted

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Papers:
    """An authority, a server's certificate for 127.0.0.1, a client's, and a stranger's authority."""

    ca: str
    server: tuple[str, str]
    client: tuple[str, str]
    stranger: str


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    def authority(name: str) -> str:
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        openssl("req", "-x509", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return str(folder / f"{name}.pem")

    def signed(name: str, extension: str) -> tuple[str, str]:
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(extension)
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")
        return str(folder / f"{name}.pem"), str(folder / f"{name}.key")

    ca = authority("ca")
    server = signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    client = signed("client", "extendedKeyUsage=clientAuth\n")
    return Papers(ca, server, client, authority("stranger"))


@pytest.fixture
def secure(papers: Papers) -> Iterator[str]:
    with run_registry(tls=papers.server) as running:
        yield running.host


MakeClient = Callable[..., Client]


def test_a_named_authority_is_accepted(make_client: MakeClient, papers: Papers, secure: str) -> None:
    client = make_client(defaults=HostOptions(ca_file=papers.ca))
    assert client.ping(secure).url == f"https://{secure}/v2/"


@pytest.mark.parametrize("plain_http", [False, None])
def test_an_unknown_authority_is_refused_with_advice(
    make_client: MakeClient, papers: Papers, secure: str, plain_http: bool | None
) -> None:
    client = make_client(defaults=HostOptions(ca_file=papers.stranger, plain_http=plain_http))
    with pytest.raises(TlsError) as caught:
        client.ping(secure)
    assert "--ca-file" in (caught.value.hint or "")
    assert caught.value.attempts == 1


def test_unverified_is_its_own_choice(make_client: MakeClient, secure: str) -> None:
    assert make_client(hosts={secure: HostOptions(insecure=True)}).ping(secure).status == 200


def test_https_to_a_server_that_speaks_http_is_told_apart(make_client: MakeClient) -> None:
    with run_registry() as plain, pytest.raises(TlsError) as caught:
        make_client(defaults=HostOptions(plain_http=False)).ping(plain.host)
    assert "--plain-http" in (caught.value.hint or "")


def test_http_to_a_server_that_speaks_https_fails_clearly(make_client: MakeClient, secure: str) -> None:
    with pytest.raises(NetworkError):
        make_client(defaults=HostOptions(plain_http=True)).ping(secure)


def demanding(papers: Papers) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers.server)
    context.load_verify_locations(papers.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_client_certificate_is_shown_where_it_is_asked_for(make_client: MakeClient, papers: Papers) -> None:
    step = Step("GET", re.compile("/v2/.*"), answer(200, b"{}"), times=None)
    with scripted([step], tls=demanding(papers)) as server:
        options = HostOptions(ca_file=papers.ca, client_cert=papers.client[0], client_key=papers.client[1])
        assert make_client(defaults=options).ping(server.host).status == 200
        with pytest.raises(NetworkError):
            make_client(defaults=HostOptions(ca_file=papers.ca)).ping(server.host)


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_a_certificate_file_that_is_none_is_a_config_error(
    make_client: MakeClient, secure: str, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        make_client(defaults=HostOptions(ca_file=str(path))).ping(secure)


def test_a_client_certificate_without_a_key_says_so(make_client: MakeClient, papers: Papers, secure: str) -> None:
    with pytest.raises(ConfigError, match="there is no key with it") as refused:
        make_client(defaults=HostOptions(client_cert=papers.client[0])).ping(secure)
    assert "--client-key" in str(refused.value.hint)


def test_a_proxy_that_is_no_url_is_a_config_error_that_keeps_its_secret(make_client: MakeClient) -> None:
    with pytest.raises(ConfigError, match="the proxy") as refused:
        make_client(defaults=HostOptions(proxy="http://user:s3cret@a b")).ping("a.example")
    assert "s3cret" not in str(refused.value)


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-m", "orlop", *arguments],
        capture_output=True,
        text=True,
        env={**clean, "HOME": "/nonexistent", **environment},
        check=False,
    )


def test_ssl_cert_file_of_the_environment_is_read(papers: Papers, secure: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(f'{{"hosts": {{"{secure}": {{"plainHttp": false}}}}}}')
    environment = {"ORLOP_SETTINGS": str(settings)}
    assert run_cli("registry", "ping", secure, **environment).returncode == 6
    done = run_cli("registry", "ping", secure, SSL_CERT_FILE=papers.ca, **environment)
    assert done.returncode == 0, done.stderr


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine() -> None:
    proxied = Step(
        "GET", re.compile("http://registry.example/v2/.*"), answer(200, b'{"name": "a/b", "tags": ["proxied"]}')
    )
    with scripted([proxied], strict=False) as proxy, run_registry() as local:
        environment = {"HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
        done = run_cli("tag", "list", "registry.example/a/b", "--plain-http", **environment)
        assert (done.returncode, done.stdout) == (0, "proxied\n"), done.stderr
        assert run_cli("registry", "ping", local.host, **environment).returncode == 0
        assert len(proxy.requests) == 1
