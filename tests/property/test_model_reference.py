"""References, hosts and digests: what prints parses, and to the same value."""

from __future__ import annotations

import contextlib
import pickle
import string

from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InputError
from orlop.model.digest import ALGORITHMS, Digest
from orlop.model.reference import Reference, RegistryHost, Repository, RepositoryName, Tag

LABEL = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", fullmatch=True)
PORT = st.integers(1, 65535).map(lambda port: f":{port}") | st.just("")
V6 = st.ip_addresses(v=6).filter(lambda address: "." not in str(address)).map(lambda address: f"[{address}]")
DOTTED = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
HOST = st.builds(lambda name, port: name + port, DOTTED | V6 | st.just("localhost"), PORT) | st.builds(
    lambda label, port: f"{label}:{port}", LABEL, st.integers(1, 65535)
)
COMPONENT = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
NAME = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
DIGEST = st.sampled_from(sorted(ALGORITHMS)).flatmap(
    lambda name: st.text("0123456789abcdef", min_size=ALGORITHMS[name], max_size=ALGORITHMS[name]).map(
        lambda digits: Digest(f"{name}:{digits}")
    )
)
REFERENCE = st.builds(
    Reference,
    st.builds(Repository, HOST.map(RegistryHost), NAME.map(RepositoryName)),
    st.none() | TAG.map(Tag),
    st.none() | DIGEST,
)
SOUP = st.lists(
    st.sampled_from([*"abA0.:/@_-[]%", "sha256:", "docker.io/", "localhost", "\n", "\u00e4"]), max_size=12
).map("".join)


def one_line(error: Exception) -> None:
    assert "\n" not in str(error)


@given(REFERENCE)
def test_what_a_reference_prints_parses_to_it(reference: Reference) -> None:
    assert Reference.parse(str(reference), default_tag=False) == reference
    assert pickle.loads(pickle.dumps(reference)) == reference


@given(REFERENCE)
def test_the_familiar_form_means_the_same(reference: Reference) -> None:
    assert Reference.parse(reference.familiar, default_tag=False) == reference
    assert len(reference.familiar) <= len(str(reference))


@given(SOUP | st.text(max_size=30))
def test_any_text_is_refused_as_input_or_round_trips(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InputError as error:
        one_line(error)
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference


@given(HOST)
def test_normalising_a_host_twice_changes_nothing(text: str) -> None:
    host = RegistryHost(text)

    assert RegistryHost(host.value) == host
    assert (f"{host.name}:{host.port}" if host.port else host.name) == host.value


@given(st.binary(max_size=200), st.sampled_from(sorted(ALGORITHMS)))
def test_a_digest_prints_what_parses_to_it(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)

    assert Digest.parse(str(digest)) == digest
    assert set(digest.hex) <= set(string.hexdigits.lower())


@given(st.text(max_size=80) | st.from_regex(r"sha(256|512):[0-9a-f]{60,70}", fullmatch=True))
def test_any_other_text_is_no_digest(text: str) -> None:
    with contextlib.suppress(InputError):
        assert Digest(text).value == text
