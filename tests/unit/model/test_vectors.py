"""Every real document parses, and hashes to the digest that its index claims. Set ORLOP_VECTORS to their folder."""

from __future__ import annotations

import functools
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, Index, UnknownManifest, parse_manifest
from orlop.model.mediatype import CONFIG_TYPES, MANIFEST_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = os.environ.get("ORLOP_VECTORS", "")
CONFIG = "image config (type given by its parent)"

pytestmark = pytest.mark.skipif(not FOLDER, reason="ORLOP_VECTORS names no folder of real documents")


def documents() -> Iterator[tuple[str, str, str, str]]:
    """Yield (file, path inside, media type, digest) of each manifest and each config."""
    if not FOLDER:
        return
    for entry in json.loads(Path(FOLDER, "INDEX.json").read_text("utf-8"))["entries"]:
        if entry["media_type"] in {*MANIFEST_TYPES, *CONFIG_TYPES, CONFIG} or entry["kind"].startswith(
            "not a manifest"
        ):
            yield entry["file"], "", entry["media_type"], entry.get("payload_digest") or entry["digest"]
        for part in (entry.get("files") or []) + (entry.get("members") or []):
            if part.get("media_type"):
                yield entry["file"], part["path"], part["media_type"], part["digest"]


@functools.cache
def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        files = [(member.name.removeprefix("./"), tar.extractfile(member)) for member in tar if member.isfile()]
        return {name: stream.read() for name, stream in files if stream}


def content(file: str, inside: str) -> bytes:
    path = Path(FOLDER, file)
    if not inside:
        return path.read_bytes()
    return (path / inside).read_bytes() if path.is_dir() else members(path)[inside.removeprefix("./")]


@pytest.mark.parametrize(("file", "inside", "media_type", "digest"), list(documents()))
def test_a_real_document_parses_and_hashes_to_its_digest(file: str, inside: str, media_type: str, digest: str) -> None:
    raw = content(file, inside)

    if media_type == CONFIG or media_type in CONFIG_TYPES:
        config = parse_config(raw, media_type, expected=Digest(digest))
        config.validate()
        assert config.raw == raw
        return
    manifest = parse_manifest(raw, media_type, expected=Digest(digest))
    manifest.validate()
    assert manifest.raw == raw
    assert manifest.media_type == media_type
    assert parse_manifest(raw, expected=Digest(digest)).media_type == media_type, "the type is found without help"


@pytest.mark.parametrize(
    ("file", "inside", "media_type", "digest"), [row for row in documents() if row[2] in MANIFEST_TYPES]
)
def test_the_descriptors_of_a_real_document_are_written_as_they_came(
    file: str, inside: str, media_type: str, digest: str
) -> None:
    manifest = parse_manifest(content(file, inside), media_type, expected=Digest(digest))

    if isinstance(manifest, ImageManifest):
        assert not manifest.has_config or manifest.config.to_json() == manifest.document["config"]
        assert [layer.to_json() for layer in manifest.layers] == (manifest.document.get("layers") or [])
    if isinstance(manifest, Index):
        assert [entry.to_json() for entry in manifest.manifests] == (manifest.document["manifests"] or [])


def test_there_are_hundreds_of_them() -> None:
    found = list(documents())

    assert len(found) > 350
    assert len({media_type for _, _, media_type, _ in found}) >= 9


def test_a_nonsense_version_is_held_as_unknown() -> None:
    files = [file for file, _, media_type, _ in documents() if media_type == "application/json"]

    assert [type(parse_manifest(content(file, ""))) for file in files] == [UnknownManifest]
