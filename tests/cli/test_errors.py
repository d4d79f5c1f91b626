"""Each exit status, and the two lines that go with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from orlop.cli.status import one_line, status_of
from orlop.errors import CopyError, LimitError, OrlopError, TimedOutError
from orlop.testing import faults
from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop, Process, Said


def two_lines(said: Said) -> list[str]:
    lines = said.notes.splitlines()
    assert 1 <= len(lines) <= 2
    assert lines[0].startswith("orlop: ")
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert "Traceback" not in said.notes
    return lines


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("ref", "parse", "debian"), 0),
        (("settings", "get", "platform.os"), 1),
        (("auth", "status", "nowhere.example"), 1),
        (("ref", "parse", "NO"), 2),
        (("manifest", "get", "a@sha256:12"), 2),
        (("manifest", "get", "a", "--platform", "x/y/z/w"), 2),
        (("manifest", "get", "a", "--platform", "nonsense"), 2),
        (("tag", "list", "a", "--sort", "size"), 2),
        (("tag", "list", "a", "--timeout", "0"), 2),
        (("tag", "list", "a", "--ca-file", "/nonexistent/ca.pem"), 2),
        (("tag", "list", "a", "--client-key", "/dev/null"), 2),
        (("tag", "list", "a", "--nope"), 2),
        (("blob", "get", "a"), 2),
        (("repo", "list", "docker.io"), 8),
    ],
)
def test_what_needs_no_registry(orlop: Orlop, arguments: tuple[str, ...], status: int) -> None:
    said = orlop(*arguments)
    assert said.status == status
    if status > 1:
        two_lines(said)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(("manifst", "get"), "manifest"), (("manifest", "gte"), "get"), (("imag",), "image"), (("tag", "lst"), "list")],
)
def test_a_mistyped_command_is_told_the_near_one(orlop: Orlop, typed: tuple[str, ...], meant: str) -> None:
    said = orlop(*typed)
    assert said.status == 2
    assert f"did you mean {meant}" in two_lines(said)[0]


def test_a_command_like_no_other_is_told_what_there_is(orlop: Orlop) -> None:
    said = orlop("zzz")
    assert "there are: tag, repo, manifest" in two_lines(said)[0]


def test_a_noun_without_a_verb_shows_its_help(orlop: Orlop) -> None:
    said = orlop("manifest")
    assert (said.status, said.text) == (2, "")
    assert "resolve" in said.notes
    bare = orlop()
    assert (bare.status, "manifest" in bare.text + bare.notes) == (2, True)


def test_not_found_is_3(orlop: Orlop, harbour: Harbour) -> None:
    assert orlop("tag", "list", f"{harbour.host}/none").status == 3
    assert orlop("blob", "get", f"{harbour.single}@sha256:{'0' * 64}").status == 3


def test_access_is_4(orlop: Orlop) -> None:
    with start(middleware=[faults.refuse(403, "DENIED", times=None)]) as own:
        said = orlop("tag", "list", f"{own.host}/x")
    assert said.status == 4
    two_lines(said)


def test_a_document_that_cannot_be_right_is_5(orlop: Orlop) -> None:
    with start(middleware=[faults.html(times=None)]) as own:
        said = orlop("manifest", "get", f"{own.host}/x:1")
    assert said.status == 5
    assert "HTML" in two_lines(said)[0]


def test_no_answer_is_6(orlop: Orlop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        said = orlop("registry", "ping", f"127.0.0.1:{port}", "--timeout", "0.05")
    assert said.status == 6
    assert "hint: raise the limit with --timeout" in two_lines(said)[1]


@pytest.mark.parametrize("status", [400, 418, 429])
def test_a_refusal_is_7(orlop: Orlop, status: int) -> None:
    with start(middleware=[faults.refuse(status, "X", times=None, retry_after=0 if status == 429 else "")]) as own:
        assert orlop("tag", "list", f"{own.host}/x").status == 7


def test_what_is_not_supported_is_8(orlop: Orlop) -> None:
    with start(middleware=[faults.refuse(405, "UNSUPPORTED", times=None)]) as own:
        assert orlop("repo", "list", own.host).status == 8


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"platform": 1}', b"\xff", b'{"a":1,"a":2}', b"{" * 2000])
def test_a_broken_settings_file_is_9(orlop: Orlop, home: Path, content: bytes) -> None:
    file = home / ".config/orlop/settings.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    said = orlop("manifest", "resolve", "127.0.0.1:1/a", "--arch", "amd64")
    assert said.status == 9
    assert str(file) in two_lines(said)[0]


def test_an_unwritable_place_is_9(orlop: Orlop, harbour: Harbour, tmp_path: Path) -> None:
    layer = harbour.one.document["layers"][0]["digest"]
    said = orlop("blob", "get", f"{harbour.single}@{layer}", "--to", str(tmp_path / "none" / "file"))
    assert said.status == 9
    two_lines(said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [("manifest", "get", "{name}:latest"), ("--version",), ("--help",), ("tag", "list", "-h")],
    ids=" ".join,
)
def test_a_full_disk_is_9(process: Process, harbour: Harbour, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = process(*(word.format(name=harbour.name) for word in arguments), stdout=full)
    assert done.returncode == 9
    assert done.stderr == b"orlop: standard output: cannot be written: No space left on device\n"


def test_what_nobody_expected_is_9_and_one_line(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orlop.model.reference.Reference.parse", lambda *_, **__: 1 / 0)
    said = orlop("ref", "parse", "debian")
    assert said.status == 9
    assert (
        said.notes
        == "orlop: unexpected: ZeroDivisionError: division by zero\nhint: --debug shows where; please report it\n"
    )
    traced = orlop("ref", "parse", "debian", "--debug")
    assert traced.notes.startswith("Traceback")


def test_a_reader_that_goes_away_ends_it_silently(harbour: Harbour, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "refs"
    file.write_bytes(f"{harbour.single}\n".encode() * 3000)
    command = [sys.executable, "-m", "orlop", "manifest", "get", "--from-file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"HOME": str(home)}) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline().startswith(b"{")
        running.stdout.close()
        assert running.wait(timeout=15) == 0
        assert running.stderr.read() == b""


def test_closed_standard_output_is_told(home: Path) -> None:
    command = f'exec "{sys.executable}" -m orlop ref parse debian >&-'
    done = subprocess.run(
        ["sh", "-c", command], env={"HOME": str(home)}, stderr=subprocess.PIPE, check=False, timeout=15
    )
    assert done.returncode == 9
    assert done.stderr.startswith(b"orlop: standard output: cannot be written")


def test_ctrl_c_ends_at_once(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        command = [sys.executable, "-m", "orlop", "registry", "ping", f"127.0.0.1:{deaf.getsockname()[1]}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"HOME": str(home)}
        ) as running:
            connection, _ = deaf.accept()
            connection.recv(1)  # the request is under way
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=5)
            connection.close()
    assert (running.returncode, out, err) == (130, b"", b"")


def test_nothing_half_written_stays_under_its_name_after_ctrl_c(home: Path, tmp_path: Path) -> None:
    hold = faults.Hold(on=faults.BLOBS, times=None)
    with start(middleware=[hold]) as own:
        digest = own.push_blob("x", b"data")
        target = tmp_path / "file"
        command = [sys.executable, "-m", "orlop", "blob", "get", f"{own.host}/x@{digest}", "--to", str(target)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env={"HOME": str(home)}) as running:
            assert hold.reached.wait(10)
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=5)
        hold.release()
    assert running.returncode == 130
    assert not target.exists()


def test_a_copys_status_is_its_causes() -> None:
    error = CopyError("source", "x")
    error.__cause__ = TimedOutError("a", "b")
    assert status_of(error) == 6
    assert status_of(CopyError("source", "x")) == 9
    assert status_of(LimitError("a", "b", 1)) == 9
    assert status_of(OrlopError("x")) == 9


def test_a_message_is_one_line() -> None:
    assert one_line("a\n  b\r\nc") == "a b c"


def test_a_message_cannot_command_the_terminal(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("manifest", "get", "\x1b]0;title\x07:x", terminal=True)
    assert "\x1b" not in said.notes
    with start(
        middleware=[faults.refuse(400, "X", body=b'{"errors":[{"code":"X","message":"a\\u001b[2Jb\\nc"}]}')]
    ) as own:
        told = orlop("tag", "list", f"{own.host}/x", terminal=True)
    assert "\x1b" not in told.notes
    assert len(two_lines(told)) <= 2


def test_wrong_values_in_the_environment(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("tag", "list", harbour.single, env={"ORLOP_OUTPUT": "yaml"})
    assert (said.status, "a value of ORLOP_OUTPUT" in said.notes) == (2, True)


@pytest.mark.parametrize(("name", "value"), [("layers.unpackedLimit", "1KiB"), ("layers.entryLimit", "1")])
def test_a_layer_over_a_limit_of_the_settings_is_refused_and_the_setting_is_named(
    orlop: Orlop, name: str, value: str
) -> None:
    with start() as own:
        push_now(image([layer({"a": b"x" * 3000, "b": b"y"})]), own, "x", tags=["1"])
        assert orlop("image", "ls", f"{own.host}/x:1").status == 0
        orlop("cache", "clear")
        orlop("settings", "set", name, value)
        said = orlop("image", "ls", f"{own.host}/x:1")
    assert said.status != 0
    assert name in said.notes


def test_a_document_over_the_limit_is_5(orlop: Orlop) -> None:
    with start() as own:
        push_now(image(labels={"a": "b" * 5000}, annotations={"c": "d" * 5000}), own, "x", tags=["1"])
        orlop("settings", "set", "manifestLimit", "4KiB")
        said = orlop("manifest", "get", f"{own.host}/x:1")
    assert said.status == 5
