"""Layouts and docker archives whose documents are any JSON: errors of ours, never a crash."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orlop.content.archive import open_oci_archive
from orlop.content.dockerarchive import open_docker_archive
from orlop.errors import OrlopError
from orlop.model.manifest import MANIFEST_LIMIT
from orlop.testing.archives import Files, blob_path, tar
from orlop.testing.builders import image
from orlop.testing.layers import layer
from orlop.threads import ThreadRuntime, step

ONE = image([layer({"a": b"a"})])
CONFIG, LAYER = (blob_path(blob.descriptor.digest) for blob in ONE.blobs)
WORDS = st.sampled_from([CONFIG, LAYER, str(ONE.digest), "index.json", "../x", "a/../..", "", "team/app:1", "\x1b[2J"])
LEAVES = st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))
IMAGES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("Config", "Layers", "RepoTags", "LayerSources", "config"), VALUES)
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": st.just(ONE.descriptor.media_type) | VALUES,
        "digest": st.just(str(ONE.digest)) | VALUES,
        "size": st.just(len(ONE.raw)) | VALUES,
        "annotations": st.dictionaries(st.just("org.opencontainers.image.ref.name"), VALUES) | VALUES,
        "platform": VALUES,
    },
)
BLOBS: Files = {
    blob_path(ONE.digest): ONE.raw,
    **{blob_path(one.descriptor.digest): one.data for one in ONE.blobs},
}
RUNTIME = ThreadRuntime()


def look(files: Files) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tar"
        path.write_bytes(tar({**BLOBS, **files}))
        for opener in (open_oci_archive, open_docker_archive):
            with suppress(OrlopError):
                place = opener(str(path), RUNTIME, MANIFEST_LIMIT)
                for ask in (place.settle, place.entries, lambda place=place: place.manifest(ONE.digest)):
                    with suppress(OrlopError):
                        step(ask())
                place.close()


@given(st.lists(IMAGES | VALUES, max_size=3) | VALUES)
def test_any_list_of_images(document: Any) -> None:
    look({"manifest.json": json.dumps(document).encode()})


@given(st.fixed_dictionaries({"manifests": st.lists(ENTRIES, max_size=3)}) | VALUES)
def test_any_index(document: Any) -> None:
    look({"index.json": json.dumps(document).encode()})
