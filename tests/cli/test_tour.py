"""``orlop tour``: it finds every answer right, says where one is wrong, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from orlop.cli.main import run
from orlop.cli.root import root
from orlop.cli.streams import Streams
from orlop.cli.tour import asking, guide, looking, sandbox, signing
from orlop.cli.tour.harbour import Harbour, harbour
from orlop.cli.tour.page import Page, shortened
from orlop.cli.tour.step import WrongAnswerError
from orlop.testing.samples import tour_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(120)

PROGRAM = [sys.executable, "-m", "orlop"]
NO_CURL = shutil.which("curl") is None or shutil.which("sh") is None


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str
    home: Path


def hostile(home: Path) -> dict[str, str]:
    """Return an environment in which everything of the user's is broken or wrong."""
    docker = home / "docker"
    for path in (docker / "config.json", home / ".config/orlop/settings.json", home / ".docker/config.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{ broken", "utf-8")
    temporary = home / "tmp"
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORLOP_", "DREDGE_", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "DOCKER_CONFIG": str(docker),
        "TMPDIR": str(temporary),
        "ORLOP_TOKEN": "not-a-token",
        "ORLOP_OUTPUT": "json",
        "ORLOP_SETTINGS": str(home / ".config/orlop/settings.json"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One whole tour, with each curl where there is one, amid settings and sign-ins that are broken."""
    home = tmp_path_factory.mktemp("home")
    environ = hostile(home)
    before = files(home)
    more = [] if NO_CURL else ["--check-curl"]
    done = subprocess.run(
        [*PROGRAM, "tour", *more], env=environ, cwd=home, capture_output=True, text=True, timeout=100, check=False
    )
    assert files(home) == before
    return Done(done.returncode, done.stdout, done.stderr, home)


def commands(text: str) -> list[list[str]]:
    """Return the arguments of each orlop command that the tour shows."""
    found = []
    for line in re.findall(r"^ *\$ (.*)$", text, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if "orlop" in words:
            words = words[words.index("orlop") + 1 :]
            found.append(words[: words.index("|")] if "|" in words else words)
    return found


def test_the_tour_finds_every_answer_right(toured: Done) -> None:
    assert (toured.status, toured.err) == (0, "")
    steps = re.findall(r"^(\d+)/(\d+)  ", toured.out, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, int(steps[0][1]) + 1))
    assert len(re.findall(r"^    ok  ", toured.out, re.MULTILINE)) == len(steps)
    assert f"All {len(steps)} answers were right" in toured.out


def test_the_tour_reads_and_leaves_nothing_of_the_users(toured: Done) -> None:
    assert toured.status == 0
    assert files(toured.home / "tmp") == set()
    assert (toured.home / "docker/config.json").read_text("utf-8") == "{ broken"


@pytest.mark.skipif(NO_CURL, reason="curl or sh is not on PATH: the printed curls cannot be run")
def test_each_curl_that_is_printed_gives_the_same(toured: Done) -> None:
    assert toured.status == 0
    assert toured.out.count("; curl says the same") + toured.out.count("; cat says the same") == toured.out.count(
        "    ok  "
    )


def test_each_command_that_is_printed_is_one(toured: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images.txt").touch()
    shown = [words for words in commands(toured.out) if words]
    assert len(shown) > 25
    for arguments in shown:
        command: click.Command = root
        context = click.Context(root, info_name="orlop", obj=App())
        while isinstance(command, click.Group):
            name, inner, arguments = command.resolve_command(context, arguments)
            assert inner is not None
            command, context = inner, click.Context(inner, info_name=name, parent=context)
        command.make_context(command.name, arguments, parent=context.parent)


class App:
    def __init__(self) -> None:
        self.options: dict[str, object] = {}


def test_the_tour_shows_the_whole_journey(toured: Done) -> None:
    for words in (
        "1,993 more lines, 2,000 in all",
        "manifest.list.v2+json",
        "windows(10.0.17763.6054)/amd64",
        "windows(10.0.20348.2582)/amd64",
        "linux/arm64/v8",
        "MADE BY",
        "Orlop Tour Linux 12",
        "-> 307",
        "GET  storage",
        "Authorization: Basic ***",
        "Authorization: Bearer ***",
        "application/spdx+json",
        "--from-file images.txt",
        "mcr.microsoft.com/dotnet/runtime",
    ):
        assert words in toured.out


def test_a_pipe_gets_plain_text_without_secrets(toured: Done) -> None:
    assert "\x1b" not in toured.out
    assert not re.search(r"ghp_|Signature=(?!\*)|not-a-token", toured.out + toured.err)
    assert not any(line != line.rstrip() for line in toured.out.splitlines())


# --- wrong answers -------------------------------------------------------------------------------


def touring(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], change: Callable[[Harbour], Harbour]
) -> tuple[int, str, str]:
    """Make the tour with a harbour that says something else was put in."""

    @contextmanager
    def changed() -> Iterator[Harbour]:
        with harbour() as there:
            yield change(there)

    monkeypatch.setattr(guide, "harbour", changed)
    status = run(["tour"], dict(os.environ))
    out, err = capfdbinary.readouterr()
    return status, out.decode(), err.decode()


def test_a_wrong_count_of_tags_fails_the_tour_at_that_step(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    status, out, err = touring(monkeypatch, capfdbinary, lambda there: replace(there, tags=[*there.tags, "one-more"]))
    assert status == 1
    assert "orlop: the tour failed at step 3 of" in err
    assert "(How many tags has a repository?): the number of tags is 2000, and 2001 was put in" in err
    assert "3/" in out
    assert "4/" not in out


def test_a_wrong_digest_fails_the_tour_at_that_step(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    other = tour_images(limit=1000)
    status, _, err = touring(monkeypatch, capfdbinary, lambda there: replace(there, samples=other))
    assert status == 1
    assert "the tour failed at step 4 of" in err
    assert str(other.app.digest) in err


def test_a_registry_that_gives_no_redirect_fails_the_tour(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def change(there: Harbour) -> Harbour:
        there.mcr.storage = None
        return there

    status, _, err = touring(monkeypatch, capfdbinary, change)
    assert status == 1
    assert "(A layer, through the registry's redirect)" in err


def test_a_command_that_does_not_end_fails_the_tour(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sandbox, "TIMEOUT_S", 0.0)
    status, _, err = touring(monkeypatch, capfdbinary, lambda there: there)
    assert status == 1
    assert "the tour failed at step 1 of" in err
    assert "did not end" in err


@pytest.mark.parametrize("printed", [b"", b"null", b"[]", b'{"lines":1}\n', b"\xff\n", b"{"])
def test_an_answer_of_another_shape_is_a_wrong_answer_at_every_step(printed: bytes, tmp_path: Path) -> None:
    with harbour() as there:
        place = sandbox.Sandbox(str(tmp_path), {})
        answer = sandbox.Answer(0, printed, b"", 0.1)
        for step in (*asking.steps(there), *looking.steps(there, place), *signing.steps(there)):
            with pytest.raises(WrongAnswerError):
                guide._checked(step.check, answer)
            if step.title != "Sign in":  # there the status says it all
                with pytest.raises(WrongAnswerError):
                    guide._checked(step.curl_check, answer)


# --- bad surroundings ----------------------------------------------------------------------------


def test_without_a_place_for_temporary_files_the_error_says_so(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def refuse(**_: str) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    status = run(["tour"], dict(os.environ))
    _, err = capfdbinary.readouterr()
    assert status == 9
    first, second = err.decode().splitlines()
    assert first.startswith("orlop: a temporary folder for the tour: cannot be made: No usable temporary directory")
    assert second == "hint: set TMPDIR to a folder that you may write to"


def test_checking_curl_without_curl_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert run(["tour", "--check-curl"], dict(os.environ)) == 2
    assert "not on PATH" in capfdbinary.readouterr().err.decode()


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="what is left running is looked up in /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_tour_at_once_and_leaves_no_file_and_no_process(
    tmp_path: Path, number: int, status: int
) -> None:
    environ = hostile(tmp_path)
    temporary = tmp_path / "tmp"
    process = subprocess.Popen(
        [*PROGRAM, "tour"], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"4/"):
            break
    assert files(temporary)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (status, b"")
    assert files(temporary) == set()
    # A killed child is gone when the kernel has ended it, which a busy machine may do after its parent's end.
    for _ in range(200):
        left = [pid for pid, folder in working_folders() if folder.startswith(str(temporary))]
        if not left:
            break
        time.sleep(0.05)
    assert left == []


def working_folders() -> Iterator[tuple[str, str]]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            yield entry.name, str((entry / "cwd").readlink())
        except OSError:
            continue


def test_a_reader_who_leaves_ends_the_tour_without_a_word(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "tour"], env=hostile(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 0)
    process.stderr.close()
    assert files(tmp_path / "tmp") == set()


# --- how it looks --------------------------------------------------------------------------------


class Terminal(Streams):
    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self.terminal, self.colour = True, colour
        self.written = ""

    def text(self, text: str) -> None:
        self.written += text


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_gets_colour_unless_it_wants_none(colour: bool) -> None:
    streams = Terminal(colour=colour)
    page = Page(streams)
    page.title("words")
    page.commands(["orlop tour"])
    assert ("\x1b[1mwords\x1b[0m\n" in streams.written) == colour
    assert ("\x1b" in streams.written) == colour


def test_long_output_is_shortened_visibly() -> None:
    lines = [str(number) for number in range(2000)]
    assert shortened(lines, 2, 1) == ["0", "1", "… 1,997 more lines, 2,000 in all", "1999"]


def test_output_is_not_shortened_by_a_single_line() -> None:
    assert shortened(["a", "b", "c"], 1, 1) == ["a", "b", "c"]


def test_a_command_goes_on_in_its_next_line() -> None:
    streams = Terminal(colour=False)
    Page(streams).commands(["a |", "  b"], indent="")
    assert streams.written == "$ a |\n>   b\n"
