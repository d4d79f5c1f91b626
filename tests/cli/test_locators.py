"""The reading commands on places that are no registry: the same answers from each."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from orlop.model.reference import LOCATOR_SCHEMES, RepositoryName
from orlop.server.store.store import Store
from orlop.testing.archives import docker_archive, layout_files, tar, write_files
from orlop.testing.builders import artifact, image, index, push_now
from orlop.testing.engine import container_engine
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Orlop

OS = b'PRETTY_NAME="Test Linux 1"\nID=test\n'
ONE = image([layer({"etc/os-release": OS}, compression=""), layer({"a": b"one"}, compression="")])
TWO = image([layer({"b": b"two"}, compression="")], platform="linux/arm64")
NOTE = artifact({"n": b"note"}, artifact_type="application/vnd.note", subject=ONE)
NAMED = {"team/app:1": ONE, "team/app:2": TWO}


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A locator of each scheme: two images in each, and a note about the first where that can be."""
    root = tmp_path_factory.mktemp("places")
    write_files(root / "layout", layout_files(NAMED, others=[NOTE]))
    (root / "oci.tar").write_bytes(tar(layout_files(NAMED, others=[NOTE]), compression="zstd"))
    (root / "docker.tar").write_bytes(docker_archive(NAMED))
    with closing(Store.at(root / "store")) as store:
        repository = store.repository(RepositoryName("team/app"))
        push_now(ONE, repository, tags=["1"])
        push_now(TWO, repository, tags=["2"])
        push_now(NOTE, repository)
    return {
        "oci": f"oci:{root}/layout",
        "oci-archive": f"oci-archive:{root}/oci.tar",
        "docker-archive": f"docker-archive:{root}/docker.tar",
        "store": f"store:{root}/store//team/app",
    }


each = pytest.mark.parametrize("scheme", [scheme for scheme in LOCATOR_SCHEMES if scheme != "docker-daemon"])


