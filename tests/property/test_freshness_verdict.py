"""What holds of every verdict, whatever the images."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.freshness.world import World, annotated, attestation, build, statement

from orlop.errors import OrlopError
from orlop.freshness.chains import chain_ids
from orlop.freshness.excerpt import excerpt
from orlop.freshness.fold import fold
from orlop.freshness.inquiry import inquire
from orlop.freshness.layers import is_prefix
from orlop.freshness.provenance import image_of_purl, statement_of
from orlop.freshness.values import REASONS, Absent, Evidence, LayerRef, Options, PlatformImage, Verdict
from orlop.freshness.verdict import decide
from orlop.model.digest import Digest
from orlop.testing.builders import Built, index

if TYPE_CHECKING:
    import random

NAMES = st.lists(st.sampled_from("abcde"), min_size=0, max_size=5)
EVIDENCE = st.sampled_from([(), (Evidence("given"),), (Evidence("annotation", None, "claimed"),)])


@st.composite
def images(draw: st.DrawFn) -> PlatformImage:
    layers = []
    for name in draw(NAMES):
        packed = draw(st.sampled_from(["gzip", "zstd"]))
        marked = {"buildkit/rewritten-timestamp": "1"} if draw(st.integers(0, 9)) == 0 else {}
        diff_id = Digest.of(name.encode()) if draw(st.integers(0, 3)) else None
        layers.append(LayerRef(Digest.of(f"{name} {packed}".encode()), diff_id, 1, packed, marked))
    return PlatformImage(Digest.of(repr((layers, draw(st.integers(0, 2)))).encode()), None, tuple(layers))


ABSENT = st.builds(
    Absent, st.sampled_from(["not-found", "no-repository", "unreadable", "too-large", "invalid", "platform-missing"])
)
THEN = st.none() | images() | st.binary(max_size=1).map(Digest.of)
OPTIONS = st.builds(Options, ignore_metadata=st.booleans())


@given(images(), images() | ABSENT, THEN, EVIDENCE, OPTIONS, st.none() | st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_every_case_has_a_verdict_whose_reason_is_of_its_state(
    target: PlatformImage,
    now: PlatformImage | Absent,
    then: PlatformImage | Digest | None,
    evidence: tuple[Evidence, ...],
    options: Options,
    depth: int | None,
) -> None:
    made = decide(target, now, then, evidence, options, depth=depth)
    assert REASONS[made.reason] == made.state
    assert made == decide(target, now, then, evidence, options, depth=depth)


@given(images(), images() | ABSENT, THEN, EVIDENCE)
@settings(max_examples=200, deadline=None)
def test_v6_nothing_is_fresh_on_a_base_without_layers_or_that_cannot_be_read(
    target: PlatformImage,
    now: PlatformImage | Absent,
    then: PlatformImage | Digest | None,
    evidence: tuple[Evidence, ...],
) -> None:
    if isinstance(now, Absent) or not now.layers:
        assert decide(target, now, then, evidence).state != "fresh"


@given(images(), images(), EVIDENCE)
@settings(max_examples=200, deadline=None)
def test_e4_what_is_fresh_without_digests_is_a_prefix(
    target: PlatformImage, now: PlatformImage, evidence: tuple[Evidence, ...]
) -> None:
    made = decide(target, now, None, evidence)
    if made.state == "fresh" and target.digest != now.digest:
        by_content = (
            target.diff_ids is not None and now.diff_ids is not None and is_prefix(now.diff_ids, target.diff_ids)
        )
        assert by_content or is_prefix(now.layer_digests, target.layer_digests)


@given(images(), THEN, EVIDENCE, OPTIONS)
@settings(deadline=None)
def test_an_image_is_fresh_on_itself(
    target: PlatformImage, then: PlatformImage | Digest | None, evidence: tuple[Evidence, ...], options: Options
) -> None:
    made = decide(target, target, then, evidence, options)
    assert made.reason == ("same-base" if target.layers else "empty-base")


@given(
    st.lists(st.sampled_from(["same-base", "same-content", "layers", "conflict", "not-based"]), max_size=6),
    st.randoms(),
)
@settings(deadline=None)
def test_v3_folding_does_not_depend_on_the_order(reasons: list[str], chance: random.Random) -> None:
    verdicts = [Verdict(REASONS[reason], reason) for reason in reasons]
    state = fold(verdicts)
    chance.shuffle(verdicts)
    assert fold(verdicts) == state
    assert fold([*verdicts, *verdicts]) == state


PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "linux/riscv64"]
DEBIAN = {platform: [build(f"os-{platform}-{n}", platform=platform) for n in range(2)] for platform in PLATFORMS}


def verdicts(base: list[Built], target: list[Built], notes: list[Built]) -> dict[Digest, tuple[str, str]]:
    world = World()
    for platform in PLATFORMS:
        for built in DEBIAN[platform]:
            world.put("debian:old", built)
    world.put("debian:12", index(base))
    whole = world.put("registry.test/team/app:1", index([*target, *notes]))
    made = {}
    for one in world.platforms(whole):
        verdict = world.run(inquire(one)).verdict
        made[one.digest] = verdict.state, verdict.reason
    return made


@given(
    st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(PLATFORMS), max_size=5, unique=True),
    st.sets(st.sampled_from(PLATFORMS)),
    st.randoms(),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_an_unrelated_platform_or_attestation_never_changes_another_platforms_verdict(
    first: list[str], more: list[str], moved: set[str], chance: random.Random, attest: bool
) -> None:
    def app(platform: str) -> Built:
        old = DEBIAN[platform][0]
        return annotated(build("app", on=old, platform=platform), "debian:12", old.digest)

    def now(platform: str) -> Built:
        return DEBIAN[platform][platform in moved]

    targets = [app(platform) for platform in first]
    alone = verdicts([now(platform) for platform in first], targets, [])
    assert set(alone.values()) <= {("fresh", "same-base"), ("stale", "layers")}
    others = [app(platform) for platform in more if platform not in first]
    notes = [attestation(one, statement(one.digest, [])) for one in others] if attest else []
    base = [now(platform) for platform in {*first, *more}]
    chance.shuffle(base)
    together = [*targets, *others]
    chance.shuffle(together)
    wide = verdicts(base, together, notes)
    assert {digest: wide[digest] for digest in alone} == alone


@given(st.lists(st.binary(max_size=2).map(Digest.of), max_size=6), st.integers(0, 6))
@settings(deadline=None)
def test_e10_a_prefix_has_a_prefix_of_the_chain(diff_ids: list[Digest], cut: int) -> None:
    assert chain_ids(diff_ids[:cut]) == chain_ids(diff_ids)[:cut]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "payload", '"', "é"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "\\"]), JSON, max_size=4), st.booleans())
@settings(deadline=None)
def test_an_excerpt_is_what_a_whole_parser_finds(document: dict[str, object], ascii_only: bool) -> None:
    raw = json.dumps(document, ensure_ascii=ascii_only, indent=1).encode("utf-8", "replace")
    found = excerpt(raw, {"a": 1000, "b": 1000}, "it")
    assert found == {key: value for key, value in json.loads(raw).items() if key in {"a", "b"}}


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ a1', max_size=40).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_statement_or_refused(raw: bytes) -> None:
    with suppress(OrlopError):
        statement_of(raw)


@given(st.text(alphabet="abc/@:?&=%5A.-_12", max_size=30))
@settings(deadline=None)
def test_any_text_after_the_scheme_is_an_image_or_none(text: str) -> None:
    found = image_of_purl(f"pkg:docker/{text}")
    assert found is None or found.base.repository is not None


@given(images(), images())
@settings(deadline=None)
def test_a_verdict_ignores_what_annotations_a_layer_has_beside(target: PlatformImage, now: PlatformImage) -> None:
    layers = tuple(layer._replace(annotations={**layer.annotations, "x": "y"}, size=9) for layer in now.layers)
    assert decide(target, replace(now, layers=layers)).reason == decide(target, now).reason
