"""--curl: what it prints is run, against registries that sign in as the real ones do."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from orlop.model.digest import Digest
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop

    from orlop.testing.profiles import Profile

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
USERS = {"mary": "correct horse's"}
SECRETS = {"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": "correct horse's"}
BUILT = image([layer({"a": b"b" * 5000})])


def shell(script: str, **variables: str) -> bytes:
    environ = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(["sh", "-ec", script], env=environ, capture_output=True, check=False, timeout=15)
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout


@needs_curl
def test_without_a_sign_in(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.single}:latest", "--curl")
    assert said.status == 0
    assert said.text.startswith("curl -sS \\\n  -H 'accept: ")
    assert shell(said.text) == harbour.one.raw


@needs_curl
@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "gitlab", "harbor", "basic"])
def test_each_registrys_sign_in(orlop: Orlop, name: str) -> None:
    with profile(name, users=USERS, private=["*"]) as place:
        push_now(BUILT, place.registry, "team/app", tags=["1"])
        said = orlop("manifest", "get", f"{place.host}/team/app:1", "--curl", env=SECRETS)
        assert said.status == 0, said.notes
        assert "horse" not in said.text
        assert shell(said.text, **SECRETS) == BUILT.raw


@needs_curl
def test_an_anonymous_token(orlop: Orlop) -> None:
    with profile("ghcr", users=USERS) as place:
        push_now(BUILT, place.registry, "team/app", tags=["1"])
        said = orlop("manifest", "get", f"{place.host}/team/app:1", "--curl")
        assert said.text.startswith("TOKEN=$(curl")
        assert shell(said.text) == BUILT.raw


@needs_curl
def test_a_blob_through_a_redirect_into_a_file(orlop: Orlop, tmp_path: Path) -> None:
    with profile("hub", users=USERS, private=["*"]) as place:
        push_now(BUILT, place.registry, "team/app", tags=["1"])
        digest = BUILT.document["layers"][0]["digest"]
        file = tmp_path / "it's here"
        said = orlop("blob", "get", f"{place.host}/team/app@{digest}", "--to", str(file), "--curl", env=SECRETS)
        assert not file.exists()
        assert " -L " in said.text.replace("\\\n", "").replace("  ", " ")
        assert "X-Amz" not in said.text
        shell(said.text, **SECRETS)
        assert str(Digest.of(file.read_bytes())) == digest


@needs_curl
def test_every_request_of_a_command_is_there(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("image", "inspect", f"{harbour.name}:latest", "--platform", "linux/arm64", "--curl")
    child = harbour.child("linux/arm64/v8")
    assert said.text.count("curl -sS") == 3
    assert shell(said.text) == harbour.app.raw + child.raw + child.config


@needs_curl
def test_a_token_of_the_environment(orlop: Orlop, hub: Profile) -> None:
    token = orlop("auth", "token", f"{hub.host}/team/app", env=SECRETS).text.strip()
    said = orlop("manifest", "get", f"{hub.host}/team/app:1", "--curl", env={"ORLOP_TOKEN": token})
    assert token not in said.text
    assert '-H "Authorization: Bearer $ORLOP_TOKEN"' in said.text
    assert shell(said.text, ORLOP_TOKEN=token) == BUILT.raw


@pytest.fixture
def hub():  # type: ignore[no-untyped-def]
    with profile("hub", users=USERS, private=["*"]) as running:
        push_now(BUILT, running.registry, "team/app", tags=["1"])
        yield running


def test_the_cache_hides_no_request(orlop: Orlop, harbour: Harbour) -> None:
    reference = f"{harbour.name}@{harbour.app.digest}"
    orlop("manifest", "get", reference)
    assert str(harbour.app.digest) in orlop("manifest", "get", reference, "--curl").text


def test_what_failed_is_shown_too(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", f"{harbour.name}:none", "--curl")
    assert said.status == 3
    assert said.text.endswith("/v2/team/app/manifests/none\n")


def test_every_reading_command_has_it(orlop: Orlop, harbour: Harbour) -> None:
    reference = f"{harbour.name}:latest"
    config = f"{harbour.single}@{harbour.one.document['config']['digest']}"
    for arguments in (
        ("tag", "list", harbour.name),
        ("repo", "list", harbour.host),
        ("manifest", "get", reference),
        ("manifest", "digest", reference),
        ("manifest", "resolve", reference, "--platform", "linux/amd64"),
        ("referrer", "list", reference),
        ("blob", "get", config),
        ("image", "inspect", reference),
        ("image", "os", reference, "--platform", "linux/amd64"),
        ("registry", "ping", harbour.host),
        ("api", f"{harbour.host}/v2/"),
        ("manifest", "get", reference, reference),
    ):
        said = orlop(*arguments, "--curl")
        assert said.status == 0, arguments
        assert said.text.startswith("curl -sS"), arguments
        assert "{" not in said.text, arguments
