"""Announcements over real sockets: signed, once, retried, left to the next run by a kill, and without a secret in any text."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from orlop import AsyncClient, Client
from orlop.errors import InputError
from orlop.freshness.announce import Receiver, Secrets
from orlop.freshness.observed import Observations
from orlop.model.annotations import BASE_DIGEST, BASE_NAME
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer
from orlop.testing.scripted import Drop, Scripted, Stall, Step, answer, redirect, scripted, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orlop.testing import Registry
    from orlop.testing.sockets import Seen

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SECRETS = Secrets.parse(SECRET, "the test")
PATH = "/hooks/secret-path"
HOOK = PATH + "?token=secret-query"
DISPATCHES = "/repos/owner/app/dispatches"


@pytest.fixture
def stale(registry: Registry) -> str:
    """An image on a base that has moved since."""
    below = layer({"base": b"old"}, compression="gzip")
    base = image([below], platform="linux/amd64")
    push_now(base, registry, "team/base", tags=["1"])
    notes = {BASE_NAME: f"{registry.host}/team/base:1", BASE_DIGEST: base.digest.value}
    app = image([below, layer({"app": b"app"}, compression="gzip")], platform="linux/amd64", annotations=notes)
    push_now(app, registry, "team/app", tags=["1"])
    push_now(
        image([layer({"base": b"new"}, compression="gzip")], platform="linux/amd64"), registry, "team/base", tags=["1"]
    )
    return f"{registry.host}/team/app:1"


@pytest.fixture
def observed(tmp_path: Path) -> Iterator[Observations]:
    with Observations(str(tmp_path / "observations.db")) as opened:
        yield opened


def posts(server: Scripted) -> list[Seen]:
    return [seen for seen in server.requests if seen.method == "POST"]


def hook(server: Scripted) -> Receiver:
    return Receiver.webhook(server.url + HOOK)


def verified(seen: Seen) -> dict[str, Any]:
    """Check the signature as a receiver does, and return the body."""
    fields = seen.headers
    signature = SECRETS.sign(fields["webhook-id"], int(fields["webhook-timestamp"]), seen.body)
    assert signature in fields["webhook-signature"].split(" ")
    body: dict[str, Any] = json.loads(seen.body)
    return body


# --- delivery ----------------------------------------------------------------------------------------------


def test_a_stale_image_is_told_once_however_often_it_is_checked(
    client: Client, stale: str, observed: Observations
) -> None:
    with scripted([Step("POST", HOOK, answer(204))]) as server:
        for _ in range(3):
            client.check(stale, observed=observed, receivers=[hook(server)])
            client.deliver(observed, [hook(server)], secrets=SECRETS)
        (seen,) = posts(server)
        said = verified(seen)
        assert (said["type"], said["data"]["subject"], said["data"]["platform"]) == (
            "image.stale",
            stale,
            "linux/amd64",
        )
        assert seen.headers["content-type"] == "application/json"
        assert seen.headers.get("authorization") is None


def test_verdict_and_announcement_are_written_together(client: Client, stale: str, observed: Observations) -> None:
    writings: list[bool] = []
    original = observed.writing

    def counting() -> Any:
        writings.append(observed._db.in_transaction)
        return original()

    observed.writing = counting  # type: ignore[method-assign]
    client.check(stale, observed=observed, receivers=[Receiver.webhook("https://hooks.example/")])
    assert writings[0] is False
    assert all(writings[1:]), "the notes of a run are one transaction"
    assert observed.waiting() == 1


def test_a_fresh_image_is_not_told(client: Client, registry: Registry, observed: Observations) -> None:
    one = image([layer({"a": b"a"})], platform="linux/amd64")
    push_now(one, registry, "team/same", tags=["1"])
    client.check(
        f"{registry.host}/team/same:1",
        [f"{registry.host}/team/same:1"],
        observed=observed,
        receivers=[Receiver.webhook("https://hooks.example/")],
    )
    assert observed.waiting() == 0


def test_the_base_moving_on_is_told_again(
    client: Client, registry: Registry, stale: str, observed: Observations
) -> None:
    with scripted([Step("POST", HOOK, answer(200), times=2)]) as server:
        for state in (b"newer", b"newest"):
            push_now(image([layer({"base": state})], platform="linux/amd64"), registry, "team/base", tags=["1"])
            client.check(stale, observed=observed, receivers=[hook(server)])
            client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert len({seen.headers["webhook-id"] for seen in posts(server)}) == 2


def test_many_images_are_told_one_by_one(
    client: Client, registry: Registry, stale: str, observed: Observations
) -> None:
    push_now(image([layer({"other": b"x"})]), registry, "team/other", tags=["1"])
    with scripted([Step("POST", HOOK, answer(200))]) as server:
        images = [stale, f"{registry.host}/team/other:1"]
        list(client.check_many(images, observed=observed, receivers=[hook(server)]))
        assert len(client.deliver(observed, [hook(server)], secrets=SECRETS)) == 1


def test_github_gets_a_repository_dispatch(client: Client, stale: str, observed: Observations) -> None:
    with scripted([Step("POST", DISPATCHES, answer(204))]) as server:
        receiver = Receiver.github("owner/app", server.url)
        client.check(stale, observed=observed, receivers=[receiver])
        (told,) = client.deliver(observed, [receiver], token="ghs_token")
        (seen,) = posts(server)
        assert told.fate.state == "delivered"
        assert seen.headers["authorization"] == "Bearer ghs_token"
        said = json.loads(seen.body)
        assert (said["event_type"], said["client_payload"]["subject"]) == ("image-stale", stale)


def test_two_secrets_sign_while_one_replaces_the_other(client: Client, stale: str, observed: Observations) -> None:
    both = Secrets.parse(f"whsec_{base64.b64encode(b'n' * 24).decode()} {SECRET}", "the test")
    with scripted([Step("POST", HOOK, answer(200))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        client.deliver(observed, [hook(server)], secrets=both)
        verified(posts(server)[0])


def test_the_asynchronous_client_tells_as_well(stale: str, tmp_path: Path) -> None:
    import asyncio

    async def work(receiver: Receiver) -> Any:
        with Observations(str(tmp_path / "o.db")) as observed:
            async with AsyncClient(credentials={}) as client:
                await client.check(stale, observed=observed, receivers=[receiver])
                return await client.deliver(observed, [receiver], secrets=SECRETS)

    with scripted([Step("POST", HOOK, answer(200))]) as server:
        (told,) = asyncio.run(work(hook(server)))
    assert told.fate.state == "delivered"


# --- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_receiver_is_tried_again_with_the_same_id(
    client: Client, stale: str, observed: Observations, status: int
) -> None:
    with scripted([Step("POST", HOOK, answer(status), times=2), Step("POST", HOOK, answer(200))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (told,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert told.fate.state == "delivered"
        assert {seen.headers["webhook-id"] for seen in posts(server)} == {told.id}


def test_a_connection_that_ends_is_tried_again(client: Client, stale: str, observed: Observations) -> None:
    with scripted([Step("POST", HOOK, Drop()), Step("POST", HOOK, answer(200))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (told,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert told.fate.state == "delivered"


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_final_refusal_is_given_up(client: Client, stale: str, observed: Observations, status: int) -> None:
    with scripted([Step("POST", HOOK, answer(status))]) as server:
        for _ in range(2):
            client.check(stale, observed=observed, receivers=[hook(server)])
            client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert observed.waiting() == 0


def test_a_wrong_secret_is_mended_by_a_later_run(client: Client, stale: str, observed: Observations) -> None:
    with scripted([Step("POST", HOOK, answer(401)), Step("POST", HOOK, answer(200))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (first,) = client.deliver(
            observed, [hook(server)], secrets=Secrets.parse(f"whsec_{base64.b64encode(b'n' * 24).decode()}", "x")
        )
        (second,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert (first.fate.state, second.fate.state, first.id) == ("later", "delivered", second.id)


def test_retry_after_puts_off_to_a_later_run(client: Client, stale: str, observed: Observations) -> None:
    with scripted([Step("POST", HOOK, answer(503, headers={"Retry-After": "7200"}))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (told,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert told.fate.state == "later"
        assert client.deliver(observed, [hook(server)], secrets=SECRETS) == []
        (row,) = observed.due(client.runtime.now() + 7300)
        assert row.id == told.id


def test_a_receiver_in_trouble_is_left_alone_until_the_next_run(
    client: Client, registry: Registry, stale: str, observed: Observations
) -> None:
    again = stale.removesuffix(":1") + ":again"
    push_now(image([layer({"base": b"other"})], platform="linux/amd64"), registry, "team/base2", tags=["1"])
    receiver = Receiver.webhook(f"http://127.0.0.1:{unused_port()}/")
    client.check(stale, observed=observed, receivers=[receiver])
    found = client.manifest(stale)
    registry.push("team/app", "again", found.raw, found.media_type)
    client.check(again, observed=observed, receivers=[receiver])
    assert observed.waiting() == 2
    (told,) = client.deliver(observed, [receiver], secrets=SECRETS)
    assert (told.status, told.fate.state) == (0, "later")


def test_one_receiver_in_trouble_stops_no_other(client: Client, stale: str, observed: Observations) -> None:
    down = Receiver.webhook(f"http://127.0.0.1:{unused_port()}/")
    with scripted([Step("POST", HOOK, answer(200))]) as server:
        client.check(stale, observed=observed, receivers=[down, hook(server)])
        told = client.deliver(observed, [down, hook(server)], secrets=SECRETS)
        assert [one.fate.state for one in told] == ["later", "delivered"]


def test_no_redirect_is_followed(client: Client, stale: str, observed: Observations) -> None:
    with scripted([Step("POST", HOOK, redirect("/elsewhere"))]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (told,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert told.fate.state == "later"
        assert "307" in told.fate.reason


def test_an_endless_answer_is_not_read(client: Client, stale: str, observed: Observations) -> None:
    from orlop.testing.scripted import Endless

    with scripted([Step("POST", HOOK, Endless())]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        (told,) = client.deliver(observed, [hook(server)], secrets=SECRETS)
        assert told.fate.state == "delivered"


def test_what_waits_for_others_is_left_to_them(client: Client, stale: str, observed: Observations) -> None:
    client.check(stale, observed=observed, receivers=[Receiver.webhook("https://hooks.example/a")])
    with scripted([]) as server:
        assert client.deliver(observed, [hook(server)], secrets=SECRETS) == []


def test_nothing_is_sent_unsigned(client: Client, stale: str, observed: Observations) -> None:
    with scripted([]) as server:
        client.check(stale, observed=observed, receivers=[hook(server)])
        with pytest.raises(InputError, match="secret"):
            client.deliver(observed, [hook(server)])
    assert observed.waiting() == 1


def test_secrets_are_in_no_error_and_no_trace(
    make_client: Callable[..., Client], stale: str, observed: Observations
) -> None:
    lines: list[str] = []
    client = make_client(trace=lambda exchange: lines.extend(exchange.lines()))
    receiver = Receiver.webhook(f"http://127.0.0.1:{unused_port()}{HOOK}")
    client.check(stale, observed=observed, receivers=[receiver])
    (told,) = client.deliver(observed, [receiver], secrets=SECRETS)
    shown = "\n".join([*lines, repr(told), str(told)])
    assert "POST http://127.0.0.1:" in shown
    assert "secret" not in shown
    assert SECRET[6:] not in shown


# --- a kill ------------------------------------------------------------------------------------------------


def command(stale: str, server: Scripted, home: Path, **options: Any) -> subprocess.Popen[bytes]:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "ORLOP_WEBHOOK_SECRET": SECRET}
    arguments = ["image", "check", stale, "--on-stale", server.url + HOOK, "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "orlop", *arguments], env=environ, stderr=subprocess.PIPE, **options)


def test_a_kill_between_verdict_and_announcement_leaves_it_to_the_next_run(stale: str, tmp_path: Path) -> None:
    stalled = Stall()
    with scripted([Step("POST", HOOK, stalled), Step("POST", HOOK, answer(200))]) as server:
        first = command(stale, server, tmp_path)
        assert stalled.reached.wait(15), first.communicate(timeout=5)
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=5)
        assert first.returncode == -signal.SIGKILL
        with Observations(str(tmp_path / ".local/share/orlop/observations.db")) as observed:
            assert observed.waiting() == 1
            assert observed._db.execute("SELECT count(*) FROM verdicts").fetchone() == (1,)
        for _ in range(2):
            run = command(stale, server, tmp_path)
            _, said = run.communicate(timeout=15)
            assert (run.returncode, said) == (1, b"")
        first_post, second_post = posts(server)
        assert first_post.headers["webhook-id"] == second_post.headers["webhook-id"]
        assert first_post.body == second_post.body
        verified(second_post)


def test_two_processes_at_once_tell_once(stale: str, tmp_path: Path) -> None:
    stalled = Stall(answer(200))
    with scripted([Step("POST", HOOK, stalled)]) as server:
        first = command(stale, server, tmp_path)
        assert stalled.reached.wait(15), first.communicate(timeout=5)
        second = command(stale, server, tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1.5)
        stalled.release()
        for run in (first, second):
            run.communicate(timeout=15)
            assert run.returncode == 1
        assert len(posts(server)) == 1
