"""``orlop manifest``: what a tag or a digest names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask, quote
from orlop.cli.lazy import Group
from orlop.cli.render import Answer
from orlop.cli.sources import named, require_platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop import AsyncClient, Digest, Manifest, PlatformSelector, Resolution
    from orlop.cli.context import App
    from orlop.cli.render import Paint


manifest = Group("manifest", help="What a tag or a digest names: the document, its digest, one platform's.")


@manifest.command("get")
@options.refs()
@options.platform
@options.output
@options.batch
@options.curl
@options.connection
@click.pass_obj
def get(app: App, refs: tuple[str, ...]) -> None:
    """Print the manifest of each REF, of whatever kind it is.

    With an option that chooses a platform it is that platform's, out of an index; no setting does that.
    """
    from orlop.model.manifest import Index

    selector = app.selector(settings=False)

    async def question(client: AsyncClient, ref: str) -> tuple[Manifest, str]:
        found = await client.manifest(named(app, ref))
        if selector is None:
            return found, found.kind
        if not isinstance(found, Index):
            await check_platform(app, client, ref, found.digest, selector)
            return found, found.kind
        from orlop.image.resolve import resolve_platform

        reference = named(app, ref)
        chosen = resolve_platform(found, selector, ref)
        return await client.manifest(reference.with_digest(chosen.digest)), "platform"

    ask(app, refs, question, answer=_document, line=_document_line)


def _document(ref: str, found: tuple[Manifest, str]) -> Answer:
    value, kind = found

    def table(paint: Paint) -> str:
        from orlop.cli.views import manifest_table

        return manifest_table(paint, ref, value, kind)

    return Answer(document=lambda: value.raw, plain=lambda: value.raw, raw=lambda: value.raw, table=table)


def _document_line(_: str, found: tuple[Manifest, str]) -> bytes:
    value, kind = found
    raw = value.raw
    if b"\n" in raw or b"\r" in raw:
        raw = raw.replace(b"\n", b" ").replace(b"\r", b" ")
    return b'"digest":"%b","kind":"%b","mediaType":%b,"size":%d,"manifest":%b' % (
        value.digest.value.encode(),
        kind.encode(),
        quote(value.media_type),
        len(value.raw),
        raw,
    )


async def check_platform(
    app: App, client: AsyncClient, ref: str, digest: Digest, selector: PlatformSelector | None
) -> None:
    """Check a manifest that is no index against the platform that was asked for: its config states it.

    Raises PlatformChoiceError. What has no config of an image has no platform, so nothing is checked.
    """
    from orlop.image.summary import summarise

    found = await summarise(await client.source(named(app, ref)), digest)
    if selector is not None:
        require_platform(found.platform, selector, ref)


@manifest.command("digest")
@options.refs()
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def digest(app: App, refs: tuple[str, ...]) -> None:
    """Print the digest of what each REF names, one line.

    Of an index it is the index's, unless an option chooses a platform; tables and JSON say which (kind).
    """
    _resolve(app, refs, app.selector(settings=False), lambda found: found.descriptor.digest.value)


@manifest.command("resolve")
@options.refs()
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def resolve(app: App, refs: tuple[str, ...]) -> None:
    """Print name@digest of the one platform that is left.

    Options choose the platform, and the settings platform.* where no option does. When more than one is left, or
    none, the exit status is 2 and the message lists what there is.
    """
    from orlop.model.platform import PlatformSelector

    _resolve(app, refs, app.selector(settings=True) or PlatformSelector(), _pinned)


def _pinned(found: Resolution) -> str:
    return found.reference.pinned


def _resolve(
    app: App, refs: tuple[str, ...], selector: PlatformSelector | None, shown: Callable[[Resolution], str]
) -> None:
    async def question(client: AsyncClient, ref: str) -> Resolution:
        found = await client.resolve(named(app, ref), platform=selector)
        if app.platform_given and found.kind == "image":
            await check_platform(app, client, ref, found.descriptor.digest, selector)
        return found

    def fields(found: Resolution) -> dict[str, object]:
        made: dict[str, object] = {"digest": found.descriptor.digest.value, "kind": found.kind}
        if found.platform is not None:
            made["platform"] = str(found.platform)
        return {**made, "mediaType": found.descriptor.media_type, "size": found.descriptor.size, "name": _pinned(found)}

    def answer(ref: str, found: Resolution) -> Answer:
        row = {"reference": ref, **fields(found), "seen": dict(found.seen)}
        return Answer(
            document=lambda: row,
            plain=lambda: shown(found) + "\n",
            table=lambda paint: _resolution_table(paint, ref, found, shown(found)),
            known=True,
        )

    def line(_: str, found: Resolution) -> bytes:
        return json.dumps(fields(found), separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=answer, line=line, default="plain")


def _resolution_table(paint: Paint, ref: str, found: Resolution, shown: str) -> str:
    from orlop.cli.table import facts, table

    platform = str(found.platform) if found.platform else ""
    rows = table(paint, ["REFERENCE", "KIND", "PLATFORM", "DIGEST"], [[ref, found.kind, platform, shown]])
    limits = [(name.replace("-", " ").capitalize(), value) for name, value in found.seen.items() if "ratelimit" in name]
    return f"{rows}\n{facts(paint, limits)}" if limits else rows
