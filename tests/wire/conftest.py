"""What the tests over real sockets share: clients that wait for nothing and ask nobody for credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orlop import Client, HostOptions, RetryPolicy
from orlop.auth.keychain import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = RetryPolicy(tries=4, base_s=0.0, longest_s=0.0)


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(**options: Any) -> Client:
        options.setdefault("credentials", Chain([]))
        options.setdefault("retry", QUICK)
        made.append(Client(**options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def hasty(make_client: Callable[..., Client]) -> Client:
    """A client that gives up quickly on a server that says nothing."""
    return make_client(defaults=HostOptions(timeout_s=0.3, connect_timeout_s=0.3, total_timeout_s=1.0))
