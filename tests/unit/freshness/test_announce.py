"""What is announced of a stale image: facts told once, bodies, signatures, and what an answer means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from orlop.errors import ConfigError, InputError
from orlop.freshness import values
from orlop.freshness.announce import (
    GITHUB_API,
    TRIES_LIMIT,
    Receiver,
    Secrets,
    fact,
    fate,
    headers,
    notices,
)
from orlop.freshness.observed import Observations
from orlop.freshness.values import BaseName, BuildInput, Report, Verdict
from orlop.model.digest import Digest
from orlop.model.platform import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = Receiver.webhook("https://hooks.example/services/T0/secret-path?key=secret-query")
REPO = Receiver.github("owner/app")
AT = 1_700_000_000.0


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def verdict(state: Any = "stale", reason: str = "layers", platform: Platform = AMD64, **more: Any) -> Verdict:
    given: dict[str, Any] = {
        "base": BaseName.parse("debian:12"),
        "digest": digest("app"),
        "then_digest": digest("then"),
        "now_digest": digest("now"),
        "detail": "the base got a layer",
    }
    return Verdict(state, reason, platform, **{**given, **more})


def report(*verdicts: Verdict, subject: str = "ghcr.io/owner/app:1") -> Report:
    return Report(subject, digest("index"), "stale", verdicts)


# --- signatures ------------------------------------------------------------------------------------------


def test_a_signature_is_that_of_the_specifications_example() -> None:
    made = Secrets.parse(SECRET, "test").sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_secret_signs_while_one_replaces_another() -> None:
    second = "whsec_" + base64.b64encode(b"k" * 32).decode()
    made = Secrets.parse(f"{SECRET}\n{second}\n", "test").sign("msg_1", 5, b"body").split(" ")
    expected = base64.b64encode(hmac.new(b"k" * 32, b"msg_1.5.body", hashlib.sha256).digest()).decode()
    assert len(made) == 2
    assert made[1] == "v1," + expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-prefix",
        "whsec_***",
        "whsec_" + base64.b64encode(b"short").decode(),
        "whsec_" + "A" * 400,
        "whsec_xxx yyyy",
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Secrets.parse(text, "the file")
    assert "the file" in str(caught.value)
    for word in text.split():
        assert word not in str(caught.value)
        assert word not in repr(caught.value)


def test_secrets_are_in_no_text() -> None:
    assert "MfKQ" not in repr(Secrets.parse(SECRET, "test"))


# --- receivers -------------------------------------------------------------------------------------------


def test_the_url_of_a_webhook_is_in_no_text() -> None:
    assert "secret" not in repr(HOOK) + HOOK.name + HOOK.key + str(HOOK)
    assert HOOK.name == "https://hooks.example"


def test_receivers_at_one_host_are_told_apart() -> None:
    assert Receiver.webhook("https://hooks.example/a").key != Receiver.webhook("https://hooks.example/b").key


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example/x",
        "ftp://hooks.example/",
        "https://",
        "https:///path",
        "https://user:password@host/",
        "https://host:port/",
        "https://a b/",
        "https://host/\n",
        "",
    ],
)
def test_what_is_no_url_to_post_to_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Receiver.webhook(url)
    assert "password" not in str(caught.value).replace("a password has no place", "")


@pytest.mark.parametrize("name", ["owner", "owner/", "/app", "a/b/c", "owner/app?x", "owner/..", "owner/a b"])
def test_what_is_no_github_repository_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        Receiver.github(name)


def test_a_dispatch_goes_to_the_api_that_is_named() -> None:
    assert REPO.url == f"{GITHUB_API}/repos/owner/app/dispatches"
    assert Receiver.github("owner/app", "https://ghe.example/api/v3/").url == (
        "https://ghe.example/api/v3/repos/owner/app/dispatches"
    )


# --- facts -----------------------------------------------------------------------------------------------


def test_w5_a_fact_is_subject_platform_digest_of_the_base_and_state() -> None:
    one = verdict()
    assert fact(report(one), one) == json.dumps(["ghcr.io/owner/app:1", "linux/amd64", str(digest("now")), "stale"])


def test_w5_short_and_full_names_are_one_subject() -> None:
    one = verdict()
    assert fact(report(one, subject="debian"), one) == fact(report(one, subject="docker.io/library/debian:latest"), one)


def test_w5_another_digest_of_the_base_is_another_fact() -> None:
    one, other = verdict(), verdict(now_digest=digest("newer"))
    assert fact(report(one), one) != fact(report(other), other)


def test_w5_a_rebuild_on_the_same_old_base_is_the_same_fact() -> None:
    one, rebuilt = verdict(), verdict(digest=digest("rebuilt"))
    assert fact(report(one), one) == fact(report(rebuilt), rebuilt)


def test_a_tag_that_is_gone_is_told_once_as_well() -> None:
    gone = verdict(reason=values.RETAGGED_AWAY, now_digest=None)
    assert "base-retagged-away" in fact(report(gone), gone)


def test_what_moved_below_the_base_makes_the_fact() -> None:
    below = Verdict("stale", "layers", AMD64, now_digest=digest("parent"))
    one = verdict(reason=values.UPSTREAM, ancestors=(below,))
    assert str(digest("parent")) in fact(report(one), one)


def test_what_moved_beside_the_base_makes_the_fact() -> None:
    stage = BuildInput(BaseName.parse("golang:1"), AMD64, "stage", "stale", digest("stage"))
    one = verdict(then_digest=digest("same"), now_digest=digest("same"), build_inputs=(stage,))
    assert str(digest("stage")) in fact(report(one), one)


def test_each_receiver_gets_a_notice_of_each_stale_platform() -> None:
    made = notices(report(verdict(), verdict("fresh", "same-base", ARM64)), (HOOK, REPO), AT)
    assert [one.receiver for one in made] == [HOOK.key, REPO.key]
    assert len({one.id for one in made}) == 2


def test_the_same_fact_has_the_same_id_from_every_machine_and_run() -> None:
    first = notices(report(verdict()), (HOOK,), AT)
    later = notices(report(verdict(detail="said otherwise")), (HOOK,), AT + 3600)
    assert [one.id for one in first] == [one.id for one in later]


def test_a_notice_that_is_in_the_outbox_is_not_put_there_again() -> None:
    (one,) = notices(report(verdict()), (HOOK,), AT)
    with Observations(":memory:") as observed:
        assert observed.announce(one.id, one.receiver, one.fact, one.body, AT)
        assert not observed.announce(one.id, one.receiver, one.fact, one.body, AT + 1)
        assert len(observed.due(AT + 2, receiver=HOOK.key)) == 1
        assert observed.due(AT + 2, receiver=REPO.key) == []
        assert (observed.waiting(HOOK.key), observed.waiting(REPO.key)) == (1, 0)


# --- bodies ----------------------------------------------------------------------------------------------


def test_a_webhooks_body_has_type_timestamp_and_data() -> None:
    (one,) = notices(report(verdict()), (HOOK,), AT)
    body = json.loads(one.body)
    assert (body["type"], body["timestamp"]) == ("image.stale", "2023-11-14T22:13:20.000Z")
    assert body["data"] == {
        "subject": "ghcr.io/owner/app:1",
        "digest": str(digest("index")),
        "platform": "linux/amd64",
        "platformDigest": str(digest("app")),
        "reason": "layers",
        "detail": "the base got a layer",
        "base": "docker.io/library/debian:12",
        "then": str(digest("then")),
        "now": str(digest("now")),
        "state": "stale",
    }


def test_a_dispatch_has_no_more_fields_than_github_takes() -> None:
    (one,) = notices(report(verdict()), (REPO,), AT)
    body = json.loads(one.body)
    assert body["event_type"] == "image-stale"
    assert len(body["client_payload"]) <= 10
    assert body["client_payload"]["id"] == one.id


def test_a_long_detail_is_cut() -> None:
    (one,) = notices(report(verdict(detail="x" * 100_000)), (REPO,), AT)
    assert len(one.body) < 4096


# --- requests --------------------------------------------------------------------------------------------


def test_each_try_is_signed_with_its_own_time() -> None:
    secrets = Secrets.parse(SECRET, "test")
    first = headers(HOOK, "msg_1", b"{}", AT, secrets=secrets)
    again = headers(HOOK, "msg_1", b"{}", AT + 60, secrets=secrets)
    assert first["webhook-id"] == again["webhook-id"] == "msg_1"
    assert first["webhook-timestamp"] == "1700000000"
    assert first["webhook-signature"] != again["webhook-signature"]


def test_github_gets_its_token_and_no_signature() -> None:
    made = headers(REPO, "msg_1", b"{}", AT, token="ghs_x")
    assert made["authorization"] == "Bearer ghs_x"
    assert made["accept"] == "application/vnd.github+json"
    assert not any(name.startswith("webhook-") for name in made)


def test_nothing_goes_out_unsigned_or_without_a_token() -> None:
    with pytest.raises(InputError, match="secret"):
        headers(HOOK, "msg_1", b"{}", AT)
    with pytest.raises(InputError, match="token"):
        headers(REPO, "msg_1", b"{}", AT)


# --- what an answer means ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(status: int) -> None:
    assert fate(status, 0, AT).state == "delivered"


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 422])
def test_a_refusal_is_final(status: int) -> None:
    assert fate(status, 0, AT).state == "gave-up"


@pytest.mark.parametrize("status", [0, 301, 307, 401, 403, 408, 425, 429, 500, 502, 503, 504])
def test_what_time_or_a_right_secret_heals_is_tried_again(status: int) -> None:
    assert fate(status, 0, AT).state == "later"


def test_retry_after_is_obeyed() -> None:
    assert fate(429, 0, AT, 3600.0).due == AT + 3600.0
    assert fate(503, 0, AT).due == AT


def test_in_the_end_it_is_given_up() -> None:
    assert fate(500, TRIES_LIMIT - 2, AT).state == "later"
    assert fate(500, TRIES_LIMIT - 1, AT).state == "gave-up"
