"""Every way to sign in, through real sockets, at registries that behave as the well-known ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop import Client, RetryPolicy
from orlop.auth.credential import ACR_TOKEN_USER, TOKEN_USER, Credential
from orlop.auth.keychain import Chain, ExplicitSource
from orlop.errors import AccessError, OrlopError
from orlop.model.reference import RegistryHost
from orlop.testing.builders import image, push_now
from orlop.testing.profiles import Profile, profile

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = {"mary": "hunter2"}
PAIR = Credential("mary", "hunter2")


def run(at: Profile, credential: Credential | None, repository: str) -> None:
    """Push an image past the gate, then read it, its tags and its config as the credential."""
    push_now(image([]), at.registry, repository, tags=["1"])
    sources = [ExplicitSource(RegistryHost(at.host), credential)] if credential else []
    with Client(credentials=Chain(sources), retry=RetryPolicy(tries=1)) as client:
        reference = f"{at.host}/{repository}:1"
        assert client.manifest(reference).digest == client.resolve(reference).reference.digest
        assert [str(tag) for tag in client.tags(f"{at.host}/{repository}")] == ["1"]
        assert client.config(reference).architecture


@pytest.mark.parametrize(
    ("name", "methods"),
    [("mcr", []), ("hub", ["GET"]), ("ghcr", ["GET"]), ("quay", ["GET"]), ("gitlab", ["GET"]), ("harbor", ["GET"])],
)
def test_public_content_is_read_by_nobody(name: str, methods: list[str]) -> None:
    with profile(name) as at:
        run(at, None, "open/app")
        assert [seen.method for seen in at.token_requests] == methods


@pytest.mark.parametrize(
    ("name", "credential", "methods"),
    [
        ("hub", lambda _: PAIR, ["POST"]),
        ("hub", lambda at: Credential.from_pair(TOKEN_USER, at.tokens.refresh_token("mary")), ["POST"]),
        ("ghcr", lambda _: PAIR, ["GET"]),
        ("ghcr", lambda _: Credential(password="hunter2"), []),
        ("ghcr", lambda _: Credential(registry_token="hunter2"), []),
        ("acr", lambda _: PAIR, ["GET"]),
        ("acr", lambda at: Credential.from_pair(ACR_TOKEN_USER, at.tokens.refresh_token("mary")), ["POST"]),
        ("acr", lambda at: Credential(registry_token=at.tokens.entra_token("mary")), ["POST", "POST"]),
        ("quay", lambda _: PAIR, ["GET"]),
        ("gitlab", lambda _: PAIR, ["GET"]),
        ("harbor", lambda _: PAIR, ["GET"]),
        ("google", lambda _: PAIR, ["GET"]),
        ("basic", lambda _: PAIR, []),
        ("nexus", lambda _: PAIR, []),
        ("ecr", lambda _: PAIR, []),
    ],
)
def test_private_content_is_read_after_signing_in_once(
    name: str, credential: Callable[[Profile], Credential], methods: list[str]
) -> None:
    with profile(name, users=USERS, private=["team/*"]) as at:
        run(at, credential(at), "team/app")
        assert [seen.method for seen in at.token_requests] == methods


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "gitlab", "harbor", "google", "basic", "nexus", "ecr"])
@pytest.mark.parametrize(
    "credential", [None, Credential("mary", "wrong-secret"), Credential(registry_token="wrong-secret")]
)
def test_the_wrong_ones_are_refused_with_advice(name: str, credential: Credential | None) -> None:
    with profile(name, users=USERS, private=["team/*"]) as at, pytest.raises(AccessError) as caught:
        run(at, credential, "team/app")
    assert caught.value.hint is not None
    assert "wrong-secret" not in f"{caught.value} {caught.value.hint}"


def test_a_revoked_token_is_replaced_in_the_middle() -> None:
    with profile("hub", users=USERS) as at:
        push_now(image([]), at.registry, "open/app", tags=["1"])
        with Client(credentials=Chain([]), retry=RetryPolicy(tries=1)) as client:
            client.manifest(f"{at.host}/open/app:1")
            at.tokens.revoke_all()
            client.manifest(f"{at.host}/open/app:1")
        assert len(at.token_requests) == 2


def test_many_readers_ask_for_one_token() -> None:
    with profile("hub") as at:
        push_now(image([]), at.registry, "open/app", tags=["1"])
        with Client(credentials=Chain([]), retry=RetryPolicy(tries=1)) as client:
            references = [f"{at.host}/open/app:1"] * 64
            errors = [item.error for item in client.many(references) if isinstance(item.error, OrlopError)]
        assert errors == []
        assert len(at.token_requests) == 1
