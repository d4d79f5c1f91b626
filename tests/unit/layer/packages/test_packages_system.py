from __future__ import annotations

import sqlite3
from struct import pack, pack_into
from typing import TYPE_CHECKING

import pytest
from tests import packagefiles as made

from orlop.errors import InvalidDocumentError
from orlop.layer.packages import apk, dpkg, rpm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orlop.layer.packages.package import Package

HEADERS = [
    made.rpm_header("bash", "5.1.8", "6.el9"),
    made.rpm_header("gpg-pubkey", "fd431d51", "4ae0493b"),
    made.rpm_header("perl", "5.32", "1.el9", epoch=4, arch="noarch"),
]
READ = [("bash", "5.1.8-6.el9", "x86_64"), ("perl", "4:5.32-1.el9", "noarch")]
PAGE = 4096


def names(packages: list[Package]) -> list[tuple[str, str, str]]:
    return [(package.name, package.version, package.architecture) for package in packages]


def test_dpkg_tells_name_version_architecture_and_source() -> None:
    data = made.dpkg({"libc6": "2.36-9"}) + (
        b"\nPackage: libssl3\nStatus: hold ok installed\nVersion: 3.0.11-1+b1\nArchitecture: arm64\nSource: openssl (3.0.11-1)\n"
    )
    first, second = dpkg.parse(data, "var/lib/dpkg/status")
    assert (first.name, first.version, first.architecture, first.kind) == ("libc6", "2.36-9", "amd64", "deb")
    assert (first.source, first.source_version) == ("libc6", "2.36-9")
    assert (second.source, second.source_version, second.path) == ("openssl", "3.0.11-1", "var/lib/dpkg/status")


@pytest.mark.parametrize("status", ["deinstall ok config-files", "purge ok not-installed", ""])
def test_dpkg_leaves_out_what_has_no_files(status: str) -> None:
    assert list(dpkg.parse(made.dpkg({"gone": "1"}, status), "s")) == []


@pytest.mark.parametrize("status", ["install ok half-configured", "install ok triggers-pending", "install ok unpacked"])
def test_dpkg_tells_what_is_unpacked_and_not_configured(status: str) -> None:
    assert len(list(dpkg.parse(made.dpkg({"half": "1"}, status), "s"))) == 1


def test_a_distroless_record_without_a_status_is_installed() -> None:
    (package,) = dpkg.parse(b"Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n", "var/lib/dpkg/status.d/tzdata")
    assert package.name == "tzdata"


def test_dpkg_reads_windows_line_ends_and_any_case() -> None:
    (package,) = dpkg.parse(b"package: a\r\nSTATUS: install ok installed\r\nversion:  1 \r\n\r\n", "s")
    assert (package.name, package.version) == ("a", "1")


def test_dpkg_takes_bytes_that_are_no_utf8() -> None:
    (package,) = dpkg.parse(b"Package: caf\xe9\nVersion: 1\n", "s")
    assert package.name == "caf�"


def test_a_field_is_kept_to_one_line_of_bounded_length() -> None:
    (package,) = dpkg.parse(b"Package: a\x1b[2J\rb\nVersion: " + b"9" * 100_000 + b"\n", "s")
    assert "\r" not in package.name
    assert len(package.version) == 1024


def test_a_long_run_of_blanks_costs_no_time() -> None:
    assert list(dpkg.parse(b"Package:" + b" " * 2_000_000 + b"x\nVersion: 1\n" + b"\n" + b" \n" * 500_000, "s"))


@pytest.mark.parametrize("parse", [dpkg.parse, apk.parse])
def test_what_is_no_database_is_said_so(parse: Callable[[bytes, str], list[Package]]) -> None:
    with pytest.raises(InvalidDocumentError, match="no record"):
        list(parse(b"\x89PNG something else", "x"))
    assert list(parse(b"", "x")) == list(parse(b"\n\n", "x")) == []


def test_apk_tells_name_version_architecture_licence_and_origin() -> None:
    (package,) = apk.parse(made.apk({"musl-utils": "1.2.4-r2"}), "lib/apk/db/installed")
    assert (package.name, package.version, package.architecture) == ("musl-utils", "1.2.4-r2", "x86_64")
    assert (package.licence, package.source, package.kind) == ("MIT", "musl-utils-src", "apk")


# --- rpm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "database",
    [
        made.rpm_sqlite(HEADERS),
        made.rpm_bdb(HEADERS),
        made.rpm_bdb(HEADERS, order=">"),
        made.rpm_bdb(HEADERS, page=512),
        made.rpm_ndb(HEADERS),
    ],
    ids=["sqlite", "bdb", "bdb-big-endian", "bdb-small-pages", "ndb"],
)
def test_each_form_of_the_database_tells_the_same(database: bytes) -> None:
    assert names(list(rpm.parse(database, "p"))) == READ


def test_rpm_tells_licence_and_source() -> None:
    header = made.rpm_header("libuuid", source="util-linux-2.32.1-42.el8.src.rpm", licence="BSD")
    (package,) = rpm.parse(made.rpm_sqlite([header]), "p")
    assert (package.source, package.source_version, package.licence) == ("util-linux", "2.32.1-42.el8", "BSD")


