"""References: which registry, which repository, which tag or digest.

Rule: distribution/reference 0.6 (``[domain/]path[:tag][@digest]``), and distribution-spec 1.1, "Pulling manifests".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from orlop.errors import InputError, InvalidReferenceError
from orlop.model.digest import Digest
from orlop.model.value import TextValue

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
LOCATOR_SCHEMES = ("oci", "oci-archive", "docker-archive", "docker-daemon", "store")
"""Schemes of places that are no registry. Each wins over an image of that name: ``docker.io/library/oci:1`` is the image."""
NAME_LIMIT = 255

_HUB_ALIASES = frozenset({"index.docker.io", "registry-1.docker.io"})
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::([0-9]{{1,5}}))?\Z", re.ASCII)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z", re.ASCII)
_LOOPBACK_V4 = re.compile(r"127(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}\Z", re.ASCII)
_IMAGE_ID = re.compile(r"[0-9a-f]{64}\Z")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class RegistryHost(TextValue):
    """A registry: ``docker.io``, ``127.0.0.1:5000``, ``[::1]:5000``.

    Docker Hub's three names are one, ``docker.io``. A name of several labels or with a port is in lower case. A single
    word needs a port or a dot, unless it is ``localhost`` or has upper case: a reference would take it for a
    part of the repository's name. Raises InvalidReferenceError.
    """

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__(_canonical_host(value))

    @property
    def name(self) -> str:
        """The host without its port; an IPv6 address keeps its brackets."""
        head, colon, port = self.value.rpartition(":")
        return head if colon and not port.endswith("]") else self.value

    @property
    def port(self) -> int | None:
        """The port, when one is given."""
        port = self.value[len(self.name) + 1 :]
        return int(port) if port else None

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be this machine: localhost, 127.0.0.0/8 or ::1."""
        name = self.name.lower()
        if name == "localhost" or name.endswith(".localhost"):
            return True  # RFC 6761, 6.3
        return name == "[::1]" or _LOOPBACK_V4.match(name) is not None


class RepositoryName(TextValue):
    """A repository's name inside its registry: ``library/debian``. Raises InvalidReferenceError."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        if _NAME.match(value) is None or len(value) > NAME_LIMIT:
            raise InvalidReferenceError(value, _why_no_name(value))
        super().__init__(value)


class Tag(TextValue):
    """A mutable name for a manifest inside one repository. Raises InvalidReferenceError."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        if _TAG.match(value) is None:
            raise InvalidReferenceError(
                value, "a tag has 1 to 128 of A-Z a-z 0-9 _ . - and starts with neither . nor -"
            )
        super().__init__(value)


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """One repository of one registry. ``str()`` is whole: ``docker.io/library/debian``.

    Docker Hub has no names of one component: they are under ``library/``.
    """

    host: RegistryHost
    name: RepositoryName

    def __post_init__(self) -> None:
        if self.host.value == DOCKER_HUB and "/" not in self.name.value:
            object.__setattr__(self, "name", RepositoryName(f"library/{self.name.value}"))

    @classmethod
    def parse(cls, text: str) -> Repository:
        """Return the repository that the text names: ``debian`` is ``docker.io/library/debian``.

        Raises InvalidReferenceError, also for a text with a tag or a digest.
        """
        try:
            return _repository(text)
        except InputError as error:
            raise _named(text, error) from None

    @property
    def familiar(self) -> str:
        """The shortest text that parses to it: ``debian``."""
        if self.host.value != DOCKER_HUB:
            return f"{self.host}/{self.name}"
        short = self.name.value.removeprefix("library/")
        if "/" not in short and not _IMAGE_ID.match(short):
            return short
        first = self.name.value.partition("/")[0]
        return f"{self.host}/{self.name}" if _is_host(first) else self.name.value

    def __str__(self) -> str:
        return f"{self.host.value}/{self.name.value}"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a user names: a repository, and in it a tag, a digest, both or neither."""

    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, default_tag: bool = True) -> Reference:
        """Return the reference that the text names: ``debian`` is ``docker.io/library/debian:latest``.

        default_tag: a text with neither tag nor digest means ``latest``. Raises InvalidReferenceError, or
        InvalidDigestError for what follows an @.
        """
        rest, at, digits = text.partition("@")
        digest = Digest(digits) if at else None
        head, colon, word = rest.rpartition(":")
        tag = None
        try:
            if colon and "/" not in word:
                tag, rest = Tag(word), head
            elif default_tag and digest is None:
                tag = _LATEST
            if not digest and _IMAGE_ID.match(text):
                raise InvalidReferenceError(text, "64 hexadecimal digits are an image's id, not its name")
            return cls(_repository(rest), tag, digest)
        except InputError as error:
            raise _named(text, error) from None

    @property
    def host(self) -> RegistryHost:
        """The registry."""
        return self.repository.host

    @property
    def name(self) -> RepositoryName:
        """The repository's name inside its registry."""
        return self.repository.name

    @property
    def target(self) -> Tag | Digest:
        """What to ask the registry for: the digest if there is one, else the tag, else ``latest``."""
        return self.digest or self.tag or _LATEST

    def with_digest(self, digest: Digest) -> Reference:
        """Return the same reference, pinned."""
        return replace(self, digest=digest)

    def with_tag(self, tag: Tag) -> Reference:
        """Return the reference of this tag in the same repository, without a digest."""
        return Reference(self.repository, tag)

    @property
    def pinned(self) -> str:
        """``repository@digest`` where there is a digest, else the whole name."""
        return f"{self.repository}@{self.digest.value}" if self.digest else str(self)

    @property
    def familiar(self) -> str:
        """The short form: ``debian:latest``."""
        return self.repository.familiar + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag.value}" if self.tag else ""
        return f"{tag}@{self.digest.value}" if self.digest else tag

    def __str__(self) -> str:
        return f"{self.repository}{self._suffix()}"


