"""``image ls``, ``cat``, ``find``, ``tree``, ``extract``, ``export`` and ``save-layers``."""

from __future__ import annotations

import io
import os
import re
import signal
import stat
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.unit.image.filetrees import listing

from orlop.testing import faults
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import File, Folder, Link, Opaque, Whiteout, layer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Orlop, Process

    from orlop.testing import Registry
    from orlop.testing.builders import Built

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
EVIL = "a\x1b]0;owned\x07\u202eb\x9b2Jc\nd"
BINARY = b"\x7fELF\0\0" * 100


@dataclass
class Shelf:
    """A registry with one image of three layers."""

    registry: Registry
    built: Built

    @property
    def ref(self) -> str:
        return f"{self.registry.host}/team/files:1"


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    built = image(
        [
            layer(
                {
                    "bin": Link("usr/bin"),
                    "usr/bin/sh": File(BINARY, 0o4755),
                    "usr/bin/dash": Link("usr/bin/sh", hard=True),
                    "etc/motd": b"hello\n",
                    "etc/old": b"old\n",
                    "var/cache/x": b"x" * 3000,
                    "tmp": Folder(0o1777),
                }
            ),
            layer({"etc/motd": b"hello again\n", "etc/old": Whiteout(), "var/cache": Opaque(), "var/cache/y": b"y"}),
            layer({"etc/link": Link("../etc/motd"), "opt/deep/er/file.txt": b"deep\n"}),
        ]
    )
    with start() as running:
        push_now(built, running, "team/files", tags=["1"])
        yield Shelf(running, built)


# --- ls --------------------------------------------------------------------------------------------


def test_ls_in_a_pipe_is_a_path_a_line(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "ls", shelf.ref)
    assert (said.status, said.text) == (0, "/bin\n/etc\n/opt\n/tmp\n/usr\n/var\n")
    assert orlop("image", "ls", shelf.ref, "/etc").text == "/etc/link\n/etc/motd\n"
    assert orlop("image", "ls", shelf.ref, "etc/").text == "/etc/link\n/etc/motd\n"


def test_ls_of_a_file_is_that_file(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "ls", shelf.ref, "/etc/motd").text == "/etc/motd\n"
    assert orlop("image", "ls", shelf.ref, "/etc/link").text == "/etc/link\n"


def test_ls_follows_links_to_folders(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "ls", shelf.ref, "/bin").text == "/usr/bin/dash\n/usr/bin/sh\n"
    assert orlop("image", "ls", shelf.ref, "/bin/sh").text == "/usr/bin/sh\n"


def test_ls_goes_as_deep_as_it_is_told(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "ls", shelf.ref, "/opt", "-R").text == "/opt/deep\n/opt/deep/er\n/opt/deep/er/file.txt\n"
    assert orlop("image", "ls", shelf.ref, "/opt", "--depth", "2").text == "/opt/deep\n/opt/deep/er\n"
    assert orlop("image", "ls", shelf.ref, "-R", "--depth", "2").status == 2


def test_ls_on_a_terminal_is_a_long_listing(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "ls", shelf.ref, "/usr/bin", terminal=True, env={"NO_COLOR": "1"})
    assert said.text.splitlines() == [
        "MODE        OWNER  SIZE  MODIFIED          LAYER  PATH",
        "hrwxrwxrwx  0:0     600  2024-01-01 00:00      0  /usr/bin/dash link to /usr/bin/sh",
        "-rwsr-xr-x  0:0     600  2024-01-01 00:00      0  /usr/bin/sh",
    ]
    top = orlop("image", "ls", shelf.ref, "-o", "table").text
    assert "lrwxrwxrwx  0:0       0  2024-01-01 00:00      0  /bin -> usr/bin" in top
    assert "drwxrwxrwt" in top


def test_ls_with_all_shows_what_was_removed_and_who_did(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "ls", shelf.ref, "/etc", "--all", "-o", "table")
    assert said.text.splitlines() == [
        "MODE        OWNER  SIZE  MODIFIED          LAYER  REMOVED        PATH",
        "lrwxrwxrwx  0:0       0  2024-01-01 00:00      2                 /etc/link -> ../etc/motd",
        "-rw-r--r--  0:0      12  2024-01-01 00:00      1                 /etc/motd",
        "-rw-r--r--  0:0       6  2024-01-01 00:00      0  replaced by 1  /etc/motd",
        "-rw-r--r--  0:0       4  2024-01-01 00:00      0  removed by 1   /etc/old",
    ]
    removed = orlop("image", "ls", shelf.ref, "/etc/old", "--all", "-o", "json").json
    assert [(one["path"], one["layer"], one["removed_by"], one["replaced"]) for one in removed] == [
        ("/etc/old", 0, 1, False)
    ]


