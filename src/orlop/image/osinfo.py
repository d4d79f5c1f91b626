"""Which operating system an image holds, with no more of its layers read than that takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidDocumentError, LimitError, NotFoundError
from orlop.image.layerfiles import LayerFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.content.base import Source
    from orlop.image.view import Image

OS_RELEASE_LIMIT = 64 * 1024
"""Most bytes of an os-release file; real ones have less than one KiB."""

PATHS = ("etc/os-release", "usr/lib/os-release")
"""Where the file is: the first that is there wins (os-release(5))."""

KEYS = (
    "PRETTY_NAME",
    "NAME",
    "ID",
    "ID_LIKE",
    "VERSION",
    "VERSION_ID",
    "VERSION_CODENAME",
    "HOME_URL",
    "SUPPORT_URL",
    "BUG_REPORT_URL",
    "PRIVACY_POLICY_URL",
)
"""The keys that come first, in this order."""

_ASSIGNMENT = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z", re.DOTALL)
_ESCAPE = re.compile(r'\\([\\$"`\'])')
_ANY_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BUILD = re.compile(r"\b10\.0\.(\d{5})\.\d+\b")
_NANO, _CORE = re.compile(r"nano[ ._-]?server", re.IGNORECASE), re.compile(r"server[ ._-]?core", re.IGNORECASE)
_MIB = 1024 * 1024


async def read_os(source: Source, image: Image) -> dict[str, object]:
    """Return what the image's os-release says, ``KEYS`` first, ID_LIKE as a list; of a Windows image its Type and Version.

    The layers are read from the top down, each to its end and verified, and none below the one that decides.
    Raises NotFoundError where no layer has the file; InvalidDocumentError or LimitError for a file that is none or too large;
    IntegrityError's kinds for a damaged layer.
    Rule: os-release(5); image-spec 1.1, layer.md.
    """
    if image.config.os.lower() == "windows":
        return windows(image)
    files = LayerFiles(source, image, watched=PATHS, likely="os-release", limit=OS_RELEASE_LIMIT)
    for path in PATHS:
        data = await files.read(path)
        if data is not None:
            return parse_os_release(data, f"/{path} of {image.reference}")
    count = len(image.manifest.layers)
    raise NotFoundError(
        "/etc/os-release", image.reference, f"none of its {count} layers has it, nor /usr/lib/os-release"
    ).with_hint("images made from scratch, and some without a distribution, have none")


def parse_os_release(data: bytes, what: str = "os-release") -> dict[str, object]:
    """Return the assignments of the file, ``KEYS`` first and the others as they come; the last of a key wins.

    Raises LimitError over ``OS_RELEASE_LIMIT`` bytes, InvalidDocumentError where there is no assignment at all.
    Rule: os-release(5): quotes and escapes as in a shell, nothing expanded; what is no assignment is passed over.
    """
    if len(data) > OS_RELEASE_LIMIT:
        raise LimitError(what, "bytes of an os-release file", OS_RELEASE_LIMIT)
    said = dict(_assignments(data.decode("utf-8", "replace")))
    if not said:
        raise InvalidDocumentError(what, "it has no line KEY=value")
    found: dict[str, object] = {key: said.pop(key) for key in KEYS if key in said}
    found.update(said)
    if "ID_LIKE" in found:
        found["ID_LIKE"] = str(found["ID_LIKE"]).split()
    return found


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.removeprefix("\ufeff").split("\n"):
        match = _ASSIGNMENT.match(line.removesuffix("\r"))
        if match is not None:
            yield match[1], _value(match[2].strip())


def _value(text: str) -> str:
    """Return a value without its quotes."""
    if text[:1] == '"':
        inner = re.match(r'"((?:[^"\\]|\\.)*)', text, re.DOTALL)
        return _ESCAPE.sub(r"\1", inner[1]) if inner else ""
    if text[:1] == "'":
        return text[1:].partition("'")[0]
    # Unquoted blanks are not allowed, and some systems have them: they are kept.
    return _ANY_ESCAPE.sub(r"\1", text)


def windows(image: Image) -> dict[str, object]:
    """Return ``Type`` (Nano Server, Server Core, Server or Windows) and ``Version`` of a Windows image.

    The config states the version. The type is told from names in labels, annotations, environment and history, from the
    user that Nano Server's images run as, and from the size of the base layer; where these say nothing it is Windows.
    """
    version = _windows_version(image)
    found: dict[str, object] = {"Type": _windows_type(image, version)}
    if version:
        found["Version"] = version
    return found


def _windows_version(image: Image) -> str:
    if image.config.os_version:
        return image.config.os_version
    # "Apply image 10.0.17134.1", then "Install update 10.0.17134.165": the base's last step has the version.
    version = ""
    for step in image.config.history:
        if not step.created_by.startswith(("Apply image", "Install update")):
            break
        match = _BUILD.search(step.created_by)
        version = match[0] if match else version
    return version


def _windows_type(image: Image, version: str) -> str:
    config = image.config
    text = "\n".join(
        [
            *(f"{key}={value}" for key, value in {**image.annotations, **config.labels}.items()),
            *config.env,
            *(step.created_by for step in config.history),
        ]
    )
    nano, core = _NANO.search(text), _CORE.search(text)
    if bool(nano) != bool(core):
        return "Nano Server" if nano else "Server Core"
    if config.user.lower() == "containeruser":
        return "Nano Server"
    layers = image.manifest.layers
    build = _BUILD.match(version)
    if not layers or build is None:
        return "Windows"
    # Base layers as stored: Nano Server has 90 to 400 MiB, Server Core 1 to 2 GiB (4 GiB in build 14393, which has no
    # larger image), the images with all of Windows 3 GiB or more: "windows" up to build 19042, "windows/server" from 20348.
    size, number = layers[0].size, int(build[1])
    if size < 64 * _MIB:
        return "Windows"
    if size < 640 * _MIB:
        return "Nano Server"
    if size < 2560 * _MIB or number < 17763:
        return "Server Core"
    return "Server" if number >= 20348 else "Windows"
