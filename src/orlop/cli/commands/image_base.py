"""``orlop image base``: which base an image has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.batch import error_fields
from orlop.cli.context import usage
from orlop.cli.lazy import Command
from orlop.cli.render import Answer, columns, show
from orlop.cli.status import status_of, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from orlop import Client
    from orlop.cli.context import App
    from orlop.cli.render import Paint
    from orlop.freshness.bases import BaseReport, FoundBase, Learnt
    from orlop.freshness.observed import Observations


@click.command("base", cls=Command)
@click.argument("ref", required=False, metavar="[REF]")
@click.option("--learn", "learnt", multiple=True, metavar="REF", help="Know this image as a base from now on.")
@click.option("--observations", metavar="FILE", help="What was seen when; off keeps nothing. It is in the data folder.")
@options.platform
@options.output_without_raw
@options.curl
@options.connection
@click.pass_obj
def base(app: App, ref: str | None, learnt: tuple[str, ...], observations: str | None) -> None:
    """Print which base an image has, how that is known, how surely, and the bases below it.

    Known from provenance, annotations, labels and buildpacks, else from the chains of layers of known bases: those of earlier
    checks, and what --learn names. A guess by the history is marked so.
    """
    from orlop.cli.commands.image_check_tell import OFF, observing

    if not ref and not learnt:
        raise usage("a REF is missing; or --learn REF names bases to know")
    if learnt and observations == OFF:
        raise usage("--learn keeps what it learns: leave out --observations off")
    if app.curl:
        if learnt:
            raise usage("--curl shows the requests alone: leave out --learn")
        observations = OFF  # with what is remembered, requests would be missing
    with observing(app, observations, needed=bool(learnt)) as observed, app.client() as client:
        made = list(_learn(app, client, observed, learnt)) if observed is not None else []
        for one in made:
            if one.error is not None:
                app.status = max(app.status, status_of(one.error))
                tell(app.streams, f"{one.subject}: {one.error}", one.error.hint)
        found = None
        if ref:
            _name(app, ref)
            found = client.base(ref, platform=app.selector(settings=False), observed=observed)
        if found is None or found.platforms or found.error is None:
            show(app, _answer(found, made))
        if found is not None and found.error is not None:
            app.status = max(app.status, status_of(found.error))
            app.streams.flush()
            tell(app.streams, str(found.error), found.error.hint)


def _learn(app: App, client: Client, observed: Observations, refs: Sequence[str]) -> Iterator[Learnt]:
    for ref in refs:
        _name(app, ref)
    if refs:
        yield from client.learn(refs, observed=observed, platform=app.selector(settings=False), ordered=True)


def _name(app: App, ref: str) -> None:
    """Note the registry as one that the command names. Raises InputError's kinds."""
    from orlop.cli.sources import named

    named(app, ref)


def _answer(found: BaseReport | None, learnt: Sequence[Learnt]) -> Answer:
    return Answer(
        document=lambda: _document(found, learnt),
        plain=lambda: columns([*_plain(found), *_learnt_rows(learnt)]),
        table=lambda paint: _table(paint, found, learnt),
    )


def _document(found: BaseReport | None, learnt: Sequence[Learnt]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if found is not None:
        made["reference"] = found.subject
        made["digest"] = str(found.digest) if found.digest else None
        made["platforms"] = [_platform(one) for one in found.platforms]
        if found.error is not None:
            made["error"] = error_fields(found.error)
    if learnt:
        made["learnt"] = [_learnt(one) for one in learnt]
    return made


def _platform(found: FoundBase) -> dict[str, Any]:
    from orlop.freshness.report import base_json, evidence_json

    made: dict[str, Any] = {
        "platform": str(found.platform) if found.platform else None,
        "digest": str(found.digest) if found.digest else None,
        "base": base_json(found.base) if found.base else None,
        "sure": found.sure,
        "layers": found.depth,
        "then": str(found.then) if found.then else None,
        "now": str(found.now) if found.now else None,
        "evidence": [evidence_json(one) for one in found.evidence],
    }
    if found.detail:
        made["detail"] = found.detail
    made["below"] = [_platform(one) for one in found.below]
    return made


def _learnt(one: Learnt) -> dict[str, Any]:
    made: dict[str, Any] = {
        "reference": one.subject,
        "digest": str(one.digest) if one.digest else None,
        "platforms": [
            {"platform": str(platform) if platform else None, "layers": layers} for platform, layers in one.platforms
        ],
    }
    if one.error is not None:
        made["error"] = error_fields(one.error)
    return made


def _plain(found: BaseReport | None) -> Iterator[list[str]]:
    """Yield a row for each platform: platform, base, how sure, kind of evidence; then one for each base below, as deep as it is."""
    for one in found.platforms if found is not None else ():
        yield _row(one, 0)
        for depth, below in enumerate(one.below, 1):
            yield _row(below, depth)


def _row(found: FoundBase, depth: int) -> list[str]:
    kind = next((one.kind for one in found.evidence if one.base is not None), "") if found.base else ""
    if found.sure == "guess":
        kind = "history"
    return [str(found.platform or ""), str(depth), str(found.base or ""), found.sure, kind, str(found.depth or "")]


def _learnt_rows(learnt: Sequence[Learnt]) -> Iterator[list[str]]:
    for one in learnt:
        for platform, layers in one.platforms:
            yield ["learnt", one.subject, str(platform or ""), str(layers)]


def _table(paint: Paint, found: BaseReport | None, learnt: Sequence[Learnt]) -> str:
    from orlop.cli.table import facts, table
    from orlop.freshness.summaries import words

    parts = []
    if found is not None:
        parts.append(facts(paint, [("Reference", found.subject), ("Digest", str(found.digest or ""))]))
        rows, notes = [], []
        for one in found.platforms:
            name = str(one.platform) if one.platform else "-"
            for depth, level in enumerate((one, *one.below)):
                layers = str(level.depth) if level.depth else ""
                told = words.base(level.base) or ("a guess" if level.sure == "guess" else "not known")
                rows.append([name if depth == 0 else "", "  " * depth + told, level.sure, layers])
            notes += [(name, words.evidence(each)) for each in one.evidence]
            notes += [(name, one.detail)] if one.detail and one.base is None else []
        parts.append(table(paint, ["PLATFORM", "BASE", "SURE", "LAYERS"], rows))
        notes = list(dict.fromkeys(notes))
        if notes:
            parts.append(table(paint, ["PLATFORM", "EVIDENCE"], notes))
    known = [[one.subject, str(platform or "-"), str(layers)] for one in learnt for platform, layers in one.platforms]
    if known:
        parts.append(table(paint, ["LEARNT", "PLATFORM", "LAYERS"], known))
    return "\n".join(parts)
