"""``orlop referrer inspect``: one attachment, decoded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.commands.referrer_tree import read_size
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, Paint
from orlop.cli.sources import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.attachments import Attachment, Payload

_SHOWN = 20
"""Materials, and lines of a file, that a table shows."""


@click.command("inspect", cls=Command)
@options.refs("REF@DIGEST...")
@click.option(
    "--payload-limit", metavar="SIZE", callback=read_size, help="Largest payload that is read and decoded (64MiB)."
)
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def inspect(app: App, refs: tuple[str, ...], payload_limit: int | None) -> None:
    """Print what one attachment says: envelopes opened, statements and SBOMs summed up, signatures and who they name.

    REF@DIGEST is as `referrer tree` shows it; a tag such as sha256-HEX.sig does as well. JSON holds the whole documents. Nothing
    is verified.
    """

    async def question(client: AsyncClient, ref: str) -> Attachment:
        return await client.attachment(named(app, ref), read_limit=payload_limit)

    def line(_: str, found: Attachment) -> bytes:
        from orlop.cli.commands.referrer_views import attachment_json

        return json.dumps(_without_inner(attachment_json(found, documents=True)), separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=_answer, line=line)


def _without_inner(fields: dict[str, object]) -> dict[str, object]:
    del fields["attachments"]  # they are not asked for here
    return fields


def _answer(ref: str, found: Attachment) -> Answer:
    from orlop.cli.commands.referrer_views import attachment_json

    def document() -> dict[str, object]:
        return {"reference": ref, **_without_inner(attachment_json(found, documents=True))}

    def plain() -> str:
        return _table(Paint(colour=False), ref, found)

    return Answer(
        document=document, plain=plain, table=lambda paint: _table(paint, ref, found), items=lambda: [document()]
    )


def _table(paint: Paint, ref: str, found: Attachment) -> str:
    from orlop.cli.commands.referrer_views import FOOTNOTE
    from orlop.cli.table import facts
    from orlop.image.attachments import VERIFIED

    head = facts(
        paint,
        [
            ("Reference", ref),
            ("Kind", found.kind),
            ("Digest", found.digest.value),
            ("Media type", found.descriptor.media_type),
            ("Artifact type", found.artifact_type),
            ("Subject", found.subject.value if found.subject else ""),
            ("Verified", VERIFIED),
            *((f"  {name}", value) for name, value in found.annotations.items()),
        ],
    )
    parts = [head, *(facts(paint, _facts(payload)) + _text(payload) for payload in found.payloads)]
    return "\n".join(parts) + f"\n{paint.faint(FOOTNOTE)}\n"


def _facts(payload: Payload) -> Iterator[tuple[str, str]]:
    from orlop.cli.commands.referrer_views import whom
    from orlop.cli.table import size

    descriptor, decoded = payload.descriptor, payload.decoded
    yield "Payload", descriptor.digest.value
    yield "  Name", payload.name
    yield "  Media type", descriptor.media_type
    yield "  Size", size(descriptor.size)
    yield "  Kind", payload.kind
    yield "  Predicate type", payload.predicate_type
    yield "  Problem", payload.problem
    if decoded is None:
        return
    yield "  Format", f"{decoded.format} in {decoded.envelope}" if decoded.envelope else decoded.format
    for digest in decoded.about[:_SHOWN]:
        yield "  About", digest
    if payload.about_subject is False:
        yield "  Remark", "it names another digest than what it is attached to"
    for name, value in decoded.summary.items():
        if name == "materials" and isinstance(value, list):
            for one in value[:_SHOWN]:
                yield "  material", _material(one)
            if len(value) > _SHOWN:
                yield "  material", f"... ({len(value)} in all)"
        elif isinstance(value, list):
            yield f"  {name}", ", ".join(map(str, value))
        else:
            yield f"  {name}", str(value)
    for one in decoded.signatures:
        yield "  Signature", one.value[:64] + ("…" if len(one.value) > 64 else "") or "(empty)"
        yield "    Key", one.key_id
        yield "    Algorithm", one.algorithm
        yield "    Signed by", whom(one.certificate) if one.certificate else ""
        yield "    Certificate of", one.certificate.issuer if one.certificate else ""
        yield "    Valid", f"{one.certificate.not_before} to {one.certificate.not_after}" if one.certificate else ""
        yield "    Log index", one.log_index
        yield "    Signed at", one.signed_at


def _material(one: object) -> str:
    if not isinstance(one, dict):
        return str(one)
    digests = " ".join(f"{name}:{value}" for name, value in (one.get("digest") or {}).items())
    return f"{one.get('uri', '')} {digests}".strip()


def _text(payload: Payload) -> str:
    """Return the first lines of a text file."""
    from orlop.cli.streams import safe

    decoded = payload.decoded
    if decoded is None or decoded.format != "text" or not isinstance(decoded.document, str):
        return ""
    lines = decoded.document.splitlines()
    shown = [f"  | {safe(line[:200])}\n" for line in lines[:_SHOWN]]
    return "".join(shown) + (f"  | ... ({len(lines)} lines in all)\n" if len(lines) > _SHOWN else "")
