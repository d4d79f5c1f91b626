"""Registries of other makers, started on loopback.

`./run interop` builds what Go can build; Debian's programs are used where they are installed. What is missing is skipped,
visibly.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.interop.peers import PASSWORD, USER, Place, free_port, htpasswd, program, wait_for

from orlop.testing.signing import OpensslSigner
from orlop.testing.tokenservice import Rules, TokenService


def pytest_collection_modifyitems(items: list[Any]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Start programs that end with the session."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], url: str) -> None:
        with (tmp_path_factory.mktemp("log") / "out").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        processes.append(process)
        wait_for(url, process)

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


def distribution(folder: Path, port: int, auth: dict[str, Any] | None = None) -> Path:
    """Write a configuration that both version 2 and 3 of distribution's registry read."""
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "interop"},
        **({"auth": auth} if auth else {}),
    }
    path = folder / f"{port}.yml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


def back_door(running: Any, registry: str, folder: Path) -> str:
    """Serve the same content without sign-in, for clients that take no realm on a loopback address."""
    port = free_port()
    running([registry, "serve", str(distribution(folder, port))], f"http://127.0.0.1:{port}/v2/")
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def embedded() -> Any:
    from orlop.testing import registry

    with registry() as started:
        yield Place("embedded", started.host)


@pytest.fixture(scope="session")
def v3_htpasswd(running: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, port = tmp_path_factory.mktemp("v3basic"), free_port()
    auth = {"htpasswd": {"realm": "interop", "path": str(htpasswd(folder / "htpasswd"))}}
    running([program("registry"), "serve", str(distribution(folder, port, auth))], f"http://127.0.0.1:{port}/v2/")
    return Place("v3 with htpasswd", f"127.0.0.1:{port}", USER, PASSWORD)


@pytest.fixture(scope="session")
def v3_token(running: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, port = tmp_path_factory.mktemp("v3token"), free_port()
    program("openssl")
    signer = OpensslSigner(str(folder))
    rules = Rules(users={USER: PASSWORD}, private=["team/*"])
    service = TokenService(rules, service="interop", issuer="orlop", signer=signer)
    with service.serve() as server:
        auth = {
            "token": {
                "realm": f"{server.url}/token",
                "service": "interop",
                "issuer": "orlop",
                "rootcertbundle": signer.certificate,
            }
        }
        running([program("registry"), "serve", str(distribution(folder, port, auth))], f"http://127.0.0.1:{port}/v2/")
        door = back_door(running, program("registry"), folder)
        yield Place("v3 with our token service", f"127.0.0.1:{port}", USER, PASSWORD, back_door=door)


@pytest.fixture(scope="session")
def debian_token(running: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Debian's registry 2.8 behind distribution's own token server: a PKCS#1 key, GET only, the user's own namespace."""
    folder, port, token_port = tmp_path_factory.mktemp("debian"), free_port(), free_port()
    openssl = program("openssl")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run([openssl, "genrsa", "-traditional", "-out", str(key), "2048"], check=True, capture_output=True)
    request = [
        openssl,
        "req",
        "-x509",
        "-new",
        "-key",
        str(key),
        "-subj",
        "/CN=interop",
        "-days",
        "2",
        "-out",
        str(certificate),
    ]
    subprocess.run(request, check=True, capture_output=True)
    passwords = htpasswd(folder / "htpasswd")
    realm = f"http://127.0.0.1:{token_port}/token/"
    running(
        [
            program("token-server"),
            "-addr",
            f"127.0.0.1:{token_port}",
            "-key",
            str(key),
            "-passwd",
            str(passwords),
            "-issuer",
            "interop",
            "-realm",
            realm,
        ],
        realm,
    )
    auth = {"token": {"realm": realm, "service": "interop", "issuer": "interop", "rootcertbundle": str(certificate)}}
    running(
        [program("docker-registry"), "serve", str(distribution(folder, port, auth))], f"http://127.0.0.1:{port}/v2/"
    )
    door = back_door(running, program("docker-registry"), folder)
    name = "Debian's registry with a token server"
    return Place(name, f"127.0.0.1:{port}", USER, PASSWORD, namespace=USER, back_door=door)


@pytest.fixture(scope="session", params=["embedded", "v3_htpasswd", "v3_token", "debian_token"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found