@each
def test_the_manifest_is_printed_byte_for_byte(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    said = orlop("manifest", "get", f"{at[scheme]}:1")
    assert (said.status, said.raw) == (0, ONE.raw)


@each
def test_digest_and_resolve_name_the_place(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    assert orlop("manifest", "digest", f"{at[scheme]}:1").text == f"{ONE.digest}\n"
    assert orlop("manifest", "resolve", f"{at[scheme]}:2").text == f"{at[scheme]}@{TWO.digest}\n"


@each
def test_the_config_is_printed_and_a_digest_names_the_image(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    assert orlop("image", "inspect", f"{at[scheme]}@{ONE.digest}").raw == ONE.config
    table = orlop("image", "inspect", f"{at[scheme]}:1", "--output", "table").text
    assert str(ONE.digest) in table
    assert "linux/amd64" in table


@each
def test_the_operating_system_is_found(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    assert orlop("image", "os", f"{at[scheme]}:1").text == "Test Linux 1\n"


@each
def test_the_names_are_listed_as_they_are_written(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    expected = ["1", "2"] if scheme == "store" else ["team/app:1", "team/app:2"]
    assert orlop("tag", "list", at[scheme]).text.splitlines() == expected
    assert orlop("tag", "list", at[scheme], "--output", "json").json == expected
    long = orlop("tag", "list", at[scheme], "--long", "--output", "json").json
    assert [row["digest"] for row in long] == [str(ONE.digest), str(TWO.digest)]
    assert orlop("tag", "list", f"{at[scheme]}@{TWO.digest}").text.splitlines() == expected[1:]
    assert orlop("tag", "list", at[scheme], "--include", "*2", "--sort", "name").text.splitlines() == expected[1:]


@each
def test_a_blob_is_written_and_saved(orlop: Orlop, at: dict[str, str], scheme: str, tmp_path: Path) -> None:
    blob = ONE.blobs[1]
    ref = f"{at[scheme]}@{blob.descriptor.digest}"
    assert orlop("blob", "get", ref).raw == blob.data
    said = orlop("blob", "get", ref, "--to", str(tmp_path / "out"), terminal=True)
    assert (said.status, (tmp_path / "out").read_bytes()) == (0, blob.data)


@pytest.mark.parametrize("scheme", ["oci", "oci-archive", "store"])
def test_what_is_attached_is_listed(orlop: Orlop, at: dict[str, str], scheme: str) -> None:
    assert orlop("referrer", "list", f"{at[scheme]}:1").text.split()[:2] == [str(NOTE.digest), "application/vnd.note"]


def test_a_file_of_references_may_hold_locators(orlop: Orlop, at: dict[str, str], tmp_path: Path) -> None:
    refs = [*(f"{place}:1" for place in at.values()), "oci:absent"]
    (tmp_path / "refs").write_text("\n".join(refs))
    said = orlop("manifest", "digest", "--from-file", str(tmp_path / "refs"), "--ordered")
    assert [line.get("digest") for line in said.lines] == [*[str(ONE.digest)] * len(at), None]
    assert said.status == 3


def test_credentials_of_one_registry_do_not_mind_locators(orlop: Orlop, at: dict[str, str]) -> None:
    secrets = {"ORLOP_USERNAME": "me", "ORLOP_PASSWORD": "secret"}
    said = orlop("manifest", "digest", *(f"{place}:1" for place in at.values()), env=secrets)
    assert (said.status, {line["digest"] for line in said.lines}) == (0, {str(ONE.digest)})


def test_several_images_need_a_name(orlop: Orlop, at: dict[str, str]) -> None:
    for scheme in ("oci", "oci-archive", "docker-archive"):
        said = orlop("manifest", "digest", at[scheme])
        assert said.status == 2
        assert "team/app:1, team/app:2" in said.notes


def test_a_path_that_was_typed_as_a_reference_is_told_as_a_locator(orlop: Orlop, at: dict[str, str]) -> None:
    for scheme in ("oci", "oci-archive", "docker-archive"):
        path = at[scheme].partition(":")[2]
        said = orlop("image", "ls", path)
        assert (
            said.status,
            f"hint: {'oci:' + path if scheme == 'oci' else 'docker-archive:' + path}" in said.notes,
        ) == (2, True)
    assert "hint" not in orlop("image", "ls", "./absent.tar").notes


def test_a_layout_without_an_image_says_so(orlop: Orlop, tmp_path: Path) -> None:
    write_files(tmp_path, layout_files({}))
    said = orlop("image", "ls", f"oci:{tmp_path}")
    assert (said.status, said.notes) == (3, f"orlop: an image is not in oci:{tmp_path}: it holds none\n")


def test_a_platform_is_chosen_and_checked(orlop: Orlop, tmp_path: Path) -> None:
    write_files(tmp_path, layout_files({"both": index([ONE, TWO]), "one": ONE}))
    assert orlop("image", "inspect", f"oci:{tmp_path}:both", "--arch", "arm64").raw == TWO.config
    assert orlop("manifest", "get", f"oci:{tmp_path}:both", "--platform", "linux/arm64").raw == TWO.raw
    said = orlop("manifest", "get", f"oci:{tmp_path}:one", "--platform", "linux/arm64")
    assert (said.status, "linux/amd64" in said.notes) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "status", "note"),
    [
        (("manifest", "get", "oci:absent"), 3, "folder absent is not in the file system"),
        (("manifest", "get", "docker-archive:absent.tar"), 3, "file absent.tar"),
        (("manifest", "get", "store:absent//a"), 3, "folder absent"),
        (("manifest", "get", "store:absent"), 2, "parted by //"),
        (("manifest", "get", "oci:"), 2, "the path is empty"),
        (("blob", "get", "oci:absent"), 2, "REPO@DIGEST"),
        (("tag", "list", "oci:absent:1"), 2, "names a tag"),
        (("auth", "token", "oci:absent"), 2, "this command reads registries"),
    ],
)
def test_what_cannot_be_is_told(orlop: Orlop, arguments: tuple[str, ...], status: int, note: str) -> None:
    said = orlop(*arguments)
    assert said.status == status
    assert note in said.notes


def test_a_whole_name_still_names_an_image(orlop: Orlop) -> None:
    assert orlop("ref", "parse", "docker.io/library/oci:1").text == "docker.io/library/oci:1\n"
    parts = orlop("ref", "parse", "oci:a:1", "--output", "json").json
    assert (parts["scheme"], parts["path"], parts["name"]) == ("oci", "a", "1")


def test_no_curl_does_what_reading_a_file_does(orlop: Orlop, at: dict[str, str]) -> None:
    said = orlop("manifest", "get", f"{at['oci']}:1", "--curl")
    assert (said.status, said.raw) == (0, b"")
    assert "no request was sent" in said.notes


def test_names_from_an_archive_do_nothing_to_a_terminal(orlop: Orlop, tmp_path: Path) -> None:
    files = layout_files({"evil\x1b[2J": ONE, "b": TWO})
    write_files(tmp_path, files)
    assert "\x1b[2J" not in orlop("tag", "list", f"oci:{tmp_path}", terminal=True).text
    assert "\x1b[2J" not in orlop("manifest", "get", f"oci:{tmp_path}", terminal=True).notes


def test_the_tags_of_an_archive_as_a_batch(orlop: Orlop, at: dict[str, str]) -> None:
    said = orlop("tag", "list", at["oci"], at["docker-archive"], "--ordered")
    assert [json.loads(line)["tags"] for line in said.text.splitlines()] == [["team/app:1", "team/app:2"]] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sockets")
def test_an_engine_s_images_are_read(orlop: Orlop) -> None:
    ref = "docker-daemon:team/app:1"
    with tempfile.TemporaryDirectory() as folder:  # pytest's paths may be too long for a socket
        env = {"DOCKER_HOST": f"unix://{folder}/s"}
        with container_engine(f"{folder}/s", {"team/app:1": docker_archive({"team/app:1": ONE})}):
            assert orlop("manifest", "get", ref, env=env).raw == ONE.raw
            assert orlop("manifest", "resolve", ref, env=env).text == f"{ref}@{ONE.digest}\n"
            assert orlop("image", "os", ref, env=env).text == "Test Linux 1\n"
            assert orlop("image", "ls", "-R", ref, env=env).text.split() == ["/a", "/etc", "/etc/os-release"]
            assert orlop("image", "cat", f"{ref}@{ONE.digest}", "/a", env=env).raw == b"one"
            assert orlop("tag", "list", ref, env=env).text == "team/app:1\n"
            absent = orlop("image", "ls", "docker-daemon:absent", env=env)
            assert (absent.status, "No such image: absent" in absent.notes) == (3, True)
        gone = orlop("image", "ls", ref, env=env)
        assert gone.status not in {0, 3}
        assert "hint: start the engine" in gone.notes
    other = orlop("image", "ls", ref, env={"DOCKER_HOST": "tcp://127.0.0.1:2375"})
    assert (other.status, "docker save NAME" in other.notes) == (2, True)
