from __future__ import annotations

import pytest
from tests.unit.freshness.world import altered, build, platform_image, rewritten, step

from orlop.errors import DeniedError, ManifestNotFoundError, RegistryError, RepositoryNotFoundError
from orlop.freshness.values import RULES, Absent, BaseName, Evidence, Options, Verdict
from orlop.freshness.verdict import decide
from orlop.model.digest import Digest
from orlop.testing.builders import Built, image

BASE = BaseName.parse("debian:bookworm")
NAMED = (Evidence("annotation", BASE, "confirmed"),)
GIVEN = (Evidence("given", BASE),)
GONE = Digest.of(b"not served any more")

OLD = build("os-1", "tools-1")
NEW = build("os-2", "tools-2")
APP = build("app", on=OLD)


def said(
    target: Built,
    now: Built | Absent,
    then: Built | Digest | None = None,
    *,
    evidence: tuple[Evidence, ...] = NAMED,
    **more: object,
) -> tuple[str, str]:
    verdict = verdict_of(target, now, then, evidence=evidence, **more)
    return verdict.state, verdict.reason


def verdict_of(
    target: Built,
    now: Built | Absent,
    then: Built | Digest | None = None,
    *,
    evidence: tuple[Evidence, ...] = NAMED,
    **more: object,
) -> Verdict:
    options = Options(ignore_metadata=bool(more.pop("ignore_metadata", False)))
    return decide(
        platform_image(target),
        platform_image(now) if isinstance(now, Built) else now,
        platform_image(then) if isinstance(then, Built) else then,
        evidence,
        options,
        base=BASE,
        **more,  # type: ignore[arg-type]
    )


def test_v1_a_verdict_has_state_reason_evidence_and_both_digests() -> None:
    made = verdict_of(APP, NEW, OLD)
    assert (made.state, made.reason) == ("stale", "layers")
    assert made.evidence == NAMED
    assert (made.digest, made.then_digest, made.now_digest) == (APP.digest, OLD.digest, NEW.digest)
    assert str(made.platform) == "linux/amd64"
    assert made.base == BASE


def test_v2_the_base_that_did_not_move_is_same_base() -> None:
    assert said(APP, OLD, OLD) == ("fresh", "same-base")


def test_v2_another_digest_with_the_same_layers_and_history_is_same_content() -> None:
    again = altered(OLD, annotations={"built": "again"})
    assert again.digest != OLD.digest
    assert said(APP, again, OLD) == ("fresh", "same-content")


def test_v2_other_layers_are_stale() -> None:
    assert said(APP, NEW, OLD) == ("stale", "layers")


def test_v2_a_declared_base_whose_tag_is_gone_is_stale() -> None:
    gone = Absent.of(ManifestNotFoundError("bookworm", "docker.io/library/debian"))
    assert said(APP, gone, OLD) == ("stale", "base-retagged-away")


@pytest.mark.parametrize(
    "error",
    [
        DeniedError("docker.io", "no"),
        RegistryError("GET", "https://r/v2/", 503),
        RepositoryNotFoundError("debian", "docker.io"),
    ],
)
def test_v9_a_base_that_cannot_be_read_is_unknown_and_keeps_its_error(error: RegistryError) -> None:
    made = verdict_of(APP, Absent.of(error), OLD)
    assert (made.state, made.reason) == ("unknown", "base-unreadable")
    assert made.absent is not None
    assert made.absent.error is error


def test_v9_a_base_given_by_hand_that_is_not_there_is_an_error_and_not_stale() -> None:
    error = ManifestNotFoundError("bookworm", "docker.io/library/debian")
    made = verdict_of(APP, Absent.of(error), evidence=GIVEN)
    assert (made.state, made.reason) == ("unknown", "base-unreadable")
    assert made.absent is not None
    assert made.absent.error is error


def test_v2_a_platform_that_the_base_lacks_is_unknown() -> None:
    assert said(APP, Absent("platform-missing", "it has linux/arm64")) == ("unknown", "platform-missing-in-base")


def test_v2_a_base_of_another_platform_alone_is_a_missing_platform() -> None:
    arm = build("os-1", "tools-1a", platform="linux/arm64")
    assert said(APP, arm, evidence=GIVEN) == ("unknown", "platform-missing-in-base")


def test_v6_a_base_without_layers_is_never_fresh() -> None:
    empty = image([], history=[])
    assert said(APP, empty, evidence=GIVEN) == ("unknown", "empty-base")
    assert said(APP, empty, OLD) == ("unknown", "empty-base")
    assert said(APP, empty, empty) == ("unknown", "empty-base")
    assert said(empty, empty, evidence=GIVEN) == ("unknown", "empty-base")
    assert said(APP, NEW, empty) == ("unknown", "empty-base")


