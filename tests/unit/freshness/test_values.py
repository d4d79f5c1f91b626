from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from tests.unit.freshness.world import HERE, World, altered, attested, blob, build, platform_image, statement

from orlop.errors import (
    DeniedError,
    DigestMismatchError,
    InvalidReferenceError,
    LimitError,
    ManifestNotFoundError,
    OrlopError,
    RateLimitedError,
    RepositoryNotFoundError,
)
from orlop.freshness import values
from orlop.freshness.asking import CONFIG_LIMIT, Desk, Want, unanswered
from orlop.freshness.fold import exit_status, fold, overall, report, with_ancestors
from orlop.freshness.images import entries_of, image_of, images_in, open_base, schema1_trouble
from orlop.freshness.inquiry import inquire
from orlop.freshness.values import Absent, BaseName, Options, PlatformImage, Verdict
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.manifest import Index, parse_manifest
from orlop.model.platform import Platform
from orlop.testing.builders import Built, artifact, image, index

FRESH = Verdict("fresh", "same-base")
STALE = Verdict("stale", "layers")
UNDECIDED = Verdict("unknown", "not-based")
END = Verdict("unknown", "no-evidence")


def test_v2_every_reason_belongs_to_one_state() -> None:
    named = {
        value for name, value in vars(values).items() if name.isupper() and isinstance(value, str) and "-" in value
    }
    assert named <= values.REASONS.keys()
    assert {"layers", "metadata", "upstream", "squashed", "conflict"} <= values.REASONS.keys()
    assert values.REASONS["base-retagged-away"] == "stale"
    assert values.REASONS["no-base"] == "fresh"
    assert values.REASONS["empty-base"] == "unknown"
    assert len(values.REASONS) == 15


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([FRESH, FRESH], "fresh"),
        ([FRESH, UNDECIDED], "unknown"),
        ([FRESH, UNDECIDED, STALE], "stale"),
        ([STALE, FRESH], "stale"),
        ([], "unknown"),
    ],
)
def test_v3_an_index_is_stale_if_one_is_else_unknown_if_one_is_else_fresh(verdicts: list[Verdict], state: str) -> None:
    assert fold(verdicts) == state
    assert report("app:1", None, verdicts).state == state


def test_v4_exit_statuses() -> None:
    assert [exit_status("fresh"), exit_status("stale"), exit_status("unknown")] == [0, 1, 10]
    assert exit_status("unknown", unknown_as="fresh") == 0
    assert exit_status("unknown", unknown_as="stale") == 1


@pytest.mark.parametrize(
    ("statuses", "status"), [([], 0), ([0, 0], 0), ([0, 10], 10), ([0, 10, 1], 1), ([1, 3, 7, 10], 7)]
)
def test_v4_in_a_list_the_largest_error_counts_then_stale_then_undecided(statuses: list[int], status: int) -> None:
    assert overall(statuses) == status


def test_v7_a_stale_ancestor_shows_and_changes_the_state_only_with_through() -> None:
    made = with_ancestors(FRESH, [FRESH, STALE, END], Options())
    assert (made.state, made.reason, made.upstream) == ("fresh", "same-base", "stale")
    made = with_ancestors(FRESH, [FRESH, STALE, END], Options(through=True))
    assert (made.state, made.reason, made.upstream) == ("stale", "upstream", "stale")


def test_v7_the_end_of_a_chain_leaves_nothing_open() -> None:
    assert with_ancestors(FRESH, [FRESH, END], Options(through=True)).upstream == "fresh"
    assert with_ancestors(FRESH, [UNDECIDED, END], Options(through=True)) == replace(
        FRESH, upstream="unknown", ancestors=(UNDECIDED, END)
    )
    assert with_ancestors(FRESH, [END], Options()).upstream == "fresh"
    assert with_ancestors(FRESH, [], Options()) is FRESH


def test_v7_the_base_that_was_found_can_be_asked_about_itself() -> None:
    world = World()
    debian = world.put("debian:12", build("os"))
    python = altered(build("python", on=debian), annotations={"org.opencontainers.image.base.name": "debian:12"})
    world.put("python:3.12", python)
    world.put("debian:12", build("os-2"))
    first = world.outcome(build("app", on=python), "python:3.12")
    assert first.now is not None
    assert str(first.now.place) == "docker.io/library/python:3.12"
    world.families["docker.io/library/debian"] = (BaseName.parse("debian").pinned(debian.digest),)
    second = world.run(inquire(first.now))
    assert (second.verdict.state, str(second.verdict.base)) == ("stale", "docker.io/library/debian:12")
    made = with_ancestors(first.verdict, [second.verdict], Options(through=True))
    assert made.detail == "docker.io/library/debian:12 has moved under the base"


