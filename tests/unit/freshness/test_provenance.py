from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.freshness.world import (
    HERE,
    V02,
    V1,
    World,
    annotated,
    attestation,
    attested,
    build,
    bundle,
    dsse,
    entry,
    platform_image,
    purl,
    rewritten,
    statement,
    step,
)

from orlop.errors import DeniedError, InvalidDocumentError
from orlop.freshness.excerpt import excerpt
from orlop.freshness.images import image_of
from orlop.freshness.inquiry import Outcome, inquire
from orlop.freshness.metadata import same_times
from orlop.freshness.provenance import IMAGES_LIMIT, STATEMENT_LIMIT, image_of_purl, statement_of
from orlop.freshness.values import Absent, Options
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import parse_manifest
from orlop.testing.builders import Built, index

OLD = build("os-1", "tools-1")
NEW = build("os-2", "tools-2")
GO = build("os-1", "go", "more")
APP = build("app", on=OLD)
DEBIAN = "docker.io/library/debian:12"
FROM_DEBIAN = entry(purl("debian", "12"), OLD.digest)
FROM_GO = entry(purl("golang", "1.22"), GO.digest)
SYNTAX = entry("pkg:docker/docker/dockerfile@1", "e" * 64)


@pytest.fixture
def world() -> World:
    made = World()
    made.put(DEBIAN, OLD)
    made.put(DEBIAN, NEW)
    made.put("golang:1.22", GO)
    return made


def outcome(world: World, whole: Built, *bases: str, options: Options | None = None) -> Outcome:
    return world.outcome(whole, *bases, options=options or Options())


def said(world: World, raw: bytes, target: Built = APP, **more: Any) -> tuple[str, str]:
    made = outcome(world, attested(target, raw, **more)).verdict
    return made.state, made.reason


@pytest.mark.parametrize("form", [V02, V1])
@pytest.mark.parametrize("old", [False, True])
def test_e1_provenance_of_either_form_in_either_shape_names_the_base(world: World, form: str, old: bool) -> None:
    raw = statement(APP.digest, [FROM_DEBIAN], form=form)
    made = outcome(world, attested(APP, raw, form=form, old=old)).verdict
    assert (made.state, made.reason, str(made.base)) == ("stale", "layers", DEBIAN)
    assert (made.evidence[0].kind, made.evidence[0].binding) == ("provenance", "confirmed")
    world.put(DEBIAN, OLD)
    assert said(world, raw, form=form, old=old) == ("fresh", "same-base")


def test_v3_attestations_are_no_platforms(world: World) -> None:
    for old in (False, True):
        whole = attested(APP, statement(APP.digest, [FROM_DEBIAN]), old=old)
        world.put(HERE, whole)
        assert [one.digest for one in world.platforms(whole)] == [APP.digest]


@pytest.mark.parametrize("wrap", [dsse, bundle])
def test_e1_a_wrapped_statement_in_a_referrer_is_read(world: World, wrap: Any) -> None:
    raw = wrap(statement(APP.digest, [FROM_DEBIAN], form=V1))
    kind = (
        "application/vnd.dev.sigstore.bundle.v0.3+json" if wrap is bundle else "application/vnd.dsse.envelope.v1+json"
    )
    note = attestation(APP, raw, form=V1, media_type=kind, predicate=False)
    world.put(HERE, note)
    world.refers[APP.digest] = [replace(note.descriptor, artifact_type=kind, annotations={})]
    assert world.check(APP) == ("stale", "layers")


def test_e1_referrers_are_asked_last_and_only_where_nothing_else_is_known(world: World) -> None:
    world.outcome(annotated(APP, "debian:12", OLD.digest))
    assert world.counted("referrers") == 0
    world.outcome(APP)
    assert [want.kind for want in world.asked][-1] == "referrers"


def test_e1_referrers_of_another_predicate_are_not_read(world: World) -> None:
    world.refers[APP.digest] = [
        Descriptor("application/vnd.oci.image.manifest.v1+json", OLD.digest, 5, artifact_type=kind, annotations=notes)
        for kind, notes in (
            (
                "application/vnd.dev.sigstore.bundle.v0.3+json",
                {"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"},
            ),
            ("application/vnd.cncf.notary.signature", {}),
        )
    ]
    assert world.check(APP) == ("unknown", "no-evidence")
    assert world.counted("manifest") == 0


def test_e1_unknown_media_types_and_other_predicates_are_ignored(world: World) -> None:
    raw = statement(APP.digest, [FROM_DEBIAN])
    assert said(world, raw, media_type="application/x-unheard-of") == ("unknown", "no-evidence")
    assert said(world, raw, form="https://spdx.dev/Document") == ("unknown", "no-evidence")
    assert world.counted("blob") == 0


