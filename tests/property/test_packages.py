"""Readers of package databases against any bytes: packages, or one of our errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import packagefiles as made

from orlop.errors import OrlopError
from orlop.image.packages.licences import expression
from orlop.layer.packages import apk, dpkg, jar, npm, python, rpm
from orlop.layer.packages.golang import ProgramSink, packages
from orlop.layer.packages.package import KINDS, Distribution, Package, purl

if TYPE_CHECKING:
    from collections.abc import Callable

HEADERS = [made.rpm_header("a"), made.rpm_header("b" * 300, epoch=1)]
POM = made.pom("g", "a", "1")
READERS: dict[str, tuple[Callable[[bytes, str], Any], bytes]] = {
    "dpkg": (dpkg.parse, made.dpkg({"a": "1", "b": "2"})),
    "apk": (apk.parse, made.apk({"a": "1", "b": "2"})),
    "rpm-sqlite": (rpm.parse, made.rpm_sqlite(HEADERS)),
    "rpm-bdb": (rpm.parse, made.rpm_bdb(HEADERS, page=512)),
    "rpm-ndb": (rpm.parse, made.rpm_ndb(HEADERS)),
    "rpm-list": (rpm.parse_manifest, b"a\t1-1\t1\t1\tv\t(none)\t1\tx86_64\t0\ta-1-1.src.rpm\n"),
    "python": (python.parse, made.metadata("a", "1")),
    "npm": (npm.parse, made.package_json("a", "1")),
    "jar": (jar.parse, made.jar({POM[0]: POM[1], "x/b-1.jar": made.jar({})})),
}
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)), max_size=6)


def damaged(data: bytes, changes: list[tuple[int, bytes]], cut: int) -> bytes:
    made_new = bytearray(data)
    for at, new in changes:
        at %= len(made_new)
        made_new[at : at + len(new)] = new
    return bytes(made_new[: len(made_new) - cut % len(made_new)])


@pytest.mark.parametrize("name", READERS)
@given(CHANGES, st.just(0) | st.integers(0, 1 << 20))
def test_a_damaged_database_gives_packages_or_our_error(name: str, changes: list[tuple[int, bytes]], cut: int) -> None:
    read, data = READERS[name]
    check(read, damaged(data, changes, cut))


@pytest.mark.parametrize("name", READERS)
@given(st.binary(max_size=2000))
def test_any_bytes_give_packages_or_our_error(name: str, data: bytes) -> None:
    read, real = READERS[name]
    check(read, data)
    check(read, real[:24] + data)


def check(read: Callable[[bytes, str], Any], data: bytes) -> None:
    try:
        for package in read(data, "p"):
            assert package.name
            assert package.kind in KINDS
            assert (package.name + package.version + package.licence).isprintable()
            assert purl(package).startswith("pkg:")
    except OrlopError:
        pass


@given(CHANGES, st.integers(1, 5000))
def test_a_program_that_is_damaged_tells_modules_or_nothing(changes: list[tuple[int, bytes]], piece: int) -> None:
    data = damaged(made.elf(b"text", made.go_info()), changes, 0)
    sink = ProgramSink()
    for at in range(0, len(data), piece):
        sink.write(data[at : at + piece])
    sink.close()
    if sink.found is not None:
        list(packages(sink.found, "p"))


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from(KINDS), st.text(max_size=10))
def test_a_package_url_is_one_line_of_ascii(name: str, version: str, kind: str, system: str) -> None:
    found = purl(Package(name.replace("\ud800", ""), version, kind, source="s"), Distribution(system))
    assert found.isascii()
    assert not any(char.isspace() for char in found)


@given(
    st.lists(st.sampled_from(["MIT", "gpl-2.0-only", "AND", "or", "WITH", "(", ")", "Classpath-exception-2.0", "x"]))
)
def test_an_expression_is_read_again_as_itself(words: list[str]) -> None:
    found = expression(" ".join(words))
    assert expression(found) == found
