"""``orlop image inspect`` and ``orlop image os``: what a config says, and which operating system is inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask, quote
from orlop.cli.images import chosen
from orlop.cli.lazy import Command
from orlop.cli.render import Answer
from orlop.cli.sources import named

if TYPE_CHECKING:
    from typing import Any

    from orlop import AsyncClient, Image
    from orlop.cli.context import App


@click.command("inspect", cls=Command)
@options.refs()
@options.platform
@options.output
@options.batch
@options.curl
@options.connection
@click.pass_obj
def inspect(app: App, refs: tuple[str, ...]) -> None:
    """Print the config of an image, and in a table its layers with sizes, its labels and when it was created.

    Of an index without a choice of platform it is every platform: JSON is an array of {platform, digest, config}.
    """
    selector = app.selector(settings=True)

    async def question(client: AsyncClient, ref: str) -> list[Image]:
        reference = named(app, ref)
        if selector is None:
            return await client.images(reference)
        return [await chosen(app, client, ref, selector)]

    def several(found: list[Image]) -> bool:
        return selector is None and not (len(found) == 1 and found[0].index is None)

    def answer(ref: str, found: list[Image]) -> Answer:
        return _all(ref, found) if several(found) else _one(ref, found[0])

    def line(_: str, found: list[Image]) -> bytes:
        if not several(found):
            return _fields(found[0], kind="image" if found[0].index is None else "platform")
        index = found[0].index if found else None
        digest = quote(index.digest.value) if index else b"null"
        return b'"digest":%b,"kind":"index","platforms":[%b]' % (
            digest,
            b",".join(b"{%b}" % _fields(one) for one in found),
        )

    ask(app, refs, question, answer=answer, line=line)


def _fields(found: Image, kind: str = "") -> bytes:
    config = found.config.raw.replace(b"\n", b" ").replace(b"\r", b" ")
    platform = quote(str(found.platform)) if found.platform else b"null"
    if kind:
        return b'"digest":%b,"kind":"%b","platform":%b,"config":%b' % (
            quote(found.digest.value),
            kind.encode(),
            platform,
            config,
        )
    return b'"platform":%b,"digest":%b,"config":%b' % (platform, quote(found.digest.value), config)


def _one(ref: str, found: Image) -> Answer:
    from orlop.cli.views import image_table

    raw = found.config.raw
    return Answer(
        document=lambda: raw,
        plain=lambda: raw,
        raw=lambda: raw,
        table=lambda paint: image_table(paint, ref, found),
    )


def _all(ref: str, found: list[Image]) -> Answer:
    from orlop.cli.views import index_table

    def document() -> bytes:
        return b"[" + b",\n".join(b"{%b}" % _fields(one) for one in found) + b"]\n"

    return Answer(document=document, plain=document, table=lambda paint: index_table(paint, ref, found))


@click.command("os", cls=Command)
@options.refs()
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def os_(app: App, refs: tuple[str, ...]) -> None:
    """Print which operating system is inside an image.

    Linux: the os-release of the merged file system, looked for from the top layer down, so that no more layers are
    fetched than needed. Windows: from the config.
    """
    from orlop.model.platform import PlatformSelector

    selector = app.selector(settings=True) or PlatformSelector()

    async def question(client: AsyncClient, ref: str) -> dict[str, Any]:
        from orlop.image.osinfo import read_os

        found = await chosen(app, client, ref, selector)
        return await read_os(await client.source(named(app, ref)), found)

    def line(_: str, found: dict[str, Any]) -> bytes:
        return b'"os":' + json.dumps(found, separators=(",", ":")).encode()

    ask(app, refs, question, answer=lambda _, found: _os_answer(found), line=line)


def _os_answer(found: dict[str, Any]) -> Answer:
    from orlop.cli.render import lines
    from orlop.cli.table import facts

    name = found.get("PRETTY_NAME") or " ".join(str(value) for value in found.values())
    pairs = [(key, " ".join(value) if isinstance(value, list) else str(value or "")) for key, value in found.items()]
    return Answer(
        document=lambda: found,
        plain=lambda: lines([str(name)]),
        table=lambda paint: facts(paint, pairs),
    )