def test_v3_artifacts_attestations_and_unknown_platforms_are_skipped() -> None:
    world = World()
    app = build("app")
    unknown = replace(build("odd").descriptor, platform=Platform("unknown", "unknown"))
    typed = replace(build("typed").descriptor, artifact_type="application/x")
    note = artifact({"sbom": b"{}"})
    whole = index([app, unknown, typed, note])
    world.put(HERE, whole)
    assert [one.digest for one in world.platforms(whole)] == [app.digest]
    assert world.platforms(note) == []
    listed = parse_manifest(attested(app, statement(app.digest, [])).raw)
    assert isinstance(listed, Index)
    assert len(entries_of(listed)) == 1


def test_v3_a_child_without_a_platform_gets_it_from_its_config() -> None:
    world = World()
    app = build("app", platform="linux/arm64")
    whole = index([app.descriptor.with_platform(None)])
    world.put(HERE, app)
    (found,) = world.platforms(world.put(HERE, whole))
    assert str(found.platform) == "linux/arm64/v8"


def test_v3_a_base_child_without_a_platform_gets_it_from_its_config() -> None:
    world = World()
    old = build("os", platform="linux/arm64")
    for built in (old, build("os-amd")):
        world.put("debian:12", built)
    world.put("debian:12", index([build("os-amd").descriptor.with_platform(None), old.descriptor.with_platform(None)]))
    assert world.check(build("app", on=old, platform="linux/arm64"), "debian:12") == ("fresh", "same-content")


def test_v3_a_child_that_cannot_be_read_is_told() -> None:
    world = World()
    app, gone = build("app"), build("gone", platform="linux/arm64")
    whole = index([app, gone.descriptor])
    world.put(HERE, app)
    found = world.run(images_in(Desk(), parse_manifest(whole.raw)))
    assert [type(one).__name__ for one in found] == ["PlatformImage", "Unread"]
    assert found[1].absent.kind == "not-found"


def test_v3_nested_indexes_are_opened_to_a_depth() -> None:
    world = World()
    app = build("app")
    whole = app
    for _ in range(3):
        whole = index([whole])
    assert len(world.platforms(world.put(HERE, whole))) == 1
    for _ in range(5):
        whole = index([whole])
    assert world.platforms(world.put(HERE, whole)) == []


def windows(*builds: str) -> list[Built]:
    return [build(f"win-{one}", platform=Platform("windows", "amd64", os_version=one)) for one in builds]


def test_c8_a_newer_revision_of_the_same_windows_build_is_an_update() -> None:
    world = World()
    (old,) = windows("10.0.20348.100")
    world.put("nano:ltsc2022", index(windows("10.0.17763.900", "10.0.20348.200")))
    world.families["docker.io/library/nano"] = (BaseName.parse("nano:old"),)
    world.put("nano:old", old)
    target = build("app", on=old, platform=Platform("windows", "amd64", os_version="10.0.20348.100"))
    assert world.check(target, "nano:ltsc2022") == ("stale", "layers")


def test_c8_windows_builds_are_never_crossed() -> None:
    world = World()
    (old,) = windows("10.0.20348.100")
    world.put("nano:1809", index(windows("10.0.17763.900")))
    target = build("app", on=old, platform=Platform("windows", "amd64", os_version="10.0.20348.100"))
    assert world.check(target, "nano:1809") == ("unknown", "platform-missing-in-base")
    world.put("nano:1809", windows("10.0.17763.900")[0])
    assert world.check(target, "nano:1809") == ("unknown", "platform-missing-in-base")


def test_c8_a_child_without_its_version_says_it_in_its_config() -> None:
    world = World()
    (base,) = windows("10.0.20348.100")
    world.put("nano:1", base)
    world.put("nano:1", index([base.descriptor.with_platform(Platform("windows", "amd64"))]))
    same = build("app", on=base, platform=Platform("windows", "amd64", os_version="10.0.20348.100"))
    other = build("app", on=base, platform=Platform("windows", "amd64", os_version="10.0.17763.1"))
    assert world.check(same, "nano:1") == ("fresh", "same-content")
    assert world.check(other, "nano:1") == ("unknown", "platform-missing-in-base")