def test_ls_of_a_removed_path_says_so(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "ls", shelf.ref, "/etc/old")
    assert (said.status, said.text) == (3, "")
    assert said.notes.startswith(f"orlop: path /etc/old is not in {shelf.ref}: ")


def test_ls_of_one_layer_alone(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "ls", shelf.ref, "/etc", "--layer", "0").text == "/etc/motd\n/etc/old\n"
    said = orlop("image", "ls", shelf.ref, "-R", "--layer", "1", "--all", "-o", "json").json
    assert [(one["path"], one["type"]) for one in said] == [
        ("/etc", "dir"),
        ("/etc/motd", "file"),
        ("/etc/old", "whiteout"),
        ("/var", "dir"),
        ("/var/cache", "dir"),
        ("/var/cache/*", "whiteout"),
        ("/var/cache/y", "file"),
    ]
    missing = orlop("image", "ls", shelf.ref, "--layer", "3")
    assert missing.status == 2
    assert "its layers are 0 to 2" in missing.notes


def test_ls_as_json_has_all_that_is_known(orlop: Orlop, shelf: Shelf) -> None:
    [said] = orlop("image", "ls", shelf.ref, "/usr/bin/sh", "-o", "json").json
    assert said["mode"] == "4755"
    assert said["size"] == 600
    assert said["mtime"] == "2024-01-01T00:00:00Z"
    assert said["layer"] == 0
    assert len(said["sha256"]) == 64


def test_ls_fills_templates(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "ls", shelf.ref, "/etc", "--format", "{layer} {size} {path}")
    assert said.text == "2 0 /etc/link\n1 12 /etc/motd\n"
    assert orlop("image", "ls", shelf.ref, "--format", "{nonsense}").status == 2


def test_ls_for_xargs_ends_names_with_nul(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "ls", shelf.ref, "/etc", "-0").raw == b"/etc/link\0/etc/motd\0"


# --- cat -------------------------------------------------------------------------------------------


def test_cat_writes_the_bytes_of_files(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "cat", shelf.ref, "/etc/motd").raw == b"hello again\n"
    assert orlop("image", "cat", shelf.ref, "/bin/sh", "etc/link").raw == BINARY + b"hello again\n"
    assert orlop("image", "cat", shelf.ref, "/usr/bin/dash").raw == BINARY
    assert orlop("image", "cat", shelf.ref, "/etc/motd", "--layer", "0").raw == b"hello\n"


def test_cat_fetches_no_layer_below_the_one_that_decides(orlop: Orlop, shelf: Shelf, home: Path) -> None:
    layers = [one["digest"] for one in shelf.built.document["layers"]]
    before = len(shelf.registry.requests)
    orlop("image", "cat", shelf.ref, "/opt/deep/er/file.txt", env={"XDG_CACHE_HOME": str(home / "fresh")})
    asked = [request.target for request in shelf.registry.requests[before:]]
    assert [digest for digest in layers if any(digest in target for target in asked)] == [layers[2]]


def test_cat_of_text_on_a_terminal(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "cat", shelf.ref, "/etc/motd", terminal=True).text == "hello again\n"


def test_cat_keeps_what_is_no_text_from_a_terminal_unless_forced(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "cat", shelf.ref, "/bin/sh", terminal=True)
    assert (said.status, said.raw) == (2, b"")
    assert "/bin/sh is not text" in said.notes
    assert orlop("image", "cat", shelf.ref, "/bin/sh", "--force", terminal=True).raw == BINARY


@pytest.mark.parametrize(("path", "status"), [("/etc", 2), ("/none", 3), ("/etc/old", 3), ("/", 2)])
def test_cat_of_what_is_no_file(orlop: Orlop, shelf: Shelf, path: str, status: int) -> None:
    assert orlop("image", "cat", shelf.ref, path).status == status


# --- find ------------------------------------------------------------------------------------------


