from __future__ import annotations

import copy
import hashlib
import pickle

import pytest

from orlop.errors import InvalidDigestError
from orlop.model.digest import Digest, Hasher
from orlop.model.reference import RepositoryName, Tag

A64 = "a" * 64
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_says_its_algorithm_its_digits_and_a_short_form() -> None:
    digest = Digest.parse(f"sha256:{EMPTY}")

    assert (digest.algorithm, digest.hex, digest.short) == ("sha256", EMPTY, "e3b0c44298fc")
    assert str(digest) == f"sha256:{EMPTY}"


def test_sha512_is_known_as_well() -> None:
    digest = Digest.of(b"x", "sha512")

    assert digest.hex == hashlib.sha512(b"x").hexdigest()
    assert Digest.parse(str(digest)) == digest


def test_the_digest_of_no_bytes_is_the_well_known_one() -> None:
    assert Digest.of(b"").hex == EMPTY


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "algorithm:hex"),
        (A64, "algorithm:hex"),
        (f"md5:{A64}", "not known"),
        (f"SHA256:{A64}", "not known"),
        ("sha256:", "64 hexadecimal digits, not 0"),
        (f"sha256:{A64[1:]}", "not 63"),
        (f"sha256:{A64}\n", "not 65"),
        (f"sha512:{A64}", "128 hexadecimal digits"),
        (f"sha256:{A64.upper()}", "lower case"),
        (f"sha256:{A64[1:]}g", "only the digits"),
        (f"sha256:{A64[1:]}\u0661", "only the digits"),
        (f" sha256:{A64}", "not known"),
    ],
)
def test_a_malformed_digest_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidDigestError, match=reason):
        Digest(text)


def test_an_unknown_algorithm_cannot_hash() -> None:
    with pytest.raises(InvalidDigestError):
        Digest.of(b"", "md5")


def test_a_hasher_in_pieces_gives_the_digest_of_the_whole_and_counts() -> None:
    hasher = Hasher()
    hasher.update(b"ab")
    hasher.update(memoryview(b"c"))

    assert hasher.digest() == Digest.of(b"abc")
    assert hasher.size == 3


def test_values_of_two_classes_are_never_equal() -> None:
    assert Tag("a") != RepositoryName("a")
    assert {Tag("a"): 1}.get(RepositoryName("a")) is None  # type: ignore[call-overload]


def test_a_value_cannot_be_changed() -> None:
    digest = Digest.of(b"")

    with pytest.raises(AttributeError):
        digest.value = "x"
    with pytest.raises(AttributeError):
        del digest.value


def test_a_value_survives_pickling_and_copying() -> None:
    digest = Digest.of(b"")

    assert pickle.loads(pickle.dumps(digest)) == digest
    assert copy.deepcopy(digest) == digest


def test_values_sort_by_their_text_and_refuse_others() -> None:
    assert sorted([Tag("b"), Tag("a")]) == [Tag("a"), Tag("b")]
    assert Tag("a") <= Tag("a")
    with pytest.raises(TypeError):
        _ = Tag("a") < RepositoryName("b")  # type: ignore[operator]
