"""Packages of an image: through layers, links and removals, and with no more downloads than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import packagefiles as made

from orlop import Cache, Client
from orlop.auth.keychain import Chain
from orlop.errors import InputError, LimitError
from orlop.image.packages import find
from orlop.testing import Registry
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import File, Link, Opaque, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orlop.image.packages.find import PackageList

STATUS = "var/lib/dpkg/status"
SITE = "usr/lib/python3/site-packages"


@pytest.fixture
def place() -> Iterator[Registry]:
    with start() as running:
        yield running


def pushed(place: Registry, *layers: Mapping[str, Any]) -> str:
    push_now(image([layer(files) for files in layers]), place, "x", tags=["1"])
    return f"{place.host}/x:1"


def ask(place: Registry, *layers: Mapping[str, Any], **options: Any) -> PackageList:
    with Client(credentials=Chain([])) as client:
        return client.packages(pushed(place, *layers), **options)


def told(found: PackageList) -> list[tuple[str, str, int]]:
    return [(package.name, package.version, package.layer) for package in found.packages]


def blobs(place: Registry) -> int:
    """How many layers were downloaded: requests of blobs, without the config's."""
    return sum("/blobs/" in request.target and request.method == "GET" for request in place.requests)


def test_a_package_appeared_in_the_layer_whose_database_first_has_it(place: Registry) -> None:
    found = ask(
        place,
        {STATUS: made.dpkg({"a": "1", "b": "1"}), "etc/os-release": made.DEBIAN},
        {STATUS: made.dpkg({"a": "1", "b": "2", "c": "1"})},
        {"other": b"x"},
        {STATUS: made.dpkg({"a": "1", "b": "2", "c": "1", "d": "1"})},
    )
    assert told(found) == [("a", "1", 0), ("b", "2", 1), ("c", "1", 1), ("d", "1", 3)]
    assert found.packages[0].purl == "pkg:deb/debian/a@1?arch=amd64&distro=debian-12"
    assert found.packages[3].layer_digest == found.image.layers[3].descriptor.digest
    assert found.distribution.name == "Debian GNU/Linux 12 (bookworm)"


def test_what_was_taken_away_and_came_again_appeared_when_it_came_again(place: Registry) -> None:
    both, one = made.dpkg({"a": "1", "b": "1"}), made.dpkg({"b": "1"})
    assert told(ask(place, {STATUS: both}, {STATUS: one}, {STATUS: both})) == [("a", "1", 2), ("b", "1", 0)]


def test_what_a_layer_removes_is_not_told(place: Registry) -> None:
    found = ask(
        place,
        {
            f"{SITE}/a-1.dist-info/METADATA": made.metadata("a", "1"),
            f"{SITE}/b-1.dist-info/METADATA": made.metadata("b", "1"),
            "app/node_modules/c/package.json": made.package_json("c", "1"),
            "app/node_modules/d/package.json": b"{",
        },
        {f"{SITE}/a-1.dist-info": Whiteout(), "app/node_modules": Opaque()},
    )
    assert told(found) == [("b", "1", 0)]
    assert found.notes == ()


def test_a_file_that_takes_the_place_of_a_folder_takes_its_packages(place: Registry) -> None:
    assert told(ask(place, {f"{SITE}/a-1.dist-info/METADATA": made.metadata("a", "1")}, {SITE: b"a file"})) == []


def test_one_layer_alone_and_some_kinds_alone(place: Registry) -> None:
    layers = (
        {STATUS: made.dpkg({"a": "1"}), "lib/apk/db/installed": made.apk({"k": "1"})},
        {f"{SITE}/b-1.dist-info/METADATA": made.metadata("b", "1")},
    )
    assert told(ask(place, *layers, layer=1)) == [("b", "1", 1)]
    assert told(ask(place, *layers, kinds=["apk", "pypi"])) == [("k", "1", 0), ("b", "1", 1)]
    with pytest.raises(InputError, match="0 to 1"):
        ask(place, *layers, layer=2)
    with pytest.raises(InputError, match="one of deb, apk"):
        ask(place, *layers, kinds=["cargo"])


