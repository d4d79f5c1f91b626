"""Registries, references, referrers, and requests of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry as start
from orlop.testing.profiles import profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop


def test_ping(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("registry", "ping", harbour.host).text == f"http://{harbour.host}/v2/ 200 open\n"
    found = orlop("registry", "ping", harbour.host, "-o", "json").json
    assert (found["host"], found["status"], found["schemes"]) == (harbour.host, 200, [])


def test_ping_says_how_to_sign_in(orlop: Orlop) -> None:
    with profile("hub", private=["*"]) as hub:
        found = orlop("registry", "ping", hub.host, "-o", "json").json
        assert found["schemes"] == ["bearer"]
        assert found["realm"] == hub.realm
        assert (found["signedIn"], found["anonymous"]) == (True, True)
        assert orlop("registry", "ping", hub.host).text == f"http://{hub.host}/v2/ 200 open, with a token\n"


def test_ping_of_a_registry_that_gives_nobody_a_token_says_what_it_wants(orlop: Orlop) -> None:
    with profile("acr", users={"mary": "pw"}) as acr:
        assert orlop("registry", "ping", acr.host).text == f"http://{acr.host}/v2/ 401 wants bearer\n"
        env = {"ORLOP_USERNAME": "mary", "ORLOP_PASSWORD": "pw"}
        assert orlop("registry", "ping", acr.host, env=env).text == f"http://{acr.host}/v2/ 200 signed in\n"
        assert orlop("registry", "ping", acr.host, env={**env, "ORLOP_PASSWORD": "wrong"}).status == 4


def test_a_reference_taken_apart(orlop: Orlop) -> None:
    assert orlop("ref", "parse", "debian").text == "docker.io/library/debian:latest\n"
    digest = f"sha256:{'a' * 64}"
    assert orlop("ref", "parse", f"ghcr.io/o/n:1@{digest}", "-o", "json").json == {
        "reference": f"ghcr.io/o/n:1@{digest}",
        "registry": "ghcr.io",
        "repository": "o/n",
        "tag": "1",
        "digest": digest,
        "familiar": f"ghcr.io/o/n:1@{digest}",
    }
    assert orlop("ref", "parse", "debian:12", "--format", "{registry} {tag}").text == "docker.io 12\n"
    assert orlop("ref", "parse", "debian", "-o", "table").text.splitlines()[1].split() == ["Registry", "docker.io"]


@pytest.mark.parametrize("scheme", ["oci", "oci-archive", "docker-archive"])
def test_a_locators_scheme_wins_over_an_image_of_that_name(orlop: Orlop, scheme: str) -> None:
    assert orlop("ref", "parse", f"{scheme}:1", "-o", "json").json["scheme"] == scheme
    said = orlop("auth", "token", f"{scheme}:1")
    assert said.status == 2
    assert f"hint: docker.io/library/{scheme}:1 names the image" in said.notes
    assert orlop("ref", "parse", f"docker.io/library/{scheme}:1").text == f"docker.io/library/{scheme}:1\n"
    assert orlop("ref", "parse", scheme).text == f"docker.io/library/{scheme}:latest\n"


def test_referrers(orlop: Orlop, harbour: Harbour) -> None:
    reference = f"{harbour.name}:latest"
    size = len(harbour.sbom.raw)
    line = f"{harbour.sbom.digest}\tapplication/spdx+json\t{size}\n"
    assert orlop("referrer", "list", reference).text == line
    assert orlop("referrer", "list", f"{harbour.name}@{harbour.app.digest}").text == line
    index = orlop("referrer", "list", reference, "-o", "json").json
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert [entry["digest"] for entry in index["manifests"]] == [str(harbour.sbom.digest)]
    assert orlop("referrer", "list", reference, "--artifact-type", "application/none").text == ""
    assert orlop("referrer", "list", reference, "--format", "{artifactType}").text == "application/spdx+json\n"
    heading = orlop("referrer", "list", reference, "-o", "table").text.splitlines()[0]
    assert heading.split() == ["DIGEST", "ARTIFACT", "TYPE", "SIZE"]
    line_of_many = orlop("referrer", "list", reference, harbour.single, "--ordered").lines
    assert [len(entry["referrers"]) for entry in line_of_many] == [1, 0]


def test_api_gives_the_registrys_answer(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("api", f"{harbour.host}/v2/team/one/tags/list")
    assert said.json == {"name": "team/one", "tags": ["latest"]}
    by_url = orlop("api", f"http://{harbour.host}/v2/team/one/manifests/latest", "-H", "Accept: */*")
    assert by_url.raw == harbour.one.raw


def test_api_shows_status_and_headers(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("api", f"{harbour.host}/v2/", "-i")
    head, _, body = said.raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP 200 OK\r\n")
    assert b"docker-distribution-api-version: registry/2.0" in head
    assert body == b"{}"
    only_head = orlop("api", f"{harbour.host}/v2/team/one/manifests/latest", "-X", "head")
    assert str(harbour.one.digest) in only_head.text


@pytest.mark.parametrize(("path", "status"), [("/v2/none/tags/list", 3), ("/nowhere", 3)])
def test_api_ends_with_the_answers_status(orlop: Orlop, harbour: Harbour, path: str, status: int) -> None:
    said = orlop("api", f"{harbour.host}{path}")
    assert said.status == status
    assert "errors" in said.json
    assert said.notes == f"orlop: GET {harbour.host}{path} was answered with 404\n"


def test_api_sends_data(orlop: Orlop, tmp_path: Path) -> None:
    with start() as own:
        own.push_blob("x", b"{}")
        file = tmp_path / "index.json"
        file.write_bytes(b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}')
        header = "Content-Type: application/vnd.oci.image.index.v1+json"
        said = orlop("api", f"{own.host}/v2/x/manifests/1", "-X", "PUT", "-d", str(file), "-H", header)
        assert said.status == 0, said
        assert orlop("manifest", "get", f"{own.host}/x:1").raw == file.read_bytes()
        piped = orlop(
            *("api", f"{own.host}/v2/x/manifests/2", "-X", "PUT", "-d", "-", "-H", header), stdin=file.read_bytes()
        )
        assert piped.status == 0
        assert orlop("tag", "list", f"{own.host}/x").text == "1\n2\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/v2/x/tags/list",), "starts with the registry"),
        (("ftp://a.example/v2/",), "neither http nor https"),
        (("user:secret@a.example/v2/",), "credentials do not belong in a URL"),
        (("a.example/v2/ x",), "a space or a control character"),
        (("a.example/v2/", "-H", "nothing"), "a header is"),
        (("a.example/v2/", "-H", "a: b\r\nc: d"), "a header is"),
        (("a.example/v2/", "-X", "GET /"), "a method is one word"),
        (("a.example/v2/", "-d", "/nonexistent/file"), "no such file"),
    ],
)
def test_api_refuses_what_is_no_request(orlop: Orlop, arguments: tuple[str, ...], said: str) -> None:
    found = orlop("api", *arguments)
    assert found.status == 2
    assert said in found.notes
    assert "secret" not in found.notes


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://ghcr.io/", "hint: leave out https://, and the path: ghcr.io"),
        ("ghcr.io/owner/name", "hint: the registry alone is ghcr.io"),
    ],
)
def test_a_registry_is_named_without_scheme_and_path(orlop: Orlop, text: str, hint: str) -> None:
    said = orlop("registry", "ping", text)
    assert said.status == 2
    assert "is not the name of a registry" in said.notes
    assert hint in said.notes
