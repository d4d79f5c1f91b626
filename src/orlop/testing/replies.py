"""Answers, right and wrong: what a scripted server, a token service and the fault injection send.

In the values of headers ``{url}`` and ``{host}`` stand for the server's own, ``{n}`` for the number of the request.
"""

from __future__ import annotations

import json as jsons
import threading
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from orlop.testing.sockets import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orlop.testing.sockets import Line, Seen

_MEBIBYTE = 1024 * 1024


class Answer(Reply):
    """An ordinary answer.

    json: a body to encode, with its content type. length: the Content-Length to claim when it shall be
    wrong; -1 sends none and closes instead. chunked: in chunks. close: close after it.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        json: Any = None,
        length: int | None = None,
        chunked: bool = False,
        close: bool = False,
    ) -> None:
        self.status, self.close, self.length, self.chunked = status, close or length is not None, length, chunked
        self.headers = list(headers.items() if hasattr(headers, "items") else headers)
        self.body = body if json is None else jsons.dumps(json).encode()
        if json is not None and not any(name.lower() == "content-type" for name, _ in self.headers):
            self.headers.append(("Content-Type", "application/json"))

    def play(self, line: Line, seen: Seen) -> bool:
        """Send it; the body is left out for HEAD and where the status has none."""
        line.send(self.head(seen) + (self.framed() if self.has_body(seen) else b""))
        return not self.close

    def has_body(self, seen: Seen) -> bool:
        """Whether an answer to this request carries a body (RFC 9110, 6.4.1)."""
        return seen.method != "HEAD" and self.status not in {204, 304}

    def framed(self) -> bytes:
        """Return the body as it goes over the wire."""
        if not self.chunked:
            return self.body
        return (b"%x\r\n%s\r\n" % (len(self.body), self.body) if self.body else b"") + b"0\r\n\r\n"

    def head(self, seen: Seen) -> bytes:
        """Return the status line and the headers, with the empty line."""
        fields = [(name, fill(value, seen)) for name, value in self.headers]
        if self.chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        elif self.length != -1 and self.status != 204 and not _has(fields, "content-length"):
            fields.append(("Content-Length", str(len(self.body) if self.length is None else self.length)))
        if self.close:
            fields.append(("Connection", "close"))
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")


class Computed(Reply):
    """An answer that a function makes of the request."""

    def __init__(self, respond: Callable[[Seen], Reply]) -> None:
        self._respond = respond

    def play(self, line: Line, seen: Seen) -> bool:
        """Send what the function returns."""
        return self._respond(seen).play(line, seen)


class Raw(Reply):
    """Any bytes, and then the end of the connection: a garbage status line, half an answer."""

    def __init__(self, data: bytes, *, keep: bool = False) -> None:
        self._data, self._keep = data, keep

    def play(self, line: Line, seen: Seen) -> bool:  # noqa: ARG002  # the bytes are the same for every request
        """Send the bytes as they are."""
        line.send(self._data)
        return self._keep


class Drop(Reply):
    """The connection ends: before any byte, or after the headers and ``after`` bytes of an answer's body.

    answer: what begins; None ends before the status line. reset: a reset instead of an ordinary close.
    """

    def __init__(self, answer: Answer | None = None, *, after: int = 0, reset: bool = False) -> None:
        self._answer, self._after, self._reset = answer, after, reset

    def play(self, line: Line, seen: Seen) -> bool:
        """Send what comes before the end."""
        if self._answer is not None:
            line.send(self._answer.head(seen) + self._answer.framed()[: self._after])
        if self._reset:
            line.reset()
        return False


class Stall(Reply):
    """Nothing more comes until ``release()``, or until the client leaves or the server closes.

    answer: what is sent in the end. after: bytes of its body that are sent at once, after the headers;
    None holds back the headers as well.
    """

    def __init__(self, answer: Answer | None = None, *, after: int | None = None) -> None:
        self._answer, self._after = answer or Answer(), after
        self.reached = threading.Event()
        self.left = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        """Let it go on; requests that come later do not wait either."""
        self._released.set()

    def play(self, line: Line, seen: Seen) -> bool:
        """Send the beginning, wait, send the rest. ``reached`` and ``left`` tell a test where it is."""
        whole = self._answer.head(seen)
        begun = 0 if self._after is None else len(whole) + self._after
        if self._answer.has_body(seen):
            whole += self._answer.framed()
        line.send(whole[:begun])
        self.reached.set()
        if not line.wait(self._released):
            self.left.set()
            return False
        line.send(whole[begun:])
        return not self._answer.close


class Trickle(Reply):
    """An answer whose body comes in pieces of ``size`` bytes, one in ``every_s`` seconds.

    head: the status line and the headers trickle as well.
    """

    def __init__(self, answer: Answer, *, size: int = 1, every_s: float = 0.02, head: bool = False) -> None:
        self._answer, self._size, self._every_s, self._head = answer, size, every_s, head

    def play(self, line: Line, seen: Seen) -> bool:
        """Send until all is sent, the client leaves or the server closes."""
        never = threading.Event()
        head = self._answer.head(seen)
        body = self._answer.framed() if self._answer.has_body(seen) else b""
        slow = head + body if self._head else body
        line.send(b"" if self._head else head)
        for start in range(0, len(slow), self._size):
            line.send(slow[start : start + self._size])
            line.wait(never, self._every_s)
        return not self._answer.close


class Endless(Reply):
    """A body without end, until the client leaves.

    answer: its headers. piece: what is sent again and again. chunked: in chunks instead of until the close.
    """

    def __init__(self, answer: Answer | None = None, *, piece: bytes = b" " * 65536, chunked: bool = True) -> None:
        self._piece = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        self._answer = answer or Answer(headers={"Content-Type": "application/json"})
        self._answer.length, self._answer.close = -1, not chunked
        self._answer.chunked = chunked

    def play(self, line: Line, seen: Seen) -> bool:
        """Send for ever; the client's leaving ends it with OSError."""
        line.send(self._answer.head(seen))
        while True:
            line.send(self._piece)