def test_find_by_name_hash_size_and_type(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "find", shelf.ref, "*.txt", "motd").text == "/etc/motd\n/opt/deep/er/file.txt\n"
    assert orlop("image", "find", shelf.ref, "/etc/*").text == "/etc/link\n/etc/motd\n"
    assert orlop("image", "find", shelf.ref, "--larger", "599").text == "/usr/bin/dash\n/usr/bin/sh\n"
    assert orlop("image", "find", shelf.ref, "--type", "symlink").text == "/bin\n/etc/link\n"
    [said] = orlop("image", "ls", shelf.ref, "/etc/motd", "-o", "json").json
    assert orlop("image", "find", shelf.ref, "--hash", said["sha256"].upper()[:20]).text == "/etc/motd\n"
    assert orlop("image", "find", shelf.ref, "*", "--in", "/opt/deep/er").text == "/opt/deep/er/file.txt\n"


def test_find_with_all_looks_at_what_was_removed(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "find", shelf.ref, "--larger", "2KiB").status == 1
    said = orlop("image", "find", shelf.ref, "--larger", "2KiB", "--all", "--format", "{path} {layer} {removed_by}")
    assert (said.status, said.text) == (0, "/var/cache/x 0 1\n")


def test_nothing_found_is_status_1(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "find", shelf.ref, "nothing.here", "-o", "json")
    assert (said.status, said.json) == (1, [])


@pytest.mark.parametrize(
    "arguments", [(), ("",), ("--hash", "xyz"), ("--larger", "big"), ("--type", "sock")], ids=" ".join
)
def test_find_refuses_what_it_cannot_ask(orlop: Orlop, shelf: Shelf, arguments: tuple[str, ...]) -> None:
    said = orlop("image", "find", shelf.ref, *arguments)
    assert (said.status, said.text) == (2, "")


# --- tree ------------------------------------------------------------------------------------------

TREE = """\
/
├── bin -> usr/bin
├── etc
│   ├── link -> ../etc/motd
│   └── motd
├── opt
│   └── deep
│       └── er
│           └── file.txt
├── tmp
├── usr
│   └── bin
│       ├── dash -> usr/bin/sh
│       └── sh
└── var
    └── cache
        └── y

9 folders, 7 files
"""


def test_tree_draws_folders(orlop: Orlop, shelf: Shelf) -> None:
    assert orlop("image", "tree", shelf.ref).text == TREE
    assert orlop("image", "tree", shelf.ref, "/opt", "--depth", "1").text == "/opt\n└── deep\n\n1 folder\n"
    assert "dash" not in orlop("image", "tree", shelf.ref, "--folders").text


def test_tree_with_all_marks_what_was_removed(orlop: Orlop, shelf: Shelf) -> None:
    text = orlop("image", "tree", shelf.ref, "/etc", "--all").text
    assert "└── old (removed by layer 1)" in text
    assert "├── motd (replaced by layer 1)" in text
    assert text.endswith("2 files, 2 removed paths\n")


def test_tree_as_json_is_nested(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "tree", shelf.ref, "/opt", "-o", "json").json
    assert said["path"] == "/opt"
    [deep] = said["children"]
    assert deep["children"][0]["children"] == [{"path": "/opt/deep/er/file.txt", "type": "file", "size": 5, "layer": 2}]


# --- extract -----------------------------------------------------------------------------------------


