from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.unit.freshness.world import World, altered, annotated, build, platform_image, rewritten, step

from orlop.errors import DeniedError, ManifestNotFoundError
from orlop.freshness.asking import ChainMatch
from orlop.freshness.chains import chain_ids, history_seam
from orlop.freshness.evidence import annotation_claims, buildpack_claims, collect, label_claims
from orlop.freshness.values import Absent, BaseName, Options
from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.testing.builders import Built, image, index

OLD = build("os-1", "tools-1")
NEW = build("os-2", "tools-2")
APP = build("app", on=OLD)
DEBIAN = "docker.io/library/debian:12"


@pytest.fixture
def world() -> World:
    made = World()
    made.put(DEBIAN, OLD)
    made.put(DEBIAN, NEW)
    return made


def labelled(on: Built, name: str, digest: Digest | None = None) -> Built:
    labels = {BASE_NAME: name, **({BASE_DIGEST: digest.value} if digest else {})}
    return build("app", on=on, labels=labels)


def test_v2_a_base_named_scratch_is_no_base(world: World) -> None:
    assert world.check(annotated(build("app"), "scratch")) == ("fresh", "no-base")
    assert world.asked == []


def test_v2_an_image_that_says_nothing_has_no_evidence(world: World) -> None:
    assert world.check(APP) == ("unknown", "no-evidence")


def test_e5_an_annotation_with_name_and_digest_decides(world: World) -> None:
    made = world.outcome(annotated(APP, "debian:12", OLD.digest))
    assert (made.verdict.state, made.verdict.reason) == ("stale", "layers")
    first = made.verdict.evidence[0]
    assert (first.kind, first.binding, first.depth, first.then) == ("annotation", "confirmed", 2, OLD.digest)
    assert str(made.verdict.base) == DEBIAN
    assert made.then is not None
    assert made.now is not None
    assert made.now.digest == NEW.digest


def test_e5_an_annotation_of_the_present_base_is_same_base_and_reads_no_config(world: World) -> None:
    world.put(DEBIAN, OLD)
    assert world.check(annotated(APP, "debian:12", OLD.digest)) == ("fresh", "same-base")
    assert [want.kind for want in world.asked] == ["manifest"]


def test_e1_a_confirmed_annotation_costs_no_provenance(world: World) -> None:
    target = annotated(APP, "debian:12", OLD.digest)
    world.outcome(target)
    assert world.counted("blob") == world.counted("referrers") == 0


def test_e5_the_manifest_goes_before_the_descriptor_and_that_before_the_index() -> None:
    image_ = platform_image(annotated(APP, "debian:manifest"))
    descriptor = replace(APP.descriptor, annotations={BASE_NAME: "debian:descriptor"})
    whole = index([descriptor], annotations={BASE_NAME: "debian:index"})
    world = World()
    world.put("registry.test/team/app:1", APP)
    (listed,) = world.platforms(whole)
    assert str(annotation_claims(image_)[0].base) == "docker.io/library/debian:manifest"
    assert str(annotation_claims(listed)[0].base) == "docker.io/library/debian:descriptor"
    assert str(annotation_claims(replace(listed, entry=None))[0].base) == "docker.io/library/debian:index"


@pytest.mark.parametrize(
    "junk", ["", " ", "::", "Debian 12", "https://debian", "a" * 5000, "debian:12\x1b[2J", "oci:/etc", "\x00"]
)
def test_e5_a_name_that_is_junk_names_nothing_and_is_quoted_safely(world: World, junk: str) -> None:
    made = world.outcome(annotated(APP, junk))
    assert (made.verdict.state, made.verdict.reason) == ("unknown", "no-evidence")
    for one in made.verdict.evidence:
        assert one.base is None
        assert one.note.isprintable()
        assert len(one.note) < 300
    assert not any(want.place for want in world.asked)


def test_e5_a_digest_that_is_junk_leaves_the_name(world: World) -> None:
    claims = annotation_claims(platform_image(annotated(APP, "debian:12", "sha256:zz")))
    assert claims[0].base is not None
    assert claims[0].base.digest is None
    assert "no digest" in claims[0].note


def test_e5_annotations_of_a_wrong_type_are_no_annotations() -> None:
    assert annotation_claims(platform_image(altered(APP, annotations=["x"]))) == ()


