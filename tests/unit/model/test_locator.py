"""Locators: what the text means, and what is refused."""

from __future__ import annotations

import pytest

from orlop.errors import InputError, InvalidDigestError, InvalidReferenceError
from orlop.model.digest import Digest
from orlop.model.locator import Locator, parse_locator
from orlop.model.reference import Reference

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "scheme", "path", "repository", "name", "digest"),
    [
        ("oci:dir", "oci", "dir", "", "", ""),
        ("oci:/a/b:1.0", "oci", "/a/b", "", "1.0", ""),
        ("oci:dir:docker.io/library/debian:12", "oci", "dir", "", "docker.io/library/debian:12", ""),
        ("oci:dir:localhost:5000/a:1", "oci", "dir", "", "localhost:5000/a:1", ""),
        (f"oci:dir@{DIGEST}", "oci", "dir", "", "", DIGEST),
        (f"oci:dir:1.0@{DIGEST}", "oci", "dir", "", "1.0", DIGEST),
        ("oci:pkg@1.2/dir", "oci", "pkg@1.2/dir", "", "", ""),
        ("oci:dir:@1", "oci", "dir", "", "@1", ""),
        (r"oci:C:\images\x", "oci", r"C:\images\x", "", "", ""),
        (r"oci-archive:C:\x.tar:1", "oci-archive", r"C:\x.tar", "", "1", ""),
        ("docker-archive:x.tar.gz:busybox", "docker-archive", "x.tar.gz", "", "busybox", ""),
        ("docker-daemon:localhost:5000/team/app:1", "docker-daemon", "localhost:5000/team/app:1", "", "", ""),
        (f"docker-daemon:app@{DIGEST}", "docker-daemon", "app", "", "", DIGEST),
        ("store:/var/lib/orlop//team/app", "store", "/var/lib/orlop", "team/app", "", ""),
        ("store:a//b//app:1", "store", "a//b", "app", "1", ""),
        (f"store:a//app@{DIGEST}", "store", "a", "app", "", DIGEST),
    ],
)
def test_a_locator_is_taken_apart_and_put_together_again(
    text: str, scheme: str, path: str, repository: str, name: str, digest: str
) -> None:
    found = parse_locator(text)
    assert found == Locator(scheme, path, repository, name, Digest(digest) if digest else None)
    assert str(found) == text


@pytest.mark.parametrize("text", ["debian", "oci", "ocix:1", "docker.io/library/oci:1", "localhost:5000/oci:1", ""])
def test_what_begins_with_no_scheme_is_a_reference(text: str) -> None:
    assert parse_locator(text) is None


@pytest.mark.parametrize("scheme", ["oci", "oci-archive", "docker-archive", "docker-daemon", "store"])
def test_a_whole_name_still_names_the_image_of_that_name(scheme: str) -> None:
    assert str(Reference.parse(f"docker.io/library/{scheme}:1")) == f"docker.io/library/{scheme}:1"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("oci:", InputError),
        ("oci::tag", InputError),
        ("docker-archive:@" + DIGEST, InputError),
        ("oci:a\0b", InputError),
        ("docker-daemon:", InputError),
        ("docker-daemon:../containers", InputError),
        ("docker-daemon:a b", InputError),
        ("docker-daemon:a?x=1", InputError),
        ("oci:dir@sha256:12", InvalidDigestError),
        ("store:dir", InputError),
        ("store://app", InputError),
        ("store:dir//", InputError),
        ("store:dir//App", InvalidReferenceError),
        ("store:dir//app:a b", InvalidReferenceError),
    ],
)
def test_what_cannot_be_a_locator_is_refused(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        parse_locator(text)


def test_the_refusal_says_how_to_write_it_and_how_to_name_the_image() -> None:
    with pytest.raises(InputError) as caught:
        parse_locator("store:dir")
    assert "store:DIR//REPO" in str(caught.value.hint)
    assert "docker.io/library/store" in str(caught.value.hint)


def test_a_pinned_locator_leaves_the_name_out() -> None:
    found = Locator.parse("oci:dir:1.0").with_digest(Digest(DIGEST))
    assert (found.pinned, str(found)) == (f"oci:dir@{DIGEST}", f"oci:dir:1.0@{DIGEST}")
    assert str(found.with_name("2.0")) == "oci:dir:2.0"
