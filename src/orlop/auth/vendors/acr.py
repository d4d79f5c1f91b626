"""Azure Container Registry: an Entra ID token is exchanged for a refresh token of the registry.

Source: Azure/acr, docs/AAD-OAuth.md. The refresh token then buys access tokens at /oauth2/token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.auth.answer import document_of, read_answer, refresh_token_of
from orlop.auth.realm import form
from orlop.errors import InvalidDocumentError
from orlop.protocol.message import Request

if TYPE_CHECKING:
    from orlop.auth.flow import Ask, Flow
    from orlop.auth.tokens import Token
    from orlop.protocol.message import Response

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_JWT = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\Z", re.ASCII)
_ENTRA_ISSUERS = ("https://sts.windows.net/", "https://login.microsoftonline.", "https://sts.chinacloudapi.cn/")


def exchange(ask: Ask) -> Flow:
    """Exchange an Entra ID token, then ask for the access token as ``oauth_refresh`` does."""
    ask.method = "POST"
    if ask.refresh_token:
        response = yield _refresh(ask, ask.refresh_token)
        if response.status == 200:
            return _token(ask, response, ask.refresh_token)
    entra = ask.credential.registry_token or ask.credential.identity_token
    url = f"{ask.realm.partition('?')[0].removesuffix('/token')}/exchange"
    fields = [("grant_type", "access_token"), ("service", ask.service), ("access_token", entra)]
    tenant = claims(entra).get("tid")
    if isinstance(tenant, str):
        fields.append(("tenant", tenant))
    response = yield Request("POST", url, dict(_FORM), form(fields).encode())
    refresh = refresh_token_of(document_of(response, ask), ask)
    if not refresh:
        raise InvalidDocumentError(f"the answer of {url}", "it holds no refresh_token")
    response = yield _refresh(ask, refresh)
    return _token(ask, response, refresh)


def _refresh(ask: Ask, refresh: str) -> Request:
    fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("service", ask.service),
        ("scope", " ".join(str(scope) for scope in ask.scopes)),
        ("client_id", ask.client_id),
    ]
    return Request("POST", ask.realm, dict(_FORM), form(fields).encode())


def _token(ask: Ask, response: Response, refresh: str) -> Token:
    token = ask.token(read_answer(response, ask))
    token.refresh_token = token.refresh_token or refresh
    return token


def is_entra(token: str) -> bool:
    """Whether the token was issued by Entra ID, as far as its unverified claims say."""
    issuer = claims(token).get("iss")
    return isinstance(issuer, str) and issuer.startswith(_ENTRA_ISSUERS)


def claims(token: str) -> dict[str, object]:
    """Return the claims of a JWT without checking anything; empty when it is no JWT."""
    match = _JWT.match(token) if len(token) <= 65_536 else None
    if match is None:
        return {}
    import binascii
    import json

    text = match[1].replace("-", "+").replace("_", "/")
    try:
        document = json.loads(binascii.a2b_base64(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
