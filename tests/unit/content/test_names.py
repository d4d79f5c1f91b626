"""What a user's name means among the names of a layout or an archive."""

from __future__ import annotations

import pytest

from orlop.content.names import Entry, shown, tag_of, tagged, wanted
from orlop.errors import InputError, ManifestNotFoundError
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.mediatype import OCI_MANIFEST
from orlop.model.platform import Platform
from orlop.model.reference import Tag


def entries(*names: str | tuple[str, ...]) -> list[Entry]:
    """Entries of one manifest each; "" is one without a name."""
    made = []
    for number, name in enumerate(names):
        raw = str(number).encode()
        listed = name if isinstance(name, tuple) else (name,) if name else ()
        made.append(Entry(Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw)), listed, number))
    return made


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("1.0", "1.0"),
        ("debian:12", "12"),
        ("docker.io/library/debian:12", "12"),
        ("localhost:5000/debian", ""),
        ("localhost:5000/debian:a", "a"),
        ("debian:12@sha256:ab", "12"),
        ("a/b", ""),
        ("", ""),
        ("a b", ""),
    ],
)
def test_the_tag_of_a_name(name: str, tag: str) -> None:
    assert tag_of(name) == tag


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("docker.io/library/debian:12", 0),
        ("12", 0),
        ("debian:12", 0),
        ("1.0", 1),
        ("team/app:1", 2),
        ("docker.io/team/app:1", 2),
        ("latest", 3),
        ("plain", 3),
        ("@2", 2),
    ],
)
def test_a_name_is_the_whole_text_its_tag_or_the_same_reference(name: str, number: int) -> None:
    listed = entries("docker.io/library/debian:12", "1.0", "team/app:1", "docker.io/library/plain:latest")
    assert wanted(listed, name, "oci:x").number == number


def test_the_whole_text_goes_before_a_tag() -> None:
    listed = entries("a/b:1", "1")
    assert wanted(listed, "1", "oci:x").number == 1
    assert tagged(listed, Tag("1"), "oci:x").number == 1


def test_one_entry_needs_no_name() -> None:
    assert wanted(entries(""), "", "oci:x").number == 0
    assert wanted(entries("only"), "", "oci:x").number == 0


def test_several_names_of_one_manifest_need_no_name() -> None:
    one = entries("a")[0]
    assert wanted([one, Entry(one.descriptor, ("b",), 1)], "", "oci:x") is one


def test_several_entries_need_a_name_and_the_error_lists_them() -> None:
    with pytest.raises(InputError, match=r"2 are meant by it: a, b/c:1") as caught:
        wanted(entries("a", "b/c:1"), "", "oci:x")
    assert "@DIGEST" in str(caught.value.hint)


def test_a_tag_of_two_references_is_not_decided() -> None:
    with pytest.raises(InputError, match=r"'oci:x:1' is not one image: 2 are meant by it: a:1, b:1"):
        wanted(entries("a:1", "b:1"), "1", "oci:x")
    with pytest.raises(InputError):
        tagged(entries("a:1", "b:1"), Tag("1"), "oci:x")


def test_what_is_attached_to_another_by_its_tag_does_not_count() -> None:
    digits = "0a" * 32
    listed = entries("app", f"sha256-{digits}", f"sha256-{digits}.sig", f"reg/app:sha256-{digits}.att")
    assert wanted(listed, "", "oci:x").number == 0


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ManifestNotFoundError) as caught:
        wanted(entries("a", ""), "nope", "oci:x")
    assert "there are: a, @1 (sha256:" in str(caught.value.hint)


def test_a_number_beyond_the_end_is_not_there() -> None:
    with pytest.raises(ManifestNotFoundError, match="counted from @0"):
        wanted(entries("a"), "@1", "oci:x")


def test_an_empty_place_holds_no_image() -> None:
    with pytest.raises(ManifestNotFoundError, match="holds none"):
        wanted([], "", "oci:x")


def test_many_names_are_cut_and_a_platform_is_told() -> None:
    assert shown(entries(*(f"t{n}" for n in range(25)))).endswith("t19, and 5 more")
    descriptor = Descriptor(OCI_MANIFEST, Digest.of(b""), 0, platform=Platform.parse("linux/arm64"))
    assert shown([Entry(descriptor, (), 4)]).startswith("@4 (linux/arm64")
