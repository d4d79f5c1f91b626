"""Real answers of real registries, from the folder that ORLOP_VECTORS names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from orlop.errors import (
    DeniedError,
    InvalidManifestError,
    ManifestNotFoundError,
    OrlopError,
    RateLimitedError,
    RegistryError,
    UnauthenticatedError,
)
from orlop.protocol.challenge import parse_challenges
from orlop.protocol.errorbody import from_wire
from orlop.protocol.headers import RateLimit, media_type_of, next_page, parse_date
from orlop.protocol.message import Headers, Response

FOLDER = os.environ.get("ORLOP_VECTORS")

pytestmark = pytest.mark.skipif(not FOLDER, reason="ORLOP_VECTORS does not name the folder of real documents")


Entry: TypeAlias = dict[str, Any]


def entries(name: str) -> list[Any]:
    if not FOLDER:
        return [pytest.param(None, id=name)]
    documents = json.loads((Path(FOLDER) / "http" / name).read_text(encoding="utf-8"))
    return [pytest.param(each, id=f"{each.get('registry')}-{number}") for number, each in enumerate(documents)]


SCHEMES = {"basic", "bearer"}


@pytest.mark.parametrize("entry", entries("challenges.json"))
def test_a_challenge_is_read_whole_and_printed_back(entry: Entry) -> None:
    text = entry["www_authenticate"]
    challenges = parse_challenges([text] if text else [])

    assert len(challenges) == (text or "").lower().count("realm=")
    for challenge in challenges:
        assert challenge.scheme in SCHEMES
        assert challenge.parameters["realm"] in text
        assert set(challenge.parameters) <= {"realm", "service", "scope"}
        if "scope" in challenge.parameters:
            assert " ".join(map(str, challenge.scopes)) == challenge.parameters["scope"]
    assert parse_challenges([", ".join(map(str, challenges))]) == challenges


EXPECTED: dict[tuple[str, int], type[OrlopError]] = {
    ("Docker Hub", 401): UnauthenticatedError,
    ("Docker Hub", 429): RateLimitedError,
    ("GHCR", 404): ManifestNotFoundError,
    ("GHCR (Basic sent)", 403): DeniedError,
    ("Nexus", 400): UnauthenticatedError,
    ("Quay's storage (S3)", 400): RegistryError,
    ("proxy", 403): DeniedError,
    ("Artifactory", 400): InvalidManifestError,
}


@pytest.mark.parametrize("entry", entries("errors.json"))
def test_an_error_is_of_its_class_and_on_one_line(entry: Entry) -> None:
    headers = Headers({"content-type": entry["content_type"]})
    response = Response(entry["status"], headers, entry["body"].encode(), "https://h/v2/a/manifests/1")
    error = from_wire(response, method="GET", what="1", where="h.test/a", kind="manifest")

    assert type(error) is EXPECTED.get((entry["registry"], entry["status"]), UnauthenticatedError)
    assert isinstance(error, UnauthenticatedError) is (entry["status"] == 401 or entry["registry"] == "Nexus")
    assert str(error).isprintable()
    assert len(str(error)) < 400
    assert "Bearer X" not in str(error)
    documents = '"message"' in entry["body"]
    assert not documents or json.loads(entry["body"])["errors"][0]["message"] in str(error)


def response_of(raw: str) -> Response:
    head, _, body = raw.partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    return Response(int(status.split()[1]), Headers(pairs), body.encode(), "https://h/v2/a/manifests/1")


@pytest.mark.parametrize("entry", entries("raw-responses.json"))
def test_a_whole_answer_becomes_an_error(entry: Entry) -> None:
    response = response_of(entry["raw"])
    error = from_wire(response, method="GET", what="1", where="h.test/a", kind="manifest")

    expected = {404: ManifestNotFoundError, 401: UnauthenticatedError, 333: RegistryError}[response.status]
    assert type(error) is expected
    assert str(error).isprintable()
    assert "<" not in str(error)


@pytest.mark.parametrize("entry", entries("links.json"))
def test_a_link_is_followed_with_its_cursor_untouched(entry: Entry) -> None:
    registry = "https://registry.hub.docker.com"
    target = entry["link"].partition("<")[2].partition(">")[0]
    url = next_page(Headers({"Link": entry["link"]}), registry + entry["request"])

    assert url == registry + target.removeprefix(registry)


@pytest.mark.parametrize("entry", entries("headers.json"))
def test_fields_of_an_answer_are_read(entry: Entry) -> None:
    headers = Headers({name.replace("_", "-"): value for name, value in entry["headers"].items()})

    assert media_type_of(headers).startswith("application/")
    if "ratelimit-limit" in headers:
        assert RateLimit.from_headers(headers) == RateLimit(100, 0, 21600)
    else:
        assert RateLimit.from_headers(headers) is None
    for name in ("date", "expires", "last-modified"):
        assert name not in headers or parse_date(headers[name]) is not None
