"""Every way to sign in, from orlop's own client, through real sockets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from orlop.auth.credential import ANONYMOUS, Credential, CredentialSource
from orlop.errors import AccessError, RateLimitedError, UnauthenticatedError
from orlop.sync import Client
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer
from orlop.testing.profiles import Profile, profile
from orlop.testing.tokenservice import ZERO_USER, Clock
from orlop.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from orlop.model.reference import RegistryHost, Repository

IMAGE = image([layer({"a": b"layer"})])
BLOB = IMAGE.blobs[1]
PAT = "ghp_Secret123"
USERS = {"mary": PAT}
PRIVATE = ["team/*"]


class Known(CredentialSource):
    def __init__(self, credential: Credential = ANONYMOUS) -> None:
        self._credential = credential

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        return self._credential


def fill(p: Profile) -> None:
    push_now(IMAGE, p.registry, "library/app", tags=["1"])
    push_now(IMAGE, p.registry, "team/app", tags=["1"])


def read_all(p: Profile, credential: Credential, repository: str) -> None:
    with Client(credentials=Known(credential)) as client:
        reference = f"{p.host}/{repository}:1"
        assert client.manifest(reference).raw == IMAGE.raw
        assert [str(tag) for tag in client.tags(f"{p.host}/{repository}")] == ["1"]
        assert client.read_blob(f"{p.host}/{repository}@{BLOB.descriptor.digest}") == BLOB.data


@pytest.mark.parametrize("name", ["mcr", "hub", "ghcr", "quay", "gitlab", "harbor", "google"])
def test_public_content_is_read_by_anybody(name: str) -> None:
    with profile(name, private=PRIVATE) as p:
        fill(p)
        read_all(p, ANONYMOUS, "library/app")


PAIR = Credential(username="mary", password=PAT)


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "gitlab", "harbor", "google", "basic", "nexus", "ecr"])
def test_private_content_is_read_with_user_and_password(name: str) -> None:
    with profile(name, users=USERS, private=PRIVATE) as p:
        fill(p)
        read_all(p, PAIR, "team/app")


def test_ghcr_is_shown_the_pat_itself() -> None:
    with profile("ghcr", users=USERS, private=PRIVATE) as p:
        fill(p)
        read_all(p, Credential(registry_token=PAT), "team/app")
        assert p.token_requests == []


def test_acr_exchanges_an_entra_token_once() -> None:
    with profile("acr", users=USERS) as p:
        fill(p)
        read_all(p, Credential(identity_token=p.tokens.entra_token("mary")), "team/app")
        assert Counter(seen.path for seen in p.token_requests)["/oauth2/exchange"] == 1


@pytest.mark.parametrize("name", ["hub", "acr"])
def test_an_identity_token_buys_tokens(name: str) -> None:
    with profile(name, users=USERS, private=PRIVATE) as p:
        fill(p)
        read_all(p, Credential(username=ZERO_USER, identity_token=p.tokens.refresh_token("mary")), "team/app")
        assert {seen.method for seen in p.token_requests} == {"POST"}


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "gitlab", "harbor", "basic", "ecr"])
def test_a_wrong_password_is_an_access_error(name: str) -> None:
    with profile(name, users=USERS, private=PRIVATE) as p:
        fill(p)
        with Client(credentials=Known(Credential(username="mary", password="guess"))) as client:
            with pytest.raises(AccessError) as caught:
                client.manifest(f"{p.host}/team/app:1")
            assert "guess" not in f"{caught.value} {caught.value.hint} {caught.value!r}"


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "basic"])
def test_private_content_is_not_for_strangers(name: str) -> None:
    with profile(name, private=PRIVATE) as p:
        fill(p)
        with Client(credentials=Known()) as client, pytest.raises(AccessError):
            client.manifest(f"{p.host}/team/app:1")


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "harbor"])
def test_one_token_serves_one_repository(name: str) -> None:
    with profile(name, users=USERS) as p:
        fill(p)
        with Client(credentials=Known(PAIR)) as client:
            for _ in range(5):
                client.manifest(f"{p.host}/team/app:1")
        assert p.tokens.issued == 1


@pytest.mark.parametrize("name", ["hub", "ghcr", "acr", "quay", "harbor"])
def test_a_token_that_ended_early_is_replaced_once(name: str) -> None:
    clock = Clock()
    with profile(name, users=USERS, private=PRIVATE, clock=clock) as p:
        fill(p)
        with Client(credentials=Known(PAIR)) as client:
            client.manifest(f"{p.host}/team/app:1")
            clock.advance(100_000)
            client.manifest(f"{p.host}/team/app:1")
        assert p.tokens.issued == 2


def test_the_storage_never_sees_an_authorization() -> None:
    with profile("hub", users=USERS, private=PRIVATE) as p:
        fill(p)
        read_all(p, PAIR, "team/app")
        assert p.blob_requests
        assert all("authorization" not in one.headers for one in p.blob_requests)


def test_many_at_once_ask_for_one_token() -> None:
    with profile("hub", users=USERS, private=PRIVATE, pulls=1000) as p:
        fill(p)
        with Client(credentials=Known(PAIR)) as client:
            items = list(client.many([f"{p.host}/team/app:1"] * 50))
        assert [item.error for item in items] == [None] * 50
        assert p.tokens.issued == 1


def test_hubs_rate_limit_is_its_own_error() -> None:
    with profile("hub", pulls=0) as p:
        fill(p)
        once = RetryPolicy(tries=1)
        with Client(credentials=Known(), retry=once) as client, pytest.raises(RateLimitedError):
            client.manifest(f"{p.host}/library/app:1")


def test_acr_lists_its_catalog() -> None:
    with profile("acr", users=USERS) as p:
        fill(p)
        with Client(credentials=Known(PAIR)) as client:
            assert [str(name) for name in client.catalog(p.host)] == ["library/app", "team/app"]


def test_hub_has_no_catalog() -> None:
    with profile("hub", users=USERS) as p:
        fill(p)
        with Client(credentials=Known(PAIR)) as client, pytest.raises(UnauthenticatedError):
            list(client.catalog(p.host))
