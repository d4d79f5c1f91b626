"""The curl that does what orlop did: a pure function from exchanges to shell lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orlop.transport.trace import Exchange

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+\Z")
_SCOPE = re.compile(r"[?&]scope=([^&]*)")
_REPOSITORY = re.compile(r"://[^/]+/v2/(.+)/(?:manifests|blobs|tags|referrers)/")
_QUIET_HEADERS = frozenset({"authorization", "user-agent", "host", "content-length"})

# Without jq: the last "token" or "access_token" of a line, and of several lines the first.
_CUT = r"""sed -n 's/.*"%s" *: *"\([^"]*\)".*/\1/p' | head -n 1"""
_TOKEN_CUT = r"""sed -n 's/.*"\(access_\)\{0,1\}token" *: *"\([^"]*\)".*/\2/p' | head -n 1"""  # noqa: S105  # a pattern

_SECRET_FIELDS = {
    "username": "ORLOP_USERNAME",
    "password": "ORLOP_PASSWORD",
    "refresh_token": "REFRESH_TOKEN",
    "access_token": "ACCESS_TOKEN",
}


def to_curl(
    exchanges: Sequence[Exchange],
    options: Mapping[str, object] | None = None,
    *,
    to: str = "",
    data: str = "",
) -> str:
    """Return shell lines (POSIX sh) that make the same requests.

    Secrets are variables: ORLOP_USERNAME, ORLOP_PASSWORD and ORLOP_TOKEN as orlop reads them; a token is asked for again, into
    TOKEN. What only led to the answer (a refused first try, a repeated one, a redirect) is left out.

    options: ``ca_file``, ``client_cert``, ``client_key``, ``insecure``, ``timeout`` as the command had them. to: the file for the
    last answer's body. data: the file that was sent.
    """
    writer = _Writer(_flags(options or {}))
    steps = list(_steps(exchanges))
    for at, (exchange, redirected) in enumerate(steps):
        if exchange.purpose == "token":
            writer.token(exchange)
        else:
            writer.request(exchange, redirected=redirected, to=to if at == len(steps) - 1 else "", data=data)
    return "".join(writer.lines)


def _steps(exchanges: Sequence[Exchange]) -> Iterator[tuple[Exchange, bool]]:
    """Yield the exchanges that count, the last of equal ones, and whether a redirect followed."""
    counted = [exchange for exchange in exchanges if exchange.purpose != "storage"]
    last = {_key(exchange): exchange for exchange in counted}
    for exchange in counted:
        if last[_key(exchange)] is exchange:
            yield exchange, 300 <= exchange.status < 400


def _key(exchange: Exchange) -> tuple[str, str, str]:
    scopes = " ".join(field for field in exchange.form if field.startswith("scope="))
    return exchange.method, exchange.url, scopes


class _Writer:
    """Writes requests one after another, and knows which token was asked for last."""

    def __init__(self, flags: list[str]) -> None:
        self.lines: list[str] = []
        self._flags = flags
        self._tokens: list[tuple[str, str]] = []
        self._exchanged = False

    def token(self, exchange: Exchange) -> None:
        """Write a request to a token service; its answer goes into a variable."""
        arguments = [*_auth(exchange, "")]
        for field in exchange.form:
            name, equals, _ = field.partition("=")
            variable = _SECRET_FIELDS.get(name, name.upper())
            arguments.append(f"-d {quote(field)}" if equals else f'--data-urlencode "{name}=${variable}"')
        if "/oauth2/exchange" in exchange.url:  # ACR: an identity token, for which an access token is asked next
            self._write("REFRESH_TOKEN", [*arguments, quote(exchange.url)], _CUT % "refresh_token")
            return
        scope = " ".join([*_SCOPE.findall(exchange.url), *(f for f in exchange.form if f.startswith("scope="))])
        variable = "TOKEN" if not self._tokens else f"TOKEN_{len(self._tokens) + 1}"
        self._tokens.append((variable, _decoded(scope)))
        self._write(variable, [*arguments, quote(exchange.url)], _TOKEN_CUT)

    def request(self, exchange: Exchange, *, redirected: bool, to: str, data: str) -> None:
        """Write a request to a registry."""
        arguments = ["-L"] if redirected else []
        if exchange.method == "HEAD":
            arguments.append("-I")
        elif exchange.method != "GET":
            arguments.append(f"-X {quote(exchange.method)}")
        arguments += _auth(exchange, self._variable(exchange.url))
        arguments += [
            f"-H {quote(f'{name}: {value}')}"
            for name, value in exchange.request_headers
            if name.lower() not in _QUIET_HEADERS
        ]
        if data and exchange.method not in {"GET", "HEAD"}:
            arguments.append(f"--data-binary {quote('@' + data)}")
        if to:
            arguments.append(f"-o {quote(to)}")
        self._write("", [*arguments, quote(exchange.url)], "")

    def _variable(self, url: str) -> str:
        """Return the variable of the newest token whose scope holds the URL's repository, else of the newest."""
        repository = _REPOSITORY.search(url)
        if repository is not None:
            for variable, scope in reversed(self._tokens):
                if f"repository:{repository[1]}:" in scope:
                    return variable
        return self._tokens[-1][0] if self._tokens else "ORLOP_TOKEN"

    def _write(self, variable: str, arguments: list[str], cut: str) -> None:
        command = " \\\n  ".join([" ".join(["curl -sS", *self._flags]), *arguments])
        if variable:
            self.lines.append(f"{variable}=$({command} |\n  {cut})\n")
        else:
            self.lines.append(f"{command}\n")


def _auth(exchange: Exchange, variable: str) -> list[str]:
    for name, value in exchange.request_headers:
        if name.lower() == "authorization" and value:
            if value.lower().startswith("basic"):
                return ['-u "$ORLOP_USERNAME:$ORLOP_PASSWORD"']
            return [f'-H "Authorization: Bearer ${variable or "ORLOP_TOKEN"}"']
    return []


def _flags(options: Mapping[str, object]) -> list[str]:
    flags = []
    for name, flag in (("ca_file", "--cacert"), ("client_cert", "--cert"), ("client_key", "--key")):
        if value := options.get(name):
            flags.append(f"{flag} {quote(str(value))}")
    if options.get("insecure"):
        flags.append("--insecure")
    timeout = options.get("timeout")
    if isinstance(timeout, int | float) and timeout:
        flags.append(f"--speed-limit 1 --speed-time {max(1, round(timeout))}")
    return flags


def _decoded(text: str) -> str:
    return text.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/")


def quote(text: str) -> str:
    """Return the text as one word of a POSIX shell."""
    return text if _SAFE.match(text) else "'" + text.replace("'", "'\\''") + "'"