def test_c8_an_image_of_windows_without_a_version_takes_the_only_child_or_none() -> None:
    world = World()
    (base,) = windows("10.0.20348.100")
    world.put("nano:1", index([base]))
    world.put("nano:2", index([base, *windows("10.0.17763.900")]))
    target = build("app", on=base, platform=Platform("windows", "amd64"))
    assert world.check(target, "nano:1") == ("fresh", "same-content")
    assert world.check(target, "nano:2") == ("unknown", "platform-missing-in-base")


def test_c8_an_os_version_of_linux_does_not_restrict() -> None:
    world = World()
    base = world.put("debian:12", build("os"))
    target = build("app", on=base, platform=Platform("linux", "amd64", os_version="12.1"))
    world.put("debian:12", index([base]))
    assert world.check(target, "debian:12") == ("fresh", "same-content")


def schema1(layers: list[Digest], *, steps: int | None = None) -> Built:
    history = [
        {"v1Compatibility": json.dumps({"id": str(n), "os": "linux"})}
        for n in range(len(layers) if steps is None else steps)
    ]
    document = {
        "schemaVersion": 1,
        "name": "app",
        "tag": "1",
        "architecture": "amd64",
        "fsLayers": [{"blobSum": one.value} for one in reversed(layers)],
        "history": history,
    }
    raw = json.dumps(document, indent=3).encode()
    kind = "application/vnd.docker.distribution.manifest.v1+json"
    return Built(raw, Descriptor(kind, Digest.of(raw), len(raw)))


def signed(built: Built) -> PlatformImage:
    """Return it as one whose signature was found; those of real manifests are in the vectors."""
    manifest = parse_manifest(built.raw, built.descriptor.media_type)
    manifest.media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    return image_of(manifest)


def test_c9_schema_1_is_compared_by_its_blob_sums_from_the_bottom() -> None:
    from orlop.freshness.verdict import decide

    one, two, own = (blob(name).descriptor.digest for name in ("os-1", "tools-1", "app"))
    base = platform_image(build("os-1", "tools-1"))
    target = signed(schema1([one, two, own]))
    assert str(target.platform) == "linux/amd64"
    assert decide(target, base, options=Options(ignore_metadata=True)).reason == "same-content"
    assert decide(target, base, base).reason == "same-base"
    assert decide(target, platform_image(build("os-2")), base).reason == "layers"


def test_c9_layers_that_changed_no_file_are_left_out() -> None:
    from orlop.freshness.images import EMPTY_LAYER

    target = signed(schema1([blob("os").descriptor.digest, EMPTY_LAYER, blob("app").descriptor.digest, EMPTY_LAYER]))
    assert len(target.layers) == 2


def test_c9_schema_1_that_is_unsigned_or_cut_is_unknown() -> None:
    from orlop.freshness.verdict import decide

    base = platform_image(build("os-1"))
    layers = [blob("os-1").descriptor.digest, blob("app").descriptor.digest]
    unsigned = platform_image(schema1(layers), config=False)
    assert decide(unsigned, base).reason == "no-evidence"
    assert decide(base, unsigned).reason == "base-unreadable"
    cut = signed(schema1(layers, steps=1))
    assert "cut" in schema1_trouble(cut.manifest)
    assert decide(cut, base).state == "unknown"
    assert unanswered(inquire(unsigned)).verdict.reason == "no-evidence"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ManifestNotFoundError("x", "y"), "not-found"),
        (RepositoryNotFoundError("x", "y"), "no-repository"),
        (DeniedError("x", "y"), "unreadable"),
        (RateLimitedError("GET", "https://x", 429), "unreadable"),
        (LimitError("x", "y", 1), "too-large"),
        (DigestMismatchError("x", "a", "b"), "invalid"),
    ],
)
def test_v9_each_error_is_a_kind_of_absence(error: OrlopError, kind: str) -> None:
    absent = Absent.of(error)
    assert (absent.kind, absent.error) == (kind, error)
    assert absent.is_gone == (kind in {"not-found", "no-repository"})


