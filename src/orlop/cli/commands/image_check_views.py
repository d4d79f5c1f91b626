"""How ``image check`` shows reports: a table, plain lines, JSON, a template, lucy's object."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING

from orlop.cli.batch import error_fields
from orlop.cli.render import TEMPLATE, Paint, columns, document, mode_of
from orlop.cli.status import tell
from orlop.cli.streams import safe
from orlop.cli.table import facts, table
from orlop.freshness.summaries import words
from orlop.freshness.summaries.entry import NOTHING, counted
from orlop.freshness.texts import Texts, encoded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orlop import Client
    from orlop.cli.commands.image_check_targets import Target
    from orlop.cli.context import App
    from orlop.freshness.behind import Behind
    from orlop.freshness.eol import Life
    from orlop.freshness.report import About
    from orlop.freshness.summaries.entry import Changes, Entry, Extra
    from orlop.freshness.values import Verdict

_HEADINGS = ["PLATFORM", "STATE", "REASON", "BASE", "BEHIND", "STALE SINCE", "END OF LIFE"]
_MOST_PACKAGES = 40


def view(app: App, client: Client, only: Target | None) -> View:
    """Return the view that options and the place of the output ask for. Many are JSON lines, unless shown on a terminal.

    only: what is checked, None for many.
    """
    many = only is None
    mode = mode_of(app, raw=False)
    if mode == TEMPLATE:
        return _Template(app, many=many)
    if mode == "lucy" and only is not None:
        return _Lucy(app, client, only.bases[0])
    if mode == "json" or (many and mode == "plain" and not app.options.get("output")):
        return _Json(app, many=many)
    if mode == "plain":
        return _Plain(app, many=many)
    return _Many(app) if many else _Single(app)


class View:
    """Takes reports one by one."""

    def __init__(self, app: App, *, many: bool = False) -> None:
        self.app, self.many = app, many

    def add(self, entry: Entry) -> None:
        """Show one."""
        raise NotImplementedError

    def end(self) -> None:
        """Show what is left."""

    def error(self, entry: Entry) -> None:
        """Tell, of many, the error of one where the output does not."""
        error = entry.report.error
        if self.many and error is not None:
            tell(self.app.streams, f"{entry.report.subject}: {error}", error.hint)


class Silent(View):
    """Shows nothing but, of many, what went wrong."""

    def add(self, entry: Entry) -> None:
        """See View."""
        self.error(entry)


# --- for programs ------------------------------------------------------------------------------------


class _Json(View):
    def __init__(self, app: App, *, many: bool) -> None:
        super().__init__(app, many=many)
        self._texts = Texts()

    def add(self, entry: Entry) -> None:
        streams = self.app.streams
        if self.many:
            streams.write(self._line(entry).encode() + b"\n")
        else:
            streams.write(document(entry_json(entry), indent=streams.terminal))

    def _line(self, entry: Entry) -> str:
        """Return what ``entry_json`` makes, as text: of many images most parts are in others' lines as well."""
        report = entry.report
        if entry.where is not None or report.error is not None or report.digest is None:
            return encoded(entry_json(entry))
        platforms = ",".join([self._platform(*one) for one in entry.platforms()])
        head = f'{{"reference":{quoted(report.subject)},"digest":"{report.digest}","state":{quoted(report.state)}'
        return f'{head},"platforms":[{platforms}]}}'

    def _platform(self, verdict: Verdict, about: About, extra: Extra) -> str:
        more = verdict.waiting_until is not None or extra.releases is not None or extra.changes is not None
        if more or about != NOTHING:
            return encoded(platform_json(verdict, about, extra))
        lives = extra.lives
        shown = self._texts.shared(lives, lambda: [_life_json(life) for life in lives]) if lives else ""
        return self._texts.verdict(verdict, f',"endOfLife":{shown}' if shown else "")


class _Plain(View):
    def add(self, entry: Entry) -> None:
        self.error(entry)
        rows = []
        for verdict, _, _ in entry.platforms():
            row = [
                words.platform(verdict),
                verdict.state,
                verdict.reason,
                str(verdict.base or ""),
                str(verdict.then_digest or ""),
                str(verdict.now_digest or ""),
            ]
            rows.append([entry.report.subject, *row] if self.many else row)
        self.app.streams.text(columns(rows))


