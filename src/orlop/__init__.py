"""orlop: ask, read and serve container registries from Python.

``Client`` (blocking) and ``AsyncClient`` have the same methods. Names are imported when they are first used, so that
``import orlop`` costs nothing.
"""

from __future__ import annotations

from orlop._version import __version__

TYPE_CHECKING = False  # as typing's own, whose import would be most of what this file costs
if TYPE_CHECKING:
    from orlop.auth.credential import Credential, CredentialSource
    from orlop.client import AsyncClient, Item, Resolution
    from orlop.content.base import Resolved
    from orlop.content.cache import Cache
    from orlop.errors import OrlopError
    from orlop.image.view import Image, Layer
    from orlop.model.descriptor import Descriptor
    from orlop.model.digest import Digest
    from orlop.model.imageconfig import ImageConfig
    from orlop.model.manifest import ImageManifest, Index, Manifest
    from orlop.model.platform import Platform, PlatformSelector
    from orlop.model.reference import Reference, RegistryHost, Repository, RepositoryName, Tag
    from orlop.protocol.headers import RateLimit
    from orlop.registry.registry import Ping
    from orlop.sync import Client
    from orlop.transport.options import HostOptions
    from orlop.transport.retry import RetryPolicy
    from orlop.transport.trace import Exchange

__all__ = [
    "AsyncClient",
    "Cache",
    "Client",
    "Credential",
    "CredentialSource",
    "Descriptor",
    "Digest",
    "Exchange",
    "HostOptions",
    "Image",
    "ImageConfig",
    "ImageManifest",
    "Index",
    "Item",
    "Layer",
    "Manifest",
    "OrlopError",
    "Ping",
    "Platform",
    "PlatformSelector",
    "RateLimit",
    "Reference",
    "RegistryHost",
    "Repository",
    "RepositoryName",
    "Resolution",
    "Resolved",
    "RetryPolicy",
    "Tag",
    "__version__",
]

_HOMES = {
    "AsyncClient": "client",
    "Cache": "content.cache",
    "Client": "sync",
    "Credential": "auth.credential",
    "CredentialSource": "auth.credential",
    "Descriptor": "model.descriptor",
    "Digest": "model.digest",
    "Exchange": "transport.trace",
    "HostOptions": "transport.options",
    "Image": "image.view",
    "ImageConfig": "model.imageconfig",
    "ImageManifest": "model.manifest",
    "Index": "model.manifest",
    "Item": "client",
    "Layer": "image.view",
    "Manifest": "model.manifest",
    "OrlopError": "errors",
    "Ping": "registry.registry",
    "Platform": "model.platform",
    "PlatformSelector": "model.platform",
    "RateLimit": "protocol.headers",
    "Reference": "model.reference",
    "RegistryHost": "model.reference",
    "Repository": "model.reference",
    "RepositoryName": "model.reference",
    "Resolution": "client",
    "Resolved": "content.base",
    "RetryPolicy": "transport.retry",
    "Tag": "model.reference",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'orlop' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"orlop.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
