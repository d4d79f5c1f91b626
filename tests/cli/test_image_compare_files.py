"""``image compare files`` and ``packages``: rows, diffs, the external tool, and what is fetched for them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests import packagefiles

from orlop.testing import registry as start
from orlop.testing.builders import image, index, push_now
from orlop.testing.layers import EPOCH, File, Folder, Link, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop

    from orlop.testing import Registry
    from orlop.testing.layers import LayerBlob

EVIL = "a\x1b]0;owned\x07\u202eb"
BASE = layer(
    {
        "etc/os-release": packagefiles.DEBIAN,
        "var/lib/dpkg/status": packagefiles.dpkg({"bash": "5.1-1", "old": "1"}),
        "usr/share/doc/x": b"x" * 5000,
    }
)
OLD = layer({"etc/motd": b"hello\nworld\n", "app/run": File(b"\0\1", 0o644), "app/link": Link("run"), "app/gone": b""})
NEW = layer(
    {
        "etc/motd": b"hello\nthere\nworld\n",
        "app/run": File(b"\0\2", 0o755, EPOCH + 1),
        "app/link": Link("walk"),
        "app/new": Folder(),
        f"app/{EVIL}": b"",
    }
)
TOP = layer(
    {"var/lib/dpkg/status": packagefiles.dpkg({"bash": "5.2-1", "new": "2"}), "usr/share/doc": Whiteout()},
)


@dataclass
class Shelf:
    registry: Registry

    def ref(self, tag: str) -> str:
        return f"{self.registry.host}/a/b:{tag}"

    def fetched(self, since: int, blob: LayerBlob) -> int:
        return sum(str(blob.descriptor.digest) in request.target for request in self.registry.requests[since:])


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    one, two = image([BASE, OLD]), image([BASE, NEW])
    with start() as running:
        push_now(one, running, "a/b", tags=["1"])
        push_now(two, running, "a/b", tags=["2"])
        push_now(image([BASE, OLD, TOP]), running, "a/b", tags=["3"])
        push_now(index([one, image([OLD], platform="linux/arm64")]), running, "a/b", tags=["i1"])
        push_now(index([two]), running, "a/b", tags=["i2"])
        yield Shelf(running)


def test_a_pipe_gets_a_line_for_each_path(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2"))
    assert (said.status, said.notes) == (1, "")
    assert said.text == (
        "added\t/app/a\\x1b]0;owned\\x07\\u202eb\t\t\t0\n"
        "removed\t/app/gone\t\t0\t\n"
        "changed\t/app/link\tlink\t\t\n"
        "added\t/app/new/\t\t\t\n"
        "changed\t/app/run\tcontent,mode,time\t2\t2\n"
        "changed\t/etc/motd\tcontent\t12\t18\n"
    )


def test_a_table_says_what_each_was_and_is(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2"), "-o", "table")
    evil = "/app/a\\x1b]0;owned\\x07\\u202eb"
    room = " " * (len(evil) - 9)
    assert said.text.splitlines() == [
        f"CHANGE   PATH     {room}         SIZE  HOW",
        f"added    {evil}          0 B",
        f"removed  /app/gone{room}          0 B",
        f"changed  /app/link{room}               link run → walk",
        f"added    /app/new/{room}               dir",
        f"changed  /app/run {room}          2 B  content, mode 0644 → 0755, time",
        f"changed  /etc/motd{room}  12 B → 18 B  content",
        "",
        "2 added, 1 removed, 3 changed",
    ]


def test_diffs_of_texts_come_after_the_rows(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "compare", "files", "--diff", shelf.ref("1"), shelf.ref("2"))
    assert said.text.splitlines()[6:] == [
        "# /app/run: binary",
        "--- a/etc/motd",
        "+++ b/etc/motd",
        "@@ -1,2 +1,3 @@",
        " hello",
        "+there",
        " world",
    ]
    found = orlop("image", "compare", "files", "--diff", shelf.ref("1"), shelf.ref("2"), "-o", "json").json
    (platform,) = found["platforms"]
    diffs = {one["path"]: one["diff"] for one in platform["changes"]}
    assert diffs["/app/run"] == {"text": "", "note": "binary"}
    assert diffs["/etc/motd"]["text"].endswith(" hello\n+there\n world\n")
    assert diffs["/app/gone"] is None


def test_json_has_all_that_is_known_of_both_sides(orlop: Orlop, shelf: Shelf) -> None:
    found = orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2"), "-o", "json").json
    assert (found["base"], found["target"], found["equal"]) == (shelf.ref("1"), shelf.ref("2"), False)
    (platform,) = found["platforms"]
    assert (platform["added"], platform["removed"], platform["changed"], platform["archive"]) == (2, 1, 3, [])
    run = next(one for one in platform["changes"] if one["path"] == "/app/run")
    assert run["kinds"] == ["content", "mode", "time"]
    assert {key: value for key, value in run["base"].items() if value is not None} == {
        "type": "file",
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "size": 2,
        "mtime": "2024-01-01T00:00:00Z",
        "sha256": run["base"]["sha256"],
        "layer": 1,
    }


def test_what_does_not_count_is_left_out_and_the_status_follows(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("1"), shelf.ref("2")
    said = orlop("image", "compare", "files", *refs, "--ignore-path", "/etc", "--ignore-path", "a*", "--semantic")
    assert (said.status, said.text) == (0, "")
    said = orlop("image", "compare", "files", *refs, "--ignore-timestamps", "--format", "{path} {kinds}")
    assert '/app/run ["content","mode"]\n' in said.text


def test_a_second_comparison_fetches_no_layer(orlop: Orlop, shelf: Shelf) -> None:
    def compare() -> list[int]:
        before = len(shelf.registry.requests)
        assert orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2")).status == 1
        return [shelf.fetched(before, blob) for blob in (BASE, OLD, NEW)]

    first = compare()
    assert first[1:] == [1, 1]
    assert compare() == [0, 0, 0]


def test_shared_layers_are_not_fetched_where_they_decide_nothing(orlop: Orlop, shelf: Shelf) -> None:
    only = ["--ignore-path", "/app/*"]
    said = orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2"), *only, "--format", "{path}")
    assert said.text == "/etc/motd\n"
    assert shelf.fetched(0, BASE) == 0


def test_layers_are_compared_one_by_one_or_up_to_one(orlop: Orlop, shelf: Shelf) -> None:
    both = shelf.ref("1"), shelf.ref("3")
    assert orlop("image", "compare", "files", *both, "--layer", "1").status == 0
    said = orlop("image", "compare", "files", *both, "--base-layer-index", "1", "--target-layer-index", "1")
    assert said.status == 0
    said = orlop("image", "compare", "files", *both, "--base-layer", "0", "--target-layer", "2", "--format", "{path}")
    assert "/usr/share/doc\n" in said.text
    assert orlop("image", "compare", "files", *both, "--layer", "7").status == 2
    assert orlop("image", "compare", "files", *both, "--layer", "1", "--base-layer-index", "1").status == 2
    assert orlop("image", "compare", "files", *both, "--base-layer", "1").status == 2


def test_two_indexes_are_told_platform_by_platform(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("i1"), shelf.ref("i2")
    said = orlop("image", "compare", "files", *refs)
    assert said.status == 1
    assert "changed\t/etc/motd\tcontent\t12\t18\tlinux/amd64\n" in said.text
    assert said.text.endswith("removed\t\t\t\t\tlinux/arm64/v8\n")
    text = orlop("image", "compare", "files", *refs, "-o", "table").text
    assert text.startswith("linux/amd64\nCHANGE")
    assert f"linux/arm64/v8: only in {refs[0]}\n" in text


def test_nothing_of_an_image_commands_a_terminal(orlop: Orlop, shelf: Shelf) -> None:
    for output in ("table", "plain", "json"):
        said = orlop("image", "compare", "files", "--diff", shelf.ref("1"), shelf.ref("2"), "-o", output, terminal=True)
        text = said.text
        for code in ("0", "1", "31", "32", "36"):
            text = text.replace(f"\x1b[{code}m", "")
        assert not set("\x1b\x07\u202e") & set(text), output


# --- the external tool -------------------------------------------------------------------------

TOOL = """#!/bin/sh
for folder; do (cd "$folder" && find . -type f | sort && cat etc/motd); done > "$OUT"
echo "$@" >> "$OUT"
exit 7
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that notes what it finds in the two folders, in the file that is returned."""
    path, out = tmp_path / "a tool", tmp_path / "out"
    path.write_text(TOOL)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("OUT", str(out))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return path


@pytest.mark.parametrize("option", [["--tool"], ["--output", "ExternalTool"], ["--output", "external-tool"]])
def test_the_tool_of_the_settings_is_opened_on_two_folders_that_go_again(
    orlop: Orlop, shelf: Shelf, tool: Path, option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tool.parent / "tmp"))
    orlop("settings", "set", "fileCompareTool.exePath", str(tool))
    orlop("settings", "set", "fileCompareTool.args", "{0} {1}")
    said = orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("2"), *option)
    assert (said.status, said.text, said.notes) == (1, "", "")
    told = (tool.parent / "out").read_text()
    assert "./app/gone" in told
    assert "hello\nworld\n" in told
    assert "hello\nthere\nworld\n" in told
    folders = told.splitlines()[-1].split()
    assert [os.path.basename(folder) for folder in folders] == ["base", "target"]
    assert list((tool.parent / "tmp").iterdir()) == []


def test_the_tool_is_0_where_the_files_are_the_same_whatever_it_says(orlop: Orlop, shelf: Shelf, tool: Path) -> None:
    orlop("settings", "set", "fileCompareTool.exePath", str(tool))
    orlop("settings", "set", "fileCompareTool.args", "'{0}' '{1}'")
    assert orlop("image", "compare", "files", shelf.ref("1"), shelf.ref("1"), "--tool").status == 0


def test_a_tool_that_is_not_set_or_not_there_is_status_9(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    refs = shelf.ref("1"), shelf.ref("2")
    said = orlop("image", "compare", "files", *refs, "--tool")
    assert said.status == 9
    assert "the setting fileCompareTool.exePath is not set" in said.notes
    assert shelf.fetched(0, OLD) == 0
    orlop("settings", "set", "fileCompareTool.exePath", str(tmp_path / "none"))
    orlop("settings", "set", "fileCompareTool.args", "{0} {1}")
    said = orlop("image", "compare", "files", *refs, "--tool")
    assert (said.status, said.text) == (9, "")
    assert "cannot be started: No such file" in said.notes
    orlop("settings", "set", "fileCompareTool.args", "'{0} {1}")
    assert orlop("image", "compare", "files", *refs, "--tool").status == 2


# --- packages ----------------------------------------------------------------------------------


def test_packages_are_told_with_both_versions(orlop: Orlop, shelf: Shelf) -> None:
    refs = shelf.ref("1"), shelf.ref("3")
    said = orlop("image", "compare", "packages", *refs)
    assert said.status == 1
    assert said.text == "upgraded\tbash\t5.1-1\t5.2-1\tdeb\nadded\tnew\t\t2\tdeb\nremoved\told\t1\t\tdeb\n"
    said = orlop("image", "compare", "packages", *refs, "-o", "table")
    assert said.text == (
        "CHANGE    NAME  BASE   TARGET  KIND\n"
        "upgraded  bash  5.1-1  5.2-1   deb\n"
        "added     new          2       deb\n"
        "removed   old   1              deb\n"
        "\n"
        "1 added, 1 removed, 1 upgraded\n"
    )
    found = orlop("image", "compare", "packages", *refs, "-o", "json").json
    changes = found["platforms"][0]["changes"]
    assert [(one["name"], one["change"]) for one in changes] == [
        ("bash", "upgraded"),
        ("new", "added"),
        ("old", "removed"),
    ]
    assert changes[0]["target"]["layer"]["index"] == 2
    assert orlop("image", "compare", "packages", *refs, "--kind", "npm").status == 0
    assert orlop("image", "compare", "packages", *refs, "--format", "{name}").text == "bash\nnew\nold\n"


def test_a_second_comparison_of_packages_fetches_no_layer(orlop: Orlop, shelf: Shelf) -> None:
    for expected in (1, 0):
        before = len(shelf.registry.requests)
        orlop("image", "compare", "packages", shelf.ref("1"), shelf.ref("3"))
        assert [shelf.fetched(before, blob) for blob in (BASE, OLD, TOP)] == [expected] * 3
