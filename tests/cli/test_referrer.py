"""``orlop referrer``: what is attached, as a tree, decoded, and fetched."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.unit.image import attaching as made

from orlop.testing import registry as start
from orlop.testing.builders import artifact, image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop

    from orlop.testing.builders import Built

NASTY = "a\x1b[31m\u202eb.txt"
FOOT = "Signatures and certificates are shown as they are written; verified: not checked."


@dataclass
class Quay:
    """An index of two images with attestations of BuildKit, a signature of cosign, an SBOM, and a signature of that."""

    host: str
    whole: Built
    one: Built
    attested: Built
    signature: Built
    sbom: Built
    below: Built
    envelope: bytes
    statement: bytes

    @property
    def ref(self) -> str:
        return f"{self.host}/o/n:1"

    def at(self, built: Built) -> str:
        return f"{self.host}/o/n@{built.digest}"


@pytest.fixture(scope="module")
def quay() -> Iterator[Quay]:
    one = image([layer({"a": b"1"})])
    other = image([layer({"a": b"2"})], platform="linux/arm64")
    statement = made.statement(one.digest, made.PROVENANCE, made.SLSA_1)
    attested = made.attestation(one, [(statement, made.SLSA_1)])
    whole = made.attested_index([one, other, attested])
    signature = made.cosign_signature(whole.digest)
    sbom = artifact({"sbom.json": made.encode(made.SPDX)}, artifact_type="application/spdx+json", subject=whole)
    envelope = made.dsse(made.statement(sbom.digest, made.CYCLONEDX, "https://cyclonedx.org/bom"))
    below = made.carrier(
        [(envelope, made.DSSE, {})], subject=sbom, artifact_type="application/vnd.example.note", annotations={"n": "1"}
    )
    with start() as running:
        push_now(whole, running, "o/n", tags=["1"])
        push_now(signature, running, "o/n", tags=[made.cosign_tag(whole.digest, ".sig")])
        push_now(sbom, running, "o/n")
        push_now(below, running, "o/n")
        yield Quay(running.host, whole, one, attested, signature, sbom, below, envelope, statement)


def test_a_tree_for_reading(orlop: Orlop, quay: Quay) -> None:
    said = orlop("referrer", "tree", quay.ref, "-o", "table")
    assert said.status == 0, said.notes
    arm = quay.whole.children[1]
    cyclonedx = "CycloneDX 1.6  demo 1  3 packages  signed with key k1"
    slsa = "builder https://github.com/actions/runner  source https://github.com/o/n  2 materials"
    assert said.text.splitlines() == [
        f"{quay.ref}  {quay.whole.digest}",
        f"├── sbom  {quay.sbom.digest}  application/spdx+json",
        "│   ├── sbom.json  application/octet-stream  165 B  SPDX-2.3  demo  2 packages",
        f"│   └── sbom  {quay.below.digest}  application/vnd.example.note",
        f"│       └── https://cyclonedx.org/bom  {made.DSSE}  {len(quay.envelope)} B  {cyclonedx}",
        f"├── signature  {quay.signature.digest}  {made.cosign_tag(quay.whole.digest, '.sig')}",
        f"│   └── {made.SIMPLE_SIGNING}  239 B  reference ghcr.io/o/n",
        f"├── linux/amd64  {quay.one.digest}",
        f"│   └── provenance  {quay.attested.digest}  in the image's index",
        f"│       └── {made.SLSA_1}  {made.IN_TOTO}  {len(quay.statement)} B  {slsa}",
        f"└── linux/arm64/v8  {arm.digest}",
        FOOT,
    ]


def test_a_tree_in_lines(orlop: Orlop, quay: Quay) -> None:
    lines = [line.split("\t") for line in orlop("referrer", "tree", quay.ref).text.splitlines()]
    assert [(line[0], line[1], line[2], line[5]) for line in lines] == [
        (str(quay.whole.digest), str(quay.sbom.digest), "sbom", "sbom.json"),
        (str(quay.sbom.digest), str(quay.below.digest), "sbom", "https://cyclonedx.org/bom"),
        (str(quay.whole.digest), str(quay.signature.digest), "signature", made.SIMPLE_SIGNING),
        (str(quay.one.digest), str(quay.attested.digest), "provenance", made.SLSA_1),
    ]


def test_a_tree_as_json(orlop: Orlop, quay: Quay) -> None:
    found = orlop("referrer", "tree", quay.ref, "-o", "json").json
    assert (found["reference"], found["digest"], found["verified"]) == (quay.ref, str(quay.whole.digest), "not checked")
    sbom, signature = found["attachments"]
    assert (sbom["kind"], sbom["via"], signature["via"], signature["verified"]) == (
        "sbom",
        "referrers",
        "tag",
        "not checked",
    )
    assert sbom["payloads"][0]["summary"]["packages"] == 2
    assert "document" not in sbom["payloads"][0]
    assert signature["payloads"][0]["aboutSubject"] is True
    assert [entry["platform"] for entry in found["platforms"]] == ["linux/amd64", "linux/arm64/v8"]
    provenance = found["platforms"][0]["attachments"][0]["payloads"][0]
    assert provenance["predicateType"] == made.SLSA_1
    assert provenance["summary"]["builder"] == "https://github.com/actions/runner"


def test_templates_and_many_references(orlop: Orlop, quay: Quay) -> None:
    said = orlop("referrer", "tree", quay.ref, "--format", "{kind} {via} {payload.predicateType}")
    assert said.text.splitlines()[1] == "sbom referrers https://cyclonedx.org/bom"
    lines = orlop("referrer", "tree", quay.ref, quay.at(quay.one), "--ordered").lines
    assert [len(line["attachments"]) for line in lines] == [2, 0]
    assert orlop("referrer", "tree", quay.ref, "--format", "{nonsense}").status == 2


def test_one_platform_depth_and_limit(orlop: Orlop, quay: Quay) -> None:
    one = orlop("referrer", "tree", quay.ref, "--platform", "linux/amd64", "-o", "json").json
    assert (one["platform"], len(one["attachments"]), one["platforms"]) == ("linux/amd64", 1, [])
    flat = orlop("referrer", "tree", quay.ref, "--depth", "1", "-o", "json").json
    assert flat["attachments"][0]["attachments"] == []
    small = orlop("referrer", "tree", quay.ref, "--payload-limit", "100B", "-o", "table").text
    assert "(not read: its 165 bytes are over the limit 100)" in small
    assert orlop("referrer", "tree", quay.ref, "--payload-limit", "much").status == 2


def test_an_image_without_attachments(orlop: Orlop, quay: Quay) -> None:
    said = orlop("referrer", "tree", quay.at(quay.one), "-o", "table")
    assert said.text == f"{quay.at(quay.one)}  {quay.one.digest}\nNothing is attached.\n"
    assert orlop("referrer", "tree", f"{quay.host}/o/none:1").status == 3


def test_untrusted_names_do_not_command_a_terminal(orlop: Orlop) -> None:
    with start() as own:
        one = push_built(own, image([]), "1")
        push_built(own, artifact({NASTY: b"\x1b[31mred"}, subject=one, annotations={"\x1b]0;": "\x1b[2J"}))
        for output in ("table", "plain"):
            for command in (("tree", f"{own.host}/x:1"), ("inspect", f"{own.host}/x@{last(orlop, own.host)}")):
                text = orlop("referrer", *command, "-o", output, terminal=True).text
                assert "\x1b[31m" not in text
                assert "\u202e" not in text
                assert "\x1b[2J" not in text


def last(orlop: Orlop, host: str) -> str:
    return str(orlop("referrer", "list", f"{host}/x:1", "--format", "{digest}").text.strip())


def push_built(own: object, built: Built, *tags: str) -> Built:
    push_now(built, own, "x", tags=tags)
    return built


# --- one attachment ----------------------------------------------------------------------------


def test_one_attachment_decoded(orlop: Orlop, quay: Quay) -> None:
    found = orlop("referrer", "inspect", quay.at(quay.below), "-o", "json").json
    assert (found["kind"], found["subject"], found["verified"]) == ("sbom", str(quay.sbom.digest), "not checked")
    payload = found["payloads"][0]
    assert (payload["format"], payload["envelope"], payload["aboutSubject"]) == ("in-toto", "dsse", True)
    assert payload["document"]["predicate"] == made.CYCLONEDX
    assert payload["signatures"][0]["keyId"] == "k1"


def test_one_attachment_for_reading(orlop: Orlop, quay: Quay) -> None:
    text = orlop("referrer", "inspect", quay.at(quay.below), "-o", "table").text
    rows = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    facts = {row[0]: row[1] for row in rows if len(row) == 2}
    assert facts["Verified"] == "not checked"
    assert facts["Format"] == "in-toto in dsse"
    assert facts["packages"] == "3"
    assert text.endswith(f"{FOOT}\n")
    materials = orlop("referrer", "inspect", quay.at(quay.attested), "-o", "table").text
    assert f"pkg:docker/debian@12 sha256:{'ab' * 32}" in materials


def test_a_signature_by_its_tag(orlop: Orlop, quay: Quay) -> None:
    tag = made.cosign_tag(quay.whole.digest, ".sig")
    found = orlop("referrer", "inspect", f"{quay.host}/o/n:{tag}", "-o", "json").json
    assert (found["subject"], found["payloads"][0]["about"]) == (str(quay.whole.digest), [str(quay.whole.digest)])


def test_many_attachments_are_lines(orlop: Orlop, quay: Quay) -> None:
    lines = orlop("referrer", "inspect", quay.at(quay.below), quay.at(quay.sbom), "--ordered").lines
    assert [line["payloads"][0]["format"] for line in lines] == ["in-toto", "spdx"]


# --- its content -------------------------------------------------------------------------------


def test_the_payload_as_it_is_stored(orlop: Orlop, quay: Quay, tmp_path: Path) -> None:
    note = ("referrer", "get", quay.ref, "--artifact-type", "application/vnd.example.*")
    assert orlop(*note).raw == quay.envelope
    file = tmp_path / "out"
    assert orlop(*note, "--to", str(file)).raw == b""
    assert file.read_bytes() == quay.envelope
    (tmp_path / "null").symlink_to(os.devnull)
    assert orlop(*note, "--to", str(tmp_path / "null")).status == 0
    assert (tmp_path / "null").is_symlink()
    assert orlop("referrer", "get", quay.ref, "--digest", str(quay.sbom.digest)).json == made.SPDX
    blob = str(quay.sbom.blobs[-1].descriptor.digest)
    assert orlop("referrer", "get", quay.ref, "--digest", blob).json == made.SPDX


def test_what_is_inside_the_envelope(orlop: Orlop, quay: Quay, tmp_path: Path) -> None:
    cyclonedx = ("referrer", "get", quay.ref, "--predicate-type", "https://cyclonedx.org/bom")
    assert orlop(*cyclonedx, "--decode").json["predicateType"] == "https://cyclonedx.org/bom"
    assert orlop(*cyclonedx, "--predicate").json == made.CYCLONEDX
    file = tmp_path / "out"
    assert orlop(*cyclonedx, "--predicate", "--to", str(file)).status == 0
    assert json.loads(file.read_bytes()) == made.CYCLONEDX
    provenance = orlop("referrer", "get", quay.ref, "--predicate-type", "https://slsa.dev/*")
    assert provenance.raw == quay.statement


def test_what_has_no_predicate(orlop: Orlop, quay: Quay) -> None:
    said = orlop("referrer", "get", quay.ref, "--artifact-type", "application/spdx+json", "--predicate")
    assert (said.status, said.raw) == (8, b"")
    assert "no in-toto statement" in said.notes


def test_a_choice_that_is_none_or_several(orlop: Orlop, quay: Quay, tmp_path: Path) -> None:
    several = orlop("referrer", "get", quay.ref)
    assert several.status == 2
    assert "4 payloads are left" in several.notes
    assert "hint: --digest chooses one of sha256:" in several.notes
    assert orlop("referrer", "get", quay.ref, "--artifact-type", "none").status == 3
    assert orlop("referrer", "get", quay.ref, "--digest", "nonsense").status == 2
    assert orlop("referrer", "get", quay.ref, "--to", str(tmp_path)).status == 2


def test_binary_content_is_not_sent_to_a_terminal(orlop: Orlop) -> None:
    with start() as own:
        one = push_built(own, image([]), "1")
        push_built(own, artifact({"a": b"\x00\x01\x02"}, subject=one))
        said = orlop("referrer", "get", f"{own.host}/x:1", terminal=True)
        assert (said.status, said.raw) == (2, b"")
        assert orlop("referrer", "get", f"{own.host}/x:1").raw == b"\x00\x01\x02"


def test_curl_fetches_the_same(orlop: Orlop, quay: Quay, tmp_path: Path) -> None:
    file = tmp_path / "out"
    said = orlop("referrer", "get", quay.ref, "--artifact-type", "application/spdx+json", "--to", str(file), "--curl")
    assert f"/v2/o/n/blobs/{quay.sbom.blobs[-1].descriptor.digest}" in said.text
    assert not file.exists()
    assert f"/v2/o/n/referrers/{quay.whole.digest}" in orlop("referrer", "tree", quay.ref, "--curl").text