def test_e1_a_statement_that_says_it_is_too_large_is_not_asked_for(world: World) -> None:
    note = attestation(APP, statement(APP.digest, [FROM_DEBIAN]))
    document = note.document
    document["layers"][0]["size"] = STATEMENT_LIMIT + 1
    raw = json.dumps(document).encode()
    listed = replace(note.descriptor, digest=Digest.of(raw), size=len(raw))
    made = outcome(world, index([APP, Built(raw, listed)])).verdict
    assert made.reason == "no-evidence"
    assert world.counted("blob") == 0
    assert "more than" in made.evidence[0].note


def test_e1_a_statement_of_nearly_40_mib_is_read(world: World) -> None:
    much = {"llbDefinition": [{"op": "x" * 1000, "inputs": ["a"]}] * 39_500}
    raw = statement(APP.digest, [FROM_DEBIAN], buildConfig=much)
    assert 38 * 1024 * 1024 < len(raw) < STATEMENT_LIMIT
    assert [str(one.base.tag) for one in statement_of(raw).images] == ["12"]


def test_e1_more_than_40_mib_are_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="more than the limit"):
        statement_of(b" " * (STATEMENT_LIMIT + 1))


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x00",
        b"[]",
        b'"x"',
        b"{",
        b'{"predicateType": ',
        b'{"a": "x',
        b'{"subject": [',
        b'{"a": 1, "a": 2}',
        b'{"payload": "%%%", "payloadType": "application/vnd.in-toto+json"}',
        b'{"payload": "e30=", "payloadType": "text/plain"}',
        b'{"dsseEnvelope": {"payload": "W10=", "payloadType": "application/vnd.in-toto+json"}}',
        b'{"predicateType": "' + b"x" * 5000 + b'"}',
        b"<html>",
    ],
)
def test_e1_a_statement_that_is_junk_is_noted_and_nothing_more(world: World, junk: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        statement_of(junk)
    made = outcome(world, attested(APP, junk)).verdict
    assert (made.state, made.reason) == ("unknown", "no-evidence")
    assert made.evidence[0].kind == "provenance"


@pytest.mark.parametrize(
    "entries", [None, 7, "x", [1, None, {}, {"uri": 5}], [{"uri": "pkg:docker/x@1", "digest": "y"}]]
)
@pytest.mark.parametrize("subject", [None, 7, [1], [{"digest": {"sha256": 5}}], [{"digest": {"sha256": "zz"}}]])
def test_e2_fields_of_a_wrong_type_say_nothing(entries: object, subject: object) -> None:
    document = {"predicateType": V02, "subject": subject, "predicate": {"buildType": [], "materials": entries}}
    made = statement_of(json.dumps(document).encode())
    assert not made.is_buildkit
    assert made.subjects == frozenset()


@pytest.mark.parametrize(
    ("uri", "name", "platform"),
    [
        ("pkg:docker/debian@12?platform=linux%2Famd64", "docker.io/library/debian:12", "linux/amd64"),
        ("pkg:docker/docker/dockerfile@1", "docker.io/docker/dockerfile:1", None),
        ("pkg:docker/ghcr.io/a/b@v1?platform=linux%2Farm64", "ghcr.io/a/b:v1", "linux/arm64/v8"),
        ("pkg:docker/localhost%3A5000/a@v1", "localhost:5000/a:v1", None),
        ("pkg:docker/localhost:5000/a@v1", "localhost:5000/a:v1", None),
        (f"pkg:docker/debian@12?digest=sha256:{'a' * 64}", f"docker.io/library/debian:12@sha256:{'a' * 64}", None),
        (f"pkg:docker/debian?digest=sha256%3A{'a' * 64}", f"docker.io/library/debian@sha256:{'a' * 64}", None),
        (f"pkg:docker/debian@sha256%3A{'a' * 64}", f"docker.io/library/debian@sha256:{'a' * 64}", None),
        (f"pkg:oci/b@sha256%3A{'a' * 64}?repository_url=ghcr.io/a/b&tag=v1", f"ghcr.io/a/b:v1@sha256:{'a' * 64}", None),
        ("pkg:oci/ghcr.io/a/b@v1", "ghcr.io/a/b:v1", None),
        (
            "pkg:docker/windows/servercore@ltsc2022?platform=windows%2Famd64",
            "docker.io/windows/servercore:ltsc2022",
            "windows/amd64",
        ),
    ],
)
def test_e2_a_package_url_is_an_image_name(uri: str, name: str, platform: str | None) -> None:
    found = image_of_purl(uri)
    assert found is not None
    assert str(found.base) == name
    assert (str(found.platform) if found.platform else None) == platform


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:docker/a@1?ref_type=blob",
        "pkg:oci/a@1?platform=x&ref_type=bundle",
        "pkg:golang/a@1",
        "pkg:docker/",
        "pkg:docker/A B@1",
        "pkg:docker/a@1?platform=%2F",
        "pkg:docker/oci%3A/etc",
        "https://example.org/x",
    ],
)
def test_e2_what_is_no_image_names_none(uri: str) -> None:
    assert image_of_purl(uri) is None