def test_v6_a_base_with_more_layers_than_the_image_is_no_prefix() -> None:
    deep = build("os-1", "tools-1", "a", "b", "c")
    assert said(APP, deep, evidence=GIVEN) == ("unknown", "not-based")
    assert said(APP, deep) == ("unknown", "squashed")


def test_v8_the_rules_have_a_version_and_only_lasting_verdicts_are_remembered() -> None:
    assert RULES == 1
    assert verdict_of(APP, OLD, OLD).is_lasting
    assert verdict_of(APP, NEW, OLD).is_lasting
    assert not verdict_of(APP, Absent("unreadable")).is_lasting
    assert not verdict_of(APP, NEW, evidence=GIVEN).is_lasting


def test_e4_nothing_is_fresh_by_a_contradicted_claim() -> None:
    assert said(APP, OLD, NEW) == ("unknown", "conflict")
    assert said(APP, NEW, NEW) == ("unknown", "conflict")


def test_e4_a_claim_whose_digest_is_gone_is_stale_once_the_base_is_no_prefix() -> None:
    assert said(APP, NEW, GONE) == ("stale", "layers")


def test_e4_a_claimed_digest_that_is_the_present_base_and_no_prefix_is_a_conflict() -> None:
    assert said(APP, NEW, NEW.digest) == ("unknown", "conflict")


def test_e4_a_claimed_digest_that_is_gone_is_no_reason_while_the_base_still_fits() -> None:
    assert said(APP, OLD, GONE) == ("fresh", "same-content")


def test_c1_a_prefix_by_digest_needs_no_config_where_the_platform_digest_is_the_same() -> None:
    target, base = platform_image(APP, config=False), platform_image(OLD, config=False)
    assert decide(target, base, base, NAMED).reason == "same-base"
    assert decide(target, base, None, GIVEN, Options(ignore_metadata=True)).reason == "same-content"


