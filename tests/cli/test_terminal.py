"""What only a terminal gets: tables, colours, progress; and what it never gets: other people's control characters."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.cli import progress
from orlop.cli.context import App
from orlop.cli.streams import safe, safe_json
from orlop.cli.table import facts, size, table, width
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop

CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
EVIL = "a\x1b]0;owned\x07\u202eb\x9b2Jc"


def test_a_terminal_gets_a_table_and_a_pipe_lines(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", harbour.single).text == "latest\n"
    shown = orlop("tag", "list", harbour.single, terminal=True, env={"NO_COLOR": "1"})
    assert shown.text == "TAG\nlatest\n"


def test_there_is_no_heading_without_a_list(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", f"{harbour.host}/none", terminal=True).text == ""
    assert orlop("referrer", "list", f"{harbour.single}:latest", terminal=True).text == "no referrers\n"


def test_colours_are_for_terminals_that_want_them(orlop: Orlop, harbour: Harbour) -> None:
    assert "\x1b[1m" in orlop("manifest", "get", harbour.single, terminal=True).text
    assert "\x1b" not in orlop("manifest", "get", harbour.single, terminal=True, env={"NO_COLOR": "1"}).text
    assert "\x1b" not in orlop("manifest", "get", harbour.single, "-o", "table").text


def test_a_real_terminal(harbour: Harbour, home: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "orlop", "manifest", "resolve", harbour.name, "--platform", "linux/amd64"]
    with subprocess.Popen(command, stdout=slave, stderr=slave, env={"HOME": str(home)}) as running:
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 4096)
            except OSError:  # the other end is closed
                break
        assert running.wait(timeout=10) == 0
    os.close(master)
    assert shown.decode() == f"{harbour.name}@{harbour.child('linux/amd64').digest}\r\n"


@pytest.mark.parametrize("output", ["table", "plain", "json", "raw"])
def test_no_output_hands_control_characters_to_a_terminal(orlop: Orlop, output: str) -> None:
    with start() as own:
        push_now(image(labels={"evil": EVIL}, annotations={EVIL: EVIL}), own, "x", tags=["1"])
        for command in (("manifest", "get"), ("image", "inspect")):
            said = orlop(*command, f"{own.host}/x:1", "-o", output, terminal=True, env={"NO_COLOR": "1"})
            assert said.status == 0
            assert not CONTROL.search(said.raw), (command, said.raw)
            assert "\u202e" not in said.text
        filled = orlop("manifest", "get", f"{own.host}/x:1", "--format", "{annotations}", terminal=True)
        assert not CONTROL.search(filled.raw)


def test_json_for_a_terminal_means_the_same(orlop: Orlop) -> None:
    with start() as own:
        built = image(labels={"evil": EVIL})
        push_now(built, own, "x", tags=["1"])
        said = orlop("image", "inspect", f"{own.host}/x:1", "-o", "json", terminal=True)
    assert said.json["config"]["Labels"]["evil"] == EVIL


def test_safe_text() -> None:
    assert safe("plain text, ünïcode 漢字") == "plain text, ünïcode 漢字"
    assert safe(EVIL) == "a\\x1b]0;owned\\x07\\u202eb\\x9b2Jc"
    assert safe("a\tb\nc") == "a\\tb\\nc"
    assert safe("a\tb\nc\r", keep="\n\t") == "a\tb\nc\\r"
    assert safe("\ud800") == "\\ud800"
    assert safe_json(b'{"a": "\xc2\x9b\x7f"}') == b'{"a": "\\u009b\\u007f"}'


def test_tables_align_by_what_is_seen() -> None:
    paint_free = App({}).streams
    assert not paint_free.colour
    from orlop.cli.render import Paint

    paint = Paint(colour=False)
    assert (
        table(paint, ["A", "NUMBER"], [["漢字", "1"], ["b", "22"]], right=(1,))
        == "A     NUMBER\n漢字       1\nb         22\n"
    )
    assert table(paint, ["A", "EMPTY", "B"], [["1", "", "2"]]) == "A  B\n1  2\n"
    assert table(paint, ["A", "B"], []) == "A  B\n"
    assert facts(paint, [("Name", "x"), ("Longer", "y"), ("Empty", "")]) == "Name    x\nLonger  y\n"
    assert width("e\u0301") == 1


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3.0 TiB"), (-1, "")],
)
def test_sizes_for_reading(count: int, text: str) -> None:
    assert size(count) == text


def test_progress_is_shown_on_a_terminal_only_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    now = [0.0]
    monkeypatch.setattr(progress, "_write", written.append)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "_rich_bar", lambda _: None)
    app = App({})
    for terminal in (False, True):
        app.streams.error_terminal = terminal
        with progress.Progress(app, "blob", 4 << 20) as bar:
            bar.at(1 << 20)
            now[0] += 1.0
            bar.at(2 << 20)
            bar.at(3 << 20)
        if not terminal:
            assert written == []
    assert written == ["\r\x1b[Kblob [############............] 2.0 MiB of 4.0 MiB, 2.0 MiB/s", "\r\x1b[K"]


def test_layers_that_are_read_show_progress_until_something_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    now = [0.0]
    monkeypatch.setattr(progress, "_write", written.append)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "_rich_bar", lambda _: None)
    app = App({})
    bar = progress.LayerProgress(app)
    for terminal, draws, shown in ((False, False, False), (True, True, False), (True, False, True)):
        app.streams.error_terminal, app.draws = terminal, draws
        written.clear()
        bar.at(0, 4 << 20)
        now[0] += 1.0
        bar.at(2 << 20, 4 << 20)
        assert bool(written) == shown
        app.streams.flush()
        assert written[1:] == (["\r\x1b[K"] if shown else [])


@pytest.mark.parametrize("command", ["ls", "size", "packages"])
def test_commands_that_read_layers_tell_how_far_they_are(
    orlop: Orlop, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(progress.LayerProgress, "at", lambda _, done, total: told.append((done, total)))
    monkeypatch.setattr(App, "_reading", lambda app: progress.LayerProgress(app).at)
    with start() as own:
        built = image([layer({"etc/os-release": b"ID=x\n"}), layer({"var/lib/dpkg/status": b""})])
        push_now(built, own, "x", tags=["1"])
        assert orlop("image", command, f"{own.host}/x:1").status == 0
    whole = sum(blob.descriptor.size for blob in built.layers)
    assert told[-1] == (whole, whole)


def test_progress_by_rich_where_it_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich")
    for count in (True, False):
        bar = progress._rich_bar(count)
        assert bar is not None
        bar.add_task("[x] blob", total=10)
        bar.start()
        bar.stop()


def test_a_line_of_progress_without_a_total() -> None:
    assert progress.line("tags", 10, None, 2.0, count=True) == "tags 10, 5/s"
    assert progress.line("tags", 5, 10, 0.0, count=True) == "tags [############............] 5 of 10, 0/s"
