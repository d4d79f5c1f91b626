"""The tree of what is attached, found in a store, in layouts and archives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.image import attaching as made

from orlop import Client
from orlop.auth.keychain import Chain
from orlop.errors import InputError, NotFoundError, UnsupportedError
from orlop.image import attachments as values
from orlop.image import attachments_tree
from orlop.image.attachments import Attachment, AttachmentTree, find_payload
from orlop.image.attachments_tree import SEEN_BEFORE, attachment_at, attachments_of
from orlop.model.digest import Digest
from orlop.model.platform import PlatformSelector
from orlop.model.reference import RepositoryName, Tag
from orlop.server.store.store import Store
from orlop.testing.builders import artifact, image, push_now
from orlop.testing.layers import layer
from orlop.threads import ThreadRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.testing.builders import Built

VECTORS = os.environ.get("ORLOP_VECTORS", "")
real = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")

SPDX = "application/spdx+json"
ONE = image([layer({"a": b"1"})])


class Harbour:
    """A repository in memory, and how to ask it."""

    def __init__(self, store: Store, runtime: ThreadRuntime) -> None:
        self.store, self.runtime = store, runtime
        self.source: Any = store.repository(RepositoryName("x"))

    def push(self, built: Built, *tags: str) -> Built:
        push_now(built, self.source, tags=tags)
        return built

    def tree(self, what: Built, **options: Any) -> AttachmentTree:
        return self.runtime.call(attachments_of(self.source, self.runtime, what.digest, reference="x", **options))

    def one(self, name: Tag | Digest, **options: Any) -> Attachment:
        return self.runtime.call(attachment_at(self.source, self.runtime, name, **options))


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    runtime = ThreadRuntime()
    store = Store.memory()
    yield Harbour(store, runtime)
    store.close()
    runtime.close()


def kinds(tree: AttachmentTree) -> list[tuple[str, str]]:
    return [(one.kind, one.via) for one in tree.walk()]


def test_an_image_with_nothing_attached_has_an_empty_tree(harbour: Harbour) -> None:
    tree = harbour.tree(harbour.push(ONE))
    assert (tree.attachments, tree.platforms, tree.problems) == ((), (), ())


def test_a_file_that_refers_to_the_image_is_attached(harbour: Harbour) -> None:
    harbour.push(ONE)
    harbour.push(artifact({"sbom.json": made.encode(made.SPDX)}, artifact_type=SPDX, subject=ONE))
    one = harbour.tree(ONE).attachments[0]
    assert (one.kind, one.via, one.artifact_type, one.subject) == ("sbom", "referrers", SPDX, ONE.digest)
    assert (one.payloads[0].name, one.payloads[0].decoded and one.payloads[0].decoded.format) == ("sbom.json", "spdx")


def test_cosigns_three_tags_are_attached(harbour: Harbour) -> None:
    harbour.push(ONE)
    statement = made.statement(ONE.digest, made.PROVENANCE, made.SLSA_1)
    harbour.push(made.cosign_signature(ONE.digest), made.cosign_tag(ONE.digest, ".sig"))
    harbour.push(made.carrier([(made.dsse(statement), made.DSSE, {})]), made.cosign_tag(ONE.digest, ".att"))
    harbour.push(made.carrier([(made.encode(made.SPDX), "text/spdx+json", {})]), made.cosign_tag(ONE.digest, ".sbom"))
    tree = harbour.tree(ONE)
    assert kinds(tree) == [("signature", "tag"), ("provenance", "tag"), ("sbom", "tag")]
    assert [one.tag for one in tree.attachments] == [
        made.cosign_tag(ONE.digest, end) for end in (".sig", ".att", ".sbom")
    ]
    assert [one.artifact_type for one in tree.attachments] == ["", "", ""]
    assert [one.payloads[0].about_subject for one in tree.attachments] == [True, True, None]


def test_what_names_another_digest_than_its_subject_is_told(harbour: Harbour) -> None:
    harbour.push(ONE)
    harbour.push(made.cosign_signature(Digest.of(b"another")), made.cosign_tag(ONE.digest, ".sig"))
    assert harbour.tree(ONE).attachments[0].payloads[0].about_subject is False


def test_a_fallback_tag_lists_what_the_referrers_do_not(harbour: Harbour) -> None:
    harbour.push(ONE)
    loose = harbour.push(artifact({"a": b"1"}))
    push_index(harbour, made.empty_index([loose]), made.cosign_tag(ONE.digest, ""))
    assert [one.digest for one in harbour.tree(ONE).attachments] == [loose.digest]


def test_a_manifest_that_is_found_in_two_ways_is_listed_once(harbour: Harbour) -> None:
    harbour.push(ONE)
    both = harbour.push(artifact({"a": b"1"}, subject=ONE), made.cosign_tag(ONE.digest, ".att"))
    push_index(harbour, made.empty_index([both]), made.cosign_tag(ONE.digest, ""))
    assert [(one.digest, one.via) for one in harbour.tree(ONE).attachments] == [(both.digest, "referrers")]


def test_a_tag_that_names_the_subject_itself_is_nothing(harbour: Harbour) -> None:
    harbour.push(ONE, made.cosign_tag(ONE.digest, ""), made.cosign_tag(ONE.digest, ".sig"))
    assert kinds(harbour.tree(ONE)) == []


def test_attestations_of_buildkit_hang_on_their_platform(harbour: Harbour) -> None:
    other = image([layer({"a": b"2"})], platform="linux/arm64")
    spdx = (made.statement(ONE.digest, made.SPDX, made.SPDX_TYPE), made.SPDX_TYPE)
    slsa = (made.statement(ONE.digest, made.PROVENANCE, made.SLSA_1), made.SLSA_1)
    attested = made.attestation(ONE, [spdx, slsa])
    whole = harbour.push(made.attested_index([ONE, other, attested]))
    tree = harbour.tree(whole)
    assert [str(one.platform) for one in tree.platforms] == ["linux/amd64", "linux/arm64/v8"]
    assert tree.attachments == ()
    one = tree.platforms[0].attachments[0]
    assert (one.digest, one.via, one.kind) == (attested.digest, "index", "attestation")
    assert [payload.kind for payload in one.payloads] == ["sbom", "provenance"]
    assert tree.platforms[1].attachments == ()


def test_an_attestation_of_an_image_that_is_not_in_the_index_hangs_on_the_index(harbour: Harbour) -> None:
    attested = made.attestation(image([layer({"b": b""})]), [(made.statement(ONE.digest, {}, "x"), "x")])
    tree = harbour.tree(harbour.push(made.attested_index([ONE, attested])))
    assert [one.digest for one in tree.attachments] == [attested.digest]


def test_one_platform_brings_what_is_attached_to_it_alone(harbour: Harbour) -> None:
    other = image([layer({"a": b"2"})], platform="linux/arm64")
    attested = made.attestation(ONE, [(made.statement(ONE.digest, {}, "x"), "x")])
    whole = harbour.push(made.attested_index([ONE, other, attested]))
    harbour.push(artifact({"to": b"index"}, subject=whole))
    mine = harbour.push(artifact({"to": b"one"}, subject=ONE))
    harbour.push(artifact({"to": b"other"}, subject=other))
    tree = harbour.tree(whole, selector=PlatformSelector.parse("linux/amd64"))
    assert (tree.digest, str(tree.platform), tree.platforms) == (ONE.digest, "linux/amd64", ())
    assert [one.digest for one in tree.attachments] == [attested.digest, mine.digest]


def test_attachments_of_attachments_are_followed_to_the_depth(harbour: Harbour) -> None:
    chain = [harbour.push(ONE)]
    for n in range(4):
        chain.append(harbour.push(artifact({"n": str(n).encode()}, subject=chain[-1])))
    assert [one.digest for one in harbour.tree(ONE).walk()] == [one.digest for one in chain[1:]]
    assert [one.digest for one in harbour.tree(ONE, depth=2).walk()] == [one.digest for one in chain[1:3]]


def test_an_image_that_is_attached_twice_is_followed_once(harbour: Harbour) -> None:
    first = harbour.push(artifact({"a": b"1"}, subject=harbour.push(ONE)))
    push_index(harbour, made.empty_index([first]), made.cosign_tag(first.digest, ""))
    below = harbour.tree(ONE).attachments[0].attachments
    assert [(one.digest, one.problem) for one in below] == [(first.digest, SEEN_BEFORE)]


def test_more_attachments_than_the_limit_are_left_out_and_that_is_told(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments_tree, "ATTACHMENTS_LIMIT", 3)
    harbour.push(ONE)
    for n in range(5):
        harbour.push(artifact({"n": str(n).encode()}, subject=ONE))
    tree = harbour.tree(ONE)
    assert len([one for one in tree.walk() if not one.problem]) == 3
    assert "limit attachments" in tree.problems[0]


def test_a_large_payload_is_listed_and_not_read(harbour: Harbour) -> None:
    harbour.push(ONE)
    notes = {"in-toto.io/predicate-type": made.SPDX_TYPE}
    harbour.push(made.carrier([(b" " * 5000, made.IN_TOTO, notes)], subject=ONE, artifact_type="x/y"))
    payload = harbour.tree(ONE, read_limit=4096).attachments[0].payloads[0]
    assert (payload.decoded, payload.kind, payload.predicate_type) == (None, "sbom", made.SPDX_TYPE)
    assert payload.problem == "not read: its 5000 bytes are over the limit 4096"
    assert harbour.tree(ONE, read_limit=0).attachments[0].payloads[0].problem == ""


def test_the_documents_of_a_tree_are_not_kept(harbour: Harbour) -> None:
    harbour.push(ONE)
    made_one = harbour.push(artifact({"a": made.encode(made.SPDX)}, subject=ONE))
    decoded = harbour.tree(ONE).attachments[0].payloads[0].decoded
    assert decoded is not None
    assert (decoded.document, decoded.inner) == (None, None)
    kept = harbour.one(made_one.digest).payloads[0].decoded
    assert kept is not None
    assert kept.document == made.SPDX


def test_a_broken_payload_is_the_problem_of_its_attachment_alone(harbour: Harbour) -> None:
    harbour.push(ONE)
    harbour.push(made.carrier([(b'{"broken', made.IN_TOTO, {})], subject=ONE, artifact_type="a/b"))
    harbour.push(artifact({"fine": b"fine"}, subject=ONE))
    problems = sorted(one.payloads[0].problem for one in harbour.tree(ONE).attachments)
    assert problems[0] == ""
    assert "is not JSON" in problems[1]


def test_an_attachment_whose_manifest_is_missing_is_a_problem(harbour: Harbour) -> None:
    harbour.push(ONE)
    gone = artifact({"a": b"1"})
    store = Store.memory(allow_missing_children=True)
    harbour.source = store.repository(RepositoryName("x"))
    harbour.push(ONE)
    push_index(harbour, made.empty_index([gone]), made.cosign_tag(ONE.digest, ""))
    assert "is not in x" in harbour.tree(ONE).attachments[0].problem
    store.close()


def test_a_place_without_referrers_still_has_tags(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    harbour.push(ONE)
    harbour.push(made.cosign_signature(ONE.digest), made.cosign_tag(ONE.digest, ".sig"))

    def refuse(*_: object, **__: object) -> Any:
        raise UnsupportedError("listing referrers", "x")

    monkeypatch.setattr(type(harbour.source), "referrers", refuse)
    assert kinds(harbour.tree(ONE)) == [("signature", "tag")]


def test_the_empty_blob_is_no_payload(harbour: Harbour) -> None:
    harbour.push(ONE)
    harbour.push(artifact(subject=ONE))
    assert harbour.tree(ONE).attachments[0].payloads == ()


def test_an_attachment_by_its_tag_knows_what_it_is_attached_to(harbour: Harbour) -> None:
    harbour.push(ONE)
    tag = made.cosign_tag(ONE.digest, ".sig")
    harbour.push(made.cosign_signature(ONE.digest), tag)
    one = harbour.one(Tag(tag))
    assert (one.subject, one.tag, one.payloads[0].about_subject) == (ONE.digest, tag, True)


# --- one payload out of a tree -----------------------------------------------------------------


@pytest.fixture
def several(harbour: Harbour) -> AttachmentTree:
    harbour.push(ONE)
    harbour.push(artifact({"sbom": made.encode(made.SPDX)}, artifact_type=SPDX, subject=ONE))
    statement = made.statement(ONE.digest, made.PROVENANCE, made.SLSA_1)
    harbour.push(made.carrier([(made.dsse(statement), made.DSSE, {})]), made.cosign_tag(ONE.digest, ".att"))
    return harbour.tree(ONE)


def test_a_payload_is_found_by_type_predicate_or_digest(several: AttachmentTree) -> None:
    attachment, payload = find_payload(several, artifact_type=SPDX)
    assert (attachment.artifact_type, payload.name) == (SPDX, "sbom")
    assert find_payload(several, artifact_type="application/*")[1] == payload
    assert find_payload(several, predicate_type="https://slsa.dev/provenance/*")[1].kind == "provenance"
    assert find_payload(several, digest=payload.descriptor.digest)[1] == payload
    assert find_payload(several, digest=attachment.digest)[1] == payload


def test_several_payloads_are_an_error_that_lists_them(several: AttachmentTree) -> None:
    with pytest.raises(InputError, match="2 payloads are left") as caught:
        find_payload(several)
    assert caught.value.hint is not None
    assert "(sbom)" in caught.value.hint
    assert made.SLSA_1 in caught.value.hint


def test_no_payload_is_not_found(several: AttachmentTree) -> None:
    with pytest.raises(NotFoundError, match="an attachment application/none is not in x"):
        find_payload(several, artifact_type="application/none")


# --- real layouts and archives -----------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(credentials=Chain([])) as client:
        yield client


def names(tree: AttachmentTree) -> list[tuple[str, str]]:
    return [(one.digest.short, one.artifact_type) for one in tree.walk()]


@real
def test_regclients_repository(client: Client) -> None:
    place = f"oci:{VECTORS}/layouts/regclient-testrepo"
    tree = client.attachments(f"{place}:v2")
    assert names(tree) == [
        ("0484e93c23cd", "application/example.sbom"),
        ("741132f956e1", "application/example.signature"),
        ("30bc58e881e9", "application/example.arms"),
        ("25ecacb3ebf8", "application/example.arms"),
        ("d2e2970e57e0", "application/example.arms"),
    ]
    loop = client.attachments(f"{place}:loop")
    assert [one.problem for one in loop.walk()] == [SEEN_BEFORE]
    assert [len(client.attachments(f"{place}:{tag}").attachments) for tag in ("mirror", "child", "v3")] == [0, 1, 2]
    built = client.attachments(f"{place}:v1")
    assert [(one.digest.short, one.via) for one in built.walk()] == [
        ("43089316cfee", "index"),
        ("d91043439162", "index"),
    ]


@real
def test_chains_of_subjects_as_oras_writes_them(client: Client) -> None:
    place = f"oci:{VECTORS}/layouts/oras-zot-artifacts"
    one = client.attachments(f"{place}:foobar").attachments[0]
    assert (one.artifact_type, one.payloads[0].name, one.attachments[0].artifact_type) == (
        "test/sbom.file",
        "sbom",
        "test/signature.file",
    )
    assert client.attachments(f"{place}:foobar", depth=1).attachments[0].attachments == ()
    tree = client.attachments(f"{place}:multi", platform="linux/amd64")
    assert names(tree) == [("c5e00045954a", "referrer/image")]


@real
def test_a_real_attestation_of_buildkit(client: Client) -> None:
    tree = client.attachments(f"oci-archive:{VECTORS}/archives/snyk-busybox-attested.tar")
    one = tree.platforms[0].attachments[0]
    payload = one.payloads[0]
    assert (one.kind, payload.predicate_type) == ("provenance", "https://slsa.dev/provenance/v0.2")
    assert payload.about_subject is True
    assert payload.decoded is not None
    assert payload.decoded.summary["materialCount"] == 1
    assert payload.decoded.summary["buildType"] == "https://mobyproject.org/buildkit@v1"


def test_every_answer_says_that_nothing_is_verified() -> None:
    assert values.VERIFIED == "not checked"


def push_index(harbour: Harbour, raw: bytes, tag: str) -> None:
    from orlop.model.manifest import parse_manifest

    harbour.source.put_now(parse_manifest(raw), [Tag(tag)])
