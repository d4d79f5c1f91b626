"""``orlop api``: any request, signed in; the registry's own answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.lazy import Command
from orlop.cli.sources import registry_named
from orlop.cli.status import tell
from orlop.cli.streams import safe, safe_json
from orlop.errors import InputError, LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.cli.context import App

DATA_LIMIT = 64 * 1024 * 1024
"""Most bytes that --data sends."""

_STATUSES = {401: 4, 403: 4, 404: 3, 405: 8, 501: 8}


@click.command("api", cls=Command)
@click.argument("path", metavar="PATH")
@click.option("--method", "-X", metavar="METHOD", help="GET, or with --data POST, unless given.")
@click.option("--include", "-i", is_flag=True, help="Print the status and the headers as well.")
@click.option("--data", "-d", metavar="FILE", help="Send the content of this file; - is standard input.")
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send this header as well.")
@options.curl
@options.connection
@click.pass_obj
def api(app: App, path: str, method: str | None, include: bool, data: str | None, headers: tuple[str, ...]) -> None:
    """Send any request, signed in, and print the registry's own answer, to the byte.

    PATH is HOST/v2/... or a URL. The exit status follows the answer's: 0 below 400, 3 for 404, 4 for 401 and 403, 7 for
    other refusals.
    """
    host, target = _target(app, path)
    sent = _headers(headers)
    body = b"" if data is None else _body(data)
    verb = (method or ("GET" if data is None else "POST")).upper()
    if not verb.isalpha() or not verb.isascii():
        raise _wrong(verb, "a method is one word", "a method of HTTP")
    app.curl_data = data or ""
    with app.client() as client:
        response = client.request(registry_named(app, host).value, target, method=verb, headers=sent, body=body)
    if include or verb == "HEAD":
        head = _head(response.status, response.headers.pairs())
        app.streams.text(safe(head, keep="\n\r") if app.streams.terminal else head)
    app.streams.write(_readable(response.body) if app.streams.terminal else response.body)
    if response.status >= 400:
        app.status = _STATUSES.get(response.status, 7)
        tell(app.streams, f"{verb} {path.partition('?')[0]} was answered with {response.status}")


def _target(app: App, path: str) -> tuple[str, str]:
    """Return the host and what follows it."""
    scheme, mark, rest = path.partition("://")
    if not mark:
        scheme, rest = "", path
    elif scheme not in {"http", "https"}:
        raise _wrong(path, "its scheme is neither http nor https", "a URL of a registry")
    host, slash, target = rest.partition("/")
    if not host or not slash:
        wrong = _wrong(path, "it starts with the registry: HOST/v2/...", "a path that can be asked for")
        raise wrong.with_hint(f"orlop api docker.io{path}" if path.startswith("/") else f"orlop api {path}/v2/")
    if any(ord(char) <= 32 or ord(char) == 127 for char in target):
        raise _wrong(path, "it holds a space or a control character", "a path that can be asked for")
    if "@" in host:
        raise _wrong(host.rpartition("@")[2], "credentials do not belong in a URL", "a URL to give here").with_hint(
            "sign in with: orlop auth login HOST"
        )
    if scheme == "http":
        app.options["plain_http"] = True
    return host, f"/{target}"


def _headers(given: tuple[str, ...]) -> dict[str, str]:
    made: dict[str, str] = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip() or "\n" in text or "\r" in text:
            raise _wrong(text, "a header is 'Name: value'", "a header")
        made[name.strip()] = value.strip()
    return made


def _body(path: str) -> bytes:
    try:
        if path == "-":
            body = sys.stdin.buffer.read(DATA_LIMIT + 1)
        else:
            with open(path, "rb") as file:
                body = file.read(DATA_LIMIT + 1)
    except FileNotFoundError:
        raise _wrong(path, "there is no such file", "a file to send") from None
    except OSError as error:
        raise LocalError(path, f"cannot be read: {error.strerror}") from error
    if len(body) > DATA_LIMIT:
        raise _wrong(path, f"it is larger than {DATA_LIMIT} bytes", "a file to send")
    return body


def _head(status: int, headers: Iterable[tuple[str, str]]) -> str:
    from http import HTTPStatus

    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP {status} {phrase}".rstrip(), *(f"{name}: {value}" for name, value in headers), ""]
    return "".join(f"{line}\r\n" for line in lines)


def _readable(body: bytes) -> bytes:
    return (
        safe_json(body) if body[:1] in {b"{", b"["} else safe(body.decode("utf-8", "replace"), keep="\n\r\t").encode()
    )


def _wrong(text: str, reason: str, noun: str) -> InputError:
    error = InputError(text, reason)
    error.noun = noun
    return error
