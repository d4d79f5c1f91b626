"""What header fields say: where pages go on, which bytes, how long to wait, how much is left."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orlop.errors import RedirectRefusedError
from orlop.protocol._text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from orlop.protocol.message import Headers

HEADER_LIMIT = 64 * 1024
"""How much of one header field is looked at, in characters."""

WAIT_LIMIT_S = 24 * 3600.0
"""The longest wait that a Retry-After can ask for; more is taken as this."""

# Patterns are texts, which re compiles on first use and keeps: compiling them all would cost every command 2 ms.


# --- URLs --------------------------------------------------------------------------------------

_URL = r"(?ai)(https?)://(?:[^/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(?::([0-9]{0,5}))?(?=[/?#]|\Z)"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:"
# What URL parsers drop or read as a slash, so that two of them may see two hosts in one text.
_UNSAFE = r"[^?#]*[^!-\[\]-~]"


def origin(url: str) -> str:
    """Return ``scheme://host[:port]`` in lower case, without the scheme's own port and without a user.

    Raises RedirectRefusedError when it is no http or https URL, or holds what parsers disagree about.
    """
    found = re.match(_URL, url)
    if found is None or re.match(_UNSAFE, url):
        raise RedirectRefusedError(_place(url), "it is no http or https URL")
    scheme, host, port = found[1].lower(), found[2].lower(), (found[3] or "").lstrip("0")
    if not port or port == _PORTS[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


_PORTS = {"http": "80", "https": "443"}


def same_origin(one: str, other: str) -> bool:
    """Whether scheme, host and port are the same, so that credentials for the one may go to the other."""
    return origin(one) == origin(other)


def join_url(base: str, location: str) -> str:
    """Return the absolute URL that ``location`` names when it came in the answer from ``base``.

    An absolute location is returned as it is, on whatever origin: check it with ``same_origin``.
    The query is kept byte for byte. Rule: RFC 3986, 5.2.
    """
    if re.match(_SCHEME, location):
        return location
    if location.startswith("//"):
        return base[: base.index(":") + 1] + location
    here = base.partition("#")[0]
    path_end = here.partition("?")[0]
    if not location or location.startswith("#"):
        return here
    if location.startswith("?"):
        return path_end + location
    start = _authority_end(path_end)
    if not location.startswith("/"):
        location = (path_end[start:].rpartition("/")[0] or "") + "/" + location
    path, mark, query = location.partition("?")
    return path_end[:start] + (_without_dots(path) if "/." in path else path) + mark + query


def _authority_end(url: str) -> int:
    slash = url.find("/", url.index("://") + 3) if "://" in url else 0
    return len(url) if slash < 0 else slash


def _without_dots(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


# --- Link --------------------------------------------------------------------------------------


class Link(NamedTuple):
    """One link: ``target`` as it was written, and its parameters by lower-case name."""

    target: str
    parameters: Mapping[str, str]


_LINK = r"<([^<>]*)>"
_PARAMETER = r"""[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?"""


def parse_link(values: Iterable[str]) -> list[Link]:
    """Return the links of one or several Link fields; what cannot be read is passed over. Rule: RFC 8288, 3."""
    link_of, parameter_of = re.compile(_LINK), re.compile(_PARAMETER)
    links: list[Link] = []
    for value in values:
        value = value[:HEADER_LIMIT]
        at = 0
        while (found := link_of.search(value, at)) is not None:
            at = found.end()
            parameters: dict[str, str] = {}
            while (parameter := parameter_of.match(value, at)) is not None:
                at = parameter.end()
                quoted, plain = parameter[2], parameter[3]
                text = plain or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters.setdefault(parameter[1].lower(), text)
            links.append(Link(found[1].strip(), parameters))
    return links


def build_link(target: str, rel: str = "next") -> str:
    """Return the value of a Link field. target: already percent-encoded."""
    return f'<{target}>; rel="{rel}"'


def next_page(headers: Headers, current_url: str, visited: Collection[str] = ()) -> str | None:
    """Return the absolute URL of the next page, its cursor byte for byte, or None on the last.

    current_url: what was asked for. visited: URLs of pages that were read before it.

    Raises RedirectRefusedError when the link leaves the registry's origin, or leads to a page that was read.
    """
    values = headers.all("link")
    if not values:
        return None
    following = (link for link in parse_link(values) if "next" in link.parameters.get("rel", "").lower().split())
    link = next(following, None)
    if link is None:
        return None
    url = join_url(current_url, link.target)
    stay(url, current_url, "the link to the next page")
    if url == current_url or url in visited:
        raise RedirectRefusedError(_place(url), "the link to the next page leads back to one that was read")
    return url


def stay(url: str, home: str, what: str) -> None:
    """Raise RedirectRefusedError when ``url`` is on another origin than ``home``. what: what led there."""
    there, here = origin(url), origin(home)
    if there == here:
        return
    error = RedirectRefusedError(_place(url), f"{what} leaves {here}")
    if there.partition("://")[2] == here.partition("://")[2]:
        error.with_hint("the registry misstates its own scheme: the proxy in front of it has to set X-Forwarded-Proto")
    raise error


def _place(url: str) -> str:
    return one_line(url.partition("?")[0], 120)


def media_type_of(headers: Headers) -> str:
    """Return the media type of the content in lower case, without parameters; empty when none is stated."""
    value = headers.get("content-type") or ""
    return value.partition(";")[0].strip().lower()


# --- ranges ------------------------------------------------------------------------------------


class ByteRange(NamedTuple):
    """Bytes ``start`` up to and without ``stop``; None is the end, a negative start counts from it."""

    start: int
    stop: int | None = None

    def __str__(self) -> str:
        if self.start < 0:
            return f"bytes={self.start}"
        return f"bytes={self.start}-" if self.stop is None else f"bytes={self.start}-{self.stop - 1}"

    @classmethod
    def parse(cls, value: str) -> ByteRange | None:
        """Return what a Range field asks for; None when it is to be ignored (RFC 9110, 14.2): several, or no bytes."""
        found = re.match(_RANGE, value) if len(value) <= _RANGE_LIMIT else None
        if found is None:
            return None
        first, last = found[1], found[2]
        if not first:
            return cls(-int(last)) if last and int(last) else None
        if not last:
            return cls(int(first))
        return cls(int(first), int(last) + 1) if int(first) <= int(last) else None

    def within(self, size: int) -> tuple[int, int] | None:
        """Return ``(start, stop)`` in content of ``size`` bytes; None when nothing of it is there (416)."""
        start = max(0, size + self.start) if self.start < 0 else self.start
        stop = size if self.stop is None else min(self.stop, size)
        return (start, stop) if start < stop else None


class ContentRange(NamedTuple):
    """Bytes ``start`` up to and without ``stop`` of ``total``, None when unknown.

    ``ContentRange(0, 0, total)`` is the answer of a 416: nothing, out of so much.
    """

    start: int
    stop: int
    total: int | None = None

    def __str__(self) -> str:
        total = "*" if self.total is None else str(self.total)
        return f"bytes {self.start}-{self.stop - 1}/{total}" if self.start < self.stop else f"bytes */{total}"

    @classmethod
    def parse(cls, value: str) -> ContentRange | None:
        """Return what a Content-Range field says; None when it says nothing usable."""
        found = re.match(_CONTENT_RANGE, value) if len(value) <= _RANGE_LIMIT else None
        if found is None:
            return None
        total = None if found[3] == "*" else int(found[3])
        if found[1] is None:
            return None if total is None else cls(0, 0, total)
        start, stop = int(found[1]), int(found[2]) + 1
        return cls(start, stop, total) if start < stop and (total is None or stop <= total) else None


_RANGE_LIMIT = 128
_RANGE = r"(?ai)[ \t]*bytes[ \t]*=[ \t]*([0-9]{0,18})[ \t]*-[ \t]*([0-9]{0,18})[ \t]*\Z"
_CONTENT_RANGE = r"(?ai)[ \t]*bytes[ \t]+(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)[ \t]*\Z"
_CHUNK = r"(?ai)[ \t]*(?:bytes[ \t]*[= ])?[ \t]*([0-9]{1,18})-([0-9]{1,18})(?:/[0-9*]+)?[ \t]*\Z"


def build_chunk(start: int, stop: int) -> str:
    """Return the range of an upload, as PATCH and 202 carry it: ``0-1023``.

    Nothing at all is ``0-0``, as the first registry wrote it and every client reads it.
    """
    return f"{start}-{max(start, stop - 1)}"


def parse_chunk(value: str) -> tuple[int, int] | None:
    """Return ``(start, stop)`` of an upload's range, with or without ``bytes``; None when it cannot be read.

    ``0-0`` gives (0, 1), and may mean nothing at all: see ``build_chunk``.
    """
    found = re.match(_CHUNK, value) if len(value) <= _RANGE_LIMIT else None
    if found is None or int(found[1]) > int(found[2]):
        return None
    return int(found[1]), int(found[2]) + 1


# --- time --------------------------------------------------------------------------------------

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DATE = (
    r"(?a)[A-Za-z]{3,9},?\s+(?:(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{4}|\d{2})\s+(\d\d):(\d\d):(\d\d)(?:\s+(?:GMT|UTC))?"
    r"|([A-Za-z]{3})\s+(\d{1,2})\s+(\d\d):(\d\d):(\d\d)\s+(\d{4}))\s*\Z"
)


def parse_date(value: str) -> float | None:
    """Return seconds since 1970 of a date in any of HTTP's three forms (RFC 9110, 5.6.7); None if it is none."""
    found = re.match(_DATE, value.strip()[:64])
    if found is None:
        return None
    if found[1]:
        day, month, year, hour, minute, second = found.group(1, 2, 3, 4, 5, 6)
    else:
        month, day, hour, minute, second, year = found.group(7, 8, 9, 10, 11, 12)
    full_year = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)
    if month.lower() not in _MONTHS:
        return None
    import datetime as dt  # 2 ms, on the path of a refusal only

    try:
        when = dt.datetime(
            full_year, _MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute), min(int(second), 59),
            tzinfo=dt.UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return when.timestamp()


