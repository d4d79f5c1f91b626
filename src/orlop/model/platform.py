"""Platforms: what an image runs on, and which of several is the one that was asked for.

Rule: image-spec 1.1, image-index.md ("platform"), and containerd's ``platforms`` package, whose normalisation and order of
variants this follows. One thing is narrower: another architecture is never taken instead (containerd falls back from amd64
to 386 and from arm64 to arm), since whoever asks for a digest of amd64 must not be handed another machine's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orlop.errors import InvalidManifestError, InvalidPlatformError

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN = "unknown"

# Go's list of what it can build for: the words that can stand alone in a wish.
_OS = frozenset(
    {
        *(
            "aix",
            "android",
            "darwin",
            "dragonfly",
            "freebsd",
            "hurd",
            "illumos",
            "ios",
            "js",
            "linux",
            "nacl",
            "netbsd",
        ),
        *("openbsd", "plan9", "solaris", "wasip1", "windows", "zos"),
    }
)
_ARCHITECTURES = frozenset(
    {
        *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64"),
        *("mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x"),
        *("sparc", "sparc64", "wasm"),
    }
)
_COMPONENT = re.compile(r"[a-z0-9_.-]+\Z", re.ASCII)
_OS_PART = re.compile(r"([^()/+]+)(?:\(([^()/+]*)((?:\+[^()/+]+)*)\))?\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]*\Z", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_NUMBERS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*\Z", re.ASCII)
_VARIANT = re.compile(r"v([0-9]{1,3})(?:\.([0-9]{1,3}))?\Z", re.ASCII)

_ALIASES = {
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "i386": ("386", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_VARIANT_ALIASES = {
    ("amd64", "v1"): "",
    ("386", "v1"): "",
    ("arm64", "8"): "v8",
    ("arm64", "v8.0"): "v8",
    ("arm64", "9"): "v9",
    ("arm64", "9.0"): "v9",
    ("arm64", "v9.0"): "v9",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
    ("arm", "8"): "v8",
}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """A platform in its canonical form: ``x86_64`` is amd64, ``macos`` darwin, arm is arm/v7 and arm64 is arm64/v8.

    ``str()`` is ``os[(version[+feature])]/architecture[/variant]``. Raises InvalidPlatformError.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        architecture, variant = _normal_architecture(self.architecture, self.variant)
        put(self, "os", _normal_os(self.os))
        put(self, "architecture", architecture)
        put(self, "variant", variant or _DEFAULT_VARIANTS.get(architecture, ""))
        put(self, "os_features", tuple(sorted({feature for feature in self.os_features if feature})))
        for part in (self.os, self.architecture, self.variant or "-"):
            if _COMPONENT.match(part) is None:
                raise InvalidPlatformError(
                    _joined(self), f"a part of it is of a-z 0-9 _ . and -, which {part[:64]!r} is not"
                )

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform that the text names: ``linux/arm`` is ``linux/arm/v7``. Raises InvalidPlatformError."""
        parts, version, features = _split(text)
        if len(parts) < 2:
            raise InvalidPlatformError(text, "it needs an architecture: os[(version)]/arch[/variant]")
        try:
            return cls(parts[0], parts[1], "".join(parts[2:]), version, features)
        except InvalidPlatformError as error:
            raise InvalidPlatformError(text, error.reason) from None

    @classmethod
    def from_json(cls, value: object, what: str = "platform") -> Platform:
        """Return the platform of a ``platform`` object. An os or architecture that is missing is ``unknown``.

        Raises InvalidManifestError, naming ``what``, for what is not such an object.
        """
        if not isinstance(value, dict):
            raise InvalidManifestError(what, "its platform is not an object")
        texts = [value.get(key) or "" for key in ("os", "architecture", "variant", "os.version")]
        features = value.get("os.features") or []
        if not all(isinstance(text, str) for text in texts):
            raise InvalidManifestError(what, "a field of its platform is not a text")
        if not isinstance(features, list) or not all(isinstance(feature, str) for feature in features):
            raise InvalidManifestError(what, "its platform's os.features is not a list of texts")
        os, architecture, variant, version = texts
        try:
            return _platform(os or UNKNOWN, architecture or UNKNOWN, variant, version, tuple(features))
        except InvalidPlatformError as error:
            raise InvalidManifestError(what, f"its platform is not valid: {error.reason}") from None

    def to_json(self) -> dict[str, object]:
        """Return the ``platform`` object of an index entry."""
        made: dict[str, object] = {"architecture": self.architecture, "os": self.os}
        if self.os_version:
            made["os.version"] = self.os_version
        if self.os_features:
            made["os.features"] = list(self.os_features)
        if self.variant:
            made["variant"] = self.variant
        return made

    @classmethod
    def local(cls) -> Platform:
        """Return the platform of the running interpreter."""
        from orlop.model import localplatform

        return localplatform.find()

    @property
    def is_unknown(self) -> bool:
        """Whether it is BuildKit's ``unknown/unknown``, which marks an attestation."""
        return self.os == UNKNOWN and self.architecture == UNKNOWN

    def __str__(self) -> str:
        return _joined(self)


