"""The platform of the running interpreter."""

from __future__ import annotations

import os
import sys

from orlop.model.platform import Platform

_WORDS_64 = sys.maxsize > 2**32
# A 32-bit interpreter on a 64-bit kernel runs 32-bit images' code, as Go's GOARCH would say.
_NARROW = {"amd64": ("386", ""), "arm64": ("arm", "v7")}
_ARM = {"armv5": "v5", "armv6": "v6", "armv7": "v7", "armv8": "v8"}


def find() -> Platform:
    """Return the platform of the running interpreter; on Windows with its os.version."""
    if sys.platform == "win32":
        import platform

        version = sys.getwindowsversion()
        machine = platform.machine()
        return of("windows", machine, ".".join(str(part) for part in version.platform_version[:3]))
    return of(sys.platform.rstrip("0123456789"), os.uname().machine, "")


def of(system: str, machine: str, version: str, *, wide: bool = _WORDS_64) -> Platform:
    """Return the platform that a kernel of this name and machine runs.

    system: as in ``sys.platform``. machine: as ``uname -m`` says it. wide: the interpreter has 64-bit words.
    """
    machine = machine.lower()
    variant = ""
    if machine[:5] in _ARM:
        machine, variant = ("arm64", "v8") if wide and machine[:5] == "armv8" else ("arm", _ARM[machine[:5]])
    elif machine in {"i486", "i586", "i686", "x86"}:
        machine = "386"
    elif machine == "loongarch64":
        machine = "loong64"
    made = Platform(system, machine, variant, version)
    if not wide and made.architecture in _NARROW:
        architecture, variant = _NARROW[made.architecture]
        return Platform(system, architecture, variant, version)
    return made
