"""``orlop browse`` as a command: what it needs, and that it ends well. What it shows is tested in tests/unit/browse."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.test_prompt import at_a_terminal, read_until

from orlop.testing import registry as start
from orlop.testing.builders import image, push_now
from orlop.testing.layers import layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Harbour, Orlop


def test_it_needs_a_terminal(orlop: Orlop, harbour: Harbour) -> None:
    said = orlop("browse", harbour.single)
    assert (said.status, said.raw) == (8, b"")
    assert "it needs a terminal" in said.notes


def test_without_textual_it_says_how_to_get_it(orlop: Orlop, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "textual" else there(name))
    said = orlop("browse", "debian", terminal=True)
    assert said.status == 8
    assert said.notes.splitlines() == [
        "orlop: browsing is not possible at this installation: Textual is not installed",
        "hint: pip install 'orlop[tui]'",
    ]


@pytest.mark.parametrize("refs", [("a", "b", "c"), ("NOT VALID",), ("oci:",)])
def test_what_cannot_be_looked_into(orlop: Orlop, refs: tuple[str, ...]) -> None:
    assert orlop("browse", *refs, terminal=True).status == 2


@pytest.mark.parametrize("end", [b"q", b"\x03"])
def test_it_runs_in_a_terminal_until_it_is_quit(harbour: Harbour, home: Path, end: bytes) -> None:
    with at_a_terminal("browse", harbour.single, home=home) as (running, master):
        shown = read_until(master, b"arch")
        os.write(master, end)
        shown += read_until(master, b"never written")
        assert running.wait(timeout=15) == 0
    assert b"Traceback" not in shown
    assert b"\x1b[?1049l" in shown  # the terminal is as it was


def test_quitting_does_not_wait_for_a_registry_that_says_nothing(home: Path) -> None:
    go = threading.Event()

    async def stall(call: Any, then: Any) -> Any:
        if "/blobs/" in call.target:
            await asyncio.to_thread(go.wait, 15)
        return await then(call)

    with start(middleware=[stall]) as slow:
        push_now(image([layer({"a": b"1"})]), slow, "x", tags=["1"])
        with at_a_terminal("browse", f"{slow.host}/x:1", home=home) as (running, master):
            read_until(master, b"Reading")
            os.write(master, b"q")
            read_until(master, b"never written")
            assert running.wait(timeout=10) == 0
            assert not go.is_set()
        go.set()
