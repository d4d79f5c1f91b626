from __future__ import annotations

import pytest

from orlop.protocol.hosts import host_of, is_loopback_url, is_private_host


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Registry.Example:5000/v2/", "registry.example"),
        ("http://[::1]:5000/v2/", "::1"),
        ("https://user:pass@host/x", "host"),
        ("https://host", "host"),
        ("https://host?x=@y", "host"),
        ("https://good.example#@evil.example/", "good.example"),
        ("nonsense", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "a.localhost", "[::1]"])
def test_this_machine(host: str) -> None:
    assert is_loopback_url(f"http://{host}:80/x")


@pytest.mark.parametrize("host", ["127.evil.example", "localhost.example", "128.0.0.1", "1270.0.0.1"])
def test_not_this_machine(host: str) -> None:
    assert not is_loopback_url(f"http://{host}/x")


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0177.0.0.1",
    ],
)
def test_local_networks_in_every_notation(host: str) -> None:
    assert is_private_host(host)


@pytest.mark.parametrize("host", ["mcr.microsoft.com", "8.8.8.8", "2606:4700::1111", "0xford.example", "10.example"])
def test_the_world(host: str) -> None:
    assert not is_private_host(host)
