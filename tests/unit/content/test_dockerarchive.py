"""Docker archives of both forms: names, manifests that are made, layers by link, parts that are missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.content.places import names, read, referrers, run, tags

from orlop.content import dockerarchive
from orlop.errors import (
    BlobNotFoundError,
    DigestMismatchError,
    InputError,
    IntegrityError,
    InvalidDocumentError,
    InvalidManifestError,
    ManifestNotFoundError,
    TruncatedError,
    UnsupportedError,
)
from orlop.model.digest import Digest
from orlop.model.manifest import ImageManifest
from orlop.model.mediatype import OCI_LAYER, OCI_LAYER_GZIP
from orlop.model.reference import Tag
from orlop.testing.archives import blob_path, docker_files, layout_files, tar
from orlop.testing.builders import artifact, image, index
from orlop.testing.layers import Link, layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.content.places import Opened

    from orlop.content.local import LocalSource
    from orlop.testing.archives import Files

# As Docker stores them: layers unpacked.
ONE = image([layer({"a": b"one"}, compression=""), layer({"b": b"x" * 5000}, compression="")])
TWO = image([layer({"c": b"two"}, compression="")], platform="linux/arm64")
PACKED = image([layer({"a": b"one"}), layer({"b": b"two"}, compression="zstd")])


def place(tmp_path: Path, opened: Opened, files: Files, **options: str) -> LocalSource:
    (tmp_path / "x.tar").write_bytes(tar(files, **options))
    return opened(f"docker-archive:{tmp_path}/x.tar")


def changed(files: Files, **fields: object) -> Files:
    """Return the files with other fields in the first image of manifest.json."""
    document = json.loads(files["manifest.json"])  # type: ignore[arg-type]  # bytes
    document[0].update(fields)
    return {**files, "manifest.json": json.dumps(document).encode()}


def layers_of(found: LocalSource, name: str) -> list[tuple[str, str]]:
    manifest = run(found.manifest(Tag(name)))
    assert isinstance(manifest, ImageManifest)
    return [(one.media_type, one.digest.value) for one in manifest.layers]


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [True, False])
def test_several_images_are_found_by_whole_name_tag_and_number(tmp_path: Path, opened: Opened, old: bool) -> None:
    files = docker_files({"busybox:latest": ONE, "localhost:5000/a/b:2": TWO, "busybox:1": ONE}, old=old)
    found = place(tmp_path, opened, files)
    assert names(found) == ["busybox:latest", "localhost:5000/a/b:2"]
    assert tags(found) == ["latest", "1", "2"]
    at = f"docker-archive:{tmp_path}/x.tar"
    for name in ("busybox:latest", "latest", "busybox", "docker.io/library/busybox:1", "@0"):
        assert opened.at(f"{at}:{name}").name == ONE.digest
    for name in ("localhost:5000/a/b:2", "2", "@1"):
        assert opened.at(f"{at}:{name}").name == TWO.digest
    with pytest.raises(InputError, match=r"busybox:latest, localhost:5000/a/b:2"):
        opened.at(at)


def test_an_image_without_a_tag_is_found_by_its_number_alone(tmp_path: Path, opened: Opened) -> None:
    found = place(tmp_path, opened, docker_files([("", ONE)]))
    assert names(found) == []
    assert opened.at(f"docker-archive:{tmp_path}/x.tar").name == ONE.digest
    with pytest.raises(ManifestNotFoundError):
        opened.at(f"docker-archive:{tmp_path}/x.tar:latest")


def test_without_tags_the_names_of_the_layout_inside_count(tmp_path: Path, opened: Opened) -> None:
    files = changed(docker_files({"team/app:1": ONE}, old=False), RepoTags=None)
    assert names(place(tmp_path, opened, files)) == ["team/app:1"]


def test_fields_may_be_written_in_lower_case(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    files["manifest.json"] = files["manifest.json"].replace(b"Config", b"config").replace(b"RepoTags", b"repoTags")  # type: ignore[union-attr]  # bytes
    assert names(place(tmp_path, opened, files)) == ["a:1"]


# --- manifests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "./", "/"])
def test_a_manifest_is_made_of_config_and_layers(tmp_path: Path, opened: Opened, prefix: str) -> None:
    found = place(tmp_path, opened, docker_files({"a:1": ONE}), prefix=prefix)
    assert run(found.manifest(Tag("1"))).raw == ONE.raw
    resolved = run(found.resolve(Tag("1")))
    assert (resolved.descriptor.digest, resolved.seen["manifest"]) == (ONE.digest, "made here")
    for blob in ONE.blobs:
        assert read(found, blob.descriptor) == blob.data


def test_the_manifest_that_the_archive_holds_is_taken_as_it_is(tmp_path: Path, opened: Opened) -> None:
    stored = image([layer({"a": b"one"})], annotations={"not": "made"}, docker=True)
    found = place(tmp_path, opened, docker_files({"a:1": stored}, old=False))
    assert run(found.manifest(Tag("1"))).raw == stored.raw
    assert "manifest" not in run(found.resolve(Tag("1"))).seen


def test_of_an_index_inside_the_image_that_was_saved_is_taken(tmp_path: Path, opened: Opened) -> None:
    both = index([PACKED, TWO])
    files = {**docker_files({"a:1": TWO}, old=False), **layout_files({"a:1": both})}
    found = place(tmp_path, opened, files)
    assert opened.at(f"docker-archive:{tmp_path}/x.tar").name == TWO.digest
    assert run(found.manifest(both.digest)).raw == both.raw


def test_plain_layers_are_not_hashed_before_they_are_read(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerarchive, "_hashed", None)
    found = place(tmp_path, opened, docker_files({"a:1": ONE}))
    assert [kind for kind, _ in layers_of(found, "1")] == [OCI_LAYER, OCI_LAYER]


def test_the_names_are_listed_without_a_look_at_the_images(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dockerarchive, "parse_config", None)
    assert names(place(tmp_path, opened, docker_files({"a:1": PACKED}))) == ["a:1"]


def test_packed_layers_are_told_by_their_bytes_and_hashed(tmp_path: Path, opened: Opened) -> None:
    found = place(tmp_path, opened, docker_files({"a:1": PACKED}))
    assert run(found.manifest(Tag("1"))).raw == PACKED.raw
    digest = PACKED.blobs[1].descriptor.digest
    fresh = place(tmp_path, opened, docker_files({"a:1": PACKED}))
    assert read(fresh, digest) == PACKED.blobs[1].data


def test_a_config_with_fewer_layers_than_the_archive_hashes_them_all(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    more = layer({"more": b"x"})
    files["more.tar"] = more.data
    paths = json.loads(files["manifest.json"])[0]["Layers"]  # type: ignore[arg-type]  # bytes
    found = place(tmp_path, opened, changed(files, Layers=[*paths, "more.tar"]))
    expected = [(OCI_LAYER, one.diff_id.value) for one in ONE.layers]
    assert layers_of(found, "1") == [*expected, (OCI_LAYER_GZIP, more.descriptor.digest.value)]


def test_layers_behind_links_are_the_layers_they_lead_to(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    first, second = json.loads(files["manifest.json"])[0]["Layers"]  # type: ignore[arg-type]  # bytes
    data = files.pop(first)
    files = {"real/layer.tar": data, **files, first: Link("../real/layer.tar")}
    files[second], files["hard"] = Link("hard", hard=True), files[second]
    found = place(tmp_path, opened, files)
    assert run(found.manifest(Tag("1"))).raw == ONE.raw
    assert read(found, ONE.blobs[1].descriptor) == ONE.blobs[1].data


def test_attestations_inside_are_referrers(tmp_path: Path, opened: Opened) -> None:
    note = artifact({"n": b"n"}, artifact_type="application/vnd.note", subject=ONE)
    files = {**docker_files({"a:1": ONE}, old=False), **layout_files({"a:1": ONE}, others=[note])}
    found = referrers(place(tmp_path, opened, files), ONE.digest)
    assert [one.digest for one in found] == [note.digest]


# --- what is missing, damaged, or means harm ------------------------------------------------------


def test_a_layer_that_is_not_what_the_config_says_is_found_out_when_it_is_read(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    path = json.loads(files["manifest.json"])[0]["Layers"][1]  # type: ignore[arg-type]  # bytes
    files[path] = bytes(reversed(ONE.blobs[2].data))
    found = place(tmp_path, opened, files)
    with pytest.raises(DigestMismatchError):
        read(found, ONE.blobs[2].descriptor)


def test_a_layer_that_is_missing_fails_its_image_alone(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE, "b:2": TWO})
    del files[json.loads(files["manifest.json"])[0]["Layers"][0]]  # type: ignore[arg-type]  # bytes
    found = place(tmp_path, opened, files)
    assert names(found) == ["a:1", "b:2"]
    assert run(found.manifest(Tag("2"))).raw == TWO.raw
    assert run(found.manifest(TWO.digest)).raw == TWO.raw
    with pytest.raises(InvalidManifestError, match=r"names '.*/layer\.tar', and that is not in the archive"):
        run(found.manifest(Tag("1")))


def test_a_part_of_an_image_is_opened_where_its_manifest_is_there(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": PACKED}, old=False)
    del files[blob_path(PACKED.blobs[1].descriptor.digest)]
    found = place(tmp_path, opened, files)
    assert run(found.manifest(Tag("1"))).raw == PACKED.raw
    assert read(found, PACKED.blobs[2].descriptor) == PACKED.blobs[2].data
    with pytest.raises(BlobNotFoundError):
        read(found, PACKED.blobs[1].descriptor)


def test_a_foreign_layer_is_described_from_its_source(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    del files[json.loads(files["manifest.json"])[0]["Layers"][0]]  # type: ignore[arg-type]  # bytes
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": "sha256:" + "0a" * 32,
        "size": 12,
        "urls": ["https://mcr.microsoft.com/x"],
    }
    found = place(tmp_path, opened, changed(files, LayerSources={ONE.layers[0].diff_id.value: foreign}))
    manifest = run(found.manifest(Tag("1")))
    assert isinstance(manifest, ImageManifest)
    assert manifest.layers[0].urls == ("https://mcr.microsoft.com/x",)


def test_a_config_that_is_missing_or_no_config_fails_its_image(tmp_path: Path, opened: Opened) -> None:
    for config, kind in ((None, InvalidManifestError), (b"[]", InvalidManifestError), (b"{", InvalidManifestError)):
        files = docker_files({"a:1": ONE})
        path = f"{Digest.of(ONE.config).hex}.json"
        if config is None:
            del files[path]
        else:
            files[path] = config
        with pytest.raises(kind):
            run(place(tmp_path, opened, files).manifest(Tag("1")))


@pytest.mark.parametrize(
    "document",
    [b"{}", b"nonsense", b"[1]", b"[{}]", b'[{"Config": "a", "Layers": "x"}]', b'[{"Config": 1}]', b"null"],
)
def test_a_list_of_images_that_cannot_be_right_is_refused(tmp_path: Path, opened: Opened, document: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        place(tmp_path, opened, {"manifest.json": document})


@pytest.mark.parametrize("path", ["../outside", "a/../../outside"])
def test_a_path_in_the_list_that_climbs_out_is_refused(tmp_path: Path, opened: Opened, path: str) -> None:
    (tmp_path / "outside").write_bytes(ONE.blobs[1].data)
    for fields in ({"Layers": [path]}, {"Config": path}):
        with pytest.raises(IntegrityError):
            run(place(tmp_path, opened, changed(docker_files({"a:1": ONE}), **fields)).manifest(Tag("1")))


def test_a_layer_packed_in_another_way_is_named(tmp_path: Path, opened: Opened) -> None:
    files = docker_files({"a:1": ONE})
    files[json.loads(files["manifest.json"])[0]["Layers"][0]] = b"\xfd7zXZ\x00" + bytes(10)  # type: ignore[arg-type]  # bytes
    with pytest.raises(UnsupportedError, match="compressed with xz"):
        run(place(tmp_path, opened, files).manifest(Tag("1")))


def test_an_archive_that_is_cut_says_so(tmp_path: Path, opened: Opened) -> None:
    data = tar(docker_files({"a:1": ONE}))
    (tmp_path / "x.tar").write_bytes(data[: len(data.rstrip(b"\0")) // 2])
    with pytest.raises(TruncatedError):
        opened(f"docker-archive:{tmp_path}/x.tar")


def test_other_archives_are_told_from_it(tmp_path: Path, opened: Opened) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        place(tmp_path, opened, layout_files({"1": ONE}))
    assert str(caught.value.hint).startswith("oci-archive:")
    with pytest.raises(UnsupportedError, match=r"before 1\.10"):
        place(tmp_path, opened, {"repositories": b"{}", "abc/json": b"{}"})
    with pytest.raises(InvalidDocumentError, match=r"it has no manifest\.json"):
        place(tmp_path, opened, {"README": b"hello"})


def test_what_is_no_manifest_and_what_is_not_there(tmp_path: Path, opened: Opened) -> None:
    found = place(tmp_path, opened, docker_files({"a:1": ONE}))
    for digest in (ONE.blobs[0].descriptor.digest, Digest.of(b"absent")):
        with pytest.raises(ManifestNotFoundError):
            run(found.manifest(digest))
    with pytest.raises(BlobNotFoundError):
        read(found, Digest.of(b"absent"))
