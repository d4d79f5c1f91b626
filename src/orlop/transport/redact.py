"""What may be shown of URLs and headers. Patterns compile when first used: most runs show none."""

from __future__ import annotations

import re

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_HIDDEN = (
    r"((?:^|[?&;])(?:password|refresh_token|access_token|token|client_secret|x-amz-signature|x-amz-credential"
    r"|x-amz-security-token|sig|signature|x-goog-signature|x-goog-credential|_state|se|sp|sv|sr|policy|key-pair-id)=)[^&;]*"
)
_SCHEME = r"\A(basic|bearer)\s"


def redact_url(url: str) -> str:
    """Return the URL with the values of parameters that sign or sign in replaced by ``***``, and without user info."""
    head, mark, query = url.partition("?")
    scheme, sep, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        head = f"{scheme}{sep}***@{authority.rpartition('@')[2]}{slash}{path}"
    return head + mark + re.sub(_HIDDEN, r"\1***", query, flags=re.IGNORECASE) if mark else head


def redact_header(name: str, value: str) -> str:
    """Return what may be shown of a header: of a credential, its scheme only."""
    if name.lower() in _SECRET_HEADERS:
        scheme = re.match(_SCHEME, value, re.IGNORECASE)
        return f"{scheme[1]} ***" if scheme else "***"
    if name.lower() == "location":
        return redact_url(value)
    return value
