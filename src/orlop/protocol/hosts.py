"""What a host in a URL is: this machine, a local network, or the world."""

from __future__ import annotations

import re
from functools import lru_cache

_AUTHORITY = re.compile(
    r"\A[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)(?::[0-9]*)?(?:[/?#]|\Z)", re.IGNORECASE
)
_V4 = re.compile(r"\A(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\Z", re.ASCII)


@lru_cache(maxsize=1024)
def _host(authority: str) -> str:
    found = _AUTHORITY.match(authority)
    return found[1].strip("[]").lower().rstrip(".") if found else ""


def host_of(url: str) -> str:
    """Return the host of an absolute URL in lower case, without brackets and port; empty when there is none."""
    # Cut before the path, so that the cache holds hosts and not every URL.
    end = url.find("/", url.find("://") + 3)
    return _host(url if end < 0 else url[:end])


@lru_cache(maxsize=1024)
def is_loopback_host(host: str) -> bool:
    """Whether the host is this machine by name or address (127.0.0.0/8, ::1, ``localhost`` and names below it)."""
    if host in {"localhost", "::1", "0:0:0:0:0:0:0:1"} or host.endswith(".localhost"):
        return True
    found = _V4.match(host)
    return found is not None and found[1] == "127"


@lru_cache(maxsize=1024)
def is_private_host(host: str) -> bool:
    """Whether the host is, by its text, loopback, link-local, unspecified or of a private network.

    A name is not resolved: what it means is the resolver's word, and may change between two look-ups.
    """
    if is_loopback_host(host):
        return True
    if not host or (":" not in host and not host.replace(".", "").isdigit()):
        # Numbers in other notations (0x7f.1, 2130706433) reach the same addresses, so only plain names pass as public.
        return bool(re.fullmatch(r"(0x[0-9a-f]+|[0-9]+)(\.(0x[0-9a-f]+|[0-9]+))*", host))
    import ipaddress

    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global


def is_loopback_url(url: str) -> bool:
    """Whether the URL leads to this machine."""
    return is_loopback_host(host_of(url))