def is_locator(text: str) -> bool:
    """Whether the text names a place of ``orlop.sources``, such as ``oci:DIR``, instead of an image in a registry."""
    return text.startswith(_LOCATORS)


_LOCATORS = tuple(f"{scheme}:" for scheme in LOCATOR_SCHEMES)
_LATEST = Tag.trusted(DEFAULT_TAG)


# Many references of one run share few repositories.
@lru_cache(maxsize=1024)
def _repository(text: str) -> Repository:
    first, slash, rest = text.partition("/")
    if slash and _is_host(first):
        host, name = RegistryHost(first), rest
    else:
        host, name = RegistryHost.trusted(DOCKER_HUB), text
    return Repository(host, RepositoryName(name))


def _is_host(first: str) -> bool:
    """Whether the first component is a registry. Rule: distribution/reference, splitDockerDomain."""
    return "." in first or ":" in first or first == "localhost" or first.lower() != first


def _canonical_host(text: str) -> str:
    match = _HOST.match(text)
    if match is None or len(text) > NAME_LIMIT:
        raise InvalidReferenceError(text, _why_no_host(text))
    name, port = match.groups()
    if port is not None and not 0 < int(port) < 65536:
        raise InvalidReferenceError(text, f"the port {port} is not between 1 and 65535")
    if name.startswith("["):
        name = _canonical_v6(text, name)
    elif "." in name or port or name.lower() == "localhost":
        name = name.lower()
    elif name.lower() == name:
        raise InvalidReferenceError(text, "a registry's name holds a dot or a port").with_hint(
            f"write {name}:443 or {name}:5000, or the whole name"
        )
    host = f"{name}:{port}" if port else name
    return DOCKER_HUB if host in _HUB_ALIASES else host


def _canonical_v6(text: str, name: str) -> str:
    import ipaddress

    try:
        return f"[{ipaddress.IPv6Address(name[1:-1])}]"
    except ValueError:
        raise InvalidReferenceError(text, "the address in brackets is not IPv6") from None


_LOWER = "a repository's name is in lower case"


def _named(text: str, error: InputError) -> InvalidReferenceError:
    """Say the same of the whole text that was given."""
    about = InvalidReferenceError(text, error.reason)
    about.hint = error.hint
    match = _SCHEME.match(text)
    if match:
        about.reason, about.hint = "a reference has no scheme", f"leave out {match[0]}"
    elif error.reason == _LOWER:
        about.hint = f"registries have it as {error.text.lower()}" if _NAME.match(error.text.lower()) else None
    return about


def _why_no_host(text: str) -> str:
    if not text:
        return "the registry's name is empty"
    if len(text) > NAME_LIMIT:
        return f"a registry's name has {NAME_LIMIT} characters at most"
    return "a registry is a host name, an IPv4 address or an IPv6 address in brackets, and perhaps :port"


def _why_no_name(text: str) -> str:
    if not text:
        return "the repository's name is empty"
    if len(text) > NAME_LIMIT:
        return f"a repository's name has {NAME_LIMIT} characters at most, not {len(text)}"
    if text.lower() != text:
        return _LOWER
    if "//" in text or text.startswith("/") or text.endswith("/"):
        return "a component of the repository's name is empty"
    return "a component of a repository's name is of a-z 0-9, and between them one of . _ __ or dashes"
