"""The pages themselves: links that lead somewhere, and lists that are complete."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import orlop.errors
from orlop.cli.settings import HOST_KNOWN, KNOWN
from orlop.cli.status import status_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ERROR_ROW = re.compile(r"^\| `(\w+Error)`[^|]*\| ([^|]+) \|", re.MULTILINE)


def title(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_a_link_leads_to_a_page_that_is_there(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("https://", "http://")):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{title(page)} links to {link}"
        assert not anchor or anchor in anchors(path), f"{title(page)} links to {link}"


@pytest.mark.parametrize("folder", ["docs/guide", "docs/registries", "docs/adr"])
def test_every_page_of_a_folder_can_be_found_from_its_index(folder: str) -> None:
    index = ROOT / ("docs/adr/README.md" if folder == "docs/adr" else "docs/index.md")
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(prose(index))}
    assert {path.resolve() for path in (ROOT / folder).glob("*.md")} - linked - {index.resolve()} == set()


def test_the_errors_page_lists_every_error_class_with_its_exit_status() -> None:
    page = dict(ERROR_ROW.findall((ROOT / "docs/guide/errors.md").read_text("utf-8")))
    classes = {
        name
        for name, value in inspect.getmembers(orlop.errors, inspect.isclass)
        if issubclass(value, orlop.errors.OrlopError) and not name.startswith("_")
    }
    assert set(page) == classes


def test_the_errors_page_says_what_the_command_line_does() -> None:
    for name, status in ERROR_ROW.findall((ROOT / "docs/guide/errors.md").read_text("utf-8")):
        kind = getattr(orlop.errors, name)
        if kind is not orlop.errors.CopyError:
            assert status_of(kind.__new__(kind)) == int(status), name


def test_the_settings_page_names_every_setting() -> None:
    page = (ROOT / "docs/guide/settings.md").read_text("utf-8")
    missing = [name for name in (*KNOWN, *HOST_KNOWN) if f"`{name}`" not in page]
    assert missing == []


def test_the_style_page_fits_on_a_screen_or_two() -> None:
    assert len((ROOT / "docs/style.md").read_text("utf-8").splitlines()) <= 60
