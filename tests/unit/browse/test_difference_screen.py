"""Two images in the browser, driven by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import DataTable, Input, Log, TabbedContent

from orlop.browse import differencescreen
from orlop.browse.differencescreen import DifferenceScreen

if TYPE_CHECKING:
    from tests.unit.browse.conftest import Browsers, Driver


def rows(driver: Driver, name: str) -> list[list[str]]:
    table = driver.screen.query_one(name, DataTable)
    return [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]


def refs(browsers: Browsers) -> tuple[str, str]:
    return f"{browsers.host}/one:1", f"{browsers.host}/two:1"


def test_the_files_that_differ_are_listed(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert isinstance(driver.screen, DifferenceScreen)
        assert driver.options("#platforms") == ["linux/amd64"]
        assert [(row[0], row[1]) for row in rows(driver, "#changes")] == [
            ("-", "/etc/hosts"),
            ("+", "/etc/motd"),
            ("~", "/etc/passwd"),
            ("+", "/opt"),
            ("+", "/opt/new"),
            ("-", "/srv"),
            ("-", "/srv/app"),
        ]
        assert rows(driver, "#changes")[2][2:] == ["content", "43 B -> 42 B"]
        assert driver.screen.note.startswith("Files: 3 added, 3 removed, 1 changed")

    browsers.drive(story, *refs(browsers))


def test_a_path_tells_what_both_have_and_enter_shows_the_difference_of_the_text(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        pane = driver.screen.query_one("#diff")
        assert pane.message.startswith("first   -rw-r--r--  0644  0:0  20 B")
        assert "second  nothing" in pane.message
        await driver.press("enter")
        assert "second  nothing" in pane.message
        await driver.press("down", "down")
        assert "Enter shows the difference of the text." in pane.message
        await driver.press("enter")
        assert pane.message == ""
        lines = list(driver.screen.query_one("#diff Log", Log).lines)
        assert lines[:2] == ["--- a/etc/passwd", "+++ b/etc/passwd"]
        assert lines[-2:] == ["-daemon:x:1:1", "+demon:x:1:1"]

    browsers.drive(story, *refs(browsers))


def test_layers_and_config(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("l")
        assert driver.screen.query_one(TabbedContent).active == "layers"
        assert [row[0] for row in rows(driver, "#layer-table")] == ["=", "~"]
        await driver.press("c")
        assert ["~", "config.Cmd", '["sh", "-c", "true"]', '["other"]'] in rows(driver, "#config-table")
        await driver.press("f")
        assert driver.app.focused is driver.screen.query_one("#changes")

    browsers.drive(story, *refs(browsers))


def test_a_filter_leaves_fewer_paths(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("slash", *"ETC")
        assert [row[1] for row in rows(driver, "#changes")] == ["/etc/hosts", "/etc/motd", "/etc/passwd"]
        assert "3 paths with ETC" in driver.screen.note
        await driver.press("enter")
        assert driver.app.focused is driver.screen.query_one("#changes")
        await driver.press("escape")
        assert len(rows(driver, "#changes")) == 7
        assert not driver.screen.query_one("#filter", Input).has_class("asked")
        await driver.press("slash", *"nothing")
        assert driver.screen.query_one("#diff").message == "Nothing to show."

    browsers.drive(story, *refs(browsers))


def test_more_changes_than_are_listed_are_counted(browsers: Browsers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differencescreen, "CHANGES_LIMIT", 2)

    async def story(driver: Driver) -> None:
        assert len(rows(driver, "#changes")) == 2
        assert "the first 2 are listed" in driver.screen.note

    browsers.drive(story, *refs(browsers))


def test_whole_indexes_platform_by_platform(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert driver.options("#platforms") == ["linux/amd64", "linux/arm64/v8"]
        await driver.press("p", "end", "enter")
        assert rows(driver, "#changes") == []
        assert driver.screen.note.startswith("No file differs.")

    browsers.drive(story, *refs(browsers), platform="")


def test_an_image_is_the_same_as_itself(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert driver.screen.note == "No file differs.  Config: no field differs."

    browsers.drive(story, f"{browsers.host}/one:1", f"{browsers.host}/one:2")


@pytest.mark.parametrize("at", [0, 1])
def test_an_error_of_either_side_stands_in_place(browsers: Browsers, at: int) -> None:
    both = list(refs(browsers))
    both[at] = f"{browsers.host}/one:none"

    async def story(driver: Driver) -> None:
        assert driver.screen.pane.message.startswith("Error: manifest none is not in")
        for key in ("f", "l", "c", "p", "slash", "escape", "enter"):
            await driver.press(key)
        driver.screen._base, driver.screen._target = refs(browsers)
        await driver.press("r")
        assert len(rows(driver, "#changes")) == 7
        await driver.press("q")

    assert browsers.drive(story, *both).return_code == 0


def test_images_of_different_platforms_say_so(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        message = driver.screen.pane.message
        assert message.startswith("Error: ")
        assert "platform" in message

    browsers.drive(story, *refs(browsers), platform="linux/s390x")
