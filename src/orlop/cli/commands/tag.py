"""``orlop tag``: the tags of a repository."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask, is_batch
from orlop.cli.context import usage
from orlop.cli.lazy import Group
from orlop.cli.lists import names_line, show_names, show_pages
from orlop.cli.render import Answer, columns, lines, mode_of
from orlop.cli.sources import named, reference_named
from orlop.model.reference import is_locator

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from orlop import AsyncClient, PlatformSelector, Reference
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.image.summary import Summary
    from orlop.model.locator import Locator

tag = Group("tag", help="The tags of a repository.")


@tag.command("list")
@options.refs("REPO...")
@click.option("--include", multiple=True, metavar="GLOB", help="Only tags that match one of these.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No tags that match one of these.")
@click.option(
    "--sort", type=click.Choice(["version", "name", "date"]), help="Sort, with the newest or the last at the end."
)
@click.option("--long", "-l", "long", is_flag=True, help="With digest, creation date and size of each.")
@options.platform
@options.output
@options.batch
@options.curl
@options.connection
@click.pass_obj
def list_(
    app: App, refs: tuple[str, ...], include: tuple[str, ...], exclude: tuple[str, ...], sort: str | None, long: bool
) -> None:
    """Print the tags of REPO, all pages, in the registry's order; of REPO@DIGEST its other tags.

    Of a locator, such as oci:DIR, it is the names as they are written there, which may be whole references.
    Date and size are of one platform: the one that an option chooses, else the first of an index.
    """
    listing = _Listing(app, include, exclude, sort or "", long)
    if is_batch(app, refs) or is_locator(refs[0]):
        ask(app, refs, listing.rows, answer=lambda _, rows: _answer(rows, long=long), line=listing.line)
        return
    reference = _repository(app, refs[0])
    raw = mode_of(app) == "raw"
    if raw and (listing.asks or listing.chosen or reference.digest):
        raise usage("--output raw prints the registry's pages: no choice, order or --long is possible with it")
    if not listing.asks and not reference.digest:
        with app.client() as client:
            if raw:
                show_pages(app, client, str(reference.host), f"/v2/{reference.name}/tags/list?n=1000")
                return
            names = (str(name) for name in client.tags(reference.repository) if listing.wanted(str(name)))
            show_names(app, "tag", sorted(names, key=listing.key) if listing.key else names)
        return
    ask(app, refs, listing.rows, answer=lambda _, rows: _answer(rows, long=long), line=listing.line)


def _repository(app: App, text: str) -> Reference:
    reference = reference_named(app, text, default_tag=False)
    if reference.tag is not None and reference.digest is None:
        raise _one_tag(text, reference.tag.value)
    return reference


def _one_tag(text: str, tag: str) -> Exception:
    if tag.isdecimal() and "/" not in text and ("." in text or text.startswith("localhost:")):
        return usage(f"{text} names a registry, or a tag of an image, and no repository").with_hint(
            f"orlop repo list {text} shows the repositories of the registry"
        )
    return usage(f"{text} names a tag, and this lists the tags of a repository").with_hint(
        f"leave out :{tag}; or give a digest to see its other tags"
    )


class _Row:
    """One tag, what is known of it, and the error that looking at it met."""

    __slots__ = ("error", "summary", "tag")

    def __init__(self, tag: str, summary: Summary | None = None, error: Exception | None = None) -> None:
        self.tag, self.summary, self.error = tag, summary, error

    def fields(self) -> dict[str, Any]:
        if self.error is not None:
            from orlop.cli.batch import error_fields

            return {"tag": self.tag, "error": error_fields(self.error)}
        found = self.summary
        if found is None:
            return {"tag": self.tag}
        return {
            "tag": self.tag,
            "digest": found.digest.value,
            "kind": found.kind,
            "mediaType": found.media_type,
            "platform": str(found.platform) if found.platform else None,
            "created": found.created or None,
            "size": found.size if found.size >= 0 else None,
        }


class _Listing:
    """Which tags, in which order, and with what."""

    def __init__(self, app: App, include: tuple[str, ...], exclude: tuple[str, ...], sort: str, long: bool) -> None:
        self._app, self._include, self._exclude, self._sort, self._long = app, include, exclude, sort, long
        self._selector: PlatformSelector | None = app.selector(settings=False)
        self.asks = long or sort == "date"
        """Whether each tag has to be asked about."""
        self.chosen = bool(include or exclude or sort)
        self.key = self._key()

    def _key(self) -> Callable[[str], Any] | None:
        if self._sort == "version":
            from orlop.model.versions import version_key

            return version_key
        return (lambda name: name) if self._sort == "name" else None

    def wanted(self, name: str) -> bool:
        """Whether the globs let the tag through."""
        if self._include and not any(fnmatchcase(name, glob) for glob in self._include):
            return False
        return not any(fnmatchcase(name, glob) for glob in self._exclude)

    async def rows(self, client: AsyncClient, text: str) -> list[_Row]:
        """Return the rows of one repository, or of the place of a locator."""
        reference: Reference | Locator
        if is_locator(text):
            reference = named(self._app, text)
            if reference.name and reference.digest is None:
                raise _one_tag(text, str(reference.name))
        else:
            reference = _repository(self._app, text)
        if reference.digest is not None:
            await client.head(reference)  # a digest that is not there has no other tags: say so
        source = await client.source(reference)
        names = [name async for name in source.names() if self.wanted(name)]
        if reference.digest is not None:
            rows = await self._same(client, reference, names)
        elif self.asks:
            rows = await self._asked(client, reference, names)
        else:
            rows = [_Row(name) for name in names]
        if reference.digest is not None and self.asks:
            rows = await self._asked(client, reference, [row.tag for row in rows])
        if self._sort == "date":
            rows.sort(key=lambda row: row.summary.created if row.summary else "")
        elif self.key is not None:
            key = self.key
            rows.sort(key=lambda row: key(row.tag))
        return rows

    async def _same(self, client: AsyncClient, reference: Reference | Locator, names: list[str]) -> list[_Row]:
        async def digest(client: AsyncClient, name: str) -> bool:
            found = (await client.head(_with_name(reference, name))).descriptor.digest
            return found == reference.digest

        own = str(getattr(reference, "tag", None) or "")
        return [
            _Row(item.reference, None, item.error)
            for item in await self._all(client, digest, names)
            if (item.error is not None or item.result()) and item.reference != own
        ]

    async def _asked(self, client: AsyncClient, reference: Reference | Locator, names: list[str]) -> list[_Row]:
        from orlop.image.summary import summarise

        async def about(client: AsyncClient, name: str) -> Summary:
            at = await client.open(_with_name(reference, name))
            return await summarise(at.source, at.name, self._selector)

        rows = await self._all(client, about, names)
        return [_Row(item.reference, None if item.error else item.result(), item.error) for item in rows]

    async def _all(self, client: AsyncClient, function: Any, names: list[str]) -> list[Any]:
        from orlop.cli.progress import Progress
        from orlop.cli.status import status_of, tell

        found = []
        with Progress(self._app, "tags", len(names), count=True) as progress:
            async for item in client.map(function, names, ordered=True):
                progress.step()
                found.append(item)
        for item in found:
            if item.error is not None:
                tell(self._app.streams, f"{item.reference}: {item.error}", getattr(item.error, "hint", None))
                self._app.status = max(self._app.status, status_of(item.error))
        return found

    def line(self, _: str, rows: list[_Row]) -> bytes:
        """Return what a batch line says of the rows."""
        return names_line("tags", [row.fields() if self._long else row.tag for row in rows])


def _with_name(reference: Reference | Locator, name: str) -> Reference | Locator:
    from orlop.model.reference import Reference, Tag

    return reference.with_tag(Tag(name)) if isinstance(reference, Reference) else reference.with_name(name)


def _answer(rows: list[_Row], *, long: bool) -> Answer:
    if not long:
        names = [row.tag for row in rows if row.error is None]
        return Answer(
            document=lambda: names,
            plain=lambda: lines(names),
            table=lambda paint: paint.heading("TAG") + "\n" + lines(names),
            items=lambda: [{"tag": name} for name in names],
            known=True,
        )
    return Answer(
        document=lambda: [row.fields() for row in rows],
        plain=lambda: columns([_cells(row, plain=True) for row in rows]),
        table=lambda paint: _table(paint, rows),
        items=lambda: [{**dict.fromkeys(_FIELDS), **row.fields()} for row in rows],
        known=True,
    )


_FIELDS = ("tag", "digest", "kind", "mediaType", "platform", "created", "size", "error")


def _cells(row: _Row, *, plain: bool) -> list[str]:
    from orlop.cli.table import size

    found = row.summary
    if found is None:
        return [row.tag, "", "", "", "", ""]
    amount = "" if found.size < 0 else str(found.size) if plain else size(found.size)
    platform = str(found.platform) if found.platform else ""
    created = found.created if plain else found.created[:19].replace("T", " ")
    return [row.tag, found.digest.value, found.kind, created, amount, platform]


def _table(paint: Paint, rows: list[_Row]) -> str:
    from orlop.cli.table import table

    headings = ["TAG", "DIGEST", "KIND", "CREATED", "SIZE", "PLATFORM"]
    return table(paint, headings, [_cells(row, plain=False) for row in rows], right=(4,))