def test_distroless_records_are_one_database(place: Registry) -> None:
    folder = "var/lib/dpkg/status.d"
    found = ask(
        place,
        {
            f"{folder}/base": b"Package: base-files\nVersion: 12\nArchitecture: amd64\n",
            f"{folder}/base.md5sums": b"x  y\n",
        },
        {f"{folder}/tzdata": b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n"},
    )
    assert told(found) == [("base-files", "12", 0), ("tzdata", "2024a", 1)]


def test_a_copy_of_a_system_database_counts_once(place: Registry) -> None:
    data = made.rpm_sqlite([made.rpm_header("a")])
    found = ask(place, {"var/lib/rpm/rpmdb.sqlite": data, "usr/lib/sysimage/rpm/rpmdb.sqlite": data})
    assert told(found) == [("a", "1.0-1.el9", 0)]


def test_two_copies_of_a_language_package_are_two(place: Registry) -> None:
    found = ask(place, {f"{at}/node_modules/a/package.json": made.package_json("a", "1") for at in ("x", "y")})
    assert [package.path for package in found.packages] == [
        "x/node_modules/a/package.json",
        "y/node_modules/a/package.json",
    ]


def test_the_os_release_is_found_through_links(place: Registry) -> None:
    found = ask(
        place,
        {"usr/lib/os-release": b"ID=old\n", "etc/os-release": Link("../usr/lib/os-release")},
        {"usr/lib/os-release": b"ID=new\nVERSION_ID=2\n"},
    )
    assert found.distribution[:2] == ("new", "2")


@pytest.mark.parametrize("link", ["os-release", "/etc/os-release", "../../../nowhere"])
def test_links_in_a_circle_are_no_distribution(place: Registry, link: str) -> None:
    assert not any(ask(place, {"etc/os-release": Link(link)}).distribution)


def test_a_damaged_os_release_is_a_note(place: Registry) -> None:
    found = ask(place, {"etc/os-release": b"\xff\xfe"})
    assert [(note.path, note.layer) for note in found.notes] == [("etc/os-release", 0)]


def test_a_hard_link_tells_what_its_target_tells(place: Registry) -> None:
    found = ask(
        place,
        {
            "a/store/1234": made.package_json("a", "1"),
            "b/node_modules/a/package.json": Link("a/store/1234", hard=True),
            "c/node_modules/a/package.json": Link("b/node_modules/a/package.json", hard=True),
            f"{SITE}/d-1.dist-info/METADATA": made.metadata("d", "1"),
            "zz/d-1.dist-info/METADATA": Link(f"{SITE}/d-1.dist-info/METADATA", hard=True),
        },
    )
    assert [(package.name, package.path.partition("/")[0]) for package in found.packages] == [
        ("d", "usr"),
        ("d", "zz"),
        ("a", "b"),
        ("a", "c"),
    ]


def test_a_path_through_a_link_of_its_own_layer_is_where_the_link_leads(place: Registry) -> None:
    found = ask(place, {"lib": Link("usr/lib"), "lib/apk/db/installed": made.apk({"a": "1"})})
    assert [package.path for package in found.packages] in (["usr/lib/apk/db/installed"], ["lib/apk/db/installed"])


def test_a_note_of_a_database_says_where_it_is(place: Registry) -> None:
    found = ask(place, {"x": b""}, {"var/lib/rpm/Packages": b"no database" * 100})
    assert str(found.notes[0]) == "/var/lib/rpm/Packages in layer 1: it is no hash database of Berkeley DB"


def test_a_mended_database_leaves_no_note(place: Registry) -> None:
    found = ask(place, {STATUS: b"broken"}, {STATUS: made.dpkg({"a": "1"})})
    assert (told(found), found.notes) == ([("a", "1", 1)], ())


def test_programs_of_go_are_told_once_however_many_names(place: Registry) -> None:
    program = File(made.elf(b"t", made.go_info()), 0o755)
    found = ask(place, {"bin/app": program, "bin/other": Link("bin/app", hard=True)}, kinds=["golang"])
    assert [package.name for package in found.packages][:2] == ["example.com/app", "example.com/local"]
    assert {package.path for package in found.packages} == {"bin/app"}


def test_names_that_are_no_utf8_are_kept(place: Registry) -> None:
    found = ask(place, {"caf\udce9/node_modules/a/package.json": made.package_json("a", "1")})
    assert found.packages[0].path.startswith("caf\udce9")


def test_an_image_without_layers_has_no_packages(place: Registry) -> None:
    assert ask(place).packages == ()


def test_too_many_packages_are_a_limit(place: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PACKAGES_LIMIT", 1)
    with pytest.raises(LimitError):
        ask(place, {STATUS: made.dpkg({"a": "1", "b": "1"})})


# --- what is fetched ---------------------------------------------------------------------------


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(credentials=Chain([]), cache=Cache(str(tmp_path / "cache"))) as made_client:
        yield made_client


LAYERS = (
    {STATUS: made.dpkg({"a": "1"}), "noise": bytes(range(256)) * 400},
    {f"{SITE}/b-1.dist-info/METADATA": made.metadata("b", "1")},
)


def test_a_second_question_downloads_nothing(place: Registry, client: Client) -> None:
    reference = pushed(place, *LAYERS)
    first = client.packages(reference)
    count = blobs(place)
    assert client.packages(reference).packages == first.packages
    assert client.packages(reference, kinds=["deb"], layer=0).packages == first.packages[:1]
    assert blobs(place) == count


def test_a_layer_that_two_images_share_is_read_once(place: Registry, client: Client) -> None:
    client.packages(pushed(place, *LAYERS))
    count = blobs(place)
    client.packages(pushed(place, *LAYERS, {"more": b"x"}))
    assert blobs(place) == count + 2  # the config and the new layer


def test_a_damaged_entry_of_the_cache_is_worked_out_again(place: Registry, client: Client, tmp_path: Path) -> None:
    reference = pushed(place, *LAYERS)
    first = client.packages(reference)
    kept = [path for path in (tmp_path / "cache" / "derived" / find.KIND).rglob("*") if path.is_file()]
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert client.packages(reference).packages == first.packages


def test_many_files_of_a_known_layer_are_read_in_one_pass(place: Registry, client: Client, tmp_path: Path) -> None:
    names = [f"p{at:03}" for at in range(100)]
    reference = pushed(place, {f"node_modules/{name}/package.json": made.package_json(name, "1") for name in names})
    client.packages(reference)
    for path in (tmp_path / "cache" / "derived" / find.KIND).rglob("*"):
        if path.is_file():
            path.unlink()
    count = blobs(place)
    assert len(client.packages(reference).packages) == 100
    assert blobs(place) <= count + 1
