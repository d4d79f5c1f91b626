"""Checks through the client: any source on either side, what cannot be asked, what earlier runs know, and bad answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.freshness.world import (
    BUILDKIT_1,
    V1,
    altered,
    annotated,
    attestation,
    attested,
    build,
    entry,
    purl,
    statement,
)
from tests.wire.fleet import app_on, asked, base_of, put

from orlop.errors import (
    DeniedError,
    ManifestNotFoundError,
    OrlopError,
    PlatformChoiceError,
    RepositoryNotFoundError,
    UnsupportedError,
)
from orlop.freshness.observed import Observations
from orlop.freshness.plan import CheckOptions
from orlop.testing import archives, builders
from orlop.testing import registry as running
from orlop.testing.builders import index
from orlop.testing.faults import cut, header, on, refuse, wrong_digest_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orlop import Client
    from orlop.freshness.values import Report
    from orlop.testing import Registry

OLD, NEW = build("os-1", "tools-1"), build("os-2", "tools-2")


@pytest.fixture
def observed() -> Iterator[Observations]:
    with Observations(":memory:") as made:
        yield made


def said(report: Report) -> list[tuple[str, str]]:
    return [(verdict.state, verdict.reason) for verdict in report.platforms]


def on_base(registry: Registry, *, moved: bool = False) -> str:
    """Put an image and its base, which has moved or not."""
    put(registry, "lib/base:1", OLD)
    ref = put(registry, "team/app:1", annotated(build("app", on=OLD), f"{registry.host}/lib/base:1", OLD.digest))
    if moved:
        put(registry, "lib/base:1", NEW)
    return ref


# --- sources -----------------------------------------------------------------------------------------


def test_a_layout_is_checked_against_a_registry(client: Client, registry: Registry, tmp_path: Path) -> None:
    put(registry, "lib/base:1", NEW)
    app = annotated(build("app", on=NEW), f"{registry.host}/lib/base:1", NEW.digest)
    archives.write_files(tmp_path, archives.layout_files({"app": app}))
    assert said(client.check(f"oci:{tmp_path}:app")) == [("fresh", "same-base")]


def test_an_archive_is_checked_against_a_layout(client: Client, tmp_path: Path) -> None:
    archives.write_files(tmp_path / "base", archives.layout_files({"1": NEW}))
    (tmp_path / "app.tar").write_bytes(archives.docker_archive({"app:1": build("app", on=OLD)}))
    report = client.check(f"docker-archive:{tmp_path}/app.tar", [f"oci:{tmp_path}/base:1"])
    assert said(report) == [("unknown", "not-based")]
    (tmp_path / "new.tar").write_bytes(archives.docker_archive({"app:1": build("app", on=NEW)}))
    report = client.check(f"docker-archive:{tmp_path}/new.tar", [f"oci:{tmp_path}/base:1"])
    assert said(report) == [("fresh", "same-content")]


def test_an_index_is_checked_against_a_base_of_one_platform(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", OLD)
    app = index([build("app", on=OLD), build("app", platform="linux/arm64")])
    ref = put(registry, "team/app:1", app)
    report = client.check(ref, [f"{registry.host}/lib/base:1"])
    assert said(report) == [("fresh", "same-content"), ("unknown", "platform-missing-in-base")]
    assert report.state == "unknown"


def test_v3_a_child_without_platform_gets_it_from_its_config(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", base_of("os-1"))
    bare = index([build("app", on=build("os-1", platform="linux/arm64"), platform="linux/arm64")])
    entries = [{key: value for key, value in bare.document["manifests"][0].items() if key != "platform"}]
    ref = put(registry, "team/app:1", replace(altered(bare, manifests=entries), children=bare.children))
    report = client.check(ref, [f"{registry.host}/lib/base:1"])
    assert [str(one.platform) for one in report.platforms] == ["linux/arm64/v8"]
    assert said(report) == [("fresh", "same-content")]


# --- many that are alike -----------------------------------------------------------------------------


def mixture(registry: Registry) -> list[str]:
    """Put images that say the same of their base, or nearly, and are not the same."""
    name = f"{registry.host}/lib/base:1"
    later = build("os-1", "tools-1", config={"Env": ["A=1"]})
    shorter = build("os-1")
    put(registry, "lib/base", OLD)
    put(registry, "lib/base", later)
    put(registry, "lib/base", shorter)
    images = {
        "plain": annotated(build("app", on=OLD), name, OLD.digest),
        "another": annotated(build("app", "more", on=OLD), name, OLD.digest),
        "lie": annotated(build("x", "y", "z"), name, OLD.digest),
        "squashed": annotated(build("flat"), name, OLD.digest),
        "nothing-added": annotated(build(on=OLD), name, OLD.digest),
        "base-itself": NEW,
        "base-annotated": annotated(NEW, name, NEW.digest),
        "up-to-date": annotated(build("app", on=NEW), name, NEW.digest),
        "twice": annotated(build("b", on=NEW), name, NEW.digest),
        "by-name": annotated(build("c", on=NEW), name),
        "by-name-old": annotated(build("d", on=OLD), name),
        "metadata": annotated(build("app", on=later), name, later.digest),
        "lost-a-layer": annotated(build("app", on=shorter), name, shorter.digest),
        "other-variables": annotated(build("app", on=OLD, config={"Env": ["B=1"]}), name, OLD.digest),
        "gone": annotated(build("app", on=OLD), name, "sha256:" + "1" * 64),
        "arm": annotated(build("app", on=OLD, platform="linux/arm64"), name, OLD.digest),
    }
    refs = [put(registry, f"team/{called}:1", built) for called, built in images.items()]
    put(registry, "lib/base:1", NEW)
    return refs


@pytest.mark.parametrize("ignore_metadata", [False, True])
def test_an_image_gets_the_same_verdict_alone_and_among_others(
    make_client: Callable[..., Client], registry: Registry, *, ignore_metadata: bool
) -> None:
    refs = mixture(registry)
    options = CheckOptions(ignore_metadata=ignore_metadata)
    alone = {ref: make_client().check(ref, options=options).platforms for ref in refs}
    for order in (refs, refs[::-1]):
        together = {one.subject: one.platforms for one in make_client().check_many(order * 2, options=options)}
        assert together == alone
    assert len({verdict.reason for verdicts in alone.values() for verdict in verdicts}) >= 4


# --- what cannot be asked ----------------------------------------------------------------------------


def test_v4_an_image_that_is_not_there_is_the_reports_error(client: Client, registry: Registry) -> None:
    on_base(registry)
    report = client.check(f"{registry.host}/team/app:9")
    assert (report.state, report.digest, report.platforms) == ("unknown", None, ())
    assert isinstance(report.error, ManifestNotFoundError)


def test_v4_a_name_that_is_none_is_the_reports_error(client: Client) -> None:
    (report,) = client.check_many(["no such: name"])
    assert isinstance(report.error, OrlopError)
    assert report.subject == "no such: name"


def test_v9_a_base_given_by_hand_that_is_gone_is_an_error(client: Client, registry: Registry) -> None:
    ref = on_base(registry)
    report = client.check(ref, [f"{registry.host}/lib/base:9"])
    assert said(report) == [("unknown", "base-unreadable")]
    assert isinstance(report.error, ManifestNotFoundError)


def test_v9_a_declared_base_whose_tag_is_gone_is_stale(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", OLD)
    ref = put(registry, "team/app:1", annotated(build("app", on=OLD), f"{registry.host}/lib/base:2", OLD.digest))
    report = client.check(ref)
    assert said(report) == [("stale", "base-retagged-away")]
    assert report.error is None


def test_v9_a_declared_base_whose_repository_is_gone_is_an_error(client: Client, registry: Registry) -> None:
    ref = put(registry, "team/app:1", annotated(build("app", on=OLD), f"{registry.host}/gone/base:2", OLD.digest))
    report = client.check(ref)
    assert said(report) == [("unknown", "base-unreadable")]
    assert isinstance(report.error, RepositoryNotFoundError)


def test_v9_a_base_that_is_refused_is_an_error(make_client: Callable[..., Client]) -> None:
    with running(middleware=[refuse(403, "DENIED", times=None, on=on("", "/lib/base/"))]) as registry:
        report = make_client().check(on_base(registry))
    assert said(report) == [("unknown", "base-unreadable")]
    assert isinstance(report.error, DeniedError)


def test_what_is_no_image_cannot_be_checked(client: Client, registry: Registry) -> None:
    ref = put(registry, "team/chart:1", builders.artifact({"Chart.yaml": b"name: x"}))
    assert isinstance(client.check(ref).error, UnsupportedError)


def test_a_platform_that_an_image_lacks_is_an_error(client: Client, registry: Registry) -> None:
    report = client.check(on_base(registry), platform="linux/s390x")
    assert isinstance(report.error, PlatformChoiceError)
    assert report.error.available == ("linux/amd64",)


def test_scratch_given_as_a_base_is_an_error(client: Client, registry: Registry) -> None:
    assert isinstance(client.check(on_base(registry), ["scratch"]).error, OrlopError)


def test_one_error_among_many_is_its_own(client: Client, registry: Registry) -> None:
    good = on_base(registry)
    refs = [good, f"{registry.host}/team/app:9", f"{registry.host}/none:1"]
    found = list(client.check_many(refs, ordered=True))
    assert [report.subject for report in found] == refs
    assert [report.state for report in found] == ["fresh", "unknown", "unknown"]
    assert [report.error is None for report in found] == [True, False, False]


def test_pairs_are_checked_against_their_own_bases(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", OLD)
    put(registry, "lib/other:1", NEW)
    ref = put(registry, "team/app:1", build("app", on=OLD))
    pairs = [(ref, [f"{registry.host}/lib/{name}:1"]) for name in ("base", "other")]
    assert [report.state for report in client.check_many(pairs, ordered=True)] == ["fresh", "unknown"]


# --- the bases of bases (V7) -------------------------------------------------------------------------


def chain(registry: Registry) -> str:
    """Put an image on python on debian, of which debian has moved."""
    put(registry, "lib/debian:12", OLD)
    python = annotated(build("python", on=OLD), f"{registry.host}/lib/debian:12", OLD.digest)
    put(registry, "lib/python:3", python)
    ref = put(
        registry, "team/app:1", annotated(build("app", on=python), f"{registry.host}/lib/python:3", python.digest)
    )
    put(registry, "lib/debian:12", NEW)
    return ref


def test_v7_a_stale_ancestor_is_told_and_changes_nothing(client: Client, registry: Registry) -> None:
    (verdict,) = client.check(chain(registry)).platforms
    assert (verdict.state, verdict.reason, verdict.upstream) == ("fresh", "same-base", "stale")
    assert [str(one.base).rpartition("/")[2] for one in verdict.ancestors] == ["debian:12"] + ["None"] * (
        len(verdict.ancestors) - 1
    )


def test_v7_through_makes_the_image_stale(client: Client, registry: Registry) -> None:
    (verdict,) = client.check(chain(registry), options=CheckOptions(through=True)).platforms
    assert (verdict.state, verdict.reason) == ("stale", "upstream")


def test_v7_a_grandparent_that_moves_is_seen_by_a_second_run(
    client: Client, registry: Registry, observed: Observations
) -> None:
    ref = chain(registry)
    put(registry, "lib/debian:12", OLD)
    assert client.check(ref, observed=observed).platforms[0].upstream == "fresh"
    put(registry, "lib/debian:12", NEW)
    assert client.check(ref, observed=observed).platforms[0].upstream == "stale"


def test_v7_bases_that_name_each_other_end(client: Client, registry: Registry) -> None:
    one = annotated(OLD, f"{registry.host}/lib/two:1")
    two = annotated(build("more", on=OLD), f"{registry.host}/lib/one:1")
    put(registry, "lib/one:1", one)
    put(registry, "lib/two:1", two)
    report = client.check(f"{registry.host}/lib/two:1")
    assert report.error is None
    assert len(report.platforms[0].ancestors) <= 8


# --- bases (E10, E11) --------------------------------------------------------------------------------


def test_e10_a_base_that_was_learnt_is_found(client: Client, registry: Registry, observed: Observations) -> None:
    put(registry, "lib/base:1", OLD)
    ref = put(registry, "team/app:1", build("app", on=OLD))
    assert said(client.check(ref, observed=observed)) == [("unknown", "no-evidence")]
    (learnt,) = client.learn([f"{registry.host}/lib/base:1"], observed=observed)
    assert [(str(platform), layers) for platform, layers in learnt.platforms] == [("linux/amd64", 2)]
    put(registry, "lib/base:1", NEW)
    assert said(client.check(ref, observed=observed)) == [("stale", "layers")]


def test_e10_a_base_of_one_check_is_known_in_the_next(
    client: Client, registry: Registry, observed: Observations
) -> None:
    declared = on_base(registry)
    silent = put(registry, "team/other:1", build("other", on=OLD))
    assert [report.state for report in client.check_many([declared, silent], observed=observed, ordered=True)] == [
        "fresh",
        "unknown",
    ]
    assert said(client.check(silent, observed=observed)) == [("fresh", "same-base")]


def test_e10_what_an_image_was_before_is_no_base_of_it(
    client: Client, registry: Registry, observed: Observations
) -> None:
    (_,) = client.learn([put(registry, "team/app:1", OLD)], observed=observed)
    ref = put(registry, "team/app:1", altered(OLD, annotations={"built": "again"}))
    assert said(client.check(ref, observed=observed)) == [("unknown", "no-evidence")]


def test_a_longer_known_base_is_found_at_once(client: Client, registry: Registry, observed: Observations) -> None:
    middle = build("python", on=OLD)
    put(registry, "lib/debian:12", OLD)
    put(registry, "lib/python:3", middle)
    ref = put(registry, "team/app:1", build("app", on=middle))
    for name in ("lib/debian:12", "lib/python:3"):
        list(client.learn([f"{registry.host}/{name}"], observed=observed))
        (found,) = client.base(ref, observed=observed).platforms
        assert str(found.base) == f"{registry.host}/{name}"
    assert (found.sure, found.depth) == ("confirmed", 3)
    assert [str(one.base) for one in found.below] == [f"{registry.host}/lib/debian:12"]


def test_a_base_that_is_only_guessed_is_said_to_be(client: Client, registry: Registry) -> None:
    steps: list[dict[str, Any]] = [
        {"created_by": "ADD rootfs /"},
        {"created_by": 'CMD ["sh"]', "empty_layer": True},
        {"created_by": "COPY app /"},
    ]
    built = builders.image(list(OLD.layers), history=steps)
    (found,) = client.base(put(registry, "team/app:1", built)).platforms
    assert (found.base, found.sure, found.depth) == (None, "guess", 1)


def test_nothing_known_of_a_base_is_said(client: Client, registry: Registry) -> None:
    (found,) = client.base(put(registry, "team/app:1", build("app"))).platforms
    assert (found.base, found.sure, found.below) == (None, "none", ())


def test_what_cannot_be_learnt_is_an_error_of_its_own(
    client: Client, registry: Registry, observed: Observations, tmp_path: Path
) -> None:
    archives.write_files(tmp_path, archives.layout_files({"1": OLD}))
    chart = put(registry, "team/chart:1", builders.artifact({"a": b"b"}))
    names = [f"oci:{tmp_path}:1", chart, f"{registry.host}/none:1", put(registry, "lib/base:1", OLD)]
    found = list(client.learn(names, observed=observed, ordered=True))
    assert [type(one.error).__name__ for one in found] == [
        "UnsupportedError",
        "UnsupportedError",
        "RepositoryNotFoundError",
        "NoneType",
    ]


# --- evidence over the wire (E1) ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["https://slsa.dev/provenance/v0.2", V1])
def test_e1_provenance_that_the_index_names_is_read(client: Client, registry: Registry, form: str) -> None:
    put(registry, "lib/base:1", OLD)
    app = build("app", on=OLD)
    name = f"{registry.host}/lib/base"
    raw = statement(app.digest, [entry(purl(name, "1"), OLD.digest)], form=form)
    ref = put(registry, "team/app:1", attested(app, raw, form=form))
    assert said(client.check(ref)) == [("fresh", "same-base")]
    put(registry, "lib/base:1", NEW)
    (verdict,) = client.check(ref).platforms
    assert (verdict.state, verdict.then_digest, verdict.now_digest) == ("stale", OLD.digest, NEW.digest)


def test_e1_provenance_that_refers_to_the_image_is_read(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", OLD)
    app = build("app", on=OLD)
    raw = statement(app.digest, [entry(purl(f"{registry.host}/lib/base", "1"), OLD.digest)], form=V1)
    ref = put(registry, "team/app:1", app)
    put(registry, "team/app", attestation(app, raw, form=V1))
    assert said(client.check(ref)) == [("fresh", "same-base")]


def test_e4_provenance_that_lies_is_a_conflict(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", NEW)
    app = build("app", on=OLD)
    raw = statement(app.digest, [entry(purl(f"{registry.host}/lib/base", "1"), NEW.digest)])
    ref = put(registry, "team/app:1", attested(app, raw))
    assert said(client.check(ref)) == [("unknown", "conflict")]


def test_e1_provenance_of_40_mebibytes_is_read_to_its_limit(client: Client, registry: Registry) -> None:
    put(registry, "lib/base:1", OLD)
    app = build("app", on=OLD)
    padding = {"metadata": {"sources": "x" * (40 * 1024 * 1024)}}
    raw = statement(
        app.digest,
        [entry(purl(f"{registry.host}/lib/base", "1"), OLD.digest)],
        form=V1,
        build_type=BUILDKIT_1,
        runDetails=padding,
    )
    ref = put(registry, "team/app:1", attested(app, raw, form=V1))
    (verdict,) = client.check(ref).platforms
    assert verdict.state in {"fresh", "unknown"}
    assert verdict.reason in {"same-base", "no-evidence"}


# --- bad answers -------------------------------------------------------------------------------------


def test_a_head_that_names_what_is_not_there_is_settled_by_a_get(make_client: Callable[..., Client]) -> None:
    lying = wrong_digest_header(on=on("HEAD", "/manifests/1"))
    with running(middleware=[lying]) as registry:
        ref = on_base(registry)
        report = make_client().check(ref)
        assert said(report) == [("fresh", "same-base")]
        assert report.digest == build_digest(ref, make_client())
        assert len(asked(registry, "GET", "lib/base/manifests/1")) == 1


def build_digest(ref: str, client: Client) -> Any:
    return client.manifest(ref).digest


def test_q1_a_head_without_a_digest_is_completed_by_its_etag(make_client: Callable[..., Client]) -> None:
    silent = header("docker-content-digest", None, on=on("HEAD"))
    with running(middleware=[silent]) as registry:
        ref = on_base(registry)
        registry.requests.clear()
        report = make_client().check(ref)
        assert said(report) == [("fresh", "same-base")]
        assert asked(registry, "GET", "/manifests/1") == []


def test_t10_a_list_of_tags_that_ends_early_is_not_kept(
    make_client: Callable[..., Client], observed: Observations
) -> None:
    broken = cut(4, times=None, on=on("GET", "/tags/list"))
    broken.end()
    with running(middleware=[broken]) as registry:
        for n in range(4):
            put(registry, f"lib/base:1.{n}", build(f"os-{n}"))
        old = put(registry, "team/app:1", annotated(build("app", on=build("os-1")), f"{registry.host}/lib/base:1.3"))
        assert said(make_client().check(old, observed=observed)) == [("stale", "layers")]
        kept = observed.kept_tags(f"{registry.host}/lib/base")
        assert kept is not None
        broken._left = None
        other = put(registry, "team/app:2", annotated(build("b", on=build("os-2")), f"{registry.host}/lib/base:1.3"))
        assert said(make_client().check(other, observed=observed)) == [("stale", "layers")]
        assert observed.kept_tags(f"{registry.host}/lib/base") == kept


def test_a_list_of_tags_that_is_refused_leaves_it_undecided(make_client: Callable[..., Client]) -> None:
    with running(middleware=[refuse(403, "DENIED", times=None, on=on("GET", "/tags/list"))]) as registry:
        put(registry, "lib/base:1.3", NEW)
        ref = put(registry, "team/app:1", annotated(build("app", on=OLD), f"{registry.host}/lib/base:1.3"))
        assert said(make_client().check(ref)) == [("unknown", "not-based")]


def test_a_manifest_of_another_digest_is_no_base(make_client: Callable[..., Client]) -> None:
    from orlop.testing.faults import wrong_body

    with running(middleware=[wrong_body(on=on("GET", "/lib/base/manifests/sha256"))]) as registry:
        report = make_client().check(on_base(registry))
    assert said(report) == [("unknown", "base-unreadable")]
    assert report.error is not None


def test_a_child_that_cannot_be_read_leaves_the_others(make_client: Callable[..., Client]) -> None:
    base = base_of("os-1")
    app = app_on(base, "lib/base:1")
    broken = refuse(500, times=None, on=on("GET", app.children[1].digest.value))
    with running(middleware=[broken]) as registry:
        put(registry, "lib/base:1", base)
        ref = put(registry, "team/app:1", app)
        report = make_client().check(ref, [f"{registry.host}/lib/base:1"])
    assert [one.state for one in report.platforms] == ["fresh", "unknown"]
    assert report.error is not None


def test_what_failed_is_not_remembered(make_client: Callable[..., Client], observed: Observations) -> None:
    broken = refuse(500, times=None, on=on("GET", "/lib/base/referrers/"))
    with running(middleware=[broken]) as registry:
        ref = on_base(registry)
        first = make_client().check(ref, observed=observed)
        again = make_client().check(ref, observed=observed)
    assert said(first) == said(again) == [("fresh", "same-base")]
    assert not any(one.remembered for one in again.about)


# --- how far behind (A1) -----------------------------------------------------------------------------


def test_a1_what_moved_between_two_runs_is_known_to_have(
    client: Client, registry: Registry, observed: Observations
) -> None:
    ref = on_base(registry)
    client.check(ref, observed=observed)
    put(registry, "lib/base:1", NEW)
    (about,) = client.check(ref, observed=observed).about
    assert about.behind is not None
    assert (about.behind.since.how, about.behind.updates, about.behind.at_least) == ("observed", 1, False)
    last, first = about.behind.since.after, about.behind.since.until
    assert last is not None
    assert first is not None
    assert last <= first


def test_a1_each_tag_that_was_asked_for_is_noted(client: Client, registry: Registry, observed: Observations) -> None:
    client.check(on_base(registry), observed=observed)
    (base,) = observed.history(f"{registry.host}/lib/base", "1", "linux/amd64")
    (own,) = observed.history(f"{registry.host}/team/app", "1", "linux/amd64")
    assert base.platform_digest == OLD.digest.value
    assert own.digest == own.platform_digest


def test_json_of_a_verdict_reads_back(client: Client, registry: Registry) -> None:
    from orlop.freshness.report import verdict_json, verdict_of
    from orlop.freshness.texts import Texts, encoded

    texts = Texts()

    for ref in (chain(registry), on_base(registry, moved=True)):
        for verdict in client.check(ref).platforms:
            assert verdict_of(json.loads(json.dumps(verdict_json(verdict)))) == verdict
            assert texts.verdict(verdict) == encoded(verdict_json(verdict))
            assert json.loads(texts.verdict(verdict, ',"more":1')) == {**verdict_json(verdict), "more": 1}


def test_references_may_be_many_more_than_run_at_once(client: Client, registry: Registry) -> None:
    ref = on_base(registry)
    names = (ref for _ in range(300))
    assert [report.state for report in client.check_many(names, concurrency=4)] == ["fresh"] * 300