def test_e5_a_digest_without_a_name_leads_nowhere(world: World) -> None:
    target = altered(APP, annotations={BASE_DIGEST: OLD.digest.value})
    made = world.outcome(target).verdict
    assert made.reason == "no-evidence"
    assert "without a name" in made.evidence[0].note


def test_e4_a_lie_is_contradicted_and_a_conflict(world: World) -> None:
    lie = build("x", "y", "z")
    world.put(DEBIAN, lie)
    world.put(DEBIAN, NEW)
    made = world.outcome(annotated(APP, "debian:12", lie.digest)).verdict
    assert (made.state, made.reason) == ("unknown", "conflict")
    assert made.evidence[0].binding == "contradicted"


def test_e4_after_a_conflict_the_next_kind_of_evidence_is_asked(world: World) -> None:
    lie = build("x", "y", "z")
    world.put(DEBIAN, lie)
    world.put(DEBIAN, NEW)
    target = annotated(labelled(OLD, "debian:12", OLD.digest), "debian:12", lie.digest)
    made = world.outcome(target).verdict
    assert (made.state, made.reason) == ("stale", "layers")
    assert made.evidence[0].kind == "label"
    assert [one.binding for one in made.evidence] == ["confirmed", "contradicted"]


def test_e4_a_digest_that_is_not_served_is_claimed(world: World) -> None:
    world.drop(DEBIAN, OLD)
    made = world.outcome(annotated(APP, "debian:12", OLD.digest)).verdict
    assert (made.state, made.reason) == ("stale", "layers")
    assert made.evidence[0].binding == "claimed"
    assert made.then_digest == OLD.digest


def test_e6_a_label_that_is_confirmed_is_believed(world: World) -> None:
    assert world.check(labelled(OLD, "debian:12", OLD.digest)) == ("stale", "layers")
    world.put(DEBIAN, OLD)
    assert world.check(labelled(OLD, "debian:12", OLD.digest)) == ("fresh", "same-base")
    assert world.check(labelled(OLD, "debian:12")) == ("fresh", "same-content")


def test_e6_a_label_that_nothing_confirms_is_not_believed(world: World) -> None:
    made = world.outcome(labelled(OLD, "debian:12")).verdict
    assert (made.state, made.reason) == ("unknown", "no-evidence")
    assert made.evidence[0].binding == "unchecked"
    world.drop(DEBIAN, OLD)
    assert world.check(labelled(OLD, "debian:12", OLD.digest)) == ("unknown", "no-evidence")


def test_e6_a_label_is_confirmed_by_a_former_digest_of_its_tag(world: World) -> None:
    world.families["docker.io/library/debian"] = (BaseName.parse("debian").pinned(OLD.digest),)
    made = world.outcome(labelled(OLD, "debian:12")).verdict
    assert (made.state, made.reason, made.then_digest) == ("stale", "layers", OLD.digest)


def test_e6_a_label_that_was_inherited_gives_way_to_a_longer_base(world: World) -> None:
    world.put(DEBIAN, OLD)
    python = build("python", on=OLD, labels={BASE_NAME: "debian:12", BASE_DIGEST: OLD.digest.value})
    world.put("python:3.12", python)
    world.chains = [
        ChainMatch(BaseName.parse("python:3.12"), 3, python.digest),
        ChainMatch(BaseName.parse("debian:12"), 2, OLD.digest),
    ]
    made = world.outcome(
        build("app", on=python, labels={BASE_NAME: "debian:12", BASE_DIGEST: OLD.digest.value})
    ).verdict
    assert (made.reason, str(made.base)) == ("same-base", "docker.io/library/python:3.12")
    assert made.evidence[0].kind == "chain-index"


def test_e7_base_digest_may_be_of_the_index(world: World) -> None:
    arm = build("os-arm", platform="linux/arm64")
    whole = world.put(DEBIAN, index([OLD, arm]))
    assert world.check(annotated(APP, "debian:12", whole.digest)) == ("fresh", "same-base")
    assert world.check(annotated(APP, "debian:12", OLD.digest)) == ("fresh", "same-base")


def test_v5_an_index_that_moved_while_the_platform_did_not_is_same_base(world: World) -> None:
    before = world.put(DEBIAN, index([OLD, build("arm-1", platform="linux/arm64")]))
    world.put(DEBIAN, index([OLD, build("arm-2", platform="linux/arm64")]))
    assert world.check(annotated(APP, "debian:12", before.digest)) == ("fresh", "same-base")


