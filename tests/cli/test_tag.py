from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now

if TYPE_CHECKING:
    from tests.cli.conftest import Harbour, Orlop


def test_tags_are_one_a_line(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", harbour.name)
    assert (said.status, said.notes) == (0, "")
    assert said.text.splitlines() == ["0.9", "1.0.0", "1.10.0", "1.10.0-rc1", "1.2.0", "latest"]


def test_json_is_an_array_of_strings(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", harbour.single, "-o", "json").raw == b'["latest"]\n'


def test_raw_is_the_registrys_page(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", harbour.single, "-o", "raw").json == {"name": "team/one", "tags": ["latest"]}


def test_raw_does_not_go_with_a_choice(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", harbour.single, "-o", "raw", "--sort", "name").status == 2


def test_all_pages_are_read(orlop: Orlop) -> None:
    with start(page_limit=7) as small:
        push_now(image(), small, "a", tags=[f"t{n:02}" for n in range(30)])
        assert orlop("tag", "list", f"{small.host}/a").text.split() == [f"t{n:02}" for n in range(30)]
        pages = orlop("tag", "list", f"{small.host}/a", "-o", "raw")
        assert pages.raw.count(b'"name"') == 5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--include", "1.*"), ["1.0.0", "1.10.0", "1.10.0-rc1", "1.2.0"]),
        (("--include", "1.0*", "--include", "lat*"), ["1.0.0", "latest"]),
        (("--exclude", "*-rc*", "--exclude", "latest"), ["0.9", "1.0.0", "1.10.0", "1.2.0"]),
        (("--sort", "version"), ["latest", "0.9", "1.0.0", "1.2.0", "1.10.0-rc1", "1.10.0"]),
        (("--sort", "name", "--include", "1.1*"), ["1.10.0", "1.10.0-rc1"]),
        (("--include", "none"), []),
    ],
)
def test_tags_are_chosen_and_sorted(
    orlop: Orlop, harbour: Harbour, options: tuple[str, ...], expected: list[str]
) -> None:
    assert orlop("tag", "list", harbour.name, *options).text.split() == expected


def test_long_tells_digest_date_and_size(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", harbour.name, "--long", "--include", "latest", "--platform", "linux/arm64")
    layers = harbour.child("linux/arm64/v8").document["layers"]
    size = sum(layer["size"] for layer in layers)
    row = ["latest", str(harbour.app.digest), "index", "2024-01-01T00:00:00Z", str(size), "linux/arm64/v8"]
    assert said.text == "\t".join(row) + "\n"


def test_long_in_json_and_table(orlop: Orlop, harbour: Harbour) -> None:
    json = orlop("tag", "list", harbour.single, "--long", "-o", "json").json
    assert json[0]["kind"] == "image"
    assert set(json[0]) == {"tag", "digest", "kind", "mediaType", "platform", "created", "size"}
    heading = orlop("tag", "list", harbour.single, "--long", "-o", "table").text.splitlines()[0]
    assert heading.split() == ["TAG", "DIGEST", "KIND", "CREATED", "SIZE", "PLATFORM"]


def test_date_sorts_by_creation(orlop: Orlop) -> None:
    with start() as own:
        for tag, created in (
            ("b", "2024-03-01T00:00:00Z"),
            ("c", "2024-01-01T00:00:00Z"),
            ("a", "2024-02-01T00:00:00Z"),
        ):
            push_now(image(created=created), own, "x", tags=[tag])
        assert orlop("tag", "list", f"{own.host}/x", "--sort", "date").text.split() == ["c", "a", "b"]


def test_a_digest_has_its_other_tags(orlop: Orlop, harbour: Harbour) -> None:
    by_digest = orlop("tag", "list", f"{harbour.name}@{harbour.one.digest}")
    assert by_digest.text == "0.9\n"
    others = orlop("tag", "list", f"{harbour.name}:latest@{harbour.app.digest}", "--sort", "version")
    assert others.text.split() == ["1.0.0", "1.2.0", "1.10.0-rc1", "1.10.0"]


def test_a_digest_that_is_not_there_has_none(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", f"{harbour.single}@{harbour.app.digest}").status == 3


def test_a_tag_is_no_repository(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", f"{harbour.name}:latest")
    assert (said.status, said.text) == (2, "")
    assert "hint: leave out :latest" in said.notes


def test_several_repositories_are_lines(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", harbour.single, f"{harbour.host}/none", "--ordered")
    assert said.lines[0] == {"reference": harbour.single, "tags": ["latest"]}
    assert said.lines[1]["error"]["type"] == "RepositoryNotFoundError"
    assert said.status == 3


def test_a_template_has_the_tag(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", harbour.single, "--format", "<{tag}>").text == "<latest>\n"
    wrong = orlop("tag", "list", harbour.single, "--format", "{name}")
    assert (wrong.status, "there are: tag" in wrong.notes) == (2, True)


def test_repositories(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("repo", "list", harbour.host).text == "team/app\nteam/one\n"
    assert orlop("repo", "list", harbour.host, "-o", "json").json == ["team/app", "team/one"]
    assert orlop("repo", "list", harbour.host, "-o", "raw").json == {"repositories": ["team/app", "team/one"]}


def test_a_registry_without_a_catalog(orlop: Orlop) -> None:
    said = orlop("repo", "list", "docker.io")
    assert (said.status, said.text) == (8, "")


def test_a_registry_without_a_repository_says_where_to_look(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", harbour.host)
    assert said.status == 2
    assert f"hint: orlop repo list {harbour.host} shows the repositories" in said.notes
