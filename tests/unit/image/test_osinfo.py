"""The operating system of an image, from layers that are built here."""

from __future__ import annotations

import asyncio
import os
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orlop.content.base import Resolved, Source
from orlop.content.verify import verified
from orlop.errors import (
    BlobNotFoundError,
    DigestMismatchError,
    IntegrityError,
    InvalidDocumentError,
    LimitError,
    NotFoundError,
)
from orlop.image.osinfo import KEYS, OS_RELEASE_LIMIT, parse_os_release, read_os
from orlop.image.view import Image
from orlop.model.digest import Digest
from orlop.model.imageconfig import parse_config
from orlop.model.manifest import ImageManifest, parse_manifest
from orlop.model.mediatype import OCI_LAYER
from orlop.testing.builders import Built, image
from orlop.testing.layers import File, Folder, LayerBlob, Link, Opaque, Whiteout, archive_layer, layer
from orlop.threads import step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from orlop.model.descriptor import Descriptor
    from orlop.model.manifest import Manifest
    from orlop.model.reference import Tag
    from orlop.testing.layers import Entry

    Files = Mapping[str, Entry]

VECTORS = os.environ.get("ORLOP_VECTORS", "")
DEBIAN = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
OTHER = b"ID=other\n"


class Blobs(Source):
    """The blobs of one image, in memory; counts which were opened."""

    def __init__(self, built: Built, chunk: int = 1000) -> None:
        self.blobs = {blob.descriptor.digest: blob.data for blob in built.blobs}
        self.opened: list[Digest] = []
        self.chunk = chunk

    @property
    def name(self) -> str:
        return "test"

    async def resolve(self, name: Tag | Digest) -> Resolved:
        raise NotImplementedError

    async def manifest(self, name: Tag | Digest) -> Manifest:
        raise NotImplementedError

    @asynccontextmanager
    async def open(
        self, what: Descriptor | Digest, *, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        digest, size = (what, None) if isinstance(what, Digest) else (what.digest, what.size)
        data = self.blobs.get(digest)
        if data is None:
            raise BlobNotFoundError(str(digest), self.name)
        self.opened.append(digest)
        yield verified(self._chunks(data), str(digest), digest, size)

    async def _chunks(self, data: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(data), self.chunk):
            yield data[at : at + self.chunk]

    def tags(self, *, after: str = "", limit: int | None = None) -> AsyncIterator[Tag]:
        raise NotImplementedError


def view(built: Built, reference: str = "test/image:1") -> Image:
    manifest = parse_manifest(built.raw)
    assert isinstance(manifest, ImageManifest)
    return Image(reference, manifest, parse_config(built.blobs[0].data))


def os_of(*layers: Files | LayerBlob, source: list[Blobs] | None = None, **options: Any) -> dict[str, object]:
    built = image([one if isinstance(one, LayerBlob) else layer(one) for one in layers], **options)
    blobs = Blobs(built)
    if source is not None:
        source.append(blobs)
    return step(read_os(blobs, view(built)))


def opened_layers(*layers: Files) -> tuple[dict[str, object], list[int]]:
    source: list[Blobs] = []
    blobs = [layer(one) for one in layers]
    found = os_of(*blobs, source=source)
    order = [blob.descriptor.digest for blob in blobs]
    return found, [order.index(digest) for digest in source[0].opened]


def test_the_file_in_etc_is_read() -> None:
    assert os_of({"etc/os-release": DEBIAN}) == {
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
        "ID": "debian",
        "VERSION_ID": "12",
    }


def test_it_runs_on_asyncio_as_well() -> None:
    built = image([layer({"etc/os-release": DEBIAN})])
    assert asyncio.run(read_os(Blobs(built), view(built)))["ID"] == "debian"


def test_a_relative_link_into_usr_lib_is_followed() -> None:
    assert os_of({"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_an_absolute_link_starts_at_the_root_of_the_image() -> None:
    assert os_of({"etc/os-release": Link("/usr/lib/os-release"), "usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_dots_above_the_root_stay_at_the_root() -> None:
    assert (
        os_of({"etc/os-release": Link("../../../usr/lib/os-release"), "usr/lib/os-release": DEBIAN})["ID"] == "debian"
    )


def test_usr_lib_is_read_where_etc_has_no_file() -> None:
    assert os_of({"usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_usr_lib_is_read_where_the_link_in_etc_leads_nowhere() -> None:
    assert os_of({"etc/os-release": Link("gone"), "usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_etc_wins_over_usr_lib() -> None:
    assert os_of({"etc/os-release": DEBIAN, "usr/lib/os-release": OTHER})["ID"] == "debian"


def test_etc_of_a_lower_layer_wins_over_usr_lib_of_an_upper_one() -> None:
    assert os_of({"etc/os-release": DEBIAN}, {"usr/lib/os-release": OTHER})["ID"] == "debian"


def test_the_upper_layer_wins_and_the_lower_is_not_fetched() -> None:
    found, opened = opened_layers({"etc/os-release": OTHER}, {"etc/os-release": DEBIAN}, {"app/main": b"x"})
    assert found["ID"] == "debian"
    assert opened == [2, 1]


def test_each_layer_is_fetched_once_down_to_the_file() -> None:
    found, opened = opened_layers(
        {"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": DEBIAN},
        {"etc/passwd": b""},
        {"app": b""},
    )
    assert found["ID"] == "debian"
    assert opened == [2, 1, 0]


def test_a_target_that_an_upper_layer_replaced_is_the_one_that_is_read() -> None:
    lower: Files = {"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": OTHER}
    assert os_of(lower, {"usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_a_whiteout_removes_the_file_below() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"etc/os-release": Whiteout()})


def test_a_whiteout_of_etc_alone_leaves_usr_lib() -> None:
    lower: Files = {"etc/os-release": Link("../usr/lib/os-release"), "usr/lib/os-release": DEBIAN}
    assert os_of(lower, {"etc/os-release": Whiteout()})["ID"] == "debian"


def test_a_whiteout_of_the_folder_removes_the_file_below_and_fetches_no_further_for_it() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"etc": Whiteout()})


def test_an_opaque_folder_hides_the_layers_below() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"etc": Opaque()})


def test_an_opaque_root_hides_everything_and_nothing_below_is_fetched() -> None:
    source: list[Blobs] = []
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"": Opaque()}, source=source)
    assert len(source[0].opened) == 1


def test_an_opaque_folder_does_not_hide_its_own_layer() -> None:
    assert os_of({"etc/os-release": OTHER}, {"etc": Opaque(), "etc/os-release": DEBIAN})["ID"] == "debian"


def test_a_file_in_place_of_the_folder_hides_what_was_in_it() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"etc": b"a file"})


def test_a_link_in_place_of_the_folder_leads_elsewhere() -> None:
    upper: Files = {"etc": Link("conf"), "conf/os-release": DEBIAN}
    assert os_of({"etc/os-release": OTHER}, upper)["ID"] == "debian"


def test_a_folder_that_returns_after_a_whiteout_is_a_new_one() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": DEBIAN}, {"etc": Whiteout()}, {"etc/passwd": b""})


def test_a_hard_link_is_read_at_its_target() -> None:
    files: Files = {"aaa/os-release": DEBIAN, "etc/os-release": Link("aaa/os-release", hard=True)}
    assert os_of(files)["ID"] == "debian"


def test_a_hard_link_keeps_its_content_when_an_upper_layer_replaces_the_target() -> None:
    lower: Files = {"aaa/os-release": DEBIAN, "etc/os-release": Link("aaa/os-release", hard=True)}
    assert os_of(lower, {"aaa/os-release": OTHER})["ID"] == "debian"


def test_a_hard_link_to_a_file_of_a_lower_layer_is_read_there() -> None:
    assert os_of({"data/x": DEBIAN}, {"etc/os-release": Link("data/x", hard=True)})["ID"] == "debian"


def test_links_to_names_that_tell_nothing_are_followed_by_reading_again() -> None:
    files: Files = {
        "etc/os-release": Link("/etc/static/release"),
        "etc/static": Link("/nix/store/abc-etc/etc"),
        "nix/store/abc-etc/etc/release": Link("/nix/store/def-release"),
        "nix/store/def-release": DEBIAN,
    }
    assert os_of(files)["ID"] == "debian"


def test_a_link_to_a_likely_name_costs_no_second_reading() -> None:
    files: Files = {
        "etc/os-release": Link("../usr/lib/os-release"),
        "usr/lib/os-release": Link("os.release.d/os-release-fedora"),
        "usr/lib/os.release.d/os-release-fedora": DEBIAN,
    }
    found, opened = opened_layers(files)
    assert found["ID"] == "debian"
    assert opened == [0]


def test_links_in_a_circle_end_as_not_found() -> None:
    with pytest.raises(NotFoundError):
        os_of({"etc/os-release": Link("os-release.b"), "etc/os-release.b": Link("os-release")})


def test_a_folder_in_its_place_is_not_a_file() -> None:
    assert os_of({"etc/os-release": Folder(), "usr/lib/os-release": DEBIAN})["ID"] == "debian"


def test_no_layers_at_all_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="none of its 0 layers"):
        os_of()


def test_what_is_not_found_says_where_it_was_looked_for_and_advises() -> None:
    with pytest.raises(NotFoundError) as caught:
        os_of({"bin/sh": b""})
    assert str(caught.value) == (
        "content /etc/os-release is not in test/image:1: none of its 1 layers has it, nor /usr/lib/os-release"
    )
    assert caught.value.hint


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_any_compression_is_read_whatever_the_media_type_says(compression: str) -> None:
    assert os_of(layer({"etc/os-release": DEBIAN}, compression=compression), docker=True)["ID"] == "debian"


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(LimitError):
        os_of({"etc/os-release": b"A=1\n" * OS_RELEASE_LIMIT})


def test_a_damaged_layer_is_refused_even_where_the_file_was_read_from_it() -> None:
    built = image([layer({"etc/os-release": DEBIAN, "z": bytes(5000)})])
    source = Blobs(built)
    descriptor = built.layers[0].descriptor
    source.blobs[descriptor.digest] = source.blobs[descriptor.digest][:-1] + b"!"
    with pytest.raises(IntegrityError):
        step(read_os(source, view(built)))


def test_a_layer_of_another_diff_id_is_refused() -> None:
    with pytest.raises(DigestMismatchError, match="archive in layer"):
        os_of(
            {"etc/os-release": DEBIAN},
            extra={"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}},
        )


def test_a_config_with_fewer_diff_ids_than_layers_does_not_matter() -> None:
    assert os_of({"etc/os-release": DEBIAN}, extra={"rootfs": {"type": "layers", "diff_ids": []}})["ID"] == "debian"


def test_a_layer_that_is_not_there_says_so() -> None:
    built = image([layer({"etc/os-release": DEBIAN})])
    source = Blobs(built)
    source.blobs.clear()
    with pytest.raises(BlobNotFoundError):
        step(read_os(source, view(built)))


def test_a_file_with_its_own_mode_is_read_like_any_other() -> None:
    assert os_of({"etc/os-release": File(DEBIAN, mode=0)})["ID"] == "debian"


# --- the file itself ---------------------------------------------------------------------------


def test_known_keys_come_first_in_their_order_and_the_others_after_them() -> None:
    said = parse_os_release(b"BUILD_ID=7\nID=x\n" + b"\n".join(b"%s=y" % key.encode() for key in reversed(KEYS)))
    assert list(said) == [*KEYS, "BUILD_ID"]


def test_id_like_is_a_list() -> None:
    assert parse_os_release(b'ID_LIKE="rhel  fedora"')["ID_LIKE"] == ["rhel", "fedora"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ('A="two words"', "two words"),
        ("A='one $HOME'", "one $HOME"),
        (r'A="a \"b\" \$c \\ \` \d"', r'a "b" $c \ ` \d'),
        (r"A='no \escape'", r"no \escape"),
        (r"A=with\ blank", "with blank"),
        ("A=Buildroot 2014.02", "Buildroot 2014.02"),
        ('A="x"  # a comment', "x"),
        ('A="not ended', "not ended"),
        ("A=", ""),
        ('A=""', ""),
        ("  A=indented\r", "indented"),
        ("A=first\nA=last", "last"),
        ("# comment\n\nnonsense\n=x\n1A=x\nA=here", "here"),
        ("\ufeffA=marked", "marked"),
        ('A="ünï"', "ünï"),
    ],
)
def test_values_are_quoted_and_escaped_as_in_a_shell(line: str, value: str) -> None:
    assert parse_os_release(line.encode()) == {"A": value}


def test_a_file_without_an_assignment_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="no line KEY=value"):
        parse_os_release(b"\x7fELF\0\0")


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert parse_os_release(b"A=\xff") == {"A": "\ufffd"}


# --- images that tools wrote -------------------------------------------------------------------


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS names no folder of real documents")
@pytest.mark.parametrize(
    ("archive", "member", "expected"),
    [
        (
            "trivy-alpine-310.tar.gz",
            "71dba1fabbde4baabcdebcde4895d3f3887e388b",
            {"ID": "alpine", "VERSION_ID": "3.10.4"},
        ),
        ("snyk-skopeo-nginx.tar", "ce3539cc184915f96add8551b0e7a37d80c560fe", {"ID": "debian", "VERSION_ID": "10"}),
    ],
)
def test_the_os_of_a_real_image_is_told(archive: str, member: str, expected: dict[str, str]) -> None:
    with tarfile.open(Path(VECTORS, "archives", archive)) as tar:
        (name,) = [name for name in tar.getnames() if name.startswith(member) and name.endswith("tar")]
        file = tar.extractfile(name)
        assert file is not None
        blob = archive_layer(file.read(), media_type=OCI_LAYER)
    said = os_of(blob, {"app/main": b""}, extra={"rootfs": {"type": "layers", "diff_ids": []}})
    assert {key: said[key] for key in expected} == expected


# --- Windows -----------------------------------------------------------------------------------

WINDOWS = "windows(10.0.20348.1249)/amd64"


def windows_of(*, platform: str = WINDOWS, size: int = 0, **options: Any) -> dict[str, object]:
    """The answer for a base layer that states ``size`` bytes; the layer itself is never there."""
    built = image([layer({"Files/x": b""})], platform=platform, **options)
    shown = view(built)
    if size:
        raw = built.raw.replace(b'"size":%d}]' % built.layers[0].descriptor.size, b'"size":%d}]' % size)
        manifest = parse_manifest(raw)
        assert isinstance(manifest, ImageManifest)
        shown = Image(shown.reference, manifest, shown.config)
    source = Blobs(built)
    found = step(read_os(source, shown))
    assert source.opened == []
    return found


def test_windows_without_any_sign_is_windows_with_its_version() -> None:
    assert windows_of() == {"Type": "Windows", "Version": "10.0.20348.1249"}


def test_the_version_of_old_images_is_in_the_history() -> None:
    steps = [{"created_by": "Apply image 10.0.17134.1"}, {"created_by": "Install update 10.0.17134.165"}]
    assert windows_of(platform="windows/amd64", history=steps)["Version"] == "10.0.17134.165"


def test_a_version_that_is_not_stated_is_left_out() -> None:
    assert windows_of(platform="windows/amd64") == {"Type": "Windows"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"config": {"User": "ContainerUser"}}, "Nano Server"),
        (
            {"config": {"Env": ["POWERSHELL_DISTRIBUTION_CHANNEL=PSDocker-DotnetSDK-WindowsServerCore-ltsc2022"]}},
            "Server Core",
        ),
        (
            {"labels": {"org.opencontainers.image.base.name": "mcr.microsoft.com/windows/nanoserver:1809"}},
            "Nano Server",
        ),
        ({"annotations": {"org.opencontainers.image.base.name": "windows/servercore:ltsc2019"}}, "Server Core"),
        ({"size": 117 << 20}, "Nano Server"),
        ({"size": 1251 << 20}, "Server Core"),
        ({"size": 3300 << 20}, "Server"),
        ({"size": 3300 << 20, "platform": "windows(10.0.17763.1)/amd64"}, "Windows"),
        ({"size": 4000 << 20, "platform": "windows(10.0.14393.1)/amd64"}, "Server Core"),
    ],
)
def test_the_type_of_windows_is_told_from_what_config_and_manifest_show(options: dict[str, Any], expected: str) -> None:
    assert windows_of(**options)["Type"] == expected
