from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import packagefiles as made

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Harbour, Orlop

VECTORS = os.environ.get("ORLOP_VECTORS", "")
BASE = {"etc/os-release": made.DEBIAN, "var/lib/dpkg/status": made.dpkg({"bash": "5.2-2", "libc6": "2.36-9"})}
TOP = {
    "app/node_modules/@s/thing/package.json": made.package_json("@s/thing", "1.0.0"),
    "app/node_modules/bad/package.json": b"{",
}


@pytest.fixture(scope="module")
def ref() -> Iterator[str]:
    with start() as running:
        push_now(image([layer(BASE), layer(TOP)], platform="linux/amd64"), running, "team/app", tags=["1"])
        yield f"{running.host}/team/app:1"


def test_a_table_has_the_distribution_and_a_row_for_each_package(orlop: Orlop, ref: str) -> None:
    said = orlop("image", "packages", ref, "-o", "table")
    assert said.status == 0
    lines = said.text.splitlines()
    assert lines[0] == f"Reference     {ref}"
    assert lines[2:] == [
        "Platform      linux/amd64",
        "Distribution  Debian GNU/Linux 12 (bookworm)",
        "Packages      3",
        "",
        "NAME      VERSION  KIND  ARCH   LAYER",
        "bash      5.2-2    deb   amd64      0",
        "libc6     2.36-9   deb   amd64      0",
        "@s/thing  1.0.0    npm              1",
    ]


def test_plain_has_a_line_for_each_package(orlop: Orlop, ref: str) -> None:
    said = orlop("image", "packages", ref)
    assert said.text == "bash\t5.2-2\tdeb\tamd64\t0\nlibc6\t2.36-9\tdeb\tamd64\t0\n@s/thing\t1.0.0\tnpm\t\t1\n"


def test_what_could_not_be_read_is_a_warning_and_a_note(orlop: Orlop, ref: str) -> None:
    said = orlop("image", "packages", ref, "-o", "json")
    assert said.notes == "warning: /app/node_modules/bad/package.json in layer 1: it is no JSON\n"
    assert said.json["notes"] == [{"path": "/app/node_modules/bad/package.json", "layer": 1, "reason": "it is no JSON"}]


def test_json_tells_all_of_a_package(orlop: Orlop, ref: str) -> None:
    found = orlop("image", "packages", ref, "-o", "json").json
    assert found["reference"] == ref
    assert found["distribution"] == {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}
    first = found["packages"][0]
    assert first.pop("layer")["index"] == 0
    assert first == {
        "name": "bash",
        "version": "5.2-2",
        "kind": "deb",
        "architecture": "amd64",
        "source": "bash",
        "sourceVersion": "5.2-2",
        "licence": "",
        "path": "/var/lib/dpkg/status",
        "purl": "pkg:deb/debian/bash@5.2-2?arch=amd64&distro=debian-12",
    }


def test_a_template_is_filled_for_each_package(orlop: Orlop, ref: str) -> None:
    said = orlop("image", "packages", ref, "--kind", "deb", "--format", "{name}={version} {layer.index}")
    assert said.text == "bash=5.2-2 0\nlibc6=2.36-9 0\n"
    assert orlop("image", "packages", ref, "--format", "{nothing}").status == 2


def test_kinds_and_a_layer_restrict(orlop: Orlop, ref: str) -> None:
    assert orlop("image", "packages", ref, "--kind", "npm", "--format", "{name}").text == "@s/thing\n"
    assert orlop("image", "packages", ref, "--kind", "apk", "--kind", "rpm").text == ""
    assert orlop("image", "packages", ref, "--layer", "0", "--format", "{name}").text == "bash\nlibc6\n"
    said = orlop("image", "packages", ref, "--layer", "7")
    assert (said.status, said.text) == (2, "")
    assert "its layers are 0 to 1" in said.notes