class GzipBomb(Reply):
    """A body of ``size`` bytes that travels as about a thousandth of it (Content-Encoding: gzip).

    before, after: the bytes around the zeros (or spaces, which JSON allows) that fill it.
    """

    def __init__(
        self,
        size: int = 1024 * _MEBIBYTE,
        *,
        status: int = 200,
        content_type: str = "application/json",
        fill: bytes = b" ",
        before: bytes = b"",
        after: bytes = b"{}",
    ) -> None:
        self._count = max(1, size // _MEBIBYTE)
        self._piece = fill * _MEBIBYTE
        self._before, self._after = before, after
        headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
        self._answer = Answer(status, headers=headers, length=-1)

    def play(self, line: Line, seen: Seen) -> bool:
        """Send one compressed mebibyte as often as it takes."""
        line.send(self._answer.head(seen))
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        line.send(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packer.compress(self._before) + packer.flush(zlib.Z_FULL_FLUSH))
        # After a full flush nothing refers back, so the same compressed bytes can be repeated.
        piece = packer.compress(self._piece) + packer.flush(zlib.Z_FULL_FLUSH)
        check = zlib.crc32(self._before)
        for _ in range(self._count):
            line.send(piece)
            check = zlib.crc32(self._piece, check)
        check = zlib.crc32(self._after, check)
        length = len(self._before) + self._count * len(self._piece) + len(self._after)
        trailer = check.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little")
        line.send(packer.compress(self._after) + packer.flush() + trailer)
        return False


def answer(status: int = 200, body: bytes = b"", headers: Any = (), **options: Any) -> Answer:
    """Return an ``Answer``; the same arguments."""
    return Answer(status, body, headers, **options)


def html(status: int = 200, text: str = "<html><body>Please sign in to this network</body></html>") -> Answer:
    """Return what a captive portal or a proxy answers where JSON was due."""
    return Answer(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def redirect(to: str, status: int = 307) -> Answer:
    """Return a redirect; ``redirect("/same/path")`` for that path is a loop, ``"/hop/{n}"`` one without a repeat."""
    return Answer(status, headers={"Location": to})


def refusal(status: int, code: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Return a registry's error: the JSON of distribution-spec, "Error Codes"."""
    entry = {"code": code or "UNKNOWN", "message": message or code.lower().replace("_", " ")}
    return Answer(status, headers=headers or {}, json={"errors": [entry]})


def fill(text: str, seen: Seen) -> str:
    """Return the text with ``{url}``, ``{host}`` and ``{n}`` filled in."""
    if "{" not in text:
        return text
    host = seen.url.partition("://")[2]
    return text.replace("{url}", seen.url).replace("{host}", host).replace("{n}", str(seen.number))


def _has(fields: list[tuple[str, str]], name: str) -> bool:
    return any(key.lower() == name for key, _ in fields)
