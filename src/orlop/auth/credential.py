"""Who we are at a registry, and where that is looked up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orlop.model.reference import RegistryHost, Repository
    from orlop.runtime import Runtime

TOKEN_USER = "<token>"  # noqa: S105  # a marker, not a secret
"""The user name by which a credential helper says that its secret is an identity token."""

ACR_TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105  # likewise
"""The user name under which Azure's tools store a refresh token as the password."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What one identity shows to one registry; all empty is the anonymous identity.

    username, password: for Basic, and for the token service. identity_token: a refresh token of the
    token service. registry_token: a ready Bearer for the registry itself. source: where it was found, for messages.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""
    source: str = ""

    @classmethod
    def from_pair(cls, username: str, secret: str, source: str = "") -> Credential:
        """Return what a user name and a secret mean together.

        Under ``<token>`` (docker-credential-helpers) and under Azure's all-zero user the secret is an identity token.
        """
        if username in {TOKEN_USER, ACR_TOKEN_USER}:
            return cls(username=username, identity_token=secret, source=source)
        return cls(username=username, password=secret, source=source)

    @property
    def anonymous(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.password or self.identity_token or self.registry_token or self.username)

    @property
    def label(self) -> str:
        """How to name this identity in a message: never a secret."""
        if self.anonymous:
            return "no credentials"
        if self.registry_token:
            who = "a ready-made token"
        elif self.identity_token:
            who = "an identity token"
        else:
            who = f"user {self.username!r}" if self.username else "a password without a user"
        return f"{who} from {self.source}" if self.source else who

    def __repr__(self) -> str:
        return f"Credential({self.label})"


ANONYMOUS = Credential()


class CredentialSource(ABC):
    """A place that may know who we are at a registry."""

    @abstractmethod
    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """Return the credential for the repository, or for the host alone; None when there is none here.

        Raises CredentialError when there should be one but it cannot be had, ConfigError for a broken file.
        """

    async def find_on(
        self,
        runtime: Runtime,  # noqa: ARG002  # for those who have blocking work
        repository: Repository | None,
        host: RegistryHost,
    ) -> Credential | None:
        """Return what ``find`` does; blocking work goes through ``runtime.run``.

        The authenticator calls this one. A source that reads files or starts programs overrides it.
        """
        return await self.find(repository, host)

    def forget(self, host: RegistryHost) -> None:  # noqa: B027  # a source without memory has nothing to do
        """Drop what is remembered for the host, since the registry refused it: short-lived passwords end."""
