"""Credentials that the environment gives to one command, for the registry that it names and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.auth.credential import Credential, CredentialSource
from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.model.reference import RegistryHost, Repository


class NamedRegistrySource(CredentialSource):
    """The credential of the environment, given to the registry that the command names.

    variables: what it came from, for messages.
    """

    def __init__(self, credential: Credential, variables: str) -> None:
        self._credential, self._variables = credential, variables
        self._host: RegistryHost | None = None

    def name(self, host: RegistryHost) -> None:
        """Note that the command names this registry. Raises InputError when it is the second."""
        if self._host is None:
            self._host = host
        elif self._host != host:
            error = InputError(f"{self._host} and {host}", f"{self._variables} is for one registry")
            error.noun = "a command with one set of credentials"
            raise error.with_hint("run it once for each registry, or sign in with: orlop auth login HOST")

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:  # noqa: ARG002  # the same for all of the host
        """See CredentialSource."""
        return self._credential if host == self._host else None


def environment_source(environ: Mapping[str, str]) -> NamedRegistrySource | None:
    """Return the source for ORLOP_TOKEN, or ORLOP_USERNAME and ORLOP_PASSWORD; without any of them for DREDGE_*.

    An empty variable counts as not set. Raises InputError for half a pair, and for a token that can be none.
    """
    for prefix in ("ORLOP", "DREDGE"):
        token, username, password = (environ.get(f"{prefix}_{part}", "") for part in ("TOKEN", "USERNAME", "PASSWORD"))
        token = token.strip()  # out of a file, with the end of its line
        if token:
            if not (token.isascii() and token.isprintable()) or " " in token:
                error = InputError(f"{prefix}_TOKEN", "its value holds characters that no token has")
                error.noun = "usable"
                raise error
            return NamedRegistrySource(Credential(registry_token=token, source=f"{prefix}_TOKEN"), f"{prefix}_TOKEN")
        if username and password:
            return NamedRegistrySource(
                Credential.from_pair(username, password, f"{prefix}_PASSWORD"), f"{prefix}_PASSWORD"
            )
        if username or password:
            missing, there = ("PASSWORD", "USERNAME") if username else ("USERNAME", "PASSWORD")
            error = InputError(f"{prefix}_{there}", f"{prefix}_{missing} is not set beside it")
            error.noun = "enough to sign in"
            raise error
    return None
