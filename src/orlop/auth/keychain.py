"""Where credentials are looked for, in order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.auth.credential import Credential, CredentialSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orlop.model.reference import RegistryHost, Repository
    from orlop.runtime import Runtime


class ExplicitSource(CredentialSource):
    """One credential for one registry, and for no other: an argument, or what the environment gave to a command."""

    def __init__(self, host: RegistryHost, credential: Credential) -> None:
        self._host, self._credential = host, credential

    async def find(
        self,
        repository: Repository | None,  # noqa: ARG002  # the same for all of the host
        host: RegistryHost,
    ) -> Credential | None:
        """See CredentialSource."""
        return self._credential if host == self._host else None


class LazySource(CredentialSource):
    """A source that is made when it is first asked, since most commands on public content never ask."""

    def __init__(self, make: Callable[[], CredentialSource]) -> None:
        self._make = make
        self._source: CredentialSource | None = None

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource."""
        return await self._made().find(repository, host)

    async def find_on(self, runtime: Runtime, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource."""
        return await self._made().find_on(runtime, repository, host)

    def forget(self, host: RegistryHost) -> None:
        """See CredentialSource."""
        if self._source is not None:
            self._source.forget(host)

    def _made(self) -> CredentialSource:
        if self._source is None:
            self._source = self._make()
        return self._source


class Chain(CredentialSource):
    """The first credential of several sources."""

    def __init__(self, sources: Iterable[CredentialSource]) -> None:
        self._sources = tuple(sources)

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource."""
        for source in self._sources:
            found = await source.find(repository, host)
            if found is not None:
                return found
        return None

    async def find_on(self, runtime: Runtime, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource."""
        for source in self._sources:
            found = await source.find_on(runtime, repository, host)
            if found is not None:
                return found
        return None

    def forget(self, host: RegistryHost) -> None:
        """See CredentialSource."""
        for source in self._sources:
            source.forget(host)


def default_keychain(
    environ: Mapping[str, str],
    home: str,
    *,
    authfile: str = "",
    warn: Callable[[str], None] | None = None,
    helper_timeout_s: float = 30.0,
) -> CredentialSource:
    """Return the files of Docker and Podman in the order of ``config_files``, then the helpers that clouds' registries have.

    environ, home: of the caller's process. authfile: this file, and nothing else. warn: is told of a helper that is named
    but absent. helper_timeout_s: how long a helper may take. Nothing is read before a registry asks for a sign-in.
    """

    def make() -> Chain:
        from orlop.auth.dockerconfig import ConfigFileSource
        from orlop.auth.vendors.helpers import VendorHelperSource

        sources: list[CredentialSource] = [
            ConfigFileSource(path, namespaces=podman, environ=environ, warn=warn, helper_timeout_s=helper_timeout_s)
            for path, podman in config_files(environ, home, authfile=authfile)
        ]
        if not authfile:
            sources.append(VendorHelperSource(environ, warn=warn, timeout_s=helper_timeout_s))
        return Chain(sources)

    return LazySource(make)


def config_files(environ: Mapping[str, str], home: str, *, authfile: str = "") -> list[tuple[str, bool]]:
    """Return the paths where credentials may stand, and of each whether it is Podman's: its keys may be namespaces.

    A variable that is empty counts as not set. Rules: docker/cli's documentation, containers-auth.json(5).
    """
    if authfile:
        return [(authfile, not is_docker_file(authfile))]
    config_home = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    paths = [(docker_file(environ, home), False)]
    if named := environ.get("REGISTRY_AUTH_FILE"):
        paths.append((named, not is_docker_file(named)))
    if runtime_folder := environ.get("XDG_RUNTIME_DIR"):
        paths.append((os.path.join(runtime_folder, "containers", "auth.json"), True))
    paths.append((os.path.join(config_home, "containers", "auth.json"), True))
    return list(dict.fromkeys(paths))


def docker_file(environ: Mapping[str, str], home: str) -> str:
    """Return the path of Docker's file, where a sign-in is stored unless told otherwise."""
    return os.path.join(environ.get("DOCKER_CONFIG") or os.path.join(home, ".docker"), "config.json")


def is_docker_file(path: str) -> bool:
    """Whether a file is Docker's, by its name."""
    return os.path.basename(path) == "config.json"
