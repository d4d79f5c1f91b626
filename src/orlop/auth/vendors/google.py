"""Google's registries: Basic ``oauth2accesstoken:token`` or ``_json_key:json``, from docker-credential-gcloud or -gcr."""

from __future__ import annotations

import re

HELPERS = ("gcloud", "gcr")

_HOST = re.compile(r"(?:(?:[a-z]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|docker\.pkg\.dev)\Z", re.ASCII)


def matches(host: str) -> bool:
    """Whether the registry is gcr.io, one of its regions, or of Artifact Registry."""
    return _HOST.match(host) is not None