def build_date(seconds: float) -> str:
    """Return a Date or Last-Modified value. seconds: since 1970."""
    import time

    at = time.gmtime(seconds)
    month = _MONTHS[at.tm_mon - 1].capitalize()
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {month} {at.tm_year:04} {clock} GMT"


_SECONDS = r"(?a)-?[0-9]{1,18}(?:\.[0-9]{0,18})?\Z"


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds to wait, from 0 to WAIT_LIMIT_S; None when the field says nothing usable.

    value: a Retry-After field, in seconds or as a date. now: seconds since 1970.
    """
    text = (value or "").strip()
    if re.match(_SECONDS, text):
        seconds = float(text)
    else:
        when = parse_date(text)
        if when is None:
            return None
        seconds = when - now
    return min(max(seconds, 0.0), WAIT_LIMIT_S)


def wait_of(headers: Headers, now: float | None = None) -> float | None:
    """Return the seconds that an answer asks to wait, as ``retry_after`` does; None when it asks for none.

    now: seconds since 1970; without it a date is taken against the answer's own Date, then this machine's clock.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    if now is None:
        now = parse_date(headers.get("date") or "")
    if now is None:
        import time

        now = time.time()
    return retry_after(value, now)


# --- limits and warnings -----------------------------------------------------------------------


