"""``orlop image updates``: newer tags of the same family."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import ask
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns
from orlop.cli.sources import named

if TYPE_CHECKING:
    from typing import Any

    from orlop import AsyncClient
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.freshness.families import Candidate
    from orlop.freshness.updates import Updates

_WHAT = (
    ("of_line", "line", "newest of its line"),
    ("of_family", "family", "newest of its family"),
    ("variants", "variants", "newer variants of it"),
    ("across", "across", "newest with other variants"),
)


@click.command("updates", cls=Command)
@options.refs()
@click.option(
    "--limit",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="Most tags whose digests are compared.",
)
@options.output_without_raw
@options.batch
@options.curl
@options.connection
@click.pass_obj
def updates(app: App, refs: tuple[str, ...], limit: int) -> None:
    """Print what is newer than a tag: of its line of releases, of its family, with other variants.

    Tags are compared only with tags of the same build: 3.12-slim with 3.13-slim, never with 3.13 or 3.13-alpine. Names of
    the same digest are no update. Exit status 0, whether there is something newer or not.
    """

    async def question(client: AsyncClient, ref: str) -> Updates:
        return await client.updates(named(app, ref), limit=limit)

    def answer(ref: str, found: Updates) -> Answer:
        return Answer(
            document=lambda: {"reference": ref, **_fields(found)},
            plain=lambda: columns([[label, c.tag, ",".join(c.moved)] for _, label, _, c in _candidates(found)]),
            table=lambda paint: _table(paint, found),
        )

    def line(_: str, found: Updates) -> bytes:
        return json.dumps(_fields(found), separators=(",", ":")).encode()[1:-1]

    ask(app, refs, question, answer=answer, line=line)


def _candidates(found: Updates) -> list[tuple[str, str, str, Candidate]]:
    rows = [(name, label, text, getattr(found.newer, name)) for name, label, text in _WHAT]
    return [row for row in rows if row[3] is not None]


def _fields(found: Updates) -> dict[str, Any]:
    newer = found.newer
    return {
        "tag": found.tag,
        "digest": found.digest,
        "kind": newer.kind,
        "current": found.current,
        **{label: _field(getattr(newer, name)) for name, label, _ in _WHAT},
        "releasesBehind": dict(found.behind),
        "counted": found.counted,
        "aliases": list(newer.aliases),
        "tags": found.tags,
    }


def _field(candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {"tag": candidate.tag, "digest": candidate.digest, "moved": list(candidate.moved)}


def _table(paint: Paint, found: Updates) -> str:
    from orlop.cli.table import facts

    rows = [("Tag", found.tag), ("Digest", found.digest)]
    if found.newer.aliases:
        rows.append(("Also named", ", ".join(found.newer.aliases)))
    rows += [(text.capitalize(), f"{c.tag} ({', '.join(c.moved)})") for _, _, text, c in _candidates(found)]
    behind = ", ".join(f"{count} {step}" for step, count in found.behind.items())
    about = "" if found.counted else ", at most: some digests were not compared"
    if behind:
        rows.append(("Releases behind", behind + about))
    elif found.newer.kind in {"version", "calendar", "named"}:
        rows.append(("Releases behind", "none"))
    else:
        rows.append(("Releases behind", f"not known: a {found.newer.kind} tag has no order"))
    return facts(paint, rows)