def test_a_base_name_prints_and_moves_and_pins() -> None:
    digest = Digest.of(b"x")
    base = BaseName.parse(f"debian:12@{digest}")
    assert str(base) == f"docker.io/library/debian:12@{digest}"
    assert str(base.moving) == "docker.io/library/debian:12"
    assert base.moving == BaseName.parse("docker.io/library/debian:12")
    assert base.moving.pinned(digest).digest == digest
    assert base.is_tracked
    assert not BaseName.parse(f"debian@{digest}").is_tracked
    assert BaseName.parse("scratch").is_scratch
    assert BaseName.parse("oci:/some/dir").is_tracked
    assert str(BaseName.parse("oci:/some/dir")) == "oci:/some/dir"
    assert BaseName.parse("debian").same_place(BaseName.parse("docker.io/library/debian:12"))
    assert not BaseName.parse("oci:a").same_place(BaseName.parse("oci:b"))
    assert pickle.loads(pickle.dumps(base)) == base
    with pytest.raises(InvalidReferenceError):
        BaseName.parse("Debian 12")


@pytest.mark.parametrize(
    ("text", "assumed"),
    [
        ("debian", ("registry", "tag")),
        ("debian:12", ("registry",)),
        ("team/app", ("registry", "tag")),
        ("ghcr.io/a/b", ("tag",)),
        ("localhost/a:1", ()),
        ("registry:5000/a", ("tag",)),
        (f"debian@{Digest.of(b'x')}", ("registry",)),
    ],
)
def test_e8_what_a_name_leaves_open_is_said(text: str, assumed: tuple[str, ...]) -> None:
    assert BaseName.parse(text).assumed == assumed


def test_a_desk_asks_once_and_reads_what_a_descriptor_carries() -> None:
    world = World()
    raw = b'{"os": "linux", "architecture": "amd64"}'
    inline = Descriptor("application/vnd.oci.image.config.v1+json", Digest.of(raw), len(raw), data=raw)
    desk = Desk()
    assert world.run(desk.config(None, inline)).raw == raw
    assert world.run(desk.blob(None, inline, 100)) == raw
    assert world.run(desk.blob(None, inline, 5)).kind == "too-large"
    bad = replace(inline, digest=Digest.of(b"other"))
    assert world.run(desk.config(None, bad)).kind == "invalid"
    assert world.run(desk.blob(None, bad, 100)).kind == "invalid"
    assert world.run(desk.config(None, replace(inline, data=None, size=CONFIG_LIMIT + 1))).kind == "too-large"
    assert world.asked == []
    for _ in range(2):
        assert world.run(desk.manifest(BaseName.parse("debian:12"))).kind == "not-found"
    assert len(world.asked) == 1


@pytest.mark.parametrize("ask", ["manifest", "config", "blob", "referrers", "family", "chain"])
def test_a_wrong_answer_is_the_answerers_mistake(ask: str) -> None:
    desk, base = Desk(), BaseName.parse("debian:12")
    descriptor = Descriptor("x/y", Digest.of(b""), 0)
    steps = {
        "manifest": desk.manifest(base),
        "config": desk.config(base, descriptor),
        "blob": desk.blob(base, descriptor, 5),
        "referrers": desk.referrers(base, descriptor.digest, 5),
        "family": desk.family(base, None, 5),
        "chain": desk.chain((descriptor.digest,)),
    }[ask]
    want = next(steps)
    assert isinstance(want, Want)
    assert want.kind == ask
    with pytest.raises(TypeError, match=f"a {ask} was asked for"):
        steps.send((1,))  # type: ignore[arg-type]


def test_what_is_no_image_is_no_base() -> None:
    world = World()
    world.put("debian:12", artifact({"a": b"b"}))
    found = world.run(open_base(Desk(), BaseName.parse("debian:12"), None))
    assert isinstance(found, Absent)
    assert found.kind == "invalid"


def test_a_manifest_with_layers_that_cannot_be_right_is_invalid_and_not_a_crash() -> None:
    world = World()
    broken = altered(build("os"), layers=[{"digest": "x"}])
    world.put("debian:12", broken)
    assert world.check(build("app"), "debian:12") == ("unknown", "base-unreadable")
    assert world.run(images_in(Desk(), parse_manifest(broken.raw)))[0].absent.kind == "invalid"


def test_diff_ids_that_are_not_one_a_layer_count_as_unknown() -> None:
    odd = image([blob("a"), blob("b")], extra={"rootfs": {"diff_ids": [str(blob("a").diff_id)]}})
    assert platform_image(odd).diff_ids is None
    assert platform_image(build("a")).diff_ids == (blob("a").diff_id,)
