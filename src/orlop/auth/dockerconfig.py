"""Credentials in the files of Docker and Podman.

Rules: docker/cli's ``cli/config``; containers-auth.json(5). ``credHelpers`` goes before ``credsStore`` before ``auths``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orlop.auth import configfile
from orlop.auth.credential import Credential, CredentialSource
from orlop.auth.helper import DEFAULT_TIMEOUT_S, Helper, HelperAbsentError
from orlop.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orlop.model.reference import RegistryHost, Repository
    from orlop.runtime import Runtime

HUB_KEY = "https://index.docker.io/v1/"
"""The key of Docker Hub in Docker's file, and its address for credential helpers."""

_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def normal_key(key: str) -> tuple[str, str]:
    """Return the (host, namespace) that a key of a config file stands for.

    ``host``, ``host:port``, a URL (whose path says nothing), or, for Podman, ``host/namespace``.
    """
    text = key.strip()
    bare = text.removeprefix("https://").removeprefix("http://")
    host, _, path = bare.partition("/")
    path = path.strip("/")
    if bare != text or path in {"v1", "v2"}:
        path = ""
    host = host.lower()
    return ("docker.io" if host in _HUB_HOSTS else host), path


class Keys:
    """The keys of ``auths`` or ``credHelpers``, findable by what they stand for."""

    __slots__ = ("_by_host", "_by_name")

    def __init__(self, keys: Mapping[str, object]) -> None:
        self._by_name: dict[str, str] = {}
        self._by_host: dict[str, str] = {}
        for key in keys:
            host, path = normal_key(key)
            name = f"{host}/{path}" if path else host
            if name not in self._by_name or key == name:  # the plain spelling goes before the URL of the same host
                self._by_name[name] = key
            self._by_host.setdefault(host, key)

    def find(self, host: str, repository: str, *, any_path: bool) -> str | None:
        """Return the key of the longest namespace that holds the repository, else of the host.

        repository: its path under the host, or empty. any_path: whether a key of another path of the host will do,
        for Docker looks at the host alone.
        """
        for name in _names(host, repository):
            key = self._by_name.get(name)
            if key is not None:
                return key
        return self._by_host.get(host) if any_path else None


def _names(host: str, repository: str) -> Iterator[str]:
    name = f"{host}/{repository}" if repository else host
    while name != host:
        yield name
        name = name.rpartition("/")[0]
    yield host


def credential_of(entry: object, key: str, path: str) -> Credential | None:
    """Return the credential of one entry of ``auths``; None for an empty one. Raises ConfigError.

    ``auth`` (base64 of user:password) goes before ``username`` and ``password``.
    """
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise ConfigError(path, f"its entry for {key} is not an object")
    username, password, auth, identity, registry = (
        configfile.text_of(entry, name, path)
        for name in ("username", "password", "auth", "identitytoken", "registrytoken")
    )
    if auth:
        username, password = _pair(auth, key, path)
    if registry:
        return Credential(registry_token=registry, source=path)
    if identity:
        return Credential(username=username, identity_token=identity, source=path)
    if not password:
        return None
    return Credential.from_pair(username, password, path)


def _pair(auth: str, key: str, path: str) -> tuple[str, str]:
    import binascii

    try:
        text = binascii.a2b_base64(auth.strip() + "=" * (-len(auth.strip()) % 4), strict_mode=True).decode()
    except ValueError:
        text = ""
    username, colon, password = text.partition(":")
    if not colon:
        raise ConfigError(path, f"the auth of its entry for {key} is not base64 of user:password") from None
    return username, password.rstrip("\0")  # docker/cli strips them; old versions padded with NUL


class Place(NamedTuple):
    """Where a file says that a credential is: a helper and the addresses to ask it for, else the entry of a key."""

    helper: str
    addresses: tuple[str, ...]
    key: str | None


