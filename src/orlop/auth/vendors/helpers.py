"""The credential helpers of clouds' registries, used where they are installed even if no config file names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.auth.credential import Credential, CredentialSource
from orlop.auth.helper import DEFAULT_TIMEOUT_S, Helper, HelperAbsentError
from orlop.auth.vendors import ecr, google
from orlop.errors import CredentialError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orlop.model.reference import RegistryHost, Repository
    from orlop.runtime import Runtime

VENDORS: tuple[tuple[Callable[[str], bool], tuple[str, ...]], ...] = (
    (ecr.matches, ecr.HELPERS),
    (google.matches, google.HELPERS),
)
"""(whether a host is one of theirs, the helpers to try in order). A new vendor is a line here."""


def helpers_for(host: str) -> tuple[str, ...]:
    """Return the short names of the helpers that a host's vendor offers; empty for the others."""
    for matches, names in VENDORS:
        if matches(host):
            return names
    return ()


class VendorHelperSource(CredentialSource):
    """What the vendor's helper says, if it is installed.

    Nobody named the helper, so its failure is told through ``warn`` and ends nothing: many images there are public.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        warn: Callable[[str], None] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._environ, self._warn, self._timeout_s = dict(environ), warn, timeout_s
        self._known: dict[str, Credential | None] = {}

    async def find(
        self,
        repository: Repository | None,  # noqa: ARG002  # the same for all of the host
        host: RegistryHost,
    ) -> Credential | None:
        """See CredentialSource; blocks on the helper."""
        return self._find(host.value) if helpers_for(host.value) else None

    async def find_on(
        self,
        runtime: Runtime,
        repository: Repository | None,  # noqa: ARG002  # the same for all of the host
        host: RegistryHost,
    ) -> Credential | None:
        """See CredentialSource."""
        if host.value in self._known or not helpers_for(host.value):
            return self._known.get(host.value)
        return await runtime.run(self._find, host.value)

    def forget(self, host: RegistryHost) -> None:
        """Start the helper again when next asked: its passwords end."""
        self._known.pop(host.value, None)

    def _find(self, host: str) -> Credential | None:
        if host not in self._known:
            self._known[host] = self._ask(host)
        return self._known[host]

    def _ask(self, host: str) -> Credential | None:
        for name in helpers_for(host):
            helper = Helper(name, environ=self._environ, timeout_s=self._timeout_s)
            try:
                return helper.get(host)
            except HelperAbsentError:
                continue
            except CredentialError as error:
                if self._warn is not None:
                    self._warn(str(error))
                return None
        return None
