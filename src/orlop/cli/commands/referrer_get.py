"""``orlop referrer get``: the content of one attachment."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.commands.referrer_tree import read_size
from orlop.cli.context import usage
from orlop.cli.lazy import Command
from orlop.cli.sources import named
from orlop.errors import StorageError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop import Client, Reference
    from orlop.cli.context import App
    from orlop.image.attachments import Payload
    from orlop.model.locator import Locator


@click.command("get", cls=Command)
@click.argument("ref", metavar="REF")
@click.option(
    "--artifact-type", default="", metavar="TYPE", help="Of an attachment of this artifact type; * is any text."
)
@click.option(
    "--predicate-type", default="", metavar="TYPE", help="A statement of this type: 'https://slsa.dev/provenance/*'."
)
@click.option("--digest", metavar="DIGEST", help="The payload, or the attachment, of this digest.")
@click.option("--decode", is_flag=True, help="What is inside the envelope (DSSE, bundle, JWS) instead of the envelope.")
@click.option("--predicate", is_flag=True, help="The predicate of the statement alone, such as the SBOM itself.")
@click.option("--to", metavar="FILE", help="Write to this file; it appears when it is whole.")
@click.option(
    "--payload-limit", metavar="SIZE", callback=read_size, help="Largest payload that is read to look into it (64MiB)."
)
@options.platform
@options.curl
@options.connection
@click.pass_obj
def get(
    app: App,
    ref: str,
    artifact_type: str,
    predicate_type: str,
    digest: str | None,
    decode: bool,
    predicate: bool,
    to: str | None,
    payload_limit: int | None,
) -> None:
    """Write the payload of one attachment of REF, checked against its digest: as it is stored, or what is inside.

    Where several are left it is an error that lists them. `referrer tree REF` shows what there is. Signatures are not verified.
    """
    if to is not None and to != "-" and os.path.isdir(to):
        raise usage(f"{to} is a folder: --to names a file")
    selector = app.selector(settings=False)
    reference = named(app, ref)
    with app.client() as client:
        _, payload = client.find_attachment(
            reference,
            platform=selector,
            artifact_type=artifact_type,
            predicate_type=predicate_type,
            digest=digest,
            read_limit=payload_limit,
        )
        pinned = reference.with_digest(payload.descriptor.digest)
        if app.curl:
            with client.blob(pinned) as chunks:
                next(chunks, b"")
            app.curl_to = "" if to in {None, "-"} else str(to)
        elif decode or predicate:
            _write(app, [_inside(client, pinned, payload, payload_limit, predicate=predicate)], to)
        elif to is None or to == "-":
            with client.blob(pinned) as chunks:
                _write(app, chunks, None)
        else:
            client.download(pinned, to)


def _inside(
    client: Client, pinned: Reference | Locator, payload: Payload, limit: int | None, *, predicate: bool
) -> bytes:
    """Return the bytes inside the envelope, as they were signed; or the predicate of the statement, written anew."""
    from orlop.image.attachments import PAYLOAD_LIMIT
    from orlop.image.attachments_decode import decode
    from orlop.image.attachments_summary import unwrapped

    raw = client.read_blob(pinned, limit=PAYLOAD_LIMIT if limit is None else limit)
    decoded = decode(raw, payload.descriptor, f"payload {payload.descriptor.digest}")
    if not predicate:
        return raw if decoded.inner is None else decoded.inner
    statement = decoded.document
    if decoded.format != "in-toto" or not isinstance(statement, dict) or "predicate" not in statement:
        raise UnsupportedError("taking out the predicate", str(pinned), "its payload is no in-toto statement")
    inner = statement["predicate"]
    inner = unwrapped(inner) if isinstance(inner, dict) else inner
    return json.dumps(inner, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"


def _write(app: App, chunks: Iterable[bytes], to: str | None) -> None:
    if to is not None and to != "-":
        _to_file(b"".join(chunks), to)
        return
    for chunk in chunks:
        app.streams.write(_shown(chunk) if app.streams.terminal else chunk)
    if app.streams.terminal:
        app.streams.text("\n")


def _shown(chunk: bytes) -> bytes:
    """Return text for a terminal; what is no text would only harm it."""
    from orlop.cli.streams import safe

    text = chunk.decode("utf-8", "replace")
    if "\0" in text or text.count("\ufffd") > len(text) // 50:
        raise usage("this payload is not text, and standard output is a terminal").with_hint(
            "write it to a file: --to FILE"
        )
    return safe(text, keep="\n\t").encode()


def _to_file(data: bytes, to: str) -> None:
    from orlop.content.files import replaceable

    real = replaceable(to)
    part = f"{real}.part" if real else to
    try:
        with open(part, "wb") as file:
            file.write(data)
        if real:
            os.replace(part, real)
    except OSError as error:
        raise StorageError(to, f"cannot be written: {error.strerror or error}") from error
