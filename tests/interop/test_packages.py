"""Packages against the programs whose databases they are: dpkg-query, rpm, go version, pip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import packagefiles as made
from tests.interop.peers import program

from orlop import Client
from orlop.auth.keychain import Chain
from orlop.layer.packages.rpmsqlite import headers
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import File, directory_layer, layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.image.packages.find import PackageList
    from orlop.testing.layers import LayerBlob

SPEC = """
Name: {name}
Version: 1.5
Release: 3
Epoch: 2
Summary: a package
License: GPLv2+ and MIT
BuildArch: noarch
%description
It.
%files
"""


def run(*command: str, **options: Any) -> str:
    said: str = subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout
    return said


def asked(*layers: LayerBlob, **options: Any) -> PackageList:
    with start() as place, Client(credentials=Chain([])) as client:
        push_now(image(list(layers)), place, "x", tags=["1"])
        return client.packages(f"{place.host}/x:1", **options)


def one_layer(files: Mapping[str, Any], **options: Any) -> PackageList:
    return asked(layer(files), **options)


def dpkg_list(root: Path) -> list[tuple[str, ...]]:
    fields = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"
    rows = run(program("dpkg-query"), "--admindir", str(root / "var/lib/dpkg"), "-W", "-f", fields).splitlines()
    split = [tuple(row.split("\t")) for row in rows]
    return sorted(row[1:] for row in split if row[0] not in {"config-files", "not-installed"})


def told_deb(found: PackageList) -> list[tuple[str, ...]]:
    return sorted((p.name, p.version, p.architecture, p.source, p.source_version) for p in found.packages)


def test_this_machine_is_told_as_dpkg_query_tells_it() -> None:
    expected = dpkg_list(Path("/"))
    found = one_layer({"var/lib/dpkg/status": Path("/var/lib/dpkg/status").read_bytes()}, kinds=["deb"])
    assert told_deb(found) == expected
    assert len(expected) > 50


@pytest.mark.timeout(600)
def test_a_tree_of_debootstrap_is_told_as_dpkg_query_tells_it(tmp_path: Path) -> None:
    command = program("debootstrap")
    if os.geteuid():
        pytest.skip("debootstrap needs root")
    tree = tmp_path / "tree"
    made_tree = subprocess.run(
        [command, "--variant=minbase", "--include=python3-minimal", "bookworm", str(tree)],
        capture_output=True,
        check=False,
    )
    if made_tree.returncode:
        pytest.skip(f"debootstrap: {made_tree.stdout[-200:]!r}")
    blob = directory_layer(
        str(tree), keep=lambda path: path.startswith(("var/lib/dpkg/status", "usr/lib/", "usr/bin/")), limit=200 * 2**20
    )
    found = asked(blob)
    assert told_deb(found) == dpkg_list(tree)
    assert found.distribution[:2] == ("debian", "12")
    assert found.notes == ()


# --- rpm ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that rpm itself wrote, of packages that rpmbuild built."""
    folder = tmp_path_factory.mktemp("rpm")
    rpmbuild, rpm = program("rpmbuild"), program("rpm")
    for name in ("first", "second", "third-with-a-long-name"):
        spec = folder / f"{name}.spec"
        spec.write_text(SPEC.format(name=name))
        run(rpmbuild, "-bb", "--define", f"_topdir {folder}", str(spec))
    packages = [str(path) for path in (folder / "RPMS").rglob("*.rpm")]
    where = folder / "db"
    run(rpm, "--dbpath", str(where), "--initdb")
    run(rpm, "--dbpath", str(where), "-i", "--justdb", "--nodeps", *packages)
    return where


def rpm_list(where: Path, *more: str) -> list[tuple[str, ...]]:
    form = "%{NAME}\t%{EPOCH}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{LICENSE}\n"
    rows = run(program("rpm"), "--dbpath", str(where), *more, "-qa", "--qf", form).splitlines()
    return sorted(tuple(row.split("\t")) for row in rows)


