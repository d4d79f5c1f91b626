"""From the text of a REF to what it names.

The one place where locators (``oci:DIR``) are told from references. A locator's scheme wins over an image of that name:
``docker.io/library/oci:1`` is the image.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import InputError, PlatformChoiceError
from orlop.model.reference import Reference, RegistryHost, is_locator

if TYPE_CHECKING:
    from orlop import Platform, PlatformSelector
    from orlop.cli.context import App
    from orlop.model.locator import Locator


def named(app: App, text: str) -> Reference | Locator:
    """Return what the text names, for ``client.open`` and every other method: a locator, or a reference.

    The registry of a reference is noted as one that the command names. Raises InputError's kinds.
    """
    if is_locator(text):
        from orlop.model.locator import Locator

        return Locator.parse(text)
    try:
        return reference_named(app, text)
    except InputError as error:
        if error.hint is None and os.path.exists(text):
            archive = f"docker-archive:{text} reads what docker save writes, oci-archive:{text} a layout in a tar file"
            error.hint = f"oci:{text} reads a layout in a folder" if os.path.isdir(text) else archive
        raise


def reference_named(app: App, text: str, *, default_tag: bool = True) -> Reference:
    """Return the reference, for commands that only a registry can answer. Raises InputError's kinds, for locators too."""
    if is_locator(text):
        scheme, _, rest = text.partition(":")
        error = InputError(text, f"{scheme}: is a locator scheme, and this command reads registries")
        error.noun = "a reference"
        raise error.with_hint(f"docker.io/library/{scheme}:{rest or 'TAG'} names the image")
    reference = Reference.parse(text, default_tag=default_tag)
    app.name_registry(reference.repository.host)
    return reference


def registry_named(app: App, text: str) -> RegistryHost:
    """Return the registry that the text names, noted as one that the command names. Raises InvalidReferenceError."""
    host = registry_of(text)
    app.name_registry(host)
    return host


def registry_of(text: str) -> RegistryHost:
    """Return the registry that the text names. Raises InvalidReferenceError."""
    scheme, mark, rest = text.rpartition("://")
    bare, slash, _ = rest.partition("/")
    try:
        return RegistryHost(text)
    except InputError as error:
        error.noun = "the name of a registry"
        if (mark or slash) and error.hint is None:
            error.hint = f"leave out {scheme}{mark}, and the path: {bare}" if mark else f"the registry alone is {bare}"
        raise


def require_platform(platform: Platform | None, selector: PlatformSelector, ref: str) -> None:
    """Check what is no index against the platform that was asked for. Raises PlatformChoiceError.

    platform: what its config states; where it states none, there is nothing to compare.
    """
    if platform is not None and not selector.matches(platform):
        raise PlatformChoiceError(ref, str(selector), (str(platform),), 0)