class ConfigFile:
    """One parsed file. namespaces: whether keys with a path are for that path alone, as Podman has it."""

    def __init__(self, path: str, document: Mapping[str, object], *, namespaces: bool) -> None:
        self.path, self._namespaces = path, namespaces
        self.auths = configfile.section(document, "auths", path)
        self.helpers = configfile.section(document, "credHelpers", path)
        self.store = configfile.text_of(document, "credsStore", path)
        self._auth_keys, self._helper_keys = Keys(self.auths), Keys(self.helpers)

    def place(self, host: str, repository: str = "") -> Place:
        """Return where to look for the credential of the host, or of the repository (its path under the host)."""
        any_path = not self._namespaces
        key = self._auth_keys.find(host, repository, any_path=any_path)
        helper_key = self._helper_keys.find(host, repository, any_path=any_path)
        helper = self.store
        if helper_key is not None:
            helper = configfile.text_of(self.helpers, helper_key, self.path)  # empty: the file itself, for this host
        plain = HUB_KEY if host == "docker.io" else host
        # ``docker login`` leaves an empty entry under the address that it gave to the helper.
        addresses = (key, plain) if key is not None and key != plain and normal_key(key)[1] == "" else (plain,)
        return Place(helper, addresses, key)

    def entry(self, key: str | None) -> Credential | None:
        """Return the credential that stands in the file under the key."""
        return None if key is None else credential_of(self.auths.get(key), key, self.path)


class ConfigFileSource(CredentialSource):
    """The credentials of one file, read when first asked, and of the helpers that it names.

    namespaces: as of ConfigFile. environ: of the helpers, and where they are looked for. warn: told once, in a
    sentence, of each helper that is named but absent.
    """

    def __init__(
        self,
        path: str,
        *,
        namespaces: bool = False,
        environ: Mapping[str, str] | None = None,
        warn: Callable[[str], None] | None = None,
        helper_timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._path, self._namespaces, self._environ = path, namespaces, dict(environ or {})
        self._warn, self._timeout_s = warn, helper_timeout_s
        self._file: ConfigFile | None = None
        self._helpers: dict[str, Helper] = {}
        self._absent: set[str] = set()

    async def find(self, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource; blocks on the file and the helper."""
        return self._find(*self._names(repository, host))

    async def find_on(self, runtime: Runtime, repository: Repository | None, host: RegistryHost) -> Credential | None:
        """See CredentialSource."""
        host_text, path = self._names(repository, host)
        file = self._file
        if file is not None and self._ready(file.place(host_text, path)):
            return self._find(host_text, path)  # in memory: no thread is needed
        return await runtime.run(self._find, host_text, path)

    def forget(self, host: RegistryHost) -> None:  # noqa: ARG002  # the file is read again as a whole
        """Read the file, and ask the helpers, again when next asked."""
        self._file = None
        self._helpers = {}

    def _ready(self, place: Place) -> bool:
        if not place.helper or place.helper in self._absent:
            return True
        helper = self._helpers.get(place.helper)
        return helper is not None and all(map(helper.knows, place.addresses))

    @staticmethod
    def _names(repository: Repository | None, host: RegistryHost) -> tuple[str, str]:
        return host.value.lower(), "" if repository is None else repository.name.value

    def _find(self, host: str, repository: str) -> Credential | None:
        file = self._file
        if file is None:
            document = configfile.read(self._path)
            file = self._file = ConfigFile(self._path, document or {}, namespaces=self._namespaces)
        place = file.place(host, repository)
        if place.helper and place.helper not in self._absent:
            helper = self._helpers.get(place.helper)
            if helper is None:
                helper = self._helpers[place.helper] = Helper(
                    place.helper, environ=self._environ, timeout_s=self._timeout_s
                )
            try:
                for address in place.addresses:
                    found = helper.get(address)
                    if found is not None:
                        return found
            except HelperAbsentError as absent:
                # Public images need no helper, and docker-credential-desktop is named on many a machine without it.
                self._absent.add(place.helper)
                if self._warn is not None:
                    self._warn(f"{self._path} names {helper.program}, which is not there: {absent.reason}")
        return file.entry(place.key)