def told_rpm(found: PackageList) -> list[tuple[str, ...]]:
    return sorted((p.name, p.version, p.architecture, p.licence) for p in found.packages)


def test_a_database_of_rpm_is_told_as_rpm_tells_it(database: Path) -> None:
    files = {f"var/lib/rpm/{path.name}": path.read_bytes() for path in database.iterdir() if path.is_file()}
    found = one_layer(files)
    assert told_rpm(found) == rpm_list(database)
    assert len(found.packages) == 3
    assert {package.source for package in found.packages} == {package.name for package in found.packages}
    assert found.notes == ()


@pytest.mark.parametrize("order", ["<", ">"])
def test_berkeley_databases_are_told_as_rpm_reads_them(database: Path, tmp_path: Path, order: str) -> None:
    records = list(headers((database / "rpmdb.sqlite").read_bytes(), "p", wal(database)))
    data = made.rpm_bdb(records, order=order)
    (tmp_path / "Packages").write_bytes(data)
    found = one_layer({"var/lib/rpm/Packages": data})
    assert told_rpm(found) == rpm_list(database)
    if order == "<" or sys.byteorder == "big":
        assert rpm_list(tmp_path, "--define", "_db_backend bdb_ro") == rpm_list(database)


def wal(database: Path) -> bytes:
    path = database / "rpmdb.sqlite-wal"
    return path.read_bytes() if path.exists() else b""


# --- go, python --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["linux/amd64", "linux/386", "linux/s390x", "linux/ppc64le", "windows/amd64"])
def test_a_program_is_told_as_go_version_tells_it(tmp_path: Path, target: str) -> None:
    go = "/usr/local/go/bin/go" if Path("/usr/local/go/bin/go").exists() else program("go")
    (tmp_path / "go.mod").write_text("module example.com/thing\n\ngo 1.18\n")
    (tmp_path / "main.go").write_text('package main\n\nfunc main() { println("x") }\n')
    system, _, architecture = target.partition("/")
    environment = {
        **os.environ,
        "GOOS": system,
        "GOARCH": architecture,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false",
    }
    run(go, "build", "-o", "out", ".", cwd=tmp_path, env=environment)
    said = run(go, "version", "-m", str(tmp_path / "out"))
    name = "Files/out.exe" if system == "windows" else "usr/bin/out"
    found = one_layer({name: File((tmp_path / "out").read_bytes(), 0o644 if system == "windows" else 0o755)})
    version = said.split("\n")[0].rpartition("go")[2].split(" ")[0]
    assert [(package.name, package.version) for package in found.packages] == [
        ("example.com/thing", ""),
        ("stdlib", version),
    ]


def test_the_modules_of_a_great_program_are_told_as_go_version_tells_them() -> None:
    go, crane = program("go"), Path(program("crane"))
    expected = []
    for line in run(go, "version", "-m", str(crane)).splitlines():
        fields = line.split("\t")
        if len(fields) > 3 and fields[1] in {"mod", "dep"}:
            expected.append((fields[2], fields[3]))
        elif len(fields) > 3 and fields[1] == "=>":
            expected[-1] = (fields[2], fields[3])
    found = one_layer({"usr/bin/crane": File(crane.read_bytes(), 0o755)})
    told = [(package.name, package.version) for package in found.packages if package.name != "stdlib"]
    assert sorted(told) == sorted(expected)
    assert len(told) > 10


def test_this_environment_is_told_as_its_own_metadata_tells_it() -> None:
    from importlib.metadata import distributions

    site = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    expected = sorted({(one.metadata["Name"], one.version) for one in distributions(path=[str(site)])})
    found = asked(directory_layer(str(site), "site", keep=lambda path: path.endswith(("/METADATA", "/PKG-INFO"))))
    top = [(p.name, p.version) for p in found.packages if p.kind == "pypi" and p.path.count("/") == 2]
    assert sorted(top) == expected