def test_v5_only_the_images_own_platform_is_read(world: World) -> None:
    arm = build("arm-2", platform="linux/arm64")
    whole = world.put(DEBIAN, index([OLD, arm]))
    world.outcome(annotated(APP, "debian:12", whole.digest))
    assert arm.digest not in {want.digest for want in world.asked}


def test_v2_a_platform_that_left_the_index_is_missing(world: World) -> None:
    before = world.put(DEBIAN, index([OLD, build("arm", platform="linux/arm64")]))
    world.put(DEBIAN, index([build("arm", platform="linux/arm64")]))
    assert world.check(annotated(APP, "debian:12", before.digest)) == ("unknown", "platform-missing-in-base")


def test_e8_a_name_without_registry_and_tag_is_flagged(world: World) -> None:
    world.put("docker.io/library/debian:latest", NEW)
    made = world.outcome(annotated(APP, "debian", OLD.digest)).verdict
    assert str(made.base) == "docker.io/library/debian:latest"
    assert "without a registry" in made.evidence[0].note
    assert "without a tag" in made.evidence[0].note


def test_e8_a_name_with_a_tag_and_a_digest_is_followed_by_its_tag(world: World) -> None:
    made = world.outcome(annotated(APP, f"debian:12@{OLD.digest}")).verdict
    assert (made.reason, str(made.base)) == ("layers", DEBIAN)


def test_e8_a_digest_without_a_tag_is_no_evidence_unless_a_name_comes_from_elsewhere(world: World) -> None:
    pinned = annotated(APP, f"debian@{OLD.digest}")
    made = world.outcome(pinned).verdict
    assert (made.state, made.reason) == ("unknown", "no-evidence")
    assert made.evidence[0].binding == "confirmed"
    world.chains = [ChainMatch(BaseName.parse("debian:12"), 2)]
    assert world.check(pinned) == ("stale", "layers")
    world.chains = []
    assert world.check(pinned, "debian:12") == ("stale", "layers")


def lifecycle(**fields: object) -> dict[str, str]:
    return {"io.buildpacks.lifecycle.metadata": json.dumps(fields)}


def packed(on: Built, **fields: object) -> Built:
    return build("app", on=on, labels=lifecycle(**fields))


def run_image(name: str, **more: str) -> dict[str, str]:
    return {"image": name, "topLayer": str(OLD.layers[-1].diff_id), **more}


def test_e9_a_buildpacks_image_names_its_run_image_and_the_seam(world: World) -> None:
    target = packed(OLD, runImage=run_image("debian:12"))
    made = world.outcome(target).verdict
    assert (made.state, made.reason) == ("stale", "layers")
    assert (made.evidence[0].kind, made.evidence[0].depth) == ("buildpacks", 2)
    world.put(DEBIAN, OLD)
    assert world.check(target) == ("fresh", "same-content")
    world.put(DEBIAN, build("os-1"))
    assert world.check(target) == ("stale", "layers")


def test_e9_the_reference_proves_the_same_base(world: World) -> None:
    target = packed(OLD, runImage=run_image("debian:12", reference=f"debian@{OLD.digest}"))
    assert world.check(target) == ("stale", "layers")
    world.put(DEBIAN, OLD)
    assert world.check(target) == ("fresh", "same-base")


def test_e9_the_older_form_and_an_id_as_reference_are_read() -> None:
    text = json.dumps(
        {"stack": {"runImage": {"image": "debian:12"}}, "runImage": {"reference": "f" * 64, "topLayer": "x"}}
    )
    config = parse_config(image(OLD.layers, labels={"io.buildpacks.lifecycle.metadata": text}).config)
    (claim,) = buildpack_claims(config)
    assert str(claim.base) == DEBIAN
    assert claim.depth is None


def test_e9_an_image_that_may_not_be_rebased_says_so() -> None:
    labels = {**lifecycle(runImage=run_image("debian:12")), "io.buildpacks.rebasable": "false"}
    (claim,) = buildpack_claims(parse_config(image(OLD.layers, labels=labels).config))
    assert "not to be rebased" in claim.note


