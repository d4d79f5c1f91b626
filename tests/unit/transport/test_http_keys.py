"""Which requests share a client of the HTTP library."""

from __future__ import annotations

import pytest

from orlop.transport.http import _SUSPENDING, AsyncTransport
from orlop.transport.options import HostOptions


@pytest.mark.parametrize("tail", ["", "/", "/v2/", "?n=1"])
def test_a_host_that_begins_as_this_machine_is_another(tail: str) -> None:
    transport, options = AsyncTransport(), HostOptions()
    for host, local in (
        ("127.0.0.1", True),
        ("localhost", True),
        ("localhosts", False),
        ("127.0.0.1.example.org", False),
    ):
        assert transport._key(f"http://{host}{tail}", options, _SUSPENDING).local is local


def test_equal_options_of_two_hosts_share_a_client() -> None:
    transport = AsyncTransport()
    one = transport._key("https://a.example.org/v2/", HostOptions(), _SUSPENDING)
    other = transport._key("https://b.example.org/v2/", HostOptions(), _SUSPENDING)
    assert one == other
    assert one != transport._key("https://a.example.org/v2/", HostOptions(insecure=True), _SUSPENDING)