def test_e2_the_digest_of_the_entry_is_what_the_name_resolved_to() -> None:
    (one,) = statement_of(statement(APP.digest, [FROM_DEBIAN])).images
    assert one.base.digest == OLD.digest


def test_e2_the_digest_is_normally_the_indexs(world: World) -> None:
    whole = world.put(DEBIAN, index([OLD, build("arm", platform="linux/arm64")]))
    assert said(world, statement(APP.digest, [entry(purl("debian", "12"), whole.digest)])) == ("fresh", "same-base")


def test_e2_a_pinned_from_without_a_tag_is_no_name_to_follow(world: World) -> None:
    pinned = entry(f"pkg:docker/debian?digest={OLD.digest}&platform=linux%2Famd64", OLD.digest)
    assert said(world, statement(APP.digest, [pinned])) == ("unknown", "no-evidence")


def test_e3_the_base_is_the_longest_prefix_and_the_rest_are_inputs(world: World) -> None:
    python = world.put("python:3.12", build("python", on=OLD))
    target = build("app", on=python)
    raw = statement(target.digest, [SYNTAX, FROM_GO, FROM_DEBIAN, entry(purl("python", "3.12"), python.digest)])
    made = outcome(world, attested(target, raw)).verdict
    assert (made.reason, str(made.base)) == ("same-base", "docker.io/library/python:3.12")
    named = {(one.base.repository.name.value, one.role) for one in made.build_inputs if one.base.repository}
    assert named == {("docker/dockerfile", "frontend"), ("library/golang", "stage"), ("library/debian", "stage")}
    assert {one.state for one in made.build_inputs} == {""}


def test_e3_a_recompressed_base_is_found_by_its_content(world: World) -> None:
    target = build("app", on=build("os-1", "tools-1", compression=""), compression="")
    assert said(world, statement(target.digest, [FROM_GO, FROM_DEBIAN]), target) == ("stale", "layers")


def test_e3_of_two_names_for_one_content_the_one_with_a_tag_is_preferred_and_both_are_kept(world: World) -> None:
    world.put("mirror.test/debian:12", OLD)
    pinned = entry(f"pkg:docker/mirror.test/debian?digest={OLD.digest}", OLD.digest)
    made = outcome(world, attested(APP, statement(APP.digest, [pinned, FROM_DEBIAN]))).verdict
    assert str(made.base) == DEBIAN
    assert [one.binding for one in made.evidence] == ["confirmed", "confirmed"]


def test_c4_times_break_a_tie_and_source_date_epoch_clamps_them(world: World) -> None:
    early, late = "2023-01-01T00:00:00Z", "2023-06-01T00:00:00Z"
    first, second = (
        build(
            "os-1", "tools-1", steps=[{**step("RUN os-1"), "created": early}, {**step("RUN tools-1"), "created": time}]
        )
        for time in (early, late)
    )
    assert first.document["layers"] == second.document["layers"]
    world.put("mirror.test/a:1", first)
    world.put("mirror.test/b:1", second)
    entries = [entry(purl("mirror.test/a", "1"), first.digest), entry(purl("mirror.test/b", "1"), second.digest)]
    plain = build("app", on=second)
    raw = statement(plain.digest, entries)
    world.put(HERE, plain)
    assert str(outcome(world, attested(plain, raw)).verdict.base) == "mirror.test/b:1"
    steps = [{**step(f"RUN {one}"), "created": early} for one in ("os-1", "tools-1")]
    clamped = build("app", on=build("os-1", "tools-1", steps=steps))
    assert not same_times(platform_image(clamped), platform_image(second))
    at_its_own_time = clamped.config.replace(
        b'{"created":"2024-01-01T00:00:00Z"', b'{"created":"2023-01-01T00:00:00Z"', 1
    )
    image = image_of(parse_manifest(clamped.raw), parse_config(at_its_own_time))
    assert same_times(image, platform_image(first))
    assert same_times(image, platform_image(second))