@pytest.mark.parametrize(
    "junk", ["", "{", "[]", "7", '{"runImage": 7}', '{"runImage": {"image": "A B"}}', '{"a": 1, "a": 2}']
)
def test_e9_a_label_that_is_junk_names_nothing(junk: str) -> None:
    config = parse_config(image(OLD.layers, labels={"io.buildpacks.lifecycle.metadata": junk}).config)
    assert all(claim.base is None for claim in buildpack_claims(config))


def test_e10_chain_ids_are_those_of_the_specification() -> None:
    one, two = (layer.diff_id for layer in OLD.layers)
    first, second = chain_ids([one, two])
    assert first == one
    assert second == Digest.of(f"{one} {two}".encode())
    assert chain_ids([]) == ()


def test_e10_nothing_declared_the_longest_known_chain_wins(world: World) -> None:
    world.put("debian:1", OLD)
    python = world.put("python:3.12", build("python", on=OLD))
    world.chains = [
        ChainMatch(BaseName.parse("debian:12"), 2, OLD.digest),
        ChainMatch(BaseName.parse("python:3.12"), 3, python.digest),
    ]
    made = world.outcome(build("app", on=python)).verdict
    assert (made.state, made.reason, str(made.base)) == ("fresh", "same-base", "docker.io/library/python:3.12")
    assert world.counted("referrers") == 0


def test_e10_the_chain_is_asked_longest_first(world: World) -> None:
    world.outcome(APP)
    (want,) = [want for want in world.asked if want.kind == "chain"]
    ids = chain_ids([layer.diff_id for layer in APP.layers])
    assert want.chain == ids[::-1]


def test_e10_a_chain_proves_its_depth_though_the_digest_is_gone(world: World) -> None:
    world.chains = [ChainMatch(BaseName.parse("debian:12"), 2, OLD.digest)]
    world.drop(DEBIAN, OLD)
    assert world.check(APP) == ("stale", "layers")
    world.put(DEBIAN, build("os-1"))
    assert world.check(APP) == ("stale", "layers")


def test_e10_the_image_itself_is_not_its_own_base(world: World) -> None:
    world.put("python:3.12", APP)
    world.chains = [
        ChainMatch(BaseName.parse("python:3.12"), 3, APP.digest),
        ChainMatch(BaseName.parse("debian:12"), 2, OLD.digest),
    ]
    assert str(world.outcome(APP).verdict.base) == DEBIAN


CMD = step('/bin/sh -c #(nop)  CMD ["bash"]', empty=True)


def test_e11_the_seam_is_above_the_last_command_that_a_layer_follows() -> None:
    steps = [step("ADD rootfs"), CMD, step("RUN python"), step('CMD ["python3"]', empty=True), step("COPY app"), CMD]
    config = parse_config(build("a", "b", "c", steps=steps).config)
    guess = history_seam(config)
    assert guess is not None
    assert (guess.kind, guess.depth, guess.binding) == ("history", 2, "unchecked")


@pytest.mark.parametrize(
    "steps", [[], [step("a"), step("b")], [CMD, step("a"), step("b")], [step("a"), step("b"), CMD]]
)
def test_e11_no_seam_is_guessed_where_the_history_shows_none(steps: list[dict[str, object]]) -> None:
    assert history_seam(parse_config(build("a", "b", steps=steps).config)) is None


def test_e11_the_guess_never_decides(world: World) -> None:
    world.put(DEBIAN, OLD)
    target = build("a", "b", steps=[step("ADD rootfs"), CMD, step("COPY app")])
    made = world.outcome(target).verdict
    assert (made.state, made.reason, made.base) == ("unknown", "no-evidence", None)
    assert made.evidence[-1].kind == "history"


def test_c5_a_base_known_by_name_alone_is_found_among_its_family(world: World) -> None:
    world.put("debian:12.1", OLD)
    world.families["docker.io/library/debian"] = (
        BaseName.parse("debian:12"),
        BaseName.parse("debian:12.2"),
        BaseName.parse("debian:12.1"),
    )
    made = world.outcome(annotated(APP, "debian:12")).verdict
    assert (made.state, made.reason, made.then_digest) == ("stale", "layers", OLD.digest)
    assert [one.kind for one in made.evidence] == ["annotation", "observed"]


def test_c5_none_of_the_family_fits_is_not_based(world: World) -> None:
    world.families["docker.io/library/debian"] = (BaseName.parse("debian:11"),)
    world.put("debian:11", build("os-0", "tools-0"))
    assert world.check(annotated(build("x", "y", "z"), "debian:12")) == ("unknown", "not-based")


