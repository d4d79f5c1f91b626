from __future__ import annotations

from typing import Any

import pytest
from tests import packagefiles as made

from orlop.errors import LimitError
from orlop.layer.entry import FILE, NO_XATTRS, Entry
from orlop.layer.packages import evidence
from orlop.layer.packages.evidence import Gatherer, Told, told_by

STATUS = "var/lib/dpkg/status"


def entry(path: str, size: int, mode: int = 0o644) -> Entry:
    return Entry(path, FILE, mode, 0, 0, "", "", size, 0, "", 0, 0, NO_XATTRS, 0, 512, size, None, path)


def give(gatherer: Gatherer, path: str, data: bytes, mode: int = 0o644) -> bool:
    sink = gatherer.wanted(entry(path, len(data), mode))
    if sink is None:
        return False
    sink.write(data[:10])
    sink.write(data[10:])
    sink.close()
    return True


def told(files: dict[str, bytes], **options: Any) -> Told:
    gatherer = Gatherer("layer", **options)
    for path, data in files.items():
        give(gatherer, path, data)
    return gatherer.finish()


@pytest.mark.parametrize(
    ("path", "mode", "what"),
    [
        (STATUS, 0o644, "deb"),
        ("var/lib/dpkg/status.d/tzdata", 0o644, "deb"),
        ("var/lib/dpkg/status.d/tzdata.md5sums", 0o644, ""),
        ("var/lib/dpkg/status.d/a/b", 0o644, ""),
        ("opt/var/lib/dpkg/status", 0o644, ""),
        ("lib/apk/db/installed", 0o644, "apk"),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", 0o644, "rpm"),
        ("var/lib/rpm/Packages", 0o644, "rpm"),
        ("var/lib/rpm/Name", 0o644, ""),
        ("usr/lib/python3/dist-packages/a-1.dist-info/METADATA", 0o644, "pypi"),
        ("usr/lib/python3/dist-packages/a-1.egg-info", 0o644, "pypi"),
        ("usr/lib/python3/dist-packages/a-1.egg-info/PKG-INFO", 0o644, "pypi"),
        ("METADATA", 0o644, ""),
        ("app/node_modules/a/package.json", 0o755, "npm"),
        ("app/package.json", 0o644, ""),
        ("opt/a.jar", 0o755, "maven"),
        ("etc/os-release", 0o644, "system"),
        ("usr/bin/thing", 0o755, "program"),
        ("Files/thing.exe", 0o0, "program"),
        ("usr/bin/data", 0o644, ""),
    ],
)
def test_a_path_says_what_it_tells_of(path: str, mode: int, what: str) -> None:
    assert told_by(path, mode) == what


def test_files_are_read_as_they_come() -> None:
    program = made.elf(b"t", made.go_info())
    found = told(
        {
            STATUS: made.dpkg({"a": "1"}),
            "lib/apk/db/installed": made.apk({"b": "1"}),
            "var/lib/rpm/rpmdb.sqlite": made.rpm_sqlite([made.rpm_header("c")]),
            "x/d-1.dist-info/METADATA": made.metadata("d", "1"),
            "node_modules/e/package.json": made.package_json("e", "1"),
            "f-1.jar": made.jar({}),
            "etc/os-release": made.DEBIAN,
        }
    )
    assert [[package.name for package in packages] for packages in found.packages.values()] == [
        ["a"],
        ["b"],
        ["d"],
        ["e"],
        ["f"],
        ["c"],
    ]
    assert found.systems == {"etc/os-release": made.DEBIAN}
    gatherer = Gatherer("layer")
    assert give(gatherer, "usr/bin/go-app", program, 0o755)
    assert gatherer.finish().packages["usr/bin/go-app"][0].name == "example.com/app"


def test_only_the_kinds_that_are_asked_for_are_read() -> None:
    gatherer = Gatherer("layer", ["deb"])
    assert give(gatherer, STATUS, made.dpkg({"a": "1"}))
    assert not give(gatherer, "lib/apk/db/installed", made.apk({"b": "1"}))
    assert not give(gatherer, "bin/x", made.elf(b"t", made.go_info()), 0o755)


def test_damage_is_a_note_and_what_came_before_it_stays() -> None:
    good, bad = made.rpm_header("a"), b"\0" * 8
    found = told({"var/lib/rpm/Packages.db": made.rpm_ndb([good, bad]), "a/node_modules/b/package.json": b"{"})
    assert [package.name for package in found.packages["var/lib/rpm/Packages.db"]] == ["a"]
    assert found.notes == {
        "var/lib/rpm/Packages.db": "a header in it names no package",
        "a/node_modules/b/package.json": "it is no JSON",
    }


def test_a_database_that_is_too_large_is_a_note() -> None:
    gatherer = Gatherer("layer")
    assert gatherer.wanted(entry(STATUS, 2**40)) is None
    assert "was not read" in gatherer.finish().notes[STATUS]


def test_the_later_of_two_members_of_one_path_counts() -> None:
    gatherer = Gatherer("layer")
    give(gatherer, STATUS, made.dpkg({"old": "1"}))
    give(gatherer, STATUS, made.dpkg({"new": "1"}))
    assert [package.name for package in gatherer.finish().packages[STATUS]] == ["new"]


def test_the_description_of_a_distribution_is_not_kept() -> None:
    gatherer = Gatherer("layer")
    data = made.metadata("a", "1") + b"x" * 1_000_000
    assert give(gatherer, "a-1.dist-info/METADATA", data)
    assert gatherer.finish().packages["a-1.dist-info/METADATA"][0].name == "a"


def test_a_journal_without_its_database_is_a_note() -> None:
    assert list(told({"var/lib/rpm/rpmdb.sqlite-wal": b"x" * 100}).notes) == ["var/lib/rpm/rpmdb.sqlite-wal"]


def test_too_many_packages_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PACKAGES_LIMIT", 3)
    with pytest.raises(LimitError):
        told({STATUS: made.dpkg({f"p{at}": "1" for at in range(4)})})


def test_what_is_kept_of_a_layer_comes_back() -> None:
    before = told(
        {STATUS: made.dpkg({"a": "1"}), "etc/os-release": b"\xff", "x\udcff/node_modules/b/package.json": b"{"}
    )
    after = Told.load(before.dump())
    assert after is not None
    assert (after.packages, after.notes, after.systems) == (before.packages, before.notes, before.systems)


@pytest.mark.parametrize("damage", [b"", b"x" * 40])
def test_what_is_damaged_in_the_cache_is_none(damage: bytes) -> None:
    assert Told.load(damage) is None
    data = bytearray(told({STATUS: made.dpkg({"a": "1"})}).dump())
    data[5] ^= 1
    assert Told.load(bytes(data)) is None
