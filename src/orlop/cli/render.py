"""How answers look: table, plain, json, raw, or a template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.cli.settings import OUTPUTS
from orlop.cli.streams import safe, safe_json
from orlop.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from orlop.cli.context import App

TEMPLATE = "template"


class Answer:
    """One answer in all its forms; each is made only when it is asked for.

    document: its JSON, as bytes or as a value. plain: lines or the document. table: for reading. raw: the registry's
    own bytes, where there are such. items: what a template is filled with, one line for each; the document's value
    unless given. known: whether the items' fields are ours, so that a field that is not there is a mistake.
    """

    def __init__(
        self,
        *,
        document: Callable[[], object],
        plain: Callable[[], str | bytes],
        table: Callable[[Paint], str] | None = None,
        raw: Callable[[], bytes] | None = None,
        items: Callable[[], Sequence[Mapping[str, Any]]] | None = None,
        known: bool = False,
    ) -> None:
        self.document, self.plain, self.raw = document, plain, raw
        self.table = table
        self.items = items or self._items
        self.known = known

    def _items(self) -> Sequence[Mapping[str, Any]]:
        value = self.document()
        if isinstance(value, bytes):
            value = json.loads(value)
        return value if isinstance(value, list) else [value]  # type: ignore[list-item]  # documents are objects


class Paint:
    """Colours for a terminal that wants them."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def heading(self, text: str) -> str:
        """Return the text as a heading."""
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text

    def faint(self, text: str) -> str:
        """Return the text as a remark."""
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text


def mode_of(app: App, *, raw: bool = True, default: str = "") -> str:
    """Return which output is wanted: the option, ORLOP_OUTPUT, the setting, else what the place of the output suggests.

    raw: whether the command has bytes of the registry; a default that it cannot give is passed over. default: on a terminal,
    where it is not the table. Raises InputError.
    """
    if app.options.get("format") is not None:
        if app.options.get("output"):
            from orlop.cli.context import usage

            raise usage("--format and --output are two ways to say how to print: give one")
        return TEMPLATE
    if given := app.options.get("output"):
        return str(given)
    wanted = app.environ.get("ORLOP_OUTPUT", "")
    if wanted and wanted not in OUTPUTS:
        error = InputError(wanted, f"it is one of {', '.join(OUTPUTS)}")
        error.noun = "a value of ORLOP_OUTPUT"
        raise error
    wanted = wanted or app.settings.text("output")
    if wanted and (raw or wanted != "raw"):
        return wanted
    return (default or "table") if app.streams.terminal else "plain"


def show(app: App, answer: Answer, *, default: str = "") -> None:
    """Print one answer."""
    mode = mode_of(app, raw=answer.raw is not None, default=default)
    streams = app.streams
    if mode == TEMPLATE:
        from orlop.cli.template import Template

        template = Template(app.options["format"])
        for item in answer.items():
            line = template.fill(item, known=answer.known)
            streams.text((safe(line, keep="\n\t") if streams.terminal else line) + "\n")
    elif mode == "raw":
        if answer.raw is None:
            from orlop.cli.context import usage

            raise usage("--output raw is for documents of the registry, and this is none").with_hint(
                "--output json is at hand"
            )
        raw = answer.raw()
        streams.write(safe_json(raw) if streams.terminal else raw)
    elif mode == "json":
        streams.write(document(answer.document(), indent=streams.terminal))
    elif mode == "table" and answer.table is not None:
        streams.text(answer.table(Paint(colour=streams.colour)))
    else:
        plain = answer.plain()
        if isinstance(plain, str):
            streams.text(plain)
        else:
            streams.write(ended(safe_json(plain)) if streams.terminal else plain)


def document(value: object, *, indent: bool) -> bytes:
    """Return a value, or bytes that are JSON already, as a document with a newline at its end.

    Bytes stay as they are, unless it is to be indented for reading.
    """
    if isinstance(value, bytes):
        if not indent:
            return ended(value)
        value = json.loads(value)
    data = json.dumps(value, ensure_ascii=False, indent=2 if indent else None).encode("utf-8", "replace") + b"\n"
    return safe_json(data) if indent else data


def ended(data: bytes) -> bytes:
    """Return the data with a newline at its end."""
    return data if data.endswith(b"\n") else data + b"\n"


def lines(texts: Sequence[str]) -> str:
    """Return plain output: one item a line, nothing in an item that would break its line."""
    return "".join(f"{safe(text)}\n" for text in texts)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return plain output of several columns: one item a line, tabs between."""
    return "".join("\t".join(map(safe, row)) + "\n" for row in rows)