def test_c5_the_walk_is_bounded(world: World) -> None:
    world.families["docker.io/library/debian"] = tuple(BaseName.parse(f"debian:{n}") for n in range(100))
    world.outcome(annotated(build("x", "y", "z"), "debian:12"), options=Options(family_limit=5))
    assert sum(want.kind == "manifest" for want in world.asked) <= 6
    (family,) = [want for want in world.asked if want.kind == "family"]
    assert family.limit == 5


def test_c5_no_family_is_walked_where_the_base_still_fits(world: World) -> None:
    world.put(DEBIAN, OLD)
    assert world.check(annotated(APP, "debian:12")) == ("fresh", "same-content")
    assert world.counted("family") == 0


def test_c5_a_recompressed_former_base_is_found_by_its_content(world: World) -> None:
    world.put("debian:12.1", OLD)
    world.families["docker.io/library/debian"] = (BaseName.parse("debian:12.1"),)
    target = build("app", on=build("os-1", "tools-1", compression=""), compression="")
    assert world.check(annotated(target, "debian:12")) == ("stale", "layers")


def test_c6_a_squashed_image_is_compared_by_its_annotation(world: World) -> None:
    squashed = annotated(build("all"), "debian:12", OLD.digest)
    assert world.check(squashed) == ("stale", "layers")
    world.put(DEBIAN, OLD)
    assert world.check(squashed) == ("fresh", "same-base")
    assert world.check(annotated(build("all"), "debian:12")) == ("unknown", "squashed")


def test_c7_a_rewritten_image_is_compared_by_its_annotation(world: World) -> None:
    target = rewritten(build("os-x", "tools-x", "app"), 0, 1, 2)
    assert world.check(annotated(target, "debian:12", OLD.digest)) == ("stale", "layers")
    world.put(DEBIAN, OLD)
    assert world.check(annotated(target, "debian:12", OLD.digest)) == ("fresh", "same-base")
    assert world.check(annotated(target, "debian:12")) == ("unknown", "rewritten-layers")


def test_c10_of_several_bases_the_one_that_evidence_names_counts(world: World) -> None:
    python = world.put("python:3.12", build("python", on=OLD))
    world.put(DEBIAN, OLD)
    target = annotated(build("app", on=python), "debian:12", OLD.digest)
    made = world.outcome(target, "python:3.12", "debian:12").verdict
    assert (made.reason, str(made.base)) == ("same-base", DEBIAN)
    assert [(str(one.base), one.reason) for one in made.others] == [("docker.io/library/python:3.12", "same-content")]


def test_c10_of_several_bases_without_evidence_the_longest_prefix_counts(world: World) -> None:
    python = world.put("python:3.12", build("python", on=OLD))
    world.put(DEBIAN, OLD)
    made = world.outcome(build("app", on=python), "debian:12", "python:3.12", "alpine:3").verdict
    assert (made.reason, str(made.base)) == ("same-content", "docker.io/library/python:3.12")
    assert [one.reason for one in made.others] == ["same-content", "base-unreadable"]


def test_c10_same_base_only_if_a_digest_proves_it(world: World) -> None:
    world.put(DEBIAN, OLD)
    assert world.check(APP, "debian:12") == ("fresh", "same-content")
    assert world.check(annotated(APP, "mirror.test/debian:12", OLD.digest), "debian:12") == ("fresh", "same-base")


def test_c10_a_label_proves_the_same_base_where_its_digest_is_that_of_now(world: World) -> None:
    world.put(DEBIAN, OLD)
    assert world.check(labelled(OLD, "debian:12", OLD.digest), "debian:12") == ("fresh", "same-base")
    assert world.check(labelled(OLD, "debian:12", NEW.digest), "debian:12") == ("fresh", "same-content")


def test_c10_a_given_base_takes_its_past_from_an_annotation(world: World) -> None:
    made = world.outcome(annotated(APP, "debian:12", OLD.digest), "debian:12").verdict
    assert (made.state, made.reason) == ("stale", "layers")
    assert [(one.kind, one.binding) for one in made.evidence] == [("given", "unchecked"), ("annotation", "confirmed")]
    assert world.counted("family") == 0


