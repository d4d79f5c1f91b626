"""An archive of an image's files, to a file or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.cli.context import usage
from orlop.cli.filesview import counted, notes_json, only_asked, opened, report, size_text, tell_notes, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.export import Exported


def write_archive(
    app: App,
    ref: str,
    file: str,
    *,
    paths: Sequence[str] = (),
    follow: bool = False,
    layer: int | None = None,
    limit: int | None = None,
) -> None:
    """Write it, and tell what was written unless standard output is the archive. Raises InputError for a terminal."""
    from orlop.cli.progress import Progress

    if only_asked(app, ref, layer=layer):
        return
    if file == "-":
        if app.streams.terminal:
            raise usage("standard output is a terminal, and an archive would only harm it").with_hint(
                "name a file, or pipe it: | tar -x"
            )
        if app.options.get("output") or app.options.get("format") is not None:
            raise usage("standard output is the archive: --output and --format are for one in a file")
    with app.client() as client, Progress(app, "files") as progress:
        work = _export(
            app, client.steps, ref, file, paths=paths, follow=follow, layer=layer, limit=limit, progress=progress.at
        )
        found = written(client, work)
    tell_notes(app, found.notes, found.skipped)
    if file != "-":
        said = {
            "to": file,
            "members": found.members,
            "files": found.files,
            "bytes": found.bytes,
            "skipped": found.skipped,
            "notes": notes_json(found.notes),
        }
        text = f"{', '.join([*counted(found.members, 'member'), *counted(found.files, 'file')]) or 'nothing'}"
        report(app, said, [("Archive", file), ("Written", f"{text}; {size_text(found.bytes)}")])


async def _export(
    app: App,
    client: AsyncClient,
    ref: str,
    file: str,
    *,
    paths: Sequence[str],
    follow: bool,
    layer: int | None,
    limit: int | None,
    progress: Callable[[int], None],
) -> Exported:
    import os

    from orlop.image.export import export, into_file
    from orlop.image.extract import LIMIT

    store, image = await opened(app, client, ref)
    most = LIMIT if limit is None else limit
    if file == "-":
        return await export(
            store, image, app.streams.write, paths=paths, follow=follow, layer=layer, limit=most, progress=progress
        )
    folder = os.path.split(file)[0] or os.curdir
    async with into_file(file) as write:
        return await export(
            store, image, write, paths=paths, follow=follow, layer=layer, limit=most, folder=folder, progress=progress
        )
