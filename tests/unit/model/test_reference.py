from __future__ import annotations

import pytest

from orlop.errors import InvalidDigestError, InvalidReferenceError
from orlop.model.digest import Digest
from orlop.model.reference import Reference, RegistryHost, Repository, RepositoryName, Tag

D = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        (f"debian@{D}", f"docker.io/library/debian@{D}"),
        (f"debian:12@{D}", f"docker.io/library/debian:12@{D}"),
        ("org/app", "docker.io/org/app:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/debian", "docker.io/library/debian:latest"),
        ("registry-1.docker.io/org/app", "docker.io/org/app:latest"),
        ("Docker.IO/debian", "docker.io/library/debian:latest"),
        ("docker.io/library/oci:1", "docker.io/library/oci:1"),
        ("mcr.microsoft.com/dotnet/runtime:7.0", "mcr.microsoft.com/dotnet/runtime:7.0"),
        ("GHCR.io/owner/app", "ghcr.io/owner/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
        ("example.com", "docker.io/library/example.com:latest"),
        ("127.0.0.1:5000/a/b/c:t", "127.0.0.1:5000/a/b/c:t"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("[0:0:0:0:0:0:0:1]/app", "[::1]/app:latest"),
        ("[2001:DB8::1]:443/app", "[2001:db8::1]:443/app:latest"),
        ("Registry/app", "Registry/app:latest"),
        ("a/b_c/d__e/f-g/h---i/j.k", "docker.io/a/b_c/d__e/f-g/h---i/j.k:latest"),
        ("x:_1.-", "docker.io/library/x:_1.-"),
        ("x:" + "t" * 128, "docker.io/library/x:" + "t" * 128),
    ],
)
def test_a_short_name_means_a_whole_one(text: str, whole: str) -> None:
    reference = Reference.parse(text)

    assert str(reference) == whole
    assert Reference.parse(whole) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " debian",
        "debian ",
        "debian\n",
        "debian:\n",
        "debian:12\n",
        "Debian",
        "org/Debian",
        "org//app",
        "/app",
        "app/",
        "ghcr.io/",
        "ghcr.io//app",
        "a___b",
        "a..b",
        "-a",
        "a-",
        "a_/b",
        ":tag",
        "app:",
        "app:-x",
        "app:.x",
        "app:a:b",
        "app:" + "t" * 129,
        "app:t\u00e4g",
        "\u00e4pp",
        "app\u0661",
        "a" * 256,
        "ghcr.io/" + "a" * 256,
        "ghcr.io:/app",
        "ghcr.io:0/app",
        "ghcr.io:65536/app",
        "ghcr.io:5000000/app",
        "ghcr..io/app",
        "-ghcr.io/app",
        "ghcr-.io/app",
        "gh_cr.io/app",
        "user:password@ghcr.io/app",
        "[::g]/app",
        "[::1/app",
        "::1/app",
        "[fe80::1%eth0]/app",
        "[]/app",
        "a.b\x00/app",
        "f" * 64,
    ],
)
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises((InvalidReferenceError, InvalidDigestError)):
        Reference.parse(text)


@pytest.mark.parametrize("text", ["app@", "app@sha256:abc", f"app@{D}@{D}", f"app@{D}:tag", "app@latest"])
def test_what_follows_an_at_sign_has_to_be_a_digest(text: str) -> None:
    with pytest.raises(InvalidDigestError):
        Reference.parse(text)


def test_an_error_names_the_whole_text_that_was_given() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse("ghcr.io/org/App:1")

    assert caught.value.text == "ghcr.io/org/App:1"
    assert "lower case" in caught.value.reason


def test_a_url_is_refused_with_the_advice_to_leave_out_its_scheme() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse("https://ghcr.io/org/app")

    assert caught.value.hint == "leave out https://"


def test_an_image_id_is_not_taken_for_a_name() -> None:
    with pytest.raises(InvalidReferenceError, match="image's id"):
        Reference.parse("0" * 64)


