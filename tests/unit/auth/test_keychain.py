from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from orlop.auth.credential import Credential, CredentialSource
from orlop.auth.keychain import Chain, ExplicitSource, config_files, default_keychain
from orlop.auth.vendors.helpers import helpers_for
from orlop.model.reference import RegistryHost, Repository
from orlop.threads import ThreadRuntime, step

if TYPE_CHECKING:
    from pathlib import Path

MakeHelper = Callable[[str, str], dict[str, str]]
HOST, OTHER = RegistryHost("example.com"), RegistryHost("example.org")
GIVES = """printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' """


def find(source: CredentialSource, host: RegistryHost, repository: str = "") -> Credential | None:
    named = Repository.parse(f"{host}/{repository}") if repository else None
    return step(source.find_on(ThreadRuntime(), named, host))


def put(path: Path, key: str, pair: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": {key: {"auth": base64.b64encode(pair.encode()).decode()}}}))


def test_an_explicit_credential_is_for_its_registry_alone() -> None:
    source = ExplicitSource(HOST, Credential("me", "pw"))
    assert find(source, HOST) == Credential("me", "pw")
    assert find(source, OTHER) is None


def test_the_first_source_that_knows_decides() -> None:
    chain = Chain(
        [
            ExplicitSource(OTHER, Credential("a", "x")),
            ExplicitSource(HOST, Credential("b", "x")),
            ExplicitSource(HOST, Credential("c", "x")),
        ]
    )
    found = find(chain, HOST)
    assert found is not None
    assert found.username == "b"


def test_the_files_are_those_of_docker_and_podman() -> None:
    assert config_files({}, "/h") == [
        (os.path.join("/h", ".docker", "config.json"), False),
        (os.path.join("/h", ".config", "containers", "auth.json"), True),
    ]
    environ = {
        "DOCKER_CONFIG": "/d",
        "REGISTRY_AUTH_FILE": "/r/auth.json",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "XDG_CONFIG_HOME": "/c",
    }
    assert config_files(environ, "/h") == [
        (os.path.join("/d", "config.json"), False),
        ("/r/auth.json", True),
        (os.path.join("/run/user/1", "containers", "auth.json"), True),
        (os.path.join("/c", "containers", "auth.json"), True),
    ]
    assert config_files(environ, "/h", authfile="/x/config.json") == [("/x/config.json", False)]


def test_empty_variables_count_as_not_set() -> None:
    assert config_files({"DOCKER_CONFIG": "", "REGISTRY_AUTH_FILE": "", "XDG_RUNTIME_DIR": ""}, "/h") == config_files(
        {}, "/h"
    )


def test_podmans_file_is_asked_where_dockers_says_nothing(tmp_path: Path) -> None:
    put(tmp_path / ".docker" / "config.json", "example.org", "docker:x")
    put(tmp_path / ".config" / "containers" / "auth.json", "example.com/team", "podman:x")
    keychain = default_keychain({}, str(tmp_path))

    for host, repository, expected in [(OTHER, "a", "docker"), (HOST, "team/a", "podman"), (HOST, "a", None)]:
        found = find(keychain, host, repository)
        assert (found.username if found else None) == expected


def test_a_named_authfile_stands_alone(tmp_path: Path) -> None:
    put(tmp_path / ".docker" / "config.json", "example.com", "docker:x")
    put(tmp_path / "mine.json", "example.org", "mine:x")
    keychain = default_keychain({}, str(tmp_path), authfile=str(tmp_path / "mine.json"))

    assert find(keychain, HOST) is None
    assert find(keychain, OTHER) is not None


@pytest.mark.parametrize(
    ("host", "helpers"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", ("ecr-login",)),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", ("ecr-login",)),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", ("ecr-login",)),
        ("123456789012.dkr-ecr.us-east-1.on.aws", ("ecr-login",)),
        ("public.ecr.aws", ()),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example", ()),
        ("gcr.io", ("gcloud", "gcr")),
        ("eu.gcr.io", ("gcloud", "gcr")),
        ("us-docker.pkg.dev", ("gcloud", "gcr")),
        ("europe-west4-docker.pkg.dev", ("gcloud", "gcr")),
        ("evil-gcr.io", ()),
        ("docker.io", ()),
    ],
)
def test_ecr_and_google_have_their_helpers(host: str, helpers: tuple[str, ...]) -> None:
    assert helpers_for(host) == helpers


@pytest.mark.skipif(os.name == "nt", reason="the helpers of these tests are shell scripts")
class TestVendorHelpers:
    ECR = RegistryHost("123456789012.dkr.ecr.eu-central-1.amazonaws.com")

    def test_an_installed_helper_is_used_though_no_file_names_it(self, tmp_path: Path, make_helper: MakeHelper) -> None:
        found = find(default_keychain(make_helper("ecr-login", f"{GIVES} AWS pw"), str(tmp_path)), self.ECR, "a")
        assert found is not None
        assert (found.username, found.password, found.source) == ("AWS", "pw", "docker-credential-ecr-login")

    def test_a_helper_that_fails_unasked_is_a_warning(self, tmp_path: Path, make_helper: MakeHelper) -> None:
        warnings: list[str] = []
        keychain = default_keychain(make_helper("ecr-login", "exit 1"), str(tmp_path), warn=warnings.append)

        assert find(keychain, self.ECR) is find(keychain, self.ECR) is None
        assert len(warnings) == 1

    def test_a_helper_that_is_not_there_is_no_matter(self, tmp_path: Path) -> None:
        warnings: list[str] = []
        keychain = default_keychain({"PATH": str(tmp_path)}, str(tmp_path), warn=warnings.append)
        assert find(keychain, RegistryHost("gcr.io")) is None
        assert warnings == []

    def test_a_password_that_ended_is_fetched_again(self, tmp_path: Path, make_helper: MakeHelper) -> None:
        keychain = default_keychain(
            make_helper("gcloud", f"echo x >> {tmp_path}/n; {GIVES} me $(wc -l < {tmp_path}/n)"), str(tmp_path)
        )
        host = RegistryHost("gcr.io")

        first = find(keychain, host)
        assert find(keychain, host) == first
        keychain.forget(host)
        assert find(keychain, host) != first