def test_e1_an_attestation_that_cannot_be_read_is_noted(world: World) -> None:
    note = attestation(APP, statement(APP.digest, [FROM_DEBIAN]))
    made = outcome(world, index([APP, note.descriptor])).verdict
    assert (made.reason, made.evidence[0].kind) == ("no-evidence", "provenance")
    whole = attested(APP, statement(APP.digest, [FROM_DEBIAN]))
    world.put(HERE, whole)
    (target,) = world.platforms(whole)
    world.blobs.clear()
    made = world.run(inquire(target)).verdict
    assert (made.reason, made.evidence[0].kind) == ("no-evidence", "provenance")


def test_e3_only_images_of_the_platform_can_be_the_base(world: World) -> None:
    other = entry(purl("debian", "12", "linux/arm64"), OLD.digest)
    assert said(world, statement(APP.digest, [other])) == ("unknown", "conflict")


def test_e3_no_entry_is_a_prefix_and_the_image_has_fewer_layers_is_squashed(world: World) -> None:
    target = build("all", "in")
    assert said(world, statement(target.digest, [FROM_GO]), target) == ("unknown", "squashed")


def test_e3_no_entry_is_a_prefix_is_a_conflict(world: World) -> None:
    target = build("x", "y", "z", "w")
    made = outcome(world, attested(target, statement(target.digest, [FROM_GO, FROM_DEBIAN]))).verdict
    assert (made.state, made.reason) == ("unknown", "conflict")
    assert {one.binding for one in made.evidence} == {"contradicted"}


def test_e3_after_a_conflict_the_annotation_is_asked(world: World) -> None:
    target = annotated(APP, "debian:12", OLD.digest)
    raw = statement(target.digest, [FROM_GO])
    assert said(world, raw, target) == ("stale", "layers")


def test_v2_buildkits_provenance_without_an_image_is_no_base(world: World) -> None:
    assert said(world, statement(APP.digest, [])) == ("fresh", "no-base")
    assert said(world, statement(APP.digest, [], form=V1), form=V1) == ("fresh", "no-base")


def test_v2_another_builders_statement_without_an_image_says_nothing(world: World) -> None:
    github = "https://actions.github.io/buildtypes/workflow/v1"
    assert said(world, statement(APP.digest, [], form=V1, build_type=github), form=V1) == ("unknown", "no-evidence")


def test_v2_a_syntax_line_is_no_base_and_leaves_no_evidence(world: World) -> None:
    assert said(world, statement(APP.digest, [SYNTAX])) == ("unknown", "no-evidence")
    named = {"parameters": {"args": {"source": "ghcr.io/acme/frontend:2"}}}
    own = entry("pkg:docker/ghcr.io/acme/frontend@2", "d" * 64)
    assert said(world, statement(APP.digest, [own], invocation=named)) == ("unknown", "no-evidence")


def test_v2_a_scratch_image_with_builder_stages_leaves_no_evidence(world: World) -> None:
    target = build("binary", steps=[step("COPY /app /app # buildkit", comment="buildkit.dockerfile.v0")])
    assert said(world, statement(target.digest, [FROM_GO]), target) == ("unknown", "no-evidence")


def test_e4_a_statement_about_another_image_is_not_used(world: World) -> None:
    made = outcome(world, attested(APP, statement(OLD.digest, [FROM_DEBIAN]))).verdict
    assert (made.state, made.reason) == ("unknown", "no-evidence")
    assert made.evidence[0].binding == "contradicted"
    assert statement_of(statement(OLD.digest, [FROM_DEBIAN])).claims(platform_image(APP))[0].base is None


def test_e4_a_digest_that_is_not_served_is_claimed_and_stale_once_the_base_moved(world: World) -> None:
    world.drop(DEBIAN, OLD)
    made = outcome(world, attested(APP, statement(APP.digest, [FROM_GO, FROM_DEBIAN]))).verdict
    assert (made.state, made.reason, str(made.base)) == ("stale", "layers", DEBIAN)
    assert made.evidence[0].binding in {"claimed", "contradicted"}


def test_e4_several_that_are_not_served_leave_no_evidence(world: World) -> None:
    world.drop(DEBIAN, OLD)
    world.put("python:3.12", NEW)
    gone = entry(purl("python", "3.12"), "c" * 64)
    assert said(world, statement(APP.digest, [FROM_DEBIAN, gone])) == ("unknown", "no-evidence")


def test_e4_a_builder_that_cannot_be_read_is_no_matter_where_the_base_is_confirmed(world: World) -> None:
    world.broken["docker.io/library/golang"] = Absent.of(DeniedError("docker.io", "no"))
    assert said(world, statement(APP.digest, [FROM_GO, FROM_DEBIAN])) == ("stale", "layers")
    assert said(world, statement(APP.digest, [FROM_GO])) == ("unknown", "base-unreadable")


