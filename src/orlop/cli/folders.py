"""Where settings and cache are kept on this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def home(environ: Mapping[str, str]) -> str:
    """Return the user's home folder."""
    return environ.get("HOME") or os.path.expanduser("~")


def settings_file(environ: Mapping[str, str]) -> str:
    """Return the path of the settings file: ORLOP_SETTINGS, else in the user's folder for such."""
    if named := environ.get("ORLOP_SETTINGS"):
        return named
    return os.path.join(_folder(environ, "XDG_CONFIG_HOME", ".config", "user_config_dir"), "settings.json")


def cache_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of the cache, unless the settings name another."""
    return _folder(environ, "XDG_CACHE_HOME", ".cache", "user_cache_dir")


def data_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of what is kept for good: what was observed of tags and bases."""
    return _folder(environ, "XDG_DATA_HOME", os.path.join(".local", "share"), "user_data_dir")


def _folder(environ: Mapping[str, str], variable: str, under_home: str, function: str) -> str:
    # platformdirs says the same on Linux, and takes 8 ms to.
    if sys.platform.startswith(("linux", "freebsd")):
        stated = environ.get(variable, "")
        return os.path.join(stated if os.path.isabs(stated) else os.path.join(home(environ), under_home), "orlop")
    import platformdirs

    return str(getattr(platformdirs, function)("orlop", appauthor=False))
