"""``orlop auth``: signing in, and tokens for other tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orlop.cli import options
from orlop.cli.context import usage
from orlop.cli.folders import home
from orlop.cli.lazy import Group
from orlop.cli.render import Answer, columns, show
from orlop.cli.sources import reference_named, registry_of
from orlop.cli.status import NEGATIVE
from orlop.cli.streams import is_terminal
from orlop.errors import NetworkError, UnauthenticatedError

if TYPE_CHECKING:
    from orlop import Credential, RegistryHost
    from orlop.auth.login import Status
    from orlop.cli.context import App
    from orlop.cli.render import Paint

auth = Group("auth", help="Signing in, and tokens for other tools.")

PASSWORD_LIMIT = 64 * 1024
"""Bytes of a password that are read; tokens of clouds have a few thousand."""


@auth.command("login")
@click.argument("host", metavar="HOST")
@click.option("--username", "-u", metavar="NAME", help="Who you are there; asked for when it is left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of a prompt.")
@options.connection
@click.pass_obj
def login(app: App, host: str, username: str | None, password_stdin: bool) -> None:
    """Sign in to HOST for good.

    The password comes from a prompt or standard input, never from the command line. It goes into the credential helper that
    the Docker file (or --authfile) names, else base64 into that file, with mode 0600. The registry is asked first.
    """
    from orlop.auth.credential import Credential
    from orlop.auth.login import store

    registry = registry_of(host)
    if password_stdin:
        if not username:
            raise usage("--password-stdin needs --username as well")
        password = _from_stdin()
    elif is_terminal(sys.stdin):
        username = username or click.prompt("Username", err=True)
        password = click.prompt("Password", hide_input=True, err=True)
    else:
        raise usage("no password: standard input is not a terminal").with_hint(
            "give it by --username NAME --password-stdin"
        )
    credential = Credential.from_pair(username, password, "the login")
    tried = _check(app, registry, credential)
    warning = store(_file(app), registry, credential, environ=app.environ)
    if warning:
        app.warn(warning)
    app.streams.note(f"signed in to {registry} as {username}" if tried else f"kept {username}'s sign-in to {registry}")


_TRY_AGAIN = "check the user name and the password; many registries want an access token in its place"


def _from_stdin() -> str:
    from orlop.errors import InputError

    raw = sys.stdin.buffer.read(PASSWORD_LIMIT + 1)
    try:
        password = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if not password or len(raw) > PASSWORD_LIMIT or "\n" in password:
        error = InputError("standard input", "it holds no line of text that could be one")
        error.noun = "a password"
        raise error
    return password


def _check(app: App, registry: RegistryHost, credential: Credential) -> bool:
    """Try the credential at the registry, and return whether that could be done. Raises UnauthenticatedError."""
    try:
        with app.client(credential=(registry, credential)) as client:
            found = client.ping(registry.value)
    except NetworkError as error:
        app.warn(f"the password was not tried: {error}")
        return False
    except UnauthenticatedError as error:
        raise error.with_hint(_TRY_AGAIN) from None
    if found.status == 401:
        raise UnauthenticatedError(registry.value, f"it did not accept {credential.label}").with_hint(_TRY_AGAIN)
    if not found.schemes:
        app.warn(f"{registry} asks for no sign-in, so the password was not tried")
    return bool(found.schemes)


def _file(app: App) -> str:
    from orlop.auth.keychain import docker_file

    return app.options.get("authfile") or docker_file(app.environ, home(app.environ))


def _files(app: App) -> list[tuple[str, bool]]:
    from orlop.auth.keychain import config_files

    return config_files(app.environ, home(app.environ), authfile=app.options.get("authfile") or "")


_AUTHFILE = options.shared(options.kept("--authfile", metavar="FILE", help="Use this file alone."))


@auth.command("logout")
@click.argument("host", metavar="HOST")
@_AUTHFILE
@options.debug
@click.pass_obj
def logout(app: App, host: str) -> None:
    """Forget the sign-in to HOST, in the files of Docker and Podman and their helpers."""
    from orlop.auth.login import erase

    registry = registry_of(host)
    found = [path for path, _ in _files(app) if erase(path, registry, environ=app.environ)]
    app.streams.note(f"signed out of {registry}" if found else f"there was no sign-in to {registry}")


@auth.command("status")
@click.argument("host", metavar="[HOST]", required=False)
@_AUTHFILE
@options.output_without_raw
@options.debug
@click.pass_obj
def status(app: App, host: str | None) -> None:
    """Print which sign-ins there are, and where they are kept; nothing is asked of any registry.

    With HOST only its own; the exit status is 1 when there is none.
    """
    from orlop.auth.login import status as stored

    found = _from_environment(app) + stored(_files(app), environ=app.environ)
    if host:
        wanted = registry_of(host).value
        found = [one for one in found if one.host.partition("/")[0] in {wanted, ""}]
    if host and not any(not one.note for one in found):
        app.status = NEGATIVE
    show(app, _status_answer(found))


def _from_environment(app: App) -> list[Status]:
    from orlop.auth.login import Status

    for prefix in ("ORLOP", "DREDGE"):
        if app.environ.get(f"{prefix}_TOKEN"):
            return [Status("", f"{prefix}_TOKEN", "", "for the registry that a command names")]
        if app.environ.get(f"{prefix}_PASSWORD"):
            username = app.environ.get(f"{prefix}_USERNAME", "")
            return [Status("", f"{prefix}_PASSWORD", username, "for the registry that a command names")]
    return []


def _status_answer(found: list[Status]) -> Answer:
    def table(paint: Paint) -> str:
        from orlop.cli.table import table

        if not found:
            return "no sign-ins\n"
        return table(
            paint,
            ["REGISTRY", "USERNAME", "KEPT IN", "NOTE"],
            [[f.host or "*", f.username, f.source, f.note] for f in found],
        )

    rows = [{"registry": f.host, "username": f.username, "source": f.source, "note": f.note} for f in found]
    return Answer(
        document=lambda: rows,
        plain=lambda: columns([[f.host or "*", f.username, f.source, f.note] for f in found]),
        table=table,
        known=True,
    )


@auth.command("token")
@click.argument("repository", metavar="REPO")
@click.option("--header", is_flag=True, help="Print the whole header, for curl -H.")
@click.option("--push", is_flag=True, help="Ask for a token to push with, not only to pull.")
@options.connection
@click.pass_obj
def token(app: App, repository: str, header: bool, push: bool) -> None:
    """Print a token for REPO, for other tools: what orlop would send as Bearer (or Basic).

    Where the registry asks for none, nothing is printed.
    """
    reference = reference_named(app, repository, default_tag=False)
    with app.client() as client:
        value = client.token(reference.repository, actions=("pull", "push") if push else ("pull",))
    if not value:
        app.streams.note(f"{reference.host} asks for no sign-in here")
        return
    app.streams.text(f"Authorization: {value}\n" if header else f"{value.partition(' ')[2]}\n")