@lru_cache(maxsize=1024)
def _platform(os: str, architecture: str, variant: str, version: str, features: tuple[str, ...]) -> Platform:
    """Return the platform; thousands of images have the same few."""
    return Platform(os, architecture, variant, version, features)


@dataclass(frozen=True, slots=True)
class PlatformSelector:
    """A wish: each field that is given restricts, an empty one does not. Raises InvalidPlatformError."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        architecture, variant = _normal_architecture(self.architecture, self.variant)
        put(self, "os", _normal_os(self.os))
        put(self, "architecture", architecture)
        put(self, "variant", variant)
        put(self, "os_features", tuple(sorted({feature for feature in self.os_features if feature})))
        for part in (self.os, self.architecture, self.variant):
            if part and _COMPONENT.match(part) is None:
                raise InvalidPlatformError(
                    _joined(self), f"a part of it is of a-z 0-9 _ . and -, which {part[:64]!r} is not"
                )

    @classmethod
    def parse(cls, text: str) -> PlatformSelector:
        """Return the wish for ``os[(version)]/arch[/variant]``, or for an os or an architecture alone.

        A text that names arm or arm64 without a variant means v7 and v8. Raises InvalidPlatformError.
        """
        parts, version, features = _split(text)
        try:
            if len(parts) > 1:
                return cls.of(Platform(parts[0], parts[1], "".join(parts[2:]), version, features))
            os = _normal_os(parts[0])
            if os in _OS:
                return cls(os=os, os_version=version, os_features=features)
            architecture, variant = _normal_architecture(parts[0], "")
            if architecture in _ARCHITECTURES and not version and not features:
                return cls(architecture=architecture, variant=variant or _DEFAULT_VARIANTS.get(architecture, ""))
        except InvalidPlatformError as error:
            raise InvalidPlatformError(text, error.reason) from None
        raise InvalidPlatformError(text, "neither an operating system nor an architecture is known by this name")

    @classmethod
    def of(cls, platform: Platform) -> PlatformSelector:
        """Return the wish for this platform."""
        return cls(platform.os, platform.architecture, platform.variant, platform.os_version, platform.os_features)

    def __bool__(self) -> bool:
        return any((self.os, self.architecture, self.variant, self.os_version, self.os_features))

    def matches(self, platform: Platform) -> bool:
        """Whether the platform can stand for the wish."""
        return self.rank(platform) is not None

    def rank(self, platform: Platform) -> tuple[int, ...] | None:
        """Return how close the platform is, the smallest being the closest, or None when it does not match.

        Closeness: the variant (arm/v7 takes v7, v6, v5 in that order; arm64/v9 also v8 up to its equal), then Windows'
        version (the same, else the newest of the same build, else one that states none), then features.
        """
        if (self.os and self.os != platform.os) or platform.is_unknown:
            return None
        if self.architecture and self.architecture != platform.architecture:
            return None
        variant = self._variant_rank(platform)
        version = self._version_rank(platform)
        features = self._features_rank(platform)
        if variant is None or version is None or features is None:
            return None
        return (variant, *version, features)

    def _variant_rank(self, platform: Platform) -> int | None:
        wanted, there = self.variant, platform.variant
        if not self.architecture:
            return 0 if not wanted or wanted == there else None
        if wanted == there:
            return 0
        if not wanted:
            # An amd64 without a variant is v1, which every machine runs; a later one stays possible, but is farther.
            return _level(there) if self.architecture == "amd64" else 0
        return _nearest(_chain(self.architecture, wanted), there)

    def _version_rank(self, platform: Platform) -> tuple[int, int] | None:
        wanted, there = self.os_version, platform.os_version
        if not wanted or wanted == there:
            return 0, 0
        if platform.os != "windows":
            return None
        if not there:
            return 2, 0
        if not (_NUMBERS.match(wanted) and _NUMBERS.match(there)):
            return None
        ours, theirs = _numbers(wanted), _numbers(there)
        if theirs[: len(ours[:3])] != ours[:3]:
            return None
        return 1, -theirs[3] if len(theirs) > 3 else 0

    def _features_rank(self, platform: Platform) -> int | None:
        if self.os_features:
            if not set(platform.os_features) <= set(self.os_features):
                return None
            return -len(platform.os_features)
        # A whole platform without features means the plain one first; a partial wish prefers nothing.
        return len(platform.os_features) if self.os and self.architecture else 0

    def __str__(self) -> str:
        return _joined(self)


def choose(selector: PlatformSelector, candidates: Sequence[Platform | None]) -> list[int]:
    """Return the indexes of the candidates that fit best, in their order: one if the choice is decided.

    candidates: the platforms of an index's entries; None is an entry that states none, and fits only a
    wish that restricts nothing. ``unknown/unknown`` (attestations) never fits.
    """
    ranks: list[tuple[tuple[int, ...], int]] = []
    for index, platform in enumerate(candidates):
        rank = selector.rank(platform) if platform else (None if selector else _NO_RANK)
        if rank is not None:
            ranks.append((rank, index))
    best = min((rank for rank, _ in ranks), default=None)
    return [index for rank, index in ranks if rank == best]


_NO_RANK: tuple[int, ...] = (0, 0, 0, 0)


def _normal_os(os: str) -> str:
    os = os.lower()
    return "darwin" if os == "macos" else os


def _normal_architecture(architecture: str, variant: str) -> tuple[str, str]:
    architecture, variant = architecture.lower(), variant.lower()
    if architecture in _ALIASES:
        architecture, forced = _ALIASES[architecture]
        variant = variant if forced is None else forced
    return architecture, _VARIANT_ALIASES.get((architecture, variant), variant)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _level(variant: str) -> int:
    match = _VARIANT.match(variant)
    return int(match[1]) if match else 1000


def _nearest(chain: list[str], there: str) -> int | None:
    return chain.index(there) if there in chain else None


def _chain(architecture: str, variant: str) -> list[str]:
    """Return the variants that a machine of this one runs, the nearest first."""
    match = _VARIANT.match(variant)
    if match is None:
        return [variant]
    major, minor = int(match[1]), int(match[2] or 0)
    if architecture == "amd64":
        return [*(f"v{level}" for level in range(major, 1, -1)), ""]
    if architecture == "arm" and not minor:
        return [variant, *(f"v{level}" for level in range(major - 1, 4, -1))]
    if architecture == "arm64" and major in {8, 9}:
        # Arm ARM: v9.x holds all of v8.(x+5), of which there are no more than 8.9.
        steps = [(major, level) for level in range(minor, -1, -1)]
        if major == 9:
            steps += [(8, level) for level in range(min(minor + 5, 9), -1, -1)]
        return [f"v{first}.{second}" if second else f"v{first}" for first, second in steps]
    return [variant]


def _split(text: str) -> tuple[list[str], str, tuple[str, ...]]:
    """Return the parts of a platform text, its os.version and its os.features."""
    first, *rest = text.split("/", 3)
    match = _OS_PART.match(first)
    if match is None:
        raise InvalidPlatformError(text, "it has the form os[(version)]/arch[/variant]")
    if len(rest) > 2 or not all(rest):
        raise InvalidPlatformError(text, "it has two or three parts: os[(version)]/arch[/variant]")
    version = _decoded(text, match[2] or "")
    features = tuple(_decoded(text, feature) for feature in (match[3] or "").split("+")[1:])
    return [match[1], *rest], version, features


def _joined(platform: Platform | PlatformSelector) -> str:
    inside = "".join((_encoded(platform.os_version), *(f"+{_encoded(feature)}" for feature in platform.os_features)))
    os = f"{platform.os or '*'}({inside})" if inside else platform.os or "*"
    if not platform.architecture and not platform.variant:
        return os
    tail = f"/{platform.variant}" if platform.variant else ""
    return f"{os}/{platform.architecture or '*'}{tail}"


def _encoded(text: str) -> str:
    """Escape what a platform text gives a meaning to, as containerd does (%2B for +), and all that does not print."""
    if _PLAIN.match(text):
        return text
    return "".join(
        char if _PLAIN.match(char) else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )


def _decoded(text: str, part: str) -> str:
    if "%" not in part:
        return part
    out = bytearray()
    at = 0
    for match in _ESCAPE.finditer(part):
        if match[1] is None:
            raise InvalidPlatformError(text, "a % is followed by two hexadecimal digits")
        out += part[at : match.start()].encode() + bytes.fromhex(match[1])
        at = match.end()
    out += part[at:].encode()
    try:
        return out.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise InvalidPlatformError(text, "its escapes are not UTF-8") from None