@pytest.mark.parametrize(("output", "field"), [("cyclonedx", "bomFormat"), ("spdx", "spdxVersion")])
def test_a_bill_of_materials_is_one_document_and_the_same_again(
    orlop: Orlop, ref: str, output: str, field: str
) -> None:
    first = orlop("image", "packages", ref, "-o", output)
    assert first.status == 0
    assert field in first.json
    assert orlop("image", "packages", ref, "-o", output).raw == first.raw
    assert orlop("image", "packages", ref, "-o", output, terminal=True).text.startswith("{\n")


@pytest.mark.parametrize("output", ["cyclonedx", "spdx"])
def test_source_date_epoch_is_the_time_of_a_bill(orlop: Orlop, ref: str, output: str) -> None:
    said = orlop("image", "packages", ref, "-o", output, env={"SOURCE_DATE_EPOCH": "86400"})
    assert "1970-01-02T00:00:00Z" in said.text
    wrong = orlop("image", "packages", ref, "-o", output, env={"SOURCE_DATE_EPOCH": "today"})
    assert (wrong.status, wrong.text) == (2, "")
    assert "a value of SOURCE_DATE_EPOCH" in wrong.notes


def test_many_references_are_a_line_each(orlop: Orlop, ref: str) -> None:
    missing = ref.replace(":1", ":none")
    said = orlop("image", "packages", ref, missing, "--ordered")
    assert said.status == 3
    first, second = said.lines
    assert (first["reference"], len(first["packages"]), len(first["notes"])) == (ref, 3, 1)
    assert second["error"]["status"] == 3
    assert orlop("image", "packages", ref, ref, "-o", "spdx").status == 2


def test_a_choice_of_platform_has_to_fit(orlop: Orlop, ref: str, harbour: Harbour) -> None:
    assert orlop("image", "packages", ref, "--platform", "linux/arm64").status == 2
    assert orlop("image", "packages", f"{harbour.name}:latest").status == 2
    assert orlop("image", "packages", f"{harbour.name}:latest", "--platform", "linux/amd64").status == 0


def test_nothing_in_an_image_commands_the_terminal(orlop: Orlop) -> None:
    files = {
        "etc/os-release": b"ID=x\nPRETTY_NAME=\x1b[2J\n",
        "a/node_modules/b/package.json": made.package_json("\x1b]0;x\x07", "1\u202e"),
        "a/node_modules/\x1b[31m/package.json": b"{",
    }
    with start() as own:
        push_now(image([layer(files)]), own, "x", tags=["1"])
        for output in ("table", "plain", "json", "cyclonedx", "spdx"):
            said = orlop("image", "packages", f"{own.host}/x:1", "-o", output, terminal=True)
            assert said.status == 0
            assert "\x1b" not in (said.text + said.notes).replace("\x1b[1m", "").replace("\x1b[0m", "")
            assert "\u202e" not in said.text


# --- real images -------------------------------------------------------------------------------


@pytest.mark.skipif(not VECTORS, reason="ORLOP_VECTORS does not name the folder of real documents")
def test_packages_of_a_real_alpine_image(orlop: Orlop) -> None:
    path = Path(VECTORS) / "archives" / "trivy-alpine-310.tar.gz"
    said = orlop("image", "packages", f"docker-archive:{path}", "-o", "json")
    with tarfile.open(path) as archive:
        layers = json.loads(member(archive, "manifest.json"))[0]["Layers"]
        with tarfile.open(fileobj=io.BytesIO(member(archive, layers[0]))) as inside:
            lines = member(inside, "lib/apk/db/installed").decode().splitlines()
    stated = [line[2:] for line in lines if line.startswith(("P:", "V:"))]
    found = said.json["packages"]
    assert len(found) == 14
    assert {(one["name"], one["version"]) for one in found} == set(zip(stated[0::2], stated[1::2], strict=True))
    assert {one["licence"] for one in found} == {line[2:] for line in lines if line.startswith("L:")}
    assert "pkg:apk/alpine/musl@1.1.22-r3?arch=x86_64&distro=alpine-3.10.4" in {one["purl"] for one in found}


def member(archive: tarfile.TarFile, name: str) -> bytes:
    opened = archive.extractfile(name)
    assert opened is not None
    return opened.read()