def test_extract_writes_paths_below_a_folder(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    said = orlop("image", "extract", shelf.ref, "/etc", "/bin/sh", "--to", str(tmp_path / "out"))
    assert (said.status, said.text, said.notes) == (0, "", "")
    assert (tmp_path / "out/etc/motd").read_bytes() == b"hello again\n"
    assert (tmp_path / "out/usr/bin/sh").read_bytes() == BINARY
    assert sorted(os.listdir(tmp_path / "out")) == ["etc", "usr"]


def test_extract_of_all_tells_what_it_wrote(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    said = orlop("image", "extract", shelf.ref, "--to", str(tmp_path / "out"), "--no-owner", "-o", "json").json
    assert said == {
        "to": str(tmp_path / "out"),
        "files": 4,
        "bytes": 618,
        "hard_links": 1,
        "symlinks": 2,
        "folders": 9,
        "others": 0,
        "skipped": 0,
        "notes": [],
    }
    assert stat.S_IMODE((tmp_path / "out/usr/bin/sh").stat().st_mode) == 0o755
    table = orlop("image", "extract", shelf.ref, "--to", str(tmp_path / "more"), "-o", "table").text
    assert table.splitlines()[1] == "Written  4 files, 1 hard link, 2 symbolic links, 9 folders; 618 B"


def test_extract_refuses_a_folder_with_something_in_it_before_it_asks_anyone(orlop: Orlop, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"")
    said = orlop("image", "extract", "127.0.0.1:1/x", "--to", str(tmp_path))
    assert said.status == 2
    assert "it is not empty\nhint: --force" in said.notes


def test_extract_with_force_merges(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/mine").write_bytes(b"mine")
    (tmp_path / "etc/motd").write_bytes(b"mine")
    assert orlop("image", "extract", shelf.ref, "/etc/motd", "--to", str(tmp_path), "--force").status == 0
    assert (tmp_path / "etc/mine").read_bytes() == b"mine"
    assert (tmp_path / "etc/motd").read_bytes() == b"hello again\n"


def test_extract_into_an_archive(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    raw = orlop("image", "extract", shelf.ref, "/etc", "--tar", "-").raw
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert tar.getnames() == ["etc", "etc/link", "etc/motd"]
    said = orlop("image", "extract", shelf.ref, "/etc", "--tar", str(tmp_path / "a.tar"), "-o", "json").json
    assert (said["members"], said["files"], said["bytes"]) == (3, 1, 12)
    assert (tmp_path / "a.tar").read_bytes() == raw


def test_extract_of_one_layer_and_of_links(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    orlop("image", "extract", shelf.ref, "/etc", "--layer", "0", "--to", str(tmp_path / "layer"))
    assert sorted(os.listdir(tmp_path / "layer/etc")) == ["motd", "old"]
    orlop("image", "extract", shelf.ref, "/etc/link", "-L", "--to", str(tmp_path / "link"))
    assert sorted(os.listdir(tmp_path / "link/etc")) == ["link", "motd"]


def test_extract_has_a_limit(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    said = orlop("image", "extract", shelf.ref, "--to", str(tmp_path / "out"), "--limit", "100")
    assert said.status == 9
    assert "the limit bytes of files = 100 was reached" in said.notes
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--to", "x", "--tar", "y"),
        ("--tar", "-", "-o", "json"),
        ("--tar", "-", "--force"),
        ("--to", "x", "--limit", "much"),
    ],
    ids=" ".join,
)
def test_extract_refuses_options_that_do_not_go_together(
    orlop: Orlop, shelf: Shelf, arguments: tuple[str, ...]
) -> None:
    assert orlop("image", "extract", shelf.ref, *arguments).status == 2


@pytest.mark.parametrize("command", [("extract", "--to"), ("extract", "--tar"), ("export",)], ids=" ".join)
def test_ctrl_c_leaves_nothing_half(home: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    upper, lower = layer({"a": os.urandom(300_000)}), layer({"b": b"x"})
    held = faults.Hold(on=faults.on("GET", str(lower.descriptor.digest)), times=None)
    verb, *option = command
    with start(middleware=[held]) as own:
        push_now(image([lower, upper]), own, "x", tags=["1"])
        words = ["image", verb, f"{own.host}/x:1", *option, str(tmp_path / "new" / "out")]
        (tmp_path / "new").mkdir()
        with subprocess.Popen([sys.executable, "-m", "orlop", *words], env={"HOME": str(home)}) as running:
            assert held.reached.wait(10)  # the upper layer was read
            assert os.listdir(tmp_path / "new")
            running.send_signal(signal.SIGINT)
            assert running.wait(10) == 130
        held.release()
    # The folder itself may be there, and empty.
    assert [path for path in listing(tmp_path / "new") if path != "out"] == []


# --- export, save-layers -------------------------------------------------------------------------------


def test_export_writes_the_whole_image(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    raw = orlop("image", "export", shelf.ref).raw
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert len(tar.getnames()) == 16
    said = orlop("image", "export", shelf.ref, str(tmp_path / "a.tar"))
    assert (said.status, said.text) == (0, "")
    assert (tmp_path / "a.tar").read_bytes() == raw
    table = orlop("image", "export", shelf.ref, str(tmp_path / "b.tar"), "-o", "table").text
    assert table.splitlines()[1] == "Written  16 members, 4 files; 618 B"


def test_export_does_not_harm_a_terminal(orlop: Orlop, shelf: Shelf) -> None:
    said = orlop("image", "export", shelf.ref, terminal=True)
    assert (said.status, said.raw) == (2, b"")


def test_export_survives_a_reader_that_has_enough(process: Process, shelf: Shelf) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = process("image", "export", shelf.ref, stdout=write)
    finally:
        os.close(write)
    assert b"Traceback" not in done.stderr


def test_save_layers_merged_or_each_for_itself(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    merged, apart = tmp_path / "merged", tmp_path / "apart"
    assert orlop("image", "save-layers", shelf.ref, str(merged)).text == f"{merged}\n"
    assert sorted(os.listdir(merged / "etc")) == ["link", "motd"]
    said = orlop("image", "save-layers", shelf.ref, str(apart), "--no-squash")
    names = [f"layer{n}-{one['digest'][7:19]}" for n, one in enumerate(shelf.built.document["layers"])]
    assert said.text == "".join(f"{apart / name}\n" for name in names)
    assert sorted(os.listdir(apart / names[1] / "etc")) == [".wh.old", "motd"]


def test_save_layers_of_one_index(orlop: Orlop, shelf: Shelf, tmp_path: Path) -> None:
    orlop("image", "save-layers", shelf.ref, str(tmp_path / "a"), "--layer-index", "0")
    assert sorted(os.listdir(tmp_path / "a/etc")) == ["motd", "old"]
    said = orlop(
        "image", "save-layers", shelf.ref, str(tmp_path / "b"), "--no-squash", "--layer-index", "2", "-o", "json"
    )
    assert [one["files"] for one in said.json] == [1]
    assert orlop("image", "save-layers", shelf.ref, str(tmp_path / "b")).status == 2


# --- the requests instead ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("extract", "{ref}", "--to", "{out}"),
        ("extract", "{ref}", "--tar", "-"),
        ("export", "{ref}"),
        ("save-layers", "{ref}", "{out}"),
    ],
    ids=" ".join,
)
def test_curl_instead_writes_nothing(orlop: Orlop, shelf: Shelf, tmp_path: Path, command: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    said = orlop("image", *(word.format(ref=shelf.ref, out=out) for word in command), "--curl")
    assert said.status == 0
    assert not out.exists()
    for one in shelf.built.document["layers"]:
        assert f"/blobs/{one['digest']}" in said.text


# --- what a terminal never gets ---------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["table", "plain", "json"])
def test_no_name_of_a_file_commands_a_terminal(orlop: Orlop, output: str) -> None:
    built = image([layer({f"d/{EVIL}": b"x", "d/link": Link(EVIL), "d/text": EVIL.encode()})])
    with start() as own:
        push_now(built, own, "x", tags=["1"])
        ref = f"{own.host}/x:1"
        commands: list[tuple[str, ...]] = [("ls", ref, "/d"), ("find", ref, "a*"), ("tree", ref)]
        for command in commands:
            said = orlop("image", *command, "-o", output, terminal=True, env={"NO_COLOR": "1"})
            assert said.status == 0
            assert not CONTROL.search(said.raw), (command, said.raw)
            assert "\u202e" not in said.text
        commands = [("ls", ref, "/d", "--format", "{path} {link}"), ("cat", ref, "/d/text")]
        for command in commands:
            assert not CONTROL.search(orlop("image", *command, terminal=True).raw)
        assert orlop("image", "ls", ref, "/d").raw.count(b"\n") == 3


def test_errors_about_evil_names_command_no_terminal(orlop: Orlop, tmp_path: Path) -> None:
    built = image([layer({"d/x": b"x", f"{EVIL[:4]}": Link(f"{EVIL}", hard=True)})])
    with start() as own:
        push_now(built, own, "x", tags=["1"])
        said = orlop("image", "extract", f"{own.host}/x:1", "--to", str(tmp_path / "out"), terminal=True)
        assert not CONTROL.search(said.notes.encode())
        assert "hard link to what is not there" in said.notes
        said = orlop("image", "cat", f"{own.host}/x:1", f"/{EVIL}", terminal=True)
        assert not CONTROL.search(said.notes.encode())
