"""One installed package as a value, and its name for the world: the package URL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from orlop.model.digest import Digest

DEB, APK, RPM, PYPI, NPM, GOLANG, MAVEN = "deb", "apk", "rpm", "pypi", "npm", "golang", "maven"

KINDS = (DEB, APK, RPM, PYPI, NPM, GOLANG, MAVEN)
"""Every kind of package that is read; also the type in its package URL."""

PACKAGES_LIMIT = 250_000
"""Most packages of one layer, and of one image; large images have 20,000."""

TEXT_LIMIT = 1024
"""Characters of a name, a version or a licence that are kept."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package that is installed.

    name: as its kind writes it: ``libc6``, ``@scope/name``, ``golang.org/x/net``, ``group:artifact``. version: with the epoch
    where there is one (``1:2.3-4``); empty where it is not known. kind: one of ``KINDS``. architecture: as the kind names it.
    source, source_version: what it was built from, where that is said. licence: as the package states it. path: of the file
    that tells of it. layer, layer_digest: where it appeared; -1 and None as long as that is not known. purl: its package URL.
    """

    name: str
    version: str
    kind: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    licence: str = ""
    path: str = ""
    layer: int = -1
    layer_digest: Digest | None = None
    purl: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same package in another layer's version of its database."""
        return self.name, self.version, self.architecture

    def placed(self, layer: int, digest: Digest, distribution: Distribution) -> Package:
        """Return the package with the layer that it appeared in, and its package URL."""
        return replace(self, layer=layer, layer_digest=digest, purl=purl(self, distribution))

    def to_json(self) -> dict[str, object]:
        """Return it as JSON; the layer has its index and its digest."""
        digest = self.layer_digest.value if self.layer_digest is not None else None
        return {
            "name": self.name,
            "version": self.version,
            "kind": self.kind,
            "architecture": self.architecture,
            "source": self.source,
            "sourceVersion": self.source_version,
            "licence": self.licence,
            "path": f"/{self.path}",
            "layer": {"index": self.layer, "digest": digest},
            "purl": self.purl,
        }


class Distribution(NamedTuple):
    """What the image's os-release calls its system: ID, VERSION_ID, PRETTY_NAME; empty where it does not say."""

    id: str = ""
    version: str = ""
    name: str = ""


def text(value: object) -> str:
    """Return untrusted bytes or text as a short line of printable characters; what is neither is empty."""
    if isinstance(value, bytes):
        value = value[: 4 * TEXT_LIMIT].decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    short = value[:TEXT_LIMIT]
    if not (short.isascii() and short.isprintable()):
        short = " ".join("".join(char if char.isprintable() else " " for char in short).split())
    return short.strip()


def purl(package: Package, distribution: Distribution = Distribution()) -> str:  # noqa: B008  # a constant
    """Return the package URL.

    Rule: ECMA-427 and the type definitions beside it; ``upstream`` for what a package was built from is a qualifier that
    scanners have agreed on.
    """
    kind, name, version = package.kind, package.name, package.version
    namespace = ""
    qualifiers: list[tuple[str, str]] = []
    if kind in {DEB, APK, RPM}:
        system = distribution.id.lower()
        namespace = _VENDORS.get(system, system.partition("-")[0])
        if kind == RPM:
            epoch, colon, rest = version.partition(":")
            if colon and epoch.isdigit():
                version = rest
                qualifiers.append(("epoch", epoch))
        else:
            name = name.lower()
        qualifiers += _system(package, distribution)
    elif kind == PYPI:
        name = name.lower().replace("_", "-")
    elif kind in {NPM, GOLANG}:
        namespace, _, name = name.rpartition("/")
        if kind == GOLANG:
            namespace, name = namespace.lower(), name.lower()
    elif kind == MAVEN:
        namespace, _, name = name.rpartition(":")
    parts = [f"pkg:{kind}", *(_encoded(part) for part in namespace.split("/") if part), _encoded(name)]
    found = "/".join(parts)
    if version:
        found += f"@{_encoded(version)}"
    said = "&".join(f"{key}={_encoded(value)}" for key, value in sorted(qualifiers) if value)
    return f"{found}?{said}" if said else found


# os-release's ID, where the package URL names the vendor otherwise.
_VENDORS = {"rhel": "redhat", "sles": "suse", "sled": "suse", "amzn": "amazon", "ol": "oracle"}


def _system(package: Package, distribution: Distribution) -> list[tuple[str, str]]:
    found = [("arch", package.architecture)]
    if distribution.id:
        found.append(("distro", "-".join(filter(None, (distribution.id, distribution.version)))))
    if package.kind == RPM and package.source:
        found.append(("upstream", f"{package.source}-{package.source_version}.src.rpm"))
    elif package.source and (package.source, package.source_version) != (package.name, package.version):
        other = f"@{package.source_version}" if package.source_version != package.version else ""
        found.append(("upstream", package.source + other))
    return found


def _encoded(part: str) -> str:
    return quote(part, safe=":~")
