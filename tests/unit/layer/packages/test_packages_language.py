from __future__ import annotations

import pytest
from tests import packagefiles as made

from orlop.errors import InvalidDocumentError
from orlop.layer.packages import jar, npm, python
from orlop.layer.packages.package import Distribution, Package, purl


def test_python_tells_name_version_and_licence_of_the_head_alone() -> None:
    (package,) = python.parse(made.metadata("Foo_Bar", "1.0"), "p")
    assert (package.name, package.version, package.licence, package.kind) == ("Foo_Bar", "1.0", "MIT", "pypi")


def test_a_licence_expression_goes_before_the_old_field_and_unknown_is_none() -> None:
    (first,) = python.parse(made.metadata("a", "1", "License: old words\nLicense-Expression: BSD-3-Clause\n"), "p")
    (second,) = python.parse(made.metadata("a", "1", "License: UNKNOWN\n"), "p")
    assert (first.licence, second.licence) == ("BSD-3-Clause", "")


def test_a_file_that_names_no_distribution_is_damaged() -> None:
    with pytest.raises(InvalidDocumentError):
        list(python.parse(b"\n\nName: body\n", "p"))


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("app/node_modules/a/package.json", True),
        ("node_modules/@s/a/package.json", True),
        ("node_modules/a/node_modules/b/package.json", True),
        ("node_modules/.pnpm/a@1/node_modules/a/package.json", True),
        ("node_modules/a/lib/package.json", False),
        ("node_modules/.cache/package.json", False),
        ("app/package.json", False),
    ],
)
def test_only_a_package_of_its_own_is_told(path: str, is_one: bool) -> None:
    assert npm.is_place(path) is is_one


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"license": "MIT"}, "MIT"),
        ({"license": {"type": "MIT", "url": "x"}}, "MIT"),
        ({"license": None, "licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}, 7]}, "MIT OR GPL-2.0"),
        ({"license": 7}, ""),
    ],
)
def test_npm_tells_licences_of_old_and_new_forms(said: dict[str, object], licence: str) -> None:
    (package,) = npm.parse(made.package_json("a", "1", **said), "p")
    assert package.licence == licence


def test_npm_takes_a_byte_order_mark_and_a_repeated_key() -> None:
    (package,) = npm.parse(b'\xef\xbb\xbf{"name": "a", "version": "1", "version": "2"}', "p")
    assert package.version == "2"


def test_npm_leaves_out_what_has_no_version() -> None:
    assert list(npm.parse(b'{"type": "module"}', "p")) == []


@pytest.mark.parametrize("data", [b"{", b"[1]", b'"a"', b"[" * 200_000, b"\xff\xfe", b"9" * 10_000])
def test_what_is_no_object_is_damaged(data: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        list(npm.parse(data, "p"))


def test_a_jar_tells_what_maven_noted() -> None:
    name, data = made.pom("org.example", "thing", "1.2")
    (package,) = jar.parse(made.jar({name: data}), "opt/whatever.jar")
    assert (package.name, package.version, package.kind) == ("org.example:thing", "1.2", "maven")


def test_a_jar_without_a_note_is_named_by_its_file_or_its_manifest() -> None:
    manifest = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nImplementation-Version: 3.1\r\n"}
    (first,) = jar.parse(made.jar({}), "lib/commons-io-2.11.0.jar")
    (second,) = jar.parse(made.jar(manifest), "lib/driver.jar")
    assert [(p.name, p.version) for p in (first, second)] == [("commons-io", "2.11.0"), ("driver", "3.1")]


def test_a_jar_tells_of_jars_inside_one_level_down() -> None:
    inner = made.jar(dict([made.pom("g", "inner", "2")]))
    deeper = made.jar({"x-9.jar": inner})
    outer = made.jar(
        dict([made.pom("g", "outer", "1")]) | {"BOOT-INF/lib/inner.jar": inner, "BOOT-INF/lib/d-1.jar": deeper},
        before=b"#!/bin/sh\nexec java -jar $0\n",
    )
    found = [(p.name, p.version) for p in jar.parse(outer, "app.jar")]
    assert found == [("g:inner", "2"), ("d", "1"), ("g:outer", "1")] or sorted(found) == [
        ("d", "1"),
        ("g:inner", "2"),
        ("g:outer", "1"),
    ]


@pytest.mark.parametrize("data", [b"", b"PK", made.jar({"META-INF/MANIFEST.MF": b"a: b"})[:-10]])
def test_a_damaged_jar_is_said_so(data: bytes) -> None:
    with pytest.raises(InvalidDocumentError):
        list(jar.parse(data, "a.jar"))


def test_a_jar_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jar, "INNER_LIMIT", 100_000)
    inner = made.jar({"zeros": bytes(1000)})
    packed = made.jar({f"lib/{at}.jar": inner + bytes(50_000) for at in range(5)})
    with pytest.raises(InvalidDocumentError, match="unpacks to more"):
        list(jar.parse(packed, "a.jar"))


DEBIAN = Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)")


@pytest.mark.parametrize(
    ("package", "distribution", "expected"),
    [
        (
            Package("libc6", "2.36-9+deb12u3", "deb", "amd64", "glibc", "2.36-9+deb12u3"),
            DEBIAN,
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u3?arch=amd64&distro=debian-12&upstream=glibc",
        ),
        (
            Package("a", "1:2.0", "deb", "amd64", "a", "1:2.0"),
            DEBIAN,
            "pkg:deb/debian/a@1:2.0?arch=amd64&distro=debian-12",
        ),
        (
            Package("libssl3", "3.0-1+b1", "deb", "amd64", "openssl", "3.0-1"),
            Distribution(),
            "pkg:deb/libssl3@3.0-1%2Bb1?arch=amd64&upstream=openssl%403.0-1",
        ),
        (
            Package("musl", "1.2.4-r2", "apk", "x86_64", "musl", "1.2.4-r2"),
            Distribution("alpine", "3.18.4"),
            "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.18.4",
        ),
        (
            Package("perl", "4:5.32-1.el9", "rpm", "x86_64", "perl", "5.32-1.el9"),
            Distribution("rhel", "9.2"),
            "pkg:rpm/redhat/perl@5.32-1.el9?arch=x86_64&distro=rhel-9.2&epoch=4&upstream=perl-5.32-1.el9.src.rpm",
        ),
        (
            Package("zypper", "1-1", "rpm"),
            Distribution("opensuse-leap", "15.5"),
            "pkg:rpm/opensuse/zypper@1-1?distro=opensuse-leap-15.5",
        ),
        (Package("Ruamel_Yaml.clib", "0.2.7", "pypi"), DEBIAN, "pkg:pypi/ruamel-yaml.clib@0.2.7"),
        (Package("@angular/core", "12.0.0", "npm"), DEBIAN, "pkg:npm/%40angular/core@12.0.0"),
        (
            Package("github.com/Masterminds/semver", "v1.5.0", "golang"),
            DEBIAN,
            "pkg:golang/github.com/masterminds/semver@v1.5.0",
        ),
        (Package("stdlib", "", "golang"), DEBIAN, "pkg:golang/stdlib"),
        (Package("org.apache:commons", "1", "maven"), DEBIAN, "pkg:maven/org.apache/commons@1"),
    ],
)
def test_a_package_url_is_as_its_type_says(package: Package, distribution: Distribution, expected: str) -> None:
    assert purl(package, distribution) == expected