class _Template(View):
    def __init__(self, app: App, *, many: bool) -> None:
        from orlop.cli.template import Template

        super().__init__(app, many=many)
        self._template = Template(app.options["format"])

    def add(self, entry: Entry) -> None:
        self.error(entry)
        for item in entry_json(entry)["platforms"]:
            text = self._template.fill({"reference": entry.report.subject, **item})
            self.app.streams.text((safe(text, keep="\n\t") if self.app.streams.terminal else text) + "\n")


class _Lucy(View):
    """lucy's object: image, baseImage, state, and the digest of the last layer that it looks at."""

    def __init__(self, app: App, client: Client, base: str) -> None:
        super().__init__(app)
        self._client, self._base = client, base

    def add(self, entry: Entry) -> None:
        layer = ""
        state = "stale"
        for verdict in entry.report.platforms:
            layer = self._last(entry.report.subject, verdict) or layer
            state = "fresh" if entry.counts_as(verdict.state) == "fresh" else "stale"
            if state == "stale":
                break
        said = {"image": entry.report.subject, "baseImage": self._base, "state": state, "layer": layer}
        self.app.streams.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")

    def _last(self, subject: str, verdict: Verdict) -> str:
        """Return the base's layer at which the images part, else its last one."""
        if verdict.digest is None or verdict.now_digest is None or verdict.base is None:
            return ""
        own = self._layers(subject, verdict.digest.value)
        bases = self._layers(str(verdict.base), verdict.now_digest.value)
        for at, digest in enumerate(bases):
            if at >= len(own) or own[at] != digest:
                return digest
        return bases[-1] if bases else ""

    def _layers(self, text: str, digest: str) -> list[str]:
        from orlop.cli.sources import named
        from orlop.model.digest import Digest
        from orlop.model.manifest import ImageManifest

        found = self._client.manifest(named(self.app, text).with_digest(Digest(digest)))
        return [layer.digest.value for layer in found.layers] if isinstance(found, ImageManifest) else []


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return everything as JSON; what is empty is left out, but for the state and the platforms."""
    report = entry.report
    made: dict[str, Any] = {
        "reference": report.subject,
        "digest": str(report.digest) if report.digest else None,
        "state": report.state,
        "platforms": [platform_json(*one) for one in entry.platforms()],
    }
    if entry.where is not None:
        place = {"file": entry.where.file, "line": entry.where.line, "inside": entry.where.inside}
        made["where"] = {name: value for name, value in place.items() if value}
    if report.error is not None:
        made["error"] = error_fields(report.error)
    return made


def platform_json(verdict: Verdict, about: About, extra: Extra) -> dict[str, Any]:
    """Return one platform as JSON. Times are texts, UTC."""
    from orlop.freshness.report import verdict_json

    made = verdict_json(verdict)
    if verdict.waiting_until is not None:
        made["waitingUntil"] = _time(verdict.waiting_until)
    if about.waiting is not None:
        waiting = about.waiting
        until = _time(waiting.until) if waiting.until is not None else None
        made["waiting"] = {"counts": waiting.counts, "until": until, "ageKnown": waiting.known}
    if about.behind is not None:
        made["behind"] = _behind_json(about.behind)
    if extra.releases is not None:
        made["releasesBehind"] = dict(extra.releases)
        made["releasesCounted"] = extra.counted
    if extra.lives:
        made["endOfLife"] = [_life_json(life) for life in extra.lives]
    if extra.changes is not None:
        made["changes"] = _changes_json(extra.changes)
    if about.remembered:
        made["remembered"] = True
    if about.kept is not None:
        made["before"] = {**verdict_json(about.kept), "at": _time(about.kept_at or 0.0)}
    return made


def _behind_json(found: Behind) -> dict[str, Any]:
    since = found.since
    made: dict[str, Any] = {"updates": found.updates, "atLeast": found.at_least, "since": {"how": since.how}}
    for name, time in (("after", since.after), ("until", since.until)):
        if time is not None:
            made["since"][name] = _time(time)
    if since.source:
        made["since"]["source"] = since.source
    return made


def _life_json(life: Life) -> dict[str, Any]:
    made = {
        "product": life.product,
        "cycle": life.cycle,
        "state": life.state,
        "date": life.date.isoformat() if life.date else None,
        "daysLeft": life.days_left,
        "source": life.source,
        "asOf": life.as_of,
    }
    return {name: value for name, value in made.items() if value not in {None, ""}}


def _changes_json(changes: Changes) -> dict[str, Any]:
    packages = [
        {"change": change, "name": name, "before": before or None, "after": after or None}
        for change, name, before, after in changes.packages
    ]
    made: dict[str, Any] = {"packages": packages, "files": dict(changes.files)}
    if changes.trouble:
        made["trouble"] = changes.trouble
    return made


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""


# --- for reading -------------------------------------------------------------------------------------


class _Single(View):
    def add(self, entry: Entry) -> None:
        paint = Paint(colour=self.app.streams.colour)
        report = entry.report
        head = facts(
            paint,
            [
                ("Reference", report.subject),
                ("Digest", str(report.digest or "")),
                ("State", "undecided" if report.state == "unknown" else report.state),
            ],
        )
        parts = [head]
        if report.platforms:
            parts.append(table(paint, _HEADINGS, [_row(*one) for one in entry.platforms()]))
        notes = list(dict.fromkeys(_notes(entry)))
        if notes:
            parts.append(table(paint, ["PLATFORM", "NOTE", ""], notes))
        parts += [_changes(paint, *one) for one in _changed(entry)]
        self.app.streams.text("\n".join(parts))


class _Many(View):
    """One table, when all are there."""

    def __init__(self, app: App) -> None:
        super().__init__(app, many=True)
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def end(self) -> None:
        paint = Paint(colour=self.app.streams.colour)
        rows = []
        for entry in self._entries:
            name = [entry.report.subject, str(entry.where or "")]
            if entry.report.error is not None and not entry.report.platforms:
                rows.append([*name, "-", "error", type(entry.report.error).__name__, "", "", "", ""])
            rows += [[*name, *_row(*one)] for one in entry.platforms()]
        if rows:
            self.app.streams.text(table(paint, ["IMAGE", "WHERE", *_HEADINGS], rows) + "\n")
        self.app.streams.text(counted(self._entries) + "\n")
        for entry in self._entries:
            for one in _changed(entry):
                self.app.streams.text("\n" + _changes(paint, *one))
        self.app.streams.flush()
        for entry in self._entries:
            self.error(entry)


def _row(verdict: Verdict, about: About, extra: Extra) -> list[str]:
    return [
        words.platform(verdict),
        words.state(verdict),
        words.reason(verdict),
        words.base(verdict.base),
        words.behind(about, extra),
        words.since(about.behind.since if about.behind else None),
        words.lives(extra.lives),
    ]


def _notes(entry: Entry) -> Iterator[tuple[str, str, str]]:
    several = len(entry.report.platforms) > 1
    evidence = [tuple(words.evidence(one) for one in verdict.evidence) for verdict in entry.report.platforms]
    alike = several and len(set(evidence)) == 1
    for at, (verdict, about, _) in enumerate(entry.platforms()):
        name = words.platform(verdict)
        for label, text in (
            ("detail", verdict.detail),
            ("hint", verdict.hint),
            ("waiting", words.waiting(verdict, about)),
        ):
            if text:
                yield name, label, text
        if about.kept is not None:
            yield name, "before", f"{words.sentence(about.kept)}, on {words.minute(about.kept_at or 0.0)}"
        if not alike or at == 0:
            for text in evidence[at]:
                yield "all" if alike else name, "evidence", text
        for one in verdict.build_inputs:
            state = f" ({one.state})" if one.state else ""
            yield name, "input", f"{words.base(one.base)}{state}"
        for above in verdict.ancestors:
            if above.base is not None:
                yield name, "below", f"{words.base(above.base)}: {words.state(above)}, {words.reason(above)}"
        for other in verdict.others:
            yield name, "other", f"{words.base(other.base)}: {words.state(other)}, {words.reason(other)}"


def _changed(entry: Entry) -> list[tuple[str, Changes]]:
    """Return what changed in each distinct base, told once for all platforms that have the same."""
    found: dict[str, Changes] = {}
    for verdict, _, extra in entry.platforms():
        if extra.changes is not None:
            name = f"{words.base(verdict.base)} {words.platform(verdict)}"
            found.setdefault(name, extra.changes)
    return list(found.items())


def _changes(paint: Paint, name: str, changes: Changes) -> str:
    head = paint.heading(f"Changed in {safe(name)}") + "\n"
    if changes.trouble:
        return f"{head}  not known: {safe(changes.trouble)}\n"
    rows = [list(one) for one in changes.packages[:_MOST_PACKAGES]]
    made = table(paint, ["PACKAGE", "NAME", "THEN", "NOW"], rows) if rows else "  no packages\n"
    more = len(changes.packages) - _MOST_PACKAGES
    if more > 0:
        made += f"and {more} more packages\n"
    files = ", ".join(f"{count} {kind}" for kind, count in changes.files.items() if count)
    return f"{head}{made}files: {files or 'none'}\n"
