"""Where a token may be asked for: the rules for the ``realm`` of a challenge.

A registry names its token service freely, so a hostile one could lead credentials, or just a request,
to a place of its choice: into this machine, this network, or a cloud's metadata service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Iterable

_URL = re.compile(
    r"(?P<scheme>https?)://(?:(?P<user>[^/?#@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?\Z",
    re.ASCII | re.IGNORECASE,
)
_PRINTABLE = re.compile(r"[!-~]+\Z", re.ASCII)
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}\Z", re.ASCII)
# inet_aton also takes 127.1, 0x7f000001 and 2130706433, which no public service is called.
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?\Z", re.ASCII | re.IGNORECASE)
_INNER_SUFFIXES = (".local", ".localdomain", ".internal", ".lan", ".intranet", ".home.arpa")

_PUBLIC, _PRIVATE, _LOOPBACK, _LINK_LOCAL = "public", "private", "loopback", "link-local"


def realm_url(realm: str, base_url: str, *, secret: bool) -> str:
    """Return the realm as a URL to ask for a token at, without its fragment.

    realm: as the challenge gives it. base_url: where the registry was asked. secret: whether credentials
    go along. Raises CredentialError where the realm is no URL, or may not be asked.
    """
    parts = _URL.match(realm) if len(realm) <= 4096 and _PRINTABLE.match(realm) else None
    registry = _URL.match(base_url)
    where = registry["host"] if registry else base_url[:120]
    if parts is None:
        raise CredentialError(where, f"the realm of its challenge is not an http(s) URL: {_shown(realm)}")
    if parts["user"] is not None:
        raise CredentialError(where, "the realm of its challenge holds a user name")
    host = parts["host"].lower()
    own = registry["host"].lower() if registry else ""
    _check_place(where, host, own)
    plain_registry = registry is not None and registry["scheme"].lower() == "http"
    if secret and parts["scheme"].lower() == "http" and not plain_registry and place_of(host) != _LOOPBACK:
        raise CredentialError(where, f"its token service {host} is not https; credentials were not sent").with_hint(
            "only a registry that is itself plain HTTP may name a token service that is"
        )
    return realm.partition("#")[0]


def _check_place(where: str, host: str, own: str) -> None:
    """Refuse a token service that is further inside the network than the registry."""
    if host == own:
        return
    place, registry_place = place_of(host), place_of(own)
    if registry_place == _LOOPBACK or place == _PUBLIC:
        refused = place == _LINK_LOCAL
    else:
        refused = registry_place == _PUBLIC or place == _LINK_LOCAL
    if refused:
        raise CredentialError(
            where, f"its token service {host} is at a {place} address, where a {registry_place} registry may not lead"
        )


def place_of(host: str) -> str:
    """Return "public", "private", "loopback" or "link-local", as far as the name alone tells.

    host: a name or an address, IPv6 in brackets. A name of one label is private: only an inner network knows it.
    """
    host = host.lower().rstrip(".")
    if host.startswith("["):
        return _place_of_ipv6(host[1:-1])
    if _IPV4.match(host):
        return _place_of_ipv4(host)
    if _NUMERIC.match(host) or host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    if "." not in host or host.endswith(_INNER_SUFFIXES):
        return _PRIVATE
    return _PUBLIC


def _place_of_ipv4(text: str) -> str:
    a, b, c, d = (int(part) for part in text.split("."))
    if max(a, b, c, d) > 255 or any(len(part) > 1 and part[0] == "0" for part in text.split(".")):
        return _LOOPBACK  # no address as written; resolvers that read octal make anything of it
    if a in {0, 127}:
        return _LOOPBACK
    if (a, b) == (169, 254):
        return _LINK_LOCAL
    # RFC 1918, RFC 6598 (shared), multicast and reserved.
    inner = a == 10 or (a, b) == (192, 168) or (a == 172 and 16 <= b < 32) or (a == 100 and 64 <= b < 128)
    return _PRIVATE if inner or a >= 224 else _PUBLIC


def _place_of_ipv6(text: str) -> str:
    import ipaddress  # 5 ms, for the rare literal

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return _LOOPBACK
    # IPv4 inside IPv6: mapped, translated by NAT64 (RFC 6052), 6to4.
    if address.ipv4_mapped is not None:
        return _place_of_ipv4(str(address.ipv4_mapped))
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return _place_of_ipv4(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    if address.sixtofour is not None:
        return _place_of_ipv4(str(address.sixtofour))
    if address.is_loopback or address.is_unspecified:
        return _LOOPBACK
    if address.is_link_local:
        return _LINK_LOCAL
    return _PUBLIC if address.is_global else _PRIVATE


def with_query(url: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return the URL with the fields added to its query, in order, a name as often as it is given."""
    query = form(fields)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def form(fields: Iterable[tuple[str, str]]) -> str:
    """Return the fields as application/x-www-form-urlencoded."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)


_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _quoted(text: str) -> str:
    # urllib.parse would cost 9 ms of start-up for this line.
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")