@pytest.mark.parametrize("form", [made.rpm_sqlite, made.rpm_bdb, made.rpm_ndb])
def test_an_empty_database_has_no_packages(form: Callable[[list[bytes]], bytes]) -> None:
    assert list(rpm.parse(form([]), "p")) == []


def test_records_in_the_journal_count(tmp_path: Path) -> None:
    path = tmp_path / "rpmdb.sqlite"
    path.write_bytes(made.rpm_sqlite([HEADERS[0]]))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("INSERT INTO Packages (blob) VALUES (?)", (HEADERS[2] + b"\0" * 9000,))
    connection.commit()
    data, journal = path.read_bytes(), (tmp_path / "rpmdb.sqlite-wal").read_bytes()
    connection.close()
    assert names(list(rpm.parse(data, "p"))) == READ[:1]
    assert names(list(rpm.parse(data, "p", journal=journal))) == READ
    # A frame of a commit that was not completed is none of the database's.
    cut = journal[: -(24 + 4096)]
    assert names(list(rpm.parse(data, "p", journal=cut))) == READ[:1]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE VIEW Packages AS WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM r) SELECT n AS hnum, x'00' AS blob FROM r",
        "CREATE TABLE Other (x)",
        "CREATE VIRTUAL TABLE Packages USING fts5(hnum, blob)",
    ],
)
def test_a_database_that_would_work_without_end_is_refused(script: str) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(script)
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no such module")
    data = connection.serialize()
    connection.close()
    with pytest.raises(InvalidDocumentError, match="no table Packages"):
        list(rpm.parse(data, "p"))


def test_a_record_that_is_no_blob_is_refused() -> None:
    data = made.rpm_sqlite([])
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    connection.execute("INSERT INTO Packages (blob) VALUES (7)")
    connection.commit()
    with pytest.raises(InvalidDocumentError, match="no blob"):
        list(rpm.parse(connection.serialize(), "p"))
    connection.close()


def test_a_schema_that_is_no_utf8_is_read_or_refused() -> None:
    data = made.rpm_sqlite(HEADERS).replace(b"AUTOINCREMENT", b"AUTO\x80NCREMENT")
    with pytest.raises(InvalidDocumentError):
        list(rpm.parse(data, "p"))


@pytest.mark.parametrize("form", [made.rpm_sqlite, made.rpm_bdb, made.rpm_ndb])
def test_a_database_that_is_cut_short_is_damaged(form: Callable[[list[bytes]], bytes]) -> None:
    data = form(HEADERS * 40)
    with pytest.raises(InvalidDocumentError):
        list(rpm.parse(data[: len(data) // 2 // 16 * 16], "p"))


def test_pages_in_a_circle_end() -> None:
    data = bytearray(made.rpm_bdb([made.rpm_header("a" * 5000)]))
    pack_into("<I", data, 2 * PAGE + 16, 2)  # the record's first page follows itself
    pack_into("<I", data, PAGE + PAGE - 5 - 5 - 5 - 12 + 8, 2**30)  # and is a GiB long
    with pytest.raises(InvalidDocumentError):
        list(rpm.parse(bytes(data), "p"))


def test_records_that_overlap_are_refused() -> None:
    data = bytearray(made.rpm_ndb([made.rpm_header("a", licence="x" * 3000)]))
    slot = data[32:48]
    for number in range(3):
        data[32 + 16 * number : 48 + 16 * number] = slot
    with pytest.raises(InvalidDocumentError, match="overlap"):
        list(rpm.parse(bytes(data), "p"))


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "cut short"),
        (pack(">II", 0, 0), "names no package"),
        (pack(">II", 70_000, 0), "longer than its record"),
        (pack(">II", 1, 100) + bytes(16), "longer than its record"),
    ],
)
def test_a_damaged_header_is_said_so(blob: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        rpm.header(blob, "p")


def test_an_offset_behind_the_data_is_passed_over() -> None:
    header = bytearray(made.rpm_header("a"))
    entries = int.from_bytes(header[:4], "big")
    for at in range(entries):
        if int.from_bytes(header[8 + 16 * at : 12 + 16 * at], "big") == 1014:
            header[16 + 16 * at : 20 + 16 * at] = pack(">I", 0x7FFFFFFF)
    package = rpm.header(bytes(header), "p")
    assert package is not None
    assert (package.name, package.licence) == ("a", "")


def test_the_list_of_an_image_without_rpm_is_read() -> None:
    line = b"bash\t5.1.8-4.cm2\t1693509434\t1688149201\tMicrosoft Corporation\t(none)\t4194304\tx86_64\t0\tbash-5.1.8-4.cm2.src.rpm\n"
    (package,) = rpm.parse_manifest(line, "var/lib/rpmmanifest/container-manifest-2")
    assert (package.name, package.version, package.source) == ("bash", "5.1.8-4.cm2", "bash")
    with pytest.raises(InvalidDocumentError):
        list(rpm.parse_manifest(b"bash\n", "p"))
