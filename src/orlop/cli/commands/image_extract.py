"""``orlop image extract``: files of an image into a folder or an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.archives import write_archive
from orlop.cli.context import usage
from orlop.cli.filesview import (
    counted,
    layer_option,
    limit_option,
    notes_json,
    only_asked,
    opened,
    report,
    size_text,
    tell_notes,
    written,
)
from orlop.cli.lazy import Command

if TYPE_CHECKING:
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.extract import Extracted, Rules


@click.command("extract", cls=Command)
@click.argument("ref", metavar="REF")
@click.argument("paths", metavar="[PATH...]", nargs=-1)
@click.option("--to", metavar="DIR", help="Write into this folder, which is made, or is empty.")
@click.option("--tar", metavar="FILE", help="Write an archive instead; - is standard output.")
@click.option("--follow", "-L", is_flag=True, help="Where PATH is a link, also what it leads to.")
@click.option("--force", is_flag=True, help="Into a folder that is not empty: merge folders, replace files in the way.")
@click.option("--no-owner", is_flag=True, help="Make all files this user's own, even as root.")
@limit_option
@layer_option
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def extract(
    app: App,
    ref: str,
    paths: tuple[str, ...],
    to: str | None,
    tar: str | None,
    follow: bool,
    force: bool,
    no_owner: bool,
    limit: int | None,
    layer: int | None,
) -> None:
    """Write files of an image, folders with all in them, to DIR, each at its own path below it; without PATH all of it.

    All is read and checked before anything has its name: a call that fails leaves no half of a file. Modes, times, links
    and extended attributes are kept; owners, setuid and devices only for root. Nothing is ever written outside DIR.
    """
    if (to is None) == (tar is None):
        raise usage("where to? --to DIR is a folder, --tar FILE an archive: give one")
    if tar is not None:
        if force or no_owner:
            raise usage("--force and --no-owner are for --to DIR")
        write_archive(app, ref, tar, paths=paths, follow=follow, layer=layer, limit=limit)
        return
    from orlop.cli.progress import Progress
    from orlop.image.extract import LIMIT, Rules, check_target

    check_target(str(to), force=force)
    if only_asked(app, ref, layer=layer):
        return
    with app.client() as client, Progress(app, "files") as progress:
        rules = Rules(force, False if no_owner else None, LIMIT if limit is None else limit, progress.at)
        work = _extract(app, client.steps, ref, str(to), paths, follow=follow, layer=layer, rules=rules)
        found = written(client, work)
    told(app, found)


async def _extract(
    app: App,
    client: AsyncClient,
    ref: str,
    to: str,
    paths: tuple[str, ...],
    *,
    follow: bool,
    layer: int | None,
    rules: Rules,
) -> Extracted:
    from orlop.image.extract import extract as write

    store, image = await opened(app, client, ref)
    return await write(store, image, to, paths=paths, follow=follow, layer=layer, rules=rules)


def told(app: App, found: Extracted) -> None:
    """Tell what was extracted."""
    tell_notes(app, found.notes, found.skipped)
    report(app, extracted_json(found), [("Folder", found.to), ("Written", extracted_text(found))])


def extracted_text(found: Extracted) -> str:
    """Return it in words."""
    parts = [
        *counted(found.files, "file"),
        *counted(found.hard_links, "hard link"),
        *counted(found.symlinks, "symbolic link"),
        *counted(found.folders, "folder"),
        *counted(found.others, "device or pipe", "devices and pipes"),
    ]
    return f"{', '.join(parts) or 'nothing'}; {size_text(found.bytes)}"


def extracted_json(found: Extracted) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "to": found.to,
        "files": found.files,
        "bytes": found.bytes,
        "hard_links": found.hard_links,
        "symlinks": found.symlinks,
        "folders": found.folders,
        "others": found.others,
        "skipped": found.skipped,
        "notes": notes_json(found.notes),
    }
