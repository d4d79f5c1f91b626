"""What the browser writes, and what it does while it waits."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

import orlop
from orlop.browse.asking import explained, in_thread
from orlop.browse.text import hex_lines, is_binary, owner, permissions, shown, size, text_lines
from orlop.errors import ManifestNotFoundError
from orlop.layer.entry import NO_XATTRS, Entry
from orlop.testing import registry
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from typing import Any

    from tests.unit.browse.conftest import Browsers


def entry(**fields: Any) -> Entry:
    plain = Entry("a", "file", 0o644, 0, 0, "", "", 0, 0, "", 0, 0, NO_XATTRS, 0, 0, 0, None, "a")
    return plain._replace(**fields)


@given(some.text())
def test_whatever_is_shown_prints(text: str) -> None:
    assert shown(text).isprintable()
    assert all(line.isprintable() for line in text_lines(text.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", "a b"),
        ("a\tb\n", r"a\tb\n"),
        ("\x1b[0m", r"\x1b[0m"),
        ("\u202e", r"\u202e"),
        ("\udcff", r"\xff"),
        ("\ue000", r"\ue000"),
    ],
)
def test_what_does_not_print_is_written_out(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_sizes_modes_and_owners() -> None:
    assert [size(count) for count in (0, 1023, 1024, 5 << 20, 7 << 40)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "7168.0 GiB",
    ]
    assert permissions(entry(mode=0o4755)) == "-rwsr-xr-x"
    assert permissions(entry(kind="dir", mode=0o1777)) == "drwxrwxrwt"
    assert permissions(entry(kind="symlink", mode=0o777)) == "lrwxrwxrwx"
    assert owner(entry(uid=1, gid=2)) == "1:2"
    assert owner(entry(uid=1, gid=2, uname="me", gname="us\x1b")) == r"me:us\x1b (1:2)"


@pytest.mark.parametrize(
    ("data", "binary"),
    [(b"", False), (b"text\n", False), (b"a\0b", True), ("ä".encode() * 100, False), (b"\xff" * 100, True)],
)
def test_what_is_binary(data: bytes, binary: bool) -> None:
    assert is_binary(data) == binary


def test_text_and_numbers_as_lines() -> None:
    assert text_lines(b"a\tb\r\n\xff\n\x1b") == ["a   b", r"\xff", r"\x1b"]
    assert hex_lines(bytes(range(48, 66))) == [
        "00000000  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|",
        "00000010  40 41                                             |@A|",
    ]


def test_an_error_brings_its_hint() -> None:
    error = ManifestNotFoundError("1", "x").with_hint("try\x1b 2")
    assert explained(error) == "manifest 1 is not in x: not found\n\ntry\\x1b 2"


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    began, go = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go.wait(10)

    async def main() -> None:
        waiting = asyncio.create_task(in_thread(slow))
        await asyncio.to_thread(began.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        assert await in_thread(lambda: 7) == 7

    asyncio.run(main())


def test_whoever_quits_does_not_wait_for_a_registry_that_says_nothing(browsers: Browsers) -> None:
    asked, go = threading.Event(), threading.Event()

    async def stall(call: Any, then: Any) -> Any:
        if "/blobs/" in call.target:
            asked.set()
            await asyncio.to_thread(go.wait, 10)
        return await then(call)

    with registry(middleware=[stall]) as slow:
        push_now(image([layer({"a": b"1"})]), slow, "x", tags=["1"])

        async def main() -> None:
            async with browsers.running(f"{slow.host}/x:1", platform="", size=(80, 24)) as driver:
                await asyncio.to_thread(asked.wait, 10)
                await driver.pilot.pause()
                assert driver.screen.pane.message.startswith("Reading")
                await driver.pilot.press("slash", "down", "t", "q")  # it still hears keys
                driver.app.exit()

        asyncio.run(main())
        assert not go.is_set()
        go.set()


def test_textual_is_imported_by_the_browser_alone() -> None:
    root = Path(orlop.__path__[0])
    users = {
        path.parent.name
        for path in root.rglob("*.py")
        if "textual" in path.read_text("utf-8").split("import", 1)[-1] and "from textual" in path.read_text("utf-8")
    }
    assert users == {"browse"}
