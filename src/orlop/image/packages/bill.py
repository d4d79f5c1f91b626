"""What both forms of a bill of materials need: names, times and identifiers that come out the same each time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from orlop.model.reference import Reference, is_locator

if TYPE_CHECKING:
    from orlop.image.packages.find import PackageList

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|z|[+-]\d\d:\d\d)?\Z")
_EPOCH = "1970-01-01T00:00:00Z"


def moment(packages: PackageList, created: str) -> str:
    """Return the document's time, in whole seconds of UTC: the one that is given, else the image's, else 1970."""
    for said in (created, packages.image.config.created):
        match = _TIME.match(said)
        if match is None:
            continue
        zone = match[3] or "Z"
        try:
            when = datetime.fromisoformat(f"{match[1]}T{match[2]}{'+00:00' if zone in 'zZ' else zone}").astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return f"{when:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")
    return _EPOCH


def from_epoch(seconds: str) -> str:
    """Return the time of SOURCE_DATE_EPOCH in RFC 3339. Raises ValueError for what is no count of seconds since 1970."""
    try:
        when = datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(seconds) from error
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def number(packages: PackageList, form: str) -> UUID:
    """Return the document's number, made of what it is about: the same image gives the same number.

    A list that was restricted to some packages is another document.
    """
    about = "\n".join(
        [form, packages.image.digest.value, *(f"{p.purl} {printable(p.path)}" for p in packages.packages)]
    )
    return uuid5(NAMESPACE_URL, about)


def name_of(packages: PackageList) -> str:
    """Return the image's name as it was asked for."""
    return packages.image.reference


def image_purl(packages: PackageList) -> str:
    """Return the package URL of the image itself: by its digest, with the repository as a qualifier where it has one.

    Of a locator only the last part of its path counts, so that a document does not tell where on a machine an image lay.
    """
    image = packages.image
    digest = quote(image.digest.value, safe=":")
    if is_locator(image.reference):
        path = image.reference.partition(":")[2].rpartition("/")[2].partition(":")[0]
        return f"pkg:oci/{quote(printable(path).lower(), safe='') or 'image'}@{digest}"
    reference = Reference.parse(image.reference)
    repository = reference.repository
    said = [f"repository_url={quote(str(repository), safe=':/')}"]
    if reference.tag is not None:
        said.append(f"tag={quote(reference.tag.value, safe='')}")
    return f"pkg:oci/{quote(repository.name.value.rpartition('/')[2], safe='')}@{digest}?{'&'.join(said)}"


def printable(path: str) -> str:
    """Return a path as text; bytes that are not UTF-8 are written out."""
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
