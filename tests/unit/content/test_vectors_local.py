"""Every real layout and archive of the vectors opens, lists and verifies; what was left out of one gives a clear error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.content.places import names, run

from orlop.errors import (
    BlobNotFoundError,
    InvalidDocumentError,
    ManifestNotFoundError,
    OrlopError,
    SizeMismatchError,
    TruncatedError,
)
from orlop.model.digest import Digest
from orlop.model.manifest import Index
from orlop.testing.archives import tar

if TYPE_CHECKING:
    from tests.unit.content.places import Opened

    from orlop.content.local import LocalSource
    from orlop.model.descriptor import Descriptor

VECTORS = os.environ.get("ORLOP_VECTORS", "")
pytestmark = pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")


def listed(folder: str) -> list[dict[str, Any]]:
    if not VECTORS:
        return []
    entries: list[dict[str, Any]] = json.loads((Path(VECTORS) / "INDEX.json").read_bytes())["entries"]
    return [entry for entry in entries if entry["file"].startswith(f"{folder}/")]


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["file"])


# The index of one, and what a digest of another states, are not what the files are.
NO_LAYOUT = {"layouts/spegel-index"}
WRONG_SIZES = {"layouts/containers-multiple": 1, "archives/snyk-oci-with-manifest.tar": 1}
# Parts of images, as they were found.
PARTIAL = {"layouts/trivy-multi", "archives/snyk-oci-with-manifest.tar"}
# No images at all: a README, and the disk of another registry.
NO_ARCHIVE = {
    "archives/dive-docker-estargz.tar",
    "archives/dive-docker-zstd.tar",
    "archives/oras-distribution-fallback.tar.gz",
    "archives/oras-distribution-storage-index.tar.gz",
    "archives/oras-distribution-storage.tar.gz",
}


def walked(place: LocalSource) -> tuple[set[str], list[OrlopError]]:
    """Read all that the place lists; return the digests of what was read and verified, and the errors."""
    found: set[str] = set()
    errors: list[OrlopError] = []

    async def content(what: Descriptor) -> None:
        async with place.open(what) as stream:
            async for _ in stream:
                pass

    async def one(what: Descriptor, seen: set[str]) -> None:
        if what.digest.value in seen:
            return
        seen.add(what.digest.value)
        try:
            manifest = await place.manifest(what.digest)
        except OrlopError as error:
            errors.append(error)
            return
        found.add(what.digest.value)
        for child in manifest.children():
            if isinstance(manifest, Index):
                await one(child, seen)
                continue
            try:
                await content(child)
                found.add(child.digest.value)
            except OrlopError as error:
                errors.append(error)

    async def whole() -> None:
        seen: set[str] = set()
        for entry in await place.entries():
            await one(entry.descriptor, seen)

    run(whole())
    return found, errors


def check(place: LocalSource, entry: dict[str, Any]) -> set[str]:
    found, errors = walked(place)
    absent = entry.get("absent") or []
    wrong = [error for error in errors if isinstance(error, (SizeMismatchError, TruncatedError))]
    missing = [error for error in errors if isinstance(error, (BlobNotFoundError, ManifestNotFoundError))]
    assert len(wrong) == WRONG_SIZES.get(entry["file"], 0), errors
    assert len(wrong) + len(missing) == len(errors)
    assert bool(missing) == bool(absent or entry["file"] in PARTIAL), (missing, absent)
    return found


@pytest.mark.parametrize("entry", listed("layouts"), ids=name_of)
def test_a_real_layout_opens_lists_and_verifies(entry: dict[str, Any], opened: Opened) -> None:
    place = opened(f"oci:{VECTORS}/{entry['file']}")
    if entry["file"] in NO_LAYOUT:
        with pytest.raises(InvalidDocumentError, match=r"no index\.json"):
            names(place)
        return
    check(place, entry)
    for name in names(place):
        assert isinstance(opened.at(f"oci:{VECTORS}/{entry['file']}:{name}").name, Digest)


@pytest.mark.parametrize("entry", listed("archives"), ids=name_of)
def test_a_real_archive_opens_lists_and_verifies(entry: dict[str, Any], opened: Opened) -> None:
    places: list[LocalSource] = []
    refusals: list[InvalidDocumentError] = []
    for scheme in ("oci-archive", "docker-archive"):
        try:
            places.append(opened(f"{scheme}:{VECTORS}/{entry['file']}"))
        except InvalidDocumentError as error:
            refusals.append(error)
    for refusal in refusals:
        assert "it has no" in str(refusal)
        assert entry["file"] in NO_ARCHIVE or str(refusal.hint).endswith("reads it")
    assert bool(places) == (entry["file"] not in NO_ARCHIVE)
    known = {member["digest"] for member in entry.get("members", ())}
    for place in places:
        if "docker-archive" in place.name and entry["file"] in WRONG_SIZES:
            continue  # its own list says nothing of sizes
        check(place, entry)
        assert not known or run(place.entries()) == [] or known & check(place, entry)


def test_a_made_manifest_is_docker_25s_own(tmp_path: Path, opened: Opened) -> None:
    """Docker wrote this archive with its own manifest: without the layout's index the same digest comes about."""
    real = opened(f"docker-archive:{VECTORS}/archives/snyk-hello-world.tar")
    digest = opened.at(real.name).name
    from orlop.content.archive import TarFiles

    inside = TarFiles(f"{VECTORS}/archives/snyk-hello-world.tar", "x")
    kept = [path for path in inside.index.members if inside.index.find(path) and path != "index.json"]
    files = {path: inside.read(path, 10**8, path) or b"" for path in kept if str(digest)[7:] not in path}
    inside.close()
    (tmp_path / "x.tar").write_bytes(tar(files))
    assert opened.at(f"docker-archive:{tmp_path}/x.tar").name == digest
