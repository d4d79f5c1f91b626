"""Many references: JSON lines out, an error for each, the largest exit status."""

from __future__ import annotations

import json
import os
import sys
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, TypeVar

from orlop.cli.context import usage
from orlop.cli.status import one_line, status_of, tell
from orlop.cli.streams import read_lines, safe
from orlop.errors import InputError, LocalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from orlop import AsyncClient, Item
    from orlop.cli.context import App
    from orlop.cli.progress import Progress
    from orlop.cli.render import Answer
    from orlop.cli.template import Template

R = TypeVar("R")


def quote(text: str) -> bytes:
    """Return a text as a JSON string."""
    return encode_basestring_ascii(text).encode()


LINE_LIMIT = 4096
"""Longest line in bytes of a file of references; a reference has under 600."""


_LISTED = 4 * 1024 * 1024
"""Bytes of a file of references up to which it is read before the first is asked."""


def is_batch(app: App, refs: Sequence[str]) -> bool:
    """Whether the answers are JSON lines: several references, or a file of them. Raises InputError for none at all."""
    if app.options.get("from_file"):
        if refs:
            raise usage("--from-file is instead of REF arguments: give one or the other")
        return True
    if not refs:
        raise usage("a REF is missing; or --from-file FILE names many").with_hint(
            "a REF is [registry/]repository[:tag][@digest], or a locator such as oci:DIR"
        )
    return len(refs) > 1


def ask(
    app: App,
    refs: Sequence[str],
    question: Callable[[AsyncClient, str], Awaitable[R]],
    *,
    answer: Callable[[str, R], Answer],
    line: Callable[[str, R], bytes],
    default: str = "",
) -> None:
    """Ask the question of one reference and show the answer, or of many and write a line for each.

    question: a coroutine function of client and REF. answer: how one looks. line: what follows the reference in the JSON
    line of many, such as ``"digest":"..."``.
    """
    if not is_batch(app, refs):
        from orlop.cli.render import show

        with app.client() as client:
            result = client.runtime.call(_awaited(question(client.steps, refs[0])))
            show(app, answer(refs[0], result), default=default)
        return
    with app.client() as client:
        many(app, client.map(question, references(app, refs), ordered=bool(app.options.get("ordered"))), line)


async def _awaited(work: Awaitable[R]) -> R:
    return await work


def many(app: App, items: Iterable[Item[R]], line: Callable[[str, R], bytes]) -> None:
    """Write a line for each item."""
    template = _template(app)
    app.draws = True
    streams = app.streams
    streams.pulse()
    write = streams.write
    worst = 0
    progress = _progress(app)
    for item in items:
        if progress is not None:
            progress.step()
        reference, error = item.reference, item.error
        if error is not None:
            worst = max(worst, status_of(error))
            data = failed(reference, error)
        else:
            data = b'{"reference":%b,%b}\n' % (quote(reference), line(reference, item.result()))
        if template is None:
            write(data)
        elif error is not None:
            tell(streams, f"{reference}: {error}", getattr(error, "hint", None))
        else:
            text = template.fill(json.loads(data))
            streams.text((safe(text, keep="\n\t") if streams.terminal else text) + "\n")
    if progress is not None:
        progress.close()
    app.status = max(app.status, worst)


def _progress(app: App) -> Progress | None:
    """Return a count of the answers for a terminal, where the lines themselves go elsewhere."""
    if app.streams.terminal or not app.streams.error_terminal:
        return None
    from orlop.cli.progress import Progress

    return Progress(app, "references", count=True)


def _template(app: App) -> Template | None:
    if app.options.get("output") not in {None, "json"}:
        raise usage(f"many references answer in JSON lines: --output {app.options['output']} is for one").with_hint(
            "--format TEMPLATE prints other lines"
        )
    if app.options.get("format") is None:
        return None
    from orlop.cli.template import Template

    return Template(app.options["format"])


def error_fields(error: Exception) -> dict[str, object]:
    """Return what JSON says of an error."""
    hint = getattr(error, "hint", None)
    return {"type": type(error).__name__, "message": one_line(str(error)), "hint": hint, "status": status_of(error)}


def failed(reference: str, error: Exception) -> bytes:
    """Return the JSON line of an item that failed."""
    said = error_fields(error)
    return b'{"reference":%b,"error":%b}\n' % (quote(reference), json.dumps(said, separators=(",", ":")).encode())


def references(app: App, refs: Sequence[str]) -> Iterable[str]:
    """Return the references of arguments or file, read as they are needed.

    Raises InputError where credentials of the environment would have to serve two registries: before the first request,
    unless the references come from a pipe, which is read once.
    """
    path = app.options.get("from_file")
    if not path:
        for _ in _guarded(app, refs):
            pass
        return refs
    if path == "-":
        return _guarded(app, _listed(sys.stdin.buffer))
    if app.one_registry and os.path.isfile(path):
        for _ in _guarded(app, _opened(path)):
            pass
    found = _guarded(app, _opened(path))
    # A list is taken from without a thread that reads ahead.
    return list(found) if os.path.isfile(path) and os.path.getsize(path) <= _LISTED else found


def _guarded(app: App, texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts; note, in their order, which registry each names, where there may be only one."""
    if not app.one_registry:
        yield from texts
        return
    from orlop.model.reference import Reference, is_locator

    for text in texts:
        try:
            host = None if is_locator(text) else Reference.parse(text).repository.host
        except InputError:
            host = None  # it fails for itself, later
        if host is not None:
            app.name_registry(host)
        yield text


def _opened(path: str) -> Iterator[str]:
    try:
        with open(path, "rb") as file:
            yield from _listed(file)
    except OSError as error:
        raise LocalError(path, f"cannot be read: {error.strerror}") from error


def _listed(file: BinaryIO) -> Iterator[str]:
    for line in read_lines(file, LINE_LIMIT):
        text = line.removeprefix("\ufeff").strip()  # what Windows puts before the first
        if text and not text.startswith("#"):
            yield text
