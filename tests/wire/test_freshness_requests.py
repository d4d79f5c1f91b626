"""What a check asks of registries, and what a second one asks no more (Q1 to Q5)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.freshness.world import altered, annotated, attested, build, entry, purl, statement
from tests.wire.fleet import app_on, asked, base_of, put, repeated

from orlop import AsyncClient, Cache
from orlop.auth.keychain import Chain
from orlop.freshness.observed import Observations
from orlop.freshness.plan import CheckOptions
from orlop.testing import registry as running
from orlop.testing.faults import on, rate_limit, refuse, slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orlop import Client
    from orlop.testing import Registry

OLD, NEW = base_of("os-1", "tools-1"), base_of("os-2", "tools-2")


@pytest.fixture
def observed() -> Iterator[Observations]:
    with Observations(":memory:") as made:
        yield made


@pytest.fixture
def cached(make_client: Callable[..., Client], tmp_path: Path) -> Client:
    return make_client(cache=Cache(str(tmp_path / "cache")))


def fleet(registry: Registry, count: int = 12, bases: int = 3) -> list[str]:
    """Put images on bases; those with odd numbers are on what the base was before."""
    refs = []
    for n in range(count):
        name = f"{registry.host}/lib/base-{n % bases}:1"
        old, new = base_of(f"os-1 {n % bases}", "tools"), base_of(f"os-2 {n % bases}", "tools")
        put(registry, f"lib/base-{n % bases}:1", old)
        put(registry, f"lib/base-{n % bases}:1", new)
        refs.append(put(registry, f"team/app-{n}:1", app_on(old if n % 2 else new, name, layer=f"app {n}")))
    return refs


def states(client: Client, refs: list[str], **options: Any) -> dict[str, str]:
    return {report.subject: report.state for report in client.check_many(refs, **options)}


def test_q4_many_images_cost_one_head_a_tag_and_one_get_a_document(client: Client, registry: Registry) -> None:
    refs = fleet(registry)
    registry.requests.clear()
    found = states(client, refs)
    assert [found[ref] for ref in refs] == ["fresh", "stale"] * 6
    assert repeated(registry) == []
    assert len(asked(registry, "HEAD")) == 12 + 3
    # Of each image an index and two platforms, of each base those of both its states.
    assert len(asked(registry, "GET", "/manifests/")) == 3 * (12 + 3 * 2)


def test_q4_both_runtimes_ask_the_same(client: Client, registry: Registry) -> None:
    refs = fleet(registry)
    registry.requests.clear()
    blocking = states(client, refs)
    ours = sorted(asked(registry))
    registry.requests.clear()

    async def check() -> dict[str, str]:
        async with AsyncClient(credentials=Chain([])) as other:
            return {report.subject: report.state async for report in other.check_many(refs)}

    assert asyncio.run(check()) == blocking
    assert sorted(asked(registry)) == ours


def test_q4_a_second_run_asks_for_tags_alone(client: Client, registry: Registry, observed: Observations) -> None:
    refs = fleet(registry)
    first = states(client, refs, observed=observed)
    registry.requests.clear()
    assert states(client, refs, observed=observed) == first
    assert len(asked(registry)) == len(asked(registry, "HEAD")) == 12 + 3
    assert repeated(registry) == []


def test_v8_a_verdict_is_remembered_and_says_so(client: Client, registry: Registry, observed: Observations) -> None:
    (ref,) = fleet(registry, 1, 1)
    first = client.check(ref, observed=observed)
    again = client.check(ref, observed=observed)
    assert [one.remembered for one in (*first.about, *again.about)] == [False, False, True, True]
    assert again.platforms == first.platforms


def test_v8_what_is_decided_otherwise_is_remembered_apart(
    client: Client, registry: Registry, observed: Observations
) -> None:
    (ref,) = fleet(registry, 1, 1)
    client.check(ref, observed=observed)
    other = client.check(ref, observed=observed, options=CheckOptions(ignore_metadata=True))
    given = client.check(ref, [f"{registry.host}/lib/base-0:1"], observed=observed)
    amd = client.check(ref, platform="linux/amd64", observed=observed)
    assert not any(one.remembered for report in (other, given, amd) for one in report.about)
    assert len(amd.platforms) == 1


def test_v8_a_base_that_moved_is_decided_anew(client: Client, registry: Registry, observed: Observations) -> None:
    put(registry, "lib/base:1", OLD)
    ref = put(registry, "team/app:1", app_on(OLD, f"{registry.host}/lib/base:1"))
    assert client.check(ref, observed=observed).state == "fresh"
    put(registry, "lib/base:1", NEW)
    assert client.check(ref, observed=observed).state == "stale"


def test_q4_documents_in_the_cache_are_not_fetched(cached: Client, registry: Registry) -> None:
    refs = fleet(registry)
    first = states(cached, refs)
    registry.requests.clear()
    assert states(cached, refs) == first
    assert asked(registry, "GET", "/manifests/") == []


def test_q4_a_tag_that_no_run_has_seen_is_fetched_in_one_request(
    client: Client, registry: Registry, observed: Observations
) -> None:
    (ref,) = fleet(registry, 1, 1)
    registry.requests.clear()
    client.check(ref, observed=observed)
    assert asked(registry, "HEAD") == []
    assert repeated(registry) == []
    assert len(asked(registry, "GET", "/manifests/")) == 3 + 3


def test_q4_names_of_one_digest_are_fetched_once(client: Client, registry: Registry, observed: Observations) -> None:
    put(registry, "lib/base:1", OLD)
    app = app_on(OLD, f"{registry.host}/lib/base:1")
    refs = [put(registry, f"team/app:{tag}", app) for tag in ("1", "1.0", "1.0.0", "latest")]
    registry.requests.clear()
    assert set(states(client, refs, observed=observed).values()) == {"fresh"}
    assert repeated(registry) == []
    # The index may come by one of its names, and by no other.
    assert len(asked(registry, "GET", "team/app/manifests/")) == 3


def test_c1_no_config_of_an_image_is_read_where_digests_say_it(client: Client, registry: Registry) -> None:
    refs = fleet(registry)
    registry.requests.clear()
    states(client, refs)
    assert asked(registry, "GET", "team/app-") == [
        one for one in asked(registry, "GET", "team/app-") if "blobs" not in one
    ]


def test_e1_attestations_are_not_read_where_annotations_are_confirmed(client: Client, registry: Registry) -> None:
    base = build("os-1")
    put(registry, "lib/base:1", base)
    name = f"{registry.host}/lib/base:1"
    said = annotated(build("app", on=base), name, base.digest)
    built = attested(said, statement(said.digest, [entry(purl(name), base.digest)]))
    ref = put(registry, "team/app:1", built)
    registry.requests.clear()
    assert client.check(ref).state == "fresh"
    assert asked(registry, "GET", built.children[1].digest.value) == []


def test_e1_referrers_are_asked_for_when_nothing_else_says_it(client: Client, registry: Registry) -> None:
    ref = put(registry, "team/app:1", build("app"))
    registry.requests.clear()
    report = client.check(ref)
    assert (report.state, report.platforms[0].reason) == ("unknown", "no-evidence")
    assert len(asked(registry, "GET", "/referrers/")) == 1


def test_c5_one_list_of_tags_serves_all_images_of_a_base(client: Client, registry: Registry) -> None:
    name = f"{registry.host}/lib/base:1.2"
    for n in range(3):
        put(registry, f"lib/base:1.{n}", base_of(f"os {n}", "tools"))
    older = base_of("os 1", "tools")
    refs = [put(registry, f"team/app-{n}:1", app_on(older, name, layer=f"a {n}", digest=False)) for n in range(6)]
    registry.requests.clear()
    found = list(client.check_many(refs))
    assert {report.state for report in found} == {"stale"}
    assert {verdict.then_digest for report in found for verdict in report.platforms} == {
        child.digest for child in older.children
    }
    assert len(asked(registry, "GET", "/tags/list")) == 1
    assert repeated(registry) == []


def test_no_list_of_tags_is_read_without_need(client: Client, registry: Registry, observed: Observations) -> None:
    refs = fleet(registry)
    registry.requests.clear()
    states(client, refs, observed=observed)
    assert asked(registry, "GET", "/tags/list") == []


def test_e10_a_base_is_learnt_once_for_all_that_are_on_it(
    client: Client, registry: Registry, observed: Observations
) -> None:
    refs = fleet(registry, 8, 1)
    registry.requests.clear()
    states(client, refs, observed=observed)
    # The configs of both platforms of both states, and of no image.
    assert len(asked(registry, "GET", "/lib/base-0/blobs/")) == 4
    assert asked(registry, "GET", "/blobs/") == asked(registry, "GET", "/lib/base-0/blobs/")


def test_q1_a_head_takes_what_a_get_takes(client: Client, registry: Registry) -> None:
    refs = fleet(registry, 2, 1)
    registry.requests.clear()
    states(client, refs)
    accepted = {one.headers["accept"] for one in registry.requests if "/manifests/" in one.target}
    assert len(accepted) == 1
    assert "vnd.oci.image.index.v1+json" in accepted.pop()


def test_q5_a_refused_base_turns_nothing_stale(make_client: Callable[..., Client], observed: Observations) -> None:
    heads = refuse(429, "TOOMANYREQUESTS", times=None, on=on("", "/lib/base-0/manifests/"))
    heads.end()
    with running(middleware=[heads]) as registry:
        (ref,) = fleet(registry, 1, 1)
        client = make_client()
        before = client.check(ref, observed=observed)
        heads._left = None
        registry.requests.clear()
        after = client.check(ref, observed=observed)
    assert before.state == "fresh"
    assert after.state == "unknown"
    assert [one.reason for one in after.platforms] == ["base-unreadable"] * 2
    assert type(after.error).__name__ == "RateLimitedError"
    assert [one.kept for one in after.about] == list(before.platforms)
    assert asked(registry, "GET", "team/app") == []


def test_q5_an_image_that_cannot_be_asked_keeps_what_it_was(
    make_client: Callable[..., Client], observed: Observations
) -> None:
    heads = refuse(429, "TOOMANYREQUESTS", times=None, on=on("", "/team/app-0/manifests/"))
    heads.end()
    with running(middleware=[heads]) as registry:
        (ref,) = fleet(registry, 1, 1)
        client = make_client()
        before = client.check(ref, observed=observed)
        heads._left = None
        after = client.check(ref, observed=observed)
    assert (after.state, after.digest) == ("unknown", None)
    assert type(after.error).__name__ == "RateLimitedError"
    assert [one.kept for one in after.about] == list(before.platforms)
    assert all(one.kept_at is not None for one in after.about)


def test_q5_once_it_can_be_asked_again_the_verdict_stands(
    make_client: Callable[..., Client], observed: Observations
) -> None:
    refused = refuse(503, times=None, on=on("", "/lib/base-0/manifests/"))
    refused.end()
    with running(middleware=[refused]) as registry:
        (ref,) = fleet(registry, 1, 1)
        client = make_client()
        client.check(ref, observed=observed)
        refused._left = None
        assert client.check(ref, observed=observed).state == "unknown"
        refused.end()
        registry.requests.clear()
        assert client.check(ref, observed=observed).state == "fresh"
        assert asked(registry, "GET") == []


def test_q5_a_list_leaves_a_fifth_of_the_quota_alone(make_client: Callable[..., Client]) -> None:
    with running(middleware=[rate_limit(100, 20)]) as registry:
        refs = fleet(registry, 4, 2)
        client = make_client()
        registry.requests.clear()
        found = list(client.check_many(refs))
    assert {report.state for report in found} == {"unknown"}
    assert {type(report.error).__name__ for report in found} == {"RateLimitedError"}
    assert asked(registry, "GET", "/manifests/") == []


def test_q5_one_image_is_asked_for_as_long_as_the_registry_answers(make_client: Callable[..., Client]) -> None:
    with running(middleware=[rate_limit(100, 3)]) as registry:
        (ref,) = fleet(registry, 1, 1)
        assert make_client().check(ref).state == "fresh"


def test_q2_where_manifests_are_counted_a_head_goes_first(
    make_client: Callable[..., Client], observed: Observations
) -> None:
    with running(middleware=[rate_limit(100, 90)]) as registry:
        refs = fleet(registry, 4, 1)
        client = make_client()
        client.ping(registry.host)
        registry.requests.clear()
        states(client, refs, observed=observed)
        assert len(asked(registry, "HEAD")) == 4 + 1


def test_an_answer_that_failed_is_not_asked_for_again_in_the_run(make_client: Callable[..., Client]) -> None:
    gone = refuse(403, "DENIED", times=None, on=on("", "/lib/base-0/"))
    with running(middleware=[gone]) as registry:
        refs = fleet(registry, 6, 1)
        registry.requests.clear()
        found = list(make_client().check_many(refs))
        assert {type(report.error).__name__ for report in found} == {"DeniedError"}
        assert len(asked(registry, "HEAD", "/lib/base-0/manifests/1")) == 1


def test_v3_entries_that_are_no_images_cost_nothing(client: Client) -> None:
    noise = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:" + "0" * 64,
        "size": 400,
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    }
    with running(allow_missing_children=True) as registry:
        put(registry, "lib/base:1", OLD)
        image = app_on(OLD, f"{registry.host}/lib/base:1")
        entries = [*image.document["manifests"], noise]
        ref = put(registry, "team/app:1", replace(altered(image, manifests=entries), children=image.children))
        registry.requests.clear()
        report = client.check(ref)
        assert len(report.platforms) == 2
        assert asked(registry, "GET", "0" * 64) == []


def test_one_platform_that_is_asked_for_is_all_that_is_read(client: Client, registry: Registry) -> None:
    (ref,) = fleet(registry, 1, 1)
    registry.requests.clear()
    report = client.check(ref, platform="linux/arm64")
    assert [str(one.platform) for one in report.platforms] == ["linux/arm64/v8"]
    assert len(asked(registry, "GET", "team/app-0/manifests/")) == 2


def test_a_digest_is_not_resolved(client: Client, registry: Registry, observed: Observations) -> None:
    put(registry, "lib/base:1", OLD)
    app = app_on(OLD, f"{registry.host}/lib/base:1")
    put(registry, "team/app:1", app)
    ref = f"{registry.host}/team/app@{app.digest}"
    registry.requests.clear()
    assert client.check(ref, observed=observed).state == "fresh"
    assert asked(registry, "HEAD", "team/app") == []
    registry.requests.clear()
    assert client.check(ref, observed=observed).state == "fresh"
    assert asked(registry) == ["HEAD /v2/lib/base/manifests/1"]


def test_a_slow_registry_is_asked_for_many_images_at_once(make_client: Callable[..., Client]) -> None:
    inside, most = 0, 0

    async def count(call: Any, go: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            return await go(call)
        finally:
            inside -= 1

    with running(middleware=[count, slow(0.02)]) as registry:
        refs = fleet(registry, 40, 2)
        assert len(states(make_client(), refs)) == 40
    assert most > 4
