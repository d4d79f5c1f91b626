"""``orlop image dockerfile``: a Dockerfile out of an image's history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.images import checked
from orlop.cli.lazy import Command
from orlop.cli.render import Answer
from orlop.cli.sources import named
from orlop.cli.streams import safe

if TYPE_CHECKING:
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.image.dockerfile import Dockerfile, Instruction


@click.command("dockerfile", cls=Command)
@options.refs()
@click.option("--base", metavar="REF", help="The image that it is built on: its steps are left to FROM.")
@click.option("--no-format", is_flag=True, help="Leave each instruction on one line.")
@click.option("--no-color", is_flag=True, help="No colours on a terminal; NO_COLOR says the same.")
@options.platform
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def dockerfile(app: App, refs: tuple[str, ...], base: str | None, no_format: bool, no_color: bool) -> None:
    """Print a Dockerfile out of the history of an image.

    Stages, mounts and where a COPY came from are not in any image. Steps that no Dockerfile made are comments.
    """
    from orlop.model.platform import PlatformSelector

    selector = app.selector(settings=True) or PlatformSelector()

    async def question(client: AsyncClient, ref: str) -> Dockerfile:
        below = named(app, base) if base else None
        found = await client.dockerfile(named(app, ref), platform=selector, base=below)
        checked(app, found.image, selector, ref)
        return found

    def answer(ref: str, found: Dockerfile) -> Answer:
        def table(_: object) -> str:
            text = found.text(lines=not no_format)
            if app.streams.colour and not no_color:
                from orlop.cli.highlight import highlight

                return highlight(text)
            return safe(text, keep="\n\t")

        return Answer(
            document=lambda: {"reference": ref, **_fields(found, lines=not no_format)},
            plain=lambda: safe(found.text(lines=not no_format), keep="\n\t"),
            table=table,
            items=lambda: [_instruction(one) for one in found.instructions],
            known=True,
        )

    def line(_: str, found: Dockerfile) -> bytes:
        fields = _fields(found, lines=not no_format)
        return json.dumps(fields, separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=answer, line=line)


def _fields(found: Dockerfile, *, lines: bool) -> dict[str, Any]:
    return {
        "digest": found.image.digest.value,
        "platform": str(found.image.platform) if found.image.platform else None,
        "from": found.base,
        "base": {"name": found.base_name, "digest": found.base_digest} if found.base_name else None,
        "escape": found.escape,
        "notes": list(found.notes),
        "instructions": [_instruction(one) for one in found.instructions],
        "text": found.text(lines=lines),
    }


def _instruction(one: Instruction) -> dict[str, Any]:
    return {
        "keyword": one.keyword,
        "arguments": one.arguments,
        "notes": list(one.notes),
        "step": one.step,
        "layer": one.layer,
        "ofBase": one.of_base,
    }