def test_e3_inputs_are_judged_only_where_that_was_asked_for(world: World) -> None:
    world.put(DEBIAN, OLD)
    world.put("golang:1.22", build("os-1", "go", "newer"))
    whole = attested(APP, statement(APP.digest, [SYNTAX, FROM_GO, FROM_DEBIAN]))
    assert outcome(world, whole).verdict.state == "fresh"
    made = outcome(world, whole, options=Options(inputs=True)).verdict
    assert (made.state, made.reason) == ("stale", "layers")
    assert {str(one.base.tag): one.state for one in made.build_inputs} == {"1.22": "stale", "1": "unknown"}


def test_e3_an_input_whose_index_moved_and_platform_did_not_is_fresh(world: World) -> None:
    world.put(DEBIAN, OLD)
    before = world.put("golang:1.22", index([GO, build("arm", platform="linux/arm64")]))
    world.put("golang:1.22", index([GO, build("arm-2", platform="linux/arm64")]))
    raw = statement(APP.digest, [entry(purl("golang", "1.22"), before.digest), FROM_DEBIAN])
    made = outcome(world, attested(APP, raw), options=Options(inputs=True)).verdict
    assert (made.state, [one.state for one in made.build_inputs]) == ("fresh", ["fresh"])


def test_c7_a_rewritten_image_with_one_stage_is_compared_by_its_digest(world: World) -> None:
    target = rewritten(build("os-x", "tools-x", "app"), 0, 1, 2)
    raw = statement(target.digest, [SYNTAX, FROM_DEBIAN])
    assert said(world, raw, target) == ("stale", "layers")
    world.put(DEBIAN, OLD)
    assert said(world, raw, target) == ("fresh", "same-base")


def test_c7_of_several_stages_the_one_whose_history_the_image_has_is_the_base(world: World) -> None:
    steps = [step("RUN os-1"), step("RUN tools-1"), step("RUN app")]
    target = rewritten(build("os-x", "tools-x", "app", steps=steps), 0, 1, 2)
    world.put("golang:1.22", build("go-1", "go-2"))
    other = entry(purl("golang", "1.22"), build("go-1", "go-2").digest)
    assert said(world, statement(target.digest, [other, FROM_DEBIAN]), target) == ("stale", "layers")
    blank = rewritten(build("os-x", "tools-x", "app", steps=[]), 0, 1, 2)
    assert said(world, statement(blank.digest, [other, FROM_DEBIAN]), blank) == ("unknown", "rewritten-layers")


def test_e1_a_given_base_that_moved_takes_its_past_from_provenance(world: World) -> None:
    whole = attested(APP, statement(APP.digest, [FROM_DEBIAN]))
    made = outcome(world, whole, "debian:12").verdict
    assert (made.state, made.reason, made.then_digest) == ("stale", "layers", OLD.digest)
    assert world.counted("family") == 0


def test_e2_what_is_taken_from_one_statement_is_bounded(world: World) -> None:
    many = [entry(purl(f"image-{n}", "1"), f"{n:064x}") for n in range(500)]
    made = statement_of(statement(APP.digest, many))
    assert len(made.images) == IMAGES_LIMIT
    assert made.trouble
    assert said(world, statement(APP.digest, many)) == ("unknown", "no-evidence")
    assert world.counted("manifest") < 60


def test_an_excerpt_builds_only_what_is_wished_for() -> None:
    raw = b' { "a" : {"x": [1, {"b": "}"}], "b": "\\"]"}, "c": [[{}]], "d": -1.5e3, "e": null } '
    assert excerpt(raw, {"a": {"b": 100}, "d": 100, "z": 100}, "it") == {"a": {"b": '"]'}, "d": -1500.0}
    assert excerpt(raw, {"e": 10, "a": 100}, "it") == {"e": None, "a": {"x": [1, {"b": "}"}], "b": '"]'}}
    assert excerpt(b"{}", {"a": 1}, "it") == {}
    assert excerpt(b'{"a": [1]}', {"a": {"b": 1}}, "it") == {}


def test_an_excerpt_refuses_values_over_their_limit_and_a_bomb_of_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidDocumentError, match="limit"):
        excerpt(b'{"a": "12345"}', {"a": 5}, "it")
    monkeypatch.setattr("orlop.freshness.excerpt.BRACKETS_LIMIT", 100)
    with pytest.raises(InvalidDocumentError, match="brackets"):
        excerpt(b'{"a": [' + b"[]," * 60 + b"[]]}", {}, "it")
