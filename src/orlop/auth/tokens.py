"""What was obtained, kept until shortly before it ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.auth.credential import Credential
    from orlop.model.reference import RegistryHost
    from orlop.protocol.challenge import Scope

DEFAULT_LIFETIME_S = 60.0
"""Distribution's token specification: the lifetime of a token that tells none."""

MAX_LIFETIME_S = 86_400.0
"""A day; a longer promise is not believed, since it would outlive keys and rights."""

TOKENS_LIMIT = 4096
"""How many tokens are kept over all registries; when it is reached, all are dropped and asked for anew."""

_SAME_RESOURCE_LIMIT = 8


class Token:
    """The value of one Authorization header, and what it is good for.

    authorization: ``Bearer ...`` or ``Basic ...``. expires_at: seconds since 1970 by our clock, margin
    taken off. scopes: what was asked for; None when it is good for whatever the identity may do.
    refresh_token: what the token service gave to ask again with, or empty.
    """

    __slots__ = ("authorization", "expires_at", "refresh_token", "scopes")

    def __init__(
        self,
        authorization: str,
        expires_at: float = math.inf,
        scopes: tuple[Scope, ...] | None = None,
        refresh_token: str = "",
    ) -> None:
        self.authorization, self.expires_at = authorization, expires_at
        self.scopes, self.refresh_token = scopes, refresh_token

    def covers(self, wanted: Sequence[Scope]) -> bool:
        """Whether the token is good for all that is wanted: a wider one serves a narrower wish."""
        if self.scopes is None:
            return True
        return all(any(have.covers(want) for have in self.scopes) for want in wanted)

    def __repr__(self) -> str:
        return f"Token({self.authorization.partition(' ')[0]} ***)"


def expiry(now: float, lifetime_s: float) -> float:
    """Return until when a token may be used that was asked for at ``now``.

    A tenth of the lifetime, 30 s at most, is left unused: the request still has to get there.
    ``issued_at`` is left aside, for it is the other side's clock; a token that ends early is asked for again on 401.
    """
    lifetime_s = min(lifetime_s, MAX_LIFETIME_S)
    return now + lifetime_s - min(30.0, lifetime_s / 10)


class TokenCache:
    """Tokens by registry, identity and scope."""

    __slots__ = ("_by_identity", "_count")

    def __init__(self) -> None:
        # Innermost key: type and name of a scope; None for tokens that are good for anything, or have no scope.
        self._by_identity: dict[tuple[RegistryHost, Credential], dict[tuple[str, str] | None, list[Token]]] = {}
        self._count = 0

    def find(self, host: RegistryHost, who: Credential, wanted: Sequence[Scope], now: float) -> Token | None:
        """Return the newest live token that covers what is wanted."""
        slots = self._by_identity.get((host, who))
        if slots is None:
            return None
        for key in (_key(wanted[0]), None) if wanted else (None,):
            for token in slots.get(key, ()):
                if now < token.expires_at and token.covers(wanted):
                    return token
        return None

    def put(self, host: RegistryHost, who: Credential, token: Token) -> None:
        """Keep the token; more than one of a resource are tried newest first."""
        if self._count >= TOKENS_LIMIT:
            self._by_identity, self._count = {}, 0
        slots = self._by_identity.setdefault((host, who), {})
        for key in {_key(scope) for scope in token.scopes} if token.scopes else {None}:
            # A new list each time: readers hold no lock.
            slots[key] = [token, *slots.get(key, ())][:_SAME_RESOURCE_LIMIT]
            self._count += 1

    def drop(self, host: RegistryHost, who: Credential, authorization: str) -> None:
        """Forget the token that was refused."""
        slots = self._by_identity.get((host, who), {})
        for key, tokens in list(slots.items()):
            kept = [token for token in tokens if token.authorization != authorization]
            if len(kept) != len(tokens):
                slots[key] = kept

    def forget(self, host: RegistryHost) -> None:
        """Forget every token of the registry."""
        for key in [key for key in list(self._by_identity) if key[0] == host]:
            self._by_identity.pop(key, None)


def _key(scope: Scope) -> tuple[str, str]:
    return scope.type, scope.name