class RateLimit(NamedTuple):
    """How many requests a registry grants: ``limit`` in each ``window_s`` seconds, ``remaining`` now.

    source: whom it counts, an address or an account's id, where the registry says so. None is not stated.
    """

    limit: int | None
    remaining: int | None
    window_s: int | None = None
    source: str = ""

    @classmethod
    def from_headers(cls, headers: Headers) -> RateLimit | None:
        """Return the rate limit that the answer states, or None."""
        for prefix in ("ratelimit-", "x-ratelimit-"):
            limit, remaining = headers.get(prefix + "limit"), headers.get(prefix + "remaining")
            if limit is not None or remaining is not None:
                break
        else:
            return None
        most, window = _quota(limit or "")
        left, left_window = _quota(remaining or "")
        if most is None and left is None:
            return None
        return cls(most, left, window or left_window, one_line(headers.get("docker-ratelimit-source") or "", 64))


_QUOTA = r"(?a)[ \t]*([0-9]{1,15})[ \t]*(?:;[^,]*?\bw=\"?([0-9]{1,15}))?"


def _quota(value: str) -> tuple[int | None, int | None]:
    found = re.match(_QUOTA, value)
    if found is None:
        return None, None
    return int(found[1]), int(found[2]) if found[2] else None


_WARNING = r'299[ \t]+\S+[ \t]+"((?:[^"\\]|\\.)*)"'


def warnings(headers: Headers) -> list[str]:
    """Return what the registry wants its users told, each on one line. Rule: distribution-spec 1.1, "Warnings"."""
    values = headers.all("warning")
    return [
        one_line(re.sub(r"\\(.)", r"\1", text), 512)
        for value in values[:16]
        for text in re.findall(_WARNING, value[:4096])
    ]