def test_a_long_text_does_not_fill_the_message() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse("A" * 1_000_000)

    assert len(str(caught.value)) < 400


def test_without_a_default_tag_a_bare_name_has_neither_tag_nor_digest() -> None:
    reference = Reference.parse("debian", default_tag=False)

    assert (reference.tag, reference.digest) == (None, None)
    assert str(reference) == "docker.io/library/debian"


def test_the_target_is_the_digest_before_the_tag() -> None:
    assert Reference.parse("a:1").target == Tag("1")
    assert Reference.parse(f"a:1@{D}").target == Digest(D)
    assert Reference.parse("a", default_tag=False).target == Tag("latest")


def test_pinning_keeps_the_tag_and_another_tag_drops_the_digest() -> None:
    pinned = Reference.parse("a:1").with_digest(Digest(D))

    assert str(pinned) == f"docker.io/library/a:1@{D}"
    assert str(pinned.with_tag(Tag("2"))) == "docker.io/library/a:2"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("docker.io/library/debian:12", "debian:12"),
        ("docker.io/org/app:1", "org/app:1"),
        ("docker.io/library/a/b:1", "library/a/b:1"),
        ("docker.io/a.b/c:1", "docker.io/a.b/c:1"),
        ("ghcr.io/org/app:1", "ghcr.io/org/app:1"),
        (f"docker.io/library/debian@{D}", f"debian@{D}"),
    ],
)
def test_the_familiar_form_is_the_shortest_that_means_the_same(text: str, short: str) -> None:
    reference = Reference.parse(text)

    assert reference.familiar == short
    assert Reference.parse(short) == reference


def test_a_repository_has_no_tag_and_no_digest() -> None:
    assert str(Repository.parse("debian")) == "docker.io/library/debian"
    for text in ("debian:12", f"debian@{D}"):
        with pytest.raises(InvalidReferenceError):
            Repository.parse(text)


def test_a_repository_of_docker_hub_is_under_library_however_it_is_made() -> None:
    made = Repository(RegistryHost("index.docker.io"), RepositoryName("debian"))

    assert made == Repository.parse("debian")


@pytest.mark.parametrize("text", ["index.docker.io", "registry-1.docker.io", "docker.io", "DOCKER.io"])
def test_docker_hub_is_one_host(text: str) -> None:
    assert RegistryHost(text).value == "docker.io"


@pytest.mark.parametrize(
    "text",
    ["localhost", "localhost:5000", "LOCALHOST:5000", "127.0.0.1", "127.255.0.9:80", "[::1]:5000", "x.localhost"],
)
def test_a_loopback_host_is_known(text: str) -> None:
    assert RegistryHost(text).is_loopback


@pytest.mark.parametrize(
    "text", ["ghcr.io", "127.0.0.1.nip.io", "localhost.example", "128.0.0.1", "[::2]", "127.0.0.256"]
)
def test_another_host_is_not_loopback(text: str) -> None:
    assert not RegistryHost(text).is_loopback


def test_a_host_is_taken_apart() -> None:
    assert (RegistryHost("[::1]:5000").name, RegistryHost("[::1]:5000").port) == ("[::1]", 5000)
    assert (RegistryHost("[::1]").name, RegistryHost("[::1]").port) == ("[::1]", None)
    assert (RegistryHost("a.b:1").name, RegistryHost("a.b:1").port) == ("a.b", 1)
    assert (RegistryHost("a.b").name, RegistryHost("a.b").port) == ("a.b", None)


def test_a_single_word_is_no_registry_and_the_advice_is_a_port() -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        RegistryHost("registry")

    assert caught.value.hint
    assert "registry:5000" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("ghcr.io/Owner/Name:1", "registries have it as owner/name"),
        ("a/B!", None),
        ("docker://A", "leave out docker://"),
    ],
)
def test_a_name_in_upper_case_is_told_in_lower_case(text: str, hint: str | None) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse(text)
    assert caught.value.hint == hint
