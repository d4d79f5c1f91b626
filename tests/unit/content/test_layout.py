"""OCI layouts in folders: reading what others wrote, and writing so that nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.content.places import folder, names, push_to, read, referrers, run, tags

from orlop.content.layoutindex import IndexFile
from orlop.errors import (
    BlobNotFoundError,
    DigestMismatchError,
    InputError,
    InvalidDocumentError,
    InvalidManifestError,
    LimitError,
    ManifestNotFoundError,
    NotFoundError,
    SizeMismatchError,
    StorageError,
    TruncatedError,
    UnsupportedError,
)
from orlop.model.annotations import CONTAINERD_IMAGE_NAME, REF_NAME
from orlop.model.descriptor import Descriptor
from orlop.model.digest import Digest
from orlop.model.reference import Tag
from orlop.testing.archives import blob_path, layout_files, write_files
from orlop.testing.builders import artifact, image, index
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.unit.content.places import Opened

ONE = image([layer({"a": b"one"})])
TWO = image([layer({"a": b"two"})], platform="linux/arm64")


def listed(root: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((root / "index.json").read_bytes())["manifests"]
    return entries


def with_names(root: Path, **annotations: str) -> Path:
    """Write a layout of one image with these annotations, dots as underscores."""
    files = layout_files({"": ONE})
    document = json.loads(files["index.json"])  # type: ignore[arg-type]  # bytes
    keys = {"ref": REF_NAME, "containerd": CONTAINERD_IMAGE_NAME}
    document["manifests"][0]["annotations"] = {keys[key]: value for key, value in annotations.items()}
    return write_files(root, {**files, "index.json": json.dumps(document).encode()})


# --- reading -------------------------------------------------------------------------------------


def test_a_name_is_kept_as_it_is_written_and_found_by_its_tag(tmp_path: Path, opened: Opened) -> None:
    write_files(tmp_path, layout_files({"docker.io/library/debian:12": ONE, "1.0": TWO}))
    place = opened(f"oci:{tmp_path}")
    assert names(place) == ["docker.io/library/debian:12", "1.0"]
    assert tags(place) == ["12", "1.0"]
    for name in ("docker.io/library/debian:12", "12", "debian:12"):
        assert opened.at(f"oci:{tmp_path}:{name}").name == ONE.digest
    assert run(place.resolve(Tag("12"))).descriptor.digest == ONE.digest


def test_of_containerds_two_names_the_whole_one_is_shown_and_both_are_found(tmp_path: Path, opened: Opened) -> None:
    with_names(tmp_path, ref="v1", containerd="docker.io/team/app:v1")
    assert names(opened(f"oci:{tmp_path}")) == ["docker.io/team/app:v1"]
    for name in ("v1", "docker.io/team/app:v1", "team/app:v1"):
        assert opened.at(f"oci:{tmp_path}:{name}").name == ONE.digest


def test_seen_tells_the_names(tmp_path: Path, opened: Opened) -> None:
    with_names(tmp_path, ref="v1", containerd="docker.io/team/app:v1")
    place = opened(f"oci:{tmp_path}")
    assert run(place.resolve(Tag("v1"))).seen == {"names": "docker.io/team/app:v1, v1"}


def test_several_images_need_a_name(tmp_path: Path, opened: Opened) -> None:
    write_files(tmp_path, layout_files({"a": ONE, "": TWO}))
    with pytest.raises(InputError, match=r"2 are meant by it: a, @1 .linux/arm64"):
        opened.at(f"oci:{tmp_path}")
    assert opened.at(f"oci:{tmp_path}:@1").name == TWO.digest


def test_an_image_and_what_is_attached_to_it_are_one_image(tmp_path: Path, opened: Opened) -> None:
    note = artifact({"n": b"note"}, subject=ONE)
    write_files(tmp_path, layout_files({"": ONE}, others=[note]))
    assert opened.at(f"oci:{tmp_path}").name == ONE.digest


def test_a_digest_goes_before_a_name_and_needs_no_entry(tmp_path: Path, opened: Opened) -> None:
    write_files(tmp_path, layout_files({"a": index([ONE, TWO])}))
    at = opened.at(f"oci:{tmp_path}:a@{TWO.digest}")
    assert run(at.source.manifest(at.name)).raw == TWO.raw


def test_the_index_is_read_again_when_it_has_changed(tmp_path: Path, opened: Opened) -> None:
    write_files(tmp_path, layout_files({"a": ONE}))
    place = opened(f"oci:{tmp_path}")
    assert names(place) == ["a"]
    push_to(folder(tmp_path), TWO, "b")
    assert names(place) == ["a", "b"]
    assert opened(f"oci:{tmp_path}") is place


def test_a_blob_that_is_absent_is_told_with_its_place(tmp_path: Path, opened: Opened) -> None:
    files = layout_files({"a": ONE})
    del files[blob_path(ONE.blobs[1].descriptor.digest)]
    write_files(tmp_path, files)
    place = opened(f"oci:{tmp_path}")
    with pytest.raises(BlobNotFoundError, match=f"is not in oci:{tmp_path}"):
        read(place, ONE.blobs[1].descriptor)


def test_a_manifest_that_is_listed_and_absent_says_so(tmp_path: Path, opened: Opened) -> None:
    files = layout_files({"a": ONE})
    del files[blob_path(ONE.digest)]
    write_files(tmp_path, files)
    with pytest.raises(ManifestNotFoundError, match="the index lists it, and its content is not there"):
        run(opened(f"oci:{tmp_path}").manifest(Tag("a")))


def test_the_content_of_a_digest_that_is_no_manifest_is_not_one(tmp_path: Path, opened: Opened) -> None:
    write_files(tmp_path, layout_files({"a": ONE}))
    for blob in ONE.blobs:
        with pytest.raises(ManifestNotFoundError, match="is no manifest"):
            run(opened(f"oci:{tmp_path}").manifest(blob.descriptor.digest))


def test_other_bytes_under_a_digest_are_found_out(tmp_path: Path, opened: Opened) -> None:
    data = bytearray(ONE.blobs[1].data)
    data[-1] ^= 1
    files = layout_files({"a": ONE})
    files[blob_path(ONE.blobs[1].descriptor.digest)] = bytes(data)
    files[blob_path(ONE.digest)] = ONE.raw.replace(b"1", b"2", 1)
    write_files(tmp_path, files)
    place = opened(f"oci:{tmp_path}")
    with pytest.raises(DigestMismatchError):
        read(place, ONE.blobs[1].descriptor)
    with pytest.raises(DigestMismatchError):
        run(place.manifest(Tag("a")))


@pytest.mark.parametrize(("change", "kind"), [(-1, TruncatedError), (1, SizeMismatchError)])
def test_a_blob_of_another_size_than_stated_is_refused(
    tmp_path: Path, opened: Opened, change: int, kind: type[Exception]
) -> None:
    write_files(tmp_path, layout_files({"a": ONE}))
    stated = ONE.blobs[1].descriptor
    with pytest.raises(kind):
        read(opened(f"oci:{tmp_path}"), Descriptor(stated.media_type, stated.digest, stated.size - change))


@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        ("index.json", b"nonsense", InvalidDocumentError),
        ("index.json", b"[]", InvalidDocumentError),
        ("index.json", b'{"manifests": {}}', InvalidDocumentError),
        ("index.json", b'{"manifests": [{"digest": "sha256:12"}]}', InvalidManifestError),
        ("index.json", None, InvalidDocumentError),
        ("oci-layout", b"{}", InvalidDocumentError),
        ("oci-layout", b'{"imageLayoutVersion": "2.0.0"}', UnsupportedError),
        ("oci-layout", b"x" * 5000, LimitError),
    ],
)
def test_a_layout_that_cannot_be_right_is_refused(
    tmp_path: Path, opened: Opened, path: str, data: bytes | None, kind: type[Exception]
) -> None:
    files = layout_files({"a": ONE})
    if data is None:
        del files[path]
    else:
        files[path] = data
    write_files(tmp_path, files)
    with pytest.raises(kind):
        names(opened(f"oci:{tmp_path}"))


def test_a_layout_without_its_header_and_with_null_for_a_list_is_read(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "index.json").write_bytes(b'{"schemaVersion": 2, "manifests": null}')
    assert names(opened(f"oci:{tmp_path}")) == []


def test_a_manifest_over_the_limit_is_refused(tmp_path: Path) -> None:
    large = image(labels={"x": "y" * 3000}, annotations={"x": "y" * 3000})
    write_files(tmp_path, layout_files({"a": large}))
    place = folder(tmp_path)
    place._manifest_limit = 1000
    with pytest.raises(LimitError):
        run(place.manifest(Tag("a")))


def test_referrers_are_found_below_an_index_and_by_the_fallback_tag(tmp_path: Path, opened: Opened) -> None:
    below = artifact({"a": b"a"}, artifact_type="application/vnd.a", subject=ONE)
    tagged = artifact({"b": b"b"}, artifact_type="application/vnd.b", subject=ONE)
    fallback = index([tagged])
    name = str(ONE.digest).replace(":", "-")
    write_files(tmp_path, layout_files({"app": ONE, "all": index([below]), name: fallback}))
    found = referrers(opened(f"oci:{tmp_path}"), ONE.digest)
    assert {one.artifact_type for one in found} == {"application/vnd.a", "application/vnd.b"}


def test_an_index_that_names_itself_by_way_of_others_ends(tmp_path: Path, opened: Opened) -> None:
    # A digest cannot name itself; listing the same twice is as near as it gets.
    inner = index([ONE])
    write_files(tmp_path, layout_files({"a": index([inner, inner]), "b": inner}))
    assert referrers(opened(f"oci:{tmp_path}"), ONE.digest) == []


# --- writing -------------------------------------------------------------------------------------


def test_the_first_push_makes_the_layout(tmp_path: Path) -> None:
    push_to(folder(tmp_path / "new"), ONE, "1.0")
    root = tmp_path / "new"
    assert json.loads((root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert [entry["annotations"] for entry in listed(root)] == [{REF_NAME: "1.0"}]
    assert {path.name for path in root.iterdir()} == {"oci-layout", "index.json", "blobs"}


def test_reading_a_folder_that_is_not_there_makes_none(tmp_path: Path) -> None:
    place = folder(tmp_path / "none")
    for asked in (lambda: names(place), lambda: run(place.remove(Tag("a")))):
        with pytest.raises(NotFoundError):
            asked()
    assert not (tmp_path / "none").exists()


def test_a_tag_moves_and_what_loses_its_name_stays(tmp_path: Path) -> None:
    place = folder(tmp_path)
    push_to(place, ONE, "1")
    run(place.remove(Tag("1")))
    assert [(entry["digest"], entry.get("annotations")) for entry in listed(tmp_path)] == [(str(ONE.digest), {})]


def test_children_are_listed_by_their_index_alone(tmp_path: Path) -> None:
    place = folder(tmp_path)
    many = index([ONE, TWO])
    push_to(place, many, "many")
    assert [entry["digest"] for entry in listed(tmp_path)] == [str(many.digest)]
    push_to(place, ONE)
    assert [entry["digest"] for entry in listed(tmp_path)] == [str(many.digest)]
    push_to(place, ONE, "one")
    assert [entry["digest"] for entry in listed(tmp_path)] == [str(many.digest), str(ONE.digest)]


def test_fields_that_are_not_known_stay(tmp_path: Path) -> None:
    files = layout_files({"a": ONE})
    document = json.loads(files["index.json"])  # type: ignore[arg-type]  # bytes
    document["x"] = {"kept": [1]}
    document["manifests"][0]["y"] = "kept"
    write_files(tmp_path, {**files, "index.json": json.dumps(document).encode()})
    push_to(folder(tmp_path), TWO, "b")
    after = json.loads((tmp_path / "index.json").read_bytes())
    assert after["x"] == {"kept": [1]}
    assert after["manifests"][0]["y"] == "kept"


def test_an_index_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(b"nonsense")
    with pytest.raises(InvalidDocumentError):
        push_to(folder(tmp_path), ONE, "a")
    assert (tmp_path / "index.json").read_bytes() == b"nonsense"


def test_threads_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def work(number: int) -> None:
        built = image(labels={"n": str(number)})
        for again in range(5):
            push_to(folder(tmp_path), built, f"{number}-{again}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(folder(tmp_path))) == 30
    assert not (tmp_path / "ingest").exists()


WRITER = """
import sys
from tests.unit.content.places import folder, push_to
from orlop.testing.builders import image
from pathlib import Path
for n in range(15):
    push_to(folder(Path(sys.argv[1])), image(labels={"n": sys.argv[2] + str(n)}), f"{sys.argv[2]}{n}")
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"]
    assert [process.wait(15) for process in running] == [0, 0, 0]
    assert sorted(names(folder(tmp_path))) == sorted(f"{name}{n}" for name in "abc" for n in range(15))
    assert {path.name for path in tmp_path.iterdir()} == {"oci-layout", "index.json", "blobs"}


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        push_to(folder(tmp_path / "file"), ONE, "a")


def test_a_name_that_moves_leaves_other_names_of_the_same_image() -> None:
    at = IndexFile(None, "oci:x")
    at.point(["a", "b"], ONE.descriptor)
    at.point(["b"], TWO.descriptor)
    found = {entry["annotations"][REF_NAME]: entry["digest"] for entry in at.listed}
    assert found == {"a": str(ONE.digest), "b": str(TWO.digest)}


def test_a_digest_of_another_algorithm_has_its_own_folder(tmp_path: Path) -> None:
    place = folder(tmp_path)
    digest = Digest.of(b"x", "sha512")
    from orlop.testing.builders import Bytes

    run(place.push(Descriptor("text/plain", digest, 1), Bytes(b"x")))
    assert (tmp_path / "blobs" / "sha512" / digest.hex).read_bytes() == b"x"