def test_c10_the_annotation_of_another_tag_is_a_past_too(world: World) -> None:
    world.put("debian:13", build("os-3"))
    assert world.check(annotated(APP, "debian:12", OLD.digest), "debian:13") == ("stale", "layers")
    assert world.counted("family") == 0


def test_c10_a_digest_that_is_gone_is_a_claim_on_a_given_base(world: World) -> None:
    world.drop(DEBIAN, OLD)
    made = world.outcome(annotated(APP, "debian:12", OLD.digest), "debian:12").verdict
    assert (made.state, made.reason, made.evidence[1].binding) == ("stale", "layers", "claimed")


def test_c10_a_lie_about_a_given_base_stays_on_record_and_does_not_decide(world: World) -> None:
    lie = world.put("debian:lie", build("x", "y", "z"))
    world.put(DEBIAN, OLD)
    made = world.outcome(annotated(APP, "debian:12", lie.digest), "debian:12").verdict
    assert (made.state, made.reason) == ("fresh", "same-content")
    assert [one.binding for one in made.evidence] == ["confirmed", "contradicted"]


def test_c6_a_squashed_image_on_a_given_base_is_compared_by_its_annotation(world: World) -> None:
    assert world.check(annotated(build("all"), "debian:12", OLD.digest), "debian:12") == ("stale", "layers")
    assert world.check(annotated(build("all"), "debian:12"), "debian:12") == ("unknown", "squashed")


def test_a_given_base_with_a_digest_is_that_digest(world: World) -> None:
    assert world.check(APP, f"debian:12@{OLD.digest}") == ("fresh", "same-content")
    assert world.check(APP, f"debian@{OLD.digest}") == ("fresh", "same-content")


def test_c5_a_given_base_that_moved_is_found_among_its_family(world: World) -> None:
    world.put("debian:12.1", OLD)
    world.families["docker.io/library/debian"] = (BaseName.parse("debian:12.1"),)
    assert world.check(APP, "debian:12") == ("stale", "layers")
    world.families.clear()
    assert world.check(APP, "debian:12") == ("unknown", "not-based")


def test_c6_a_given_base_of_an_old_image_of_itself_is_found_by_its_family(world: World) -> None:
    world.put("debian:12.1", OLD)
    world.families["docker.io/library/debian"] = (BaseName.parse("debian:12.1"),)
    assert world.check(OLD, "debian:12") == ("stale", "layers")


def test_v9_a_given_base_that_is_not_there_keeps_the_error(world: World) -> None:
    made = world.outcome(APP, "debian:99").verdict
    assert (made.state, made.reason) == ("unknown", "base-unreadable")
    assert made.absent is not None
    assert isinstance(made.absent.error, ManifestNotFoundError)


def test_v9_a_declared_base_whose_tag_is_gone_is_stale(world: World) -> None:
    assert world.check(annotated(APP, "debian:99", OLD.digest)) == ("stale", "base-retagged-away")


def test_v9_a_declared_base_that_is_refused_is_unknown_with_its_error(world: World) -> None:
    error = DeniedError("docker.io", "no")
    world.broken["docker.io/library/debian"] = Absent.of(error)
    made = world.outcome(annotated(APP, "debian:12", OLD.digest)).verdict
    assert (made.state, made.reason) == ("unknown", "base-unreadable")
    assert made.absent is not None
    assert made.absent.error is error


def test_e1_collect_lists_every_claim_in_order() -> None:
    target = annotated(
        build("app", on=OLD, labels={BASE_NAME: "debian:12", **lifecycle(runImage=run_image("ubuntu:24.04"))}),
        "debian:12",
    )
    kinds = [one.kind for one in collect(platform_image(target), [b"junk"])]
    assert kinds == ["provenance", "annotation", "buildpacks", "label"]


def test_e6_labels_that_are_junk_are_no_labels() -> None:
    config = parse_config(image(OLD.layers, config={"Labels": [1]}).config)
    assert label_claims(config) == ()


def test_a_config_that_cannot_be_read_leaves_the_rest(world: World) -> None:
    world.put("registry.test/team/app:1", APP)
    (target,) = world.platforms(APP)
    world.blobs.clear()
    world.put(DEBIAN, OLD)
    world.blobs.clear()
    from orlop.freshness.inquiry import inquire

    made = world.run(inquire(target, [BaseName.parse("debian:12")]))
    assert made.verdict.reason == "same-content"