def test_c1_sizes_and_media_types_do_not_matter() -> None:
    layers = OLD.document["layers"]
    for one in layers:
        one["mediaType"], one["size"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 1
    assert said(APP, altered(OLD, layers=layers), OLD) == ("fresh", "same-content")


def test_c2_a_base_that_was_recompressed_is_equal() -> None:
    plain = build("os-1", "tools-1", compression="")
    assert plain.document["layers"] != OLD.document["layers"]
    assert said(APP, plain, OLD) == ("fresh", "same-content")
    assert said(APP, plain, evidence=GIVEN) == ("fresh", "same-content")
    assert said(build("app", on=plain, compression=""), OLD, evidence=GIVEN) == ("fresh", "same-content")


def test_c3_a_base_that_lost_its_last_layer_is_stale() -> None:
    shorter = build("os-1")
    assert said(APP, shorter, OLD) == ("stale", "layers")
    assert said(APP, shorter, evidence=NAMED, depth=2) == ("stale", "layers")
    assert said(APP, shorter, GONE, depth=2) == ("stale", "layers")


def test_c3_a_base_that_grew_is_stale_even_where_the_image_has_that_layer_too() -> None:
    grown = build("app", on=OLD)
    target = build("more", on=APP)
    assert said(target, grown, OLD) == ("stale", "layers")


def test_c4_a_base_with_another_command_is_stale_by_metadata() -> None:
    now = build("os-1", "tools-1", config={"Cmd": ["sh"]})
    made = verdict_of(APP, now, OLD)
    assert (made.state, made.reason) == ("stale", "metadata")
    assert "Cmd" in made.detail


def test_c4_ignore_metadata_gives_same_content() -> None:
    now = build("os-1", "tools-1", config={"Cmd": ["sh"]})
    assert said(APP, now, OLD, ignore_metadata=True) == ("fresh", "same-content")


@pytest.mark.parametrize(
    ("was", "new"),
    [
        ({"Env": ["A=1"]}, {"Env": ["A=2"]}),
        ({"Env": ["A=1"]}, {}),
        ({}, {"Env": ["A=1"]}),
        ({"User": "root"}, {"User": "1000"}),
        ({"ExposedPorts": {"80/tcp": {}}}, {"ExposedPorts": {"8080/tcp": {}}}),
        ({"Volumes": {"/a": {}}}, {}),
        ({"StopSignal": "SIGTERM"}, {"StopSignal": "SIGQUIT"}),
        ({"Entrypoint": ["/a"]}, {"Entrypoint": ["/b"]}),
    ],
)
def test_c4_what_an_image_takes_over_from_its_base_counts(was: dict[str, object], new: dict[str, object]) -> None:
    then, now = build("os", config=was), build("os", config=new)
    assert said(build("app", on=then), now, then) == ("stale", "metadata")


@pytest.mark.parametrize(
    ("was", "new", "own"),
    [
        ({"Env": ["A=1"]}, {"Env": ["A=2"]}, {"Env": ["A=mine"]}),
        ({"User": "root"}, {"User": "1000"}, {"User": "app"}),
        ({"Cmd": ["a"]}, {"Cmd": ["b"]}, {"Cmd": ["mine"]}),
        ({"Cmd": ["a"]}, {"Cmd": ["b"]}, {"Cmd": [], "Entrypoint": ["/app"]}),
    ],
)
def test_c4_what_an_image_sets_itself_does_not_count(
    was: dict[str, object], new: dict[str, object], own: dict[str, object]
) -> None:
    then, now = build("os", config=was), build("os", config=new)
    assert said(build("app", on=then, config=own), now, then) == ("fresh", "same-content")


def test_c4_a_path_that_extends_the_bases_still_takes_it_over() -> None:
    then, now = build("os", config={"Env": ["PATH=/bin"]}), build("os", config={"Env": ["PATH=/usr/bin"]})
    assert said(build("app", on=then, config={"Env": ["PATH=/app:/bin"]}), now, then) == ("stale", "metadata")


def test_c4_another_history_of_the_same_layers_is_metadata() -> None:
    now = build("os-1", "tools-1", steps=[step("RUN os-1"), step("RUN tools-1 --differently")])
    assert said(APP, now, OLD) == ("stale", "metadata")
    assert said(APP, now, evidence=GIVEN) == ("stale", "metadata")


def test_c4_other_times_are_no_difference() -> None:
    later = build(
        "os-1",
        "tools-1",
        steps=[{**step("RUN os-1"), "created": "2031-01-01T00:00:00Z"}, {"created_by": "RUN tools-1"}],
    )
    assert said(APP, later, OLD) == ("fresh", "same-content")
    assert said(APP, later, evidence=GIVEN) == ("fresh", "same-content")


def test_c4_a_history_that_does_not_tell_of_each_layer_is_skipped() -> None:
    odd = build("os-1", "tools-1", steps=[step("everything at once")])
    assert said(APP, odd, OLD) == ("fresh", "same-content")
    assert said(APP, odd, evidence=GIVEN) == ("fresh", "same-content")


def test_c4_a_history_or_config_that_is_junk_is_skipped() -> None:
    odd = image(OLD.layers, extra={"history": "junk"}, config={"Env": "junk"})
    assert said(APP, odd, OLD) == ("fresh", "same-content")


def test_c6_the_base_itself_is_fresh_though_it_is_one_layer() -> None:
    base = build("os")
    assert said(base, base, evidence=GIVEN) == ("fresh", "same-base")


def test_c6_a_squashed_image_is_compared_by_digests() -> None:
    squashed = build("all-in-one")
    assert said(squashed, OLD, OLD) == ("fresh", "same-base")
    assert said(squashed, OLD, OLD.digest) == ("fresh", "same-base")
    assert said(squashed, NEW, OLD) == ("stale", "layers")
    assert said(squashed, NEW, GONE) == ("stale", "layers")
    assert said(squashed, altered(OLD, annotations={"a": "b"}), OLD) == ("fresh", "same-content")


def test_c6_a_squashed_image_without_a_digest_is_unknown_and_offers_packages() -> None:
    made = verdict_of(build("all-in-one"), OLD)
    assert (made.state, made.reason) == ("unknown", "squashed")
    assert "packages" in made.hint


def test_c7_rewritten_layers_are_compared_by_digests() -> None:
    target = rewritten(build("os-1x", "tools-1x", "app"), 0, 1, 2)
    assert said(target, OLD, OLD) == ("fresh", "same-base")
    assert said(target, OLD, OLD.digest) == ("fresh", "same-base")
    assert said(target, NEW, OLD) == ("stale", "layers")


def test_c7_rewritten_layers_without_a_digest_are_unknown() -> None:
    assert said(rewritten(build("os-1x", "tools-1x", "app"), 0, 1, 2), OLD) == ("unknown", "rewritten-layers")


def test_c7_layers_rewritten_above_the_base_leave_the_base_comparable() -> None:
    target = rewritten(APP, 2)
    assert said(target, OLD, OLD) == ("fresh", "same-base")
    assert said(target, NEW, NEW) == ("unknown", "conflict")


def test_c10_a_given_base_without_a_past_is_same_content_and_no_more() -> None:
    assert said(APP, OLD, evidence=GIVEN) == ("fresh", "same-content")


def test_c5_a_given_base_that_was_never_under_the_image_is_not_based() -> None:
    assert said(build("x", "y", "z"), OLD, evidence=GIVEN) == ("unknown", "not-based")


def test_e9_a_seam_that_is_known_makes_another_base_stale() -> None:
    assert said(APP, NEW, evidence=NAMED, depth=2) == ("stale", "layers")
