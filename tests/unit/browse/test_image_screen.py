"""One image in the browser, driven by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Input, Log, OptionList, Static

from orlop.browse import imagescreen
from orlop.browse.imagescreen import ImageScreen
from orlop.browse.pick import Ask, Search, Tags
from orlop.browse.viewer import Viewer

if TYPE_CHECKING:
    from tests.unit.browse.conftest import Browsers, Driver

NASTY_SHOWN = r"b\x1b[31m\u202e[bold]c.txt"


def title(driver: Driver) -> str:
    return str(driver.screen.query_one(".title", Static).content)


async def open_folder(driver: Driver, *names: str) -> None:
    """Put the cursor on a path and open it."""
    await driver.screen.show_path("/".join(names))
    await driver.settle()
    await driver.press("enter")


def test_an_index_shows_platforms_layers_and_the_merged_files(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert isinstance(driver.screen, ImageScreen)
        assert driver.options("#platforms") == ["linux/amd64", "linux/arm64/v8"]
        layers = driver.options("#layers")
        assert layers[0] == "all layers, merged"
        assert [line.split(None, 3)[-1] for line in layers[1:]] == ["ADD rootfs.tar /", "RUN /bin/sh -c make"]
        assert driver.tree == ["bin/", "etc/", "srv/", "usr/", "lib -> usr/lib"]
        assert title(driver).startswith(f"{browsers.host}/one:1  linux/amd64  sha256:")
        assert title(driver).endswith("in 2 layers")

    browsers.drive(story, f"{browsers.host}/one:1")


def test_an_image_without_an_index_has_no_list_of_platforms(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert not driver.screen.query_one("#platforms").display
        assert "etc/" in driver.tree
        await driver.press("p")
        assert driver.app.focused is driver.screen.files

    browsers.drive(story, f"{browsers.host}/alone:1")


def test_a_folder_opens_and_the_details_of_a_path_are_told(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await open_folder(driver, "etc")
        assert driver.tree[1:5] == ["etc/", f"  {NASTY_SHOWN}", "  hosts", "  passwd"]
        await driver.screen.show_path("etc/passwd")
        await driver.settle()
        lines = driver.screen.details.split("\n")
        assert lines[0] == "/etc/passwd"
        assert lines[1] == "-rw-r--r--  0644  0:0  43 B  2024-01-01 00:00:00  file"
        assert lines[2] == "layer 0  ADD rootfs.tar /"
        assert lines[3].startswith("sha256:")
        await driver.screen.show_path("bin/toy")
        await driver.settle()
        assert driver.screen.details.split("\n")[0] == "/bin/toy  -> bin/sh"
        assert "47 B" in driver.screen.details

    browsers.drive(story, f"{browsers.host}/one:1")


def test_the_image_itself_is_told_at_the_root(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("home")
        assert "command  sh -c true" in driver.screen.details

    browsers.drive(story, f"{browsers.host}/one:1")


def test_removed_files_are_shown_on_a_key(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("a")
        await open_folder(driver, "etc")
        assert "  - motd  (removed by layer 1)" in driver.tree
        await driver.screen.show_path("etc/motd", removed=True)
        await driver.settle()
        assert "removed by layer 1" in driver.screen.details
        await driver.press("enter")
        assert "layer 1 removed it" in driver.screen.query_one("#file").message
        await driver.press("escape", "a")
        await open_folder(driver, "etc")
        assert not any("motd" in line for line in driver.tree)

    browsers.drive(story, f"{browsers.host}/one:1")


def test_one_layer_alone_and_back(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("l", "end", "enter")
        assert driver.tree == ["etc/", "srv/"]
        assert driver.screen.files.border_title == "Files, layer 1 alone"
        await driver.press("l", "home", "enter")
        assert "usr/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:1")


def test_what_a_layer_takes_away_is_shown_in_that_layer(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("a", "l", "end", "enter")
        await open_folder(driver, "etc")
        assert driver.tree[:3] == ["etc/", "  hosts", "  - motd  (removed by layer 1)"]
        await driver.screen.show_path("etc/motd", removed=True)
        await driver.settle()
        assert driver.screen.details == "/etc/motd\na whiteout: layer 1 takes away what the layers below have there"

    browsers.drive(story, f"{browsers.host}/one:1")


def test_another_platform(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("p", "down", "enter")
        assert driver.tree == ["arm"]
        assert "linux/arm64" in title(driver)

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_wish_for_a_platform_chooses_it(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert driver.tree == ["arm"]

    browsers.drive(story, f"{browsers.host}/one:1", platform="linux/arm64")


def test_the_text_of_a_file(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.screen.show_path("etc/passwd")
        await driver.settle()
        await driver.press("enter")
        assert isinstance(driver.screen, Viewer)
        assert list(driver.screen.query_one(Log).lines) == ["root:x:0:0:root:/root:/bin/sh", "daemon:x:1:1"]
        assert driver.screen.note == "text, 43 B, 2 lines"
        await driver.press("x")
        assert driver.screen.query_one(Log).lines[0].startswith("00000000  72 6f 6f 74")
        await driver.press("escape")
        assert isinstance(driver.screen, ImageScreen)

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_link_shows_the_file_that_it_leads_to_and_a_broken_one_says_so(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.screen.show_path("lib")
        await driver.settle()
        await driver.press("enter")
        assert "it is a folder" in driver.screen.query_one("#file").message

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_long_file_is_cut_and_that_is_said(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.screen.show_path("usr/lib/long")
        await driver.settle()
        await driver.press("enter")
        assert "only the first 256.0 KiB are shown, not read to its end" in driver.screen.note
        assert driver.screen.query_one(Log).lines[0] == "line 0"

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_binary_file_is_shown_as_numbers(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.screen.show_path("bin/sh")
        await driver.settle()
        await driver.press("enter")
        assert driver.screen.note == "binary, 47 B"
        assert driver.screen.query_one(Log).lines[0].startswith("00000000  7f 45 4c 46 00 01 02 00  00")

    browsers.drive(story, f"{browsers.host}/one:1")


def test_names_and_contents_command_no_terminal_and_are_no_markup(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await open_folder(driver, "etc")
        await driver.screen.show_path("etc/b\x1b[31m\u202e[bold]c.txt")
        await driver.settle()
        assert driver.screen.details.startswith(f"/etc/{NASTY_SHOWN}")
        await driver.press("enter")
        assert driver.screen.query_one(Log).lines[0] == r"\x1b[31mred\x1b[0m [bold]x[/bold]"
        assert title(driver) == f"/etc/{NASTY_SHOWN}"

    browsers.drive(story, f"{browsers.host}/one:1")


# --- search ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PASSWD", ["/etc/passwd"]),
        ("*.txt", [f"/etc/{NASTY_SHOWN}"]),
        ("/usr/lib/l?ng", ["/usr/lib/long"]),
        ("nothing like it", []),
    ],
)
def test_a_search_finds_paths(browsers: Browsers, text: str, found: list[str]) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("slash")
        assert isinstance(driver.screen, Search)
        driver.screen.query_one(Input).value = text
        await driver.press("enter")
        assert driver.options("OptionList") == found
        assert driver.screen.said == ("1 path" if found else "0 paths")

    browsers.drive(story, f"{browsers.host}/one:1")


def test_what_a_search_found_is_gone_to(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("slash", *"long", "enter", "enter")
        assert isinstance(driver.screen, ImageScreen)
        node = driver.screen.files.cursor_node
        assert node is not None
        assert node.data is not None
        assert node.data.path == "usr/lib/long"
        assert driver.screen.details.startswith("/usr/lib/long")

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_search_finds_removed_files_where_they_are_shown(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("a", "slash", *"motd", "enter")
        assert driver.options("OptionList") == ["/etc/motd  (removed by layer 1)"]
        await driver.press("enter")
        assert "removed by layer 1" in driver.screen.details

    browsers.drive(story, f"{browsers.host}/one:1")


def test_a_search_that_finds_too_much_says_so(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("slash", "0", "enter")
        assert driver.screen.said == "500 paths, and more: a longer text leaves fewer"
        await driver.press("escape")
        await open_folder(driver, "d")
        assert len(driver.tree) == imagescreen.CHILDREN_LIMIT + 2
        assert driver.tree[-1] == "  ... more than 2,000: / finds the others"
        await driver.screen.show_path("d/02099")
        assert "is not among the entries that are shown" in driver.screen.details

    browsers.drive(story, f"{browsers.host}/wide:1")


# --- tags and references -----------------------------------------------------------------------


def test_another_tag(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("t")
        assert isinstance(driver.screen, Tags)
        assert driver.options("OptionList") == ["1", "1.1", "2", "latest"]
        await driver.press("1")
        assert driver.options("OptionList") == ["1", "1.1"]
        assert driver.screen.said == "2 of 4 tags"
        await driver.press("down", "down", "enter")
        assert title(driver).startswith(f"{browsers.host}/one:1.1  ")

    browsers.drive(story, f"{browsers.host}/one:1")


def test_another_reference(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("o")
        assert isinstance(driver.screen, Ask)
        driver.screen.query_one(Input).value = f"{browsers.host}/alone:1"
        await driver.press("enter")
        assert title(driver).startswith(f"{browsers.host}/alone:1  ")
        await driver.press("o", "escape")
        assert "etc/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:1")


def test_no_reference_asks_for_one(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert isinstance(driver.screen, Ask)
        driver.screen.query_one(Input).value = f"{browsers.host}/one:1"
        await driver.press("enter")
        assert "etc/" in driver.tree

    browsers.drive(story)


def test_nothing_asked_for_is_the_end(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("escape")

    assert browsers.drive(story).return_code == 0


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one:none", "manifest none is not in"),
        ("nowhere:1", "nowhere"),
        ("one:b:c", "is not an image reference"),
        ("artifact:1", "it is an artifact"),
        ("one:1@sha256:" + "0" * 64, "is not in"),
    ],
)
def test_an_error_stands_where_the_files_were_to_be(browsers: Browsers, name: str, said: str) -> None:
    async def story(driver: Driver) -> None:
        assert driver.screen.pane.message.startswith("Error: ")
        assert said in driver.screen.pane.message
        assert driver.screen.pane.has_class("failed")
        for key in ("slash", "a", "l", "f", "p"):  # nothing of it breaks
            await driver.press(key)
        await driver.press("q")

    assert browsers.drive(story, f"{browsers.host}/{name}").return_code == 0


def test_tags_that_cannot_be_had_are_an_error_in_their_place(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("t")
        assert driver.screen.said.startswith("Error: ")
        await driver.press("escape")
        assert isinstance(driver.screen, ImageScreen)

    browsers.drive(story, f"{browsers.host}/nowhere:1")


def test_after_an_error_another_tag_can_be_taken(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("t", "tab", "end", "enter")
        assert driver.screen.pane.message == ""
        assert "etc/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:none")


def test_it_asks_again_on_a_key(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        driver.screen._text = f"{browsers.host}/one:1"
        await driver.press("r")
        assert "etc/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:none")


def test_a_bug_is_told_in_place_as_well(browsers: Browsers, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError("a bug\x1b[31m")

    monkeypatch.setattr("orlop.browse.questions.Questions.open", fail)

    async def story(driver: Driver) -> None:
        assert driver.screen.pane.message == r"Error: unexpected: ZeroDivisionError: a bug\x1b[31m"

    browsers.drive(story, f"{browsers.host}/one:1")


def test_an_image_without_layers_has_no_files(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        assert driver.tree == []
        assert driver.screen.query_one("#layers", OptionList).option_count == 1

    browsers.drive(story, f"{browsers.host}/empty:1")


# --- the screen --------------------------------------------------------------------------------


def test_the_foot_names_the_keys(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        keys = {active.binding.description for active in driver.screen.active_bindings.values() if active.binding.show}
        assert {"Open", "Tags", "Platforms", "Layers", "Files", "Search", "Removed files", "Again", "Quit"} <= keys

    browsers.drive(story, f"{browsers.host}/one:1")


def test_it_works_without_colour(browsers: Browsers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(driver: Driver) -> None:
        assert driver.app.no_color
        await driver.press("down")
        assert "etc/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:1")


def test_it_works_on_a_small_terminal(browsers: Browsers) -> None:
    async def story(driver: Driver) -> None:
        await driver.press("down", "enter")
        assert "etc/" in driver.tree

    browsers.drive(story, f"{browsers.host}/one:1", size=(40, 10))
